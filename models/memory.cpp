// SPDX-License-Identifier: Apache-2.0

#include "models/memory.h"

#include <algorithm>

namespace sidewinder::models {

Memory::Memory(const sc_core::sc_module_name& name, std::uint64_t size, const sc_core::sc_time& latency)
    : sc_module(name), in("in"), store_(size), latency_(latency) {
  in.register_b_transport(this, &Memory::transport);
  in.register_transport_dbg(this, &Memory::transport_debug);
}

bool Memory::access(tlm::tlm_generic_payload& payload) {
  const std::uint64_t address = payload.get_address();
  const std::size_t length = payload.get_data_length();
  if (address > store_.size() || length > store_.size() - address) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return false;
  }
  if (payload.get_streaming_width() < length) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return false;
  }
  auto* data = reinterpret_cast<std::byte*>(payload.get_data_ptr());
  const unsigned char* enables = payload.get_byte_enable_ptr();
  const unsigned enables_length = payload.get_byte_enable_length();
  if (enables != nullptr && enables_length == 0) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return false;
  }
  for (std::size_t done = 0; done < length;) {
    // Without byte enables, all at once; with them, byte by byte.
    const std::size_t piece = enables == nullptr ? length : 1;
    if (enables == nullptr || enables[done % enables_length] == TLM_BYTE_ENABLED) {
      if (payload.is_read()) store_.read(address + done, {data + done, piece});
      if (payload.is_write()) store_.write(address + done, {data + done, piece});
    }
    done += piece;
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  return true;
}

void Memory::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  access(payload);
  delay += latency_;
}

unsigned Memory::transport_debug(tlm::tlm_generic_payload& payload) {
  return access(payload) ? payload.get_data_length() : 0;
}

}  // namespace sidewinder::models
