// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/block.h"

#include <algorithm>

namespace sidewinder::vpu {

VpuBlock::VpuBlock(const sc_core::sc_module_name& name, std::size_t block, const VpuConfig& config,
                   tlm::tlm_initiator_socket<>& socket, VpuCounters& counters, VpuObserver* observer,
                   WorkListener& listener)
    : sc_core::sc_module(name),
      block_(block),
      config_(config),
      listener_(listener),
      port_(config, socket, counters, observer),
      zeros_(config.burst_bytes),
      discarded_(config.burst_bytes) {
  SC_HAS_PROCESS(VpuBlock);
  SC_THREAD(run);
  set_stack_size(1 << 20);
}

void VpuBlock::push(const WorkItem& item) {
  items_.push_back(item);
  pushed_.notify(sc_core::SC_ZERO_TIME);
}

void VpuBlock::flush() {
  items_.clear();
  ++epoch_;
}

void VpuBlock::run() {
  while (true) {
    if (items_.empty()) {
      wait(pushed_);
      continue;
    }
    const WorkItem item = items_.front();
    items_.pop_front();
    work(item);
  }
}

void VpuBlock::work(const WorkItem& item) {
  const std::uint64_t epoch = epoch_;
  const sc_core::sc_time interval(static_cast<double>(item.interval_ps), sc_core::SC_PS);
  DmaRequest request;
  request.block = block_;
  request.write = item.write;
  request.session = item.session;
  request.type = item.type;
  request.index = item.index;
  for (std::uint64_t offset = 0; offset < item.bytes; offset += config_.stride_bytes) {
    if (sc_core::sc_time_stamp() < next_issue_) wait(next_issue_ - sc_core::sc_time_stamp());
    if (epoch != epoch_) return;
    next_issue_ = sc_core::sc_time_stamp() + interval;
    request.iova = item.iova + offset;
    request.bytes =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(config_.burst_bytes, item.bytes - offset));
    const bool ok = port_.access(request, item.write ? zeros_.data() : discarded_.data());
    if (epoch != epoch_) return;
    if (!ok) listener_.access_failed(item.slot, block_, request.iova);
  }
  listener_.item_done(item.slot);
}

}  // namespace sidewinder::vpu
