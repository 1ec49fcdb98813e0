// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_direct.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {
namespace {

/// translate_phys_to_dma(); nothing: no range of the bus's reaches it.
std::optional<DmaAddr> phys_to_dma(const Device& device, PhysAddr address) {
  if (device.dma_range_map.empty()) return address;
  for (const DmaRegion& region : device.dma_range_map)
    if (address >= region.cpu_start && address - region.cpu_start < region.size)
      return address - region.cpu_start + region.dma_start;
  return std::nullopt;
}

}  // namespace

bool uses_direct_dma(const Device& device) {
  if (device.domain == nullptr) return true;
  const DomainType type = device.domain->type();
  return type == DomainType::Identity || (is_dma_domain(type) && !device.iommu_dma);
}

Result<DmaBuffer> direct_alloc(PageAllocator& pages, const Device& device, std::uint64_t size) {
  const std::uint64_t count = (size + page_size - 1) >> page_shift;
  const auto order = static_cast<unsigned>(std::bit_width(count - 1));  // get_order()
  if (order > PageAllocator::max_order) return fail(Errno::ENOMEM_);
  const std::optional<PhysAddr> base = pages.allocate_zeroed(order);
  if (!base) return fail(Errno::ENOMEM_);

  // dma_coherent_ok(). What lies lower is handed out first, so another try in a lower zone finds no more.
  const std::optional<DmaAddr> address = phys_to_dma(device, *base);
  DmaAddr limit = device.coherent_dma_mask;
  if (device.bus_dma_limit != 0) limit = std::min(limit, device.bus_dma_limit);
  if (!address || *address + (count << page_shift) - 1 > limit) {
    pages.free(*base, std::uint64_t{1} << order);
    return fail(Errno::ENOMEM_);
  }
  const std::uint64_t bytes = page_size << order;
  return DmaBuffer{.iova = *address, .size = count << page_shift, .pages = {{*base, bytes}}, .direct = true};
}

void direct_free(PageAllocator& pages, const DmaBuffer& buffer) {
  for (const PhysRange& range : buffer.pages) pages.free(range.base, range.size >> page_shift);
}

}  // namespace sidewinder::kernel
