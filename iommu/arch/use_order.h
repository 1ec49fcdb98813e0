// SPDX-License-Identifier: Apache-2.0
//
// Which entry of a set was used least recently, exactly: a use is a number written down, whatever the ways,
// and only who has to make room sorts.

#ifndef SIDEWINDER_IOMMU_ARCH_USE_ORDER_H
#define SIDEWINDER_IOMMU_ARCH_USE_ORDER_H

#include <cstdint>
#include <vector>

namespace sidewinder::arch {

/// Of sets of `ways` entries each, numbered one set after another. Free entries count as used before all
/// others.
class UseOrder {
 public:
  UseOrder(std::uint32_t entries, std::uint32_t ways) : ways_(ways), uses_(entries), sets_(entries / ways) {
    for (std::uint32_t index = 0; index < entries; ++index) put_in(sets_[index / ways], index, none);
  }

  void use(std::uint32_t index) {
    uses_[index].last = ++clock_;
    uses_[index].used_since = true;
  }

  [[nodiscard]] std::uint32_t least_recent(std::uint64_t set_number) {
    Set& set = sets_[set_number];
    while (uses_[set.oldest].used_since) put_in_order(set, set.oldest);
    return set.oldest;
  }

  /// Uses that one, and says which it was.
  std::uint32_t use_least_recent(std::uint64_t set_number) {
    const std::uint32_t index = least_recent(set_number);
    Set& set = sets_[set_number];
    uses_[index].last = ++clock_;
    take_out(set, index);
    put_in(set, index, set.newest);
    return index;
  }

  /// Where the entry is free from now on.
  void release(std::uint32_t index) {
    uses_[index].last = 0;
    uses_[index].used_since = false;
    Set& set = sets_[index / ways_];
    take_out(set, index);
    put_in(set, index, none);
  }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  struct Use {
    std::uint64_t last = 0;
    std::uint32_t newer = none;
    std::uint32_t older = none;
    bool used_since = false;  ///< since it was put between those two
  };
  /// Ahead of one that was not used since lie only such as were used later: so it is the least recent if it
  /// is the last.
  struct Set {
    std::uint32_t newest = none;
    std::uint32_t oldest = none;
  };

  void put_in_order(Set& set, std::uint32_t index) {
    Use& use = uses_[index];
    use.used_since = false;
    take_out(set, index);
    std::uint32_t behind = set.newest;
    while (behind != none && uses_[behind].last > use.last) behind = uses_[behind].older;
    put_in(set, index, behind);
  }

  void take_out(Set& set, std::uint32_t index) {
    const Use& use = uses_[index];
    (use.newer == none ? set.newest : uses_[use.newer].older) = use.older;
    (use.older == none ? set.oldest : uses_[use.older].newer) = use.newer;
  }
  /// Ahead of `behind`, or as the oldest.
  void put_in(Set& set, std::uint32_t index, std::uint32_t behind) {
    Use& use = uses_[index];
    use.older = behind;
    use.newer = behind == none ? set.oldest : uses_[behind].newer;
    (use.newer == none ? set.newest : uses_[use.newer].older) = index;
    (behind == none ? set.oldest : uses_[behind].newer) = index;
  }

  std::uint32_t ways_;
  std::vector<Use> uses_;
  std::vector<Set> sets_;
  std::uint64_t clock_ = 0;
};

}  // namespace sidewinder::arch

#endif
