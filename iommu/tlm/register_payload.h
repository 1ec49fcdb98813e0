// SPDX-License-Identifier: Apache-2.0
//
// What a register frame takes: whole, aligned accesses of 4 and 8 bytes.

#ifndef SIDEWINDER_IOMMU_TLM_REGISTER_PAYLOAD_H
#define SIDEWINDER_IOMMU_TLM_REGISTER_PAYLOAD_H

#include <tlm>

namespace sidewinder::tlm_shell {

/// False: the payload has been answered with what is wrong.
[[nodiscard]] inline bool register_payload_ok(tlm::tlm_generic_payload& payload) {
  const unsigned size = payload.get_data_length();
  if ((size != 4 && size != 8) || payload.get_address() % size != 0 || payload.get_streaming_width() < size) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return false;
  }
  if (payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return false;
  }
  return true;
}

}  // namespace sidewinder::tlm_shell

#endif
