// SPDX-License-Identifier: Apache-2.0
//
// Freed ranges of up to 32 pages, kept for the next allocation of their size: a pair of magazines a CPU
// before a depot that all CPUs share (drivers/iommu/iova.c; Bonwick and Adams, "Magazines and Vmem", USENIX
// 2001).

#ifndef SIDEWINDER_IOMMU_LINUX_IOVA_RCACHE_H
#define SIDEWINDER_IOMMU_LINUX_IOVA_RCACHE_H

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "iommu/linux/iova_tree.h"

namespace sidewinder::kernel {

class IovaMagazine {
 public:
  static constexpr std::size_t capacity = 127;  // IOVA_MAG_SIZE

  [[nodiscard]] bool full() const { return size_ == capacity; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Pfn operator[](std::size_t index) const { return pfns_[index]; }

  void push(Pfn pfn) { pfns_[size_++] = pfn; }
  void clear() { size_ = 0; }

  /// The topmost pfn that is at most `highest`; the top one moves into its place. 0: there is none.
  [[nodiscard]] Pfn pop(Pfn highest) {
    for (std::size_t i = size_; i-- > 0;) {
      if (pfns_[i] > highest) continue;
      --size_;
      return std::exchange(pfns_[i], pfns_[size_]);
    }
    return 0;
  }

 private:
  std::size_t size_ = 0;
  std::array<Pfn, capacity> pfns_{};
};

enum class IovaDepot : std::uint8_t {
  Array,  ///< up to 6.6: 32 magazines; a 33rd returns to the tree
  List,   ///< from 6.7: no bound; a worker trims it to the number of online CPUs
};

class IovaRcache {
 public:
  static constexpr unsigned order_count = 6;           // IOVA_RANGE_CACHE_MAX_SIZE: 1, 2, 4 .. 32 pages
  static constexpr std::size_t depot_array_size = 32;  // MAX_GLOBAL_MAGS

  using Release = std::function<void(Pfn)>;

  struct Inserted {
    std::unique_ptr<IovaMagazine> spilled;  ///< what the depot has no room for; null: nothing
    bool trim = false;                      ///< the depot's worker is to look at it
  };

  /// `cpus` is the number of possible CPUs. `cpu` and `order` below are indices, which the caller has
  /// checked.
  IovaRcache(unsigned cpus, IovaDepot depot);

  /// The order of a range of `size` pages (order_base_2); order_count and above are not cached.
  [[nodiscard]] static unsigned order_of(std::uint64_t size) {
    return size < 2 ? 0 : static_cast<unsigned>(std::bit_width(size - 1));
  }

  /// 0: nothing suitable is in the one magazine that is looked at.
  [[nodiscard]] Pfn get(unsigned cpu, unsigned order, Pfn highest) {
    Cpu& local = classes_[order].cpus[cpu];
    if (local.loaded->empty()) load_another(local, order);
    return local.loaded->pop(highest);
  }

  [[nodiscard]] Inserted insert(unsigned cpu, unsigned order, Pfn pfn);
  /// insert() where the loaded magazine has room, which is most often; false: it has none.
  [[nodiscard]] bool insert_loaded(unsigned cpu, unsigned order, Pfn pfn) {
    IovaMagazine& loaded = *classes_[order].cpus[cpu].loaded;
    if (loaded.full()) return false;
    loaded.push(pfn);
    return true;
  }

  void drain_cpu(unsigned cpu, const Release& release);
  void drain_depot(const Release& release);

  [[nodiscard]] std::size_t depot_size(unsigned order) const { return classes_[order].depot.size(); }
  [[nodiscard]] std::unique_ptr<IovaMagazine> take_from_depot(
      unsigned order);  ///< the newest; null: it is empty

  /// How many pfns wait in the caches for an allocation.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Cpu {
    std::unique_ptr<IovaMagazine> loaded;
    std::unique_ptr<IovaMagazine> previous;
  };
  struct SizeClass {
    std::vector<Cpu> cpus;
    std::vector<std::unique_ptr<IovaMagazine>> depot;  ///< oldest first
  };

  void load_another(Cpu& local, unsigned order);

  IovaDepot depot_;
  std::array<SizeClass, order_count> classes_;
};

}  // namespace sidewinder::kernel

#endif
