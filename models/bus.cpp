// SPDX-License-Identifier: Apache-2.0

#include "models/bus.h"

#include <sstream>
#include <stdexcept>

namespace sidewinder::models {

Bus::Bus(const sc_core::sc_module_name& name) : sc_module(name), in("in"), out_("out") {
  in.register_b_transport(this, &Bus::transport);
  in.register_transport_dbg(this, &Bus::transport_debug);
}

void Bus::add_range(std::uint64_t base, std::uint64_t size) {
  for (const Range& range : ranges_) {
    if (base + (size - 1) < range.base || range.base + (range.size - 1) < base) continue;
    std::ostringstream message;
    message << std::hex << "the range 0x" << base << " + 0x" << size << " meets the range 0x" << range.base
            << " + 0x" << range.size;
    throw std::invalid_argument(message.str());
  }
  ranges_.push_back({base, size});
}

int Bus::find(std::uint64_t address, std::uint64_t length) const {
  for (std::size_t index = 0; index < ranges_.size(); ++index)
    if (ranges_[index].holds(address, length)) return static_cast<int>(index);
  return -1;
}

void Bus::transport(int /*port*/, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const std::uint64_t address = payload.get_address();
  const int target = find(address, payload.get_data_length());
  if (target < 0) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  payload.set_address(address - ranges_[static_cast<std::size_t>(target)].base);
  out_[target]->b_transport(payload, delay);
  payload.set_address(address);
}

unsigned Bus::transport_debug(int /*port*/, tlm::tlm_generic_payload& payload) {
  const std::uint64_t address = payload.get_address();
  const int target = find(address, payload.get_data_length());
  if (target < 0) return 0;
  payload.set_address(address - ranges_[static_cast<std::size_t>(target)].base);
  const unsigned length = out_[target]->transport_dbg(payload);
  payload.set_address(address);
  return length;
}

}  // namespace sidewinder::models
