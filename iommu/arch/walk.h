// SPDX-License-Identifier: Apache-2.0
//
// Translation of one access through stage 1, stage 2 or both, by walking the tables (DDI 0487 chapter "The
// AArch64 Virtual Memory System Architecture", IHI 0070 §3.4, §3.13, §7.3.22): range checks, walks, access
// flag, permissions and hardware updates, in the architected order of faults.

#ifndef SIDEWINDER_IOMMU_ARCH_WALK_H
#define SIDEWINDER_IOMMU_ARCH_WALK_H

#include <cstdint>

#include "iommu/arch/access_log.h"
#include "iommu/arch/fault.h"
#include "iommu/arch/mapping.h"
#include "iommu/arch/memory_port.h"
#include "iommu/arch/regime.h"
#include "iommu/arch/tlb_tag.h"

namespace sidewinder::arch {

class Tlb;
class WalkCache;

/// What a walk works with. The caches may be absent (null).
struct WalkContext {
  MemoryPort* memory = nullptr;
  AccessLog* log = nullptr;
  WalkCache* stage1_tables = nullptr;  ///< tables below a VA
  WalkCache* stage2_tables = nullptr;  ///< tables below an IPA
  Tlb* tlb = nullptr;  ///< for the IPAs of stage 1's tables and of context descriptors: Stages::Two
  TlbTag tag{};        ///< of the VA; its World and VMID are the IPAs' too
  /// Descriptors count as updated, and none is (IHI 0070 chapter 9, HTTUI). Not together with caches.
  bool inhibit_update = false;
};

/// A mapping, or the fault that took its place.
struct Outcome {
  bool ok = false;
  /// There is a mapping, and a TLB may keep it: when ok, and when only this access lacks permission.
  bool mapped = false;
  Mapping mapping{};  ///< when mapped; when ok, marked accessed and dirty where that is due
  Fault fault{};  ///< when not ok; `access`, `secure_stream` and the SubstreamID are the caller's to fill in
};

/// Translates `access.address` through those stages that are not null, at least one. With stage 2 alone the
/// address is an IPA, in the Secure IPA space when `ipa_secure`.
[[nodiscard]] Outcome translate(const Stage1* stage1, const Stage2* stage2, const Access& access,
                                bool ipa_secure, const WalkContext& context);

/// The VA that TLBs and walk caches know an address by: where the top byte is ignored, a copy of bit 55 in
/// each of its bits (IHI 0070 §3.4.1).
[[nodiscard]] std::uint64_t canonical_va(const Stage1& stage1, std::uint64_t address);

/// Stage 2 for an access of the SMMU's own to the IPA of a context descriptor: a privileged data read.
/// Faults have FaultClass::Cd.
[[nodiscard]] Outcome translate_context_fetch(const Stage2& stage2, std::uint64_t ipa, bool ipa_secure,
                                              const WalkContext& context);

/// What a mapping that is in a TLB means for another access: as a walk would find it, from what it kept.
enum class HitCheck : std::uint8_t {
  Allowed,
  Walk,         ///< a write to a clean page: the walk that marks it is due
  Translation,  ///< stage 1, by E0PD
  Stage1Permission,
  Stage2Permission,
};
[[nodiscard]] HitCheck check_hit(const Mapping& mapping, const Stage1* stage1, const Stage2* stage2,
                                 const Access& access);

}  // namespace sidewinder::arch

#endif
