// SPDX-License-Identifier: Apache-2.0
//
// How much a driver may ask for at once, and in which pieces it had better (kernel/dma/mapping.c).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_LIMITS_H
#define SIDEWINDER_IOMMU_LINUX_DMA_LIMITS_H

#include <cstdint>

#include "iommu/linux/dma.h"

namespace sidewinder::kernel {

/// dma_max_mapping_size(), bytes: what can be bounced for an untrusted device, no limit for others.
[[nodiscard]] std::uint64_t dma_max_mapping_size(const Device& device);

/// dma_opt_mapping_size(), bytes: what the caches of addresses hold, as long as it can be mapped.
[[nodiscard]] std::uint64_t dma_opt_mapping_size(const Device& device);

/// dma_get_merge_boundary(): 2^n - 1 where pieces that meet on a multiple of 2^n are joined.
[[nodiscard]] std::uint64_t dma_merge_boundary(const Device& device);

}  // namespace sidewinder::kernel

#endif
