// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/page_allocator.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <random>
#include <vector>

namespace sidewinder::kernel {
namespace {

constexpr unsigned pmd_order = 9;  // 2 MiB, the smallest block mapping with 4 KiB pages
constexpr std::uint64_t pages_per_block = std::uint64_t{1} << pmd_order;
constexpr std::uint64_t max_taken = 8;

void zero(HostBus& bus, PhysAddr base, std::uint64_t bytes) {
  static constexpr std::array<std::byte, 65536> zeros{};
  while (bytes != 0) {
    const auto piece = std::span(zeros).first(std::min<std::uint64_t>(bytes, zeros.size()));
    static_cast<void>(bus.write(base, piece, Security::NonSecure));
    base += piece.size();
    bytes -= piece.size();
  }
}

/// get_order()
unsigned order_of(std::uint64_t bytes) {
  return static_cast<unsigned>(std::bit_width((bytes - 1) >> page_shift));
}

}  // namespace

PageAllocator::PageAllocator(HostBus& bus, std::span<const PhysRange> memory, double fragmentation,
                             std::uint64_t seed)
    : bus_(&bus) {
  for (const PhysRange& range : memory) {
    const std::uint64_t first = (range.base + page_size - 1) >> page_shift;
    const std::uint64_t end = (range.base + range.size) >> page_shift;
    if (end > first) free_range(first, end - first);
  }
  fragment(fragmentation, seed);
}

/// Takes a few pages out of every chosen block for good: what is left of it can no longer be one block.
void PageAllocator::fragment(double share, std::uint64_t seed) {
  std::vector<std::uint64_t> blocks;
  for (unsigned order = pmd_order; order <= max_order; ++order)
    for (const std::uint64_t pfn : free_[order])
      for (std::uint64_t block = pfn; block < pfn + (std::uint64_t{1} << order); block += pages_per_block)
        blocks.push_back(block);
  std::sort(blocks.begin(), blocks.end());

  // mt19937_64 is the same everywhere; the standard distributions are not.
  std::mt19937_64 random(seed);
  const auto chance = static_cast<std::uint64_t>(share * static_cast<double>(1U << 30));
  for (const std::uint64_t block : blocks) {
    const bool broken = random() % (1U << 30) < chance;
    const std::uint64_t taken = 1 + random() % max_taken;
    std::set<std::uint64_t> pages;
    while (pages.size() < taken) pages.insert(random() % pages_per_block);
    if (!broken) continue;

    for (unsigned order = pmd_order; order <= max_order; ++order) {
      const std::uint64_t first = block & ~((std::uint64_t{1} << order) - 1);
      if (free_[order].erase(first) == 0) continue;
      free_range(first, block - first);
      free_range(block + pages_per_block, first + (std::uint64_t{1} << order) - block - pages_per_block);
      break;
    }
    std::uint64_t next = 0;
    for (const std::uint64_t page : pages) {
      free_range(block + next, page - next);
      next = page + 1;
    }
    free_range(block + next, pages_per_block - next);
  }
}

std::optional<PhysAddr> PageAllocator::allocate(unsigned order) {
  assert(order <= max_order);
  for (unsigned from = order; from <= max_order; ++from) {
    if (free_[from].empty()) continue;
    const std::uint64_t pfn = *free_[from].begin();
    free_[from].erase(free_[from].begin());
    while (from > order) {
      --from;
      free_[from].insert(pfn + (std::uint64_t{1} << from));
    }
    in_use_ += std::uint64_t{1} << order;
    return pfn << page_shift;
  }
  return std::nullopt;
}

std::optional<PhysAddr> PageAllocator::allocate_zeroed(unsigned order) {
  const std::optional<PhysAddr> base = allocate(order);
  if (base) zero(*bus_, *base, page_size << order);
  return base;
}

std::optional<PhysAddr> PageAllocator::allocate_coherent(std::uint64_t bytes) {
  const unsigned order = order_of(bytes);
  return order <= max_order ? allocate_zeroed(order) : std::nullopt;
}

void PageAllocator::free_coherent(PhysAddr base, std::uint64_t bytes) {
  free(base, std::uint64_t{1} << order_of(bytes));
}

void PageAllocator::free(PhysAddr base, std::uint64_t count) {
  assert(count <= in_use_);
  in_use_ -= count;
  free_range(base >> page_shift, count);
}

/// In the largest naturally aligned blocks.
void PageAllocator::free_range(std::uint64_t pfn, std::uint64_t count) {
  while (count != 0) {
    const auto aligned = static_cast<unsigned>(std::countr_zero(pfn | std::uint64_t{1} << max_order));
    const auto fits = static_cast<unsigned>(std::bit_width(count) - 1);
    const unsigned order = std::min({aligned, fits, max_order});
    add_free(pfn, order);
    pfn += std::uint64_t{1} << order;
    count -= std::uint64_t{1} << order;
  }
}

void PageAllocator::add_free(std::uint64_t pfn, unsigned order) {
  for (; order < max_order; ++order) {
    const std::uint64_t buddy = pfn ^ std::uint64_t{1} << order;
    if (free_[order].erase(buddy) == 0) break;
    pfn = std::min(pfn, buddy);
  }
  free_[order].insert(pfn);
}

}  // namespace sidewinder::kernel
