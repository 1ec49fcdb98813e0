// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/device_tree.h"

#include <libfdt.h>
#include <algorithm>
#include <array>
#include <string_view>

#include "iommu/linux/of_address.h"
#include "iommu/linux/of_iommu.h"
#include "iommu/linux/of_irq.h"
#include "iommu/linux/of_node.h"
#include "iommu/linux/of_power.h"

namespace sidewinder::kernel {
namespace {

using of::hex;
using of::Node;

/// venus_dt_match and iris_dt_match (drivers/media/platform/qcom), of 6.1 to 2026, and what was proposed for
/// Kaanapali.
constexpr std::array<std::string_view, 20> video_compatibles{
    "qcom,msm8916-venus", "qcom,msm8939-venus",   "qcom,msm8996-venus", "qcom,msm8998-venus",
    "qcom,qcm2290-venus", "qcom,sc7180-venus",    "qcom,sc7280-venus",  "qcom,sdm660-venus",
    "qcom,sdm845-venus",  "qcom,sdm845-venus-v2", "qcom,sm8250-venus",  "qcom,qcs8300-iris",
    "qcom,sa8775p-iris",  "qcom,sm8550-iris",     "qcom,sm8650-iris",   "qcom,sm8750-iris",
    "qcom,x1e80100-iris", "qcom,x1p42100-iris",   "qcom,glymur-iris",   "qcom,kaanapali-iris"};

/// Every node, in the tree's order.
template <typename Visit>
void for_each_node(const void* fdt, Visit visit) {
  for (int at = 0; at >= 0; at = fdt_next_node(fdt, at, nullptr)) visit(Node(fdt, at));
}

DeviceNode common_parts(const Node& node) {
  DeviceNode device;
  device.path = node.path();
  device.dev_name = of::dev_name(node);
  device.compatible = node.compatible();
  device.interrupts = of::interrupts_of(node);
  device.iommus = of::iommus_of(node);
  device.has_iommu_map = node.has("iommu-map");
  device.dma_coherent = of::dma_coherent(node);
  device.dma_can_stall = node.has("dma-can-stall");
  device.pasid_bits = node.cell("pasid-num-bits").value_or(0);
  device.status = node.text("status", "okay");
  return device;
}

/// arm_smmu_device_dt_probe() of arm-smmu-v3, and what arm_smmu_device_probe() asks for by name.
Smmuv3Node read_smmuv3(const Node& node) {
  const std::vector<Interrupt> all = of::interrupts_of(node);
  const auto named = [&](const char* name) -> std::optional<Interrupt> {
    const std::optional<std::size_t> place = node.index_of("interrupt-names", name);
    if (!place) return std::nullopt;
    if (*place >= all.size()) {
      throw node.error("interrupt-names has " + std::string(name) + " at place " +
                       std::to_string(*place + 1) + ", but there are " + std::to_string(all.size()) +
                       " interrupts");
    }
    return all[*place];
  };
  return {.combined = named("combined"),
          .eventq = named("eventq"),
          .priq = named("priq"),
          .gerror = named("gerror"),
          .cmdq_sync = named("cmdq-sync"),
          .broken_prefetch = node.has("hisilicon,broken-prefetch-cmd"),
          .page0_only = node.has("cavium,cn9900-broken-page1-regspace")};
}

/// arm_smmu_device_dt_probe() and arm_smmu_device_probe() of arm-smmu refuse the same.
void read_smmuv2_interrupts(const Node& node, SmmuNode& smmu) {
  const std::optional<std::uint32_t> global = node.cell("#global-interrupts");
  if (!global)
    throw node.error("#global-interrupts is missing: it must say how many of the interrupts are global");
  const std::vector<Interrupt> all = of::interrupts_of(node);
  if (all.size() <= *global) {
    throw node.error("has " + std::to_string(all.size()) + " interrupts, " + std::to_string(*global) +
                     " of them global: it must have at least one more, for a context bank");
  }
  const auto first_context = all.begin() + static_cast<std::ptrdiff_t>(*global);
  smmu.global_interrupts.assign(all.begin(), first_context);
  smmu.context_interrupts.assign(first_context, all.end());
}

SmmuNode read_smmu(const Node& node, const of::SmmuMatch& match) {
  SmmuNode smmu;
  smmu.path = node.path();
  smmu.phandle = node.phandle();
  smmu.model = match.model;
  smmu.implementation = match.implementation;
  smmu.compatible = match.compatible;
  smmu.reg = of::registers_of(node).front();
  smmu.dev_name = of::dev_name(node);
  smmu.iommu_cells = of::iommu_cells(node);
  smmu.stream_match_mask = of::stream_match_mask(node);
  smmu.dma_coherent = of::dma_coherent(node);
  smmu.power_domain = of::power_domain_of(node);
  if (match.model == SmmuModel::Smmuv3)
    smmu.v3 = read_smmuv3(node);
  else
    read_smmuv2_interrupts(node, smmu);
  return smmu;
}

SmmuNode read_smmu(const Node& node) {
  return read_smmu(node, of::smmu_match(node).value_or(of::SmmuMatch{}));
}

/// Available SMMUv2s, or else SMMUv3s; throws when there is none.
std::vector<Node> smmus_of(const void* fdt) {
  std::vector<Node> smmus;
  std::vector<Node> smmuv3s;
  for_each_node(fdt, [&](const Node& node) {
    if (!node.available()) return;
    if (const std::optional<of::SmmuMatch> match = of::smmu_match(node))
      (match->model == SmmuModel::Smmuv3 ? smmuv3s : smmus).push_back(node);
  });
  if (smmus.empty()) smmus = std::move(smmuv3s);
  if (smmus.empty()) {
    throw DeviceTreeError(
        "/", "has no SMMU: there must be an available node compatible with " + of::smmu_compatibles());
  }
  return smmus;
}

}  // namespace

DeviceTreeError::DeviceTreeError(std::string path, std::string message)
    : std::runtime_error(path + ": " + message), path_(std::move(path)), message_(std::move(message)) {}

DeviceTree::DeviceTree(std::vector<std::byte> blob) : blob_(std::move(blob)) {
  const int status =
      blob_.size() < sizeof(fdt_header) ? -FDT_ERR_TRUNCATED : fdt_check_full(blob_.data(), blob_.size());
  if (status != 0) {
    throw DeviceTreeError("/",
                          std::string("is not a well-formed flattened device tree: ") + fdt_strerror(status));
  }
}

std::vector<PhysRange> DeviceTree::memory() const {
  const Node root(blob_.data(), 0);
  std::vector<PhysRange> ranges;
  for (const Node& node : root.children()) {  // early_init_dt_scan_memory()
    if (node.text("device_type", "") != "memory" || !node.available()) continue;
    for (const PhysRange& range : of::address_pairs(node, "reg", root)) {
      if (range.size == 0) continue;
      of::check_end(node, range);
      for (const PhysRange& other : ranges) {
        if (range.base > other.base + (other.size - 1) || other.base > range.base + (range.size - 1))
          continue;
        throw node.error("reg 0x" + hex(range.base) + " + 0x" + hex(range.size) + " overlaps 0x" +
                         hex(other.base) + " + 0x" + hex(other.size) + ": memory must be described once");
      }
      ranges.push_back(range);
    }
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const PhysRange& a, const PhysRange& b) { return a.base < b.base; });
  return ranges;
}

