// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/device_tree.h"

#include <libfdt.h>
#include <algorithm>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

namespace sidewinder::kernel {
namespace {

constexpr const char* smmu_compatible = "arm,mmu-500";

using Cells = std::vector<std::uint32_t>;

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
  return text;
}

/// A node of the tree, with the look-ups libfdt leaves to its caller.
class Node {
 public:
  Node(const void* fdt, int offset) : fdt_(fdt), offset_(offset) {}

  [[nodiscard]] int offset() const { return offset_; }

  [[nodiscard]] std::string path() const {
    std::string path(128, '\0');
    int status = 0;
    while ((status = fdt_get_path(fdt_, offset_, path.data(), static_cast<int>(path.size()))) ==
           -FDT_ERR_NOSPACE) {
      path.resize(path.size() * 2);
    }
    if (status != 0) return "/";
    path.resize(path.find('\0'));
    return path;
  }

  [[nodiscard]] std::string base_name() const {
    const char* name = fdt_get_name(fdt_, offset_, nullptr);
    const std::string_view full = name == nullptr ? "" : name;
    return std::string(full.substr(0, full.find('@')));
  }

  [[nodiscard]] DeviceTreeError error(std::string message) const { return {path(), std::move(message)}; }

  [[nodiscard]] std::optional<Node> parent() const {
    const int parent = fdt_parent_offset(fdt_, offset_);
    if (parent < 0) return std::nullopt;
    return Node(fdt_, parent);
  }

  [[nodiscard]] bool has(const char* property) const {
    return fdt_getprop(fdt_, offset_, property, nullptr) != nullptr;
  }

  [[nodiscard]] bool compatible_with(const char* name) const {
    return fdt_node_check_compatible(fdt_, offset_, name) == 0;
  }

  /// The property's cells, or nothing when it is absent.
  [[nodiscard]] std::optional<Cells> cells(const char* property) const {
    int length = 0;
    const auto* bytes = static_cast<const std::uint8_t*>(fdt_getprop(fdt_, offset_, property, &length));
    if (bytes == nullptr) return std::nullopt;
    if (length % 4 != 0) {
      throw error(std::string(property) + " is " + std::to_string(length) +
                  " bytes long: it must be whole cells of 4");
    }
    Cells cells;
    for (int at = 0; at < length; at += 4) {
      cells.push_back(fdt32_ld(reinterpret_cast<const fdt32_t*>(bytes + at)));
    }
    return cells;
  }

  [[nodiscard]] std::optional<std::uint32_t> cell(const char* property) const {
    const std::optional<Cells> value = cells(property);
    if (!value) return std::nullopt;
    if (value->size() != 1) {
      throw error(std::string(property) + " has " + std::to_string(value->size()) +
                  " cells: it must have one");
    }
    return value->front();
  }

  /// The property as one string; the fallback when it is absent.
  [[nodiscard]] std::string text(const char* property, const char* fallback) const {
    int length = 0;
    const auto* bytes = static_cast<const char*>(fdt_getprop(fdt_, offset_, property, &length));
    if (bytes == nullptr) return fallback;
    if (length < 1 || bytes[length - 1] != '\0') {
      throw error(std::string(property) + " is not a string: it must end in a zero byte");
    }
    return bytes;
  }

  [[nodiscard]] bool available() const {  // of_device_is_available()
    const std::string status = text("status", "okay");
    return status == "okay" || status == "ok";
  }

  /// #address-cells or #size-cells for this node's children.
  [[nodiscard]] std::size_t child_cells(const char* property) const {
    const bool addresses = std::string_view(property) == "#address-cells";
    const std::uint32_t count =
        cell(property).value_or(addresses ? 2 : 1);  // Devicetree Specification v0.4 §2.3.5
    if (count > 2 || (addresses && count == 0)) {
      throw error(std::string(property) + " is " + std::to_string(count) + ": it must be " +
                  (addresses ? "1" : "0, 1") + " or 2 for devices on it to have a CPU address");
    }
    return count;
  }

  /// The node that `phandle` is of; the message says whose property refers to it.
  [[nodiscard]] Node referenced(std::uint32_t phandle, const char* property) const {
    const int target = fdt_node_offset_by_phandle(fdt_, phandle);
    if (target < 0) {
      throw error(std::string(property) + " refers to phandle 0x" + hex(phandle) + ", which no node has");
    }
    return {fdt_, target};
  }

  [[nodiscard]] std::uint32_t phandle() const { return fdt_get_phandle(fdt_, offset_); }

