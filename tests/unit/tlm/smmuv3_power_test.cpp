// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

constexpr auto ok = tlm::TLM_OK_RESPONSE;
constexpr auto address_error = tlm::TLM_ADDRESS_ERROR_RESPONSE;
constexpr std::uint64_t sync_irq = 0x46 | 1 << 12;

struct Watcher : tlm_shell::Smmuv3Observer {
  std::vector<smmuv3::Translation> translations;

  void translated(unsigned /*tbu*/, const smmuv3::Transaction& /*transaction*/,
                  const smmuv3::Translation& translation) override {
    translations.push_back(translation);
  }
};

}  // namespace

TEST_CASE("tlm power: without it every access is an error, in no time, and none goes on") {
  Smmuv3Board board;
  Watcher watcher;
  board.start();
  board.smmu.observe(&watcher);
  board.smmu.set_power(false);
  const smmuv3::SmmuCounters before = board.smmu.core().counters();
  Bytes data(8, 0xaa);
  CHECK(board.read(0x0000, data) == address_error);
  CHECK(board.delay == sc_core::SC_ZERO_TIME);
  CHECK(board.write(0x1ffc, data) == address_error);  // over a page boundary
  CHECK(board.out0.seen.empty());
  REQUIRE(watcher.translations.size() == 2);
  CHECK_FALSE(watcher.translations.back().fault);

  Bytes word(4, 0xaa);
  CHECK(board.access(tlm::TLM_READ_COMMAND, 0x0, word) == address_error);
  CHECK(word == Bytes(4, 0xaa));
  CHECK(board.access(tlm::TLM_WRITE_COMMAND, 0x20, word) == address_error);
  const smmuv3::SmmuCounters after = board.smmu.statistics().counters;
  CHECK(after.requests_without_power == before.requests_without_power + 2);
  CHECK(after.register_accesses_without_power == before.register_accesses_without_power + 2);

  board.smmu.set_power(true);
  CHECK(board.access(tlm::TLM_READ_COMMAND, 0x0, word) == ok);
  CHECK(word != Bytes(4, 0xaa));
  CHECK(board.smmu.statistics().counters.register_accesses_without_power ==
        before.register_accesses_without_power + 2);
}

TEST_CASE("tlm power: a hit is forgotten, and the tables are walked again") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  for (unsigned each = 0; each < 3; ++each) CHECK(board.read(0x0010, data) == ok);
  board.smmu.set_power(false);
  CHECK(board.read(0x0010, data) == address_error);
  board.map(0x0000, 0x8000'7000 | Smmuv3Board::page);
  board.smmu.set_power(true);
  board.set_up(0);
  CHECK(board.read(0x0010, data) == ok);
  CHECK(board.out0.seen.back() == Target::Seen{0x8000'7010, 4, false});
}

TEST_CASE("tlm power: what is stalled ends, and what waits for its slot") {
  tlm_shell::Smmuv3Timing timing;
  timing.stall_slots = 1;
  Smmuv3Board board(timing);
  board.start();
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(44, 1));  // S
  Outstanding& stalled = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x5000, 4);
  Outstanding& behind = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x0000, 4);
  board.run(10);
  REQUIRE_FALSE(stalled.done);
  REQUIRE_FALSE(behind.done);
  board.smmu.set_power(false);
  board.run(10);
  CHECK(stalled.done);
  CHECK(stalled.payload.get_response_status() == address_error);
  CHECK(behind.done);
  CHECK(behind.payload.get_response_status() == address_error);
  CHECK(board.smmu.statistics().tbus[0].stalled == 0);
}

TEST_CASE("tlm power: commands that are not consumed as it goes never are") {
  tlm_shell::Smmuv3Timing timing;
  timing.command = ns(10);
  Smmuv3Board board(timing);
  board.start();
  for (unsigned each = 0; each < 3; ++each) board.command(0x30);  // CMD_TLBI_NSNH_ALL
  board.run(15);
  REQUIRE(board.smmu.core().counters().commands == 1);
  board.smmu.set_power(false);
  board.run(100);
  CHECK(board.smmu.core().counters().commands == 1);
  board.smmu.set_power(true);
  board.set_up(0);
  board.command(0x30);
  board.run(100);
  CHECK(board.smmu.core().counters().commands == 2);
}

