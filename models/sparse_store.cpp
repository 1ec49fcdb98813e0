// SPDX-License-Identifier: Apache-2.0

#include "models/sparse_store.h"

#include <algorithm>
#include <cassert>

namespace sidewinder::models {

SparseStore::SparseStore(std::uint64_t size)
    : size_(size), regions_(size / (page_bytes * pages_per_region) + 1) {}

const SparseStore::Page* SparseStore::find(std::uint64_t page) const {
  const auto& region = regions_[page / pages_per_region];
  return region ? (*region)[page % pages_per_region].get() : nullptr;
}

SparseStore::Page& SparseStore::make(std::uint64_t page) {
  auto& region = regions_[page / pages_per_region];
  if (!region) region = std::make_unique<Region>();
  auto& slot = (*region)[page % pages_per_region];
  if (!slot) {
    slot = std::make_unique<Page>();
    ++resident_;
  }
  return *slot;
}

void SparseStore::read(std::uint64_t offset, std::span<std::byte> data) const {
  assert(offset <= size_ && data.size() <= size_ - offset);
  while (!data.empty()) {
    const std::uint64_t in_page = offset % page_bytes;
    const auto piece = data.first(std::min<std::size_t>(data.size(), page_bytes - in_page));
    if (const Page* page = find(offset / page_bytes))
      std::copy_n(page->begin() + static_cast<std::ptrdiff_t>(in_page), piece.size(), piece.begin());
    else
      std::fill(piece.begin(), piece.end(), std::byte{0});
    offset += piece.size();
    data = data.subspan(piece.size());
  }
}

void SparseStore::write(std::uint64_t offset, std::span<const std::byte> data) {
  assert(offset <= size_ && data.size() <= size_ - offset);
  while (!data.empty()) {
    const std::uint64_t in_page = offset % page_bytes;
    const auto piece = data.first(std::min<std::size_t>(data.size(), page_bytes - in_page));
    const bool zeros =
        std::all_of(piece.begin(), piece.end(), [](std::byte byte) { return byte == std::byte{0}; });
    if (!zeros || find(offset / page_bytes) != nullptr)
      std::copy(piece.begin(), piece.end(),
                make(offset / page_bytes).begin() + static_cast<std::ptrdiff_t>(in_page));
    offset += piece.size();
    data = data.subspan(piece.size());
  }
}

}  // namespace sidewinder::models
