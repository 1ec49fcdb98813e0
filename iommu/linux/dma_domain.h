// SPDX-License-Identifier: Apache-2.0
//
// An IOMMU domain on one context bank of an arm-smmu, with the IOVA space that dma-iommu keeps for it.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_DOMAIN_H
#define SIDEWINDER_IOMMU_LINUX_DMA_DOMAIN_H

#include <cstdint>
#include <memory>
#include <optional>

#include "iommu/linux/arm_smmu.h"
#include "iommu/linux/dma.h"
#include "iommu/linux/dma_cookie.h"
#include "iommu/linux/io_pgtable.h"
#include "iommu/linux/iova.h"

namespace sidewinder::kernel {

enum class DomainType : std::uint8_t {
  Dma,        ///< IOMMU_DOMAIN_DMA: mapped by the DMA API, invalidated strictly
  DmaFq,      ///< IOMMU_DOMAIN_DMA_FQ: the same, invalidated lazily through a flush queue
  Unmanaged,  ///< IOMMU_DOMAIN_UNMANAGED: mapped by its owner, no IOVA space
  Identity,   ///< IOMMU_DOMAIN_IDENTITY: transactions bypass the SMMU; no context bank, no tables
  Blocked,    ///< IOMMU_DOMAIN_BLOCKED: transactions fault; no context bank, no tables (from Linux 6.8)
};

/// Whether the DMA API maps what it is asked for in such a domain.
[[nodiscard]] constexpr bool is_dma_domain(DomainType type) {
  return type == DomainType::Dma || type == DomainType::DmaFq;
}
/// Whether transactions go through translation tables.
[[nodiscard]] constexpr bool is_paging_domain(DomainType type) {
  return is_dma_domain(type) || type == DomainType::Unmanaged;
}

class DmaDomain : private TlbFlush {
 public:
  /// Takes a context bank and a root table, and enables translation, if such a domain translates. ENOSPC: no
  /// bank. ENOMEM: no page.
  [[nodiscard]] static Result<std::unique_ptr<DmaDomain>> create(ArmSmmu& smmu, PageAllocator& pages,
                                                                 DomainType type);

  DmaDomain(const DmaDomain&) = delete;
  DmaDomain& operator=(const DmaDomain&) = delete;
  ~DmaDomain() override;

  /// arm_smmu_attach_dev(), after arm_smmu_probe_device() where that is still to be done. EINVAL, ENOSPC: as
  /// ArmSmmu::alloc_smes.
  [[nodiscard]] Status attach(Device& device);

  // The following are for paging domains only.

  /// iommu_map(): in the largest pages that both addresses and the size allow; all of it or nothing. EINVAL:
  /// not whole pages. Others as IoPgtable::map_pages.
  [[nodiscard]] Status map(DmaAddr iova, PhysAddr base, std::uint64_t size, IommuProt prot);
  /// iommu_unmap(): the TLB is clean when it returns. Bytes unmapped; 0 where iova or size is
  /// not whole pages.
  std::uint64_t unmap(DmaAddr iova, std::uint64_t size);
  /// iommu_unmap_fast(): without waiting for the TLB; `queued`, also without invalidating it.
  std::uint64_t unmap_fast(DmaAddr iova, std::uint64_t size, bool queued);
  void iotlb_sync();       ///< iommu_iotlb_sync(): waits for invalidations
  void flush_iotlb_all();  ///< iommu_flush_iotlb_all(): everything of this domain's, and waits

  [[nodiscard]] std::optional<PhysAddr> iova_to_phys(DmaAddr iova) const {
    return tables_->iova_to_phys(iova);
  }

  [[nodiscard]] DomainType type() const { return type_; }
  void set_type(DomainType type) { type_ = type; }  ///< Dma to DmaFq and back only
  [[nodiscard]] std::optional<unsigned> bank() const {
    return is_paging_domain(type_) ? std::optional(bank_) : std::nullopt;
  }
  [[nodiscard]] DmaAddr aperture_start() const { return 0; }
  [[nodiscard]] DmaAddr aperture_end() const { return (DmaAddr{1} << smmu_->va_bits()) - 1; }
  [[nodiscard]] DmaCookie& cookie() { return cookie_; }
  [[nodiscard]] const DmaCookie& cookie() const { return cookie_; }
  [[nodiscard]] IovaDomain& iovas() { return *cookie_.iovas; }
  [[nodiscard]] const IovaDomain& iovas() const { return *cookie_.iovas; }
  [[nodiscard]] HostBus& bus() const { return smmu_->bus(); }

 private:
  DmaDomain(ArmSmmu& smmu, DomainType type, unsigned bank);

  [[nodiscard]] std::uint16_t asid() const { return static_cast<std::uint16_t>(bank_); }
  void flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override;
  void add_page(std::uint64_t iova, std::uint64_t granule) override;

  ArmSmmu* smmu_;
  DomainType type_;
  unsigned bank_;
  std::optional<IoPgtable> tables_;
  DmaCookie cookie_;
};

}  // namespace sidewinder::kernel

#endif
