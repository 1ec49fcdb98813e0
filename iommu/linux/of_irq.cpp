// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/of_irq.h"

namespace sidewinder::kernel::of {
namespace {

/// As of_irq_find_parent(): the nearest `interrupt-parent`, else the parent, until one takes specifiers.
Node interrupt_parent(const Node& node) {
  Node at = node;
  for (int steps = 0; steps < max_depth; ++steps) {  // an interrupt-parent may lead in a circle
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

}  // namespace

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

}  // namespace sidewinder::kernel::of
