// SPDX-License-Identifier: Apache-2.0
//
// The address space below all calls of the DMA API: which I/O virtual address a mapping gets, and when it is
// given back.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_IOVA_H
#define SIDEWINDER_IOMMU_LINUX_DMA_IOVA_H

#include <cstdint>
#include <optional>

#include "iommu/linux/dma.h"
#include "iommu/linux/iommu_prot.h"

namespace sidewinder::kernel {

/// iommu_dma_alloc_iova(): `size` bytes, whole granules, up to `mask`, the bus's limit and the domain's last
/// address. Platform devices get the highest addresses there are; PCI devices are first tried below 4 GiB
/// where their mask goes beyond: every time up to Linux 6.5, until that first fails from 6.6 on.
[[nodiscard]] std::optional<DmaAddr> alloc_dma_iova(DmaDomain& domain, Device& device, std::uint64_t size,
                                                    std::uint64_t mask);

/// iommu_dma_free_iova(). `queued`: only after the next flush of the TLB.
void free_dma_iova(DmaDomain& domain, DmaAddr iova, std::uint64_t size, bool queued);

/// __iommu_dma_map(): maps the granules that [phys, phys + size) touches; dma_mapping_error when there is no
/// address or no table.
[[nodiscard]] DmaAddr map_dma(Device& device, PhysAddr phys, std::uint64_t size, IommuProt prot,
                              std::uint64_t mask);

/// __iommu_dma_unmap(): in a lazy domain the TLB may still translate it, and its address is not used again,
/// until the flush queue is flushed.
void unmap_dma(Device& device, DmaAddr iova, std::uint64_t size);

/// Whether the device's DMA goes through a domain of the DMA API.
[[nodiscard]] bool uses_dma_iommu(const Device& device);

}  // namespace sidewinder::kernel

#endif
