// SPDX-License-Identifier: Apache-2.0

#include "sim/stream_devices.h"

#include <algorithm>
#include <utility>

#include "iommu/linux/dma_iova.h"
#include "iommu/linux/dma_mask.h"
#include "iommu/linux/dma_reservation.h"

namespace sidewinder::sim {
namespace {

using kernel::Device;
using kernel::DmaDomain;

constexpr const char* driver_name = "qcom-iris";

using Matches = bool (*)(const kernel::IommuSpecifier&, std::uint32_t sid);

std::optional<kernel::DeviceNode> find_child(const kernel::DeviceTree& tree, const std::string& path,
                                             std::uint32_t sid, Matches matches) {
  for (kernel::DeviceNode& child : tree.children(path)) {
    if (std::any_of(child.iommus.begin(), child.iommus.end(),
                    [&](const kernel::IommuSpecifier& specifier) { return matches(specifier, sid); }))
      return std::move(child);
    if (std::optional<kernel::DeviceNode> deeper = find_child(tree, child.path, sid, matches)) return deeper;
  }
  return std::nullopt;
}

/// The child, at any depth, that names the StreamID in its `iommus`, or else has it under a mask there.
std::optional<kernel::DeviceNode> find_child(const kernel::DeviceTree& tree, const std::string& path,
                                             std::uint32_t sid) {
  const Matches exactly = [](const kernel::IommuSpecifier& entry, std::uint32_t id) {
    return entry.sid == id;
  };
  const Matches by_mask = [](const kernel::IommuSpecifier& entry, std::uint32_t id) {
    return entry.covers(id);
  };
  if (auto child = find_child(tree, path, sid, exactly)) return child;
  return find_child(tree, path, sid, by_mask);
}

/// Whether no address below `bound` can be handed out.
bool keeps_below(const DmaDomain& domain, std::uint64_t bound) {
  const kernel::IovaDomain& iovas = domain.iovas();
  kernel::Pfn next = iovas.start_pfn();
  for (const kernel::IovaRange& range : iovas.ranges()) {
    if (range.pfn_lo > next) break;
    next = std::max(next, range.pfn_hi + 1);
  }
  return iovas.to_iova(next) >= bound;
}

}  // namespace

StreamDevices::StreamDevices(kernel::Iommu& iommu, const kernel::KernelLog& log, const Scenario& scenario,
                             const PlatformDescription& description, std::size_t device)
    : iommu_(&iommu),
      log_(&log),
      scenario_(&scenario),
      description_(&description),
      device_(device),
      bindings_(kernel::bindings_of(scenario.kernel.version, scenario.kernel.backport)),
      streams_(profile().streams.size()) {
  for (std::size_t stream = 0; stream < profile().streams.size(); ++stream)
    sources_.push_back(source_of(stream));
}

StreamDevices::Source StreamDevices::source_of(std::size_t stream) const {
  const kernel::DeviceNode& node = description_->devices[device_];
  const StreamProfile& what = profile().streams[stream];
  if (const auto child = find_child(description_->tree, node.path, what.sid))
    return {child->dev_name, child->path, std::nullopt, std::nullopt};
  // What software that gives each stream a domain of its own works with: the device, by this stream alone.
  if (scenario_->policy == Policy::Unbundled) return {node.dev_name, node.path, std::nullopt, what.sid};
  const auto function = static_cast<std::uint32_t>(stream);
  if (node.has_iommu_map) return {node.dev_name + ":" + what.name, node.path, function, std::nullopt};
  return {node.dev_name, node.path, std::nullopt, std::nullopt};
}

kernel::Result<Device*> StreamDevices::probe(const Source& source,
                                             const std::function<void(Device&)>& described) {
  Device& device = devices_.emplace_back();
  device.name = source.name;
  if (source.path == description_->devices[device_].path && !source.function) device.driver = driver_name;
  if (const kernel::Status status =
          configure_device(device, description_->tree, source.path, source.function, bindings_, *log_);
      !status)
    return kernel::fail(status.error());
  if (source.only_sid) {
    const auto other = [sid = *source.only_sid](const kernel::StreamSpecifier& specifier) {
      return ((specifier.id ^ sid) & ~unsigned{specifier.mask}) != 0;
    };
    device.streams.erase(std::remove_if(device.streams.begin(), device.streams.end(), other),
                         device.streams.end());
  }
  if (described) described(device);
  // of_iommu_configure() goes on without an IOMMU, whatever went wrong (dev_dbg: "Adding to IOMMU failed").
  static_cast<void>(iommu_->probe_device(device));
  return &device;
}

/// The node's own device first, whose driver makes the others; it needs no stream of the VPU's to be probed.
kernel::Status StreamDevices::probe_all() {
  const kernel::DeviceNode& node = description_->devices[device_];
  const Source own{node.dev_name, node.path, std::nullopt, std::nullopt};
  const bool unbundled = scenario_->policy == Policy::Unbundled;
  node_device_ = nullptr;
  if (!unbundled && (!node.iommus.empty() || scenario_->queues == QueueOwner::Node)) {
    const kernel::Result<Device*> device = probe(own);
    if (!device) return kernel::fail(device.error());
    node_device_ = *device;
  }
  streams_.assign(sources_.size(), nullptr);
  for (std::size_t stream = 0; stream < sources_.size(); ++stream) {
    const auto same = std::find(sources_.begin(), sources_.end(), sources_[stream]);
    Device* known = streams_[static_cast<std::size_t>(same - sources_.begin())];
    if (known == nullptr && sources_[stream] == own) known = node_device_;
    if (known == nullptr) {
      const kernel::Result<Device*> device = probe(sources_[stream]);
      if (!device) return kernel::fail(device.error());
      known = *device;
    }
    streams_[stream] = known;
  }
  return {};
}

kernel::Device* StreamDevices::of_node() const {
  return scenario_->queues == QueueOwner::Node && separates_devices(scenario_->policy) ? node_device_
                                                                                       : nullptr;
}

std::vector<kernel::RuntimePm*> StreamDevices::suppliers() const {
  std::vector<kernel::RuntimePm*> iommus;
  for (const Device& device : devices_)
    if (device.driver == driver_name && device.iommu_power != nullptr &&
        std::find(iommus.begin(), iommus.end(), device.iommu_power) == iommus.end())
      iommus.push_back(device.iommu_power);
  return iommus;
}

kernel::Status StreamDevices::set_up() {
  if (const kernel::Status status = probe_all(); !status) return status;
  if (kernel::Device* node = of_node(); node != nullptr && scenario_->mask != MaskRule::None)
    set_mask(*node, profile().dma_mask);
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    const StreamProfile& what = profile().streams[stream];
    if (const std::optional<std::uint64_t> mask = mask_for(stream)) set_mask(*streams_[stream], *mask);
    if (what.is_firmware()) {
      attach_firmware(stream);
    } else if (reserves_at_run_time() && what.window.lo != 0) {
      if (const kernel::Status status = reserve(*streams_[stream], 0, what.window.lo); !status)
        log_->dev(kernel::LogLevel::Err, driver_name, streams_[stream]->name,
                  std::string("cannot reserve addresses: ") + to_string(status.error()));
    }
  }
  return {};
}