 private:
  const void* fdt_;
  int offset_;
};

std::uint64_t join(const Cells& cells, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 32 | cells[at + i];
  return value;
}

/// Pairs of address and size, as `parent` counts their cells.
std::vector<PhysRange> address_pairs(const Node& node, const Node& parent) {
  const std::optional<Cells> cells = node.cells("reg");
  if (!cells || cells->empty()) throw node.error("reg is missing: it must give the node's address and size");
  const std::size_t address = parent.child_cells("#address-cells");
  const std::size_t size = parent.child_cells("#size-cells");
  if (cells->size() % (address + size) != 0) {
    throw node.error("reg has " + std::to_string(cells->size()) + " cells: its parent makes each entry " +
                     std::to_string(address) + " of address and " + std::to_string(size) + " of size");
  }
  std::vector<PhysRange> pairs;
  for (std::size_t at = 0; at < cells->size(); at += address + size) {
    pairs.push_back({join(*cells, at, address), join(*cells, at + address, size)});
  }
  return pairs;
}

/// The CPU's address for one on the bus that `node` is on (of_translate_address()).
PhysAddr translate(const Node& node, std::uint64_t address) {
  for (std::optional<Node> bus = node.parent(), above; bus && (above = bus->parent()); bus = above) {
    const std::optional<Cells> ranges = bus->cells("ranges");
    if (!ranges) {
      throw node.error("reg cannot be translated: its bus " + bus->path() + " has no ranges");
    }
    if (ranges->empty()) continue;
    const std::size_t child = bus->child_cells("#address-cells");
    const std::size_t parent = above->child_cells("#address-cells");
    const std::size_t size = bus->child_cells("#size-cells");
    if (ranges->size() % (child + parent + size) != 0) {
      throw bus->error("ranges has " + std::to_string(ranges->size()) + " cells: each entry must have " +
                       std::to_string(child) + " + " + std::to_string(parent) + " + " + std::to_string(size));
    }
    bool found = false;
    for (std::size_t at = 0; at < ranges->size() && !found; at += child + parent + size) {
      const std::uint64_t base = join(*ranges, at, child);
      if (address < base || address - base >= join(*ranges, at + child + parent, size)) continue;
      address = join(*ranges, at + child, parent) + (address - base);
      found = true;
    }
    if (!found) {
      throw node.error("reg cannot be translated: the ranges of its bus " + bus->path() + " do not cover 0x" +
                       hex(address));
    }
  }
  return address;
}

std::vector<PhysRange> registers_of(const Node& node) {
  const std::optional<Node> parent = node.parent();
  if (!parent) throw node.error("is the root of the tree: a device must be below it");
  std::vector<PhysRange> registers = address_pairs(node, *parent);
  for (PhysRange& range : registers) {
    range.base = translate(node, range.base);
    if (range.size == 0) throw node.error("reg has a size of 0: it must not be empty");
    if (range.size - 1 > std::numeric_limits<std::uint64_t>::max() - range.base) {
      throw node.error("reg runs past 2^64: 0x" + hex(range.base) + " + 0x" + hex(range.size));
    }
  }
  return registers;
}

std::string dev_name(const Node& node, PhysAddr address) {  // of_device_make_bus_id()
  return hex(address) + "." + node.base_name();
}

bool dma_coherent(const Node& node) {  // of_dma_is_coherent()
  for (std::optional<Node> at = node; at; at = at->parent()) {
    if (at->has("dma-coherent")) return true;
    if (at->has("dma-noncoherent")) return false;
  }
  return false;
}

/// As of_irq_find_parent(): the nearest `interrupt-parent`, else the parent, until one takes specifiers.
Node interrupt_parent(const Node& node) {
  Node at = node;
  for (int steps = 0; steps < 64; ++steps) {  // an interrupt-parent may lead in a circle
    const std::optional<std::uint32_t> phandle = at.cell("interrupt-parent");
    const std::optional<Node> next = phandle ? at.referenced(*phandle, "interrupt-parent") : at.parent();
    if (!next) break;
    if (next->has("#interrupt-cells")) return *next;
    at = *next;
  }
  throw node.error("has interrupts but no interrupt-parent, nor has any node above it");
}

std::size_t gic_cells(const Node& node, const Node& controller) {
  const std::uint32_t cells = controller.cell("#interrupt-cells").value_or(0);
  if (!controller.has("interrupt-controller") || (cells != 3 && cells != 4)) {
    throw node.error("has its interrupts at " + controller.path() +
                     ", which is not a GIC: an interrupt-controller with three or four #interrupt-cells");
  }
  return cells;
}

Interrupt gic_interrupt(const Node& node, const Cells& cells, std::size_t at) {
  const std::uint32_t type = cells[at];
  const std::uint32_t number = cells[at + 1];
  const std::string text = "interrupt <" + std::to_string(type) + " " + std::to_string(number) + " " +
                           std::to_string(cells[at + 2]) + ">";
  if (type > 1) throw node.error(text + " has a type other than 0 (SPI) or 1 (PPI)");
  const bool spi = type == 0;
  const std::uint32_t count = spi ? 988 : 16;  // IHI 0069 §2.2: INTIDs 32 to 1019 and 16 to 31
  if (number >= count) {
    throw node.error(text + " has a number past the last: it must be at most " + std::to_string(count - 1));
  }
  return {spi ? InterruptType::Spi : InterruptType::Ppi, number, cells[at + 2], number + (spi ? 32 : 16)};
}

std::vector<Interrupt> interrupts_of(const Node& node) {
  std::vector<Interrupt> interrupts;
  // Linux prefers interrupts-extended where both are present (of_irq_parse_one()).
  if (const std::optional<Cells> extended = node.cells("interrupts-extended")) {
    for (std::size_t at = 0; at < extended->size();) {
      const Node controller = node.referenced((*extended)[at], "interrupts-extended");
      const std::size_t cells = gic_cells(node, controller);
      if (extended->size() - at - 1 < cells) throw node.error("interrupts-extended ends inside an entry");
      interrupts.push_back(gic_interrupt(node, *extended, at + 1));
      at += 1 + cells;
    }
    return interrupts;
  }
  const std::optional<Cells> plain = node.cells("interrupts");
  if (!plain) return interrupts;
  const std::size_t cells = gic_cells(node, interrupt_parent(node));
  if (plain->size() % cells != 0) {
    throw node.error("interrupts has " + std::to_string(plain->size()) + " cells: each interrupt takes " +
                     std::to_string(cells));
  }
  for (std::size_t at = 0; at < plain->size(); at += cells)
    interrupts.push_back(gic_interrupt(node, *plain, at));
  return interrupts;
}

std::uint32_t iommu_cells(const Node& smmu) {
  const std::optional<std::uint32_t> cells = smmu.cell("#iommu-cells");
  if (!cells) throw smmu.error("#iommu-cells is missing: it must be 1 or 2");
  if (*cells != 1 && *cells != 2) {
    throw smmu.error("#iommu-cells is " + std::to_string(*cells) + ": it must be 1 or 2");
  }
  return *cells;
}

std::uint16_t sixteen_bits(const Node& node, std::uint32_t value, const char* what) {
  if (value > 0xffff)
    throw node.error(std::string(what) + " 0x" + hex(value) + " is too large: it has 16 bits");
  return static_cast<std::uint16_t>(value);
}

std::uint16_t stream_match_mask(const Node& smmu) {
  return sixteen_bits(smmu, smmu.cell("stream-match-mask").value_or(0), "stream-match-mask");
}

/// One entry of `iommus`, at `at`, which moves past it (arm_smmu_of_xlate()).
IommuSpecifier iommu_specifier(const Node& node, const Cells& cells, std::size_t& at) {
  IommuSpecifier specifier;
  specifier.phandle = cells[at];
  const Node target = node.referenced(specifier.phandle, "iommus");
  if (!target.compatible_with(smmu_compatible)) {
    throw node.error("iommus refers to " + target.path() + ", which is not an " + smmu_compatible);
  }
  if (!target.available()) throw node.error("iommus refers to " + target.path() + ", which is disabled");
  const std::uint32_t count = iommu_cells(target);
  if (cells.size() - at - 1 < count) {
    throw node.error("iommus ends inside an entry: " + target.path() + " takes " + std::to_string(count) +
                     " cells after its phandle");
  }
  specifier.sid = sixteen_bits(node, cells[at + 1], "StreamID");
  specifier.mask =
      count == 2 ? sixteen_bits(node, cells[at + 2], "StreamID mask") : stream_match_mask(target);
  at += 1 + count;
  return specifier;
}

std::vector<IommuSpecifier> iommus_of(const Node& node) {
  std::vector<IommuSpecifier> specifiers;
  const Cells cells = node.cells("iommus").value_or(Cells{});
  for (std::size_t at = 0; at < cells.size();) {
    const IommuSpecifier next = iommu_specifier(node, cells, at);
    for (const IommuSpecifier& earlier : specifiers) {
      if (earlier.phandle != next.phandle || earlier.sid != next.sid) continue;
      throw node.error("iommus has StreamID 0x" + hex(next.sid) + " twice: each must be there once");
    }
    specifiers.push_back(next);
  }
  return specifiers;
}

Node node_at(const void* fdt, const std::string& path) {
  const int offset =
      path.empty() || path.front() != '/' ? -FDT_ERR_BADPATH : fdt_path_offset(fdt, path.c_str());
  if (offset >= 0) return {fdt, offset};
  std::string above = path;
  while (above.size() > 1) {
    above.resize(std::max<std::size_t>(above.find_last_of('/'), 1));
    if (above.front() == '/' && fdt_path_offset(fdt, above.c_str()) >= 0) {
      throw DeviceTreeError(path, "there is no such node: the nearest above it is " + above);
    }
    if (above.find('/') == std::string::npos) break;
  }
  throw DeviceTreeError(path, "is not a full path: it must begin with /");
}

SmmuNode read_smmu(const Node& node) {
  SmmuNode smmu;
  smmu.path = node.path();
  smmu.phandle = node.phandle();
  smmu.reg = registers_of(node).front();
  smmu.dev_name = dev_name(node, smmu.reg.base);
  smmu.iommu_cells = iommu_cells(node);
  smmu.stream_match_mask = stream_match_mask(node);
  smmu.dma_coherent = dma_coherent(node);

  // arm_smmu_device_dt_probe() and arm_smmu_device_probe() refuse the same.
  const std::optional<std::uint32_t> global = node.cell("#global-interrupts");
  if (!global)
    throw node.error("#global-interrupts is missing: it must say how many of the interrupts are global");
  const std::vector<Interrupt> all = interrupts_of(node);
  if (all.size() <= *global) {
    throw node.error("has " + std::to_string(all.size()) + " interrupts, " + std::to_string(*global) +
                     " of them global: it must have at least one more, for a context bank");
  }
  const auto first_context = all.begin() + static_cast<std::ptrdiff_t>(*global);
  smmu.global_interrupts.assign(all.begin(), first_context);
  smmu.context_interrupts.assign(first_context, all.end());
  return smmu;
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
  int offset = 0;
  fdt_for_each_subnode(offset, blob_.data(), 0) {  // early_init_dt_scan_memory()
    const Node node(blob_.data(), offset);
    if (node.text("device_type", "") != "memory" || !node.available()) continue;
    for (const PhysRange& range : address_pairs(node, root)) {
      if (range.size == 0) continue;
      if (range.size - 1 > std::numeric_limits<std::uint64_t>::max() - range.base) {
        throw node.error("reg runs past 2^64: 0x" + hex(range.base) + " + 0x" + hex(range.size));
      }
      for (const PhysRange& other : ranges) {
        if (range.base > other.base + (other.size - 1) || other.base > range.base + (range.size - 1))
          continue;
        throw node.error("reg 0x" + hex(range.base) + " + 0x" + hex(range.size) + " overlaps 0x" +
                         hex(other.base) + " + 0x" + hex(other.size) + ": memory must be described once");
      }
      ranges.push_back(range);
    }
  }
  if (ranges.empty()) throw root.error("has no memory: there must be a node with device_type = \"memory\"");
  std::sort(ranges.begin(), ranges.end(),
            [](const PhysRange& a, const PhysRange& b) { return a.base < b.base; });
  return ranges;
}

std::size_t DeviceTree::reserved_memory_count() const {
  const int parent = fdt_path_offset(blob_.data(), "/reserved-memory");
  if (parent < 0) return 0;
  std::size_t count = 0;
  int offset = 0;
  fdt_for_each_subnode(offset, blob_.data(), parent)++ count;
  return count;
}

SmmuNode DeviceTree::smmu(std::span<const std::string> devices) const {
  const void* const fdt = blob_.data();
  std::vector<Node> candidates;
  for (int at = fdt_node_offset_by_compatible(fdt, -1, smmu_compatible); at >= 0;
       at = fdt_node_offset_by_compatible(fdt, at, smmu_compatible)) {
    const Node node(fdt, at);
    if (node.available()) candidates.push_back(node);
  }
  if (candidates.empty()) {
    throw DeviceTreeError(
        "/", std::string("has no SMMU: there must be an available node compatible with ") + smmu_compatible);
  }

  std::optional<Node> chosen;
  for (const std::string& path : devices) {
    const Node device = node_at(fdt, path);
    for (const IommuSpecifier& specifier : iommus_of(device)) {
      const Node smmu = device.referenced(specifier.phandle, "iommus");
      if (chosen && chosen->offset() != smmu.offset()) {
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

DeviceNode DeviceTree::device(const std::string& path) const {
  const Node node = node_at(blob_.data(), path);
  DeviceNode device;
  device.path = node.path();
  device.reg = registers_of(node);
  device.dev_name = dev_name(node, device.reg.front().base);
  device.interrupts = interrupts_of(node);
  device.iommus = iommus_of(node);
  device.dma_coherent = dma_coherent(node);
  device.status = node.text("status", "okay");
  return device;
}

}  // namespace sidewinder::kernel
