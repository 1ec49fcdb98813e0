// SPDX-License-Identifier: Apache-2.0

#include "tests/support/tlm_ends.h"

#include "models/attributes.h"

namespace sidewinder::test {

void Target::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (waits != sc_core::SC_ZERO_TIME) sc_core::wait(waits);
  const std::uint64_t address = payload.get_address();
  seen.push_back({address, payload.get_data_length(), payload.is_write()});
  all_incomplete = all_incomplete && payload.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE;
  last_streaming_width = payload.get_streaming_width();
  last_had_extension = payload.get_extension<models::AttributesExtension>() != nullptr;
  last_enables.clear();
  const unsigned char* enables = payload.get_byte_enable_ptr();
  for (unsigned i = 0; enables != nullptr && i < payload.get_data_length(); ++i)
    last_enables.push_back(enables[i % payload.get_byte_enable_length()]);
  const auto* output = payload.get_extension<tlm_shell::OutputExtension>();
  outputs.push_back(output == nullptr ? std::nullopt : std::optional(output->value));
  delay += latency;
  payload.set_dmi_allowed(true);
  if (failing.count(address) != 0) {
    payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
    return;
  }
  for (unsigned i = 0; i < payload.get_data_length(); ++i) {
    if (!last_enables.empty() && last_enables[i] != TLM_BYTE_ENABLED) continue;
    if (payload.is_write()) bytes[address + i] = payload.get_data_ptr()[i];
    if (payload.is_read()) payload.get_data_ptr()[i] = bytes[address + i];
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

unsigned Target::debug(tlm::tlm_generic_payload& payload) {
  ++debug_accesses;
  const std::uint64_t address = payload.get_address();
  if (failing.count(address) != 0) return 0;
  for (unsigned i = 0; i < payload.get_data_length(); ++i) {
    if (payload.is_write()) bytes[address + i] = payload.get_data_ptr()[i];
    if (payload.is_read()) payload.get_data_ptr()[i] = bytes[address + i];
  }
  return payload.get_data_length();
}

bool Target::direct_memory(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
  if (payload.get_address() - direct_base >= direct.size() || (payload.is_write() && !direct_writable))
    return false;
  dmi.set_dmi_ptr(direct.data());
  dmi.set_start_address(direct_base);
  dmi.set_end_address(direct_base + direct.size() - 1);
  dmi.set_granted_access(direct_writable ? tlm::tlm_dmi::DMI_ACCESS_READ_WRITE
                                         : tlm::tlm_dmi::DMI_ACCESS_READ);
  dmi.set_read_latency(latency);
  dmi.set_write_latency(latency);
  return true;
}

}  // namespace sidewinder::test
