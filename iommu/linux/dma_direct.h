// SPDX-License-Identifier: Apache-2.0
//
// DMA of a device that no IOMMU is set up for (kernel/dma/direct.c): its addresses are its bus's for physical
// ones.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_DIRECT_H
#define SIDEWINDER_IOMMU_LINUX_DMA_DIRECT_H

#include <cstdint>

#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"

namespace sidewinder::kernel {

/// Whether the DMA API goes direct: no domain, one that is bypassed, or one that dma-iommu could not set up.
[[nodiscard]] bool uses_direct_dma(const Device& device);

/// dma_direct_alloc() without a CMA area: zeroed pages in one piece, which no buddy allocator has above its
/// largest order. ENOMEM: no such piece, or one beyond the coherent mask or the bus.
[[nodiscard]] Result<DmaBuffer> direct_alloc(PageAllocator& pages, const Device& device, std::uint64_t size);
void direct_free(PageAllocator& pages, const DmaBuffer& buffer);

}  // namespace sidewinder::kernel

#endif
