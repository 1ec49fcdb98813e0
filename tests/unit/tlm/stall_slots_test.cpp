// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/stall_slots.h"

#include <catch2/catch.hpp>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

constexpr auto read = tlm::TLM_READ_COMMAND;
constexpr std::uint64_t retry = 1, abort = 2, raz_wi = 0;

/// Faults of stage 1 stall.
void stalling(Smmuv3Board& board) {
  board.start();
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(44, 1));
}

}  // namespace

TEST_CASE("tlm stalls: a stalled transaction blocks its own thread and no other") {
  Smmuv3Board board;
  stalling(board);
  Outstanding& stalled = board.begin(board.device0, read, 0x5000, 4);
  board.run(10);
  Outstanding& same_tbu = board.begin(board.device0, read, 0x0000, 4);
  Outstanding& other_tbu = board.begin(board.device1, read, 0x0000, 4);
  board.run(100);
  CHECK_FALSE(stalled.done);
  CHECK(same_tbu.done);
  CHECK(other_tbu.done);
  CHECK(board.smmu.core().stalled() == 1);
  CHECK(board.smmu.statistics().tbus[0].stalled == 1);
  CHECK(board.smmu.statistics().tbus[1].stalled == 0);

  board.map(0x5000, 0x8000'7000 | Smmuv3Board::page);
  board.out0.bytes[0x8000'7000] = 0x5a;
  board.resume(0, retry);
  board.run(100);
  CHECK(stalled.done);
  CHECK(stalled.payload.get_response_status() == tlm::TLM_OK_RESPONSE);
  CHECK(stalled.data[0] == 0x5a);
  CHECK(stalled.payload.get_address() == 0x5000);
  CHECK(board.smmu.statistics().tbus[0].stalled == 0);
  CHECK(board.smmu.statistics().tbus[0].most_stalled == 1);
}

TEST_CASE("tlm stalls: CMD_RESUME aborts, ends as RAZ/WI, or tries again what then stalls again") {
  Smmuv3Board board;
  stalling(board);
  Outstanding& first = board.begin(board.device0, read, 0x5000, 4);
  Outstanding& second = board.begin(board.device0, read, 0x6000, 4);
  Outstanding& third = board.begin(board.device0, read, 0x7000, 4);
  board.run(10);
  REQUIRE(board.recorded() == 3);
  board.resume(0, abort);
  board.resume(1, raz_wi);
  board.resume(2, retry);
  board.run(100);
  CHECK(first.payload.get_response_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(first.data == Bytes(4, 9));
  CHECK(second.payload.get_response_status() == tlm::TLM_OK_RESPONSE);
  CHECK(second.data == Bytes(4, 0));
  CHECK_FALSE(third.done);
  CHECK(board.recorded() == 4);
  CHECK(board.event(3, 2) == 0x7000);
  board.resume(2, retry);  // a tag that was answered
  board.run(100);
  CHECK_FALSE(third.done);
  board.resume(3, abort);
  board.run(100);
  CHECK(third.done);
}

TEST_CASE("tlm stalls: of a burst one piece stalls at a time, and all are translated again") {
  Smmuv3Board board;
  stalling(board);
  board.map(0x3000, 0x8000'b000 | Smmuv3Board::page);
  Outstanding& burst = board.begin(board.device0, read, 0x3ff0, 0x2010);  // 0x4000 and 0x5000 are not mapped
  board.run(10);
  CHECK(board.recorded() == 1);
  CHECK(board.event(0, 2) == 0x4000);
  board.map(0x4000, 0x8000'c000 | Smmuv3Board::page);
  board.map(0x3000, 0x8000'e000 | Smmuv3Board::page);  // meanwhile
  board.command(0x10);                                 // CMD_TLBI_NH_ALL
  board.resume(0, retry);
  board.run(100);
  CHECK(board.recorded() == 2);
  CHECK(board.event(1, 2) == 0x5000);
  CHECK(board.out0.seen.empty());
  CHECK(board.smmu.core().stalled() == 1);
  board.map(0x5000, 0x8000'd000 | Smmuv3Board::page);
  board.resume(1, retry);
  board.run(100);
  REQUIRE(burst.done);
  CHECK(board.out0.seen == std::vector<Target::Seen>{{0x8000'eff0, 0x10, false},
                                                     {0x8000'c000, 0x1000, false},
                                                     {0x8000'd000, 0x1000, false}});
}

TEST_CASE("tlm stalls: a TBU whose slots are all taken takes nothing more, another one does") {
  tlm_shell::Smmuv3Timing timing;
  timing.stall_slots = 2;
  Smmuv3Board board(timing);
  stalling(board);
  board.begin(board.device0, read, 0x5000, 4);
  board.begin(board.device0, read, 0x6000, 4);
  Outstanding& behind = board.begin(board.device0, read, 0x0000, 4);
  Outstanding& beside = board.begin(board.device1, read, 0x0000, 4);
  board.run(100);
  CHECK(board.recorded() == 2);
  CHECK_FALSE(behind.done);
  CHECK(beside.done);
  board.resume(0, abort);
  board.run(100);
  CHECK(behind.done);
  CHECK(behind.payload.get_response_status() == tlm::TLM_OK_RESPONSE);
  CHECK(board.smmu.statistics().tbus[0].most_stalled == 2);
}

TEST_CASE("tlm stalls: SMMUEN to 0 ends them, CMD_STALL_TERM those of a stream") {
  Smmuv3Board board;
  stalling(board);
  Outstanding& of_42 = board.begin(board.device0, read, 0x5000, 4);
  Outstanding& of_43 = board.begin(board.device1, read, 0x5000, 4);
  board.run(10);
  board.command(0x45 | std::uint64_t{0x43} << 32);
  board.run(10);
  CHECK(of_43.done);
  CHECK_FALSE(of_42.done);
  board.w32(0x20, 0xc);
  board.run(10);
  CHECK(of_42.done);
  CHECK(of_42.payload.get_response_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

TEST_CASE("tlm stalls: the time of a stalled transaction is that of the answer, or its own where later") {
  Smmuv3Board board;
  stalling(board);
  board.out0.latency = ns(100);
  Outstanding& early = board.begin(board.device0, read, 0x5000, 4);
  Outstanding& late = board.begin(board.device0, read, 0x6000, 4);
  late.delay = ns(10'000);
  board.run(10);
  board.map(0x5000, 0x8000'7000 | Smmuv3Board::page);
  board.map(0x6000, 0x8000'8000 | Smmuv3Board::page);
  board.run(990);
  board.resume(0, retry);
  board.resume(1, retry);
  board.run(100);
  REQUIRE(early.done);
  REQUIRE(late.done);
  CHECK(early.ended >= ns(1000));
  CHECK(early.ended + early.delay < ns(1200));
  CHECK(late.ended < ns(1100));
  CHECK(late.ended + late.delay > ns(10'000));
  CHECK(late.ended + late.delay < ns(10'300));
}

TEST_CASE("tlm stalls: a client that is killed leaves its slot, and its answer reaches nobody else") {
  Smmuv3Board board;
  stalling(board);
  Outstanding& killed = board.outstanding.emplace_back();
  killed.data.resize(4);
  prepare(killed.payload, read, 0x5000, killed.data);
  sc_core::sc_process_handle process =
      sc_core::sc_spawn([&] { board.device0.socket->b_transport(killed.payload, killed.delay); });
  board.run(10);
  sc_core::sc_spawn([&] { process.kill(); });
  board.run(10);
  CHECK(board.smmu.statistics().tbus[0].stalled == 0);
  Outstanding& other = board.begin(board.device0, read, 0x6000, 4);
  board.run(10);
  board.resume(0, abort);
  board.run(50);
  CHECK_FALSE(other.done);
  board.resume(1, abort);
  board.run(50);
  CHECK(other.done);
}

}  // namespace sidewinder::test
