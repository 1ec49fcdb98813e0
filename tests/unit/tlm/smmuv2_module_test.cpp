// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/smmuv2_module.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "models/run_simulation.h"
#include "tests/unit/tlm/board.h"

namespace sidewinder::test {

using Seen = Target::Seen;

tlm::tlm_response_status Board::send(Initiator& device, tlm::tlm_command command, std::uint64_t address,
                                     Bytes& data) {
  prepare(payload, command, address, data);
  delay = device.send(payload);
  CHECK(payload.get_command() == command);
  CHECK(payload.get_address() == address);
  CHECK(payload.get_data_ptr() == data.data());
  CHECK(payload.get_data_length() == data.size());
  CHECK(payload.get_streaming_width() == data.size());
  CHECK_FALSE(payload.is_dmi_allowed());
  return payload.get_response_status();
}

namespace {

sc_core::sc_time ns(double value) {
  return {value, sc_core::SC_NS};
}

struct Watcher : tlm_shell::TranslationObserver {
  struct Event {
    unsigned tbu;
    arch::Access access;
    smmuv2::Translation translation;
  };
  std::vector<Event> events;

  void translated(unsigned tbu, const arch::Access& access, const smmuv2::Translation& translation) override {
    events.push_back({tbu, access, translation});
  }
};

}  // namespace

TEST_CASE("tlm: a transaction goes on at its output address and the payload comes back as it was") {
  Board board;
  Bytes data{1, 2, 3, 4};
  CHECK(board.write(0x10, data) == tlm::TLM_OK_RESPONSE);
  CHECK(board.out0.seen == std::vector<Seen>{{0x8000'5010, 4, true}});
  Bytes back(4);
  CHECK(board.send(board.device1, tlm::TLM_READ_COMMAND, 0x2ffc, back) == tlm::TLM_OK_RESPONSE);
  CHECK(board.out1.seen == std::vector<Seen>{{0x8000'9ffc, 4, false}});
  CHECK(board.out0.bytes[0x8000'5013] == 4);
}

TEST_CASE("tlm: attributes come from the extension, which goes on too") {
  Board board;
  models::AttributesExtension extension({.stream_id = 0x42, .privileged = true, .instruction = true});
  board.smmu.default_attributes.stream_id = 0x999;
  board.payload.set_extension(&extension);
  Bytes data(4);
  CHECK(board.read(0x10, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);  // EL0-writable: not for EL1 to execute
  CHECK(board.out0.seen.empty());
  extension.value.instruction = false;
  board.w32(0x83058, 0xffff'ffff);
  CHECK(board.read(0x10, data) == tlm::TLM_OK_RESPONSE);
  CHECK(board.out0.last_had_extension);
  CHECK(board.reg(0x83068) == 0x63);  // the fault's IND, PNU and level
  extension.value.stream_id = 0x43;
  CHECK(board.read(0x10, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.reg(0x54) == 0x43);
  board.payload.clear_extension(&extension);
}

TEST_CASE("tlm: without the extension the module's own attributes hold") {
  Board board;
  Bytes data(4);
  board.smmu.default_attributes = {.stream_id = 0x42, .privileged = true};
  CHECK(board.write(0x1000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.reg(0x8305c) == 0);
  CHECK(board.reg(0x83058) == 0x408);
  CHECK(board.reg(0x83068) == 0x33);
  board.smmu.default_attributes = {.stream_id = 0x77};
  CHECK(board.read(0, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.reg(0x48) == 2);
  CHECK(board.reg(0x54) == 0x77);
}

TEST_CASE("tlm: a burst over page boundaries is split, and put together again") {
  Board board;
  board.tables.put64(0x12008, 0x8000'2743);
  Bytes data(0x1000 + 16 + 8);
  std::iota(data.begin(), data.end(), static_cast<unsigned char>(1));
  CHECK(board.write(0x0ff0, data) == tlm::TLM_OK_RESPONSE);
  CHECK(board.out0.seen ==
        std::vector<Seen>{{0x8000'5ff0, 16, true}, {0x8000'2000, 0x1000, true}, {0x8000'9000, 8, true}});
  CHECK(board.out0.last_streaming_width == 8);
  Bytes back(data.size());
  CHECK(board.read(0x0ff0, back) == tlm::TLM_OK_RESPONSE);
  CHECK(back == data);
  CHECK(board.out0.all_incomplete);

  board.out0.seen.clear();
  Bytes up_to_the_border(16);
  CHECK(board.read(0x0ff0, up_to_the_border) == tlm::TLM_OK_RESPONSE);
  CHECK(board.out0.seen.size() == 1);
}

TEST_CASE("tlm: of a burst of which one page faults nothing goes on") {
  Board board;
  Bytes data(0x20, 7);
  CHECK(board.write(0x0ff0, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);  // page 1 is read-only
  CHECK(board.out0.seen.empty());
  CHECK(board.reg(0x83058) == 0x408);
  CHECK(board.reg(0x83060, 8) == 0x1000);  // the piece that faulted
  board.w32(0x83058, 0xffff'ffff);
  CHECK(board.read(0x2ff0, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.out0.seen.empty());
  CHECK(board.reg(0x83060, 8) == 0x3000);
}

TEST_CASE("tlm: a split burst ends where its target answers with an error") {
  Board board;
  Bytes data(0x1020);
  board.out0.failing = {0x8000'2000};
  CHECK(board.read(0x0ff0, data) == tlm::TLM_COMMAND_ERROR_RESPONSE);
  CHECK(board.out0.seen.size() == 2);
}

TEST_CASE("tlm: byte enables and streaming pass within a page, and go with the pieces across") {
  Board board;
  board.tables.put64(0x12008, 0x8000'2743);
  unsigned char enable = 0xff;
  Bytes data(0x20);
  const auto status = [&](std::uint64_t address, bool enables, unsigned width) {
    prepare(board.payload, tlm::TLM_READ_COMMAND, address, data);
    board.payload.set_byte_enable_ptr(enables ? &enable : nullptr);
    board.payload.set_byte_enable_length(1);
    board.payload.set_streaming_width(width);
    board.device0.send(board.payload);
    CHECK(board.payload.get_streaming_width() == width);
    return board.payload.get_response_status();
  };
  CHECK(status(0x0fe0, true, 0x20) == tlm::TLM_OK_RESPONSE);
  CHECK(status(0x0fe0, false, 0x10) == tlm::TLM_OK_RESPONSE);
  CHECK(status(0x0ff0, false, 0x10) == tlm::TLM_OK_RESPONSE);  // it streams within the page
  CHECK(board.out0.seen.size() == 3);
  CHECK(board.out0.last_streaming_width == 0x10);
  CHECK(status(0x0ff0, true, 0x20) == tlm::TLM_OK_RESPONSE);
  CHECK(board.out0.seen.size() == 5);
  CHECK(board.out0.last_enables == Bytes(0x10, 0xff));
  CHECK(status(0x0ff0, false, 0x18) == tlm::TLM_OK_RESPONSE);  // 16, 8, and again 8 bytes
  CHECK(board.out0.seen.size() == 8);
  CHECK(board.out0.seen.back() == Seen{0x8000'5ff0, 8, false});
  CHECK(board.reg(0x83058) == 0x400);
}

TEST_CASE("tlm: aborts are ADDRESS_ERROR, an external abort on a walk is GENERIC_ERROR") {
  Board board;
  Bytes data(4, 9);
  CHECK(board.read(0x5000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.read(0x0000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);  // behind the fault
  board.w32(0x83058, 0xffff'ffff);
  board.tables.failing = {0x12000};
  CHECK(board.read(0x0000, data) == tlm::TLM_GENERIC_ERROR_RESPONSE);
  CHECK(board.reg(0x83058) == 0x410);
  CHECK(board.reg(0x83068) == 0x403);
  CHECK(data == Bytes(4, 9));
  CHECK(board.out0.seen.empty());
}

TEST_CASE("tlm: what is not reported reads as zeros and ignores writes") {
  Board board;
  board.w32(0x83000, 0x41);  // CFRE 0
  Bytes data(4, 9);
  CHECK(board.read(0x5000, data) == tlm::TLM_OK_RESPONSE);
  CHECK(data == Bytes(4, 0));
  CHECK(board.reg(0x83058) == 0x402);
  data.assign(4, 9);
  CHECK(board.write(0x5000, data) == tlm::TLM_OK_RESPONSE);
  CHECK(data == Bytes(4, 9));

  board.w32(0x83058, 0xffff'ffff);
  data.assign(0x20, 9);  // of a burst, all
  CHECK(board.read(0x2ff0, data) == tlm::TLM_OK_RESPONSE);
  CHECK(data == Bytes(0x20, 0));

  board.w32(0x000, 0x404);  // GFRE 0
  board.smmu.default_attributes.stream_id = 1;
  data.assign(4, 9);
  CHECK(board.read(0, data) == tlm::TLM_OK_RESPONSE);
  CHECK(data == Bytes(4, 0));
  CHECK(board.out0.seen.empty());

  data.assign(4, 9);  // bytes that are not enabled stay
  unsigned char enables[] = {0xff, 0x00};
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0, data);
  board.payload.set_byte_enable_ptr(enables);
  board.payload.set_byte_enable_length(2);
  board.device0.send(board.payload);
  CHECK(data == Bytes{0, 9, 0, 9});
}

TEST_CASE("tlm: a target's error comes back as it is") {
  Board board;
  board.out0.failing = {0x8000'5000};
  Bytes data(4);
  CHECK(board.read(0, data) == tlm::TLM_COMMAND_ERROR_RESPONSE);
  CHECK(board.reg(0x83058) == 0x400);
}

TEST_CASE("tlm: delays are the TLBs', the walk's and the memories'") {
  Board board;
  board.tables.latency = ns(10);
  board.out0.latency = ns(100);
  Bytes data(4);
  board.read(0, data);
  CHECK(board.delay == ns(46 + 3 * 10 + 100));
  board.read(0x20, data);
  CHECK(board.delay == ns(3 + 100));
  board.send(board.device1, tlm::TLM_READ_COMMAND, 0, data);
  CHECK(board.delay == ns(6));
  Bytes burst(0x20);
  board.read(0xff0, burst);  // page 0 hits, page 1 is walked
  CHECK(board.delay == ns(3 + 46 + 3 * 10 + 2 * 100));
  board.read(0x5000, data);  // a fault takes its walk
  CHECK(board.delay == ns(46 + 3 * 10));
  board.read(0x0000, data);  // behind it there is none
  CHECK(board.delay == ns(0));
  board.w32(0x000, 1);
  board.read(0, data);
  CHECK(board.delay == ns(100));
}

TEST_CASE("tlm: the delays are parameters") {
  Board board({.micro_tlb_hit = ns(1), .tlb_hit = ns(20), .walk = ns(300)});
  board.tables.latency = sc_core::sc_time(1'234, sc_core::SC_PS);
  Bytes data(4);
  board.read(0, data);
  CHECK(board.delay == ns(300) + sc_core::sc_time(3 * 1'234, sc_core::SC_PS));
  board.read(0, data);
  CHECK(board.delay == ns(1));
  board.send(board.device1, tlm::TLM_READ_COMMAND, 0, data);
  CHECK(board.delay == ns(20));
}

TEST_CASE("tlm: interrupt lines follow the SMMU's levels") {
  Board board;
  const auto lines = [&] {
    models::run_simulation(sc_core::SC_ZERO_TIME);
    return std::pair(board.global_line.read(), board.bank_line.read());
  };
  CHECK(lines() == std::pair(false, false));
  Bytes data(4);
  board.read(0x5000, data);
  CHECK(lines() == std::pair(false, true));
  board.smmu.default_attributes.stream_id = 1;
  board.read(0, data);
  CHECK(lines() == std::pair(true, true));
  board.w32(0x83058, 0xffff'ffff);
  CHECK(lines() == std::pair(true, false));
  board.w32(0x48, 0xffff'ffff);
  CHECK(lines() == std::pair(false, false));
}

TEST_CASE("tlm: interrupt lines may stay unbound") {
  Board board({}, false);
  Bytes data(4);
  CHECK(board.read(0x5000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  board.smmu.default_attributes.stream_id = 1;
  CHECK(board.read(0, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

TEST_CASE("tlm: registers take aligned accesses of 4 and 8 bytes, and refuse others") {
  Board board;
  CHECK(board.reg(0x83020, 8) == 0x10000);
  CHECK(board.reg(0x83020) == 0x10000);
  const auto status = [&](std::uint64_t offset, std::size_t size) {
    Bytes data(size, 0xff);
    prepare(board.payload, tlm::TLM_WRITE_COMMAND, offset, data);
    board.host.send(board.payload);
    return board.payload.get_response_status();
  };
  for (const std::size_t size : {1U, 2U, 3U, 16U})
    CHECK(status(0x83020, size) == tlm::TLM_BURST_ERROR_RESPONSE);
  CHECK(status(0x83022, 4) == tlm::TLM_BURST_ERROR_RESPONSE);
  CHECK(status(0x83024, 8) == tlm::TLM_BURST_ERROR_RESPONSE);
  CHECK(board.reg(0x83020, 8) == 0x10000);
  CHECK(status(0x83060, 8) == tlm::TLM_OK_RESPONSE);
  CHECK(board.reg(0x83060, 8) == ~std::uint64_t{0});
  CHECK(status(0x20'0000, 4) == tlm::TLM_OK_RESPONSE);  // beyond the frame: RAZ/WI
  CHECK(board.reg(0x20'0000) == 0);

  Bytes data(4);
  unsigned char enable = 0xff;
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0, data);
  board.payload.set_byte_enable_ptr(&enable);
  board.payload.set_byte_enable_length(1);
  board.host.send(board.payload);
  CHECK(board.payload.get_response_status() == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0, data);
  board.payload.set_streaming_width(2);
  board.host.send(board.payload);
  CHECK(board.payload.get_response_status() == tlm::TLM_BURST_ERROR_RESPONSE);
}

TEST_CASE("tlm: without power every access is an error, none goes on, and the interrupt lines are low") {
  Board board;
  Watcher watcher;
  board.smmu.observe(&watcher);
  Bytes data(8);
  CHECK(board.read(0x5000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);  // nothing is mapped there
  models::run_simulation(sc_core::SC_ZERO_TIME);
  REQUIRE(board.bank_line.read());
  board.smmu.set_power(false);
  models::run_simulation(sc_core::SC_ZERO_TIME);
  CHECK_FALSE(board.bank_line.read());

  CHECK(board.read(0x0, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.write(0xffc, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);  // over a page boundary
  CHECK(board.out0.seen.empty());
  CHECK(board.delay == sc_core::SC_ZERO_TIME);
  REQUIRE(watcher.events.size() == 3);
  CHECK(watcher.events.back().translation.action == smmuv2::Translation::Action::Abort);
  CHECK_FALSE(watcher.events.back().translation.fault);

  Bytes word(4, 0xaa);
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0x20, word);
  board.host.send(board.payload);
  CHECK(board.payload.get_response_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(word == Bytes(4, 0xaa));
  prepare(board.payload, tlm::TLM_WRITE_COMMAND, 0x0, word);
  board.host.send(board.payload);
  CHECK(board.payload.get_response_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.smmu.core().statistics().requests_without_power == 2);
  CHECK(board.smmu.core().statistics().register_accesses_without_power == 2);

  board.smmu.set_power(true);
  CHECK(board.reg(0x20) != 0);
}

TEST_CASE("tlm: an observer is told of every piece, with its TBU") {
  Board board;
  Watcher watcher;
  board.smmu.observe(&watcher);
  Bytes data(0x20);
  board.send(board.device1, tlm::TLM_READ_COMMAND, 0xff0, data);
  board.read(0x5000, data);
  REQUIRE(watcher.events.size() == 3);
  CHECK(watcher.events[0].tbu == 1);
  CHECK(watcher.events[0].access.address == 0xff0);
  CHECK(watcher.events[0].access.stream_id == 0x42);
  CHECK(watcher.events[0].translation.output == 0x8000'5ff0);
  CHECK(watcher.events[1].access.address == 0x1000);
  CHECK(watcher.events[2].tbu == 0);
  CHECK(watcher.events[2].translation.fault->kind == arch::FaultKind::Translation);
  board.smmu.observe(nullptr);
  board.read(0, data);
  CHECK(watcher.events.size() == 3);
}

TEST_CASE("tlm: neither debug transport nor DMI goes through, and neither leaves a trace") {
  Board board;
  Bytes data(4);
  tlm::tlm_dmi dmi;
  for (const std::uint64_t address : {0x0000U, 0x5000U}) {
    prepare(board.payload, tlm::TLM_READ_COMMAND, address, data);
    CHECK(board.device0.socket->transport_dbg(board.payload) == 0);
    CHECK_FALSE(board.device0.socket->get_direct_mem_ptr(board.payload, dmi));
  }
  CHECK(board.reg(0x83058) == 0x400);
  CHECK(board.smmu.core().statistics().requests == 0);
  CHECK(board.smmu.core().tlb_occupancy() == 0);
}

}  // namespace sidewinder::test
