// SPDX-License-Identifier: Apache-2.0
//
// Caches of where translation tables are, so that walks start below the root: one for each level.

#ifndef SIDEWINDER_IOMMU_ARCH_WALK_CACHE_H
#define SIDEWINDER_IOMMU_ARCH_WALK_CACHE_H

#include <array>
#include <cstdint>

#include "iommu/arch/address_cache.h"
#include "iommu/arch/mapping.h"
#include "iommu/arch/set_associative.h"
#include "iommu/arch/tlb_invalidation.h"
#include "iommu/arch/tlb_tag.h"
#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

/// A table below an address, as the descriptors down to it said.
struct CachedTable {
  std::uint64_t table = 0;        ///< of stage 1 with stage 2 on: an IPA
  int level = 0;                  ///< the table's own, at which the walk goes on: 0-3
  std::uint8_t input_shift = 12;  ///< log2 of the bytes of input address that the table resolves
  bool secure = false;            ///< the table is in Secure memory, or IPA space
  layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;
  Permissions restrictions{.unprivileged = true};  ///< APTable, PXNTable and UXNTable so far
};

class WalkCache {
 public:
  /// By the level of the table. Tables of level 0 are located by level -1, with 52-bit addresses only.
  using Shapes = std::array<CacheShape, 4>;

  explicit WalkCache(const Shapes& shapes);

  /// The deepest table that is known to resolve `address`, or nullptr. The pointer holds until the next call
  /// that is not a lookup.
  [[nodiscard]] const CachedTable* lookup(const TlbTag& tag, std::uint64_t address);

  /// Entries that locate tables have their ASID, under whatever pages they lead to; those of stage 2 none.
  void insert(const TlbTag& tag, std::uint64_t address, const CachedTable& table);

  void invalidate(const TlbInvalidation& what);
  void invalidate_all();

  [[nodiscard]] unsigned occupancy() const;
  [[nodiscard]] std::uint32_t occupancy(unsigned level) const { return levels_[level].occupancy(); }
  /// Of the tables of one level; each lookup asks the deepest first, and those above only where it missed.
  [[nodiscard]] const CacheStatistics& statistics(unsigned level) const {
    return levels_[level].statistics();
  }

 private:
  std::array<AddressCache<CachedTable>, 4> levels_;
};

}  // namespace sidewinder::arch

#endif
