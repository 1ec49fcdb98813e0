// SPDX-License-Identifier: Apache-2.0

#include "models/memory.h"

#include <catch2/catch.hpp>

#include "models/run_simulation.h"
#include "tests/support/tlm_ends.h"

namespace sidewinder::models {
namespace {

using Bytes = std::vector<unsigned char>;

struct Bench {
  test::Initiator initiator{"initiator"};
  Memory memory{"memory", 0x10000, sc_core::sc_time(50, sc_core::SC_NS)};
  tlm::tlm_generic_payload payload;

  Bench() {
    initiator.socket.bind(memory.in);
    models::run_simulation(sc_core::SC_ZERO_TIME);
  }

  tlm::tlm_response_status send(tlm::tlm_command command, std::uint64_t address, Bytes& data) {
    test::prepare(payload, command, address, data);
    initiator.send(payload);
    return payload.get_response_status();
  }
};

}  // namespace

TEST_CASE("memory: writes are read back, each access takes the latency") {
  Bench bench;
  Bytes data{1, 2, 3, 4, 5};
  test::prepare(bench.payload, tlm::TLM_WRITE_COMMAND, 0xffd, data);
  CHECK(bench.initiator.send(bench.payload) == sc_core::sc_time(50, sc_core::SC_NS));
  CHECK(bench.payload.is_response_ok());
  Bytes back(5);
  CHECK(bench.send(tlm::TLM_READ_COMMAND, 0xffd, back) == tlm::TLM_OK_RESPONSE);
  CHECK(back == data);
  CHECK(bench.memory.store().resident_pages() == 2);
}

TEST_CASE("memory: what does not lie inside is an address error, and changes nothing") {
  Bench bench;
  Bytes data{1, 2, 3, 4};
  CHECK(bench.send(tlm::TLM_WRITE_COMMAND, 0x10000 - 4, data) == tlm::TLM_OK_RESPONSE);
  for (const std::uint64_t address :
       {std::uint64_t{0x10000 - 3}, std::uint64_t{0x10000}, ~std::uint64_t{0} - 1}) {
    Bytes other{9, 9, 9, 9};
    CHECK(bench.send(tlm::TLM_WRITE_COMMAND, address, other) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    CHECK(bench.send(tlm::TLM_READ_COMMAND, address, other) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    CHECK(other == Bytes{9, 9, 9, 9});
  }
  Bytes back(4);
  bench.send(tlm::TLM_READ_COMMAND, 0x10000 - 4, back);
  CHECK(back == data);
}

TEST_CASE("memory: byte enables choose bytes, and repeat") {
  Bench bench;
  Bytes data{1, 2, 3, 4, 5};
  bench.send(tlm::TLM_WRITE_COMMAND, 0, data);
  unsigned char enables[] = {0xff, 0x00};
  Bytes other{9, 9, 9, 9, 9};
  test::prepare(bench.payload, tlm::TLM_WRITE_COMMAND, 0, other);
  bench.payload.set_byte_enable_ptr(enables);
  bench.payload.set_byte_enable_length(2);
  bench.initiator.send(bench.payload);
  CHECK(bench.payload.is_response_ok());
  Bytes back(5);
  bench.send(tlm::TLM_READ_COMMAND, 0, back);
  CHECK(back == Bytes{9, 2, 9, 4, 9});

  Bytes partial{7, 7, 7, 7, 7};
  test::prepare(bench.payload, tlm::TLM_READ_COMMAND, 0, partial);
  bench.payload.set_byte_enable_ptr(enables);
  bench.initiator.send(bench.payload);
  CHECK(partial == Bytes{9, 7, 9, 7, 9});

  bench.payload.set_byte_enable_length(0);
  bench.initiator.send(bench.payload);
  CHECK(bench.payload.get_response_status() == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
}

TEST_CASE("memory: a streaming burst is refused") {
  Bench bench;
  Bytes data{1, 2, 3, 4};
  test::prepare(bench.payload, tlm::TLM_WRITE_COMMAND, 0, data);
  bench.payload.set_streaming_width(2);
  bench.initiator.send(bench.payload);
  CHECK(bench.payload.get_response_status() == tlm::TLM_BURST_ERROR_RESPONSE);
  CHECK(bench.memory.store().resident_pages() == 0);
}

TEST_CASE("memory: debug transport reads and writes, and counts bytes") {
  Bench bench;
  Bytes data{1, 2, 3, 4};
  test::prepare(bench.payload, tlm::TLM_WRITE_COMMAND, 0x100, data);
  CHECK(bench.initiator.socket->transport_dbg(bench.payload) == 4);
  Bytes back(4);
  bench.send(tlm::TLM_READ_COMMAND, 0x100, back);
  CHECK(back == data);
  bench.payload.set_address(0x10000);
  CHECK(bench.initiator.socket->transport_dbg(bench.payload) == 0);
}

}  // namespace sidewinder::models
