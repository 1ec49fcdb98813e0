// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's identification registers (IHI 0070 §6.3.1 to §6.3.8, and §6.3.52 to §6.3.56 for the Secure
// interface).
//
// No field here is one of MPAM, MEC, D128, DPT, permission indirection and overlays (S1PI, S2PI, S2PO), AIE,
// THE, MTEPERM, EPAN, PASIDTT, PBHA, RME or ECMDQ: this project advertises none of them. IDR4 and S_IDR4 are
// IMPLEMENTATION DEFINED, and 0.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_ID_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_ID_H

#include <array>
#include <cstdint>
#include <optional>

#include "iommu/layout/bits.h"

namespace sidewinder::layout::smmuv3 {

/// Offsets from the base of register page 0.
namespace page0 {
inline constexpr std::uint32_t IDR0 = 0x0000, IDR1 = 0x0004, IDR2 = 0x0008, IDR3 = 0x000c, IDR4 = 0x0010;
inline constexpr std::uint32_t IDR5 = 0x0014, IIDR = 0x0018, AIDR = 0x001c;
inline constexpr std::uint32_t S_IDR0 = 0x8000, S_IDR1 = 0x8004, S_IDR2 = 0x8008, S_IDR3 = 0x800c,
                               S_IDR4 = 0x8010;
}  // namespace page0

struct IDR0 : Bits<IDR0, std::uint32_t> {  // §6.3.1
  using S2P = Field<0>;
  using S1P = Field<1>;
  using TTF = Field<3, 2>;
  using COHACC = Field<4>;
  using BTM = Field<5>;
  using HTTU = Field<7, 6>;
  using DORMHINT = Field<8>;
  using Hyp = Field<9>;
  using ATS = Field<10>;
  using NS1ATS = Field<11>;
  using ASID16 = Field<12>;
  using MSI = Field<13>;
  using SEV = Field<14>;
  using ATOS = Field<15>;
  using PRI = Field<16>;
  using VMW = Field<17>;
  using VMID16 = Field<18>;
  using CD2L = Field<19>;
  using VATOS = Field<20>;
  using TTENDIAN = Field<22, 21>;
  using ATSRECERR = Field<23>;
  using STALL_MODEL = Field<25, 24>;
  using TERM_MODEL = Field<26>;
  using ST_LEVEL = Field<28, 27>;
};

struct IDR1 : Bits<IDR1, std::uint32_t> {  // §6.3.2
  using SIDSIZE = Field<5, 0>;
  using SSIDSIZE = Field<10, 6>;
  using PRIQS = Field<15, 11>;
  using EVENTQS = Field<20, 16>;
  using CMDQS = Field<25, 21>;
  using ATTR_PERMS_OVR = Field<26>;
  using ATTR_TYPES_OVR = Field<27>;
  using REL = Field<28>;
  using QUEUES_PRESET = Field<29>;
  using TABLES_PRESET = Field<30>;
};

struct IDR2 : Bits<IDR2, std::uint32_t> {  // §6.3.3
  using BA_VATOS = Field<9, 0>;
};

struct IDR3 : Bits<IDR3, std::uint32_t> {  // §6.3.4
  using HAD = Field<2>;
  using XNX = Field<4>;
  using PPS = Field<5>;
  using FWB = Field<8>;
  using STT = Field<9>;
  using RIL = Field<10>;
  using BBML = Field<12, 11>;
  using E0PD = Field<13>;
  using PTWNNC = Field<14>;
};

struct IDR4 : Bits<IDR4, std::uint32_t> {};  // §6.3.5

struct IDR5 : Bits<IDR5, std::uint32_t> {  // §6.3.6
  using OAS = Field<2, 0>;
  using GRAN4K = Field<4>;
  using GRAN16K = Field<5>;
  using GRAN64K = Field<6>;
  using DS = Field<7>;
  using VAX = Field<11, 10>;
  using STALL_MAX = Field<31, 16>;
};

struct IIDR : Bits<IIDR, std::uint32_t> {  // §6.3.7
  using Implementer = Field<11, 0>;
  using Revision = Field<15, 12>;
  using Variant = Field<19, 16>;
  using ProductID = Field<31, 20>;
};

struct AIDR : Bits<AIDR, std::uint32_t> {  // §6.3.8
  using ArchMinorRev = Field<3, 0>;
  using ArchMajorRev = Field<7, 4>;
};

struct S_IDR0 : Bits<S_IDR0, std::uint32_t> {  // §6.3.52
  using MSI = Field<13>;
  using STALL_MODEL = Field<25, 24>;
};

struct S_IDR1 : Bits<S_IDR1, std::uint32_t> {  // §6.3.53
  using S_SIDSIZE = Field<5, 0>;
  using SEL2 = Field<29>;
  using SECURE_IMPL = Field<31>;
};

struct S_IDR2 : Bits<S_IDR2, std::uint32_t> {  // §6.3.54
  using BA_S_VATOS = Field<9, 0>;
};

struct S_IDR3 : Bits<S_IDR3, std::uint32_t> {  // §6.3.55
  using SAMS = Field<6>;  ///< 1: ATS maintenance is not supported on the Secure Command queue
};

struct S_IDR4 : Bits<S_IDR4, std::uint32_t> {};  // §6.3.56

/// The encodings of IDR5.OAS, CD.IPS and STE.S2PS: how many bits each of them means. What the others mean
/// depends on the field and on the version.
inline constexpr std::array<unsigned, 7> address_sizes{32, 36, 40, 42, 44, 48, 52};

/// None: no encoding means that many bits.
[[nodiscard]] constexpr std::optional<std::uint32_t> address_encoding(unsigned bits) {
  for (std::uint32_t encoding = 0; encoding < address_sizes.size(); ++encoding)
    if (address_sizes[encoding] == bits) return encoding;
  return std::nullopt;
}

}  // namespace sidewinder::layout::smmuv3

#endif
