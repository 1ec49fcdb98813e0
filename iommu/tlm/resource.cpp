// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/resource.h"

#include <algorithm>

namespace sidewinder::tlm_shell {

using sc_core::sc_time;

namespace {

void note(ResourceStatistics& statistics, const sc_time& wanted, const sc_time& begin) {
  if (begin <= wanted) return;
  ++statistics.waited;
  statistics.queueing += begin - wanted;
}

}  // namespace

sc_time Lane::queue(const sc_time& time, const sc_time& duration) {
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
  note(statistics_, time, begin);
  return begin + duration;
}

void SlotPool::take(unsigned count) {
  const sc_time wanted = begin_;
  held_ = std::min(count, static_cast<unsigned>(free_at_.size()));
  if (held_ != 0) begin_ = std::max(wanted, free_at_[held_ - 1]);
  note(statistics_, wanted, begin_);
}

void SlotPool::give_back(const sc_time& time) {
  std::fill_n(free_at_.begin(), held_, time);
  std::sort(free_at_.begin(), free_at_.end());
}

}  // namespace sidewinder::tlm_shell
