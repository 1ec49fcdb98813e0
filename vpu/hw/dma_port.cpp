// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/dma_port.h"

#include "vpu/hw/stream_selector.h"

namespace sidewinder::vpu {

DmaPort::DmaPort(const VpuConfig& config, tlm::tlm_initiator_socket<>& socket, VpuCounters& counters,
                 VpuObserver* observer)
    : config_(config), socket_(socket), counters_(counters), observer_(observer) {}

// A simulation may end inside b_transport, with the extension, which the payload must not free, still set.
DmaPort::~DmaPort() {
  payload_.clear_extension(&attributes_);
}

bool DmaPort::transport(const DmaRequest& request, std::uint32_t stream_id, unsigned char* data,
                        sc_core::sc_time& delay) {
  attributes_.value = models::AccessAttributes{};
  attributes_.value.stream_id = stream_id;
  payload_.set_command(request.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  payload_.set_address(request.iova);
  payload_.set_data_ptr(data);
  payload_.set_data_length(request.bytes);
  payload_.set_streaming_width(request.bytes);
  payload_.set_byte_enable_ptr(nullptr);
  payload_.set_dmi_allowed(false);
  payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  payload_.set_extension(&attributes_);
  socket_->b_transport(payload_, delay);
  payload_.clear_extension(&attributes_);
  return payload_.is_response_ok();
}

bool DmaPort::access(const DmaRequest& request, unsigned char* data) {
  const std::optional<std::size_t> emitted =
      emitted_stream(config_, request.block, request.iova, request.bytes);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  const bool ok = emitted && transport(request, config_.streams[*emitted].stream_id, data, delay);

  BlockCounters& counters = counters_.blocks[request.block];
  ++(request.write ? counters.writes : counters.reads);
  counters.bytes += request.bytes;
  if (!emitted) {
    ++counters.aborted;
  } else {
    if (*emitted != request.block) ++counters.other_stream;
    if (!ok) ++counters.errors;
  }
  if (observer_ != nullptr) {
    VpuAccess seen;
    seen.block = request.block;
    seen.own_stream_id = config_.streams[request.block].stream_id;
    if (emitted) seen.stream_id = config_.streams[*emitted].stream_id;
    seen.iova = request.iova;
    seen.bytes = request.bytes;
    seen.write = request.write;
    seen.ok = ok;
    seen.session = request.session;
    seen.type = request.type;
    seen.index = request.index;
    observer_->access(seen);
  }
  if (delay != sc_core::SC_ZERO_TIME) sc_core::wait(delay);
  return ok;
}

}  // namespace sidewinder::vpu
