// SPDX-License-Identifier: Apache-2.0

#include "sim/board.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "iommu/linux/device_tree.h"
#include "sim/policy.h"
#include "sim/text.h"
#include "sim/tree_writer.h"

namespace sidewinder::sim {
namespace {

constexpr const char* firmware_child = "/video-firmware";  // venus_firmware_init()

std::vector<kernel::VideoNode> candidates(const kernel::DeviceTree& tree, const DeviceProfile& device) {
  if (device.compatible.empty()) return tree.video_nodes();
  const std::vector<std::string_view> names(device.compatible.begin(), device.compatible.end());
  return tree.video_nodes(names);
}

/// What the tree has instead of the node that is missing.
std::string video_units_of(const kernel::DeviceTree& tree) {
  const std::vector<kernel::VideoNode> nodes = tree.video_nodes();
  if (nodes.empty()) return "no node of a Qualcomm video unit at all";
  std::vector<std::string> units;
  units.reserve(nodes.size());
  for (const kernel::VideoNode& node : nodes) units.push_back(node.path + " (" + node.compatible + ")");
  return join(units);
}

void choose_node(const Scenario& scenario, const kernel::DeviceTree& tree, DeviceProfile& device) {
  std::vector<kernel::VideoNode> nodes = candidates(tree, device);
  if (nodes.empty())
    throw InputError(device.where,
                     "no node of " + scenario.platform.string() + " is compatible with " +
                         (device.compatible.empty() ? "a Qualcomm video driver" : join(device.compatible)) +
                         ": it has " + video_units_of(tree));
  std::stable_partition(nodes.begin(), nodes.end(),
                        [](const kernel::VideoNode& node) { return node.available; });
  device.node = nodes.front().path;
}

/// Whether it was disabled.
bool enable(TreeWriter& tree, const std::string& path) {
  if (tree.available(path)) return false;
  tree.set_text(path, "status", "okay");
  return true;
}

/// With the provider of its power domain, for which its probe would wait.
void enable_smmu(TreeWriter& tree, const std::string& path, PlatformReport& used) {
  if (enable(tree, path)) used.smmu_enabled = true;
  if (const auto provider = tree.referenced(path, "power-domains"); provider && enable(tree, *provider))
    used.enabled_power_domain = *provider;
}

std::string compatible_of(const DeviceProfile& device, const kernel::DeviceTree& tree,
                          const kernel::DeviceNode& node) {
  for (const kernel::VideoNode& candidate : candidates(tree, device))
    if (candidate.path == node.path) return candidate.compatible;
  return node.compatible.empty() ? "" : node.compatible.front();
}

/// Throws InputError unless one domain for all StreamIDs is what the policy makes.
void check_policy(const Scenario& scenario, const StreamProfile& stream) {
  if (scenario.policy == Policy::Shared || scenario.policy == Policy::DeviceTree) return;
  throw InputError(stream.where,
                   "stream '" + stream.name + "' has all StreamIDs of `iommus`, but the policy " +
                       std::string(to_string(scenario.policy)) +
                       " tells streams apart: with this profile it must be shared or device-tree");
}

void read_stream_ids(const Scenario& scenario, const kernel::DeviceTree& tree, const kernel::DeviceNode& node,
                     DeviceProfile& device) {
  for (std::size_t index = 0; index < device.streams.size();) {
    StreamProfile& stream = device.streams[index];
    if (stream.sid_source == SidSource::Iommus) {
      check_policy(scenario, stream);
      if (node.iommus.empty())
        throw kernel::DeviceTreeError(
            node.path, "has no `iommus`, from which stream '" + stream.name + "' takes its StreamIDs");
      stream.sid = node.iommus.front().sid;
    } else if (stream.sid_source == SidSource::VideoFirmware) {
      const std::vector<kernel::DeviceNode> children = tree.children(node.path);
      const auto child = std::find_if(children.begin(), children.end(), [&](const kernel::DeviceNode& each) {
        return each.path == node.path + firmware_child && !each.iommus.empty();
      });
      if (child == children.end()) {
        drop_stream(device, index);
        continue;
      }
      stream.sid = child->iommus.front().sid;
    }
    ++index;
  }
}

void report_stream_ids(const kernel::DeviceNode& node, UsedDevice& used) {
  for (const kernel::IommuSpecifier& specifier : node.iommus)
    used.stream_ids.push_back({specifier.sid, specifier.mask});
}

}  // namespace

BoardFit fit_to_board(const Scenario& scenario, const std::vector<std::byte>& tree) {
  BoardFit fit{.tree = {}, .profile = scenario.profile, .used = {}};
  const kernel::DeviceTree given(tree);
  TreeWriter writer(tree);
  for (DeviceProfile& device : fit.profile.devices) {
    if (device.node.empty()) choose_node(scenario, given, device);
    for (const DeviceProfile& other : fit.profile.devices)
      if (&other != &device && other.node == device.node)
        throw InputError(device.where, "device " + std::string(device.label()) + " is at " + device.node +
                                           ", as is the one at line " + std::to_string(other.where.line) +
                                           ": each must have a node of its own");
    UsedDevice used;
    used.node = device.node;
    if (device.enable && writer.exists(device.node)) {
      used.enabled = enable(writer, device.node);
      if (const auto smmu = writer.referenced(device.node, "iommus")) enable_smmu(writer, *smmu, fit.used);
    }
    fit.used.devices.push_back(std::move(used));
  }
  fit.tree = writer.finish();

  const kernel::DeviceTree enabled(fit.tree);
  for (std::size_t index = 0; index < fit.profile.devices.size(); ++index) {
    DeviceProfile& device = fit.profile.devices[index];
    UsedDevice& used = fit.used.devices[index];
    const kernel::DeviceNode node = enabled.device(device.node);
    used.compatible = compatible_of(scenario.profile.devices[index], enabled, node);
    report_stream_ids(node, used);
    read_stream_ids(scenario, enabled, node, device);
  }
  return fit;
}

}  // namespace sidewinder::sim
