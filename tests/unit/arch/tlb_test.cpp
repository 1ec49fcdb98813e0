// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/tlb.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Granule;

constexpr TlbTag mine{.asid = 1, .vmid = 1};
constexpr TlbTag other_asid{.asid = 2, .vmid = 1};
constexpr TlbTag other_vmid{.asid = 1, .vmid = 2};

Mapping leaf(std::uint64_t output, unsigned size_shift = 12, bool global = false) {
  Mapping made;
  made.output = output;
  made.size_shift = static_cast<std::uint8_t>(size_shift);
  made.stage1 = true;
  made.first.global = global;
  made.first.level = size_shift >= 30 ? 1 : size_shift >= 21 ? 2 : 3;
  return made;
}

/// Of stage 1, all ASIDs and VMIDs, unless changed.
TlbInvalidation at(std::uint64_t first, std::uint64_t last) {
  return {.worlds = TlbInvalidation::bit(World::El1),
          .stage1 = true,
          .by_address = true,
          .first = first,
          .last = last};
}
TlbInvalidation at(std::uint64_t address) {
  return at(address, address);
}

}  // namespace

TEST_CASE("an entry is found for every byte it maps, whatever its size, and for no other") {
  Tlb tlb({256, 4});
  const std::vector<unsigned> shifts{12, 14, 16, 21, 25, 29, 30, 34, 36, 39, 42};
  for (const unsigned shift : shifts) {
    const std::uint64_t size = std::uint64_t{1} << shift;
    const std::uint64_t base = std::uint64_t{shift} << 43;
    tlb.insert(mine, base + size / 2, leaf(base, shift));
    for (std::uint64_t page = 0; page < 512 && page << 12 < size; ++page)
      REQUIRE(tlb.lookup(mine, base + (page << 12)) != nullptr);
    REQUIRE(tlb.lookup(mine, base + size - 1) != nullptr);
    CHECK(tlb.lookup(mine, base + size - 1)->output == base);
    CHECK(tlb.lookup(mine, base - 1) == nullptr);
    CHECK(tlb.lookup(mine, base + size) == nullptr);
  }
  CHECK(tlb.occupancy() == shifts.size());
}

