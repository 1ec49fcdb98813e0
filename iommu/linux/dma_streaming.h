// SPDX-License-Identifier: Apache-2.0
//
// Streaming DMA (Documentation/core-api/dma-api.rst) of memory that is there already, for devices in a domain
// of the DMA API (uses_dma_iommu()).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_STREAMING_H
#define SIDEWINDER_IOMMU_LINUX_DMA_STREAMING_H

#include <cstdint>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_attrs.h"

namespace sidewinder::kernel {

/// dma_map_page_attrs(): `size` bytes from `phys`, whose offset in the granule the result keeps. The rest of
/// the first and last granule is mapped too. dma_mapping_error: no mask, no address, no page for a table.
[[nodiscard]] DmaAddr dma_map_page(Device& device, PhysAddr phys, std::uint64_t size, DmaDirection direction,
                                   DmaAttrs attrs = {});
/// dma_unmap_page_attrs(), with what was given to and got from dma_map_page. Nothing happens where nothing is
/// mapped, but a warning.
void dma_unmap_page(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection direction,
                    DmaAttrs attrs = {});

/// dma_map_resource(): another device's registers, as device memory.
[[nodiscard]] DmaAddr dma_map_resource(Device& device, PhysAddr phys, std::uint64_t size,
                                       DmaDirection direction, DmaAttrs attrs = {});
void dma_unmap_resource(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection direction,
                        DmaAttrs attrs = {});

}  // namespace sidewinder::kernel

#endif
