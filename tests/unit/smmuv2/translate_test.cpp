// SPDX-License-Identifier: Apache-2.0
//
// What tests/conformance/smmuv2 does not say about a transaction's way: where it was answered from, and what
// was counted.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

smmuv2::Config two_tbus() {
  smmuv2::Config config = wide();
  config.tbus = 2;
  config.micro_tlb_entries = 2;
  config.micro_tlb_ways = 2;
  return config;
}

}  // namespace

TEST_CASE("a walk fills the main TLB for all and the micro-TLB of its TBU") {
  Bench bench(two_tbus());
  bench.usual();
  bench.memory.latency_ps = 700;
  bench.memory.words[0x12000] = 0x8000'0743;
  const auto walk = bench.access(0x10);
  CHECK(walk.source == Source::Walk);
  REQUIRE(walk.accesses.size() == 3);
  CHECK(walk.accesses[2].address == 0x12000);
  CHECK(walk.accesses[2].latency_ps == 700);
  CHECK(bench.access(0x18).source == Source::MicroTlb);
  CHECK(bench.access(0x18, false, false, false, 0x42, 1).source == Source::MainTlb);
  const auto hit = bench.access(0x1c, false, false, false, 0x42, 1);
  CHECK(hit.source == Source::MicroTlb);
  CHECK(hit.accesses.empty());
  CHECK(hit.output == 0x8000'001c);
  CHECK(bench.memory.reads.size() == 3);

  const smmuv2::Statistics& counted = bench.smmu.statistics();
  CHECK(counted.requests == 4);
  CHECK(counted.micro_tlb_lookups == 4);
  CHECK(counted.micro_tlb_hits == 2);
  CHECK(counted.tlb_lookups == 2);
  CHECK(counted.tlb_hits == 1);
  CHECK(counted.walks == 1);
  CHECK(counted.walk_reads == 3);
  CHECK(counted.bypassed == 0);
  CHECK(counted.banks[3].translations == 4);
  CHECK(counted.banks[2].translations == 0);
}

TEST_CASE("a small micro-TLB falls back on the main TLB") {
  Bench bench(two_tbus());
  bench.usual();
  for (std::uint64_t page = 0; page < 3; ++page)
    bench.memory.words[0x12000 + 8 * page] = 0x8000'0743 + page * 0x1000;
  for (std::uint64_t page = 0; page < 3; ++page) CHECK(bench.access(page << 12).source == Source::Walk);
  CHECK(bench.access(0).source == Source::MainTlb);
  CHECK(bench.access(0).source == Source::MicroTlb);
}

TEST_CASE("recorded, multiple and terminated faults are counted apart") {
  Bench bench;
  bench.usual(0x161);
  bench.access(0x1000);
  bench.access(0x2000);
  bench.w32(Bench::cb(3, 0x00), 0x61);
  bench.access(0x3000);
  bench.access(0x3000);
  const smmuv2::BankStatistics& counted = bench.smmu.statistics().banks[3];
  CHECK(counted.translations == 4);
  CHECK(counted.faults_recorded == 1);
  CHECK(counted.faults_multiple == 1);
  CHECK(counted.terminated_behind == 2);

  bench.access(0, false, false, false, 1);
  bench.access(0, false, false, false, 1);
  CHECK(bench.smmu.statistics().global_faults_recorded == 1);
  CHECK(bench.smmu.statistics().global_faults_multiple == 1);
  bench.w32(0x000, 1);
  bench.access(0);
  CHECK(bench.smmu.statistics().bypassed == 1);
}

TEST_CASE("a fault comes back with its access, after the overrides") {
  Bench bench;
  bench.usual();
  bench.w32(0xc0c, 0x0300'0003);  // privileged
  const auto result = bench.access(0x1234, true);
  REQUIRE(result.fault);
  CHECK(result.fault->kind == arch::FaultKind::Translation);
  CHECK(result.fault->stage == 1);
  CHECK(result.fault->level == 3);
  CHECK(result.fault->access.address == 0x1234);
  CHECK(result.fault->access.stream_id == 0x42);
  CHECK(result.fault->access.write);
  CHECK(result.fault->access.privileged);
  CHECK(result.bank == std::uint8_t{3});
}

}  // namespace sidewinder::test
