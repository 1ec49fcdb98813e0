// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/smmuv3_module.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

using Seen = Target::Seen;

constexpr auto ok = tlm::TLM_OK_RESPONSE;
constexpr auto address_error = tlm::TLM_ADDRESS_ERROR_RESPONSE;

struct Watcher : tlm_shell::Smmuv3Observer {
  struct Event {
    unsigned tbu;
    smmuv3::Transaction transaction;
    smmuv3::Translation translation;
  };
  std::vector<Event> events;

  void translated(unsigned tbu, const smmuv3::Transaction& transaction,
                  const smmuv3::Translation& translation) override {
    events.push_back({tbu, transaction, translation});
  }
};

/// A platform's own way to say who is asking.
struct OtherExtension : tlm::tlm_extension<OtherExtension> {
  unsigned requester = 0;

  [[nodiscard]] tlm_extension_base* clone() const override { return new OtherExtension(*this); }
  void copy_from(const tlm_extension_base& other) override {
    *this = static_cast<const OtherExtension&>(other);
  }
};

}  // namespace

TEST_CASE("tlm SMMUv3: a transaction goes on at its output address and the payload comes back as it was") {
  Smmuv3Board board;
  board.start();
  Bytes data{1, 2, 3, 4};
  CHECK(board.write(0x10, data) == ok);
  CHECK(board.out0.seen == std::vector<Seen>{{0x8000'5010, 4, true}});
  Bytes back(4);
  CHECK(board.send(board.device1, tlm::TLM_READ_COMMAND, 0x2ffc, back) == ok);
  CHECK(board.out1.seen == std::vector<Seen>{{0x8000'9ffc, 4, false}});
  CHECK(board.out0.bytes[0x8000'5013] == 4);
  CHECK(board.read(0x4020'0000, back) == ok);
  CHECK(board.read(0x403f'fffc, back) == ok);
  CHECK(board.read(0x4023'4568, back) == ok);
  CHECK(board.out0.seen.back() == Seen{0x9003'4568, 4, false});
  CHECK(board.out0.seen[2] == Seen{0x901f'fffc, 4, false});
}

TEST_CASE("tlm SMMUv3: attributes come from the extension, which goes on too") {
  Smmuv3Board board;
  board.start();
  board.put(Smmuv3Board::stream_table + 64 * 0x50, stage1_ste(Smmuv3Board::cd_at).put(59, 2).put(64, 2));
  models::AttributesExtension extension(
      {.stream_id = 0x50, .substream_id = 2, .substream_valid = true, .privileged = true});
  board.put(Smmuv3Board::cd_at + 64 * 2, cd(Smmuv3Board::root, 2));
  board.payload.set_extension(&extension);
  Bytes data(4);
  CHECK(board.read(0x10, data) == ok);
  CHECK(board.out0.last_had_extension);
  extension.value.instruction = true;  // EL0-writable: not for EL1 to execute
  CHECK(board.read(0x10, data) == address_error);
  REQUIRE(board.recorded() == 1);
  CHECK(board.event(0, 0) == 0x0000'0050'0000'2813);  // StreamID, SubstreamID 2, SSV, F_PERMISSION
  CHECK(board.event(0, 1) >> 32 == 0x20e);            // IN; read, instruction, privileged
  extension.value = {.stream_id = 0x50, .substream_id = 3, .substream_valid = true};
  CHECK(board.read(0x10, data) == address_error);
  CHECK((board.event(1, 0) & 0xff) == 0x0a);  // C_BAD_CD: this one is all zeros
  board.payload.clear_extension(&extension);
}

TEST_CASE("tlm SMMUv3: without the extension the attributes of the TBU hold") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  board.smmu.default_attributes[0].stream_id = 0x77;
  CHECK(board.read(0, data) == address_error);
  CHECK(board.event(0, 0) == 0x0000'0077'0000'0004);  // C_BAD_STE
  CHECK(board.send(board.device1, tlm::TLM_READ_COMMAND, 0, data) == ok);
}

TEST_CASE("tlm SMMUv3: a platform's own extension may say what a transaction is") {
  Smmuv3Board board;
  board.start();
  board.smmu.default_attributes[0].privileged = true;
  models::AccessAttributes given;
  board.smmu.read_attributes = [&](unsigned tbu, const tlm::tlm_generic_payload& payload,
                                   models::AccessAttributes& attributes) {
    if (tbu == tlm_shell::Smmuv3Module::register_access) {
      attributes.secure = true;
      return;
    }
    given = attributes;
    const auto* own = payload.get_extension<OtherExtension>();
    attributes.stream_id = own == nullptr ? 0x99 : own->requester;
  };
  Bytes data(4);
  CHECK(board.read(0, data) == address_error);
  CHECK(board.event(0, 0) == 0x0000'0099'0000'0004);
  OtherExtension own;
  own.requester = 0x43;
  board.payload.set_extension(&own);
  CHECK(board.read(0, data) == ok);
  CHECK(given.stream_id == 0x42);
  CHECK(given.privileged);
  board.payload.clear_extension(&own);
  board.w32(0x8028, 0x3f);
  CHECK(board.reg(0x8028) == 0x3f);  // Secure, by the reader
}

TEST_CASE("tlm SMMUv3: what goes on carries the attributes it goes with, and so do the SMMU's accesses") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  board.map(0x2000, 0x8000'9000 | Smmuv3Board::page | 1 << 2);  // AttrIndx 1: Normal Non-cacheable
  CHECK(board.read(0, data) == ok);
  CHECK(board.read(0x2000, data) == ok);
  REQUIRE(board.out0.outputs.size() == 2);
  REQUIRE(board.out0.outputs[0].has_value());
  CHECK(board.out0.outputs[0]->memory.type == arch::MemoryType::Normal);
  CHECK(board.out0.outputs[0]->memory.inner.cacheability == arch::Cacheability::WriteBack);
  CHECK_FALSE(board.out0.outputs[0]->own);
  CHECK(board.out0.outputs[1]->memory == arch::normal_non_cacheable);

  CHECK(board.tables.outputs.back()->own);  // a descriptor, by the CD's IR0, OR0 and SH0
  CHECK(board.tables.outputs.back()->memory.shareability == arch::Shareability::InnerShareable);
  CHECK_FALSE(board.tables.outputs.back()->secure);
  board.smmu.default_register_attributes.secure = true;
  board.set_up(Smmuv3Board::secure);
  board.smmu.default_attributes[0].secure = true;
  CHECK(board.read(0, data) == ok);
  CHECK(board.tables.outputs.back()->secure);
  CHECK(board.out0.outputs.back()->secure);
  board.map(0, 0x8000'5000 | Smmuv3Board::page | 1 << 5);  // NS
  board.w32(0x803c, 1);
  CHECK(board.read(0, data) == ok);
  CHECK_FALSE(board.out0.outputs.back()->secure);
  board.w32(0x8020, 0xc);  // S_CR0.SMMUEN 0: it goes out as it came
  CHECK(board.read(0, data) == ok);
  CHECK(board.out0.outputs.back()->secure);
}

TEST_CASE("tlm SMMUv3: what goes on says whether it is privileged, and whether it is an instruction fetch") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  for (const bool again : {false, true})  // the second time a hit
    for (const bool privileged : {false, true})
      for (const bool instruction : {false, true}) {
        INFO(again << privileged << instruction);
        board.smmu.default_attributes[0].privileged = privileged;
        board.smmu.default_attributes[0].instruction = instruction;
        CHECK(board.read(0x1000, data) == ok);  // EL1 may execute what EL0 cannot write
        REQUIRE(board.out0.outputs.back().has_value());
        CHECK(board.out0.outputs.back()->privileged == privileged);
        CHECK(board.out0.outputs.back()->instruction == instruction);
      }
}

TEST_CASE("tlm SMMUv3: each piece of a burst goes on with its own page's attributes, as a new transaction") {
  Smmuv3Board board;
  board.start();
  board.map(0x3000, 0x8000'b000 | Smmuv3Board::page | 1 << 2);  // AttrIndx 1: Normal Non-cacheable
  Bytes data(0x20);
  CHECK(board.read(0x2ff0, data) == ok);
  REQUIRE(board.out0.outputs.size() == 2);
  CHECK(board.out0.outputs[0]->memory.inner.cacheability == arch::Cacheability::WriteBack);
  CHECK(board.out0.outputs[1]->memory == arch::normal_non_cacheable);
  CHECK(board.out0.all_incomplete);
}

TEST_CASE("tlm SMMUv3: an address that claims to be translated is refused without ATS") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  for (const auto type : {models::AddressType::Translated, models::AddressType::TranslationRequest}) {
    board.smmu.default_attributes[0].address_type = type;
    CHECK(board.read(0, data) == address_error);
  }
  CHECK(board.out0.seen.empty());
  CHECK(board.recorded() == 0);
}

TEST_CASE("tlm SMMUv3: a burst over page boundaries is split, and put together again") {
  Smmuv3Board board;
  board.start();
  board.map(0x1000, 0x8000'2000 | Smmuv3Board::page);
  Bytes data(0x1000 + 16 + 8);
  std::iota(data.begin(), data.end(), static_cast<unsigned char>(1));
  CHECK(board.write(0x0ff0, data) == ok);
  CHECK(board.out0.seen ==
        std::vector<Seen>{{0x8000'5ff0, 16, true}, {0x8000'2000, 0x1000, true}, {0x8000'9000, 8, true}});
  CHECK(board.out0.last_streaming_width == 8);
  Bytes back(data.size());
  CHECK(board.read(0x0ff0, back) == ok);
  CHECK(back == data);

  board.out0.seen.clear();
  Bytes up_to_the_border(16);
  CHECK(board.read(0x0ff0, up_to_the_border) == ok);
  CHECK(board.out0.seen.size() == 1);
}

TEST_CASE("tlm SMMUv3: of a burst of which one page faults nothing goes on") {
  Smmuv3Board board;
  board.start();
  Bytes data(0x20, 7);
  CHECK(board.write(0x0ff0, data) == address_error);  // page 1 is read-only
  CHECK(board.out0.seen.empty());
  REQUIRE(board.recorded() == 1);
  CHECK((board.event(0, 0) & 0xff) == 0x13);
  CHECK(board.event(0, 2) == 0x1000);                 // the piece that faulted
  CHECK(board.write(0x1ff0, data) == address_error);  // whichever it is
  CHECK(board.out0.seen.empty());
  CHECK(board.read(0x2ff0, data) == address_error);
  CHECK(board.out0.seen.empty());
  CHECK(board.event(2, 2) == 0x3000);
}

TEST_CASE("tlm SMMUv3: a split burst ends where its target answers with an error") {
  Smmuv3Board board;
  board.start();
  Bytes data(0x1020);
  board.out0.failing = {0x8000'2000};
  CHECK(board.read(0x0ff0, data) == tlm::TLM_COMMAND_ERROR_RESPONSE);
  CHECK(board.out0.seen.size() == 2);
  board.out0.failing = {0x8000'5000};
  Bytes one(4);
  CHECK(board.read(0, one) == tlm::TLM_COMMAND_ERROR_RESPONSE);
  CHECK(board.recorded() == 0);
}

TEST_CASE("tlm SMMUv3: byte enables are minded over a page boundary") {
  Smmuv3Board board;
  board.start();
  board.map(0x1000, 0x8000'2000 | Smmuv3Board::page);
  const auto write = [&](std::uint64_t address, Bytes data, Bytes enables) {
    board.out0.bytes.clear();
    prepare(board.payload, tlm::TLM_WRITE_COMMAND, address, data);
    board.payload.set_byte_enable_ptr(enables.data());
    board.payload.set_byte_enable_length(static_cast<unsigned>(enables.size()));
    board.device0.send(board.payload);
    CHECK(board.payload.get_byte_enable_ptr() == enables.data());
    CHECK(board.payload.get_byte_enable_length() == enables.size());
    return board.payload.get_response_status();
  };
  // A pattern of three: bytes 0, 3, 6 and so on. Four bytes lie before the boundary.
  CHECK(write(0x0ffc, {1, 2, 3, 4, 5, 6, 7, 8}, {0xff, 0, 0}) == ok);
  CHECK(board.out0.bytes ==
        std::map<std::uint64_t, unsigned char>{{0x8000'5ffc, 1}, {0x8000'5fff, 4}, {0x8000'2002, 7}});
  // As many as bytes.
  CHECK(write(0x0ffe, {1, 2, 3, 4}, {0, 0xff, 0xff, 0}) == ok);
  CHECK(board.out0.bytes == std::map<std::uint64_t, unsigned char>{{0x8000'5fff, 2}, {0x8000'2000, 3}});
  CHECK(board.out0.last_enables == Bytes{0xff, 0});
  // More than those of one piece, from its beginning.
  CHECK(write(0x0ffe, {1, 2, 3, 4}, {0xff, 0}) == ok);
  CHECK(board.out0.bytes == std::map<std::uint64_t, unsigned char>{{0x8000'5ffe, 1}, {0x8000'2000, 3}});

  Bytes data(8);
  unsigned char none = 0;
  prepare(board.payload, tlm::TLM_WRITE_COMMAND, 0x0ffc, data);
  board.payload.set_byte_enable_ptr(&none);
  board.payload.set_byte_enable_length(0);
  board.device0.send(board.payload);
  CHECK(board.payload.get_response_status() == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
}

TEST_CASE("tlm SMMUv3: streaming goes over a page boundary again and again") {
  Smmuv3Board board;
  board.start();
  board.map(0x1000, 0x8000'2000 | Smmuv3Board::page);
  Bytes data{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  prepare(board.payload, tlm::TLM_WRITE_COMMAND, 0x0ffe, data);
  board.payload.set_streaming_width(4);
  board.device0.send(board.payload);
  CHECK(board.payload.get_response_status() == ok);
  CHECK(board.payload.get_streaming_width() == 4);
  CHECK(board.out0.seen == std::vector<Seen>{{0x8000'5ffe, 2, true},
                                             {0x8000'2000, 2, true},
                                             {0x8000'5ffe, 2, true},
                                             {0x8000'2000, 2, true},
                                             {0x8000'5ffe, 2, true}});
  CHECK(board.out0.bytes[0x8000'5ffe] == 9);
  CHECK(board.out0.bytes[0x8000'2001] == 8);
  board.out0.seen.clear();
  prepare(board.payload, tlm::TLM_WRITE_COMMAND, 0x0ff8, data);  // within the page: in one
  board.payload.set_streaming_width(4);
  board.device0.send(board.payload);
  CHECK(board.out0.seen == std::vector<Seen>{{0x8000'5ff8, 10, true}});
  CHECK(board.out0.last_streaming_width == 4);
}

TEST_CASE("tlm SMMUv3: aborts are ADDRESS_ERROR, external aborts on the SMMU's accesses GENERIC_ERROR") {
  Smmuv3Board board;
  board.start();
  Bytes data(4, 9);
  CHECK(board.read(0x5000, data) == address_error);
  for (const std::uint64_t failing :
       {Smmuv3Board::root + 0x2000, Smmuv3Board::cd_at, Smmuv3Board::stream_table + 64 * 0x42}) {
    board.tables.failing = {failing};
    board.smmu.default_register_attributes.secure = true;
    board.w32(0x803c, 1);  // S_INIT: everything is forgotten
    CHECK(board.read(0x0000, data) == tlm::TLM_GENERIC_ERROR_RESPONSE);
  }
  CHECK((board.event(1, 0) & 0xff) == 0x0b);  // F_WALK_EABT
  CHECK((board.event(2, 0) & 0xff) == 0x09);  // F_CD_FETCH
  CHECK((board.event(3, 0) & 0xff) == 0x03);  // F_STE_FETCH
  CHECK(data == Bytes(4, 9));
  CHECK(board.out0.seen.empty());
}

TEST_CASE("tlm SMMUv3: what is terminated as RAZ/WI reads as zeros and ignores writes") {
  Smmuv3Board board;
  board.start();
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).replace(46, 46, 0));
  Bytes data(4, 9);
  CHECK(board.read(0x5000, data) == ok);
  CHECK(data == Bytes(4, 0));
  data.assign(4, 9);
  CHECK(board.write(0x5000, data) == ok);
  CHECK(data == Bytes(4, 9));
  data.assign(0x20, 9);  // of a burst, all
  CHECK(board.read(0x2ff0, data) == ok);
  CHECK(data == Bytes(0x20, 0));
  CHECK(board.out0.seen.empty());
  CHECK(board.recorded() == 3);

  data.assign(4, 9);  // bytes that are not enabled stay
  unsigned char enables[] = {0xff, 0x00};
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0x5000, data);
  board.payload.set_byte_enable_ptr(enables);
  board.payload.set_byte_enable_length(2);
  board.device0.send(board.payload);
  CHECK(data == Bytes{0, 9, 0, 9});
}

TEST_CASE("tlm SMMUv3: registers take aligned accesses of 4 and 8 bytes, by their own security") {
  Smmuv3Board board;
  board.start();
  CHECK(board.reg(0x80, 8) == Smmuv3Board::stream_table);
  CHECK(board.reg(0x80) == Smmuv3Board::stream_table);
  for (const std::size_t size : {1U, 2U, 3U, 16U}) {
    Bytes data(size, 0xff);
    CHECK(board.access(tlm::TLM_WRITE_COMMAND, 0x60, data) == tlm::TLM_BURST_ERROR_RESPONSE);
  }
  Bytes word(4), two(8);
  CHECK(board.access(tlm::TLM_READ_COMMAND, 0x82, word) == tlm::TLM_BURST_ERROR_RESPONSE);
  CHECK(board.access(tlm::TLM_READ_COMMAND, 0x84, two) == tlm::TLM_BURST_ERROR_RESPONSE);
  CHECK(board.access(tlm::TLM_READ_COMMAND, 0x2'0000, word) == ok);  // beyond the frame: RAZ/WI
  unsigned char enable = 0xff;
  prepare(board.payload, tlm::TLM_READ_COMMAND, 0, word);
  board.payload.set_byte_enable_ptr(&enable);
  board.payload.set_byte_enable_length(1);
  board.host.send(board.payload);
  CHECK(board.payload.get_response_status() == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);

  board.w32(0x8028, 0x3f);
  CHECK(board.reg(0x8028) == 0);
  models::AttributesExtension extension({.secure = true});
  board.payload.set_extension(&extension);
  CHECK(board.reg(0x8028) == 0);
  board.w32(0x8028, 0x3f);
  CHECK(board.reg(0x8028) == 0x3f);
  board.payload.clear_extension(&extension);
  CHECK(board.reg(0x8028) == 0);
}

TEST_CASE("tlm SMMUv3: time is added to the delay, of hits, walks, structures and memories") {
  Smmuv3Board board;
  board.start();
  board.tables.latency = ns(10);
  board.out0.latency = ns(100);
  Bytes data(4);
  board.read(0, data);  // an STE, a CD and three descriptors
  CHECK(board.delay == ns(25 + 1 + 3 * 4 + 5 * (2 + 10) + 100));
  board.read(0x20, data);
  CHECK(board.delay == ns(3 + 100));
  board.read(0x2000, data);
  CHECK(board.delay == ns(25 + 1 + 4 + 2 + 10 + 100));
  board.read(0x5000, data);  // a fault takes its walk, and no output port
  CHECK(board.delay == ns(24 + 1 + 4 + 2 + 10));
  Bytes beats(64);
  board.write(0x0, beats);  // four beats in, and out
  CHECK(board.delay == ns(4 + 1 + 4 + 100));
  board.w32(0x20, 0);
  board.read(0, data);
  CHECK(board.delay == ns(2 + 100));
}

TEST_CASE("tlm SMMUv3: an observer is told of every piece, with its TBU") {
  Smmuv3Board board;
  board.start();
  Watcher watcher;
  board.smmu.observe(&watcher);
  Bytes data(0x20);
  board.send(board.device1, tlm::TLM_READ_COMMAND, 0xff0, data);
  board.read(0x5000, data);
  REQUIRE(watcher.events.size() == 3);
  CHECK(watcher.events[0].tbu == 1);
  CHECK(watcher.events[0].transaction.address == 0xff0);
  CHECK(watcher.events[0].transaction.stream_id == 0x43);
  CHECK(watcher.events[0].translation.output == 0x8000'5ff0);
  CHECK(watcher.events[1].transaction.address == 0x1000);
  CHECK(watcher.events[2].tbu == 0);
  CHECK(watcher.events[2].translation.fault->kind == arch::FaultKind::Translation);
  board.smmu.observe(nullptr);
  board.read(0, data);
  CHECK(watcher.events.size() == 3);
}

}  // namespace sidewinder::test
