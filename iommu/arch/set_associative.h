// SPDX-License-Identifier: Apache-2.0
//
// The storage of every cache here: set-associative, with true LRU, and found through hashes, so that neither
// the entries nor the ways make a lookup longer.

#ifndef SIDEWINDER_IOMMU_ARCH_SET_ASSOCIATIVE_H
#define SIDEWINDER_IOMMU_ARCH_SET_ASSOCIATIVE_H

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <vector>

#include "iommu/arch/use_order.h"

namespace sidewinder::arch {

/// Ways divide the entries: as many ways as entries is a fully associative cache. Entries 0: there is no
/// cache, whatever the ways.
struct CacheShape {
  std::uint32_t entries = 0;
  std::uint32_t ways = 1;

  [[nodiscard]] constexpr bool valid() const { return entries == 0 || (ways != 0 && entries % ways == 0); }
};

struct CacheStatistics {
  std::uint64_t lookups = 0;
  std::uint64_t hits = 0;
  std::uint64_t insertions = 0;
  std::uint64_t evictions = 0;    ///< entries that made room for another
  std::uint64_t invalidated = 0;  ///< entries that an invalidation removed
};

/// Keys are small, lie apart from the values and know two hashes: `hash()`, of all that a lookup knows,
/// chooses the set and is where lookups look; `group()`, of less, is where targeted invalidations look: of
/// the address and not the ASID, say.
template <typename Key, typename Value>
class SetAssociative {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  explicit SetAssociative(CacheShape shape)
      : bucket_mask_(shape.entries == 0 ? 0 : std::bit_ceil(2 * shape.entries) - 1),
        buckets_(bucket_mask_ + 1, none),
        groups_(bucket_mask_ + 1, none),
        slots_(shape.entries),
        order_(shape.entries, std::max(shape.ways, 1U)),
        sets_(shape.entries == 0 ? 0 : shape.entries / shape.ways),
        set_mask_(std::has_single_bit(sets_) ? sets_ - 1 : no_mask),
        values_(shape.entries) {
    assert(shape.valid());
  }

  /// An entry of this hash whose key `matches(key)`, as the one most recently used; or none.
  template <typename Matches>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Matches matches) {
    std::uint32_t index = buckets_[hash & bucket_mask_];
    while (index != none && !matches(slots_[index].key)) index = slots_[index].next;
    if (index != none) order_.use(index);
    return index;
  }

  /// A lookup that finds the entry again, where nothing was inserted or removed since one that did.
  void find_again(std::uint32_t index) {
    ++statistics_.lookups;
    ++statistics_.hits;
    order_.use(index);
  }
  /// Of a value that is kept here.
  [[nodiscard]] std::uint32_t index_of(const Value& value) const {
    return static_cast<std::uint32_t>(&value - values_.data());
  }

  /// Holds until an entry is inserted or removed.
  [[nodiscard]] Value& value(std::uint32_t index) { return values_[index]; }

  /// Adds an entry beside those that are there; where its set is full, in place of the one least recently
  /// used, which `evicted(key)` sees. Not into a cache without entries.
  template <typename Evicted>
  std::uint32_t insert(const Key& key, const Value& value, Evicted evicted) {
    const std::uint64_t hash = key.hash();
    const std::uint32_t index = order_.use_least_recent(set_of(hash));
    Slot& slot = slots_[index];
    if (slot.next != unused) {
      evicted(slot.key);
      unchain(index);
      ++statistics_.evictions;
      --occupancy_;
    }
    std::uint32_t& bucket = buckets_[hash & bucket_mask_];
    std::uint32_t& group = groups_[key.group() & bucket_mask_];
    slot.key = key;
    slot.next = bucket;
    slot.group_next = group;
    bucket = group = index;
    values_[index] = value;
    ++occupancy_;
    ++statistics_.insertions;
    return index;
  }

  /// Removes the entries of this group for which `matches(key, value)`; returns how many.
  template <typename Matches>
  unsigned erase(std::uint64_t group, Matches matches) {
    unsigned removed = 0;
    for (std::uint32_t index = groups_[group & bucket_mask_]; index != none;) {
      const std::uint32_t following = slots_[index].group_next;
      if (matches(slots_[index].key, values_[index])) {
        release(index);
        ++removed;
      }
      index = following;
    }
    return removed;
  }

  /// The same among all entries, each of which is looked at.
  template <typename Matches>
  unsigned erase_if(Matches matches) {
    unsigned removed = 0;
    if (occupancy_ == 0) return removed;
    for (std::uint32_t index = 0; index < slots_.size(); ++index) {
      if (slots_[index].next == unused || !matches(slots_[index].key, values_[index])) continue;
      release(index);
      ++removed;
    }
    return removed;
  }

  [[nodiscard]] std::uint32_t capacity() const { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] std::uint32_t occupancy() const { return occupancy_; }
  [[nodiscard]] const CacheStatistics& statistics() const { return statistics_; }
  /// What is a lookup, and whether a removal was an invalidation, the cache itself knows.
  [[nodiscard]] CacheStatistics& statistics() { return statistics_; }

 private:
  static constexpr std::uint32_t unused = none - 1;
  static constexpr std::uint64_t no_mask = ~std::uint64_t{0};

  struct Slot {
    Key key{};
    std::uint32_t next = unused;  ///< of the hash's bucket
    std::uint32_t group_next = none;
  };

  [[nodiscard]] std::uint64_t set_of(std::uint64_t hash) const {
    return set_mask_ != no_mask ? hash & set_mask_ : hash % sets_;
  }

  void unlink(std::uint32_t* link, std::uint32_t index, std::uint32_t Slot::*following) {
    while (*link != index) link = &(slots_[*link].*following);
    *link = slots_[index].*following;
  }

  void unchain(std::uint32_t index) {
    const Key& key = slots_[index].key;
    unlink(&buckets_[key.hash() & bucket_mask_], index, &Slot::next);
    unlink(&groups_[key.group() & bucket_mask_], index, &Slot::group_next);
  }

  void release(std::uint32_t index) {
    unchain(index);
    slots_[index].next = unused;
    order_.release(index);
    --occupancy_;
  }

  std::uint64_t bucket_mask_;
  std::vector<std::uint32_t> buckets_;  ///< first slot of each chain; at least twice as many as entries
  std::vector<std::uint32_t> groups_;
  std::vector<Slot> slots_;  ///< set after set
  UseOrder order_;
  std::uint64_t sets_;
  std::uint64_t set_mask_;  ///< no_mask: their number is no power of 2
  std::vector<Value> values_;
  std::uint32_t occupancy_ = 0;
  CacheStatistics statistics_;
};

}  // namespace sidewinder::arch

#endif
