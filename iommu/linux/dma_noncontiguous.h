// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_NONCONTIGUOUS_H
#define SIDEWINDER_IOMMU_LINUX_DMA_NONCONTIGUOUS_H

#include <cstdint>
#include <vector>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_attrs.h"
#include "iommu/linux/dma_sg.h"
#include "iommu/linux/errno.h"

namespace sidewinder::kernel {

/// dma_alloc_noncontiguous(): memory as DmaApi::alloc gives it, told as a list: its pieces for the CPU, and
/// one range for the device in the first entry. Readable and writable, whatever the direction. EINVAL:
/// attributes other than alloc_single_pages, or as DmaApi::alloc, which also says when ENOMEM.
[[nodiscard]] Result<std::vector<ScatterEntry>> dma_alloc_noncontiguous(DmaApi& api, Device& device,
                                                                        std::uint64_t size,
                                                                        DmaDirection direction,
                                                                        DmaAttrs attrs = {});

/// dma_free_noncontiguous()
void dma_free_noncontiguous(DmaApi& api, Device& device, const std::vector<ScatterEntry>& table);

}  // namespace sidewinder::kernel

#endif
