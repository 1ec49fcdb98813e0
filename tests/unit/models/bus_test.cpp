// SPDX-License-Identifier: Apache-2.0

#include "models/bus.h"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "models/run_simulation.h"
#include "tests/support/tlm_ends.h"

namespace sidewinder::models {
namespace {

using Bytes = std::vector<unsigned char>;
using Seen = test::Target::Seen;

struct Bench {
  test::Initiator first{"first"};
  test::Initiator second{"second"};
  Bus bus{"bus"};
  test::Target low{"low"};
  test::Target high{"high"};
  tlm::tlm_generic_payload payload;

  Bench() {
    first.socket.bind(bus.in);
    second.socket.bind(bus.in);
    bus.map(low.socket, 0x1000, 0x1000);
    bus.map(high.socket, 0xffff'ffff'ffff'f000, 0x1000);  // up to the last address
    models::run_simulation(sc_core::SC_ZERO_TIME);
  }

  tlm::tlm_response_status send(test::Initiator& from, std::uint64_t address, unsigned length) {
    Bytes data(length, 7);
    test::prepare(payload, tlm::TLM_WRITE_COMMAND, address, data);
    from.send(payload);
    CHECK(payload.get_address() == address);
    return payload.get_response_status();
  }
};

}  // namespace

TEST_CASE("bus: targets see offsets in their range, initiators their own addresses") {
  Bench bench;
  CHECK(bench.send(bench.first, 0x1000, 4) == tlm::TLM_OK_RESPONSE);
  CHECK(bench.send(bench.second, 0x1ffc, 4) == tlm::TLM_OK_RESPONSE);
  CHECK(bench.send(bench.first, 0xffff'ffff'ffff'fff8, 8) == tlm::TLM_OK_RESPONSE);
  CHECK(bench.low.seen == std::vector<Seen>{{0, 4, true}, {0xffc, 4, true}});
  CHECK(bench.high.seen == std::vector<Seen>{{0xff8, 8, true}});
}

TEST_CASE("bus: what no range holds whole is an address error") {
  Bench bench;
  for (const std::uint64_t address : {0xffcU, 0xffeU, 0x1ffdU, 0x2000U, 0U})
    CHECK(bench.send(bench.first, address, 4) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(bench.send(bench.first, 0xffff'ffff'ffff'fffd, 4) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(bench.low.seen.empty());
  CHECK(bench.high.seen.empty());
}

TEST_CASE("bus: a target's error comes back, and so does its delay") {
  Bench bench;
  bench.low.failing = {0x10};
  bench.low.latency = sc_core::sc_time(5, sc_core::SC_NS);
  Bytes data(4);
  test::prepare(bench.payload, tlm::TLM_READ_COMMAND, 0x1010, data);
  CHECK(bench.first.send(bench.payload) == bench.low.latency);
  CHECK(bench.payload.get_response_status() == tlm::TLM_COMMAND_ERROR_RESPONSE);
}

TEST_CASE("bus: debug transport takes the same way") {
  Bench bench;
  Bytes data(4);
  test::prepare(bench.payload, tlm::TLM_READ_COMMAND, 0x1010, data);
  CHECK(bench.first.socket->transport_dbg(bench.payload) == 4);
  CHECK(bench.payload.get_address() == 0x1010);
  bench.payload.set_address(0x2000);
  CHECK(bench.first.socket->transport_dbg(bench.payload) == 0);
}

TEST_CASE("bus: ranges must not meet") {
  Bus bus("bus");
  test::Target a("a"), b("b"), c("c");
  bus.map(a.socket, 0x1000, 0x1000);
  CHECK_THROWS_AS(bus.map(b.socket, 0x1fff, 0x1000), std::invalid_argument);
  CHECK_THROWS_AS(bus.map(b.socket, 0x0, 0x1001), std::invalid_argument);
  CHECK_THROWS_AS(bus.map(b.socket, 0x1100, 0x10), std::invalid_argument);
  CHECK_THROWS_WITH(bus.map(b.socket, 0x0, 0x10000),
                    Catch::Contains("0x10000") && Catch::Contains("0x1000 +"));
  CHECK_NOTHROW(bus.map(b.socket, 0x2000, 0x1000));
  CHECK_NOTHROW(bus.map(c.socket, 0x0, 0x1000));
}

}  // namespace sidewinder::models
