// SPDX-License-Identifier: Apache-2.0
//
// Where in a domain a request goes: as Linux searches, and two other ways to compare it with
// (docs/decisions/iova-search.md).

#ifndef SIDEWINDER_IOMMU_LINUX_IOVA_SEARCH_H
#define SIDEWINDER_IOMMU_LINUX_IOVA_SEARCH_H

#include <cstdint>

#include "iommu/linux/iova_tree.h"

namespace sidewinder::kernel {

struct IovaRequest {
  std::uint64_t size;  ///< pages
  bool aligned;        ///< to the size rounded up to a power of two
  Pfn align_mask;

  IovaRequest(std::uint64_t size_, bool aligned_)
      : size(size_), aligned(aligned_), align_mask(~Pfn{0} << (aligned_ ? iova_align_shift(size_) : 0)) {}

  /// The highest place that ends below `ceiling`; wraps where `ceiling` is below the size.
  [[nodiscard]] Pfn below(Pfn ceiling) const { return (ceiling - size) & align_mask; }
};

struct IovaPlace {
  Pfn pfn_lo = 0;
  IovaNode* above = nullptr;  ///< the place lies in the gap below it; null: there is no place

  [[nodiscard]] explicit operator bool() const { return above != nullptr; }
};

/// As search_down(), which looks into the first gap itself: most often it has room.
[[nodiscard]] IovaPlace search_further_down(const IovaTree& tree, IovaNode& start, Pfn ceiling, Pfn floor,
                                            const IovaRequest& request);

/// The highest place that ends below `ceiling`, in the gap below `start` or further down. None, where that
/// place begins below `floor`. `start` may be outside a tree that is not ordered.
[[nodiscard]] inline IovaPlace search_down(const IovaTree& tree, IovaNode& start, Pfn ceiling, Pfn floor,
                                           const IovaRequest& request) {
  const Pfn end = start.range.pfn_lo;
  const Pfn pfn_lo = request.below(end);
  if (tree.ordered() && end <= ceiling && end >= request.size && pfn_lo >= floor && pfn_lo >= start.gap_lo) {
    return {pfn_lo, &start};
  }
  return search_further_down(tree, start, ceiling, floor, request);
}

/// The top of the smallest gap that holds the request, the highest such gap among equals; a gap counts as far
/// as it lies in [floor, ceiling) and below `start`. The tree is ordered.
[[nodiscard]] IovaPlace search_smallest(const IovaTree& tree, IovaNode& start, Pfn ceiling, Pfn floor,
                                        const IovaRequest& request);

}  // namespace sidewinder::kernel

#endif