TEST_CASE("tlm power: DMI is withdrawn and refused, and debug transport goes nowhere") {
  Smmuv3Board board;
  board.start();
  board.smmu.only_default_attributes[0] = true;
  board.out0.direct_base = 0x8000'0000;
  board.out0.direct.resize(0x1'0000);
  Bytes data(4, 0xaa);
  tlm::tlm_dmi dmi;
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0x0000, data);
  REQUIRE(board.device0.socket->get_direct_mem_ptr(board.payload, dmi));
  board.smmu.set_power(false);
  CHECK(board.device0.withdrawn == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0x0000, 0x0fff}});
  CHECK_FALSE(board.device0.socket->get_direct_mem_ptr(board.payload, dmi));
  CHECK(board.device0.socket->transport_dbg(board.payload) == 0);
  board.payload.set_address(0x8000'0000);  // where an SMMU that is reset would let it through
  CHECK_FALSE(board.device0.socket->get_direct_mem_ptr(board.payload, dmi));
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0x0, data);
  const std::uint64_t refused = board.smmu.core().counters().register_accesses_without_power;
  CHECK(board.host.socket->transport_dbg(board.payload) == 0);
  CHECK(data == Bytes(4, 0xaa));
  CHECK(board.smmu.core().counters().register_accesses_without_power == refused);  // nobody's access
  board.smmu.set_power(true);
  CHECK(board.host.socket->transport_dbg(board.payload) == 4);
}

TEST_CASE("tlm power: an interrupt that is on its way does not come, nor one more edge") {
  tlm_shell::Smmuv3Timing timing;
  timing.interrupt_pulse = ns(20);
  Smmuv3Board board(timing);
  sc_core::sc_signal<bool> events{"events"}, syncs{"syncs"};
  board.smmu.event_queue_irq(events);
  board.smmu.command_sync_irq(syncs);
  board.start();
  Outstanding& late = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x5000, 4);
  late.delay = ns(100);
  for (unsigned each = 0; each < 3; ++each) board.command(sync_irq);
  board.run(10);
  REQUIRE(late.done);
  REQUIRE(syncs.read());
  board.smmu.set_power(false);
  for (unsigned each = 0; each < 30; ++each) {
    board.run(5);
    CHECK_FALSE(events.read());
    if (each > 2) CHECK_FALSE(syncs.read());
  }
  board.smmu.set_power(true);
  board.set_up(0);
  board.command(sync_irq);
  board.run(10);
  CHECK(syncs.read());
}

TEST_CASE("tlm power: cut between two edges, the second does not come, but one that is raised again does") {
  tlm_shell::Smmuv3Timing timing;
  timing.interrupt_pulse = ns(20);
  Smmuv3Board board(timing);
  sc_core::sc_signal<bool> syncs{"syncs"};
  board.smmu.command_sync_irq(syncs);
  board.start();
  for (unsigned each = 0; each < 2; ++each) board.command(sync_irq);  // edges at 1 ns and 41 ns
  board.run(30);
  REQUIRE_FALSE(syncs.read());
  board.smmu.set_power(false);
  board.run(20);
  CHECK_FALSE(syncs.read());
  board.run(100);
  CHECK_FALSE(syncs.read());

  board.smmu.set_power(true);
  board.set_up(0);
  for (unsigned each = 0; each < 2; ++each) board.command(sync_irq);
  board.run(30);  // between its two edges
  REQUIRE_FALSE(syncs.read());
  board.smmu.set_power(false);
  board.smmu.set_power(true);
  board.set_up(0);
  board.command(sync_irq);
  board.run(15);
  CHECK(syncs.read());
}

TEST_CASE("tlm power: a Translation Request is UR, in no time") {
  smmuv3::Config config = full();
  config.ats = true;
  Smmuv3Board board({}, config);
  board.start();
  board.smmu.set_power(false);
  sc_core::sc_time delay = ns(3);
  const smmuv3::AtsCompletion completion =
      board.smmu.translate_for_ats({.address = 0x10, .stream_id = 0x42}, delay);
  CHECK(completion.status == smmuv3::AtsCompletion::Status::UnsupportedRequest);
  CHECK(delay == ns(3));
}

}  // namespace sidewinder::test
