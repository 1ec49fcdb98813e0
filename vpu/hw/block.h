// SPDX-License-Identifier: Apache-2.0
//
// One block of the VPU: it works through its items in the order they came, one access at a time.

#ifndef SIDEWINDER_VPU_HW_BLOCK_H
#define SIDEWINDER_VPU_HW_BLOCK_H

#include <cstdint>
#include <deque>
#include <systemc>
#include <vector>

#include "vpu/hw/dma_port.h"

namespace sidewinder::vpu {

/// Bursts over [iova, iova + bytes), one every stride.
struct WorkItem {
  std::size_t slot = 0;  ///< whom to tell: the session's place in the firmware's table
  hfi::SessionId session = 0;
  BufferType type = BufferType::Input;
  std::uint32_t index = 0;
  std::uint64_t iova = 0;
  std::uint64_t bytes = 0;
  bool write = false;
  std::uint64_t interval_ps = 0;  ///< at least this long from one access's start to the next one's
};

class WorkListener {
 public:
  virtual ~WorkListener() = default;
  virtual void access_failed(std::size_t slot, std::size_t block, std::uint64_t iova) = 0;
  virtual void item_done(std::size_t slot) = 0;
};

class VpuBlock : public sc_core::sc_module {
 public:
  VpuBlock(const sc_core::sc_module_name& name, std::size_t block, const VpuConfig& config,
           tlm::tlm_initiator_socket<>& socket, VpuCounters& counters, VpuObserver* observer,
           WorkListener& listener);

  void push(const WorkItem& item);

  /// Drops every item without telling the listener; an access already under way is still answered.
  void flush();

 private:
  void run();
  void work(const WorkItem& item);

  std::size_t block_;
  const VpuConfig& config_;
  WorkListener& listener_;
  DmaPort port_;
  std::deque<WorkItem> items_;
  sc_core::sc_event pushed_;
  sc_core::sc_time next_issue_;
  std::uint64_t epoch_ = 0;               ///< counts flushes
  std::vector<unsigned char> zeros_;      ///< no picture content is modelled: what is written is zero
  std::vector<unsigned char> discarded_;  ///< and what is read is not looked at
};

}  // namespace sidewinder::vpu

#endif
