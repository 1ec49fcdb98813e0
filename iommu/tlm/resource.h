// SPDX-License-Identifier: Apache-2.0
//
// What transactions may have to wait for, when time is kept: a unit that serves so many at once. It knows
// when it is free, and so wants requests in about the order of their times: no quantum with it.

#ifndef SIDEWINDER_IOMMU_TLM_RESOURCE_H
#define SIDEWINDER_IOMMU_TLM_RESOURCE_H

#include <cstdint>
#include <systemc>
#include <vector>

namespace sidewinder::tlm_shell {

struct ResourceStatistics {
  std::uint64_t uses = 0;
  std::uint64_t waited = 0;                           ///< uses that found none free
  sc_core::sc_time queueing = sc_core::SC_ZERO_TIME;  ///< what they waited, taken together
  sc_core::sc_time busy = sc_core::SC_ZERO_TIME;      ///< what all uses took: over the time, the occupancy
};

/// Ports, links and lookups: for a time that is known when it begins, in the first gap of any server.
class Lane {
 public:
  /// `servers` 0: as many as are wanted; nobody waits.
  explicit Lane(unsigned servers) : busy_(servers) {}

  /// When a use of `duration` that is wanted at `time` ends.
  [[nodiscard]] sc_core::sc_time use(const sc_core::sc_time& time, const sc_core::sc_time& duration) {
    ++statistics_.uses;
    statistics_.busy += duration;
    return busy_.empty() || duration.value() == 0 ? time + duration : queue(time, duration);
  }

  [[nodiscard]] const ResourceStatistics& statistics() const { return statistics_; }

 private:
  struct Interval {
    sc_core::sc_time begin, end;
  };
  using Server = std::vector<Interval>;  ///< what it is going to do, in order

  [[nodiscard]] sc_core::sc_time queue(const sc_core::sc_time& time, const sc_core::sc_time& duration);

  std::vector<Server> busy_;
  ResourceStatistics statistics_;
};

/// Slots: held until something else has happened, and given in the order of the requests.
class SlotPool {
 public:
  /// `slots` 0: as many as are wanted.
  explicit SlotPool(unsigned slots) : free_at_(slots) {}

  /// When `count` slots that are wanted at `time` are had: at most all there are. The next call releases
  /// them, with nothing in between.
  [[nodiscard]] sc_core::sc_time acquire(const sc_core::sc_time& time, unsigned count = 1) {
    ++statistics_.uses;
    begin_ = time;
    if (!free_at_.empty()) take(count);
    return begin_;
  }
  void release(const sc_core::sc_time& time) {
    statistics_.busy += held_ > 1 ? (time - begin_) * held_ : time - begin_;
    if (held_ != 0) give_back(time);
  }

  [[nodiscard]] const ResourceStatistics& statistics() const { return statistics_; }

 private:
  void take(unsigned count);
  void give_back(const sc_core::sc_time& time);

  std::vector<sc_core::sc_time> free_at_;  ///< in ascending order
  sc_core::sc_time begin_;
  unsigned held_ = 0;
  ResourceStatistics statistics_;
};

}  // namespace sidewinder::tlm_shell

#endif
