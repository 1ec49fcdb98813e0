// SPDX-License-Identifier: Apache-2.0
//
// What the IOMMU core asks of an SMMU's driver (struct iommu_ops and struct iommu_domain_ops).

#ifndef SIDEWINDER_IOMMU_LINUX_IOMMU_OPS_H
#define SIDEWINDER_IOMMU_LINUX_IOMMU_OPS_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/linux/dma_addr.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/iommu_prot.h"
#include "iommu/linux/iotlb_gather.h"

namespace sidewinder::kernel {

struct Device;
class PageAllocator;

enum class DomainType : std::uint8_t {
  Dma,        ///< IOMMU_DOMAIN_DMA: mapped by the DMA API, invalidated strictly
  DmaFq,      ///< IOMMU_DOMAIN_DMA_FQ: the same, invalidated lazily through a flush queue
  Unmanaged,  ///< IOMMU_DOMAIN_UNMANAGED: mapped by its owner, no IOVA space
  Identity,   ///< IOMMU_DOMAIN_IDENTITY: transactions bypass the SMMU; no context, no tables
  Blocked,    ///< IOMMU_DOMAIN_BLOCKED: transactions fault; no context, no tables (from Linux 6.8)
};

/// Whether the DMA API maps what it is asked for in such a domain.
[[nodiscard]] constexpr bool is_dma_domain(DomainType type) {
  return type == DomainType::Dma || type == DomainType::DmaFq;
}
/// Whether transactions go through translation tables.
[[nodiscard]] constexpr bool is_paging_domain(DomainType type) {
  return is_dma_domain(type) || type == DomainType::Unmanaged;
}

/// A domain as its driver has it. It goes with what it holds of the hardware.
class IommuDomainOps {
 public:
  virtual ~IommuDomainOps() = default;

  /// attach_dev(), of a device that probe_device() has taken.
  [[nodiscard]] virtual Status attach(Device& device) = 0;
  /// enable_nesting(): stage 2 where a first stage would do. EINVAL: the driver knows no such thing. EBUSY: a
  /// device is attached (-EPERM in Linux).
  [[nodiscard]] virtual Status enable_nesting() { return fail(Errno::EINVAL_); }

  // The following are for paging domains only. Without a device attached so far: ENODEV, nothing.

  [[nodiscard]] virtual Status map_pages(DmaAddr iova, PhysAddr base, std::uint64_t size, std::uint64_t count,
                                         IommuProt prot, std::uint64_t& mapped) = 0;
  [[nodiscard]] virtual std::uint64_t unmap_pages(DmaAddr iova, std::uint64_t size, std::uint64_t count,
                                                  IotlbGather& gather) = 0;
  virtual void flush_iotlb_all() = 0;
  virtual void iotlb_sync(IotlbGather& gather) = 0;
  [[nodiscard]] virtual std::optional<PhysAddr> iova_to_phys(DmaAddr iova) const = 0;

  [[nodiscard]] virtual unsigned input_bits() const = 0;  ///< of its addresses
  [[nodiscard]] virtual std::optional<unsigned> context_bank() const { return std::nullopt; }
};

class IommuOps {
 public:
  virtual ~IommuOps() = default;

  /// Makes the device's streams known, unattached; sets in_stream_map and what the device needs of the SMMU.
  [[nodiscard]] virtual Status probe_device(Device& device) = 0;
  virtual void release_device(Device& device) = 0;
  /// The tables come from `pages`.
  [[nodiscard]] virtual Result<std::unique_ptr<IommuDomainOps>> alloc_domain(PageAllocator& pages,
                                                                             DomainType type) = 0;

  /// What makes devices one group: entries of the hardware that they share. None: each is a group of its own.
  [[nodiscard]] virtual std::vector<std::size_t> entries_of(const Device&) const { return {}; }
  [[nodiscard]] virtual bool entry_in_use(std::size_t) const { return false; }

  [[nodiscard]] virtual HostBus& bus() const = 0;
};

}  // namespace sidewinder::kernel

#endif
