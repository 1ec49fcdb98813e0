// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/resource.h"

#include <algorithm>

namespace sidewinder::tlm_shell {

using sc_core::sc_time;

namespace {

void note(ResourceStatistics& statistics, const sc_time& wanted, const sc_time& begin, std::uint64_t uses) {
  statistics.uses += uses;
  if (begin <= wanted) return;
  statistics.waited += uses;
  statistics.queueing += begin - wanted;
}

}  // namespace

sc_time Lane::use(const sc_time& time, const sc_time& duration) {
  statistics_.busy += duration;
  if (busy_.empty() || duration == sc_core::SC_ZERO_TIME) {
    note(statistics_, time, time, 1);
    return time + duration;
  }
  const sc_time& now = sc_core::sc_time_stamp();
  Server* chosen = nullptr;
  std::size_t place = 0;
  sc_time begin;
  for (Server& server : busy_) {
    server.erase(server.begin(), std::find_if(server.begin(), server.end(),
                                              [&](const Interval& past) { return past.end > now; }));
    sc_time possible = time;
    std::size_t before = 0;
    while (before < server.size() && server[before].begin < possible + duration) {
      possible = std::max(possible, server[before].end);
      ++before;
    }
    if (chosen != nullptr && possible >= begin) continue;
    chosen = &server;
    begin = possible;
    place = before;
  }
  chosen->insert(chosen->begin() + static_cast<std::ptrdiff_t>(place), {begin, begin + duration});
  note(statistics_, time, begin, 1);
  return begin + duration;
}

sc_time SlotPool::acquire(const sc_time& time, unsigned count) {
  held_ = std::min(count, static_cast<unsigned>(free_at_.size()));
  begin_ = held_ == 0 ? time : std::max(time, free_at_[held_ - 1]);
  note(statistics_, time, begin_, 1);
  return begin_;
}

void SlotPool::release(const sc_time& time) {
  statistics_.busy += held_ > 1 ? (time - begin_) * held_ : time - begin_;
  if (held_ == 0) return;
  std::fill_n(free_at_.begin(), held_, time);
  std::sort(free_at_.begin(), free_at_.end());
}

}  // namespace sidewinder::tlm_shell
