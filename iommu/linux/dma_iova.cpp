// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_iova.h"

#include <algorithm>
#include <bit>
#include <string>

#include "iommu/linux/dma_cookie.h"
#include "iommu/linux/dma_domain.h"
#include "iommu/linux/flush_queue.h"

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t mask_32bit = 0xffff'ffff;

std::uint64_t offset_in_granule(const IovaDomain& iovas, std::uint64_t address) {
  return address & (iovas.granule() - 1);
}

/// min_not_zero()
std::uint64_t lower_of(std::uint64_t a, std::uint64_t b) {
  if (a == 0 || b == 0) return a | b;
  return std::min(a, b);
}

/// The try below 4 GiB, when one is due; it must not empty the caches.
std::optional<Pfn> alloc_32bit(DmaCookie& cookie, Device& device, std::uint64_t count, std::uint64_t limit) {
  if (!device.pci || limit <= mask_32bit) return std::nullopt;
  const bool latched = cookie.version >= since::pci_32bit_latch;
  if (latched ? !device.pci->try_32bit_first : cookie.forcedac) return std::nullopt;

  const std::optional<Pfn> pfn =
      cookie.iovas->alloc_iova_fast(count, cookie.iovas->to_pfn(mask_32bit), false);
  if (!pfn && latched) {
    device.pci->try_32bit_first = false;
    if (cookie.log != nullptr)
      cookie.log->dev(LogLevel::Notice, "pci", device.name,
                      "Using " + std::to_string(std::bit_width(limit)) + "-bit DMA addresses");
  }
  return pfn;
}

}  // namespace

std::optional<DmaAddr> alloc_dma_iova(DmaDomain& domain, Device& device, std::uint64_t size,
                                      std::uint64_t mask) {
  DmaCookie& cookie = domain.cookie();
  if (cookie.type == DmaCookie::Type::Msi) {
    const DmaAddr iova = cookie.msi_iova;
    cookie.msi_iova += size;
    if (iova == 0) return std::nullopt;  // no address is told from no success
    return iova;
  }

  IovaDomain& iovas = *cookie.iovas;
  const std::uint64_t limit = std::min(lower_of(mask, device.bus_dma_limit), domain.aperture_end());
  const std::uint64_t count = size >> iovas.shift();
  std::optional<Pfn> pfn = alloc_32bit(cookie, device, count, limit);
  if (!pfn) pfn = iovas.alloc_iova_fast(count, iovas.to_pfn(limit), true);
  if (!pfn) return std::nullopt;
  return iovas.to_iova(*pfn);
}

void free_dma_iova(DmaDomain& domain, DmaAddr iova, std::uint64_t size, bool queued) {
  DmaCookie& cookie = domain.cookie();
  if (cookie.type == DmaCookie::Type::Msi) {
    cookie.msi_iova -= size;  // only ever the last one
    return;
  }
  IovaDomain& iovas = *cookie.iovas;
  if (queued)
    cookie.flush_queue->queue(iovas.to_pfn(iova), size >> iovas.shift());
  else
    iovas.free_iova_fast(iovas.to_pfn(iova), size >> iovas.shift());
}

DmaAddr map_dma(Device& device, PhysAddr phys, std::uint64_t size, IommuProt prot, std::uint64_t mask) {
  DmaDomain& domain = *device.domain;
  const std::uint64_t offset = offset_in_granule(domain.iovas(), phys);
  size = align_up(size + offset, domain.iovas().granule());
  const std::optional<DmaAddr> iova = alloc_dma_iova(domain, device, size, mask);
  if (!iova) return dma_mapping_error;
  if (!domain.map(*iova, phys - offset, size, prot)) {
    free_dma_iova(domain, *iova, size, false);
    return dma_mapping_error;
  }
  return *iova + offset;
}

void unmap_dma(Device& device, DmaAddr iova, std::uint64_t size) {
  DmaDomain& domain = *device.domain;
  const std::uint64_t offset = offset_in_granule(domain.iovas(), iova);
  iova -= offset;
  size = align_up(size + offset, domain.iovas().granule());
  const bool queued = domain.cookie().flush_queue != nullptr;
  IotlbGather gather{.queued = queued};
  if (domain.unmap_fast(iova, size, gather) != size) ++domain.cookie().warnings;
  if (!queued) domain.iotlb_sync(gather);
  free_dma_iova(domain, iova, size, queued);
}

bool uses_dma_iommu(const Device& device) {
  return device.domain != nullptr && is_dma_domain(device.domain->type()) && device.iommu_dma;
}

}  // namespace sidewinder::kernel
