// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's Context Descriptors: L1CD and CD (IHI 0070 §5.3, §5.4).
//
// No field here is one of MPAM, D128, permission indirection (PIE), AIE, THE, HAFT, EPAN or PBHA: this
// project advertises none of them, and their bits are RES0 or IGNORED without. AMAIR is IMPLEMENTATION
// DEFINED, and nothing.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_CD_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_CD_H

#include <cstdint>

#include "iommu/layout/bits.h"
#include "iommu/layout/structure.h"

namespace sidewinder::layout::smmuv3 {

struct L1cd : Bits<L1cd, std::uint64_t> {  // §5.3
  using V = Field<0>;
  using L2Ptr = Field<55, 12>;  ///< an IPA with stage 2
};

struct Cd : Structure<Cd, 8> {  // §5.4
  using T0SZ = Field<5, 0>;
  using TG0 = Field<7, 6>;
  using IR0 = Field<9, 8>;
  using OR0 = Field<11, 10>;
  using SH0 = Field<13, 12>;
  using EPD0 = Field<14>;
  using ENDI = Field<15>;
  using T1SZ = Field<21, 16>;
  using TG1 = Field<23, 22>;  ///< not TG0's encoding
  using IR1 = Field<25, 24>;
  using OR1 = Field<27, 26>;
  using SH1 = Field<29, 28>;
  using EPD1 = Field<30>;
  using V = Field<31>;
  using IPS = Field<34, 32>;
  using AFFD = Field<35>;
  using WXN = Field<36>;
  using UWXN = Field<37>;
  using TBI0 = Field<38>;
  using TBI1 = Field<39>;
  using PAN = Field<40>;
  using AA64 = Field<41>;
  using HD = Field<42>;
  using HA = Field<43>;
  using S = Field<44>;
  using R = Field<45>;
  using A = Field<46>;
  using ASET = Field<47>;
  using ASID = Field<63, 48>;

  using NSCFG0 = Field<64>;
  using HAD0 = Field<65>;
  using E0PD0 = Field<66>;
  using TTB0 = Field<115, 68>;  ///< an address; bits 47:4 of it in SMMUv3.0

  using NSCFG1 = Field<128>;
  using HAD1 = Field<129>;
  using E0PD1 = Field<130>;
  using TTB1 = Field<179, 132>;  ///< as TTB0
  using DS = Field<186>;

  using MAIR0 = Field<223, 192>;
  using MAIR1 = Field<255, 224>;
};
static_assert(Cd::size == 64);

}  // namespace sidewinder::layout::smmuv3

#endif
