// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/tlm/smmuv3_board.h"

#include <catch2/catch.hpp>

namespace sidewinder::test {

tlm::tlm_response_status Smmuv3Board::send(Initiator& device, tlm::tlm_command command, std::uint64_t address,
                                           Bytes& data) {
  prepare(payload, command, address, data);
  delay = device.send(payload);
  CHECK(payload.get_command() == command);
  CHECK(payload.get_address() == address);
  CHECK(payload.get_data_ptr() == data.data());
  CHECK(payload.get_data_length() == data.size());
  CHECK(payload.get_streaming_width() == data.size());
  CHECK(payload.get_extension<tlm_shell::OutputExtension>() == nullptr);
  return payload.get_response_status();
}

Outstanding& Smmuv3Board::begin(Initiator& device, tlm::tlm_command command, std::uint64_t address,
                                std::size_t length, std::optional<models::AccessAttributes> attributes) {
  Outstanding& made = outstanding.emplace_back();
  made.data.assign(length, 9);
  prepare(made.payload, command, address, made.data);
  if (attributes) made.payload.set_extension(&made.extension.emplace(*attributes));
  sc_core::sc_spawn([&made, &device] {
    made.payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    device.socket->b_transport(made.payload, made.delay);
    made.ended = sc_core::sc_time_stamp();
    made.done = true;
  });
  return made;
}

}  // namespace sidewinder::test
