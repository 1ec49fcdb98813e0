// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/hit_table.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

using tlm_shell::HitTable;
using tlm_shell::ResourceStatistics;
using tlm_shell::Smmuv3Statistics;

/// With one of these every transaction goes the long way.
struct Nobody : tlm_shell::Smmuv3Observer {
  void translated(unsigned /*tbu*/, const smmuv3::Transaction& /*transaction*/,
                  const smmuv3::Translation& /*translation*/) override {}
};

smmuv3::Config with_small_caches() {
  smmuv3::Config config = full();
  config.caches.micro_tlb = {.entries = 2, .ways = 2};
  config.caches.tlb = {.entries = 8, .ways = 4};
  config.caches.configuration = {.entries = 4, .ways = 2};
  return config;
}

/// Two boards of one process, by names of their own.
struct Place : sc_core::sc_module {
  Smmuv3Board board;

  explicit Place(const sc_core::sc_module_name& name) : sc_module(name), board({}, with_small_caches()) {}
};

void add(std::vector<std::uint64_t>& all, const arch::CacheStatistics& cache) {
  all.insert(all.end(), {cache.lookups, cache.hits, cache.insertions, cache.evictions, cache.invalidated});
}

void add(std::vector<std::uint64_t>& all, const ResourceStatistics& resource) {
  all.insert(all.end(), {resource.uses, resource.waited, resource.queueing.value(), resource.busy.value()});
}

std::vector<std::uint64_t> numbers(const Smmuv3Statistics& statistics) {
  std::vector<std::uint64_t> all;
  for (const tlm_shell::TbuStatistics& tbu : statistics.tbus) {
    all.insert(all.end(), {tbu.reads, tbu.writes, tbu.translation.total().value(),
                           tbu.translation.longest().value(), tbu.micro_tlb.occupancy});
    all.insert(all.end(), tbu.translation.counts().begin(), tbu.translation.counts().end());
    add(all, tbu.micro_tlb.counts);
    for (const ResourceStatistics* resource : {&tbu.slots, &tbu.client_port, &tbu.out_port, &tbu.write_buffer,
                                               &tbu.micro_tlb_lookups, &tbu.main_tlb_lookups})
      add(all, *resource);
  }
  add(all, statistics.main_tlb.counts);
  add(all, statistics.configuration_cache.counts);
  const smmuv3::Statistics& done = statistics.translations;
  all.insert(all.end(), {done.transactions, done.bypassed, done.disabled, done.micro_tlb_hits, done.tlb_hits,
                         done.walks, done.stream_fetches, done.context_fetches, done.stage1_faults,
                         done.configuration_faults, statistics.counters.events});
  return all;
}

struct Access {
  unsigned tbu = 0;
  bool write = false;
  std::uint64_t address = 0;
  std::size_t bytes = 0;
  models::AccessAttributes attributes{};
};

/// Two streams of the same tables with SubstreamIDs, a few pages, sometimes across two of them.
Access any_access(std::mt19937& random) {
  const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  constexpr std::array<std::uint64_t, 8> pages{0x0000, 0x1000, 0x2000,      0x3000,
                                               0x4000, 0x5000, 0x4020'0000, 0x4021'0000};
  Access access;
  access.tbu = below(2);
  access.write = below(3) == 0;
  access.bytes = std::array<std::size_t, 4>{1, 4, 16, 64}[below(4)];
  access.address = pages[below(below(4) == 0 ? 8 : 3)] + (below(20) == 0 ? 0xfff : 64 * below(60));
  access.attributes.stream_id = 0x50 + below(2);
  access.attributes.substream_valid = below(2) == 0;
  access.attributes.substream_id = access.attributes.substream_valid ? 1 + below(2) : 0;
  access.attributes.privileged = below(4) == 0;
  access.attributes.instruction = below(8) == 0;
  return access;
}

tlm::tlm_response_status send(Smmuv3Board& board, const Access& access) {
  models::AttributesExtension extension(access.attributes);
  Bytes data(access.bytes, 7);
  board.payload.set_extension(&extension);
  const auto response =
      board.send(access.tbu == 0 ? board.device0 : board.device1,
                 access.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, access.address, data);
  board.payload.clear_extension(&extension);
  return response;
}