/// A driver with one device for several streams knows one mask; the firmware's is its loader's.
std::optional<std::uint64_t> StreamDevices::mask_for(std::size_t stream) const {
  const StreamProfile& what = profile().streams[stream];
  const auto users = std::count(streams_.begin(), streams_.end(), streams_[stream]);
  const bool separate = users == 1 && separates_devices(scenario_->policy);
  if (what.is_firmware() || (scenario_->mask == MaskRule::Stream && separate)) return what.window.hi - 1;
  if (scenario_->mask != MaskRule::None) return profile().dma_mask;
  return std::nullopt;
}

/// dma_set_mask_and_coherent(), which fails only where DMA is direct and the mask reaches too little memory.
void StreamDevices::set_mask(Device& device, std::uint64_t mask) {
  const kernel::PhysRange& last = description_->memory.back();
  if (const kernel::Status status =
          kernel::set_dma_mask_and_coherent(device, mask, {.end = last.base + last.size});
      !status)
    log_->dev(kernel::LogLevel::Err, driver_name, device.name,
              std::string("cannot set the DMA mask: ") + to_string(status.error()));
}

/// A device that is not the firmware's alone keeps its domain.
void StreamDevices::attach_firmware(std::size_t stream) {
  Device& device = *streams_[stream];
  if (device.domain == nullptr) return;
  const bool alone = std::count(streams_.begin(), streams_.end(), &device) == 1;
  kernel::Result<std::unique_ptr<DmaDomain>> domain = kernel::fail(kernel::Errno::EBUSY_);
  if (alone) domain = iommu_->attach_unmanaged(device);
  if (domain) {
    firmware_domain_ = std::move(*domain);
  } else {
    log_->dev(kernel::LogLevel::Err, driver_name, device.name,
              std::string("cannot attach a domain for the firmware: ") + to_string(domain.error()));
  }
}

