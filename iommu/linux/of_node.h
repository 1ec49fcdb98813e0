// SPDX-License-Identifier: Apache-2.0
//
// One node of a flattened tree, with the look-ups that libfdt leaves to its caller (drivers/of/base.c).

#ifndef SIDEWINDER_IOMMU_LINUX_OF_NODE_H
#define SIDEWINDER_IOMMU_LINUX_OF_NODE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iommu/linux/device_tree_nodes.h"

namespace sidewinder::kernel::of {

using Cells = std::vector<std::uint32_t>;

/// Linux ignores nodes below this depth (FDT_MAX_DEPTH); no walk upwards takes more steps.
inline constexpr int max_depth = 64;

/// Without 0x.
[[nodiscard]] std::string hex(std::uint64_t value);

/// `count` cells as one number; count is at most 2.
[[nodiscard]] std::uint64_t join(const Cells& cells, std::size_t at, std::size_t count);

class Node {
 public:
  Node(const void* fdt, int offset) : fdt_(fdt), offset_(offset) {}

  /// The node at a full path. Throws when there is none.
  [[nodiscard]] static Node at(const void* fdt, const std::string& path);

  [[nodiscard]] int offset() const { return offset_; }
  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::string full_name() const;  ///< with its unit address
  [[nodiscard]] std::string base_name() const;  ///< without (%pOFn)
  [[nodiscard]] std::uint32_t phandle() const;  ///< 0: none
  [[nodiscard]] DeviceTreeError error(std::string message) const { return {path(), std::move(message)}; }

  [[nodiscard]] std::optional<Node> parent() const;
  [[nodiscard]] std::vector<Node> children() const;
  /// The node that has this phandle, if any has; 0 is nobody's.
  [[nodiscard]] std::optional<Node> by_phandle(std::uint32_t phandle) const;
  /// The same, or throws; the message says whose property refers to it.
  [[nodiscard]] Node referenced(std::uint32_t phandle, const char* property) const;

  [[nodiscard]] bool has(const char* property) const;
  [[nodiscard]] std::optional<int> length(const char* property) const;  ///< bytes

  /// The property's cells, or nothing when it is absent.
  [[nodiscard]] std::optional<Cells> cells(const char* property) const;
  /// The property as one cell.
  [[nodiscard]] std::optional<std::uint32_t> cell(const char* property) const;
  /// The property's first cell, whatever follows; nothing when it is shorter (of_property_read_u32()).
  [[nodiscard]] std::optional<std::uint32_t> first_cell(const char* property) const;
  /// The property as one string; the fallback when it is absent.
  [[nodiscard]] std::string text(const char* property, const char* fallback) const;
  /// Where a string is in a property of several (of_property_match_string()).
  [[nodiscard]] std::optional<std::size_t> index_of(const char* property, const char* string) const;
  [[nodiscard]] std::vector<std::string> compatible() const;
  [[nodiscard]] bool available() const;  ///< of_device_is_available()

  /// #address-cells or #size-cells for this node's children: its own or the nearest above it, else 1.
  [[nodiscard]] std::size_t child_cells(const char* property) const;

  friend bool operator==(const Node& a, const Node& b) { return a.offset_ == b.offset_; }

 private:
  const void* fdt_;
  int offset_;
};

}  // namespace sidewinder::kernel::of

#endif
