// SPDX-License-Identifier: Apache-2.0
//
// Debug transport through the SMMU: iommu/tlm/smmuv3_direct.cpp and iommu/smmuv3/probe.cpp.

#include <catch2/catch.hpp>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

unsigned debug(Smmuv3Board& board, Initiator& initiator, tlm::tlm_command command, std::uint64_t address,
               Bytes& data) {
  prepare(board.payload, command, address, data);
  const unsigned done = initiator.socket->transport_dbg(board.payload);
  CHECK(board.payload.get_address() == address);
  CHECK(board.payload.get_data_ptr() == data.data());
  CHECK(board.payload.get_data_length() == data.size());
  return done;
}

unsigned read(Smmuv3Board& board, std::uint64_t address, Bytes& data) {
  return debug(board, board.device0, tlm::TLM_READ_COMMAND, address, data);
}

unsigned write(Smmuv3Board& board, std::uint64_t address, Bytes& data) {
  return debug(board, board.device0, tlm::TLM_WRITE_COMMAND, address, data);
}

}  // namespace

TEST_CASE("tlm debug: goes where a transaction would, page by page, up to what it would not reach") {
  Smmuv3Board board;
  board.start();
  for (unsigned byte = 0; byte < 4; ++byte) {
    board.out0.bytes[0x8000'5ffc + byte] = static_cast<unsigned char>(1 + byte);
    board.out0.bytes[0x8000'2000 + byte] = static_cast<unsigned char>(5 + byte);
  }
  Bytes data(8);
  CHECK(read(board, 0x0ffc, data) == 8);
  CHECK(data == Bytes{1, 2, 3, 4, 5, 6, 7, 8});
  data = {9, 8, 7, 6, 5, 4, 3, 2};
  CHECK(write(board, 0x0ffc, data) == 4);  // the second page is read-only
  CHECK(board.out0.bytes[0x8000'5fff] == 6);
  CHECK(board.out0.bytes[0x8000'2000] == 5);
  CHECK(read(board, 0x2ffc, data) == 4);
  CHECK(read(board, 0x5000, data) == 0);
  board.out0.failing = {0x8000'5000};
  CHECK(read(board, 0x0000, data) == 0);
  board.out0.failing = {0x8000'5ffc};  // the first page, and so no more
  CHECK(read(board, 0x0ffc, data) == 0);
  board.smmu.default_attributes[0].address_type = models::AddressType::Translated;
  CHECK(read(board, 0x0010, data) == 0);
}

TEST_CASE("tlm debug: no event, counter, TLB entry, flag in a table, stall, or transaction comes of it") {
  Smmuv3Board board;
  sc_core::sc_signal<bool> wire{"wire"};
  board.smmu.combined_irq(wire);
  board.start();
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(42, 1).put(43, 1).put(44, 1));  // HD, HA, S
  constexpr std::uint64_t dbm = std::uint64_t{1} << 51, access_flag = 0x400;
  const std::uint64_t clean = (0x8000'5000 | Smmuv3Board::read_only | dbm) & ~access_flag;
  board.map(0x0000, clean);
  const std::size_t table_accesses = board.tables.seen.size();
  const auto& core = board.smmu.core();

  Bytes data(4, 1);
  CHECK(read(board, 0x0000, data) == 4);
  CHECK(write(board, 0x0000, data) == 4);
  CHECK(read(board, 0x5000, data) == 0);
  board.smmu.default_attributes[0].stream_id = 0x77;
  CHECK(read(board, 0x0000, data) == 0);
  board.run(100);
  CHECK_FALSE(wire.read());
  CHECK(board.word(Smmuv3Board::root + 0x2000) == clean);
  CHECK(board.recorded() == 0);
  CHECK(core.stalled() == 0);
  CHECK(core.counters().events == 0);
  CHECK(core.translator().statistics().transactions == 0);
  CHECK(core.translator().statistics().stage1_faults == 0);
  CHECK(core.translator().statistics().stream_fetches == 0);
  CHECK(core.translator().tlb().occupancy() == 0);
  CHECK(core.translator().tlb().statistics().lookups == 0);
  CHECK(core.translator().micro_tlb(0).occupancy() == 0);
  CHECK(core.translator().stage1_tables().occupancy() == 0);
  CHECK(core.translator().configurations().occupancy() == 0);
  CHECK(board.tables.seen.size() == table_accesses);
  CHECK(board.out0.seen.empty());
  CHECK(board.tables.debug_accesses != 0);
}

TEST_CASE("tlm debug: follows the tables as they are, whatever a TLB holds") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  board.read(0x0000, data);
  board.map(0x0000, 0x8000'a000 | Smmuv3Board::page);
  board.out0.bytes[0x8000'a000] = 0x77;
  CHECK(read(board, 0x0000, data) == 4);
  CHECK(data[0] == 0x77);
  board.read(0x0000, data);
  CHECK(board.out0.seen.back().address == 0x8000'5000);
  board.w32(0x20, 0);  // and the registers as they are
  board.out0.bytes[0x10] = 0x55;
  CHECK(read(board, 0x10, data) == 4);
  CHECK(data[0] == 0x55);
}

TEST_CASE("tlm debug: registers can be read and not written") {
  Smmuv3Board board;
  board.start();
  Bytes data(8);
  CHECK(debug(board, board.host, tlm::TLM_READ_COMMAND, 0x80, data) == 8);
  CHECK(data == Bytes{0, 0, 0x10, 0, 0, 0, 0, 0});
  Bytes odd(3);
  CHECK(debug(board, board.host, tlm::TLM_READ_COMMAND, 0x80, odd) == 0);
  Bytes off(4, 0);
  CHECK(debug(board, board.host, tlm::TLM_WRITE_COMMAND, 0x20, off) == 0);
  CHECK(board.reg(0x20) == 0xd);
}

}  // namespace sidewinder::test
