// SPDX-License-Identifier: Apache-2.0
//
// VMSAv8-64 translation table descriptors of both stages (DDI 0487, "The VMSAv8-64 translation table format
// descriptors"), for the 4 KiB, 16 KiB and 64 KiB granules.

#ifndef SIDEWINDER_IOMMU_LAYOUT_VMSA64_H
#define SIDEWINDER_IOMMU_LAYOUT_VMSA64_H

#include <cstdint>

#include "iommu/layout/bits.h"

namespace sidewinder::layout::vmsa64 {

struct Descriptor : Bits<Descriptor, std::uint64_t> {
  using Valid = Field<0>;
  using Type = Field<1>;  ///< levels 0-2: 1 table, 0 block; level 3: 1 page, 0 reserved
  using Address = Field<47, 12>;
  using AddressHigh = Field<15, 12>;  ///< 64 KiB granule with 52-bit addresses (FEAT_LPA): bits 51:48
  using AddressTop = Field<9, 8>;     ///< 4 and 16 KiB granules with FEAT_LPA2: bits 51:50, where SH was

  // Block and page, stage 1.
  using AttrIndx = Field<4, 2>;
  using NS = Field<5>;
  using AP1 = Field<6>;  ///< accessible at EL0
  using AP2 = Field<7>;  ///< read-only
  using SH = Field<9, 8>;
  using AF = Field<10>;
  using nG = Field<11>;
  using DBM = Field<51>;  ///< Dirty Bit Modifier, with FEAT_HAFDBS
  using Contiguous = Field<52>;
  using PXN = Field<53>;
  using UXN = Field<54>;
  using Software = Field<58, 55>;

  // Block and page, stage 2, where it differs ("Attribute fields in stage 2 VMSAv8-64 Block and Page
  // descriptors").
  using MemAttr = Field<5, 2>;
  using S2AP = Field<7, 6>;  ///< bit 0: readable, bit 1: writable
  using XN = Field<54, 53>;  ///< two bits with FEAT_XNX

  // Table, stage 1.
  using PXNTable = Field<59>;
  using UXNTable = Field<60>;
  using APTable0 = Field<61>;  ///< no access at EL0 below
  using APTable1 = Field<62>;  ///< no write below
  using NSTable = Field<63>;
};

enum class Granule : std::uint8_t { Size4K = 12, Size16K = 14, Size64K = 16 };  // log2 of bytes

[[nodiscard]] constexpr unsigned page_shift(Granule granule) {
  return static_cast<unsigned>(granule);
}

/// Bits of the input address that one level resolves: a table is one granule of 8-byte descriptors.
[[nodiscard]] constexpr unsigned bits_per_level(Granule granule) {
  return page_shift(granule) - 3;
}

/// Bytes, as a power of two, that an entry at `level` (-1 to 3) maps or points below.
[[nodiscard]] constexpr unsigned level_shift(Granule granule, int level) {
  return page_shift(granule) + static_cast<unsigned>(3 - level) * bits_per_level(granule);
}

/// Where blocks are allowed: 1 GiB and 2 MiB with 4K, 32 MiB with 16K, 512 MiB with 64K. `large`: 52-bit
/// addresses (FEAT_LPA2 for 4K and 16K, FEAT_LPA for 64K), and so 512 GiB, 64 GiB and 4 TiB.
[[nodiscard]] constexpr bool block_allowed(Granule granule, int level, bool large = false) {
  if (granule == Granule::Size4K) return level == 2 || level == 1 || (level == 0 && large);
  return level == 2 || (level == 1 && large);
}

/// Entries of a contiguous run, as a power of two; 0 where the Contiguous bit means nothing (DDI 0487
/// ContiguousSize).
[[nodiscard]] constexpr unsigned contiguous_bits(Granule granule, int level) {
  if (granule == Granule::Size4K) return level >= 1 ? 4 : 0;
  if (level < 2) return 0;
  return granule == Granule::Size16K && level == 3 ? 7 : 5;
}

}  // namespace sidewinder::layout::vmsa64

#endif
