// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/of_address.h"

#include <limits>

namespace sidewinder::kernel::of {
namespace {

/// The node whose cells count addresses on the bus that `node` is on (of_n_addr_cells()).
Node counting(const Node& node) {
  return node.parent().value_or(node);
}

std::optional<Node> bus_above(const Node& node, Axis axis) {
  return axis == Axis::Registers ? node.parent() : dma_parent(node);
}

/// One step up: where `address`, on the bus of `below`, is above `bus`. Nothing when no range covers it.
std::optional<std::uint64_t> cross(const Node& below, const Node& bus, const char* property,
                                   const Cells& ranges, std::uint64_t address) {
  const std::size_t child = counting(below).child_cells("#address-cells");
  const std::size_t size = counting(below).child_cells("#size-cells");
  const std::size_t parent = counting(bus).child_cells("#address-cells");
  if (ranges.size() % (child + parent + size) != 0) {
    throw bus.error(std::string(property) + " has " + std::to_string(ranges.size()) +
                    " cells: each entry must have " + std::to_string(child) + " + " + std::to_string(parent) +
                    " + " + std::to_string(size));
  }
  for (std::size_t at = 0; at < ranges.size(); at += child + parent + size) {
    const std::uint64_t base = join(ranges, at, child);
    if (address < base || address - base >= join(ranges, at + child + parent, size)) continue;
    return join(ranges, at + child, parent) + (address - base);
  }
  return std::nullopt;
}

bool has_dma_mem(const Node& node, std::size_t& entry) {
  const std::optional<std::size_t> index = node.index_of("interconnect-names", "dma-mem");
  entry = index.value_or(0);
  return index.has_value();
}

}  // namespace

Translated translate(const Node& node, std::uint64_t address, Axis axis) {
  const char* const property = axis == Axis::Registers ? "ranges" : "dma-ranges";
  Node below = node;
  std::optional<Node> bus = bus_above(node, axis);
  if (!bus) return tl::unexpected(Untranslatable{node, address, false});
  for (int steps = 0; steps < max_depth; ++steps) {
    if (counting(below).child_cells("#size-cells") == 0)
      return tl::unexpected(Untranslatable{*bus, address, bus->has(property)});
    const std::optional<Node> above = bus_above(*bus, axis);
    if (!above) return address;
    const std::optional<Cells> ranges = bus->cells(property);
    if (!ranges && axis == Axis::Registers) return tl::unexpected(Untranslatable{*bus, address, false});
    if (ranges && !ranges->empty()) {
      const std::optional<std::uint64_t> crossed = cross(below, *bus, property, *ranges, address);
      if (!crossed) return tl::unexpected(Untranslatable{*bus, address, true});
      address = *crossed;
    }
    below = *bus;
    bus = above;
  }
  throw node.error(std::string("is below more than ") + std::to_string(max_depth) +
                   " buses: parents or interconnects lead in a circle");
}

std::optional<Node> dma_parent(const Node& node) {
  std::size_t entry = 0;
  if (!has_dma_mem(node, entry) || node.length("interconnects").value_or(1) % 4 != 0) return node.parent();
  const Cells cells = *node.cells("interconnects");
  for (std::size_t at = 0; at < cells.size(); --entry) {
    const std::optional<Node> target = node.by_phandle(cells[at]);
    if (!target && (cells[at] != 0 || entry == 0)) return node.parent();
    const std::uint32_t count = target ? target->first_cell("#interconnect-cells").value_or(0xffff'ffff) : 0;
    if (count > cells.size() - at - 1) return node.parent();
    if (entry == 0) return target;
    at += 1 + count;
  }
  return node.parent();
}

std::vector<PhysRange> address_pairs(const Node& node, const char* property, const Node& parent) {
  const std::optional<Cells> cells = node.cells(property);
  if (!cells || cells->empty()) {
    throw node.error(std::string(property) + " is missing: it must give the node's address and size");
  }
  const std::size_t address = parent.child_cells("#address-cells");
  const std::size_t size = parent.child_cells("#size-cells");
  if (cells->size() % (address + size) != 0) {
    throw node.error(std::string(property) + " has " + std::to_string(cells->size()) +
                     " cells: its parent makes each entry " + std::to_string(address) + " of address and " +
                     std::to_string(size) + " of size");
  }
  std::vector<PhysRange> pairs;
  for (std::size_t at = 0; at < cells->size(); at += address + size) {
    pairs.push_back({join(*cells, at, address), join(*cells, at + address, size)});
  }
  return pairs;
}

void check_end(const Node& node, const PhysRange& range) {
  if (range.size - 1 > std::numeric_limits<std::uint64_t>::max() - range.base) {
    throw node.error("reg runs past 2^64: 0x" + hex(range.base) + " + 0x" + hex(range.size));
  }
}

std::vector<PhysRange> registers_of(const Node& node) {
  const std::optional<Node> parent = node.parent();
  if (!parent) throw node.error("is the root of the tree: a device must be below it");
  std::vector<PhysRange> registers = address_pairs(node, "reg", *parent);
  for (PhysRange& range : registers) {
    if (range.size == 0) throw node.error("reg has a size of 0: it must not be empty");
    const Translated base = translate(node, range.base, Axis::Registers);
    if (!base && !base.error().has_ranges) {
      throw node.error("reg cannot be translated: its bus " + base.error().at.path() + " has no ranges");
    }
    if (!base) {
      throw node.error("reg cannot be translated: the ranges of its bus " + base.error().at.path() +
                       " do not cover 0x" + hex(base.error().address));
    }
    range.base = *base;
    check_end(node, range);
  }
  return registers;
}

std::vector<PhysRange> memory_resources(const Node& node) {
  std::vector<PhysRange> resources;
  const std::optional<Node> parent = node.parent();
  if (!parent || node.length("reg").value_or(0) == 0) return resources;
  for (const PhysRange& range : address_pairs(node, "reg", *parent)) {
    const Translated base = translate(node, range.base, Axis::Registers);
    if (base) resources.push_back({*base, range.size});
  }
  return resources;
}

std::string dev_name(const Node& node) {
  std::string name;
  std::optional<Node> at = node;
  for (int steps = 0; steps < max_depth; ++steps) {
    const std::optional<Node> parent = at->parent();
    if (!parent) return name;
    const std::string rest = name.empty() ? "" : ":" + name;
    const Cells reg = at->cells("reg").value_or(Cells{});
    const std::size_t count = reg.empty() ? 0 : parent->child_cells("#address-cells");
    if (!reg.empty() && reg.size() >= count) {
      if (const Translated address = translate(*at, join(reg, 0, count), Axis::Registers))
        return hex(*address) + "." + at->base_name() + rest;
    }
    name = at->full_name() + rest;
    at = parent;
  }
  return name;
}

bool dma_coherent(const Node& node) {
  std::optional<Node> at = node;
  for (int steps = 0; at && steps < max_depth; ++steps) {
    if (at->has("dma-coherent")) return true;
    if (at->has("dma-noncoherent")) return false;
    at = dma_parent(*at);
  }
  return false;
}

}  // namespace sidewinder::kernel::of