bool StreamDevices::reserves_at_run_time() const {
  return scenario_->policy == Policy::Runtime || scenario_->policy == Policy::RuntimeHardened;
}

kernel::Status StreamDevices::reserve(Device& device, kernel::DmaAddr start, std::uint64_t length) const {
  return scenario_->policy == Policy::RuntimeHardened
             ? kernel::set_resv_region_hardened(device, start, length)
             : kernel::set_resv_region(device, start, length);
}

Survival StreamDevices::reprobe() {
  std::vector<std::size_t> bounded;
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    const std::uint64_t bound = profile().streams[stream].window.lo;
    if (bound != 0 && kernel::uses_dma_iommu(*streams_[stream]) &&
        keeps_below(*streams_[stream]->domain, bound))
      bounded.push_back(stream);
  }
  for (std::size_t stream = 0; stream < streams_.size(); ++stream)
    if (firmware_domain_ != nullptr && profile().streams[stream].is_firmware())
      iommu_->detach_unmanaged(*streams_[stream], std::move(firmware_domain_));
  for (Device* device : streams_) iommu_->release_device(*device);
  if (node_device_ != nullptr) iommu_->release_device(*node_device_);
  if (!probe_all()) return Survival::Lost;

  if (bounded.empty()) return Survival::NoBounds;
  return std::all_of(bounded.begin(), bounded.end(),
                     [this](std::size_t stream) {
                       return kernel::uses_dma_iommu(*streams_[stream]) &&
                              keeps_below(*streams_[stream]->domain, profile().streams[stream].window.lo);
                     })
             ? Survival::Kept
             : Survival::Lost;
}

Survival StreamDevices::share() {
  Survival result = Survival::NoBounds;
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    if (profile().streams[stream].is_firmware()) continue;
    const std::optional<bool> bounded = bounds_a_second_device(stream);
    if (!bounded) continue;
    if (!*bounded) return Survival::Lost;
    result = Survival::Kept;
  }
  return result;
}

/// The second device must keep out of one page of the stream's window, which the first may use; as its bus
/// would have it, out of all below that page. Nothing: the policy has no means to say so.
std::optional<bool> StreamDevices::bounds_a_second_device(std::size_t stream) {
  if (description_->smmuv3_config) return std::nullopt;  // its driver refuses a StreamID that is somebody's
  if (!kernel::uses_dma_iommu(*streams_[stream])) return std::nullopt;
  const kernel::IovaDomain& iovas = streams_[stream]->domain->iovas();
  const std::uint64_t page = iovas.granule();
  const AddressRange& window = profile().streams[stream].window;
  kernel::Pfn next = std::max(iovas.to_pfn(window.lo), iovas.start_pfn());
  for (const kernel::IovaRange& range : iovas.ranges())
    if (range.pfn_lo <= next) next = std::max(next, range.pfn_hi + 1);
  const kernel::DmaAddr address = iovas.to_iova(next);
  if (address >= window.hi) return std::nullopt;
  const Device& first = *streams_[stream];

  switch (scenario_->policy) {
    case Policy::None:
    case Policy::Shared:
    case Policy::Unbundled:
    case Policy::IommuMap:
      return std::nullopt;
    case Policy::DmaRanges:
      if (!bindings_.lower_dma_bound || first.dma_base == 0) return std::nullopt;
      break;
    case Policy::ChildNodes:
    case Policy::Uniform:
    case Policy::IommuRanges:
    case Policy::DeviceTree:
      if (first.reserved_regions.size() == 1) return std::nullopt;  // the software's MSI window
      break;
    case Policy::Runtime:
    case Policy::RuntimeHardened: {
      const kernel::Result<Device*> second = probe(sources_[stream]);
      if (!second || !reserve(**second, address, page)) return std::nullopt;
      return iovas.find_iova(iovas.to_pfn(address)).has_value();
    }
  }
  const kernel::Result<Device*> second = probe(sources_[stream], [&](Device& device) {
    if (scenario_->policy == Policy::DmaRanges)
      device.dma_base = address + page;
    else
      device.reserved_regions.push_back({.start = address, .length = page});
  });
  return second && (*second)->iommu_dma && iovas.find_iova(iovas.to_pfn(address)).has_value();
}

}  // namespace sidewinder::sim
