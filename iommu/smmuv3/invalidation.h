// SPDX-License-Identifier: Apache-2.0
//
// What each TLB invalidation command names (IHI 0070 §4.4): no more than the architecture requires.

#ifndef SIDEWINDER_IOMMU_SMMUV3_INVALIDATION_H
#define SIDEWINDER_IOMMU_SMMUV3_INVALIDATION_H

#include <cstdint>
#include <optional>

#include "iommu/arch/tlb_invalidation.h"
#include "iommu/layout/smmuv3_queue.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

[[nodiscard]] constexpr std::uint8_t number(layout::smmuv3::Opcode of) {
  return static_cast<std::uint8_t>(of);
}

/// CMD_TLBI_*, by their opcodes (§4.1.1).
enum class Tlbi : std::uint8_t {
  NhAll = number(layout::smmuv3::Opcode::TLBI_NH_ALL),
  NhAsid = number(layout::smmuv3::Opcode::TLBI_NH_ASID),
  NhVa = number(layout::smmuv3::Opcode::TLBI_NH_VA),
  NhVaa = number(layout::smmuv3::Opcode::TLBI_NH_VAA),
  El3All = number(layout::smmuv3::Opcode::TLBI_EL3_ALL),
  El3Va = number(layout::smmuv3::Opcode::TLBI_EL3_VA),
  El2All = number(layout::smmuv3::Opcode::TLBI_EL2_ALL),
  El2Asid = number(layout::smmuv3::Opcode::TLBI_EL2_ASID),
  El2Va = number(layout::smmuv3::Opcode::TLBI_EL2_VA),
  El2Vaa = number(layout::smmuv3::Opcode::TLBI_EL2_VAA),
  S12Vmall = number(layout::smmuv3::Opcode::TLBI_S12_VMALL),
  S2Ipa = number(layout::smmuv3::Opcode::TLBI_S2_IPA),
  NsnhAll = number(layout::smmuv3::Opcode::TLBI_NSNH_ALL),
  SEl2All = number(layout::smmuv3::Opcode::TLBI_S_EL2_ALL),
  SEl2Asid = number(layout::smmuv3::Opcode::TLBI_S_EL2_ASID),
  SEl2Va = number(layout::smmuv3::Opcode::TLBI_S_EL2_VA),
  SEl2Vaa = number(layout::smmuv3::Opcode::TLBI_S_EL2_VAA),
  SS12Vmall = number(layout::smmuv3::Opcode::TLBI_S_S12_VMALL),
  SS2Ipa = number(layout::smmuv3::Opcode::TLBI_S_S2_IPA),
  SnhAll = number(layout::smmuv3::Opcode::TLBI_SNH_ALL),
};

/// A command's fields as they are in the queue; those that the command does not have are not read.
struct TlbiCommand {
  Tlbi opcode = Tlbi::NhAll;
  std::uint16_t vmid = 0;
  std::uint16_t asid = 0;
  std::uint64_t address = 0;  ///< bits 63:12; of an IPA 55:12. Others are ignored
  bool leaf = false;
  bool non_secure_ipa = false;  ///< NS, of CMD_TLBI_S_S2_IPA
  std::uint8_t num = 0;         ///< 5 bits
  std::uint8_t scale = 0;       ///< 6 bits
  std::uint8_t tg = 0;          ///< 2 bits
  std::uint8_t ttl = 0;         ///< 2 bits
};

/// What of the SMMU decides about a command.
struct TlbiRules {
  SecurityState queue = SecurityState::NonSecure;  ///< the command queue it came from
  bool stage1 = true;                              ///< IDR0.S1P
  bool stage2 = true;                              ///< IDR0.S2P
  bool hyp = false;                                ///< IDR0.Hyp
  bool secure_stage2 = false;                      ///< S_IDR1.SEL2: Secure EL2 and Secure stage 2
  bool range_invalidation = true;                  ///< IDR3.RIL
  bool lpa2 = false;                               ///< IDR5.DS
  bool e2h = false;                                ///< CR2.E2H
  bool secure_e2h = false;                         ///< S_CR2.E2H
  std::uint8_t vmid_wildcard = 0;                  ///< CR0.VMW
  std::uint8_t secure_vmid_wildcard = 0;           ///< S_CR0.VMW
};

/// What the command removes; nothing: it is CERROR_ILL. An ASID or VMID wider than what is implemented is of
/// no entry.
[[nodiscard]] std::optional<arch::TlbInvalidation> tlbi(const TlbiCommand& command, const TlbiRules& rules);

/// §4.4.1.1: fills in the addresses from Address, SCALE, NUM, TG and TTL, `address` being without the bits
/// below a page; false: CERROR_ILL. Without TG it is the one address. A start that TTL says is not aligned,
/// which is UNPREDICTABLE, is taken as it is.
[[nodiscard]] bool tlbi_range(arch::TlbInvalidation& what, std::uint64_t address, const TlbiCommand& command,
                              const TlbiRules& rules);

}  // namespace sidewinder::smmuv3

#endif
