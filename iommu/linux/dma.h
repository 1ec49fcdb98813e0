// SPDX-License-Identifier: Apache-2.0
//
// The DMA API as drivers see it (Documentation/core-api/dma-api.rst), on IOMMU domains
// (drivers/iommu/dma-iommu.c).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_H
#define SIDEWINDER_IOMMU_LINUX_DMA_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iommu/linux/dma_addr.h"
#include "iommu/linux/dma_attrs.h"
#include "iommu/linux/dma_device.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/reserved_region.h"

namespace sidewinder::kernel {

class DmaDomain;
class RuntimePm;
class PageAllocator;
class Swiotlb;

/// One StreamID of a device, or a set of them (the fwspec's ids).
struct StreamSpecifier {
  std::uint32_t id = 0;
  std::uint16_t mask = 0;  ///< SMR.MASK: set bits of the ID do not matter; SMMUv2 only
};

/// The part of struct device that the DMA API reads.
struct Device {
  std::string name;                 ///< dev_name(), as logs show it
  std::string driver = "platform";  ///< dev_driver_string(): its bus's where no driver is bound
  std::vector<StreamSpecifier> streams;
  RuntimePm* iommu_power = nullptr;               ///< of its IOMMU: the device link to it; null: none
  DmaDomain* domain = nullptr;                    ///< attached domain; null: DMA is not translated
  std::uint64_t dma_mask = 0xffff'ffff;           ///< highest address the device can put on the bus
  std::uint64_t coherent_dma_mask = 0xffff'ffff;  ///< the same, for coherent allocations
  std::uint64_t bus_dma_limit = 0;                ///< highest address the bus lets through; 0: no limit
  bool dma_coherent = false;                      ///< the device tree's dma-coherent
  bool dma_can_stall = false;  ///< the device tree's dma-can-stall: it bears stalled accesses
  unsigned pasid_bits = 0;     ///< the device tree's pasid-num-bits, or of a PCI device's PASID capability
  bool has_dma_mask = true;    ///< false: dev->dma_mask is null, no streaming DMA
  DmaParameters dma_parameters{};
  std::optional<PciFunction> pci{};  ///< none: a platform device
  Swiotlb* swiotlb = nullptr;        ///< bounce buffers; null: inactive

  std::vector<DmaRegion> dma_range_map{};          ///< of its dma-ranges; empty: addresses are 1:1
  DmaAddr dma_base = 0;                            ///< lowest address that its dma-ranges allow
  DmaAddr dma_limit = ~DmaAddr{0};                 ///< highest
  std::vector<ReservedRegion> reserved_regions{};  ///< iommu_get_resv_regions()
  bool in_stream_map = false;                      ///< its SMMU's driver knows its streams
  bool iommu_dma = false;                          ///< its DMA API is dma-iommu's (dev->dma_ops)
};

struct PhysRange {
  PhysAddr base = 0;
  std::uint64_t size = 0;
};

/// One allocation: contiguous for the device at [iova, iova + size), in pieces for the CPU.
struct DmaBuffer {
  DmaAddr iova = 0;
  std::uint64_t size = 0;        ///< bytes mapped: what was asked for, rounded up to whole pages
  std::vector<PhysRange> pages;  ///< in IOVA order
  std::uint64_t spare = 0;       ///< bytes taken together with the last of `pages`, and not mapped
  bool direct = false;           ///< `iova` is the physical address: no IOMMU is set up for the device
};

/// Where byte `offset` of the buffer is for the CPU; offset must be below buffer.size.
[[nodiscard]] PhysAddr phys_of(const DmaBuffer& buffer, std::uint64_t offset);

class DmaApi {
 public:
  explicit DmaApi(PageAllocator& pages) : pages_(&pages) {}

  /// dma_alloc_attrs(): zeroed pages mapped readable and writable at one IOVA below the coherent mask, in as
  /// large pages as there are; with `force_contiguous`, from one block of 2^n pages. Without dma-iommu, from
  /// one block at its own address. ENOMEM: no IOVA, no physical page, or no page for a table. EINVAL: size 0,
  /// or the device's domain is its driver's own.
  [[nodiscard]] Result<DmaBuffer> alloc(Device& device, std::uint64_t size, DmaAttrs attrs = {});

  /// What a driver does that owns an unmanaged domain: zeroed pages mapped at exactly `iova` with
  /// iommu_map(). EINVAL: not an unmanaged domain, or not whole pages. ENOMEM: no page. EEXIST: something is
  /// mapped there.
  [[nodiscard]] Result<DmaBuffer> map_at(Device& device, DmaAddr iova, std::uint64_t size);

  /// dma_free_attrs(): unmaps, invalidates the TLB, frees the IOVA and the pages; the pages alone where the
  /// device has lost its domain meanwhile.
  void free(Device& device, const DmaBuffer& buffer);

 private:
  [[nodiscard]] Result<DmaBuffer> map_pages(Device& device, DmaAddr iova, std::vector<PhysRange> pages,
                                            DmaAttrs attrs);
  [[nodiscard]] Result<DmaBuffer> alloc_contiguous(Device& device, std::uint64_t size, DmaAttrs attrs);
  void free_pages(const DmaBuffer& buffer);

  PageAllocator* pages_;
};

}  // namespace sidewinder::kernel

#endif
