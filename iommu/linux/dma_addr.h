// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_ADDR_H
#define SIDEWINDER_IOMMU_LINUX_DMA_ADDR_H

#include <cstdint>

namespace sidewinder::kernel {

using DmaAddr = std::uint64_t;

inline constexpr DmaAddr dma_mapping_error = ~DmaAddr{0};  // DMA_MAPPING_ERROR

}  // namespace sidewinder::kernel

#endif
