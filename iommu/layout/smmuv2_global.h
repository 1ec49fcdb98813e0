// SPDX-License-Identifier: Apache-2.0
//
// SMMUv2's global register spaces (IHI 0062D.c chapters 8-10) with the MMU-500's IMPLEMENTATION DEFINED
// fields (DDI 0517). Non-secure, stage 1: what this project's models and drivers use so far.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV2_GLOBAL_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV2_GLOBAL_H

#include <array>
#include <cstdint>
#include <optional>

#include "iommu/layout/bits.h"

namespace sidewinder::layout::smmuv2 {

/// Offsets in Global Register Space 0 (§9.1).
namespace gr0 {
inline constexpr std::uint32_t sCR0 = 0x000, sACR = 0x010;
inline constexpr std::uint32_t IDR0 = 0x020, IDR1 = 0x024, IDR2 = 0x028, IDR7 = 0x03c;
inline constexpr std::uint32_t sGFAR = 0x040, sGFSR = 0x048, sGFSRRESTORE = 0x04c;
inline constexpr std::uint32_t sGFSYNR0 = 0x050, sGFSYNR1 = 0x054, sGFSYNR2 = 0x058;
inline constexpr std::uint32_t TLBIVMID = 0x064, TLBIALLNSNH = 0x068, TLBIALLH = 0x06c;
inline constexpr std::uint32_t sTLBGSYNC = 0x070, sTLBGSTATUS = 0x074;
inline constexpr std::uint32_t TLBIVMIDS1 = 0x0b8;
inline constexpr std::uint32_t SMR = 0x800, S2CR = 0xc00;  ///< tables of 128 words
}  // namespace gr0

/// Offsets in Global Register Space 1 (§10.1): tables of 128 words.
namespace gr1 {
inline constexpr std::uint32_t CBAR = 0x000, CBFRSYNRA = 0x400, CBA2R = 0x800;
}  // namespace gr1

struct sCR0 : Bits<sCR0, std::uint32_t> {  // §9.6.3
  using CLIENTPD = Field<0>;
  using GFRE = Field<1>;
  using GFIE = Field<2>;
  using EXIDENABLE = Field<3>;
  using GCFGFRE = Field<4>;
  using GCFGFIE = Field<5>;
  using STALLD = Field<8>;
  using GSE = Field<9>;
  using USFCFG = Field<10>;
  using VMIDPNE = Field<11>;
  using PTM = Field<12>;
  using FB = Field<13>;
  using BSU = Field<15, 14>;
  using SMCFCFG = Field<21>;
  using VMID16EN = Field<31>;
};

struct sACR : Bits<sACR, std::uint32_t> {  // DDI 0517: Auxiliary Configuration Register
  using SMTNMB_TLBEN = Field<8>;
  using S2CRB_TLBEN = Field<10>;
  using CACHE_LOCK = Field<26>;
};

struct IDR0 : Bits<IDR0, std::uint32_t> {  // §9.6.1
  using NUMSMRG = Field<7, 0>;
  using EXIDS = Field<8>;
  using NUMSIDB = Field<12, 9>;
  using BTM = Field<13>;
  using CTTW = Field<14>;
  using NUMIRPT = Field<23, 16>;
  using PTFS = Field<25, 24>;
  using ATOSNS = Field<26>;
  using SMS = Field<27>;
  using NTS = Field<28>;
  using S2TS = Field<29>;
  using S1TS = Field<30>;
};

struct IDR1 : Bits<IDR1, std::uint32_t> {
  using NUMCB = Field<7, 0>;
  using SMCD = Field<15>;
  using NUMS2CB = Field<23, 16>;
  using NUMPAGENDXB = Field<30, 28>;
  using PAGESIZE = Field<31>;
};

struct IDR2 : Bits<IDR2, std::uint32_t> {
  using IAS = Field<3, 0>;
  using OAS = Field<7, 4>;
  using UBS = Field<11, 8>;
  using PTFSv8_4kB = Field<12>;
  using PTFSv8_16kB = Field<13>;
  using PTFSv8_64kB = Field<14>;
  using VMID16S = Field<15>;
};

struct IDR7 : Bits<IDR7, std::uint32_t> {
  using MINOR = Field<3, 0>;
  using MAJOR = Field<7, 4>;
};

struct sGFSR : Bits<sGFSR, std::uint32_t> {  // §9.6.15
  using ICF = Field<0>;
  using USF = Field<1>;
  using SMCF = Field<2>;
  using UCBF = Field<3>;
  using CAF = Field<5>;
  using MULTI = Field<31>;
};

struct sGFSYNR0 : Bits<sGFSYNR0, std::uint32_t> {  // §9.6.17
  using Nested = Field<0>;
  using WNR = Field<1>;
  using PNU = Field<2>;
  using IND = Field<3>;
};

struct sGFSYNR1 : Bits<sGFSYNR1, std::uint32_t> {  // §9.6.18
  using StreamID = Field<15, 0>;
};

struct SMR : Bits<SMR, std::uint32_t> {  // §9.6.25
  using ID = Field<14, 0>;
  using MASK = Field<30, 16>;  ///< a set bit makes the ID's bit irrelevant
  using VALID = Field<31>;
};

enum class S2crType : std::uint32_t { Translation = 0, Bypass = 1, Fault = 2, Reserved = 3 };

struct S2CR : Bits<S2CR, std::uint32_t> {  // §9.6.23
  using CBNDX = Field<7, 0>;
  using TYPE = Field<17, 16>;
  using PRIVCFG = Field<25, 24>;
  using INSTCFG = Field<27, 26>;
};

enum class CbarType : std::uint32_t { Stage2 = 0, Stage1Stage2Bypass = 1, Stage1Stage2Fault = 2, Nested = 3 };

struct CBAR : Bits<CBAR, std::uint32_t> {  // §10.2.1
  using VMID = Field<7, 0>;
  using BPSHCFG = Field<9, 8>;
  using HYPC = Field<10>;
  using MemAttr = Field<15, 12>;
  using TYPE = Field<17, 16>;
};

struct CBA2R : Bits<CBA2R, std::uint32_t> {  // §10.2.2
  using VA64 = Field<0>;
  using VMID16 = Field<31, 16>;
};

struct CBFRSYNRA : Bits<CBFRSYNRA, std::uint32_t> {  // §10.2.3
  using StreamID = Field<15, 0>;
};

/// The encodings of IDR2.{IAS, OAS} and TCR2.PASize: how many bits each of them means.
inline constexpr std::array<unsigned, 6> address_sizes{32, 36, 40, 42, 44, 48};

/// Reserved encodings are 48 bits (§16.5.39).
[[nodiscard]] constexpr unsigned address_bits(std::uint32_t encoding) {
  return encoding < address_sizes.size() ? address_sizes[encoding] : address_sizes.back();
}

/// None: no encoding means that many bits.
[[nodiscard]] constexpr std::optional<std::uint32_t> address_encoding(unsigned bits) {
  for (std::uint32_t encoding = 0; encoding < address_sizes.size(); ++encoding)
    if (address_sizes[encoding] == bits) return encoding;
  return std::nullopt;
}

}  // namespace sidewinder::layout::smmuv2

#endif
