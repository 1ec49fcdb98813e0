// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_limits.h"

#include <algorithm>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_streaming.h"
#include "iommu/linux/page_allocator.h"
#include "iommu/linux/swiotlb.h"

namespace sidewinder::kernel {

std::uint64_t dma_max_mapping_size(const Device& device) {
  if (!uses_swiotlb(device)) return ~std::uint64_t{0};
  const std::uint64_t kept = device.dma_parameters.min_align_mask;
  const std::uint64_t lost = (kept + Swiotlb::slot_size - 1) / Swiotlb::slot_size * Swiotlb::slot_size;
  return Swiotlb::slot_size * Swiotlb::segment_slots - lost;
}

std::uint64_t dma_opt_mapping_size(const Device& device) {
  constexpr std::uint64_t cached = page_size << (IovaRcache::order_count - 1);  // iova_rcache_range()
  return std::min(dma_max_mapping_size(device), cached);
}

std::uint64_t dma_merge_boundary(const Device& device) {
  return device.domain->iovas().granule() - 1;
}

}  // namespace sidewinder::kernel
