// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iommu.h"

#include <algorithm>

#include "iommu/linux/dma_init.h"

namespace sidewinder::kernel {

Status Iommu::probe_device(Device& device) {
  if (device.streams.empty()) return fail(Errno::ENODEV_);
  if (Status status = smmu_->alloc_smes(device.streams); !status) return status;
  device.in_stream_map = true;

  Status status;
  const Result<IommuGroup*> known = find_group(device);
  if (known) {
    IommuGroup* group = *known;
    if (group == nullptr) {
      group = groups_.emplace_back(std::make_unique<IommuGroup>()).get();
      group->id = next_group_++;
      for (const std::size_t entry : smmu_->entries_of(device.streams)) group_of_entry_[entry] = group;
    }
    status = join(*group, device);
    if (status) {
      set_up_dma(*group, device);
      return status;
    }
    leave(*group, device);
  } else {
    status = fail(known.error());
  }
  smmu_->free_smes(device.streams);
  device.in_stream_map = false;
  return status;
}

/// arm_smmu_device_group(): the group that its entries are of already; null: of none.
Result<IommuGroup*> Iommu::find_group(const Device& device) const {
  IommuGroup* group = nullptr;
  for (const std::size_t entry : smmu_->entries_of(device.streams)) {
    const auto found = group_of_entry_.find(entry);
    if (found == group_of_entry_.end()) continue;
    if (group != nullptr && group != found->second) return fail(Errno::EINVAL_);
    group = found->second;
  }
  return group;
}

/// iommu_alloc_default_domain(), and the device's attachment to it.
Status Iommu::join(IommuGroup& group, Device& device) {
  group.devices.push_back(&device);
  if (group.default_domain == nullptr) {
    Result<std::unique_ptr<DmaDomain>> domain = DmaDomain::create(*smmu_, *pages_, options_.default_domain);
    if (!domain) return fail(domain.error());
    group.default_domain = std::move(*domain);
    group.domain = group.default_domain.get();
  }
  return group.domain->attach(device);
}

/// iommu_create_device_direct_mappings() and iommu_setup_dma_ops().
void Iommu::set_up_dma(IommuGroup& group, Device& device) {
  DmaDomain& domain = *group.default_domain;
  device.iommu_dma = false;
  if (domain.type() != DomainType::Dma && domain.type() != DomainType::DmaFq) return;
  static_cast<void>(create_direct_mappings(domain, device.reserved_regions));
  DmaInit init;
  init.base = device.dma_base;
  init.limit = device.dma_limit;
  init.version = options_.version;
  init.regions = device.reserved_regions;
  init.cpus = options_.cpus;
  init.strategy = options_.strategy;
  init.log = log_;
  device.iommu_dma = static_cast<bool>(init_domain(domain, device, init));
  if (!device.iommu_dma)
    log_->print(LogLevel::Warn,
                "Failed to set up IOMMU for device " + device.name + "; retaining platform DMA ops");
}

void Iommu::leave(IommuGroup& group, Device& device) {
  group.devices.erase(std::remove(group.devices.begin(), group.devices.end(), &device), group.devices.end());
  device.domain = nullptr;
  device.iommu_dma = false;
  if (!group.devices.empty()) return;
  for (auto entry = group_of_entry_.begin(); entry != group_of_entry_.end();)
    entry = entry->second == &group ? group_of_entry_.erase(entry) : std::next(entry);
  const auto owner = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const auto& candidate) { return candidate.get() == &group; });
  groups_.erase(owner);
}

void Iommu::release_device(Device& device) {
  if (!device.in_stream_map) return;
  const Result<IommuGroup*> group = find_group(device);
  // arm_smmu_release_device() comes first, so that no stream is left to use the domain.
  smmu_->free_smes(device.streams);
  device.in_stream_map = false;
  if (group && *group != nullptr) leave(**group, device);
}

Result<std::unique_ptr<DmaDomain>> Iommu::attach_unmanaged(Device& device) {
  const Result<IommuGroup*> group = find_group(device);
  if (!device.in_stream_map || !group || *group == nullptr || (*group)->devices.size() != 1)
    return fail(Errno::EINVAL_);
  if ((*group)->domain != (*group)->default_domain.get()) return fail(Errno::EBUSY_);
  Result<std::unique_ptr<DmaDomain>> domain = DmaDomain::create(*smmu_, *pages_, DomainType::Unmanaged);
  if (!domain) return domain;
  if (const Status status = (*domain)->attach(device); !status) return fail(status.error());
  (*group)->domain = domain->get();
  return domain;
}

void Iommu::detach_unmanaged(Device& device, std::unique_ptr<DmaDomain> domain) {
  const Result<IommuGroup*> group = find_group(device);
  if (group && *group != nullptr && (*group)->domain == domain.get()) {
    (*group)->domain = (*group)->default_domain.get();
    static_cast<void>(
        (*group)->domain->attach(device));  // to entries and a bank that are there: it cannot fail
  }
}

const IommuGroup* Iommu::group_of(const Device& device) const {
  const Result<IommuGroup*> group = find_group(device);
  return device.in_stream_map && group ? *group : nullptr;
}

}  // namespace sidewinder::kernel