TEST_CASE("an entry is its ASID's and VMID's, a global one is any ASID's") {
  Tlb tlb({16, 4});
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

TEST_CASE("IHI 0070 §3.17: entries of one world, of one kind of input and of one IPA space are no other's") {
  const std::vector<TlbTag> tags{
      {.asid = 1, .vmid = 1, .world = World::El1},
      {.asid = 1, .vmid = 1, .world = World::Secure},
      {.asid = 1, .vmid = 1, .world = World::El2},
      {.asid = 1, .vmid = 1, .world = World::El2E2h},
      {.asid = 1, .vmid = 1, .world = World::SecureEl2},
      {.asid = 1, .vmid = 1, .world = World::SecureEl2E2h},
      {.asid = 1, .vmid = 1, .world = World::El3},
      {.asid = 1, .vmid = 1, .stages = Stages::Both},
      {.asid = 1, .vmid = 1, .stages = Stages::Two},
      {.asid = 1, .vmid = 1, .world = World::Secure, .stages = Stages::Two},
      {.asid = 1, .vmid = 1, .world = World::Secure, .stages = Stages::Two, .secure_ipa = true}};
  for (const bool global : {false, true}) {
    for (std::size_t kept = 0; kept < tags.size(); ++kept) {
      Tlb tlb({64, 64});
      tlb.insert(tags[kept], 0x1000, leaf(0xa000, 12, global));
      for (std::size_t asked = 0; asked < tags.size(); ++asked) {
        INFO(kept << " " << asked);
        CHECK((tlb.lookup(tags[asked], 0x1000) != nullptr) == (asked == kept));
      }
    }
  }
}

TEST_CASE("IHI 0070 §3.17.1: ASET keeps apart the global entries, not the others") {
  constexpr TlbTag shared{.asid = 1, .vmid = 1, .aset = false};
  constexpr TlbTag not_shared{.asid = 1, .vmid = 1, .aset = true};
  Tlb tlb({16, 4});
  tlb.insert(shared, 0x1000, leaf(0xa000));
  tlb.insert(not_shared, 0x2000, leaf(0xb000));
  tlb.insert(shared, 0x3000, leaf(0xc000, 12, true));
  tlb.insert(not_shared, 0x4000, leaf(0xd000, 12, true));
  CHECK(tlb.lookup(not_shared, 0x1000) != nullptr);
  CHECK(tlb.lookup(shared, 0x2000) != nullptr);
  CHECK(tlb.lookup(shared, 0x3000) != nullptr);
  CHECK(tlb.lookup(not_shared, 0x3000) == nullptr);
  CHECK(tlb.lookup(shared, 0x4000) == nullptr);
  CHECK(tlb.lookup(not_shared, 0x4000) != nullptr);
}

TEST_CASE("an IPA's entry has neither ASID nor ASET") {
  Tlb tlb({16, 4});
  tlb.insert({.asid = 5, .vmid = 1, .stages = Stages::Two, .aset = true}, 0x1000, leaf(0xa000, 12, true));
  CHECK(tlb.lookup({.asid = 6, .vmid = 1, .stages = Stages::Two, .aset = false}, 0x1000) != nullptr);
  CHECK(tlb.lookup({.asid = 5, .vmid = 2, .stages = Stages::Two, .aset = true}, 0x1000) == nullptr);
}

TEST_CASE("upper-half addresses keep all their bits") {
  Tlb tlb({16, 4});
  tlb.insert(mine, 0xffff'ff80'0000'1000, leaf(0xa000));
  CHECK(tlb.lookup(mine, 0xffff'ff80'0000'1fff) != nullptr);
  CHECK(tlb.lookup(mine, 0x0000'0000'0000'1fff) == nullptr);
  CHECK(tlb.lookup(mine, 0x0000'ff80'0000'1fff) == nullptr);
}

TEST_CASE("a full set gives up the entry that was not used for longest") {
  Tlb tlb({4, 4});  // one set
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

TEST_CASE("a TLB of one entry, one of one way, and none") {
  Tlb one({1, 1});
  one.insert(mine, 0x1000, leaf(0x1000));
  one.insert(mine, 0x20'0000, leaf(0x20'0000, 21));
  CHECK(one.lookup(mine, 0x1000) == nullptr);
  CHECK(one.lookup(mine, 0x3f'ffff) != nullptr);
  CHECK(one.occupancy() == 1);

  Tlb direct({8, 1});
  for (std::uint64_t page = 0; page < 8; ++page) direct.insert(mine, page << 12, leaf(page << 12));
  CHECK(direct.occupancy() == 8);  // neighbours do not share a set

  Tlb none({0, 0});
  none.insert(mine, 0x1000, leaf(0x1000));
  CHECK(none.lookup(mine, 0x1000) == nullptr);
  CHECK(none.occupancy() == 0);
  none.invalidate(at(0x1000));
  none.invalidate_all();
  CHECK(none.statistics().lookups == 1);
  CHECK(none.statistics().insertions == 0);
}

TEST_CASE("counters say what was looked up, found, inserted, evicted and invalidated") {
  Tlb tlb({4, 4});
  CHECK(tlb.lookup(mine, 0x1000) == nullptr);
  for (std::uint64_t page = 0; page < 5; ++page) tlb.insert(mine, page << 12, leaf(page << 12));
  tlb.insert(mine, 0x4000, leaf(0x9000));  // the same page again: what was there makes room
  CHECK(tlb.lookup(mine, 0x2000) != nullptr);
  CHECK(tlb.lookup(mine, 0x4000)->output == 0x9000);
  CHECK(tlb.lookup(mine, 0x0000) == nullptr);
  tlb.invalidate(at(0x1000, 0x2fff));
  tlb.invalidate_all();
  const CacheStatistics& counts = tlb.statistics();
  CHECK(counts.lookups == 4);
  CHECK(counts.hits == 2);
  CHECK(counts.insertions == 6);
  CHECK(counts.evictions == 2);
  CHECK(counts.invalidated == 4);
}

TEST_CASE("a size that is gone is found again when it comes back") {
  Tlb tlb({16, 4});
  tlb.insert(mine, 0x20'0000, leaf(0x20'0000, 21));
  tlb.insert(mine, 0x40'0000, leaf(0x40'0000, 21));
  tlb.invalidate(at(0x20'0000));
  CHECK(tlb.lookup(mine, 0x40'0000) != nullptr);
  tlb.invalidate_all();
  CHECK(tlb.occupancy() == 0);
  tlb.insert(mine, 0x20'0000, leaf(0x20'0000, 21));
  CHECK(tlb.lookup(mine, 0x3f'ffff) != nullptr);
}

TEST_CASE("IHI 0070 §3.21.1.3: what is inserted is what its address finds, whatever overlapped it") {
  // Pages made of a block, and a block made of pages, without break-before-make.
  for (const unsigned older : {12U, 16U, 21U}) {
    for (const unsigned newer : {12U, 16U, 21U}) {
      for (const bool older_global : {false, true}) {
        for (const bool newer_global : {false, true}) {
          Tlb tlb({64, 4});
          tlb.insert(mine, 0x21'2000, leaf(0xa000'0000, older, older_global));
          CHECK(tlb.lookup(mine, 0x21'2000) != nullptr);
          tlb.insert(mine, 0x21'2000, leaf(0xb000'0000, newer, newer_global));
          REQUIRE(tlb.lookup(mine, 0x21'2fff) != nullptr);
          CHECK(tlb.lookup(mine, 0x21'2fff)->output == 0xb000'0000);
          CHECK(tlb.occupancy() == 1);
        }
      }
    }
  }
}

TEST_CASE("IHI 0070 §3.21.1.3: of overlapping entries a lookup uses one, and an invalidation removes all") {
  Tlb tlb({64, 4});
  tlb.insert(mine, 0x20'3000, leaf(0xa000'3000));
  tlb.insert(mine, 0x20'4000, leaf(0xa000'4000));
  tlb.insert(mine, 0x20'0000, leaf(0xa000'0000, 21));  // of the pages, now a block
  CHECK(tlb.occupancy() == 3);
  for (const std::uint64_t other : {0x20'4000U, 0x20'5000U, 0x20'3000U}) {
    const Mapping* found = tlb.lookup(mine, other);
    REQUIRE(found != nullptr);
    CHECK((found->output | (other & ((1U << found->size_shift) - 1))) == (0xa000'0000 | (other & 0x1f'ffff)));
  }
  tlb.invalidate(at(0x20'3000));
  CHECK(tlb.lookup(mine, 0x20'3000) == nullptr);
  CHECK(tlb.lookup(mine, 0x20'5000) == nullptr);
  CHECK(tlb.lookup(mine, 0x20'4000) != nullptr);
}

TEST_CASE("the overlap of an entry with another's ASID, VMID, world or ASET is none") {
  constexpr TlbTag global_aset{.asid = 1, .vmid = 1, .aset = true};
  Tlb tlb({64, 64});
  tlb.insert(mine, 0x1000, leaf(0xa000));
  tlb.insert(other_asid, 0x1000, leaf(0xb000));
  tlb.insert(other_vmid, 0x1000, leaf(0xc000));
  tlb.insert({.asid = 1, .vmid = 1, .world = World::Secure}, 0x1000, leaf(0xd000));
  tlb.insert({.asid = 7, .vmid = 1}, 0x2000, leaf(0xe000, 12, true));
  tlb.insert(global_aset, 0x2000, leaf(0xf000, 12, true));
  CHECK(tlb.occupancy() == 6);
  CHECK(tlb.lookup(mine, 0x1000)->output == 0xa000);
  CHECK(tlb.lookup(other_asid, 0x1000)->output == 0xb000);
  CHECK(tlb.lookup(mine, 0x2000)->output == 0xe000);
  CHECK(tlb.lookup(global_aset, 0x2000)->output == 0xf000);
}

TEST_CASE("a range removes what it touches of every size, from its first byte to its last") {
  const auto after = [](const TlbInvalidation& what) {
    Tlb tlb({64, 4});
    std::vector<std::uint64_t> left;
    const std::vector<std::pair<std::uint64_t, unsigned>> all{
        {0x1000, 12},    {0x2000, 12},      {0x1'0000, 16},       {0x2'0000, 16},
        {0x20'0000, 21}, {0x4000'0000, 30}, {0x80'0000'0000, 39}, {0xffff'ffff'ffff'f000, 12}};
    for (const auto& [address, shift] : all) tlb.insert(mine, address, leaf(address, shift));
    tlb.invalidate(what);
    for (const auto& [address, shift] : all)
      if (tlb.lookup(mine, address) != nullptr) left.push_back(address);
    CHECK(left.size() == tlb.occupancy());
    CHECK(tlb.statistics().invalidated == all.size() - left.size());
    return left;
  };
  using Left = std::vector<std::uint64_t>;
  const Left all{0x1000,    0x2000,      0x1'0000,       0x2'0000,
                 0x20'0000, 0x4000'0000, 0x80'0000'0000, 0xffff'ffff'ffff'f000};
  const auto without = [&](const Left& gone) {
    Left left;
    for (const std::uint64_t each : all)
      if (std::find(gone.begin(), gone.end(), each) == gone.end()) left.push_back(each);
    return left;
  };
  CHECK(after(at(0xfff)) == all);
  CHECK(after(at(0x1000)) == without({0x1000}));
  CHECK(after(at(0x1fff)) == without({0x1000}));
  CHECK(after(at(0x1fff, 0x2000)) == without({0x1000, 0x2000}));
  CHECK(after(at(0x3000, 0xffff)) == all);
  CHECK(after(at(0x1'f000, 0x1'ffff)) == without({0x1'0000}));
  CHECK(after(at(0x1'f000, 0x2'0fff)) == without({0x1'0000, 0x2'0000}));
  CHECK(after(at(0x3f'ffff)) == without({0x20'0000}));
  CHECK(after(at(0x40'0000, 0x3fff'ffff)) == all);
  CHECK(after(at(0x5000'0000, 0x5000'0fff)) == without({0x4000'0000}));
  CHECK(after(at(0x3fff'ffff, ~std::uint64_t{0})) ==
        without({0x4000'0000, 0x80'0000'0000, 0xffff'ffff'ffff'f000}));
  CHECK(after(at(0xffff'ffff'ffff'f000, ~std::uint64_t{0})) == without({0xffff'ffff'ffff'f000}));
  CHECK(after(at(0, ~std::uint64_t{0})).empty());
  TlbInvalidation everywhere = at(0x3000, 0x3000);
  everywhere.by_address = false;
  CHECK(after(everywhere).empty());
}

TEST_CASE("a small range finds its entries in a large TLB, and a large range in a small one") {
  for (const std::uint32_t entries : {16U, 4096U}) {
    for (const std::uint64_t pages : {1U, 8U, 64U, 5000U}) {
      Tlb tlb({entries, 16});
      for (std::uint64_t page = 0; page < 12; ++page) tlb.insert(mine, (100 + page) << 12, leaf(page << 12));
      tlb.insert(mine, 0x4000'0000, leaf(0, 21));
      const std::uint64_t kept = tlb.occupancy();
      CHECK(kept == 13);
      tlb.invalidate(at(104 << 12, ((104 + pages) << 12) - 1));
      CHECK(tlb.occupancy() == 13 - std::min<std::uint64_t>(pages, 8));
    }
  }
}

TEST_CASE("an address in a stage 1 block names the smaller entries that stage 2 made of it") {
  constexpr TlbTag nested{.asid = 1, .vmid = 1, .stages = Stages::Both};
  const auto part = [](std::uint64_t output, std::uint8_t stage1_level, Granule granule = Granule::Size4K) {
    Mapping made = leaf(output);
    made.stage2 = true;
    made.first.level = stage1_level;
    made.first.granule = granule;
    return made;
  };
  Tlb tlb({64, 64});
  tlb.insert(nested, 0x20'0000, part(0xa000, 2));
  tlb.insert(nested, 0x20'5000, part(0xb000, 2));
  tlb.insert(nested, 0x3f'f000, part(0xc000, 2));
  tlb.insert(nested, 0x40'0000, part(0xd000, 2));                        // another block
  tlb.insert(nested, 0x4000'0000, part(0xe000, 1));                      // a part of 1 GiB
  tlb.insert(nested, 0x60'0000, part(0xf000, 3));                        // a page
  tlb.insert(nested, 0x60'1000, part(0x1'0000, 3));                      // its neighbour
  tlb.insert(nested, 0x8000'0000, part(0x1'1000, 2, Granule::Size64K));  // of 512 MiB
  tlb.invalidate(at(0x27'8000));
  CHECK(tlb.lookup(nested, 0x20'0000) == nullptr);
  CHECK(tlb.lookup(nested, 0x20'5000) == nullptr);
  CHECK(tlb.lookup(nested, 0x3f'f000) == nullptr);
  CHECK(tlb.occupancy() == 5);
  tlb.invalidate(at(0x60'0000));
  CHECK(tlb.lookup(nested, 0x60'0000) == nullptr);
  CHECK(tlb.occupancy() == 4);
  tlb.invalidate(at(0x7fff'ffff));
  CHECK(tlb.lookup(nested, 0x4000'0000) == nullptr);
  CHECK(tlb.occupancy() == 3);
  tlb.invalidate(at(0x9fff'ffff));
  CHECK(tlb.lookup(nested, 0x8000'0000) == nullptr);
  CHECK(tlb.lookup(nested, 0x40'0000) != nullptr);
  CHECK(tlb.lookup(nested, 0x60'1000) != nullptr);
  CHECK(tlb.occupancy() == 2);
}

TEST_CASE("stage 2's leaf is what an invalidation by IPA names") {
  constexpr TlbTag ipa{.vmid = 1, .stages = Stages::Two};
  Mapping block = leaf(0x8000'0000, 21);
  block.stage1 = false;
  block.stage2 = true;
  block.first.level = 1;  // has no meaning
  block.second.level = 2;
  TlbInvalidation what = at(0x20'0000);
  what.stage1 = false;
  what.stage2 = true;
  what.one_granule = true;
  for (const std::uint8_t level : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
    Tlb tlb({16, 4});
    tlb.insert(ipa, 0x3f'f000, block);
    what.level = level;
    tlb.invalidate(what);
    CHECK((tlb.lookup(ipa, 0x3f'f000) == nullptr) == (level == 2));
  }
  Tlb tlb({16, 4});
  tlb.insert(ipa, 0x3f'f000, block);
  what.level = 2;
  what.first = what.last = 0x40'0000;  // in the 1 GiB that stage 1's level would be
  tlb.invalidate(what);
  CHECK(tlb.occupancy() == 1);
}

TEST_CASE("a part that invalidates only base pages keeps blocks as pages, and leaves the others stale") {
  constexpr std::uint64_t base = 0x20'0000;
  Tlb tlb({64, 4}, true);
  Mapping block = leaf(0x8000'0000, 21);
  block.stage2 = true;
  block.ipa = 0x4000'0000;
  tlb.insert(mine, base + 0x5678, block);
  REQUIRE(tlb.lookup(mine, base + 0x5000) != nullptr);
  CHECK(tlb.lookup(mine, base + 0x5000)->output == 0x8000'5000);
  CHECK(tlb.lookup(mine, base + 0x5000)->ipa == 0x4000'5000);
  CHECK(tlb.lookup(mine, base + 0x5000)->size_shift == 12);
  CHECK(tlb.lookup(mine, base) == nullptr);
  tlb.insert(mine, base, block);
  tlb.invalidate(at(base));
  CHECK(tlb.lookup(mine, base) == nullptr);
  CHECK(tlb.lookup(mine, base + 0x5fff) != nullptr);
  tlb.invalidate(at(base + 0x5000));
  CHECK(tlb.occupancy() == 0);

  block.first.granule = Granule::Size64K;  // 512 MiB, in pages of 64 KiB
  block.size_shift = 29;
  block.stage2 = false;
  block.ipa = 0;
  tlb.insert(mine, base + 0x5678, block);
  CHECK(tlb.lookup(mine, base + 0xffff)->output == 0x8020'0000);
  CHECK(tlb.lookup(mine, base + 0xffff)->ipa == 0);
  CHECK(tlb.lookup(mine, base + 0x1'0000) == nullptr);
  tlb.insert(mine, 0x1000, leaf(0xa000));
  CHECK(tlb.lookup(mine, 0x1fff)->output == 0xa000);

  Tlb whole({64, 4});
  whole.insert(mine, base, leaf(0x8000'0000, 21));
  whole.invalidate(at(base + 0x5000));
  CHECK(whole.occupancy() == 0);
}

}  // namespace sidewinder::arch
