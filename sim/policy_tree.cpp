// SPDX-License-Identifier: Apache-2.0

#include "sim/policy_tree.h"

#include <algorithm>
#include <string_view>

#include "iommu/linux/device_tree.h"
#include "sim/tree_writer.h"

namespace sidewinder::sim {
namespace {

using Cells = TreeWriter::Cells;

void append64(Cells& cells, std::uint64_t value) {
  cells.push_back(static_cast<std::uint32_t>(value >> 32));
  cells.push_back(static_cast<std::uint32_t>(value));
}

/// One device of the profile, being rewritten.
class DeviceWriter {
 public:
  DeviceWriter(TreeWriter& tree, const DeviceProfile& profile, const kernel::DeviceNode& node,
               std::uint32_t iommu_cells)
      : tree_(&tree), profile_(&profile), path_(node.path), iommu_cells_(iommu_cells), iommus_(node.iommus) {}

  /// In reverse: libfdt puts each new node before those that are there.
  void write(Policy policy, std::uint64_t uniform_size) {
    tree_->remove(path_, "iommus");
    if (policy == Policy::IommuMap) {
      write_iommu_map();
      return;
    }
    if (!separates_devices(policy)) write_iommus();
    for (std::size_t stream = profile_->streams.size(); stream-- > 0;) {
      if (profile_->streams[stream].sid_source == SidSource::VideoFirmware) continue;  // it has its node
      if (profile_->streams[stream].is_firmware())
        write_stream_node(path_, stream);
      else if (separates_devices(policy))
        write_child(policy, stream, uniform_size);
    }
  }

 private:
  [[nodiscard]] const kernel::IommuSpecifier& specifier(std::size_t stream) const {
    const std::uint32_t sid = profile_->streams[stream].sid;
    return *std::find_if(iommus_.begin(), iommus_.end(),
                         [sid](const kernel::IommuSpecifier& entry) { return entry.covers(sid); });
  }

  [[nodiscard]] Cells cells_of(const kernel::IommuSpecifier& entry) const {
    Cells cells{entry.phandle, entry.sid};
    if (iommu_cells_ == 2) cells.push_back(entry.mask);
    return cells;
  }

  void write_iommus() {
    Cells cells;
    for (const kernel::IommuSpecifier& entry : iommus_) {
      const bool blocks =
          std::any_of(profile_->streams.begin(), profile_->streams.end(), [&](const StreamProfile& stream) {
            if (stream.sid_source != SidSource::Profile) return stream.sid_source == SidSource::Iommus;
            return !stream.is_firmware() && entry.covers(stream.sid);
          });
      if (!blocks) continue;
      const Cells more = cells_of(entry);
      cells.insert(cells.end(), more.begin(), more.end());
    }
    tree_->set(path_, "iommus", cells);
  }

  /// Function n of the device is stream n of the profile.
  void write_iommu_map() {
    Cells cells;
    for (std::size_t stream = 0; stream < profile_->streams.size(); ++stream) {
      if (profile_->streams[stream].sid_source == SidSource::VideoFirmware) continue;
      cells.push_back(static_cast<std::uint32_t>(stream));
      const Cells entry = cells_of(specifier(stream));
      cells.insert(cells.end(), entry.begin(), entry.end());
      cells.push_back(1);
    }
    tree_->set(path_, "iommu-map", cells);
  }

  std::string write_stream_node(const std::string& parent, std::size_t stream) {
    std::string node = tree_->add_node(parent, stream_node_name(*profile_, stream));
    tree_->set(node, "iommus", cells_of(specifier(stream)));
    return node;
  }

  void write_child(Policy policy, std::size_t stream, std::uint64_t uniform_size) {
    set_cells(path_);
    const AddressRange& window = profile_->streams[stream].window;
    std::string parent = path_;
    if (policy == Policy::DmaRanges) parent = write_bus(stream);
    const std::string node = write_stream_node(parent, stream);
    if (policy == Policy::ChildNodes) write_reservation(node, stream, window.lo);
    if (policy == Policy::Uniform) write_reservation(node, stream, uniform_size);
    if (policy == Policy::IommuRanges) {
      Cells usable;
      append64(usable, window.lo);
      append64(usable, window.hi - window.lo);
      tree_->set(node, "iommu-ranges", usable);
    }
  }

  /// A bus whose dma-ranges are the stream's window. A range means something only where every bus above it
  /// passes DMA on.
  std::string write_bus(std::size_t stream) {
    std::string above = path_;
    while (above.size() > 1) {
      if (!tree_->has(above, "dma-ranges")) tree_->set(above, "dma-ranges", {});
      above.resize(std::max<std::size_t>(above.find_last_of('/'), 1));
    }
    std::string bus = tree_->add_node(path_, stream_node_name(*profile_, stream) + "-bus");
    set_cells(bus);
    const AddressRange& window = profile_->streams[stream].window;
    Cells range;
    append64(range, window.lo);
    append64(range, window.lo);
    append64(range, window.hi - window.lo);
    tree_->set(bus, "dma-ranges", range);
    return bus;
  }

  /// Keeps [0, bytes) from the device at `node`.
  void write_reservation(const std::string& node, std::size_t stream, std::uint64_t bytes) {
    if (bytes == 0) return;
    if (!tree_->exists("/reserved-memory")) {
      const std::string parent = tree_->add_node("/", "reserved-memory");
      set_cells(parent);
      tree_->set(parent, "ranges", {});
    }
    const std::string device = path_.substr(path_.find_last_of('/') + 1);
    const std::string region =
        tree_->add_node("/reserved-memory", device.substr(0, device.find('@')) + "-" +
                                                stream_node_name(*profile_, stream) + "-iova");
    Cells addresses{tree_->phandle(node)};
    append64(addresses, 0);
    append64(addresses, bytes);
    tree_->set(region, "iommu-addresses", addresses);
    tree_->set(node, "memory-region", {tree_->phandle(region)});
  }

  void set_cells(const std::string& path) {
    tree_->set(path, "#address-cells", {2});
    tree_->set(path, "#size-cells", {2});
  }

  TreeWriter* tree_;
  const DeviceProfile* profile_;
  std::string path_;
  std::uint32_t iommu_cells_;
  std::vector<kernel::IommuSpecifier> iommus_;
};

}  // namespace

std::vector<std::byte> apply_policy(const std::vector<std::byte>& blob, Policy policy,
                                    const SocProfile& profile, std::uint64_t uniform_size) {
  if (policy == Policy::DeviceTree) return blob;
  const kernel::DeviceTree tree(blob);
  std::vector<std::string> paths;
  for (const DeviceProfile& device : profile.devices) paths.push_back(device.node);
  const std::uint32_t iommu_cells = tree.smmu(paths).iommu_cells;
  TreeWriter writer(blob);
  for (const DeviceProfile& device : profile.devices)
    DeviceWriter(writer, device, tree.device(device.node), iommu_cells).write(policy, uniform_size);
  return writer.finish();
}

std::string stream_node_name(const DeviceProfile& device, std::size_t stream) {
  const StreamProfile& profile = device.streams[stream];
  if (profile.is_firmware()) return "video-firmware";
  // Devicetree Specification v0.4 §2.2.1: 1 to 31 characters of this set.
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._+-";
  constexpr std::size_t longest = 31 - std::string_view("-bus").size();
  const bool valid = !profile.name.empty() && profile.name.size() <= longest &&
                     profile.name.find_first_not_of(allowed) == std::string::npos;
  return valid ? profile.name : "stream-" + std::to_string(stream);
}

}  // namespace sidewinder::sim
