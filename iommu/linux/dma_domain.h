// SPDX-License-Identifier: Apache-2.0
//
// An IOMMU domain (struct iommu_domain), with the IOVA space that dma-iommu keeps for it.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_DOMAIN_H
#define SIDEWINDER_IOMMU_LINUX_DMA_DOMAIN_H

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_cookie.h"
#include "iommu/linux/iommu_ops.h"
#include "iommu/linux/iova.h"

namespace sidewinder::kernel {

class DmaDomain {
 public:
  /// Errors as IommuOps::alloc_domain of the SMMU's driver.
  [[nodiscard]] static Result<std::unique_ptr<DmaDomain>> create(IommuOps& smmu, PageAllocator& pages,
                                                                 DomainType type);

  DmaDomain(const DmaDomain&) = delete;
  DmaDomain& operator=(const DmaDomain&) = delete;
  ~DmaDomain();

  /// __iommu_attach_device(), after the driver's probe_device() where that is still to be done. Errors as of
  /// both.
  [[nodiscard]] Status attach(Device& device);
  /// iommu_enable_nesting(). EINVAL: not unmanaged, or the driver knows no such thing. EBUSY: attached.
  [[nodiscard]] Status enable_nesting();

  // The following are for paging domains only.

  /// iommu_map(): in the largest pages that both addresses and the size allow; all of it or nothing. EINVAL:
  /// not whole pages. Others as IoPgtable::map_pages.
  [[nodiscard]] Status map(DmaAddr iova, PhysAddr base, std::uint64_t size, IommuProt prot);
  /// iommu_unmap(): the TLB is clean when it returns. Bytes unmapped; 0 where iova or size is
  /// not whole pages.
  std::uint64_t unmap(DmaAddr iova, std::uint64_t size);
  /// iommu_unmap_fast(): without waiting for the TLB; with gather.queued, also without invalidating it.
  std::uint64_t unmap_fast(DmaAddr iova, std::uint64_t size, IotlbGather& gather);
  void iotlb_sync(IotlbGather& gather);  ///< iommu_iotlb_sync(): the TLB is clean of what was gathered
  /// iommu_flush_iotlb_all(): everything of this domain's, and waits.
  void flush_iotlb_all() { ops_->flush_iotlb_all(); }

  [[nodiscard]] std::optional<PhysAddr> iova_to_phys(DmaAddr iova) const { return ops_->iova_to_phys(iova); }

  [[nodiscard]] DomainType type() const { return type_; }
  void set_type(DomainType type) { type_ = type; }  ///< Dma to DmaFq and back only
  /// Of an SMMUv2, where the domain translates.
  [[nodiscard]] std::optional<unsigned> bank() const { return ops_->context_bank(); }
  [[nodiscard]] DmaAddr aperture_start() const { return 0; }
  [[nodiscard]] DmaAddr aperture_end() const { return (DmaAddr{1} << ops_->input_bits()) - 1; }
  [[nodiscard]] DmaCookie& cookie() { return cookie_; }
  [[nodiscard]] const DmaCookie& cookie() const { return cookie_; }
  [[nodiscard]] IovaDomain& iovas() { return *cookie_.iovas; }
  [[nodiscard]] const IovaDomain& iovas() const { return *cookie_.iovas; }
  [[nodiscard]] HostBus& bus() const { return smmu_->bus(); }

 private:
  DmaDomain(IommuOps& smmu, std::unique_ptr<IommuDomainOps> ops, DomainType type);

  IommuOps* smmu_;
  std::unique_ptr<IommuDomainOps> ops_;
  DomainType type_;
  DmaCookie cookie_;
};

}  // namespace sidewinder::kernel

#endif
