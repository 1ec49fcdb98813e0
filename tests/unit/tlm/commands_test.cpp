// SPDX-License-Identifier: Apache-2.0
//
// Commands take time, and never come in the middle of anything: in_flight.h and core_lock.h.

#include <catch2/catch.hpp>

#include "iommu/tlm/core_lock.h"
#include "iommu/tlm/in_flight.h"
#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t sync = 0x46;
constexpr std::uint64_t tlbi_all = 0x10;

std::uint64_t consumed(Smmuv3Board& board) {
  return board.reg(0x9c) & 0x1f;
}

}  // namespace

TEST_CASE("tlm commands: each takes its time after the doorbell, in order") {
  tlm_shell::Smmuv3Timing timing;
  timing.command = ns(100);
  timing.invalidation = ns(1000);
  Smmuv3Board board(timing);
  board.start();
  board.tables.latency = ns(10);
  board.command(sync);
  board.command(tlbi_all);
  board.command(sync);
  CHECK(consumed(board) == 0);
  board.run(99);
  CHECK(consumed(board) == 0);
  board.run(2);
  CHECK(consumed(board) == 1);
  board.run(118);  // at 100 ns, and two reads of 10 ns: the next is at 220 ns
  CHECK(consumed(board) == 1);
  board.run(2);
  CHECK(consumed(board) == 2);
  board.run(1118);  // 220 + 20 + 1000 + 100
  CHECK(consumed(board) == 2);
  board.run(3);
  CHECK(consumed(board) == 3);
}

TEST_CASE("tlm commands: a doorbell rings again after an error is acknowledged or the queue enabled") {
  Smmuv3Board board;
  board.start();
  board.command(0xff);
  board.command(sync);
  board.run(100);
  CHECK(board.reg(0x9c) == 0x0100'0000);
  board.tables.put64(Smmuv3Board::commands, sync);
  board.w32(0x64, 1);
  board.run(100);
  CHECK(consumed(board) == 2);
  board.w32(0x20, 0x5);
  board.command(sync);
  board.run(100);
  CHECK(consumed(board) == 2);
  board.w32(0x20, 0xd);
  board.run(100);
  CHECK(consumed(board) == 3);
}

TEST_CASE("tlm commands: both Security states' queues are served in turn") {
  Smmuv3Board board;
  board.start();
  board.smmu.default_register_attributes.secure = true;
  board.set_up(Smmuv3Board::secure);
  for (std::uint64_t index = 0; index < 8; ++index)
    board.tables.put64(Smmuv3Board::commands + 16 * index, sync);
  board.w32(0x98, 8);
  board.w32(0x8098, 8);
  board.run(8);
  CHECK(consumed(board) == 4);
  CHECK((board.reg(0x809c) & 0x1f) == 3);
  board.run(50);
  CHECK(consumed(board) == 8);
  CHECK((board.reg(0x809c) & 0x1f) == 8);
}

TEST_CASE("tlm commands: an invalidation is complete when what was translated before it has arrived") {
  Smmuv3Board board;
  board.start();
  board.out0.waits = ns(500);
  Outstanding& before = board.begin(board.device0, tlm::TLM_WRITE_COMMAND, 0x0000, 4);
  board.run(10);
  board.map(0x0000, 0);
  board.command(tlbi_all);
  board.command(sync);
  board.run(10);
  CHECK(consumed(board) == 1);
  board.out1.waits = ns(5'000);
  Outstanding& after = board.begin(board.device1, tlm::TLM_WRITE_COMMAND, 0x2000, 4);  // not waited for
  board.run(470);
  CHECK_FALSE(before.done);
  CHECK(consumed(board) == 1);
  board.run(100);
  CHECK(before.done);
  CHECK_FALSE(after.done);
  CHECK(consumed(board) == 2);
}

TEST_CASE("tlm commands: so is one of the configuration, and it takes as long") {
  tlm_shell::Smmuv3Timing timing;
  timing.invalidation = ns(1000);
  Smmuv3Board board(timing);
  board.start();
  board.out0.waits = ns(500);
  Outstanding& before = board.begin(board.device0, tlm::TLM_WRITE_COMMAND, 0x0000, 4);
  board.run(10);
  board.command(0x03 | std::uint64_t{0x42} << 32);  // CMD_CFGI_STE
  board.command(sync);
  board.run(400);
  CHECK_FALSE(before.done);
  CHECK(consumed(board) == 1);
  board.run(1000);
  CHECK(before.done);
  CHECK(consumed(board) == 1);
  board.run(200);
  CHECK(consumed(board) == 2);
  CHECK(board.smmu.statistics().counters.invalidations == 1);
  CHECK(board.smmu.statistics().invalidating > ns(1400));
}

TEST_CASE("tlm commands: where memory waits, neither invalidations nor registers come into a walk") {
  Smmuv3Board board;
  board.start();
  board.tables.waits = ns(100);
  Outstanding& first = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x0000, 4);
  board.run(750);  // 64 bytes of STE and of CD in words of 8, and then the tables: in the middle of the STE
  board.tables.waits = sc_core::SC_ZERO_TIME;
  Outstanding& second = board.begin(board.device1, tlm::TLM_READ_COMMAND, 0x0000, 4);
  bool written = false;
  sc_core::sc_spawn([&] {
    board.command(tlbi_all);
    written = true;
  });
  board.run(10);
  CHECK_FALSE(first.done);
  CHECK_FALSE(second.done);
  CHECK_FALSE(written);
  CHECK(board.smmu.core().counters().commands == 0);
  board.run(100);
  CHECK(first.done);
  CHECK(second.done);
  CHECK(written);
  CHECK(board.smmu.core().counters().commands == 1);
}

}  // namespace sidewinder::test
