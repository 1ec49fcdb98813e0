// SPDX-License-Identifier: Apache-2.0
//
// Physical pages for the host's software: a buddy allocator over the machine's memory, in which a chosen
// share of the 2 MiB blocks is broken up from the start, as on a machine that has been running for a while.
// That share decides how many block mappings a buffer gets, and so every TLB figure.
//
// Which page an allocation gets is this project's own rule (the lowest that fits, whole orders before larger
// ones are split), not Linux's, whose free lists depend on all that happened since boot.

#ifndef SIDEWINDER_IOMMU_LINUX_PAGE_ALLOCATOR_H
#define SIDEWINDER_IOMMU_LINUX_PAGE_ALLOCATOR_H

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "iommu/linux/dma.h"
#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel {

inline constexpr unsigned page_shift = 12;
inline constexpr std::uint64_t page_size = std::uint64_t{1} << page_shift;

class PageAllocator {
 public:
  static constexpr unsigned max_order = 10;  ///< 4 MiB: the largest allocation of Linux 6.1 with 4 KiB pages

  /// `fragmentation`, 0 to 1: the share of whole 2 MiB blocks in which a few pages are taken from the start;
  /// which, follows from `seed`. Parts of pages at the ends of `memory` are not used.
  PageAllocator(HostBus& bus, std::span<const PhysRange> memory, double fragmentation, std::uint64_t seed);

  /// 2^order contiguous pages, naturally aligned; nullopt when there is no such block.
  [[nodiscard]] std::optional<PhysAddr> allocate(unsigned order);
  /// The same, zeroed (__GFP_ZERO).
  [[nodiscard]] std::optional<PhysAddr> allocate_zeroed(unsigned order);

  /// dma_alloc_coherent() of a device that is behind no IOMMU: `bytes`, at least 1, in whole pages of zeros,
  /// naturally aligned; nullopt as above, and beyond 2^max_order pages.
  [[nodiscard]] std::optional<PhysAddr> allocate_coherent(std::uint64_t bytes);
  void free_coherent(PhysAddr base, std::uint64_t bytes);  ///< gives back all of it

  /// Gives back `count` pages from `base`, which may be a part of what was allocated together.
  void free(PhysAddr base, std::uint64_t count);

  [[nodiscard]] std::uint64_t pages_in_use() const { return in_use_; }  ///< allocated and not freed

 private:
  void add_free(std::uint64_t pfn, unsigned order);
  void free_range(std::uint64_t pfn, std::uint64_t count);
  void fragment(double share, std::uint64_t seed);

  HostBus* bus_;
  std::array<std::set<std::uint64_t>, max_order + 1> free_;  ///< first pfns of free blocks, by order
  std::uint64_t in_use_ = 0;
};

}  // namespace sidewinder::kernel

#endif