/// Something that an earlier hit may not outlive, or, of a descriptor alone, that it does.
void change(Smmuv3Board& board, unsigned what, std::uint64_t value) {
  const std::uint64_t page = value % 6 * 0x1000;
  switch (what) {
    case 0:
      return board.map(page, 0x8000'0000 | value % 256 << 12 |
                                 (value % 3 == 0 ? Smmuv3Board::read_only : Smmuv3Board::page));
    case 1:
      return board.map(page, 0);
    case 2:
      return board.command(0x30);  // CMD_TLBI_NSNH_ALL
    case 3:
      return board.command(0x12 | std::uint64_t{1} << 48, page);  // CMD_TLBI_NH_VA, ASID 1
    case 4:
      return board.command(0x03 | (0x50 + value % 2) << 32, 1);  // CMD_CFGI_STE
    case 5:  // the STE's INSTCFG or PRIVCFG, without invalidation
      return board.put(
          Smmuv3Board::stream_table + 64 * (0x50 + value % 2),
          stage1_ste(Smmuv3Board::cd_at).put(59, 2).put(64, 2).put(value % 2 == 0 ? 112 : 114, 3));
    default:  // SMMUEN off, and on again
      board.w32(0x20, 0xc);
      return board.w32(0x20, 0xd);
  }
}

}  // namespace

TEST_CASE("HitTable: an entry is of all that a transaction carries, but for the offset in its page") {
  HitTable table;
  const models::AccessAttributes attributes{.stream_id = 7};
  CHECK(table.find(attributes, 0x5123, false) == nullptr);
  CHECK(table.find({}, 0, false) == nullptr);
  CHECK(table.find({}, ~std::uint64_t{0}, true) == nullptr);
  table.put(attributes, 0x5123, false, {.hit = {.epoch = 1}, .page = 0x9000});
  REQUIRE(table.find(attributes, 0x5fff, false) != nullptr);
  CHECK(table.find(attributes, 0x5000, false)->page == 0x9000);
  CHECK(table.find(attributes, 0x6000, false) == nullptr);
  CHECK(table.find(attributes, 0x5000 | std::uint64_t{1} << 63, false) == nullptr);
  CHECK(table.find(attributes, 0x5123, true) == nullptr);
  const std::array<models::AccessAttributes, 7> others{
      {{.stream_id = 8},
       {.stream_id = 7, .substream_id = 1},
       {.stream_id = 7, .substream_valid = true},
       {.stream_id = 7, .secure = true},
       {.stream_id = 7, .privileged = true},
       {.stream_id = 7, .instruction = true},
       {.stream_id = 7, .address_type = models::AddressType::Translated}}};
  for (const models::AccessAttributes& other : others) {
    CHECK(table.find(other, 0x5123, false) == nullptr);
    HitTable its;
    its.put(other, 0x5123, false, {.hit = {.epoch = 1}});
    CHECK(its.find(attributes, 0x5123, false) == nullptr);
    for (const models::AccessAttributes& another : others)
      CHECK((its.find(another, 0x5123, false) != nullptr) == (another == other));
  }
}

