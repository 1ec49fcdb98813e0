// SPDX-License-Identifier: Apache-2.0
//
// The DMA API as drivers see it (Documentation/core-api/dma-api.rst), on IOMMU domains (drivers/iommu/dma-iommu.c).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_H
#define SIDEWINDER_IOMMU_LINUX_DMA_H

#include <cstdint>
#include <string>
#include <vector>

#include "iommu/linux/errno.h"
#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel {

class DmaDomain;
class PageAllocator;

using DmaAddr = std::uint64_t;

/// The part of struct device that the DMA API reads.
struct Device {
  std::string name;                        ///< dev_name(), as logs show it
  std::vector<std::uint16_t> stream_ids;   ///< the fwspec's ids
  DmaDomain* domain = nullptr;             ///< attached domain; null: DMA is not translated
  std::uint64_t dma_mask = 0xffff'ffff;           ///< highest address the device can put on the bus
  std::uint64_t coherent_dma_mask = 0xffff'ffff;  ///< the same, for coherent allocations
  std::uint64_t bus_dma_limit = 0;         ///< highest address the bus lets through; 0: no limit
  bool dma_coherent = false;               ///< the device tree's dma-coherent
};

struct PhysRange {
  PhysAddr base = 0;
  std::uint64_t size = 0;
};

/// One allocation: contiguous for the device at [iova, iova + size), in pieces for the CPU.
struct DmaBuffer {
  DmaAddr iova = 0;
  std::uint64_t size = 0;          ///< bytes mapped: what was asked for, rounded up to whole pages
  std::vector<PhysRange> pages;    ///< in IOVA order
};

/// Where byte `offset` of the buffer is for the CPU; offset must be below buffer.size.
[[nodiscard]] PhysAddr phys_of(const DmaBuffer& buffer, std::uint64_t offset);

class DmaApi {
 public:
  explicit DmaApi(PageAllocator& pages) : pages_(&pages) {}

  /// dma_set_mask_and_coherent(). EIO: the mask is smaller than a page.
  [[nodiscard]] Status set_mask_and_coherent(Device& device, std::uint64_t mask);

  /// dma_alloc_attrs() with DMA_ATTR_NO_KERNEL_MAPPING: zeroed pages mapped readable and writable at one IOVA below
  /// the coherent mask. ENOMEM: no IOVA, no physical page, or no page for a table. EINVAL: size 0 or no domain.
  [[nodiscard]] Result<DmaBuffer> alloc(Device& device, std::uint64_t size);

  /// dma_free_attrs(): unmaps, invalidates the TLB, frees the IOVA and the pages.
  void free(Device& device, const DmaBuffer& buffer);

 private:
  PageAllocator* pages_;
};

}  // namespace sidewinder::kernel

#endif
