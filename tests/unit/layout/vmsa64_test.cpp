// SPDX-License-Identifier: Apache-2.0

#include "iommu/layout/vmsa64.h"

#include <catch2/catch.hpp>

namespace sidewinder::layout::vmsa64 {

TEST_CASE("VMSAv8-64 descriptor fields (DDI 0487)") {
  CHECK(Descriptor::Valid::mask == 1U << 0);
  CHECK(Descriptor::Type::mask == 1U << 1);
  CHECK(Descriptor::AttrIndx::mask == 7U << 2);
  CHECK(Descriptor::NS::mask == 1U << 5);
  CHECK(Descriptor::AP1::mask == 1U << 6);
  CHECK(Descriptor::AP2::mask == 1U << 7);
  CHECK(Descriptor::SH::mask == 3U << 8);
  CHECK(Descriptor::AF::mask == 1U << 10);
  CHECK(Descriptor::nG::mask == 1U << 11);
  CHECK(Descriptor::Address::mask == 0x0000'ffff'ffff'f000);
  CHECK(Descriptor::AddressTop::mask == 3U << 8);
  CHECK(Descriptor::DBM::mask == std::uint64_t{1} << 51);
  CHECK(Descriptor::Contiguous::mask == std::uint64_t{1} << 52);
  CHECK(Descriptor::PXN::mask == std::uint64_t{1} << 53);
  CHECK(Descriptor::UXN::mask == std::uint64_t{1} << 54);
  CHECK(Descriptor::Software::mask == std::uint64_t{0xf} << 55);
  CHECK(Descriptor::PXNTable::mask == std::uint64_t{1} << 59);
  CHECK(Descriptor::UXNTable::mask == std::uint64_t{1} << 60);
  CHECK(Descriptor::APTable0::mask == std::uint64_t{1} << 61);
  CHECK(Descriptor::APTable1::mask == std::uint64_t{1} << 62);
  CHECK(Descriptor::NSTable::mask == std::uint64_t{1} << 63);
}

TEST_CASE("what an entry maps at each level") {
  const unsigned expected[3][4] = {{39, 30, 21, 12}, {47, 36, 25, 14}, {55, 42, 29, 16}};
  const Granule granules[] = {Granule::Size4K, Granule::Size16K, Granule::Size64K};
  for (unsigned g = 0; g < 3; ++g) {
    CHECK(page_shift(granules[g]) == expected[g][3]);
    CHECK(bits_per_level(granules[g]) == expected[g][3] - 3);
    for (int level = 0; level < 4; ++level) CHECK(level_shift(granules[g], level) == expected[g][level]);
  }
}

TEST_CASE("blocks: 1 GiB and 2 MiB with 4K, 32 MiB with 16K, 512 MiB with 64K") {
  for (const Granule granule : {Granule::Size4K, Granule::Size16K, Granule::Size64K}) {
    CHECK_FALSE(block_allowed(granule, 0));
    CHECK(block_allowed(granule, 1) == (granule == Granule::Size4K));
    CHECK(block_allowed(granule, 2));
    CHECK_FALSE(block_allowed(granule, 3));
    // With 52-bit addresses: 512 GiB, 64 GiB, 4 TiB.
    CHECK(block_allowed(granule, 0, true) == (granule == Granule::Size4K));
    CHECK(block_allowed(granule, 1, true));
    CHECK(block_allowed(granule, 2, true));
    CHECK_FALSE(block_allowed(granule, -1, true));
    CHECK_FALSE(block_allowed(granule, 3, true));
  }
}

TEST_CASE("entries of a contiguous run, and the levels that have none (DDI 0487 ContiguousSize)") {
  const unsigned expected[3][4] = {{0, 4, 4, 4}, {0, 0, 5, 7}, {0, 0, 5, 5}};
  const Granule granules[] = {Granule::Size4K, Granule::Size16K, Granule::Size64K};
  for (unsigned g = 0; g < 3; ++g) {
    CHECK(contiguous_bits(granules[g], -1) == 0);
    for (int level = 0; level < 4; ++level) CHECK(contiguous_bits(granules[g], level) == expected[g][level]);
  }
}

}  // namespace sidewinder::layout::vmsa64
