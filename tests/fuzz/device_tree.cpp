// SPDX-License-Identifier: Apache-2.0
//
// Whatever a device tree says, its reader answers or throws DeviceTreeError. An input is a flattened tree.

#include <libfdt.h>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "iommu/linux/device_tree.h"

namespace {

using namespace sidewinder::kernel;

constexpr int most_nodes = 24;  // of one tree: the look-ups walk it from its start each time

void require(bool condition) {
  if (!condition) std::abort();
}

template <typename Action>
void attempt(Action action) {
  try {
    action();
  } catch (const DeviceTreeError& error) {
    require(!error.message().empty());
  }
}

std::vector<std::string> some_paths(const void* fdt) {
  std::vector<std::string> paths;
  for (int at = 0; at >= 0 && paths.size() < most_nodes; at = fdt_next_node(fdt, at, nullptr)) {
    std::array<char, 512> path{};
    if (fdt_get_path(fdt, at, path.data(), path.size()) == 0) paths.emplace_back(path.data());
  }
  return paths;
}

void check(const SmmuNode& smmu) {
  const bool smmuv3 = smmu.model == SmmuModel::Smmuv3;
  require(smmu.iommu_cells == 1 || (smmu.iommu_cells == 2 && !smmuv3));
  require(smmu.context_interrupts.empty() == smmuv3);
  require(smmu.reg.size != 0);
}

void check(const DmaLimits& limits) {
  if (limits.map.empty()) require(limits.bus_dma_limit == 0 && limits.status.has_value());
  if (limits.status) require((limits.bus_dma_limit & ~limits.mask) == 0);
}

void check(const IovaReservations& reservations) {
  for (const IovaReservation& region : reservations.regions) require(region.size != 0);
}

void ask_of_node(const DeviceTree& tree, const std::string& path, std::uint32_t id) {
  attempt([&] {
    const DeviceNode device = tree.device(path);
    require(!device.reg.empty());
    for (const IommuSpecifier& specifier : device.iommus) require(specifier.covers(specifier.sid));
  });
  attempt([&] {
    for (const DeviceNode& child : tree.children(path)) require(child.available());
  });
  for (const IommuMapRule rule :
       {IommuMapRule::FourCells, IommuMapRule::TargetCells, IommuMapRule::EveryMatch})
    attempt([&] {
      const IommuMapAnswer answer = tree.map_iommu_id(path, id, rule);
      if (answer.specifiers && rule != IommuMapRule::EveryMatch) require(answer.specifiers->size() <= 1);
    });
  for (const DmaOwner owner : {DmaOwner::Node, DmaOwner::SyntheticChild})
    for (const DmaBounds bounds : {DmaBounds::StartAndSize, DmaBounds::HighestEnd})
      attempt([&] { check(tree.dma_limits(path, owner, bounds)); });
  attempt([&] { check(tree.iova_reservations(path)); });
  attempt([&] { static_cast<void>(tree.iommu_ranges(path)); });
  attempt([&] { check(tree.smmu(std::vector{path})); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> blob(bytes, bytes + size);
  attempt([&] {
    const DeviceTree tree(blob);
    attempt([&] { static_cast<void>(tree.memory()); });
    attempt([&] { require(tree.reserved_memory().nodes.size() <= tree.reserved_memory_count()); });
    attempt([&] { check(tree.smmu({})); });
    attempt([&] { static_cast<void>(tree.video_nodes()); });
    for (std::uint32_t phandle = 0; phandle < 4; ++phandle) {
      attempt([&] { check(tree.smmu_at(phandle)); });
      attempt([&] { static_cast<void>(tree.clients(phandle)); });
    }
    for (const std::string& path : some_paths(blob.data()))
      ask_of_node(tree, path, std::to_integer<std::uint32_t>(blob.back()));
  });
  return 0;
}
