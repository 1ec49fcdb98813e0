// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/of_node.h"

#include <libfdt.h>
#include <algorithm>
#include <cstdio>
#include <string_view>

namespace sidewinder::kernel::of {

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
  return text;
}

std::uint64_t join(const Cells& cells, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 32 | cells[at + i];
  return value;
}

Node Node::at(const void* fdt, const std::string& path) {
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

std::string Node::path() const {
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

std::string Node::full_name() const {
  const char* name = fdt_get_name(fdt_, offset_, nullptr);
  return name == nullptr ? "" : name;
}

std::string Node::base_name() const {
  const std::string name = full_name();
  return name.substr(0, name.find('@'));
}

std::uint32_t Node::phandle() const {
  return fdt_get_phandle(fdt_, offset_);
}

std::optional<Node> Node::parent() const {
  const int parent = fdt_parent_offset(fdt_, offset_);
  if (parent < 0) return std::nullopt;
  return Node(fdt_, parent);
}

std::vector<Node> Node::children() const {
  std::vector<Node> children;
  int offset = 0;
  fdt_for_each_subnode(offset, fdt_, offset_) children.emplace_back(fdt_, offset);
  return children;
}

std::optional<Node> Node::by_phandle(std::uint32_t phandle) const {
  const int target = fdt_node_offset_by_phandle(fdt_, phandle);
  if (target < 0) return std::nullopt;
  return Node(fdt_, target);
}

Node Node::referenced(std::uint32_t phandle, const char* property) const {
  const std::optional<Node> target = by_phandle(phandle);
  if (!target) {
    throw error(std::string(property) + " refers to phandle 0x" + hex(phandle) + ", which no node has");
  }
  return *target;
}

bool Node::has(const char* property) const {
  return fdt_getprop(fdt_, offset_, property, nullptr) != nullptr;
}

std::optional<int> Node::length(const char* property) const {
  int length = 0;
  if (fdt_getprop(fdt_, offset_, property, &length) == nullptr) return std::nullopt;
  return length;
}

std::optional<Cells> Node::cells(const char* property) const {
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

std::optional<std::uint32_t> Node::cell(const char* property) const {
  const std::optional<Cells> value = cells(property);
  if (!value) return std::nullopt;
  if (value->size() != 1) {
    throw error(std::string(property) + " has " + std::to_string(value->size()) + " cells: it must have one");
  }
  return value->front();
}

std::optional<std::uint32_t> Node::first_cell(const char* property) const {
  int length = 0;
  const auto* bytes = static_cast<const std::uint8_t*>(fdt_getprop(fdt_, offset_, property, &length));
  if (bytes == nullptr || length < 4) return std::nullopt;
  return fdt32_ld(reinterpret_cast<const fdt32_t*>(bytes));
}

std::string Node::text(const char* property, const char* fallback) const {
  int length = 0;
  const auto* bytes = static_cast<const char*>(fdt_getprop(fdt_, offset_, property, &length));
  if (bytes == nullptr) return fallback;
  if (length < 1 || bytes[length - 1] != '\0') {
    throw error(std::string(property) + " is not a string: it must end in a zero byte");
  }
  return bytes;
}

std::optional<std::size_t> Node::index_of(const char* property, const char* string) const {
  const int index = fdt_stringlist_search(fdt_, offset_, property, string);
  if (index < 0) return std::nullopt;
  return static_cast<std::size_t>(index);
}

std::vector<std::string> Node::compatible() const {
  std::vector<std::string> names;
  const int count = fdt_stringlist_count(fdt_, offset_, "compatible");
  for (int index = 0; index < count; ++index) {
    const char* name = fdt_stringlist_get(fdt_, offset_, "compatible", index, nullptr);
    if (name != nullptr) names.emplace_back(name);
  }
  return names;
}

bool Node::available() const {
  const std::string status = text("status", "okay");
  return status == "okay" || status == "ok";
}

std::size_t Node::child_cells(const char* property) const {
  std::optional<Node> holder = *this;
  for (int steps = 0; holder && !holder->has(property) && steps < max_depth; ++steps)
    holder = holder->parent();
  if (!holder) return 1;
  const bool addresses = std::string_view(property) == "#address-cells";
  const std::uint32_t count = holder->cell(property).value_or(1);
  if (count > 2 || (addresses && count == 0)) {
    throw holder->error(std::string(property) + " is " + std::to_string(count) + ": it must be " +
                        (addresses ? "1" : "0, 1") + " or 2 for devices on it to have a CPU address");
  }
  return count;
}

}  // namespace sidewinder::kernel::of
