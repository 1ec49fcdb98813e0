// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/tlb.h"

#include <catch2/catch.hpp>
#include <vector>

namespace sidewinder::arch {
namespace {

constexpr TlbTag mine{.asid = 1, .vmid = 1};
constexpr TlbTag other_asid{.asid = 2, .vmid = 1};
constexpr TlbTag other_vmid{.asid = 1, .vmid = 2};

Leaf leaf(std::uint64_t output, unsigned size_shift = 12, bool global = false) {
  Leaf made;
  made.output = output;
  made.size_shift = static_cast<std::uint8_t>(size_shift);
  made.global = global;
  return made;
}

}  // namespace

TEST_CASE("an entry is found for every byte it maps, whatever its size, and for no other") {
  Tlb tlb(256, 4);
  for (const unsigned shift : {12U, 14U, 16U, 21U, 25U, 29U, 30U}) {
    const std::uint64_t size = std::uint64_t{1} << shift;
    const std::uint64_t base = std::uint64_t{shift} << 40;
    tlb.insert(mine, base + size / 2, leaf(base, shift));
    for (std::uint64_t page = 0; page < 512 && page << 12 < size; ++page)
      REQUIRE(tlb.lookup(mine, base + (page << 12)) != nullptr);
    REQUIRE(tlb.lookup(mine, base + size - 1) != nullptr);
    CHECK(tlb.lookup(mine, base + size - 1)->output == base);
    CHECK(tlb.lookup(mine, base - 1) == nullptr);
    CHECK(tlb.lookup(mine, base + size) == nullptr);
  }
  CHECK(tlb.occupancy() == 7);
}

TEST_CASE("an entry is its ASID's and VMID's; a global one is any ASID's") {
  Tlb tlb(16, 4);
  tlb.insert(mine, 0x1000, leaf(0xa000));
  tlb.insert(mine, 0x2000, leaf(0xb000, 12, true));
  CHECK(tlb.lookup(mine, 0x1000) != nullptr);
  CHECK(tlb.lookup(other_asid, 0x1000) == nullptr);
  CHECK(tlb.lookup(other_vmid, 0x1000) == nullptr);
  CHECK(tlb.lookup(other_asid, 0x2000) != nullptr);
  CHECK(tlb.lookup(other_vmid, 0x2000) == nullptr);
  CHECK(tlb.lookup({.asid = 0x101, .vmid = 1}, 0x1000) == nullptr);  // all 16 bits count
  CHECK(tlb.lookup({.asid = 1, .vmid = 0x101}, 0x1000) == nullptr);
}

TEST_CASE("upper-half addresses keep all their bits") {
  Tlb tlb(16, 4);
  tlb.insert(mine, 0xffff'ff80'0000'1000, leaf(0xa000));
  CHECK(tlb.lookup(mine, 0xffff'ff80'0000'1fff) != nullptr);
  CHECK(tlb.lookup(mine, 0x0000'0000'0000'1fff) == nullptr);
  CHECK(tlb.lookup(mine, 0x0000'ff80'0000'1fff) == nullptr);
}

TEST_CASE("a full set gives up the entry that was not used for longest") {
  Tlb tlb(4, 4);  // one set
  for (std::uint64_t page = 0; page < 4; ++page) tlb.insert(mine, page << 12, leaf(page << 12));
  CHECK(tlb.lookup(mine, 0x0000) != nullptr);
  CHECK(tlb.lookup(mine, 0x2000) != nullptr);
  tlb.insert(mine, 0x9000, leaf(0x9000));
  CHECK(tlb.occupancy() == 4);
  CHECK(tlb.lookup(mine, 0x1000) == nullptr);
  tlb.insert(mine, 0xa000, leaf(0xa000));
  CHECK(tlb.lookup(mine, 0x3000) == nullptr);
  for (const std::uint64_t kept : {0x0000U, 0x2000U, 0x9000U, 0xa000U})
    CHECK(tlb.lookup(mine, kept) != nullptr);
}

TEST_CASE("a TLB of one entry, and one of one way") {
  Tlb one(1, 1);
  one.insert(mine, 0x1000, leaf(0x1000));
  one.insert(mine, 0x20'0000, leaf(0x20'0000, 21));
  CHECK(one.lookup(mine, 0x1000) == nullptr);
  CHECK(one.lookup(mine, 0x3f'ffff) != nullptr);
  CHECK(one.occupancy() == 1);

  Tlb direct(8, 1);
  for (std::uint64_t page = 0; page < 8; ++page) direct.insert(mine, page << 12, leaf(page << 12));
  CHECK(direct.occupancy() == 8);  // neighbours do not share a set
}

TEST_CASE("invalidation removes what it names and leaves the rest") {
  struct Entry {
    TlbTag tag;
    std::uint64_t address;
    bool global;
    unsigned shift;
  };
  const std::vector<Entry> entries{{mine, 0x1000, false, 12},       {mine, 0x2000, false, 12},
                                   {mine, 0x3000, true, 12},        {mine, 0x20'0000, false, 21},
                                   {other_asid, 0x1000, false, 12}, {other_vmid, 0x1000, false, 12},
                                   {other_vmid, 0x3000, true, 12}};
  using Left = std::vector<unsigned>;
  const auto after = [&](auto operation) {
    Tlb tlb(64, 4);
    for (const Entry& entry : entries)
      tlb.insert(entry.tag, entry.address, leaf(entry.address, entry.shift, entry.global));
    operation(tlb);
    Left left;
    for (unsigned i = 0; i < entries.size(); ++i)
      if (tlb.lookup(entries[i].tag, entries[i].address) != nullptr) left.push_back(i);
    CHECK(tlb.occupancy() == left.size());
    return left;
  };
  CHECK(after([](Tlb&) {}) == Left{0, 1, 2, 3, 4, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_all(); }).empty());
  CHECK(after([](Tlb& tlb) { tlb.invalidate_vmid(1); }) == Left{5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_vmid(3); }) == Left{0, 1, 2, 3, 4, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_asid(mine); }) == Left{2, 4, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_asid(other_vmid); }) == Left{0, 1, 2, 3, 4, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_address(mine, 0x1fff); }) == Left{1, 2, 3, 4, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_address(other_asid, 0x3000); }) == Left{0, 1, 3, 4, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_address(mine, 0x3f'f000); }) == Left{0, 1, 2, 4, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_address(mine, 0x40'0000); }) == Left{0, 1, 2, 3, 4, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_address_all_asids(1, 0x1000); }) == Left{1, 2, 3, 5, 6});
  CHECK(after([](Tlb& tlb) { tlb.invalidate_address_all_asids(2, 0x3000); }) == Left{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a size that is gone is found again when it comes back") {
  Tlb tlb(16, 4);
  tlb.insert(mine, 0x20'0000, leaf(0x20'0000, 21));
  tlb.insert(mine, 0x40'0000, leaf(0x40'0000, 21));
  tlb.invalidate_address(mine, 0x20'0000);
  CHECK(tlb.lookup(mine, 0x40'0000) != nullptr);
  tlb.invalidate_all();
  CHECK(tlb.occupancy() == 0);
  tlb.insert(mine, 0x20'0000, leaf(0x20'0000, 21));
  CHECK(tlb.lookup(mine, 0x3f'ffff) != nullptr);
}

}  // namespace sidewinder::arch
