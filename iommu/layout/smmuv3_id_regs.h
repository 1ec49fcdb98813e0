// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's identification register space, 0xfd0 to 0xffc of page 0 (IHI 0070 §6.3.170), as in every CoreSight
// component. Bits above 7 are RES0, and so are PIDR5 to PIDR7.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_ID_REGS_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_ID_REGS_H

#include <cstdint>

#include "iommu/layout/bits.h"

namespace sidewinder::layout::smmuv3 {

/// Offsets from the base of register page 0.
namespace page0 {
inline constexpr std::uint32_t PIDR4 = 0x0fd0, PIDR5 = 0x0fd4, PIDR6 = 0x0fd8, PIDR7 = 0x0fdc;
inline constexpr std::uint32_t PIDR0 = 0x0fe0, PIDR1 = 0x0fe4, PIDR2 = 0x0fe8, PIDR3 = 0x0fec;
inline constexpr std::uint32_t CIDR0 = 0x0ff0, CIDR1 = 0x0ff4, CIDR2 = 0x0ff8, CIDR3 = 0x0ffc;
}  // namespace page0

struct PIDR0 : Bits<PIDR0, std::uint32_t> {
  using PART_0 = Field<7, 0>;  ///< bits 7:0 of the part number
};

struct PIDR1 : Bits<PIDR1, std::uint32_t> {
  using PART_1 = Field<3, 0>;  ///< bits 11:8 of the part number
  using DES_0 = Field<7, 4>;   ///< bits 3:0 of the designer's JEP106 code
};

struct PIDR2 : Bits<PIDR2, std::uint32_t> {
  using DES_1 = Field<2, 0>;  ///< bits 6:4 of the designer's JEP106 code
  using JEDEC = Field<3>;     ///< 1
  using REVISION = Field<7, 4>;
};

struct PIDR3 : Bits<PIDR3, std::uint32_t> {
  using CMOD = Field<3, 0>;
  using REVAND = Field<7, 4>;
};

struct PIDR4 : Bits<PIDR4, std::uint32_t> {
  using DES_2 = Field<3, 0>;  ///< the designer's JEP106 continuation code
  using SIZE = Field<7, 4>;   ///< 0
};

/// What CIDR0 to CIDR3 read as: the preamble, with the class 0xf in CIDR1.
inline constexpr std::uint32_t component_class = 0xf;
inline constexpr std::uint32_t cidr0 = 0x0d, cidr1 = component_class << 4, cidr2 = 0x05, cidr3 = 0xb1;

}  // namespace sidewinder::layout::smmuv3

#endif
