// SPDX-License-Identifier: Apache-2.0
//
// Changes to a flattened device tree.

#ifndef SIDEWINDER_SIM_TREE_WRITER_H
#define SIDEWINDER_SIM_TREE_WRITER_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sidewinder::sim {

/// A tree that grows as it is written to. Nodes are named by their paths, and must exist: offsets do not
/// survive a write.
class TreeWriter {
 public:
  using Cells = std::vector<std::uint32_t>;

  /// `blob` is well-formed, as DeviceTree has it.
  explicit TreeWriter(const std::vector<std::byte>& blob);

  /// The tree, packed. The writer is empty then.
  [[nodiscard]] std::vector<std::byte> finish();

  [[nodiscard]] bool exists(const std::string& path) const;
  [[nodiscard]] bool has(const std::string& path, const char* property) const;
  /// Whether Linux makes a device of it, if it does so of its parent.
  [[nodiscard]] bool available(const std::string& path) const;
  /// The node that the first cell of `property` refers to.
  [[nodiscard]] std::optional<std::string> referenced(const std::string& path, const char* property) const;

  /// Its path; one that exists stays as it is.
  std::string add_node(const std::string& parent, const std::string& name);
  void set(const std::string& path, const char* property, const Cells& cells);
  void set_text(const std::string& path, const char* property, const std::string& text);
  void remove(const std::string& path, const char* property);
  /// The node's phandle, a new one if it has none.
  std::uint32_t phandle(const std::string& path);

 private:
  [[nodiscard]] int offset(const std::string& path) const;
  void set_bytes(const std::string& path, const char* property, const void* bytes, std::size_t size);
  void grow();

  std::vector<std::byte> blob_;
};

}  // namespace sidewinder::sim

#endif
