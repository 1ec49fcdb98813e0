// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "tests/conformance/smmuv3/ats_bench.h"

namespace sidewinder::test {
namespace {

using Resumed = std::vector<std::pair<std::uint64_t, Resumption>>;

/// Every implemented part that has registers.
smmuv3::Config with_everything() {
  smmuv3::Config config = with_ats();
  config.address_translation_operations = config.msi = true;
  return config;
}

/// Every register as Secure software reads it.
std::vector<std::uint64_t> image(const smmuv3::Smmu& smmu) {
  std::vector<std::uint64_t> words;
  for (std::uint64_t offset = 0; offset < smmuv3::Smmu::frame_size; offset += 4)
    words.push_back(smmu.read(offset, 4, true));
  return words;
}

/// The offset of the first register that reads otherwise.
std::optional<std::size_t> difference(const std::vector<std::uint64_t>& one,
                                      const std::vector<std::uint64_t>& other) {
  const auto place = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first;
  if (place == one.end()) return std::nullopt;
  return static_cast<std::size_t>(place - one.begin()) * 4;
}

/// Stream 3 of one page; also through the Secure interface.
struct PowerBench : AtsBench {
  explicit PowerBench(const smmuv3::Config& config = with_everything()) : AtsBench(config) { stage1_only(); }

