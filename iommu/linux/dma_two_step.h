// SPDX-License-Identifier: Apache-2.0
//
// The DMA API in two steps, addresses first and memory then (Documentation/core-api/dma-api.rst, Part Ie;
// from Linux 6.16 on, which is for the caller to look at).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_TWO_STEP_H
#define SIDEWINDER_IOMMU_LINUX_DMA_TWO_STEP_H

#include <cstdint>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_attrs.h"
#include "iommu/linux/errno.h"

namespace sidewinder::kernel {

/// struct dma_iova_state
struct DmaIovaState {
  DmaAddr address = 0;       ///< where byte 0 is for the device
  std::uint64_t size = 0;    ///< bytes; 0: nothing is allocated
  bool use_swiotlb = false;  ///< part of it is bounced
};

/// dma_iova_try_alloc(): addresses for `size` bytes, with the offset that `phys` has in its granule. False:
/// the device has no domain of the DMA API, there are no addresses, or size is 0 or 2^63 and more.
[[nodiscard]] bool dma_iova_try_alloc(Device& device, DmaIovaState& state, PhysAddr phys, std::uint64_t size);

/// dma_iova_free(): of addresses to which nothing is linked.
void dma_iova_free(Device& device, const DmaIovaState& state);

/// dma_iova_link(): maps [phys, phys + size) at `offset`; the device is not to use it before dma_iova_sync.
/// An untrusted device's first and last granule are bounced where they are not whole. EIO: phys is not on a
/// granule, and offset not 0. ENOMEM: no table, or no room to bounce. Others as DmaDomain::map.
[[nodiscard]] Status dma_iova_link(Device& device, DmaIovaState& state, PhysAddr phys, std::uint64_t offset,
                                   std::uint64_t size, DmaDirection direction, DmaAttrs attrs = {});

/// dma_iova_sync(): what is linked in [offset, offset + size) can be used from now on. An arm-smmu needs
/// nothing done for that.
[[nodiscard]] Status dma_iova_sync(Device& device, const DmaIovaState& state, std::uint64_t offset,
                                   std::uint64_t size);

/// dma_iova_unlink(): the TLB is clean when it returns, in lazy domains too; the addresses stay taken.
void dma_iova_unlink(Device& device, const DmaIovaState& state, std::uint64_t offset, std::uint64_t size,
                     DmaDirection direction, DmaAttrs attrs = {});

/// dma_iova_destroy(): unlinks the first `mapped` bytes, all that are linked, and frees the addresses; lazily
/// in a lazy domain.
void dma_iova_destroy(Device& device, const DmaIovaState& state, std::uint64_t mapped, DmaDirection direction,
                      DmaAttrs attrs = {});

}  // namespace sidewinder::kernel

#endif
