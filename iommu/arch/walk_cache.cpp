// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/walk_cache.h"

#include <algorithm>

namespace sidewinder::arch {

WalkCache::WalkCache(const Shapes& shapes)
    : levels_{AddressCache<CachedTable>(shapes[0]), AddressCache<CachedTable>(shapes[1]),
              AddressCache<CachedTable>(shapes[2]), AddressCache<CachedTable>(shapes[3])} {}

const CachedTable* WalkCache::lookup(const TlbTag& tag, std::uint64_t address) {
  for (std::size_t level = levels_.size(); level-- != 0;)
    if (const CachedTable* table = levels_[level].find(tag, address)) return table;
  return nullptr;
}

void WalkCache::insert(const TlbTag& tag, std::uint64_t address, const CachedTable& table) {
  const auto level = static_cast<std::size_t>(std::clamp<int>(table.level, 0, 3));
  levels_[level].insert(
      {.tag = tag, .address = address, .size_shift = table.input_shift, .span_shift = table.input_shift},
      table);
}

void WalkCache::invalidate(const TlbInvalidation& what) {
  if (what.last_level_only) return;
  for (AddressCache<CachedTable>& level : levels_)
    level.erase(what.by_address ? what.first : 0, what.by_address ? what.last : ~std::uint64_t{0},
                [&](const AddressKey& key, const CachedTable& table) {
                  return what.names(key.tag(), false) && what.names_table(table.granule, table.level);
                });
}

void WalkCache::invalidate_all() {
  for (AddressCache<CachedTable>& level : levels_)
    level.erase(0, ~std::uint64_t{0}, [](const AddressKey&, const CachedTable&) { return true; });
}

unsigned WalkCache::occupancy() const {
  unsigned sum = 0;
  for (const AddressCache<CachedTable>& level : levels_) sum += level.occupancy();
  return sum;
}

}  // namespace sidewinder::arch
