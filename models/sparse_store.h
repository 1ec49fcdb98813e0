// SPDX-License-Identifier: Apache-2.0
//
// Bytes of a large memory, of which only pages that hold something other than zero take up room.

#ifndef SIDEWINDER_MODELS_SPARSE_STORE_H
#define SIDEWINDER_MODELS_SPARSE_STORE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace sidewinder::models {

class SparseStore {
 public:
  explicit SparseStore(std::uint64_t size);

  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// [offset, offset + data.size()) must lie inside.
  void read(std::uint64_t offset, std::span<std::byte> data) const;
  void write(std::uint64_t offset, std::span<const std::byte> data);

  /// Pages that take up room.
  [[nodiscard]] std::size_t resident_pages() const { return resident_; }

 private:
  static constexpr std::uint64_t page_bytes = 4096;
  static constexpr std::uint64_t pages_per_region = 512;
  using Page = std::array<std::byte, page_bytes>;
  using Region = std::array<std::unique_ptr<Page>, pages_per_region>;

  [[nodiscard]] const Page* find(std::uint64_t page) const;
  [[nodiscard]] Page& make(std::uint64_t page);

  std::uint64_t size_;
  std::vector<std::unique_ptr<Region>> regions_;
  std::size_t resident_ = 0;
};

}  // namespace sidewinder::models

#endif
