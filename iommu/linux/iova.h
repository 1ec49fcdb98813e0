// SPDX-License-Identifier: Apache-2.0
//
// An IOVA domain: which I/O virtual addresses are handed out, exactly as drivers/iommu/iova.c hands them out.
// The same calls give the same page frame numbers and the same failures as Linux 6.1 and 6.12, also after
// misuse. Allocation never fails for want of kernel memory here.

#ifndef SIDEWINDER_IOMMU_LINUX_IOVA_H
#define SIDEWINDER_IOMMU_LINUX_IOVA_H

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "iommu/linux/iova_rcache.h"
#include "iommu/linux/iova_search.h"
#include "iommu/linux/iova_tree.h"

namespace sidewinder::kernel {

/// Where a request goes. The other two are for comparison: they share Linux's tree and reservations, but
/// neither its caches nor its search state; a request or a reservation of no pages does nothing there, and
/// nothing is fatal.
enum class IovaStrategy : std::uint8_t {
  Linux,
  BestFit,            ///< the top of the smallest gap that holds it aligned, the highest among equals
  FirstFitUnaligned,  ///< the highest place below the limit, aligned to the granule alone
};

struct IovaConfig {
  std::uint64_t granule = 4096;  ///< bytes; a power of two up to 4 GiB: the smallest page the IOMMU maps
  Pfn start_pfn = 1;             ///< lowest pfn to hand out; 0 would make an address that reads as a failure
  unsigned cpus = 1;             ///< possible CPUs, all online at first; at least 1
  IovaDepot depot = IovaDepot::Array;
  IovaStrategy strategy = IovaStrategy::Linux;
};

/// What the allocator remembers between searches, and so why the next one goes where it goes.
struct IovaSearchState {
  std::optional<Pfn> cached32;         ///< a search up to the 32-bit limit begins below this pfn
  std::optional<Pfn> cached;           ///< the same for higher limits
  std::uint64_t max32_alloc_size = 0;  ///< pages; a 32-bit request of this many or more fails at once

  friend bool operator==(const IovaSearchState&, const IovaSearchState&) = default;
};

enum class IovaFatal : std::uint8_t {
  None,
  NullDereference,  ///< the kernel would oops in this call
  InvalidFree,    ///< the kernel would give memory back that it never allocated: an anchor that was reserved
                  ///< over
  EndlessSearch,  ///< the kernel would spin forever in this call, with the domain's lock held
};

class IovaDomain {
 public:
  static constexpr std::uint64_t depot_trim_delay_ns = 100'000'000;  // IOVA_DEPOT_DELAY: 100 ms

  explicit IovaDomain(const IovaConfig& config);
  IovaDomain(const IovaDomain&) = delete;
  IovaDomain& operator=(const IovaDomain&) = delete;

  /// `size` pages at or below `limit_pfn`; with `size_aligned`, on a multiple of `size` rounded up to a power
  /// of two.
  [[nodiscard]] std::optional<IovaRange> alloc_iova(std::uint64_t size, Pfn limit_pfn, bool size_aligned);

  /// The same, aligned and through the caches, as dma-iommu allocates; fewer than 32 pages become a power of
  /// two. With `flush_rcache`, a failure empties the caches and tries once more.
  [[nodiscard]] std::optional<Pfn> alloc_iova_fast(std::uint64_t size, Pfn limit_pfn, bool flush_rcache) {
    const Pfn pfn = alloc_fast(size, limit_pfn, flush_rcache);
    return pfn != 0 ? std::optional(pfn) : std::nullopt;
  }

  /// Frees the whole range that holds `pfn`, if there is one, whatever it is.
  void free_iova(Pfn pfn);

  /// Keeps [pfn, pfn + size) in the caches, unseen whether it was allocated; above 32 pages, free_iova(pfn).
  void free_iova_fast(Pfn pfn, std::uint64_t size);

  /// Reserves [pfn_lo, pfn_hi], merging with what it overlaps. False only when an end is no pfn; true says
  /// little: see the inverted and the duplicate range in warnings().
  bool reserve_iova(Pfn pfn_lo, Pfn pfn_hi);

  [[nodiscard]] std::optional<IovaRange> find_iova(Pfn pfn) const;

  /// Allocated and reserved ranges in the tree's order, ascending by pfn_lo, without the anchor.
  [[nodiscard]] std::vector<IovaRange> ranges() const;

