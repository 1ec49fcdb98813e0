// SPDX-License-Identifier: Apache-2.0
//
// VMSAv8-64 stage 1 translation (DDI 0487, chapter D5 "The AArch64 Virtual Memory System Architecture"):
// table walk and permission check. 48-bit addresses; no hardware update of the access flag or dirty state.

#ifndef SIDEWINDER_IOMMU_ARCH_STAGE1_H
#define SIDEWINDER_IOMMU_ARCH_STAGE1_H

#include <array>
#include <cstdint>

#include "iommu/arch/fault.h"
#include "iommu/arch/memory_port.h"
#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

/// One half of the input address space: TTBR0's or TTBR1's.
struct Ttb {
  std::uint64_t base = 0;  ///< bits 47:0 of the TTBR; what the table's alignment requires to be 0 is ignored
  std::uint8_t tsz = 0;    ///< TCR.TnSZ: the half covers 2^(64 - tsz) bytes; 16-39 are legal
  layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;
  bool walk_disabled = false;     ///< TCR.EPDn
  bool top_byte_ignored = false;  ///< TCR2.TBIn
};

struct Stage1 {
  std::array<Ttb, 2> ttb;
  std::uint64_t mair = 0;
  std::uint8_t output_bits = 48;            ///< an output address with a bit set at or above this is too big
  bool big_endian = false;                  ///< SCTLR.E: of the tables
  bool access_flag_fault_disabled = false;  ///< SCTLR.AFFD
  bool write_execute_never = false;         ///< SCTLR.WXN
};

/// What a valid mapping allows, all levels taken together.
struct Permissions {
  bool unprivileged = false;  ///< AP[1]: EL0 may access
  bool read_only = false;     ///< AP[2]
  bool pxn = false;
  bool uxn = false;
};

struct Leaf {
  std::uint64_t output = 0;      ///< output address of the block's or page's first byte
  std::uint8_t size_shift = 12;  ///< log2 of the bytes mapped
  std::uint8_t level = 3;
  Permissions permissions;
  std::uint8_t attributes = 0;    ///< the MAIR byte
  std::uint8_t shareability = 0;  ///< SH[1:0]
  bool global = true;             ///< nG == 0
};

struct WalkAccess {
  std::uint64_t address = 0;
  std::uint32_t latency_ps = 0;
  std::uint8_t level = 0;
};

struct Walk {
  bool ok = false;
  Leaf leaf;                                 ///< when ok
  FaultKind fault = FaultKind::Translation;  ///< when not ok
  std::uint8_t level = 0;                    ///< of the fault
  std::array<WalkAccess, 4> accesses;        ///< the descriptors read, in order
  std::uint8_t access_count = 0;
};

/// Walks the tables for `address`, a 64-bit (already sign-extended) input address. Permissions are not
/// checked here, so that a result can be cached for every kind of access.
[[nodiscard]] Walk walk_stage1(const Stage1& regime, std::uint64_t address, MemoryPort& memory);

/// DDI 0487, AArch64.CheckPermission for the EL1&0 regime.
[[nodiscard]] bool permitted(const Permissions& permissions, const Access& access, bool write_execute_never);

}  // namespace sidewinder::arch

#endif
