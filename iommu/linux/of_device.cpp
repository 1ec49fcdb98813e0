// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/of_device.h"

#include <algorithm>
#include <utility>

#include "iommu/linux/dma_msi.h"

namespace sidewinder::kernel {
namespace {

StreamSpecifier stream(const IommuSpecifier& specifier) {
  return {specifier.sid, specifier.mask};
}

void say(const KernelLog& log, const Device& device, const std::vector<std::string>& lines) {
  // What begins so is printed without a device (pr_fmt of drivers/of/).
  for (const std::string& line : lines) {
    if (line.rfind("OF: ", 0) == 0)
      log.print(LogLevel::Err, line);
    else
      log.dev(LogLevel::Warn, device.driver, device.name, line);
  }
}

/// All that `windows` leave out. The proposal has no code yet; this is how iommu-addresses would say it.
std::vector<ReservedRegion> outside(std::vector<IovaWindow> windows) {
  std::sort(windows.begin(), windows.end(),
            [](const IovaWindow& left, const IovaWindow& right) { return left.start < right.start; });
  std::vector<ReservedRegion> regions;
  DmaAddr next = 0;
  for (const IovaWindow& window : windows) {
    if (window.start > next) regions.push_back({.start = next, .length = window.start - next});
    next = std::max(next, window.start + window.size);
  }
  if (next != 0) regions.push_back({.start = next, .length = ~DmaAddr{0} - next + 1});
  return regions;
}

void add_reserved_regions(Device& device, const DeviceTree& tree, const std::string& path,
                          const OfBindings& bindings, const KernelLog& log) {
  if (bindings.iommu_addresses) {
    const IovaReservations reservations = tree.iova_reservations(path);
    for (const IovaReservation& entry : reservations.regions) {
      ReservedRegion region{.start = entry.start, .length = entry.size};
      if (entry.direct) region.type = ReservedRegion::Type::Direct;
      region.prot = {.read = true, .write = true, .cache = device.dma_coherent};
      device.reserved_regions.push_back(region);
    }
    say(log, device, reservations.log);
  }
  if (!bindings.iommu_ranges) return;
  if (const auto windows = tree.iommu_ranges(path)) {
    const std::vector<ReservedRegion> regions = outside(*windows);
    device.reserved_regions.insert(device.reserved_regions.end(), regions.begin(), regions.end());
  }
}

}  // namespace

OfBindings bindings_of(KernelVersion version, bool backport) {
  return {.iommu_addresses = backport || version >= since::iommu_addresses,
          .iommu_map_cells = backport || version >= since::iommu_map_cells,
          .iommu_ranges = backport,  // proposed, in no release
          .lower_dma_bound = version < since::dma_ranges_upper_bound_only};
}

Status configure_device(Device& device, const DeviceTree& tree, const std::string& path,
                        std::optional<std::uint32_t> function, const OfBindings& bindings,
                        const KernelLog& log) {
  const DmaLimits limits = tree.dma_limits(
      path, function ? DmaOwner::SyntheticChild : DmaOwner::Node,
      bindings.lower_dma_bound ? DmaBounds::StartAndSize : DmaBounds::HighestEnd, device.coherent_dma_mask);
  say(log, device, limits.log);
  if (!limits.status) return limits.status;
  device.dma_mask &= limits.mask;
  device.coherent_dma_mask &= limits.mask;
  device.bus_dma_limit = limits.bus_dma_limit;
  for (const DmaRange& range : limits.map) device.dma_range_map.push_back({range.cpu, range.bus, range.size});
  device.dma_base = limits.start;
  device.dma_limit = limits.bus_dma_limit != 0 ? limits.bus_dma_limit : limits.mask;

  if (function) {
    const IommuMapAnswer answer = tree.map_iommu_id(
        path, *function, bindings.iommu_map_cells ? IommuMapRule::TargetCells : IommuMapRule::FourCells);
    for (const std::string& line : answer.log) log.print(LogLevel::Err, line);
    if (answer.specifiers)
      for (const IommuSpecifier& specifier : *answer.specifiers) device.streams.push_back(stream(specifier));
  } else {
    for (const IommuSpecifier& specifier : tree.node(path).iommus)
      device.streams.push_back(stream(specifier));
  }
  const DeviceNode node = tree.node(path);
  device.dma_coherent = node.dma_coherent;
  device.dma_can_stall = node.dma_can_stall;
  device.pasid_bits = node.pasid_bits;
  device.reserved_regions.assign(1, arm_smmu_msi_region());  // arm_smmu_get_resv_regions()
  if (!function) add_reserved_regions(device, tree, path, bindings, log);
  return {};
}

}  // namespace sidewinder::kernel
