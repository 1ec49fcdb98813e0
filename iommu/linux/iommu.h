// SPDX-License-Identifier: Apache-2.0
//
// The IOMMU core (drivers/iommu/iommu.c): what lies between a device's description and its first DMA mapping.
// Devices whose transactions the SMMU cannot tell apart are one group; a group has one domain.

#ifndef SIDEWINDER_IOMMU_LINUX_IOMMU_H
#define SIDEWINDER_IOMMU_LINUX_IOMMU_H

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_domain.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/iommu_ops.h"
#include "iommu/linux/kernel_version.h"
#include "iommu/linux/log.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {

struct IommuOptions {
  KernelVersion version{};
  DomainType default_domain = DomainType::Dma;  ///< iommu.passthrough=, iommu.strict=
  unsigned cpus = 1;                            ///< possible CPUs
  IovaStrategy strategy = IovaStrategy::Linux;  ///< of the domains' address spaces
};

struct IommuGroup {
  unsigned id = 0;
  std::vector<Device*> devices;  ///< in the order they were probed
  std::unique_ptr<DmaDomain> default_domain;
  DmaDomain* domain = nullptr;  ///< the one attached
};

class Iommu {
 public:
  Iommu(IommuOps& smmu, PageAllocator& pages, const KernelLog& log, const IommuOptions& options)
      : smmu_(&smmu), pages_(&pages), log_(&log), options_(options) {}
  Iommu(const Iommu&) = delete;
  Iommu& operator=(const Iommu&) = delete;

  /// iommu_probe_device() and arch_setup_dma_ops(): its streams, group, default domain, reserved regions.
  /// ENODEV: it has no streams, so that its DMA is not translated. EINVAL: its streams belong to several
  /// groups. Others as of the SMMU's driver. A failed device has no group. Success with `iommu_dma` false:
  /// the addresses do not suit the group's domain, and the device does direct DMA behind it.
  [[nodiscard]] Status probe_device(Device& device);
  /// iommu_release_device(): a group goes with its last device, and its domain with it.
  void release_device(Device& device);

  /// iommu_domain_alloc() and iommu_attach_device(): an unmanaged domain of a driver's own, in place of the
  /// default one, which keeps its context bank. ENODEV: no group. EINVAL: one of several devices. EBUSY: its
  /// driver's domain is attached already. Others as DmaDomain::create.
  [[nodiscard]] Result<std::unique_ptr<DmaDomain>> attach_unmanaged(Device& device);
  /// iommu_detach_device() and iommu_domain_free(), of the domain that attach_unmanaged() gave.
  void detach_unmanaged(Device& device, std::unique_ptr<DmaDomain> domain);

  [[nodiscard]] const IommuGroup* group_of(const Device& device) const;

 private:
  [[nodiscard]] Result<IommuGroup*> group_for(const Device& device);
  [[nodiscard]] IommuGroup& new_group();
  [[nodiscard]] Status join(IommuGroup& group, Device& device);
  void leave(Device& device);
  void free_entries(Device& device);
  void say(const Device& device, const char* what, unsigned group) const;
  void set_up_dma(IommuGroup& group, Device& device);

  IommuOps* smmu_;
  PageAllocator* pages_;
  const KernelLog* log_;
  IommuOptions options_;
  std::map<unsigned, std::unique_ptr<IommuGroup>> groups_;  ///< by id
  std::map<std::size_t, IommuGroup*> group_of_entry_;       ///< by stream mapping entry (s2crs[].group)
  std::map<const Device*, IommuGroup*> group_of_device_;    ///< dev->iommu_group; only looked up
};

}  // namespace sidewinder::kernel

#endif
