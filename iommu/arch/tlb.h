// SPDX-License-Identifier: Apache-2.0
//
// A set-associative TLB for entries of every page and block size. A lookup probes one set for each size that
// is present, so its cost depends neither on the number of entries nor on the working set.

#ifndef SIDEWINDER_IOMMU_ARCH_TLB_H
#define SIDEWINDER_IOMMU_ARCH_TLB_H

#include <array>
#include <cstdint>
#include <vector>

#include "iommu/arch/stage1.h"

namespace sidewinder::arch {

/// Whose translation it is (IHI 0062 §2.5). An entry that is global matches any ASID of its VMID.
struct TlbTag {
  std::uint16_t asid = 0;
  std::uint16_t vmid = 0;
};

class Tlb {
 public:
  /// `entries` and `ways` are powers of two, 1 <= ways <= entries.
  Tlb(unsigned entries, unsigned ways);

  /// The leaf that maps `address`, or nullptr. The pointer holds until the next call that is not a lookup.
  [[nodiscard]] const Leaf* lookup(TlbTag tag, std::uint64_t address);

  /// Replaces the least recently used entry of the set.
  void insert(TlbTag tag, std::uint64_t address, const Leaf& leaf);

  void invalidate_all();
  void invalidate_vmid(std::uint16_t vmid);
  void invalidate_asid(TlbTag tag);                            ///< non-global entries only
  void invalidate_address(TlbTag tag, std::uint64_t address);  ///< the ASID's and the global ones
  void invalidate_address_all_asids(std::uint16_t vmid, std::uint64_t address);

  [[nodiscard]] unsigned occupancy() const { return occupancy_; }

 private:
  struct Entry {
    std::uint64_t page = 0;  ///< input address >> size_shift
    std::uint64_t last_use = 0;
    TlbTag tag;
    bool valid = false;
    Leaf leaf;
  };

  template <typename Matches>
  void invalidate_if(Matches matches);
  template <typename Matches>
  void invalidate_address_if(std::uint64_t address, Matches matches);
  [[nodiscard]] Entry* set_of(std::uint64_t page, unsigned size_shift);
  void drop(Entry& entry);

  unsigned ways_;
  std::uint64_t set_mask_;
  std::vector<Entry> entries_;
  std::array<std::uint32_t, 64> count_of_size_{};
  std::uint64_t sizes_present_ = 0;  ///< bit n: an entry of 2^n bytes is present
  std::uint64_t clock_ = 0;
  unsigned occupancy_ = 0;
};

}  // namespace sidewinder::arch

#endif
