// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <optional>

#include "iommu/linux/dma_direct.h"
#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_iova.h"
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
std::optional<std::vector<PhysRange>> allocate_pages(PageAllocator& allocator, std::uint64_t count,
                                                     DmaAttrs attrs) {
  std::uint64_t orders =
      (IoPgtable::page_sizes >> page_shift) & ((std::uint64_t{2} << PageAllocator::max_order) - 1);
  if (attrs.alloc_single_pages) orders &= ~(orders - 1);
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

}  // namespace

PhysAddr phys_of(const DmaBuffer& buffer, std::uint64_t offset) {
  assert(offset < buffer.size);
  for (const PhysRange& range : buffer.pages) {
    if (offset < range.size) return range.base + offset;
    offset -= range.size;
  }
  return 0;
}

Result<DmaBuffer> DmaApi::alloc(Device& device, std::uint64_t size, DmaAttrs attrs) {
  if (size == 0) return fail(Errno::EINVAL_);
  if (uses_direct_dma(device)) return direct_alloc(*pages_, device, size);
  if (!uses_dma_iommu(device)) return fail(Errno::EINVAL_);
  if (attrs.force_contiguous) return alloc_contiguous(device, size, attrs);
  DmaDomain& domain = *device.domain;
  const std::uint64_t bytes = page_align(size);

  std::optional<std::vector<PhysRange>> pages = allocate_pages(*pages_, bytes >> page_shift, attrs);
  if (!pages) return fail(Errno::ENOMEM_);

  const std::optional<DmaAddr> iova = alloc_dma_iova(domain, device, bytes, device.coherent_dma_mask);
  if (!iova) {
    kernel::free_pages(*pages_, *pages);
    return fail(Errno::ENOMEM_);
  }
  Result<DmaBuffer> buffer = map_pages(device, *iova, std::move(*pages), attrs);
  if (!buffer) {
    free_dma_iova(domain, *iova, bytes, false);
    return fail(Errno::ENOMEM_);  // Linux returns no address, whatever the reason
  }
  return buffer;
}

/// iommu_dma_alloc_pages(), without a CMA area.
Result<DmaBuffer> DmaApi::alloc_contiguous(Device& device, std::uint64_t size, DmaAttrs attrs) {
  const std::uint64_t bytes = page_align(size);
  const std::uint64_t taken = std::bit_ceil(bytes >> page_shift);
  const auto order = static_cast<unsigned>(std::countr_zero(taken));
  if (order > PageAllocator::max_order) return fail(Errno::ENOMEM_);
  const std::optional<PhysAddr> base = pages_->allocate_zeroed(order);
  if (!base) return fail(Errno::ENOMEM_);
  const IommuProt prot = dma_prot(DmaDirection::Bidirectional, device.dma_coherent, attrs);
  const DmaAddr iova = map_dma(device, *base, size, prot, device.coherent_dma_mask);
  if (iova == dma_mapping_error) {
    pages_->free(*base, taken);
    return fail(Errno::ENOMEM_);
  }
  return DmaBuffer{
      .iova = iova, .size = bytes, .pages = {{*base, bytes}}, .spare = (taken << page_shift) - bytes};
}

Result<DmaBuffer> DmaApi::map_at(Device& device, DmaAddr iova, std::uint64_t size) {
  if (size == 0 || ((iova | size) & (page_size - 1)) != 0) return fail(Errno::EINVAL_);
  if (device.domain == nullptr || device.domain->type() != DomainType::Unmanaged) return fail(Errno::EINVAL_);
  std::optional<std::vector<PhysRange>> pages = allocate_pages(*pages_, size >> page_shift, {});
  if (!pages) return fail(Errno::ENOMEM_);
  return map_pages(device, iova, std::move(*pages), {});
}

/// iommu_map_sg(), which frees what it could not map.
Result<DmaBuffer> DmaApi::map_pages(Device& device, DmaAddr iova, std::vector<PhysRange> pages,
                                    DmaAttrs attrs) {
  const IommuProt prot = dma_prot(DmaDirection::Bidirectional, device.dma_coherent, attrs);
  DmaBuffer buffer{.iova = iova, .size = 0, .pages = std::move(pages), .spare = 0};
  for (const PhysRange& range : buffer.pages) {
    if (Status status = device.domain->map(iova + buffer.size, range.base, range.size, prot); !status) {
      if (buffer.size != 0) device.domain->unmap(iova, buffer.size);
      free_pages(buffer);
      return fail(status.error());
    }
    buffer.size += range.size;
  }
  return buffer;
}

void DmaApi::free(Device& device, const DmaBuffer& buffer) {
  if (buffer.direct) return direct_free(*pages_, buffer);
  if (device.domain == nullptr) return free_pages(buffer);  // its domain went, and what was mapped in it
  if (uses_dma_iommu(device))
    unmap_dma(device, buffer.iova, buffer.size);
  else
    device.domain->unmap(buffer.iova, buffer.size);
  free_pages(buffer);
}

void DmaApi::free_pages(const DmaBuffer& buffer) {
  kernel::free_pages(*pages_, buffer.pages);
  if (buffer.spare != 0)
    pages_->free(buffer.pages.back().base + buffer.pages.back().size, buffer.spare >> page_shift);
}

}  // namespace sidewinder::kernel
