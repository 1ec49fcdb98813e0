// SPDX-License-Identifier: Apache-2.0

#include "sim/tree_writer.h"

#include <libfdt.h>
#include <array>
#include <cassert>
#include <string_view>

namespace sidewinder::sim {
namespace {

constexpr std::size_t room = 4096;

/// The trees come from DeviceTree, which has checked them; what is left is a defect here.
void check(int status) {
  assert(status >= 0), static_cast<void>(status);
}

int size_of(const std::vector<std::byte>& blob) {
  return static_cast<int>(blob.size());
}

}  // namespace

TreeWriter::TreeWriter(const std::vector<std::byte>& blob) : blob_(blob.size() + room) {
  check(fdt_open_into(blob.data(), blob_.data(), size_of(blob_)));
}

std::vector<std::byte> TreeWriter::finish() {
  check(fdt_pack(blob_.data()));
  blob_.resize(fdt_totalsize(blob_.data()));
  return std::move(blob_);
}

bool TreeWriter::exists(const std::string& path) const {
  return offset(path) >= 0;
}

bool TreeWriter::has(const std::string& path, const char* property) const {
  return fdt_getprop(blob_.data(), offset(path), property, nullptr) != nullptr;
}

bool TreeWriter::available(const std::string& path) const {
  const char* const status =
      static_cast<const char*>(fdt_getprop(blob_.data(), offset(path), "status", nullptr));
  return status == nullptr || status == std::string_view("okay") || status == std::string_view("ok");
}

std::optional<std::string> TreeWriter::referenced(const std::string& path, const char* property) const {
  int size = 0;
  const void* const cells = fdt_getprop(blob_.data(), offset(path), property, &size);
  if (cells == nullptr || size < static_cast<int>(sizeof(fdt32_t))) return std::nullopt;
  const int node = fdt_node_offset_by_phandle(blob_.data(), fdt32_ld(static_cast<const fdt32_t*>(cells)));
  std::array<char, 4096> name{};
  if (node < 0 || fdt_get_path(blob_.data(), node, name.data(), static_cast<int>(name.size())) < 0)
    return std::nullopt;
  return name.data();
}

std::string TreeWriter::add_node(const std::string& parent, const std::string& name) {
  std::string path = (parent == "/" ? "" : parent) + "/" + name;
  if (!exists(path)) {
    grow();
    check(fdt_add_subnode(blob_.data(), offset(parent), name.c_str()));
  }
  return path;
}

void TreeWriter::set(const std::string& path, const char* property, const Cells& cells) {
  std::vector<fdt32_t> bytes;
  for (const std::uint32_t cell : cells) bytes.push_back(cpu_to_fdt32(cell));
  set_bytes(path, property, bytes.data(), bytes.size() * sizeof(fdt32_t));
}

void TreeWriter::set_text(const std::string& path, const char* property, const std::string& text) {
  set_bytes(path, property, text.c_str(), text.size() + 1);
}

void TreeWriter::set_bytes(const std::string& path, const char* property, const void* bytes,
                           std::size_t size) {
  grow();
  check(fdt_setprop(blob_.data(), offset(path), property, bytes, static_cast<int>(size)));
}

void TreeWriter::remove(const std::string& path, const char* property) {
  if (has(path, property)) check(fdt_delprop(blob_.data(), offset(path), property));
}

std::uint32_t TreeWriter::phandle(const std::string& path) {
  if (const std::uint32_t own = fdt_get_phandle(blob_.data(), offset(path)); own != 0) return own;
  std::uint32_t next = 0;
  check(fdt_generate_phandle(blob_.data(), &next));
  set(path, "phandle", {next});
  return next;
}

int TreeWriter::offset(const std::string& path) const {
  return fdt_path_offset(blob_.data(), path.c_str());
}

void TreeWriter::grow() {
  const std::vector<std::byte> old = blob_;
  blob_.resize(fdt_totalsize(old.data()) + room);
  check(fdt_open_into(old.data(), blob_.data(), size_of(blob_)));
}

}  // namespace sidewinder::sim