std::size_t DeviceTree::reserved_memory_count() const {
  const int parent = fdt_path_offset(blob_.data(), "/reserved-memory");
  return parent < 0 ? 0 : Node(blob_.data(), parent).children().size();
}

ReservedMemory DeviceTree::reserved_memory() const {
  ReservedMemory reserved;
  const int offset = fdt_path_offset(blob_.data(), "/reserved-memory");
  if (offset < 0) return reserved;
  const Node parent(blob_.data(), offset);
  const Node root(blob_.data(), 0);
  const auto as_root = [&](const char* property) {
    return parent.first_cell(property) == root.first_cell(property).value_or(1);
  };
  if (!as_root("#address-cells") || !as_root("#size-cells") || !parent.has("ranges")) {
    reserved.log.emplace_back("OF: fdt: Reserved memory: unsupported node format, ignoring");
    return reserved;
  }
  for (const Node& child : parent.children()) {
    if (!child.available()) continue;
    ReservedMemoryNode node;
    node.path = child.path();
    node.no_map = child.has("no-map");
    if (child.has("reg")) {
      node.reg = of::address_pairs(child, "reg", root);
    } else if (const std::optional<of::Cells> size = child.cells("size")) {
      if (size->size() != root.child_cells("#size-cells")) {
        throw child.error("size has " + std::to_string(size->size()) + " cells: it must have " +
                          std::to_string(root.child_cells("#size-cells")));
      }
      node.size = of::join(*size, 0, size->size());
    } else {
      continue;
    }
    reserved.nodes.push_back(std::move(node));
  }
  return reserved;
}

