// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_ADDR_H
#define SIDEWINDER_IOMMU_LINUX_DMA_ADDR_H

#include <cstdint>

namespace sidewinder::kernel {

using DmaAddr = std::uint64_t;

/// ALIGN(): `granule` is a power of two.
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t granule) {
  return (value + granule - 1) & ~(granule - 1);
}

inline constexpr DmaAddr dma_mapping_error = ~DmaAddr{0};  // DMA_MAPPING_ERROR

}  // namespace sidewinder::kernel

#endif
