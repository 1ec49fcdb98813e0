// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <optional>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/io_pgtable.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {
namespace {

std::uint64_t page_align(std::uint64_t size) {
  return (size + page_size - 1) & ~(page_size - 1);
}

void append(std::vector<PhysRange>& pages, PhysRange range) {
  if (!pages.empty() && pages.back().base + pages.back().size == range.base)
    pages.back().size += range.size;
  else
    pages.push_back(range);
}

void free_pages(PageAllocator& allocator, const std::vector<PhysRange>& pages) {
  for (const PhysRange& range : pages) allocator.free(range.base, range.size >> page_shift);
}

/// __iommu_dma_alloc_pages(): in pieces of the sizes that one mapping can cover, the largest there is each
/// time.
std::optional<std::vector<PhysRange>> allocate_pages(PageAllocator& allocator, std::uint64_t count) {
  std::uint64_t orders =
      (IoPgtable::page_sizes >> page_shift) & ((std::uint64_t{2} << PageAllocator::max_order) - 1);
  std::vector<PhysRange> pages;
  while (count != 0) {
    std::optional<PhysAddr> base;
    std::uint64_t taken = 0;
    for (orders &= std::bit_floor(count) * 2 - 1; orders != 0 && !base;) {
      taken = std::bit_floor(orders);
      base = allocator.allocate_zeroed(static_cast<unsigned>(std::countr_zero(taken)));
      if (!base) orders &= ~taken;  // an order that failed once is not tried again
    }
    if (!base) {
      free_pages(allocator, pages);
      return std::nullopt;
    }
    append(pages, {*base, taken << page_shift});
    count -= taken;
  }
  return pages;
}

IommuProt prot_for(const Device& device) {
  return {.read = true, .write = true, .cache = device.dma_coherent};
}

DmaAddr limit_for(const Device& device) {
  DmaAddr limit = device.coherent_dma_mask;
  if (device.bus_dma_limit != 0) limit = std::min(limit, device.bus_dma_limit);
  return std::min(limit, device.domain->aperture_end());
}

}  // namespace

PhysAddr phys_of(const DmaBuffer& buffer, std::uint64_t offset) {
  assert(offset < buffer.size);
  for (const PhysRange& range : buffer.pages) {
    if (offset < range.size) return range.base + offset;
    offset -= range.size;
  }
  return 0;
}

Status DmaApi::set_mask_and_coherent(Device& device, std::uint64_t mask) {
  device.dma_mask = mask;
  device.coherent_dma_mask = mask;
  return {};
}

Result<DmaBuffer> DmaApi::alloc(Device& device, std::uint64_t size) {
  if (size == 0 || device.domain == nullptr || device.domain->type() != DomainType::Dma)
    return fail(Errno::EINVAL_);
  IovaDomain& iovas = device.domain->iovas();
  const std::uint64_t count = page_align(size) >> page_shift;

  std::optional<std::vector<PhysRange>> pages = allocate_pages(*pages_, count);
  if (!pages) return fail(Errno::ENOMEM_);

  const std::optional<Pfn> pfn = iovas.alloc_iova_fast(count, iovas.to_pfn(limit_for(device)), true);
  if (!pfn) {
    free_pages(*pages_, *pages);
    return fail(Errno::ENOMEM_);
  }
  Result<DmaBuffer> buffer = map_pages(device, iovas.to_iova(*pfn), std::move(*pages));
  if (!buffer) {
    iovas.free_iova_fast(*pfn, count);
    return fail(Errno::ENOMEM_);  // Linux returns no address, whatever the reason
  }
  return buffer;
}

Result<DmaBuffer> DmaApi::map_at(Device& device, DmaAddr iova, std::uint64_t size) {
  if (size == 0 || ((iova | size) & (page_size - 1)) != 0) return fail(Errno::EINVAL_);
  if (device.domain == nullptr || device.domain->type() != DomainType::Unmanaged) return fail(Errno::EINVAL_);
  std::optional<std::vector<PhysRange>> pages = allocate_pages(*pages_, size >> page_shift);
  if (!pages) return fail(Errno::ENOMEM_);
  return map_pages(device, iova, std::move(*pages));
}

/// iommu_map_sg(), which frees what it could not map.
Result<DmaBuffer> DmaApi::map_pages(Device& device, DmaAddr iova, std::vector<PhysRange> pages) {
  DmaBuffer buffer{.iova = iova, .size = 0, .pages = std::move(pages)};
  for (const PhysRange& range : buffer.pages) {
    if (Status status = device.domain->map(iova + buffer.size, range.base, range.size, prot_for(device));
        !status) {
      if (buffer.size != 0) device.domain->unmap(iova, buffer.size);
      free_pages(*pages_, buffer.pages);
      return fail(status.error());
    }
    buffer.size += range.size;
  }
  return buffer;
}

void DmaApi::free(Device& device, const DmaBuffer& buffer) {
  device.domain->unmap(buffer.iova, buffer.size);
  if (device.domain->type() == DomainType::Dma) {
    IovaDomain& iovas = device.domain->iovas();
    iovas.free_iova_fast(iovas.to_pfn(buffer.iova), buffer.size >> page_shift);
  }
  free_pages(*pages_, buffer.pages);
}

}  // namespace sidewinder::kernel
