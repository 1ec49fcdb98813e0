// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_streaming.h"

#include <cassert>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_iova.h"
#include "iommu/linux/dma_mask.h"

namespace sidewinder::kernel {

DmaAddr dma_map_page(Device& device, PhysAddr phys, std::uint64_t size, DmaDirection direction,
                     DmaAttrs attrs) {
  assert(uses_dma_iommu(device));
  if (!device.has_dma_mask) return dma_mapping_error;
  return map_dma(device, phys, size, dma_prot(direction, device.dma_coherent, attrs), dma_mask_of(device));
}

void dma_unmap_page(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection, DmaAttrs) {
  assert(uses_dma_iommu(device));
  if (device.domain->iova_to_phys(iova).value_or(0) == 0) {
    ++device.domain->cookie().warnings;
    return;
  }
  unmap_dma(device, iova, size);
}

DmaAddr dma_map_resource(Device& device, PhysAddr phys, std::uint64_t size, DmaDirection direction,
                         DmaAttrs attrs) {
  assert(uses_dma_iommu(device));
  if (!device.has_dma_mask) return dma_mapping_error;
  IommuProt prot = dma_prot(direction, false, attrs);
  prot.mmio = true;
  return map_dma(device, phys, size, prot, dma_mask_of(device));
}

void dma_unmap_resource(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection, DmaAttrs) {
  unmap_dma(device, iova, size);
}

}  // namespace sidewinder::kernel