SmmuNode DeviceTree::smmu(std::span<const std::string> devices) const {
  const void* const fdt = blob_.data();
  const std::vector<Node> candidates = smmus_of(fdt);
  std::optional<Node> chosen;
  for (const std::string& path : devices) {
    const Node device = Node::at(fdt, path);
    for (const IommuSpecifier& specifier : of::iommus_of(device)) {
      const Node smmu = device.referenced(specifier.phandle, "iommus");
      if (chosen && *chosen != smmu) {
        throw device.error("iommus refers to " + smmu.path() + ", but also " + chosen->path() +
                           " is in use: all devices must be behind one SMMU");
      }
      chosen = smmu;
    }
  }
  if (!chosen && candidates.size() > 1) {
    throw DeviceTreeError("/", "has several SMMUs, " + candidates[0].path() + " and " + candidates[1].path() +
                                   " among them, and no device in use has iommus to tell which");
  }
  return read_smmu(chosen.value_or(candidates.front()));
}

SmmuNode DeviceTree::smmu_at(std::uint32_t phandle) const {
  const std::optional<Node> node = Node(blob_.data(), 0).by_phandle(phandle);
  if (!node) throw DeviceTreeError("/", "has no node with phandle 0x" + hex(phandle));
  const std::optional<of::SmmuMatch> match = of::smmu_match(*node);
  if (!match) throw node->error("is " + of::not_an_smmu(*node));
  if (!node->available()) throw node->error("is disabled: an SMMU in use must be available");
  return read_smmu(*node, *match);
}

DeviceNode DeviceTree::device(const std::string& path) const {
  const Node node = Node::at(blob_.data(), path);
  const std::vector<PhysRange> registers = of::registers_of(node);
  DeviceNode device = common_parts(node);
  device.reg = registers;
  return device;
}

DeviceNode DeviceTree::node(const std::string& path) const {
  const Node node = Node::at(blob_.data(), path);
  DeviceNode device = common_parts(node);
  device.reg = of::memory_resources(node);
  return device;
}

std::vector<DeviceNode> DeviceTree::children(const std::string& path) const {
  std::vector<DeviceNode> children;
  for (const Node& child : Node::at(blob_.data(), path).children()) {
    if (!child.available()) continue;
    children.push_back(common_parts(child));
    children.back().reg = of::memory_resources(child);
  }
  return children;
}

std::vector<std::string> DeviceTree::clients(std::uint32_t smmu_phandle) const {
  std::vector<std::string> paths;
  for_each_node(blob_.data(), [&](const Node& node) {
    if (of::refers_to_iommu(node, smmu_phandle) && node.available()) paths.push_back(node.path());
  });
  return paths;
}

std::vector<VideoNode> DeviceTree::video_nodes() const {
  return video_nodes(video_compatibles);
}

std::vector<VideoNode> DeviceTree::video_nodes(std::span<const std::string_view> names) const {
  std::vector<VideoNode> nodes;
  for_each_node(blob_.data(), [&](const Node& node) {
    for (const std::string& name : node.compatible()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) continue;
      nodes.push_back({node.path(), name, node.available()});
      break;
    }
  });
  return nodes;
}

IommuMapAnswer DeviceTree::map_iommu_id(const std::string& path, std::uint32_t id, IommuMapRule rule) const {
  return of::map_iommu_id(Node::at(blob_.data(), path), id, rule);
}

DmaLimits DeviceTree::dma_limits(const std::string& path, DmaOwner owner, DmaBounds bounds,
                                 std::uint64_t coherent_mask) const {
  return of::dma_limits(Node::at(blob_.data(), path), owner, bounds, coherent_mask);
}

IovaReservations DeviceTree::iova_reservations(const std::string& path) const {
  return of::iova_reservations(Node::at(blob_.data(), path));
}

std::optional<std::vector<IovaWindow>> DeviceTree::iommu_ranges(const std::string& path) const {
  const Node node = Node::at(blob_.data(), path);
  if (!node.has("iommu-ranges")) return std::nullopt;
  const std::optional<Node> parent = node.parent();
  if (!parent) throw node.error("is the root of the tree: a device must be below it");
  std::vector<IovaWindow> windows;
  for (const PhysRange& pair : of::address_pairs(node, "iommu-ranges", *parent)) {
    if (pair.size == 0) throw node.error("iommu-ranges has a size of 0: it must not be empty");
    if (pair.size - 1 > ~std::uint64_t{0} - pair.base) {
      throw node.error("iommu-ranges runs past 2^64: 0x" + hex(pair.base) + " + 0x" + hex(pair.size));
    }
    windows.push_back({pair.base, pair.size});
  }
  return windows;
}

}  // namespace sidewinder::kernel
