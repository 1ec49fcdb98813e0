// SPDX-License-Identifier: Apache-2.0
//
// The storage of every cache here: set-associative, with true LRU, and found through hashes, so that neither
// the entries nor the ways make a lookup longer.

#ifndef SIDEWINDER_IOMMU_ARCH_SET_ASSOCIATIVE_H
#define SIDEWINDER_IOMMU_ARCH_SET_ASSOCIATIVE_H

#include <bit>
#include <cassert>
#include <cstdint>
#include <vector>

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
      : ways_(shape.ways),
        sets_(shape.entries == 0 ? 0 : shape.entries / shape.ways),
        bucket_mask_(shape.entries == 0 ? 0 : std::bit_ceil(2 * shape.entries) - 1),
        buckets_(bucket_mask_ + 1, none),
        groups_(bucket_mask_ + 1, none),
        slots_(shape.entries),
        values_(shape.entries) {
    assert(shape.valid());
  }

  /// An entry of this hash whose key `matches(key)`, as the one most recently used; or none.
  template <typename Matches>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Matches matches) {
    std::uint32_t index = buckets_[hash & bucket_mask_];
    while (index != none && !matches(slots_[index].key)) index = slots_[index].next;
    if (index != none) touch(index);
    return index;
  }

  /// Makes an entry the one most recently used, as finding it would.
  void touch(std::uint32_t index) { slots_[index].last_use = ++clock_; }
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
    const std::uint32_t index = victim(key.hash());
    Slot& slot = slots_[index];
    if (slot.last_use != 0) {
      evicted(slot.key);
      release(index);
      ++statistics_.evictions;
    }
    std::uint32_t& bucket = buckets_[key.hash() & bucket_mask_];
    std::uint32_t& group = groups_[key.group() & bucket_mask_];
    slot = {.key = key, .last_use = ++clock_, .next = bucket, .group_next = group};
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
      if (slots_[index].last_use == 0 || !matches(slots_[index].key, values_[index])) continue;
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
  struct Slot {
    Key key{};
    std::uint64_t last_use = 0;  ///< 0: the slot is free
    std::uint32_t next = none;   ///< of the hash's bucket
    std::uint32_t group_next = none;
  };

  [[nodiscard]] std::uint32_t victim(std::uint64_t hash) const {
    const auto first = static_cast<std::uint32_t>(hash % sets_) * ways_;
    std::uint32_t oldest = first;
    for (std::uint32_t index = first; index != first + ways_; ++index)
      if (slots_[index].last_use < slots_[oldest].last_use) oldest = index;
    return oldest;
  }

  void unlink(std::uint32_t* link, std::uint32_t index, std::uint32_t Slot::*following) {
    while (*link != index) link = &(slots_[*link].*following);
    *link = slots_[index].*following;
  }

  void release(std::uint32_t index) {
    const Key& key = slots_[index].key;
    unlink(&buckets_[key.hash() & bucket_mask_], index, &Slot::next);
    unlink(&groups_[key.group() & bucket_mask_], index, &Slot::group_next);
    slots_[index] = Slot{};
    --occupancy_;
  }

  std::uint32_t ways_;
  std::uint64_t sets_;
  std::uint64_t bucket_mask_;
  std::vector<std::uint32_t> buckets_;  ///< first slot of each chain; at least twice as many as entries
  std::vector<std::uint32_t> groups_;
  std::vector<Slot> slots_;  ///< set after set
  std::vector<Value> values_;
  std::uint64_t clock_ = 0;
  std::uint32_t occupancy_ = 0;
  CacheStatistics statistics_;
};

}  // namespace sidewinder::arch

#endif
