// SPDX-License-Identifier: Apache-2.0
//
// Streaming DMA of memory in pieces, which get one range of I/O virtual addresses.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_SG_H
#define SIDEWINDER_IOMMU_LINUX_DMA_SG_H

#include <cstdint>
#include <span>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_attrs.h"
#include "iommu/linux/errno.h"

namespace sidewinder::kernel {

/// struct scatterlist: a piece of memory for the CPU, and apart from it what dma_map_sg leaves for the
/// device: entries from the first on, fewer than the pieces where some could be joined.
struct ScatterEntry {
  PhysAddr phys = 0;             ///< sg_phys()
  std::uint32_t length = 0;      ///< bytes, at least 1
  DmaAddr dma_address = 0;       ///< sg_dma_address(); dma_mapping_error beyond the last, and after a failure
  std::uint32_t dma_length = 0;  ///< sg_dma_len(); 0 there

  friend bool operator==(const ScatterEntry&, const ScatterEntry&) = default;
};

/// __dma_map_sg_attrs(), whose errors dma_map_sgtable() returns and dma_map_sg() turns to 0 entries: maps the
/// list and returns how many entries the device needs. Pieces stand apart by whole granules, do not cross the
/// device's segment boundary where they are shorter than it, and are joined where one ends and the next
/// begins on a granule and the sum fits the device's max_segment_size. ENOMEM: no address. EINVAL: cannot be
/// mapped. EIO: a piece could not be bounced. No mask: 0 entries.
[[nodiscard]] Result<unsigned> dma_map_sg(Device& device, std::span<ScatterEntry> list,
                                          DmaDirection direction, DmaAttrs attrs = {});

/// dma_unmap_sg_attrs(), with the whole list as dma_map_sg left it.
void dma_unmap_sg(Device& device, std::span<ScatterEntry> list, DmaDirection direction, DmaAttrs attrs = {});

/// dma_sync_sg_for_cpu() and dma_sync_sg_for_device(): as of each entry that was bounced.
void dma_sync_sg_for_cpu(Device& device, std::span<const ScatterEntry> list, DmaDirection direction);
void dma_sync_sg_for_device(Device& device, std::span<const ScatterEntry> list, DmaDirection direction);

}  // namespace sidewinder::kernel

#endif
