// SPDX-License-Identifier: Apache-2.0
//
// Usage: board_probe TREE.dtb...
//
// What each board's device tree says of its video unit, as Linux would read it: one line for each video node,
// its fields separated by tabs. The first is "read", or "refused" with the reason in place of what could not
// be read (kind=REASON is the same without the board's own names). Boards without a video node print nothing.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "iommu/linux/device_tree.h"

namespace {

using namespace sidewinder::kernel;

std::vector<std::byte> contents_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error(file.string() + ": cannot be read");
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

std::string hex(std::uint64_t value) {
  std::ostringstream text;
  text << "0x" << std::hex << value;
  return text.str();
}

std::string range(const PhysRange& at) {
  return hex(at.base) + "+" + hex(at.size);
}

template <typename List, typename Text>
std::string joined(const List& list, Text text) {
  std::string all;
  for (const auto& item : list) {
    if (!all.empty()) all += ',';
    all += text(item);
  }
  return all.empty() ? "none" : all;
}

/// A word of a message, without the tree's own names and numbers.
std::string general(const std::string& word) {
  if (word.front() == '/') return word.back() == ',' ? "NODE," : "NODE";
  return word.rfind("0x", 0) == 0 ? "N" : word;
}

/// Such that equal reasons are equal text.
std::string reason_of(const std::string& message) {
  std::istringstream words(message);
  std::string reason;
  for (std::string word; words >> word;) {
    if (!reason.empty()) reason += ' ';
    reason += general(word);
  }
  return reason;
}

class Line {
 public:
  void field(const std::string& name, const std::string& value) { text_ += "\t" + name + "=" + value; }

  /// Adds what `action` adds, or says why it could not.
  template <typename Action>
  void try_fields(Action action) {
    try {
      action();
    } catch (const DeviceTreeError& error) {
      if (!refused()) refusal_ << "\twhy=" << error.what() << "\treason=" << reason_of(error.message());
    }
  }

  [[nodiscard]] bool refused() const { return !refusal_.str().empty(); }
  [[nodiscard]] std::string text() const { return text_ + refusal_.str(); }

 private:
  std::string text_;
  std::ostringstream refusal_;
};

std::string stream(const IommuSpecifier& specifier) {
  return hex(specifier.sid) + "/" + hex(specifier.mask);
}

/// Of the children those that are devices behind an IOMMU, with their streams.
std::string children_of(const DeviceTree& tree, const std::string& path) {
  std::vector<DeviceNode> children = tree.children(path);
  children.erase(std::remove_if(children.begin(), children.end(),
                                [](const DeviceNode& child) { return child.iommus.empty(); }),
                 children.end());
  return joined(children, [](const DeviceNode& child) {
    return child.dev_name + "[" + joined(child.iommus, stream) + "]";
  });
}

std::string limit_of(const DeviceTree& tree, const std::string& path) {
  const DmaLimits limits = tree.dma_limits(path, DmaOwner::Node, DmaBounds::HighestEnd);
  return limits.bus_dma_limit == 0 ? "none" : hex(limits.bus_dma_limit);
}

void add_device(Line& line, const DeviceTree& tree, const std::string& path) {
  const DeviceNode device = tree.device(path);
  line.field("name", device.dev_name);
  line.field("reg", joined(device.reg, range));
  line.field("intids", joined(device.interrupts, [](const Interrupt& i) { return std::to_string(i.intid); }));
  line.field("coherent", device.dma_coherent ? "yes" : "no");
  line.field("streams", joined(device.iommus, stream));
}

void add_smmu(Line& line, const DeviceTree& tree, const std::string& path) {
  const SmmuNode smmu = tree.smmu(std::vector{path});
  line.field("smmu", smmu.path);
  line.field("smmu-kind", smmu.compatible);
  line.field("quirks", smmu.implementation == SmmuImplementation::Qualcomm ? "qualcomm" : "arm");
  line.field("smmu-reg", range(smmu.reg));
  line.field("iommu-cells", std::to_string(smmu.iommu_cells));
  line.field("global-interrupts", std::to_string(smmu.global_interrupts.size()));
  line.field("context-interrupts", std::to_string(smmu.context_interrupts.size()));
  line.field("smmu-coherent", smmu.dma_coherent ? "yes" : "no");
}

void add_surroundings(Line& line, const DeviceTree& tree, const std::string& path) {
  line.field("dma-limit", limit_of(tree, path));
  line.field("reservations", std::to_string(tree.iova_reservations(path).regions.size()));
  line.field("children", children_of(tree, path));
  line.field("reserved-memory", std::to_string(tree.reserved_memory().nodes.size()));
  line.field("memory", joined(tree.memory(), range));
}

void print(const DeviceTree& tree, const std::string& board, const VideoNode& node) {
  Line line;
  line.field("node", node.path);
  line.field("compatible", node.compatible);
  line.field("status", node.available ? "okay" : "disabled");
  line.try_fields([&] { add_device(line, tree, node.path); });
  line.try_fields([&] { add_smmu(line, tree, node.path); });
  line.try_fields([&] { add_surroundings(line, tree, node.path); });
  std::cout << (line.refused() ? "refused\t" : "read\t") << board << line.text() << "\n";
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> files(argv + 1, argv + argc);
  if (files.empty() || files.front().front() == '-') {
    std::cerr << "usage: board_probe TREE.dtb...\n";
    return 2;
  }
  for (const std::string& file : files) {
    const DeviceTree tree(contents_of(file));
    const std::string board = std::filesystem::path(file).stem().string();
    for (const VideoNode& node : tree.video_nodes()) print(tree, board, node);
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "board_probe: " << error.what() << "\n";
  return 1;
}
