// SPDX-License-Identifier: Apache-2.0
//
// Streaming DMA (Documentation/core-api/dma-api.rst) of memory that is there already, for devices in a domain
// of the DMA API (uses_dma_iommu()).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_STREAMING_H
#define SIDEWINDER_IOMMU_LINUX_DMA_STREAMING_H

#include <cstdint>
#include <optional>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_attrs.h"

namespace sidewinder::kernel {

/// dma_map_page_attrs(): `size` bytes from `phys`, whose offset in the granule the result keeps. The rest of
/// the first and last granule is mapped too; for an untrusted device what is not whole granules is bounced.
/// dma_mapping_error: no mask, no address, no page for a table, no room to bounce.
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

/// dma_sync_single_for_cpu(): what the device wrote can be read from now on. Memory is coherent here, so this
/// and the next concern bounced buffers only. Part of a mapping will do.
void dma_sync_single_for_cpu(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection direction);
/// dma_sync_single_for_device(): what the CPU wrote can be read by the device from now on.
void dma_sync_single_for_device(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection direction);

/// dev_use_swiotlb(): whether unaligned buffers are bounced.
[[nodiscard]] bool uses_swiotlb(const Device& device);

/// Copies a buffer that is not whole granules to where an untrusted device may see all of its granules;
/// nullopt: there are no bounce buffers, or they are full.
[[nodiscard]] std::optional<PhysAddr> bounce_dma(Device& device, PhysAddr phys, std::uint64_t size,
                                                 DmaDirection direction, DmaAttrs attrs);
/// Ends it, if `phys` is such a copy.
void unbounce_dma(Device& device, PhysAddr phys, std::uint64_t size, DmaDirection direction, DmaAttrs attrs);

}  // namespace sidewinder::kernel

#endif
