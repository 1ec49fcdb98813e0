// SPDX-License-Identifier: Apache-2.0
//
// A cache of decoded configuration: what an STE, and the CD it led to, say of one stream and substream
// (IHI 0070 §4.3, §16.2.1). Level 1 descriptors are not cached, so Leaf makes no difference.

#ifndef SIDEWINDER_IOMMU_SMMUV3_CONFIG_CACHE_H
#define SIDEWINDER_IOMMU_SMMUV3_CONFIG_CACHE_H

#include <cstdint>

#include "iommu/arch/set_associative.h"
#include "iommu/layout/bits.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// Whose configuration it is, as a transaction asks for it.
struct ConfigKey {
  std::uint32_t stream_id = 0;
  std::uint32_t substream_id = 0;  ///< 0 where there is none
  SecurityState security = SecurityState::NonSecure;
  bool ssv = false;  ///< there is a SubstreamID; STE.S1DSS may make a difference between 0 and none

  friend bool operator==(const ConfigKey&, const ConfigKey&) = default;
};

/// CMD_CFGI_*: the streams of one security state from `first` to `last`, both included, and all that was
/// found through their STEs.
struct ConfigInvalidation {
  SecurityState security = SecurityState::NonSecure;  ///< SSec
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool cd_only = false;  ///< only what has a CD in it
  bool one_cd = false;   ///< and only the CD of index `cd`
  std::uint32_t cd = 0;
};

[[nodiscard]] constexpr ConfigInvalidation cfgi_ste(SecurityState security, std::uint32_t stream_id) {
  return {.security = security, .first = stream_id, .last = stream_id};
}

/// `range` 0-31: the aligned 2^(range + 1) streams around the one given. 31 is CMD_CFGI_ALL.
[[nodiscard]] constexpr ConfigInvalidation cfgi_ste_range(SecurityState security, std::uint32_t stream_id,
                                                          unsigned range) {
  const auto ignored = static_cast<std::uint32_t>(layout::low_bits(range + 1));
  return {.security = security, .first = stream_id & ~ignored, .last = stream_id | ignored};
}

/// §4.3.3: SubstreamID is the index in the table of CDs; 0 is also the CD of a transaction without one.
[[nodiscard]] constexpr ConfigInvalidation cfgi_cd(SecurityState security, std::uint32_t stream_id,
                                                   std::uint32_t substream_id) {
  return {.security = security,
          .first = stream_id,
          .last = stream_id,
          .cd_only = true,
          .one_cd = true,
          .cd = substream_id};
}

[[nodiscard]] constexpr ConfigInvalidation cfgi_cd_all(SecurityState security, std::uint32_t stream_id) {
  return {.security = security, .first = stream_id, .last = stream_id, .cd_only = true};
}

[[nodiscard]] constexpr ConfigInvalidation cfgi_all(SecurityState security) {
  return {.security = security, .first = 0, .last = ~std::uint32_t{0}};
}

template <typename Payload>
class ConfigCache {
 public:
  explicit ConfigCache(arch::CacheShape shape) : storage_(shape) {}

  /// What is kept for `key`, or nullptr. The pointer holds until the next call that is not a lookup.
  [[nodiscard]] const Payload* lookup(const ConfigKey& key) {
    arch::CacheStatistics& count = storage_.statistics();
    ++count.lookups;
    const std::uint32_t found =
        storage_.find(Entry{.key = key}.hash(), [&](const Entry& entry) { return entry.key == key; });
    if (found == storage_.none) return nullptr;
    ++count.hits;
    return &storage_.value(found);
  }

  /// See SetAssociative.
  [[nodiscard]] std::uint32_t index_of(const Payload& found) const { return storage_.index_of(found); }
  void look_up_again(std::uint32_t index) { storage_.find_again(index); }

  /// `has_cd`: stage 1 was configured, and the payload is of a CD too.
  void insert(const ConfigKey& key, const Payload& payload, bool has_cd) {
    if (storage_.capacity() == 0) return;
    const Entry made{.key = key, .has_cd = has_cd};
    storage_.statistics().evictions +=
        storage_.erase(made.group(), [&](const Entry& entry, const Payload&) { return entry.key == key; });
    storage_.insert(made, payload, [](const Entry&) {});
  }

  /// One stream is looked up; of a range every entry is looked at.
  void invalidate(const ConfigInvalidation& what) {
    const auto named = [&](const Entry& entry, const Payload&) {
      const ConfigKey& key = entry.key;
      if (key.security != what.security || key.stream_id < what.first || key.stream_id > what.last)
        return false;
      return !what.cd_only || (entry.has_cd && (!what.one_cd || key.substream_id == what.cd));
    };
    storage_.statistics().invalidated +=
        what.first == what.last ? storage_.erase(Entry{.key = {.stream_id = what.first}}.group(), named)
                                : storage_.erase_if(named);
  }

  [[nodiscard]] std::uint32_t occupancy() const { return storage_.occupancy(); }
  [[nodiscard]] const arch::CacheStatistics& statistics() const { return storage_.statistics(); }

 private:
  struct Entry {
    ConfigKey key{};
    bool has_cd = false;

    /// A StreamID is often a bus number above a device number.
    [[nodiscard]] std::uint64_t group() const {
      return key.stream_id ^ key.stream_id >> 8 ^ key.stream_id >> 16;
    }
    /// A sum, not an exclusive-or: both count from 0, often together, and equal ones would all land in set 0.
    [[nodiscard]] std::uint64_t hash() const { return group() + key.substream_id + (key.substream_id >> 8); }
  };

  arch::SetAssociative<Entry, Payload> storage_;
};

}  // namespace sidewinder::smmuv3

#endif
