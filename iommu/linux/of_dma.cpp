// SPDX-License-Identifier: Apache-2.0
//
// of_dma_get_range() and what of_dma_configure_id() makes of its result.

#include <algorithm>
#include <bit>

#include "iommu/linux/of_address.h"

namespace sidewinder::kernel::of {
namespace {

/// The nearest bus with a dma-ranges that is not empty, from `start` upwards. Every node on the way but the
/// first must have the property, if only an empty one.
std::optional<Node> bus_with_dma_ranges(const Node& start) {
  std::optional<Node> at = start;
  for (int steps = 0; at && steps < max_depth; ++steps) {
    const std::optional<int> length = at->length("dma-ranges");
    if (length.value_or(0) > 0) return at;
    if (steps > 0 && !length) return std::nullopt;
    at = dma_parent(*at);
  }
  return std::nullopt;
}

std::vector<DmaRange> entries_of(const Node& bus) {
  const Cells cells = *bus.cells("dma-ranges");
  const std::size_t child = bus.child_cells("#address-cells");
  const std::size_t size = bus.child_cells("#size-cells");
  const std::size_t parent = bus.parent().value_or(bus).child_cells("#address-cells");
  if (cells.size() % (child + parent + size) != 0) {
    throw bus.error("dma-ranges has " + std::to_string(cells.size()) + " cells: each entry must have " +
                    std::to_string(child) + " + " + std::to_string(parent) + " + " + std::to_string(size));
  }
  std::vector<DmaRange> entries;
  for (std::size_t at = 0; at < cells.size(); at += child + parent + size) {
    entries.push_back(
        {join(cells, at, child), join(cells, at + child, parent), join(cells, at + child + parent, size)});
  }
  return entries;
}

/// Ranges whose parent address has one for the CPU, those that continue each other joined.
std::vector<DmaRange> cpu_ranges(const Node& bus, std::vector<std::string>& log) {
  std::vector<DmaRange> ranges;
  bool joinable = false;
  for (DmaRange entry : entries_of(bus)) {
    const Translated cpu = translate(bus, entry.cpu, Axis::Dma);
    if (!cpu) {
      log.push_back("OF: translation of DMA address(" + hex(entry.bus) + ") to CPU address failed node(" +
                    bus.path() + ")");
      joinable = false;
      continue;
    }
    entry.cpu = *cpu;
    if (joinable && entry.bus == ranges.back().bus + ranges.back().size &&
        entry.cpu == ranges.back().cpu + ranges.back().size) {
      ranges.back().size += entry.size;
    } else {
      ranges.push_back(entry);
    }
    joinable = true;
  }
  return ranges;
}

/// DMA_BIT_MASK(ilog2(end) + 1)
std::uint64_t mask_for(std::uint64_t end) {
  return end == 0 ? 0 : ~std::uint64_t{0} >> std::countl_zero(end);
}

}  // namespace

DmaLimits dma_limits(const Node& node, DmaOwner owner, DmaBounds bounds, std::uint64_t coherent_mask) {
  DmaLimits limits;
  const std::optional<Node> start = owner == DmaOwner::Node ? dma_parent(node) : node;
  const std::optional<Node> bus = start ? bus_with_dma_ranges(*start) : std::nullopt;
  if (bus) limits.map = cpu_ranges(*bus, limits.log);
  const bool mapped = !limits.map.empty();

  std::uint64_t lowest = ~std::uint64_t{0};
  std::uint64_t past_end = 0;  // wraps, as Linux's does
  std::uint64_t highest = 0;
  for (const DmaRange& range : limits.map) {
    if (range.size == 0) break;  // ends the kernel's array
    lowest = std::min(lowest, range.bus);
    past_end = std::max(past_end, range.bus + range.size);
    highest = std::max(highest, range.bus + range.size - 1);
  }

  const std::uint64_t fallback = coherent_mask != 0 ? coherent_mask : 0xffff'ffff;
  std::uint64_t end = highest != 0 ? highest : fallback;
  if (mapped) limits.start = lowest;
  if (bounds == DmaBounds::StartAndSize && mapped) {
    std::uint64_t size = past_end - lowest;
    if (size % 2 != 0) {
      limits.log.push_back("Invalid size 0x" + hex(size) + " for dma-range(s)");
      ++size;
    }
    if (size == 0) {
      limits.log.emplace_back("Adjusted size 0x0 invalid");
      limits.status = fail(Errno::EINVAL_);
      return limits;
    }
    end = lowest + size - 1;
  }
  limits.mask = mask_for(end);
  if (mapped) limits.bus_dma_limit = end;
  return limits;
}

}  // namespace sidewinder::kernel::of
