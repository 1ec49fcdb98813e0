// SPDX-License-Identifier: Apache-2.0

#include "sim/policy.h"

#include <array>

namespace sidewinder::sim {
namespace {

using namespace std::string_view_literals;

constexpr std::array names{"none"sv,       "shared"sv,      "unbundled"sv,  "runtime"sv, "runtime-hardened"sv,
                           "iommu-map"sv,  "child-nodes"sv, "dma-ranges"sv, "uniform"sv, "iommu-ranges"sv,
                           "device-tree"sv};

}  // namespace

std::span<const std::string_view> policy_names() {
  return names;
}

std::string_view to_string(Policy policy) {
  return names[static_cast<std::size_t>(policy)];
}

std::string_view missing_means(Policy policy, const kernel::KernelVersion& version) {
  switch (policy) {
    case Policy::None:
    case Policy::Shared:
    case Policy::DmaRanges:  // understood by all, though its lower bound is not kept by all
    case Policy::DeviceTree:
      return {};
    case Policy::Unbundled:
      return "a domain for each of one device's streams: Linux has one for all";
    case Policy::Runtime:
    case Policy::RuntimeHardened:
      return "dma_iova_set_resv_region(): proposed, in no release";
    case Policy::IommuMap:
      return version >= kernel::since::iommu_map_cells ? ""sv : "iommu-map entries of five cells"sv;
    case Policy::ChildNodes:
    case Policy::Uniform:
      return version >= kernel::since::iommu_addresses ? ""sv : "iommu-addresses (from 6.3)"sv;
    case Policy::IommuRanges:
      return "iommu-ranges: proposed, in no release";
  }
  return {};
}

bool is_backported(Policy policy, const kernel::KernelVersion& version, bool backport) {
  return backport && (policy == Policy::DeviceTree || !missing_means(policy, version).empty());
}

bool separates_devices(Policy policy) {
  return policy != Policy::Shared && policy != Policy::Unbundled;
}

}  // namespace sidewinder::sim