  void cycle() {
    smmu.set_power(false);
    smmu.set_power(true);
  }
  [[nodiscard]] unsigned cached() const {
    const smmuv3::Translator& translator = smmu.translator();
    unsigned entries = translator.tlb().occupancy() + translator.micro_tlb(0).occupancy() +
                       translator.configurations().occupancy();
    for (unsigned level = 0; level < 4; ++level)
      entries += translator.stage1_tables().occupancy(level) + translator.stage2_tables().occupancy(level);
    return entries;
  }
};

}  // namespace

TEST_CASE("a power cycle leaves the SMMUv3 as it was built") {
  WordMemory memory;
  SmmuLog log;
  const smmuv3::Smmu fresh(with_everything(), 1, memory, log);
  const std::vector<std::uint64_t> built = image(fresh);

  PowerBench bench;
  CHECK(bench.read(3, AtsBench::va).action == Action::Forward);
  CHECK(bench.read(3, 0x1000).fault.has_value());
  bench.command(0xff);  // CERROR_ILL, GERROR
  for (const std::uint32_t regs : {0U, InterfaceBench::secure}) {
    bench.w32(regs + 0x50, 0);
    bench.w64(regs + 0x68, 0x1234'0000);    // GERROR_IRQ_CFG0
    bench.w64(regs + 0x108, AtsBench::va);  // GATOS_ADDR
    bench.w32(regs + 0x44, 0x8010'0000);    // GBPA.ABORT
  }
  bench.smmu.page_request({.address = 0x5000, .stream_id = 3, .last = true, .read = true});
  REQUIRE(difference(image(bench.smmu), built));
  REQUIRE(bench.cached() > 3);

  bench.smmu.set_power(false);
  CHECK(bench.cached() == 0);
  bench.smmu.set_power(true);
  CHECK(difference(image(bench.smmu), built) == std::nullopt);
  CHECK(bench.read(3, AtsBench::va).source == Source::Disabled);  // until software sets it up

  bench.set_up(0);
  const Translation again = bench.read(3, AtsBench::va);
  CHECK(again.source == Source::Walk);
  CHECK(again.output == AtsBench::pa);
}

TEST_CASE(
    "without power an SMMUv3's registers are RAZ/WI and transactions are aborted, and both are counted") {
  PowerBench bench;
  bench.smmu.set_power(false);
  const smmuv3::SmmuCounters counted = bench.smmu.counters();
  const smmuv3::Statistics statistics = bench.smmu.translator().statistics();
  bench.memory.reads.clear();

  CHECK(bench.r32(0x0) == 0);  // IDR0
  bench.w32(0x2c, 0x2);        // CR2
  const Translation answer = bench.read(3, AtsBench::va);
  CHECK(answer.action == Action::Abort);
  CHECK_FALSE(answer.fault);
  CHECK_FALSE(answer.recorded);
  CHECK(bench.memory.reads.empty());
  CHECK(bench.smmu.counters().register_accesses_without_power == counted.register_accesses_without_power + 2);
  CHECK(bench.smmu.counters().requests_without_power == counted.requests_without_power + 1);
  CHECK(bench.smmu.counters().events_discarded == counted.events_discarded);
  CHECK(bench.smmu.translator().statistics().transactions == statistics.transactions);

  bench.smmu.set_power(true);
  CHECK(bench.r32(0x2c) == 0);  // what was written is not there
  CHECK(bench.smmu.counters().register_accesses_without_power == counted.register_accesses_without_power + 2);
}

TEST_CASE("what was hit before a power cycle is not hit after it") {
  PowerBench bench;
  bench.read(3, AtsBench::va);
  const smmuv3::Hit hit = bench.read(3, AtsBench::va).hit;
  REQUIRE(hit.epoch != 0);
  CHECK(bench.smmu.translate_again(0, hit));
  bench.smmu.set_power(false);
  CHECK_FALSE(bench.smmu.translate_again(0, hit));
  bench.smmu.set_power(true);
  CHECK_FALSE(bench.smmu.translate_again(0, hit));
}

TEST_CASE("commands that the power's end leaves behind are lost, with the CMD_SYNC that waits") {
  PowerBench bench;
  bench.root_complex.progress = Progress::Pending;
  bench.command(0x40 | std::uint64_t{3} << 32);  // CMD_ATC_INV
  bench.command(0x46);                           // CMD_SYNC, which waits for it
  const std::uint64_t done = bench.smmu.counters().commands;
  bench.smmu.set_power(false);
  CHECK_FALSE(bench.smmu.commands_pending(SecurityState::NonSecure));
  CHECK_FALSE(bench.smmu.process_command(SecurityState::NonSecure));
  CHECK(bench.smmu.counters().commands == done);

  bench.smmu.set_power(true);
  bench.set_up(0);
  bench.command(0x46);
  CHECK(bench.smmu.counters().commands == done + 1);
  bench.smmu.end_atc_invalidation(SecurityState::NonSecure, true);  // late
  bench.command(0x46);
  CHECK(bench.smmu.counters().commands == done + 2);
}

TEST_CASE("stalled transactions are aborted as the power goes, those without a tag too") {
  smmuv3::Config config = with_everything();
  config.stall_max = 1;
  PowerBench bench(config);
  bench.set_cd(AtsBench::cd_at, cd(AtsBench::root).put(44, 1));  // S
  CHECK(bench.read(3, 0x1000, 11).action == Action::Stall);
  CHECK(bench.read(3, 0x2000, 12).action == Action::Stall);
  bench.smmu.set_power(false);
  CHECK(bench.log.resumed == Resumed{{11, Resumption::Abort}, {12, Resumption::Abort}});
  CHECK(bench.smmu.stalled() == 0);
}

TEST_CASE(
    "without power there is no interrupt, Translation Requests are UR, and page requests are not answered") {
  PowerBench bench;
  CHECK(bench.ask().status == Status::Success);
  bench.log.interrupts.clear();
  bench.smmu.set_power(false);
  CHECK(bench.ask().status == Status::UnsupportedRequest);
  bench.smmu.page_request({.address = 0x5000, .stream_id = 3, .last = true, .read = true});
  CHECK(bench.root_complex.responses.empty());
  CHECK(bench.log.interrupts.empty());
  CHECK(bench.smmu.counters().requests_without_power == 2);
  CHECK(bench.smmu.counters().page_requests_discarded == 0);
  CHECK(bench.smmu.translator().statistics().ats_requests == 1);
}

TEST_CASE("an SMMUv3's power that is there already changes nothing") {
  PowerBench bench;
  bench.read(3, AtsBench::va);
  const std::vector<std::uint64_t> before = image(bench.smmu);
  const unsigned cached = bench.cached();
  bench.smmu.set_power(true);
  CHECK(difference(image(bench.smmu), before) == std::nullopt);
  CHECK(bench.cached() == cached);
  bench.cycle();
  bench.smmu.set_power(false);
  bench.smmu.set_power(false);
  CHECK_FALSE(bench.smmu.powered());
}

}  // namespace sidewinder::test
