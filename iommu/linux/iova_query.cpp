// SPDX-License-Identifier: Apache-2.0
//
// What Linux's allocator has no function for, and a reservation that holds needs.

#include "iommu/linux/iova.h"

namespace sidewinder::kernel {

void IovaDomain::free_cached() {
  flush_rcaches();
}

std::optional<IovaRange> IovaDomain::first_overlap(Pfn pfn_lo, Pfn pfn_hi) const {
  if (fatal_ != IovaFatal::None) return std::nullopt;
  for (const IovaNode* node = tree_.first(); node != nullptr; node = IovaTree::next(*node)) {
    const IovaRange& range = node->range;
    if (range.kind != IovaKind::Anchor && pfn_lo <= range.pfn_hi && pfn_hi >= range.pfn_lo) return range;
  }
  return std::nullopt;
}

}  // namespace sidewinder::kernel
