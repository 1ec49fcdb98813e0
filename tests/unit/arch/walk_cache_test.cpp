// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/walk_cache.h"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Granule;

constexpr TlbTag mine{.asid = 1, .vmid = 1};
constexpr TlbTag other_asid{.asid = 2, .vmid = 1};
constexpr TlbTag other_vmid{.asid = 1, .vmid = 2};
constexpr TlbTag ipa{.vmid = 1, .stages = Stages::Two};
constexpr WalkCache::Shapes shapes{CacheShape{4, 4}, CacheShape{8, 8}, CacheShape{16, 4}, CacheShape{64, 64}};

/// A table of the 4 KiB granule: what each resolves is 2 MiB at level 3 and 512 times more a level above.
CachedTable table(std::uint64_t address, int level) {
  CachedTable made;
  made.table = address;
  made.level = static_cast<std::int8_t>(level);
  made.input_shift = static_cast<std::uint8_t>(21 + 9 * (3 - level));
  return made;
}

std::uint64_t found(WalkCache& cache, const TlbTag& tag, std::uint64_t address) {
  const CachedTable* deepest = cache.lookup(tag, address);
  return deepest == nullptr ? 0 : deepest->table;
}

}  // namespace

TEST_CASE("the deepest table that is known is found, for all it resolves and nothing beyond") {
  WalkCache cache(shapes);
  CHECK(cache.lookup(mine, 0x4020'1000) == nullptr);
  cache.insert(mine, 0x4020'1000, table(0x1000, 1));  // below 512 GiB
  CHECK(found(cache, mine, 0) == 0x1000);
  CHECK(found(cache, mine, 0x7f'ffff'ffff) == 0x1000);
  CHECK(found(cache, mine, 0x80'0000'0000) == 0);
  cache.insert(mine, 0x4020'1000, table(0x2000, 2));  // below 1 GiB
  CHECK(found(cache, mine, 0x3fff'ffff) == 0x1000);
  CHECK(found(cache, mine, 0x4000'0000) == 0x2000);
  CHECK(found(cache, mine, 0x7fff'ffff) == 0x2000);
  CHECK(found(cache, mine, 0x8000'0000) == 0x1000);
  cache.insert(mine, 0x4020'1000, table(0x3000, 3));  // below 2 MiB
  CHECK(found(cache, mine, 0x401f'ffff) == 0x2000);
  CHECK(found(cache, mine, 0x4020'0000) == 0x3000);
  CHECK(found(cache, mine, 0x403f'ffff) == 0x3000);
  CHECK(found(cache, mine, 0x4040'0000) == 0x2000);
  CHECK(cache.lookup(mine, 0x4020'0000)->level == 3);
  CHECK(cache.occupancy() == 3);
}

TEST_CASE("a table of level 0 is below level -1, and lies over all others") {
  WalkCache cache(shapes);
  cache.insert(mine, 0, table(0x5000, 0));
  CHECK(found(cache, mine, 0xffff'ffff'ffff) == 0x5000);
  CHECK(found(cache, mine, 0x1'0000'0000'0000) == 0);
  cache.insert(mine, 0, table(0x6000, 1));
  CHECK(found(cache, mine, 0x1000) == 0x6000);
}

TEST_CASE("tables have their ASID, VMID and world, and are never global") {
  WalkCache cache(shapes);
  cache.insert(mine, 0, table(0x1000, 3));
  CHECK(found(cache, other_asid, 0) == 0);
  CHECK(found(cache, other_vmid, 0) == 0);
  CHECK(found(cache, {.asid = 1, .vmid = 1, .world = World::Secure}, 0) == 0);
  CHECK(found(cache, {.asid = 1, .vmid = 1, .stages = Stages::Both}, 0) == 0);
  CHECK(found(cache, {.asid = 1, .vmid = 1, .aset = true}, 0) == 0x1000);
  CHECK(found(cache, ipa, 0) == 0);
  cache.insert(ipa, 0, table(0x2000, 3));
  CHECK(found(cache, {.asid = 9, .vmid = 1, .stages = Stages::Two, .aset = true}, 0) == 0x2000);
  CHECK(found(cache, {.vmid = 1, .stages = Stages::Two, .secure_ipa = true}, 0) == 0);
}

TEST_CASE("what a table is known to be is kept whole") {
  WalkCache cache(shapes);
  CachedTable made = table(0x1000, 2);
  made.secure = true;
  made.granule = Granule::Size64K;
  made.input_shift = 42;
  made.restrictions = {.unprivileged = false, .read_only = true, .pxn = true, .uxn = false};
  cache.insert(mine, 0x3ff'ffff'f000, made);
  const CachedTable* kept = cache.lookup(mine, 0x3ff'0000'0000);
  REQUIRE(kept != nullptr);
  CHECK(kept->secure);
  CHECK(kept->granule == Granule::Size64K);
  CHECK(kept->input_shift == 42);
  CHECK_FALSE(kept->restrictions.unprivileged);
  CHECK(kept->restrictions.read_only);
  CHECK(kept->restrictions.pxn);
  CHECK_FALSE(kept->restrictions.uxn);
  CHECK(CachedTable{}.restrictions.unprivileged);
}

TEST_CASE("each level has its own entries, and may have none") {
  WalkCache cache({CacheShape{}, CacheShape{1, 1}, CacheShape{}, CacheShape{2, 2}});
  for (int level = 0; level < 4; ++level)
    cache.insert(mine, 0, table(0x1000U + static_cast<unsigned>(level), level));
  CHECK(cache.occupancy() == 2);
  for (std::uint64_t block = 1; block < 4; ++block) cache.insert(mine, block << 21, table(0x3000 + block, 3));
  CHECK(found(cache, mine, 3 << 21) == 0x3003);
  CHECK(found(cache, mine, 2 << 21) == 0x3002);
  CHECK(found(cache, mine, 1 << 21) == 0x1001);
  CHECK(cache.statistics(3).evictions == 2);
  CHECK(cache.statistics(3).insertions == 4);
  CHECK(cache.statistics(3).lookups == 3);
  CHECK(cache.statistics(3).hits == 2);
  CHECK(cache.statistics(1).lookups == 1);
  CHECK(cache.statistics(1).hits == 1);
  CHECK(cache.statistics(1).evictions == 0);
  CHECK(cache.statistics(2).insertions == 0);
}

TEST_CASE("an invalidation removes the tables it names and leaves the rest") {
  struct Kept {
    TlbTag tag;
    std::uint64_t address;
    int level;
  };
  // 0-3: mine at each level below one address; 4: beside it; 5: the upper half; then others'.
  const std::vector<Kept> all{
      {mine, 0x4020'0000, 0},       {mine, 0x4020'0000, 1},
      {mine, 0x4020'0000, 2},       {mine, 0x4020'0000, 3},
      {mine, 0x4040'0000, 3},       {mine, 0xffff'ff80'0000'0000, 3},
      {other_asid, 0x4020'0000, 3}, {other_vmid, 0x4020'0000, 3},
      {ipa, 0x4020'0000, 3},        {{.asid = 1, .vmid = 1, .stages = Stages::Both}, 0x4020'0000, 3}};
  using Numbers = std::set<std::size_t>;
  const auto gone = [&](const TlbInvalidation& what) {
    Numbers removed;
    WalkCache together(shapes);
    for (std::size_t i = 0; i < all.size(); ++i) {
      WalkCache alone(shapes);
      alone.insert(all[i].tag, all[i].address, table(i + 1, all[i].level));
      together.insert(all[i].tag, all[i].address, table(i + 1, all[i].level));
      alone.invalidate(what);
      if (alone.lookup(all[i].tag, all[i].address) == nullptr) removed.insert(i);
    }
    REQUIRE(together.occupancy() == all.size());
    together.invalidate(what);
    CHECK(together.occupancy() == all.size() - removed.size());
    return removed;
  };
  const TlbInvalidation none{.worlds = TlbInvalidation::bit(World::El1)};
  CHECK(gone(none).empty());
  TlbInvalidation everything = none;
  everything.stage1 = everything.stage2 = true;
  CHECK(gone(everything) == Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});

  TlbInvalidation va = none;
  va.stage1 = va.one_vmid = va.by_address = true;
  va.vmid = 1;
  va.asid = 1;
  va.asids = TlbInvalidation::Asids::OneOrGlobal;
  va.first = va.last = 0x4020'1000;
  CHECK(gone(va) == Numbers{0, 1, 2, 3, 9});
  va.asids = TlbInvalidation::Asids::All;
  CHECK(gone(va) == Numbers{0, 1, 2, 3, 6, 9});
  va.last = 0x4040'0000;
  CHECK(gone(va) == Numbers{0, 1, 2, 3, 4, 6, 9});
  va.last_level_only = true;
  CHECK(gone(va).empty());
  va.last_level_only = false;
  va.last = va.first;
  va.one_granule = true;
  va.level = 3;
  CHECK(gone(va) == Numbers{0, 1, 2, 3, 6, 9});
  va.level = 2;
  CHECK(gone(va) == Numbers{0, 1, 2});
  va.level = 1;
  CHECK(gone(va) == Numbers{0, 1});
  va.granule = Granule::Size16K;
  CHECK(gone(va).empty());

  TlbInvalidation asid = none;
  asid.stage1 = asid.one_vmid = true;
  asid.vmid = asid.asid = 1;
  asid.asids = TlbInvalidation::Asids::OneNotGlobal;
  CHECK(gone(asid) == Numbers{0, 1, 2, 3, 4, 5, 9});

  TlbInvalidation stage2 = none;
  stage2.stage2 = stage2.one_vmid = stage2.by_address = true;
  stage2.vmid = 1;
  stage2.first = stage2.last = 0x4020'0000;
  CHECK(gone(stage2) == Numbers{8});
}

TEST_CASE("all tables go at once") {
  WalkCache cache(shapes);
  for (int level = 0; level < 4; ++level) cache.insert(mine, 0, table(0x1000, level));
  cache.invalidate_all();
  CHECK(cache.occupancy() == 0);
  CHECK(cache.lookup(mine, 0) == nullptr);
  for (unsigned level = 0; level < 4; ++level) CHECK(cache.statistics(level).invalidated == 1);
}

}  // namespace sidewinder::arch
