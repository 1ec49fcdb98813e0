// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's control and stream table registers (IHI 0070 §6.3.9 to §6.3.14, §6.3.24, §6.3.25), and those of
// the Secure interface that differ (§6.3.57 to §6.3.73). CR0ACK has CR0's fields, S_CR1 CR1's, S_STRTAB_BASE
// STRTAB_BASE's and S_STRTAB_BASE_CFG STRTAB_BASE_CFG's. VMW and DPT_WALK_EN are left out: neither feature is
// advertised.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_CONTROL_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_CONTROL_H

#include <cstdint>

#include "iommu/layout/bits.h"

namespace sidewinder::layout::smmuv3 {

/// Offsets from the base of register page 0.
namespace page0 {
inline constexpr std::uint32_t CR0 = 0x0020, CR0ACK = 0x0024, CR1 = 0x0028, CR2 = 0x002c, GBPA = 0x0044;
inline constexpr std::uint32_t STRTAB_BASE = 0x0080, STRTAB_BASE_CFG = 0x0088;
inline constexpr std::uint32_t S_CR0 = 0x8020, S_CR0ACK = 0x8024, S_CR1 = 0x8028, S_CR2 = 0x802c,
                               S_INIT = 0x803c;
inline constexpr std::uint32_t S_GBPA = 0x8044, S_STRTAB_BASE = 0x8080, S_STRTAB_BASE_CFG = 0x8088;
}  // namespace page0

struct CR0 : Bits<CR0, std::uint32_t> {  // §6.3.9
  using SMMUEN = Field<0>;
  using PRIQEN = Field<1>;
  using EVENTQEN = Field<2>;
  using CMDQEN = Field<3>;
  using ATSCHK = Field<4>;
};

struct S_CR0 : Bits<S_CR0, std::uint32_t> {  // §6.3.57
  using SMMUEN = Field<0>;
  using EVENTQEN = Field<2>;
  using CMDQEN = Field<3>;
  using SIF = Field<5>;
  using NSSTALLD = Field<9>;
};

struct CR1 : Bits<CR1, std::uint32_t> {  // §6.3.11, §6.3.59
  using QUEUE_IC = Field<1, 0>;
  using QUEUE_OC = Field<3, 2>;
  using QUEUE_SH = Field<5, 4>;
  using TABLE_IC = Field<7, 6>;
  using TABLE_OC = Field<9, 8>;
  using TABLE_SH = Field<11, 10>;
};

struct CR2 : Bits<CR2, std::uint32_t> {  // §6.3.12
  using E2H = Field<0>;
  using RECINVSID = Field<1>;
  using PTM = Field<2>;
  using REC_CFG_ATS = Field<3>;
};

struct S_CR2 : Bits<S_CR2, std::uint32_t> {  // §6.3.60
  using E2H = Field<0>;
  using RECINVSID = Field<1>;
  using PTM = Field<2>;
};

struct S_INIT : Bits<S_INIT, std::uint32_t> {  // §6.3.62
  using INV_ALL = Field<0>;
};

struct GBPA : Bits<GBPA, std::uint32_t> {  // §6.3.14
  using MemAttr = Field<3, 0>;
  using MTCFG = Field<4>;
  using ALLOCCFG = Field<11, 8>;
  using SHCFG = Field<13, 12>;
  using PRIVCFG = Field<17, 16>;
  using INSTCFG = Field<19, 18>;
  using ABORT = Field<20>;
  using Update = Field<31>;
};

struct S_GBPA : Bits<S_GBPA, std::uint32_t> {  // §6.3.63
  using MemAttr = Field<3, 0>;
  using MTCFG = Field<4>;
  using ALLOCCFG = Field<11, 8>;
  using SHCFG = Field<13, 12>;
  using NSCFG = Field<15, 14>;
  using PRIVCFG = Field<17, 16>;
  using INSTCFG = Field<19, 18>;
  using ABORT = Field<20>;
  using Update = Field<31>;
};

struct STRTAB_BASE : Bits<STRTAB_BASE, std::uint64_t> {  // §6.3.24, §6.3.72
  using ADDR = Field<55, 6>;
  using RA = Field<62>;
};

struct STRTAB_BASE_CFG : Bits<STRTAB_BASE_CFG, std::uint32_t> {  // §6.3.25, §6.3.73
  using LOG2SIZE = Field<5, 0>;
  using SPLIT = Field<10, 6>;  ///< 6, 8 or 10; others behave as 6
  using FMT = Field<17, 16>;   ///< 1: two-level; others: linear
};

}  // namespace sidewinder::layout::smmuv3

#endif