  /// The CPU that the following calls run on; false: `cpu` is not online.
  [[nodiscard]] bool set_current_cpu(unsigned cpu);
  [[nodiscard]] unsigned current_cpu() const { return current_cpu_; }
  [[nodiscard]] unsigned cpus() const { return static_cast<unsigned>(online_.size()); }  ///< possible ones
  /// Takes a CPU offline, which returns its magazines to the tree; false: it is not online, or is the current
  /// one.
  [[nodiscard]] bool cpu_dead(unsigned cpu);
  [[nodiscard]] bool cpu_up(unsigned cpu);  ///< false: there is no such CPU, or it is online

  /// IovaDepot::List: `schedule(order)` must have trim_depot(order) called depot_trim_delay_ns later, as long
  /// as the domain lives. Without a scheduler the depot is never trimmed.
  void set_trim_scheduler(std::function<void(unsigned order)> schedule) {
    schedule_trim_ = std::move(schedule);
  }
  void trim_depot(unsigned order);

  [[nodiscard]] std::uint64_t granule() const { return granule_; }
  [[nodiscard]] unsigned shift() const { return shift_; }
  [[nodiscard]] Pfn start_pfn() const { return start_pfn_; }
  [[nodiscard]] Pfn dma_32bit_pfn() const { return dma_32bit_pfn_; }
  [[nodiscard]] std::uint64_t pages(std::uint64_t bytes) const { return (bytes + granule_ - 1) >> shift_; }
  [[nodiscard]] Pfn to_pfn(std::uint64_t iova) const { return iova >> shift_; }
  [[nodiscard]] std::uint64_t to_iova(Pfn pfn) const { return pfn << shift_; }

  [[nodiscard]] IovaSearchState search_state() const;
  [[nodiscard]] const IovaRcache& rcache() const { return rcache_; }
  [[nodiscard]] std::uint64_t warnings() const {
    return warnings_;
  }                                                         ///< how often a WARN_ON would have fired
  [[nodiscard]] IovaFatal fatal() const { return fatal_; }  ///< once set, every call fails

  /// Returns what the caches of all CPUs and the depot hold to the tree, as a failing alloc_iova_fast does.
  void free_cached();

  /// The lowest allocated or reserved range that has a pfn of [pfn_lo, pfn_hi], or, inverted, lies between
  /// two of them. Not the anchor.
  [[nodiscard]] std::optional<IovaRange> first_overlap(Pfn pfn_lo, Pfn pfn_hi) const;

 private:
  [[nodiscard]] std::optional<IovaRange> alloc_otherwise(std::uint64_t size, Pfn limit_pfn,
                                                         bool size_aligned);
  /// As the kernel's, 0: none.
  [[nodiscard]] Pfn alloc_fast(std::uint64_t size, Pfn limit_pfn, bool flush_rcache);
  [[nodiscard]] Pfn alloc_uncached(std::uint64_t size, Pfn limit_pfn, bool flush_rcache);
  [[nodiscard]] IovaTree::Found find_to_free(Pfn pfn);
  void free_past_loaded(Pfn pfn, unsigned order);
  [[nodiscard]] std::uint64_t pages32(Pfn pfn_lo, Pfn pfn_hi) const;  ///< those below the 32-bit limit
  IovaNode& take_node(Pfn pfn_lo, Pfn pfn_hi, IovaKind kind);
  void give_node(IovaNode& node);
  IovaTree::Inserted insert(IovaNode& node, IovaNode* start);
  void remove(const IovaTree::Found& found);
  void release_cached(Pfn pfn);
  void flush_rcaches();
  void schedule_trim(unsigned order);

  std::uint64_t granule_;
  unsigned shift_;
  Pfn start_pfn_;
  IovaStrategy strategy_;
  Pfn dma_32bit_pfn_;
  std::uint64_t max32_alloc_size_;

  IovaTree tree_;
  IovaNode anchor_;
  IovaNode* cached_ = &anchor_;
  IovaNode* cached32_ = &anchor_;
  std::deque<IovaNode> pool_;
  IovaNode* spare_ = nullptr;  ///< what the pool has left, linked by parent

  IovaRcache rcache_;
  std::vector<bool> online_;
  unsigned current_cpu_ = 0;
  std::function<void(unsigned)> schedule_trim_;
  std::array<bool, IovaRcache::order_count> trim_pending_{};

  std::uint64_t free32_;  ///< pages below the 32-bit limit that no range holds: while the tree is ordered
  std::uint64_t warnings_ = 0;
  IovaFatal fatal_ = IovaFatal::None;
  bool freed_in_order_ = false;  ///< the last free_iova() was of the range below a cached node
};

}  // namespace sidewinder::kernel

#endif
