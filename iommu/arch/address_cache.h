// SPDX-License-Identifier: Apache-2.0
//
// A cache of what is known of addresses, in entries of every size from 4 KiB on: what TLBs and walk caches
// share. A lookup probes once for each size that is present.

#ifndef SIDEWINDER_IOMMU_ARCH_ADDRESS_CACHE_H
#define SIDEWINDER_IOMMU_ARCH_ADDRESS_CACHE_H

#include <array>
#include <bit>
#include <cstdint>

#include "iommu/arch/address_key.h"
#include "iommu/arch/set_associative.h"
#include "iommu/arch/tlb_tag.h"
#include "iommu/layout/bits.h"

namespace sidewinder::arch {

template <typename Value>
class AddressCache {
 public:
  explicit AddressCache(CacheShape shape) : storage_(shape) {}

  /// What is known of `address`, or nullptr. The pointer holds until the next call that is not a lookup.
  [[nodiscard]] Value* find(const TlbTag& tag, std::uint64_t address) {
    CacheStatistics& count = storage_.statistics();
    ++count.lookups;
    if (storage_.occupancy() == 0) return nullptr;
    const Kind first = recent(address);
    std::uint32_t found = probe(AddressKey::word(tag, first.global), address, first);
    if (found == storage_.none) found = probe_others(first, tag, address);
    if (found == storage_.none) return nullptr;
    ++count.hits;
    return &storage_.value(found);
  }

  /// See SetAssociative.
  [[nodiscard]] std::uint32_t index_of(const Value& found) const { return storage_.index_of(found); }
  void find_again(std::uint32_t index) { storage_.find_again(index); }

  /// What a lookup of the entry's address would have found, of whatever size, makes room for it. So the
  /// newest of what overlaps is used at the address it was made for; elsewhere either may be found.
  void insert(const AddressEntry& entry, const Value& value) {
    if (storage_.capacity() == 0) return;
    for (std::uint64_t sizes = this->sizes(); sizes != 0; sizes &= sizes - 1) {
      const auto shift = static_cast<unsigned>(std::countr_zero(sizes));
      storage_.statistics().evictions +=
          storage_.erase(AddressKey::group(entry.address, shift), [&](const AddressKey& key, const Value&) {
            return key.matches(entry.tag, entry.address) && forget(key);
          });
    }
    insert_missed(entry, value);
  }

  /// The same where a lookup of the address has just found nothing.
  void insert_missed(const AddressEntry& entry, const Value& value) {
    if (storage_.capacity() == 0) return;
    storage_.insert(AddressKey(entry), value, [&](const AddressKey& evicted) { forget(evicted); });
    sizes_present_[entry.global ? 1 : 0] |= std::uint64_t{1} << entry.size_shift;
    ++count_of_size_[entry.global ? 1 : 0][entry.size_shift];
    if (entry.span_shift != entry.size_shift) {
      spans_present_ |= std::uint64_t{1} << entry.span_shift;
      ++count_of_span_[entry.span_shift];
    }
  }

  /// Removes the entries for which `matches(key, value)` where their span overlaps [first, last]. Returns how
  /// many it looked at: no more than are, and of a few pages only those of their addresses.
  template <typename Matches>
  std::uint64_t erase(std::uint64_t first, std::uint64_t last, Matches matches) {
    std::uint64_t looked_at = 0;
    const auto named = [&](const AddressKey& key, const Value& value) {
      ++looked_at;
      return key.span_first() <= last && key.span_last() >= first && matches(key, value) && forget(key);
    };
    const std::uint64_t widest = layout::low_bits(static_cast<unsigned>(std::bit_width(spans_present_ >> 1)));
    const std::uint64_t from = first & ~widest, to = last | widest;
    unsigned removed = 0;
    if (!worth_probing(from, to)) {
      removed = storage_.erase_if(named);
    } else {
      for (std::uint64_t sizes = this->sizes(); sizes != 0; sizes &= sizes - 1) {
        const auto shift = static_cast<unsigned>(std::countr_zero(sizes));
        for (std::uint64_t page = from >> shift; page <= to >> shift; ++page)
          removed += storage_.erase(AddressKey::group(page << shift, shift), named);
      }
    }
    storage_.statistics().invalidated += removed;
    return looked_at;
  }

  /// Bit n: an entry of 2^n bytes is present, and lookups look for it.
  [[nodiscard]] std::uint64_t sizes() const { return sizes_present_[0] | sizes_present_[1]; }
  [[nodiscard]] std::uint32_t occupancy() const { return storage_.occupancy(); }
  [[nodiscard]] const CacheStatistics& statistics() const { return storage_.statistics(); }

 private:
  struct Kind {
    std::uint8_t shift = 12;
    bool global = false;
  };
  /// That of the last hit near the address: a guess, by which a lookup begins.
  [[nodiscard]] Kind& recent(std::uint64_t address) { return recent_[(address >> 21) % recent_.size()]; }

  [[nodiscard]] std::uint32_t probe(std::uint64_t word, std::uint64_t address, Kind kind) {
    const std::uint64_t place = AddressKey::place(address, kind.shift, kind.global);
    return storage_.find(AddressKey::hash(word, address, kind.shift),
                         [&](const AddressKey& key) { return key.matches(word, place); });
  }

  [[nodiscard]] std::uint32_t probe_others(Kind tried, const TlbTag& tag, std::uint64_t address) {
    for (const bool global : {false, true}) {
      const std::uint64_t word = AddressKey::word(tag, global);
      for (std::uint64_t sizes = sizes_present_[global ? 1 : 0]; sizes != 0; sizes &= sizes - 1) {
        const Kind kind{static_cast<std::uint8_t>(std::countr_zero(sizes)), global};
        if (kind.shift == tried.shift && global == tried.global) continue;
        const std::uint32_t found = probe(word, address, kind);
        if (found == storage_.none) continue;
        recent(address) = kind;
        return found;
      }
    }
    return storage_.none;
  }

  [[nodiscard]] bool worth_probing(std::uint64_t first, std::uint64_t last) const {
    std::uint64_t pages = 0;
    for (std::uint64_t sizes = this->sizes(); sizes != 0; sizes &= sizes - 1) {
      const auto shift = static_cast<unsigned>(std::countr_zero(sizes));
      pages += (last >> shift) - (first >> shift) + 1;
    }
    return pages <= storage_.capacity();
  }

  bool forget(const AddressKey& key) {
    const unsigned size = key.size_shift(), span = key.span_shift(), global = key.global() ? 1 : 0;
    if (--count_of_size_[global][size] == 0) sizes_present_[global] &= ~(std::uint64_t{1} << size);
    if (span != size && --count_of_span_[span] == 0) spans_present_ &= ~(std::uint64_t{1} << span);
    return true;
  }

  SetAssociative<AddressKey, Value> storage_;
  std::array<Kind, 16> recent_{};
  std::array<std::uint64_t, 2> sizes_present_{};  ///< bit n: an entry of 2^n bytes is; [1]: a global one
  std::uint64_t spans_present_ = 0;               ///< bit n: an entry that is part of 2^n bytes is
  std::array<std::array<std::uint32_t, 64>, 2> count_of_size_{};
  std::array<std::uint32_t, 64> count_of_span_{};
};

}  // namespace sidewinder::arch

#endif
