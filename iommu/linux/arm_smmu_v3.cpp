// SPDX-License-Identifier: Apache-2.0
//
// The devices behind an SMMUv3, and what its domains are numbered by.

#include "iommu/linux/arm_smmu_v3.h"

#include <algorithm>
#include <utility>

#include "iommu/linux/arm_smmu_v3_cd.h"
#include "iommu/linux/arm_smmu_v3_domain.h"

namespace sidewinder::kernel {
namespace {

/// The lowest number in [first, end) that is not in `used`, which has it from now on; `end`: none.
std::uint32_t take_lowest(std::set<std::uint16_t>& used, std::uint32_t first, std::uint32_t end) {
  std::uint32_t number = first;
  for (auto each = used.lower_bound(static_cast<std::uint16_t>(first)); each != used.end() && *each == number;
       ++each)
    ++number;
  if (number < end) used.insert(static_cast<std::uint16_t>(number));
  return std::min(number, end);
}

}  // namespace

ArmSmmuV3::ArmSmmuV3(HostBus& bus, PageAllocator& pages, const KernelLog& log, ArmSmmuV3Shared& shared,
                     ArmSmmuV3Platform platform)
    : io_{.bus = &bus,
          .log = &log,
          .name = platform.name,
          .base = platform.base,
          .page0_only = platform.page0_only},
      pages_(&pages),
      shared_(&shared),
      platform_(std::move(platform)),
      commands_(io_, shared.commands),
      stream_table_(io_, pages, commands_, platform_.disable_bypass),
      power_(bus, {.suspend = [this] { suspend(); }, .resume = [this] { resume(); }}) {}

Result<std::uint16_t> ArmSmmuV3::alloc_asid() {
  const std::uint32_t end = std::uint32_t{1} << asid_bits_;
  const std::uint32_t asid = take_lowest(shared_->asids, 1, end);
  if (asid == end) return fail(Errno::EBUSY_);
  return static_cast<std::uint16_t>(asid);
}

Result<std::uint16_t> ArmSmmuV3::alloc_vmid() {
  const std::uint32_t end = std::uint32_t{1} << vmid_bits_;
  const std::uint32_t vmid = take_lowest(vmids_, 0, end);
  if (vmid == end) return fail(Errno::ENOSPC_);
  return static_cast<std::uint16_t>(vmid);
}

ArmSmmuV3Master* ArmSmmuV3::master_of(const Device& device) const {
  const auto found = masters_.find(&device);
  return found == masters_.end() ? nullptr : found->second.get();
}

const ArmSmmuV3Master* ArmSmmuV3::master_of_stream(std::uint32_t sid) const {
  const auto found = streams_.find(sid);
  return found == streams_.end() ? nullptr : found->second;
}

Status ArmSmmuV3::probe_device(Device& device) {
  auto master = std::make_unique<ArmSmmuV3Master>();
  master->device = &device;
  const auto insert = [&](std::uint32_t sid) -> Status {
    if (Status status = stream_table_.reach(sid); !status) return status;
    const auto [existing, inserted] = streams_.emplace(sid, master.get());
    master->streams.push_back(sid);
    if (inserted || existing->second == master.get()) return {};
    io_.log->dev(
        LogLevel::Warn, device.driver, device.name,
        format("stream %u already in tree from dev %s", sid, existing->second->device->name.c_str()));
    master->streams.pop_back();
    return fail(Errno::EINVAL_);
  };
  for (const StreamSpecifier& stream : device.streams) {
    if (Status status = insert(stream.id); !status) {
      for (const std::uint32_t sid : master->streams) streams_.erase(sid);
      return status;
    }
  }
  master->ssid_bits = std::min(ssid_bits_, device.pasid_bits);
  if (!features_.is_set<ArmSmmuV3Features::TwoLevelCdTable>())
    master->ssid_bits = std::min(master->ssid_bits, ArmSmmuV3CdTable::most_linear_bits);
  master->stall_enabled = (features_.is_set<ArmSmmuV3Features::Stalls>() && device.dma_can_stall) ||
                          features_.is_set<ArmSmmuV3Features::StallForce>();
  masters_[&device] = std::move(master);
  device.in_stream_map = true;
  if (power_.enabled()) device.iommu_power = &power_;
  return {};
}

void ArmSmmuV3::release_device(Device& device) {
  const auto found = masters_.find(&device);
  if (found == masters_.end()) return;
  ArmSmmuV3Master& master = *found->second;
  ArmSmmuV3Domain::detach(*this, master);
  for (const std::uint32_t sid : master.streams) streams_.erase(sid);
  masters_.erase(found);
  device.in_stream_map = false;
}

Result<std::unique_ptr<IommuDomainOps>> ArmSmmuV3::alloc_domain(PageAllocator& pages, DomainType type) {
  return std::make_unique<ArmSmmuV3Domain>(*this, pages, type);
}

}  // namespace sidewinder::kernel
