// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_streaming.h"

#include <cassert>
#include <string>
#include <utility>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_iova.h"
#include "iommu/linux/dma_mask.h"
#include "iommu/linux/swiotlb.h"

namespace sidewinder::kernel {
namespace {

void warn(const Device& device, const std::string& text) {
  if (const KernelLog* log = device.domain->cookie().log; log != nullptr)
    log->dev(LogLevel::Warn, "pci", device.name, text);
}

std::optional<PhysAddr> bounced_at(const Device& device, DmaAddr iova) {
  if (device.swiotlb == nullptr) return std::nullopt;
  const std::optional<PhysAddr> phys = device.domain->iova_to_phys(iova);
  if (!phys || !device.swiotlb->contains(*phys)) return std::nullopt;
  return phys;
}

}  // namespace

bool uses_swiotlb(const Device& device) {
  return device.pci && device.pci->untrusted;
}

std::optional<PhysAddr> bounce_dma(Device& device, PhysAddr phys, std::uint64_t size, DmaDirection direction,
                                   DmaAttrs attrs) {
  DmaCookie& cookie = device.domain->cookie();
  if (device.swiotlb == nullptr || !device.swiotlb->active()) {
    if (!std::exchange(cookie.inactive_bounce_said, true))
      warn(device, "DMA bounce buffers are inactive, unable to map unaligned transaction.");
    return std::nullopt;
  }
  Swiotlb& swiotlb = *device.swiotlb;
  const std::uint64_t granule = cookie.iovas->granule();
  const std::optional<PhysAddr> bounced =
      swiotlb.map(device, phys, size, granule, cookie.iovas->current_cpu());
  if (!bounced) {
    if (!attrs.no_warn && cookie.log != nullptr &&
        swiotlb.full_limit().allow(device.domain->bus().now_ns(), *cookie.log))
      warn(device, "swiotlb buffer is full (sz: " + std::to_string(align_up(size, granule)) +
                       " bytes), total " + std::to_string(swiotlb.slots()) + " (slots), used " +
                       std::to_string(swiotlb.used()) + " (slots)");
    return std::nullopt;
  }

  if (cookie.version >= since::bounced_granules) {
    const PhysAddr begin = *bounced & ~(granule - 1);
    const PhysAddr end = *bounced + size;
    swiotlb.clear(begin, *bounced - begin);
    swiotlb.clear(end, align_up(end, granule) - end);
    return bounced;
  }
  const std::uint64_t kept = attrs.skip_cpu_sync || direction == DmaDirection::FromDevice ? 0 : size;
  swiotlb.clear(*bounced + kept, align_up(size, granule) - kept);
  return bounced;
}

void unbounce_dma(Device& device, PhysAddr phys, std::uint64_t size, DmaDirection direction, DmaAttrs attrs) {
  if (device.swiotlb != nullptr && device.swiotlb->contains(phys))
    device.swiotlb->unmap(device, phys, size, direction, attrs);
}

DmaAddr dma_map_page(Device& device, PhysAddr phys, std::uint64_t size, DmaDirection direction,
                     DmaAttrs attrs) {
  assert(uses_dma_iommu(device));
  if (!device.has_dma_mask) return dma_mapping_error;
  if (uses_swiotlb(device) && ((phys | size) & (device.domain->iovas().granule() - 1)) != 0) {
    const std::optional<PhysAddr> bounced = bounce_dma(device, phys, size, direction, attrs);
    if (!bounced) return dma_mapping_error;
    phys = *bounced;
  }
  const IommuProt prot = dma_prot(direction, device.dma_coherent, attrs);
  const DmaAddr iova = map_dma(device, phys, size, prot, dma_mask_of(device));
  if (iova == dma_mapping_error) unbounce_dma(device, phys, size, direction, attrs);
  return iova;
}

void dma_unmap_page(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection direction,
                    DmaAttrs attrs) {
  assert(uses_dma_iommu(device));
  const PhysAddr phys = device.domain->iova_to_phys(iova).value_or(0);
  if (phys == 0) {
    ++device.domain->cookie().warnings;
    return;
  }
  unmap_dma(device, iova, size);
  unbounce_dma(device, phys, size, direction, attrs);
}

void dma_sync_single_for_cpu(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection direction) {
  if (const std::optional<PhysAddr> bounced = bounced_at(device, iova))
    device.swiotlb->sync_for_cpu(device, *bounced, size, direction);
}

void dma_sync_single_for_device(Device& device, DmaAddr iova, std::uint64_t size, DmaDirection direction) {
  if (const std::optional<PhysAddr> bounced = bounced_at(device, iova))
    device.swiotlb->sync_for_device(device, *bounced, size, direction);
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
