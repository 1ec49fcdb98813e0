// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/statistics.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "tests/conformance/smmuv3/bench.h"

namespace sidewinder::test {
namespace {

using Statistics = smmuv3::Statistics;
using Counter = std::uint64_t Statistics::*;

constexpr std::uint64_t cd_at = 0x2000'0000, root = 0x3000'0000, root2 = 0x3100'0000, page = 0x4000'0000;
constexpr std::uint32_t passes = 1, aborts = 2, stage1 = 3, stage2 = 4, invalid = 5;

struct StatisticsBench : Bench {
  StatisticsBench() {
    set_ste(passes, ste(4));
    set_ste(aborts, ste(0));
    set_ste(stage1, stage1_ste(cd_at));
    set_ste(stage2, stage2_ste(root2));
    set_cd(cd_at, cd(root));
    Tables(memory, 12, 39, root).at(0x1000, 3) = page | 0xf43;
    Tables(memory, 12, 39, root2).at(0x1000, 3) = page | 0x7ff;
  }

  /// How one read changes the counters of what may become of it: a name for each that goes up by one.
  std::string read_counts(std::uint32_t stream_id, std::uint64_t address) {
    const Statistics before = smmu.statistics();
    static_cast<void>(read(stream_id, address));
    const Statistics after = smmu.statistics();
    CHECK(after.transactions == before.transactions + 1);
    std::string up;
    for (const auto& [name, counter] : {std::pair<const char*, Counter>{"bypassed ", &Statistics::bypassed},
                                        {"disabled ", &Statistics::disabled},
                                        {"micro_tlb_hit ", &Statistics::micro_tlb_hits},
                                        {"tlb_hit ", &Statistics::tlb_hits},
                                        {"walk ", &Statistics::walks},
                                        {"stream ", &Statistics::stream_fetches},
                                        {"context ", &Statistics::context_fetches},
                                        {"stage1_fault ", &Statistics::stage1_faults},
                                        {"stage2_fault ", &Statistics::stage2_faults},
                                        {"aborted_walk ", &Statistics::aborted_walks},
                                        {"configuration_fault ", &Statistics::configuration_faults}})
      for (std::uint64_t count = before.*counter; count < after.*counter; ++count) up += name;
    return up;
  }
};

}  // namespace

TEST_CASE("smmuv3 statistics: each transaction is counted by what becomes of it") {
  StatisticsBench bench;
  CHECK(bench.read_counts(stage1, 0x1000) == "walk stream context ");
  CHECK(bench.read_counts(stage1, 0x1000) == "micro_tlb_hit ");
  CHECK(bench.read_counts(stage1, 0x5000) == "walk stage1_fault ");
  CHECK(bench.read_counts(stage2, 0x1000) == "walk stream ");
  CHECK(bench.read_counts(stage2, 0x5000) == "walk stage2_fault ");
  bench.memory.aborting.insert(root2);
  bench.smmu.invalidate_all();
  CHECK(bench.read_counts(stage2, 0x1000) == "walk stream aborted_walk ");
}

TEST_CASE("smmuv3 statistics: what is bypassed, aborted without an event, or has no valid configuration") {
  StatisticsBench bench;
  CHECK(bench.read_counts(passes, 0x1000) == "bypassed stream ");
  CHECK(bench.read_counts(passes, 0x1000) == "bypassed ");
  CHECK(bench.read_counts(passes, std::uint64_t{1} << 60) == "stage1_fault ");  // beyond the OAS: F_ADDR_SIZE
  CHECK(bench.read_counts(aborts, 0x1000) == "disabled stream ");
  CHECK(bench.read_counts(invalid, 0x1000) == "stream configuration_fault ");  // C_BAD_STE
  CHECK(bench.read_counts(0x100, 0x1000) == "stream configuration_fault ");    // C_BAD_STREAMID
  bench.smmu.control(SecurityState::NonSecure).enabled = false;
  CHECK(bench.read_counts(stage1, 0x1000) == "bypassed ");
  CHECK(bench.read_counts(stage1, std::uint64_t{1} << 60) == "disabled ");
  bench.smmu.control(SecurityState::NonSecure).gbpa.raw = 1U << 20;  // ABORT
  CHECK(bench.read_counts(stage1, 0x1000) == "disabled ");
}

}  // namespace sidewinder::test
