// SPDX-License-Identifier: Apache-2.0
//
// The transactions that wait for software's answer to their event (IHI 0070 §3.12.2): each has a tag, STAG,
// which is not used again before it is answered.

#ifndef SIDEWINDER_IOMMU_SMMUV3_STALLS_H
#define SIDEWINDER_IOMMU_SMMUV3_STALLS_H

#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

struct StalledTransaction {
  std::uint64_t token = 0;  ///< who waits: the client's own name for it
  std::uint32_t stream_id = 0;
  SecurityState security = SecurityState::NonSecure;
};

class Stalls {
 public:
  /// `max` is IDR5.STALL_MAX, at most 65,535.
  explicit Stalls(unsigned max) : slots_(max) {}

  /// The tag, or nothing when all are in use.
  [[nodiscard]] std::optional<std::uint16_t> add(const StalledTransaction& transaction);

  [[nodiscard]] bool full() const { return count_ == slots_.size(); }
  [[nodiscard]] unsigned count() const { return count_; }

  /// Takes out the transaction of this tag, if it is the stream's.
  [[nodiscard]] std::optional<StalledTransaction> take(SecurityState security, std::uint32_t stream_id,
                                                       std::uint16_t stag);

  /// Takes out, in the order of their arrival, those for which `matches(transaction)`.
  template <typename Matches>
  [[nodiscard]] std::vector<StalledTransaction> take_if(Matches matches) {
    std::vector<StalledTransaction> taken;
    for (std::size_t place = 0; place < order_.size();) {
      auto& slot = slots_[order_[place]];
      if (matches(*slot)) {
        taken.push_back(*slot);
        free(order_[place]);
      } else {
        ++place;
      }
    }
    return taken;
  }

 private:
  void free(std::uint16_t stag);

  std::vector<std::optional<StalledTransaction>> slots_;  ///< by tag
  std::vector<std::uint16_t> order_;                      ///< tags in use, the oldest first
  unsigned count_ = 0;
  std::uint16_t next_ = 0;  ///< where the search for a free tag begins: the one freed last comes last
};

}  // namespace sidewinder::smmuv3

#endif
