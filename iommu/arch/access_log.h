// SPDX-License-Identifier: Apache-2.0
//
// The memory accesses that one translation made, in order: what its time is computed from, and what explains
// it. Of fixed capacity and never cleared word by word, so that a hit costs nothing.

#ifndef SIDEWINDER_IOMMU_ARCH_ACCESS_LOG_H
#define SIDEWINDER_IOMMU_ARCH_ACCESS_LOG_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sidewinder::arch {

enum class AccessPurpose : std::uint8_t { StreamTable, ContextTable, Stage1Table, Stage2Table };

struct WalkAccess {
  std::uint64_t address = 0;
  std::uint32_t latency_ps = 0;
  std::int8_t level = 0;  ///< of the table, -1 to 3; of a two-level configuration table 1 or 2
  AccessPurpose purpose = AccessPurpose::Stage1Table;
  bool write = false;  ///< a hardware update of a descriptor
};

class AccessLog {
 public:
  /// Above the longest walk: two levels of stream table, two of context table and five of stage 1, each of
  /// the last seven behind five levels of stage 2, five more for the output, and their updates. What would
  /// not fit is counted and not kept.
  static constexpr std::size_t capacity = 96;

  void clear() { count_ = 0; }

  void add(const WalkAccess& access) {
    if (count_ < capacity) accesses_[count_] = access;
    ++count_;
  }

  [[nodiscard]] std::span<const WalkAccess> kept() const {
    return {accesses_.data(), count_ < capacity ? count_ : capacity};
  }

 private:
  std::array<WalkAccess, capacity> accesses_;
  std::size_t count_ = 0;
};

}  // namespace sidewinder::arch

#endif
