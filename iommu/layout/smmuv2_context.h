// SPDX-License-Identifier: Apache-2.0
//
// SMMUv2's stage 1 translation context bank (IHI 0062D.c chapter 16), for the AArch64 scheme.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV2_CONTEXT_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV2_CONTEXT_H

#include <cstdint>

#include "iommu/layout/bits.h"

namespace sidewinder::layout::smmuv2 {

/// Offsets in a stage 1 translation context bank (§16.1).
namespace cb {
inline constexpr std::uint32_t SCTLR = 0x000, ACTLR = 0x004, RESUME = 0x008, TCR2 = 0x010;
inline constexpr std::uint32_t TTBR0 = 0x020, TTBR1 = 0x028, TCR = 0x030, CONTEXTIDR = 0x034;
inline constexpr std::uint32_t MAIR0 = 0x038, MAIR1 = 0x03c;
inline constexpr std::uint32_t FSR = 0x058, FSRRESTORE = 0x05c, FAR = 0x060, FSYNR0 = 0x068, FSYNR1 = 0x06c;
inline constexpr std::uint32_t TLBIVA = 0x600, TLBIVAA = 0x608, TLBIASID = 0x610, TLBIALL = 0x618;
inline constexpr std::uint32_t TLBIVAL = 0x620, TLBIVAAL = 0x628;
inline constexpr std::uint32_t TLBSYNC = 0x7f0, TLBSTATUS = 0x7f4;
}  // namespace cb

struct SCTLR : Bits<SCTLR, std::uint32_t> {  // §16.5.29
  using M = Field<0>;
  using TRE = Field<1>;
  using AFE = Field<2>;
  using AFFD = Field<3>;
  using E = Field<4>;
  using CFRE = Field<5>;
  using CFIE = Field<6>;
  using CFCFG = Field<7>;
  using HUPCF = Field<8>;
  using WXN = Field<9>;
  using UWXN = Field<10>;
  using ASIDPNE = Field<12>;
};

struct ACTLR : Bits<ACTLR, std::uint32_t> {  // DDI 0517: context caching in the macro TLB, and the prefetcher
  using CMTLB = Field<0>;
  using CPRE = Field<1>;
};

struct TCR : Bits<TCR, std::uint32_t> {  // §16.5.38, VA64 == 1
  using T0SZ = Field<5, 0>;
  using EPD0 = Field<7>;
  using IRGN0 = Field<9, 8>;
  using ORGN0 = Field<11, 10>;
  using SH0 = Field<13, 12>;
  using TG0 = Field<15, 14>;
  using T1SZ = Field<21, 16>;
  using A1 = Field<22>;
  using EPD1 = Field<23>;
  using IRGN1 = Field<25, 24>;
  using ORGN1 = Field<27, 26>;
  using SH1 = Field<29, 28>;
  using TG1 = Field<31, 30>;
};

struct TCR2 : Bits<TCR2, std::uint32_t> {  // §16.5.39
  using PASize = Field<2, 0>;
  using AS = Field<4>;
  using TBI0 = Field<5>;
  using TBI1 = Field<6>;
  using SEP = Field<17, 15>;
};

struct TTBR : Bits<TTBR, std::uint64_t> {  // §16.5.40, VA64 == 1
  using BaseAddress = Field<47, 0>;
  using ASID = Field<63, 48>;
};

struct FSR : Bits<FSR, std::uint32_t> {  // §16.5.9
  using TF = Field<1>;
  using AFF = Field<2>;
  using PF = Field<3>;
  using EF = Field<4>;
  using TLBMCF = Field<5>;
  using TLBLKF = Field<6>;
  using ASF = Field<7>;
  using UUT = Field<8>;
  using Format = Field<10, 9>;
  using SS = Field<30>;
  using MULTI = Field<31>;
};

inline constexpr std::uint32_t fsr_format_aarch64 = 2;

struct FSYNR0 : Bits<FSYNR0, std::uint32_t> {  // §16.5.11
  using PLVL = Field<1, 0>;
  using WNR = Field<4>;
  using PNU = Field<5>;
  using IND = Field<6>;
  using NSATTR = Field<8>;
  using PTWF = Field<10>;
  using AFR = Field<11>;
  using S1CBNDX = Field<23, 16>;  ///< of a nested context only
};

struct TLBIVA : Bits<TLBIVA, std::uint64_t> {  // §16.5.32, VA64 == 1
  using Address = Field<43, 0>;                ///< VA[55:12]
  using ASID = Field<63, 48>;
};

struct TLBSTATUS : Bits<TLBSTATUS, std::uint32_t> {
  using SACTIVE = Field<0>;
};

}  // namespace sidewinder::layout::smmuv2

#endif
