// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_search.h"

#include <algorithm>
#include <limits>

namespace sidewinder::kernel {

namespace {

/// Node by node, as __alloc_and_insert_iova_range() walks: what it meets where ranges overlap is up to the
/// tree's shape.
IovaPlace walk_down(IovaNode& start, Pfn ceiling, Pfn floor, const IovaRequest& request) {
  for (IovaNode* above = &start;;) {
    ceiling = std::min(ceiling, above->range.pfn_lo);
    const Pfn pfn_lo = request.below(ceiling);
    IovaNode* const below = IovaTree::prev(*above);
    const bool overlaps = below != nullptr && pfn_lo <= below->range.pfn_hi;
    if (!overlaps || pfn_lo < floor) {
      if (ceiling < request.size || pfn_lo < floor) return {};
      return {pfn_lo, above};
    }
    above = below;
  }
}

/// Where a search in an ordered tree begins: what lies above the ceiling is passed by.
IovaNode* first_of_search(const IovaTree& tree, IovaNode& start, Pfn ceiling) {
  return start.range.pfn_lo <= ceiling ? &start : tree.at_or_above(ceiling);
}

}  // namespace

IovaPlace search_further_down(const IovaTree& tree, IovaNode& start, Pfn ceiling, Pfn floor,
                              const IovaRequest& request) {
  if (!tree.ordered()) return walk_down(start, ceiling, floor, request);

  IovaNode* above = first_of_search(tree, start, ceiling);
  Pfn end = std::min(ceiling, above->range.pfn_lo);  // of the first gap, which the ceiling may cut
  const RoughSize rough = rough_size(request.size);
  for (;;) {
    if (end < request.size) return {};
    const Pfn pfn_lo = request.below(end);
    if (pfn_lo < floor) return {};
    if (pfn_lo >= above->gap_lo) return {pfn_lo, above};
    above = IovaTree::roomy_below(*above, rough, request.aligned);
    if (above == nullptr) return {};
    end = above->range.pfn_lo;
  }
}

IovaPlace search_smallest(const IovaTree& tree, IovaNode& start, Pfn ceiling, Pfn floor,
                          const IovaRequest& request) {
  IovaPlace smallest;
  std::uint64_t smallest_gap = std::numeric_limits<std::uint64_t>::max();
  const RoughSize rough = rough_size(request.size);
  for (IovaNode* above = first_of_search(tree, start, ceiling); above != nullptr;
       above = IovaTree::roomy_below(*above, rough, request.aligned)) {
    const Pfn end = std::min(ceiling, above->range.pfn_lo);
    if (end < request.size) break;
    const Pfn begin = std::max(floor, above->gap_lo);
    const Pfn pfn_lo = request.below(end);
    if (pfn_lo < floor) break;
    if (pfn_lo < begin || end - begin >= smallest_gap) continue;
    smallest = {pfn_lo, above};
    smallest_gap = end - begin;
    if (smallest_gap == request.size) break;
  }
  return smallest;
}

}  // namespace sidewinder::kernel
