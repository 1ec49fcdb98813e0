// SPDX-License-Identifier: Apache-2.0
//
// One initiator's way out of the VPU: stream selection, the transaction, its time, and what is counted.

#ifndef SIDEWINDER_VPU_HW_DMA_PORT_H
#define SIDEWINDER_VPU_HW_DMA_PORT_H

#include <cstddef>
#include <cstdint>
#include <systemc>
#include <tlm>

#include "models/attributes.h"
#include "vpu/hw/config.h"
#include "vpu/hw/observer.h"

namespace sidewinder::vpu {

struct DmaRequest {
  std::size_t block = 0;  ///< index into VpuConfig::streams
  std::uint64_t iova = 0;
  std::uint32_t bytes = 0;
  bool write = false;
  hfi::SessionId session = hfi::no_session;
  BufferType type = BufferType::Input;
  std::uint32_t index = 0;
};

/// Each initiator thread has one of its own: the payload outlives every wait of the thread's stack, which
/// SystemC never unwinds.
class DmaPort {
 public:
  DmaPort(const VpuConfig& config, tlm::tlm_initiator_socket<>& socket, VpuCounters& counters,
          VpuObserver* observer);
  ~DmaPort();
  DmaPort(const DmaPort&) = delete;
  DmaPort& operator=(const DmaPort&) = delete;

  /// Moves request.bytes between the address and `data`, and waits as long as that takes; from an SC_THREAD
  /// only. False: an error response, or aborted inside the VPU; `data` of a read is then undefined.
  [[nodiscard]] bool access(const DmaRequest& request, unsigned char* data);

 private:
  [[nodiscard]] bool transport(const DmaRequest& request, std::uint32_t stream_id, unsigned char* data,
                               sc_core::sc_time& delay);

  const VpuConfig& config_;
  tlm::tlm_initiator_socket<>& socket_;
  VpuCounters& counters_;
  VpuObserver* observer_;
  models::AttributesExtension attributes_;
  tlm::tlm_generic_payload payload_;
};

}  // namespace sidewinder::vpu

#endif