TEST_CASE("tlm SMMUv3: hits that take the short way change nothing but how long the simulation takes") {
  Place short_place("short"), long_place("long");
  Smmuv3Board &quick = short_place.board, &slow = long_place.board;
  Nobody nobody;
  slow.smmu.observe(&nobody);
  std::mt19937 random(17);
  for (Smmuv3Board* board : {&quick, &slow}) {
    board->start();
    for (const unsigned stream : {0x50U, 0x51U})
      board->put(Smmuv3Board::stream_table + 64 * std::uint64_t{stream},
                 stage1_ste(Smmuv3Board::cd_at).put(59, 2).put(64, 2));
    for (const unsigned substream : {1U, 2U})
      board->put(Smmuv3Board::cd_at + 64 * std::uint64_t{substream}, cd(Smmuv3Board::root, 2));
  }
  unsigned forwarded = 0;
  for (unsigned step = 0; step < 20'000; ++step) {
    if (random() % 50 == 0) {
      const auto what = static_cast<unsigned>(random() % 7);
      const std::uint64_t value = random();
      for (Smmuv3Board* board : {&quick, &slow}) change(*board, what, value);
      Smmuv3Board::run(100);
      continue;
    }
    const Access access = any_access(random);
    const auto response = send(quick, access);
    if (response != send(slow, access)) FAIL("responses differ in step " << step);
    if (quick.delay != slow.delay) FAIL("delays differ in step " << step);
    if (quick.out0.seen != slow.out0.seen || quick.out1.seen != slow.out1.seen ||
        quick.out0.outputs != slow.out0.outputs || quick.out1.outputs != slow.out1.outputs)
      FAIL("what comes out differs in step " << step);
    for (Smmuv3Board* board : {&quick, &slow}) {
      for (Target* out : {&board->out0, &board->out1}) {
        forwarded += static_cast<unsigned>(out->seen.size());
        out->seen.clear();
        out->outputs.clear();
      }
    }
    if (step % 500 == 0) CHECK(numbers(quick.smmu.statistics()) == numbers(slow.smmu.statistics()));
  }
  CHECK(forwarded > 15'000);
  CHECK(numbers(quick.smmu.statistics()) == numbers(slow.smmu.statistics()));
  const smmuv3::Statistics& done = quick.smmu.core().translator().statistics();
  CHECK(done.micro_tlb_hits > 2'000);
  CHECK(done.walks > 1'000);
  CHECK(done.stage1_faults > 500);
}

TEST_CASE(
    "tlm SMMUv3: a hit by the short way has its own offset and permissions, and ends with its mapping") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  const auto output = [&](std::uint64_t address) {
    for (unsigned time = 0; time < 3; ++time) CHECK(board.read(address, data) == tlm::TLM_OK_RESPONSE);
    return board.out0.seen.back().address;
  };
  CHECK(output(0x0010) == 0x8000'5010);
  CHECK(output(0x0124) == 0x8000'5124);
  CHECK(output(0x0ffc) == 0x8000'5ffc);
  CHECK(output(0x1000) == 0x8000'2000);
  CHECK(board.write(0x1000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK(board.recorded() == 1);

  board.map(0x0000, 0x8000'a000 | Smmuv3Board::page);
  CHECK(output(0x0010) == 0x8000'5010);
  board.command(0x10);  // CMD_TLBI_NH_ALL
  board.run(100);
  CHECK(output(0x0010) == 0x8000'a010);
  board.put(Smmuv3Board::stream_table + 64 * 0x42, ste(4));  // bypass
  CHECK(output(0x0010) == 0x8000'a010);
  board.command(0x03 | std::uint64_t{0x42} << 32);  // CMD_CFGI_STE
  board.run(100);
  CHECK(output(0x0010) == 0x10);
  board.w32(0x44, 0x8010'0000);  // GBPA.ABORT, for SMMUEN 0
  board.w32(0x20, 0xc);
  CHECK(board.read(0x0010, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

TEST_CASE("tlm SMMUv3: what would take the short way waits while another thread is in the SMMU") {
  Smmuv3Board board;
  board.start();
  Bytes data(4);
  for (unsigned time = 0; time < 3; ++time) board.read(0x0000, data);
  board.tables.waits = ns(100);
  Outstanding& walking = board.begin(board.device1, tlm::TLM_READ_COMMAND, 0x2000, 4);
  board.run(50);
  board.tables.waits = sc_core::SC_ZERO_TIME;
  Outstanding& hitting = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x0000, 4);
  board.run(10);
  CHECK_FALSE(walking.done);
  CHECK_FALSE(hitting.done);
  board.run(100);
  CHECK(walking.done);
  CHECK(hitting.done);
}

TEST_CASE("tlm SMMUv3: what would take the short way waits while its TBU is full of stalled transactions") {
  tlm_shell::Smmuv3Timing timing;
  timing.stall_slots = 1;
  Smmuv3Board board(timing);
  board.start();
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(44, 1));  // S
  Bytes data(4);
  for (unsigned time = 0; time < 3; ++time) {
    board.read(0x0000, data);
    board.send(board.device1, tlm::TLM_READ_COMMAND, 0x0000, data);
  }
  Outstanding& stalled = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x5000, 4);
  board.run(10);
  Outstanding& behind = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x0000, 4);
  Outstanding& beside = board.begin(board.device1, tlm::TLM_READ_COMMAND, 0x0000, 4);
  board.run(100);
  CHECK_FALSE(stalled.done);
  CHECK_FALSE(behind.done);
  CHECK(beside.done);
  board.resume(0, 2);
  board.run(100);
  CHECK(stalled.done);
  CHECK(behind.done);
}

}  // namespace sidewinder::test
