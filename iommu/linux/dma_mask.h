// SPDX-License-Identifier: Apache-2.0
//
// A device's DMA masks (dma_set_mask() and its kin in kernel/dma/mapping.c).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_MASK_H
#define SIDEWINDER_IOMMU_LINUX_DMA_MASK_H

#include <cstdint>

#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"

namespace sidewinder::kernel {

/// What DMA past no IOMMU must be able to reach.
struct DirectMemory {
  PhysAddr end = 0;             ///< first address after the machine's memory
  unsigned zone_dma_bits = 32;  ///< ZONE_DMA is all memory below 2^zone_dma_bits
};

/// dma_get_mask(): of streaming DMA; 32 bits where none is set.
[[nodiscard]] std::uint64_t dma_mask_of(const Device& device);

/// dma_supported(). Behind an IOMMU any mask will do, also one that is not of the form 2^n - 1. Without, 32
/// bits will do, or the last page of ZONE_DMA or of all memory.
[[nodiscard]] bool dma_mask_supported(const Device& device, std::uint64_t mask, const DirectMemory& memory);

/// dma_set_mask(). EIO: the device has no mask to set, or this one is not supported; the old one stays.
[[nodiscard]] Status set_dma_mask(Device& device, std::uint64_t mask, const DirectMemory& memory);

/// dma_set_coherent_mask(). EIO: not supported.
[[nodiscard]] Status set_coherent_dma_mask(Device& device, std::uint64_t mask, const DirectMemory& memory);

/// dma_set_mask_and_coherent(): as set_dma_mask, and then the coherent one as well.
[[nodiscard]] Status set_dma_mask_and_coherent(Device& device, std::uint64_t mask,
                                               const DirectMemory& memory);

}  // namespace sidewinder::kernel

#endif
