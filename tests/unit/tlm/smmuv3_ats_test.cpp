// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/ats_bench.h"
#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

/// EATS 1 and CR0.ATSCHK, a PRI queue of 2^4 entries.
void start(Smmuv3Board& board, RootComplexLog& root_complex) {
  board.smmu.connect(root_complex);
  board.start();
  board.put(Smmuv3Board::stream_table + 64 * 0x42, stage1_ste(Smmuv3Board::cd_at).put(92, 1));
  board.w32(0x20, 0);
  board.w64(0xc0, 0x60'0000 | 4);
  board.w32(0x50, 0x7);
  board.w32(0x20, 0x1f);
}

}  // namespace

TEST_CASE("tlm SMMUv3: Translated transactions pass as they are, in debug transport too") {
  Smmuv3Board board({}, with_ats());
  RootComplexLog root_complex;
  start(board, root_complex);
  Bytes data(4);
  board.smmu.default_attributes[0].address_type = models::AddressType::Translated;
  CHECK(board.read(0x8000'5010, data) == tlm::TLM_OK_RESPONSE);
  CHECK(board.out0.seen.back() == Target::Seen{0x8000'5010, 4, false});
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0x8000'5010, data);
  CHECK(board.device0.socket->transport_dbg(board.payload) == 4);
  board.smmu.default_attributes[0].address_type = models::AddressType::TranslationRequest;
  CHECK(board.read(0x8000'5010, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.device0.socket->transport_dbg(board.payload) == 0);
}

TEST_CASE("tlm SMMUv3: a Translation Request takes what its walk takes") {
  Smmuv3Board board({}, with_ats());
  RootComplexLog root_complex;
  start(board, root_complex);
  board.tables.latency = ns(7);
  sc_core::sc_time delay = ns(1);
  const AtsCompletion completion = board.smmu.translate_for_ats({.address = 0x10, .stream_id = 0x42}, delay);
  CHECK(completion.status == Status::Success);
  CHECK(completion.write);
  CHECK(completion.address == 0x8000'5000);
  CHECK(completion.accesses.empty());
  CHECK(delay > ns(1));
  const sc_core::sc_time walked = delay;
  static_cast<void>(board.smmu.translate_for_ats({.address = 0x20, .stream_id = 0x42}, delay));
  CHECK(delay == walked);  // from the TLB
}

TEST_CASE("tlm SMMUv3: a page request is an edge of its own interrupt and of the combined one") {
  Smmuv3Board board({}, with_ats());
  RootComplexLog root_complex;
  sc_core::sc_signal<bool> pages{"pages"}, combined{"combined"};
  board.smmu.page_request_queue_irq(pages);
  board.smmu.combined_irq(combined);
  start(board, root_complex);
  board.smmu.page_request({.address = 0x7000, .stream_id = 0x42, .last = true, .read = true});
  Smmuv3Board::run(0.5);
  CHECK(pages.read());
  CHECK(combined.read());
  CHECK(board.reg(0x100c8) == 1);
  CHECK(board.word(0x60'0000) == 0x5000'0000'0000'0042);
  Smmuv3Board::run(10);
  CHECK_FALSE(pages.read());
}

TEST_CASE("tlm SMMUv3: a CMD_SYNC waits for an invalidation at an endpoint, and goes on when it ends") {
  Smmuv3Board board({}, with_ats());
  RootComplexLog root_complex;
  root_complex.progress = Progress::Pending;
  start(board, root_complex);
  board.command(0x40 | 0x42ULL << 32);
  board.command(0x46);
  Smmuv3Board::run(1000);
  REQUIRE(root_complex.invalidations.size() == 1);
  CHECK(board.reg(0x9c) == 1);
  board.smmu.end_atc_invalidation(SecurityState::NonSecure, false);
  Smmuv3Board::run(1000);
  CHECK(board.reg(0x9c) == 2);
}

}  // namespace sidewinder::test
