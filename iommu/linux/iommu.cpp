// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iommu.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "iommu/linux/dma_init.h"

namespace sidewinder::kernel {

Status Iommu::probe_device(Device& device) {
  if (device.streams.empty()) return fail(Errno::ENODEV_);
  if (Status status = smmu_->probe_device(device); !status) return status;

  const Result<IommuGroup*> group = group_for(device);
  if (!group) {
    free_entries(device);
    return fail(group.error());
  }
  group_of_device_[&device] = *group;
  (*group)->devices.push_back(&device);
  say(device, "Adding to iommu group ", (*group)->id);
  if (Status status = join(**group, device); !status) {
    release_device(device);
    return status;
  }
  set_up_dma(**group, device);
  return {};
}

/// arm_smmu_device_group() of SMMUv2: the last entry decides, as long as no earlier one is of another group.
Result<IommuGroup*> Iommu::group_for(const Device& device) {
  const std::vector<std::size_t> entries = smmu_->entries_of(device);
  IommuGroup* group = nullptr;
  for (const std::size_t entry : entries) {
    const auto found = group_of_entry_.find(entry);
    IommuGroup* const known = found == group_of_entry_.end() ? nullptr : found->second;
    if (group != nullptr && known != nullptr && group != known) return fail(Errno::EINVAL_);
    group = known;
  }
  if (group != nullptr) return group;
  group = &new_group();
  for (const std::size_t entry : entries) group_of_entry_[entry] = group;
  return group;
}

/// With the lowest number that is free (iommu_group_ida).
IommuGroup& Iommu::new_group() {
  unsigned id = 0;
  while (groups_.count(id) != 0) ++id;
  std::unique_ptr<IommuGroup>& group = groups_[id];
  group = std::make_unique<IommuGroup>();
  group->id = id;
  return *group;
}

/// iommu_alloc_default_domain(), and the device's attachment.
Status Iommu::join(IommuGroup& group, Device& device) {
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
  DmaDomain& domain = *group.domain;
  device.iommu_dma = false;
  if (!is_dma_domain(domain.type())) return;
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

void Iommu::say(const Device& device, const char* what, unsigned group) const {
  log_->dev(LogLevel::Info, device.driver, device.name, what + std::to_string(group));
}

/// arm_smmu_master_free_smes(): an entry that nobody uses is of no group.
void Iommu::free_entries(Device& device) {
  const std::vector<std::size_t> entries = smmu_->entries_of(device);
  smmu_->release_device(device);
  for (const std::size_t entry : entries)
    if (!smmu_->entry_in_use(entry)) group_of_entry_.erase(entry);
}

/// iommu_group_remove_device(). What the domain's end yields to finds the group gone.
void Iommu::leave(Device& device) {
  const auto found = group_of_device_.find(&device);
  if (found == group_of_device_.end()) return;
  IommuGroup& group = *found->second;
  group_of_device_.erase(found);
  say(device, "Removing from iommu group ", group.id);
  group.devices.erase(std::find(group.devices.begin(), group.devices.end(), &device));
  device.domain = nullptr;
  device.iommu_dma = false;
  if (!group.devices.empty()) return;
  for (auto entry = group_of_entry_.begin(); entry != group_of_entry_.end();)
    entry = entry->second == &group ? group_of_entry_.erase(entry) : std::next(entry);
  const auto last = groups_.extract(group.id);
}

void Iommu::release_device(Device& device) {
  if (!device.in_stream_map) return;
  free_entries(device);  // arm_smmu_release_device() comes first, so that no stream is left to use the domain
  leave(device);
}

Result<std::unique_ptr<DmaDomain>> Iommu::attach_unmanaged(Device& device) {
  const auto found = group_of_device_.find(&device);
  if (found == group_of_device_.end()) return fail(Errno::ENODEV_);
  IommuGroup& group = *found->second;
  if (group.devices.size() != 1) return fail(Errno::EINVAL_);
  if (group.domain != group.default_domain.get()) return fail(Errno::EBUSY_);
  Result<std::unique_ptr<DmaDomain>> domain = DmaDomain::create(*smmu_, *pages_, DomainType::Unmanaged);
  if (!domain) return domain;
  const bool iommu_dma = device.iommu_dma;  // dev->dma_ops stays, whatever is attached
  if (const Status status = (*domain)->attach(device); !status) return fail(status.error());
  device.iommu_dma = iommu_dma;
  group.domain = domain->get();
  return domain;
}

void Iommu::detach_unmanaged(Device& device, [[maybe_unused]] std::unique_ptr<DmaDomain> domain) {
  const auto found = group_of_device_.find(&device);
  assert(found != group_of_device_.end() && domain != nullptr && found->second->domain == domain.get());
  IommuGroup& group = *found->second;
  group.domain = group.default_domain.get();
  const bool iommu_dma = device.iommu_dma;
  static_cast<void>(group.domain->attach(device));  // to entries and a bank that are there: it cannot fail
  device.iommu_dma = iommu_dma;
}

const IommuGroup* Iommu::group_of(const Device& device) const {
  const auto found = group_of_device_.find(&device);
  return found == group_of_device_.end() ? nullptr : found->second;
}

}  // namespace sidewinder::kernel
