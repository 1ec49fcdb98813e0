// SPDX-License-Identifier: Apache-2.0
//
// Blocks and contiguous runs that are wider than the output: what lies beyond faults, hit or walk.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t cd_at = 0x2000'0000;
constexpr std::uint64_t root = 0x3000'0000;
constexpr std::uint64_t contiguous = std::uint64_t{1} << 52;
constexpr std::uint64_t beyond = 0x1'4000'0000;  ///< of 32 bits

void check(Bench& bench, std::uint64_t inside, unsigned stage) {
  for (const bool fault_first : {false, true}) {
    bench.smmu.invalidate_all();
    for (const bool fault : {fault_first, !fault_first}) {
      const Translation result = bench.read(3, fault ? beyond : inside);
      INFO("fault " << fault << ", first " << fault_first);
      if (!fault) {
        CHECK(result.action == Action::Forward);
        CHECK(result.output == inside);
        continue;
      }
      REQUIRE(result.fault.has_value());
      CHECK(result.fault->kind == FaultKind::AddressSize);
      CHECK(result.fault->stage == stage);
    }
  }
}

}  // namespace

TEST_CASE(
    "IHI 0070 §5.4 IPS, DDI 0487 D8.7.1.2: a contiguous run ends where the output size does, hit or walk") {
  Bench bench;
  bench.set_ste(3, stage1_ste(cd_at));
  bench.set_cd(cd_at, cd(root).replace(34, 32, 0));  // IPS of 32 bits
  bench.memory.words[root + 8] = 0x4000'0f41 | contiguous;
  bench.memory.words[root + 8 * 5] = beyond | 0xf41 | contiguous;
  check(bench, 0x4000'0000, 1);

  Bench second;
  second.set_ste(3, stage2_ste(root).replace(178, 176, 0));  // S2PS of 32 bits
  second.memory.words[root + 8] = 0x4000'07fd | contiguous;
  second.memory.words[root + 8 * 5] = beyond | 0x7fd | contiguous;
  check(second, 0x4000'0000, 2);
}

TEST_CASE("IHI 0070 §5.4 IPS, §5.2 S2PS: so does a block, with DS") {
  smmuv3::Config config = full();
  config.ds = config.vax = true;
  config.output_bits = 52;
  Bench bench(config);
  bench.set_ste(3, stage1_ste(cd_at));
  // 48 bits from level 0, whose block of 512 GiB begins at 0.
  bench.set_cd(cd_at, cd(root).replace(5, 0, 16).replace(34, 32, 0).put(186, 1));
  bench.memory.words[root] = 0xc41;
  check(bench, 0x4000'0000, 1);
}

}  // namespace sidewinder::test
