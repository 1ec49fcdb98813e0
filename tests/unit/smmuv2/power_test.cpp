// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

/// Every register as it reads.
std::vector<std::uint64_t> image(Bench& bench) {
  std::vector<std::uint64_t> words;
  for (std::uint64_t offset = 0; offset < smmuv2::frame_size(bench.smmu.config()); offset += 4)
    words.push_back(bench.smmu.read(offset, 4));
  return words;
}

/// Where two differ: the offset of the first register that reads otherwise.
std::optional<std::size_t> difference(const std::vector<std::uint64_t>& one,
                                      const std::vector<std::uint64_t>& other) {
  const auto place = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first;
  if (place == one.end()) return std::nullopt;
  return static_cast<std::size_t>(place - one.begin()) * 4;
}

}  // namespace

TEST_CASE("a power cycle leaves the SMMU as it was built") {
  Bench fresh(wide());
  const std::vector<std::uint64_t> built = image(fresh);

  Bench bench(wide());
  bench.usual();
  bench.memory.words[0x12000] = 0x8000'0743;
  CHECK(bench.access(0).action == smmuv2::Translation::Action::Forward);
  CHECK(bench.access(0x1000).fault.has_value());                         // in a context bank
  CHECK(bench.access(0, false, false, false, 0x777).fault.has_value());  // in the global space
  CHECK(bench.smmu.tlb_occupancy() == 1);
  bench.w32(0x10, 0x500);  // sACR
  CHECK(difference(image(bench), built));

  bench.smmu.set_power(false);
  CHECK(bench.smmu.tlb_occupancy() == 0);
  bench.smmu.set_power(true);
  CHECK(difference(image(bench), built) == std::nullopt);
  CHECK(bench.access(0).source == Source::Bypass);  // CLIENTPD, until software sets it up

  bench.usual();
  CHECK(bench.access(0).source == Source::Walk);
}

TEST_CASE("an interrupt ends with the power") {
  Bench bench(wide());
  bench.usual();
  CHECK(bench.access(0x1000).fault.has_value());
  REQUIRE(bench.lines.context[3]);
  bench.smmu.set_power(false);
  CHECK_FALSE(bench.lines.context[3]);
  bench.smmu.set_power(true);
  CHECK_FALSE(bench.lines.context[3]);
}

TEST_CASE("without power registers are RAZ/WI and transactions are aborted, and both are counted") {
  Bench bench(wide());
  bench.usual();
  bench.memory.words[0x12000] = 0x8000'0743;
  bench.smmu.set_power(false);
  CHECK(bench.smmu.read(0x20, 4) == 0);  // IDR0
  bench.smmu.write(0x0, 0, 4);           // sCR0: clients are let in
  const auto answer = bench.access(0x10);
  CHECK(answer.action == smmuv2::Translation::Action::Abort);
  CHECK_FALSE(answer.fault);
  CHECK_FALSE(answer.bank);
  CHECK(bench.memory.reads.empty());
  const smmuv2::Statistics& counted = bench.smmu.statistics();
  CHECK(counted.register_accesses_without_power == 2);
  CHECK(counted.requests_without_power == 1);
  CHECK(counted.requests == 1);
  CHECK(counted.bypassed == 0);

  bench.smmu.set_power(true);
  CHECK((bench.smmu.read(0x0, 4) & 1) == 1);  // what was written is not there
  CHECK(counted.register_accesses_without_power == 2);
}

TEST_CASE("power that is there already changes nothing") {
  Bench bench(wide());
  bench.usual();
  const std::vector<std::uint64_t> before = image(bench);
  bench.smmu.set_power(true);
  CHECK(difference(image(bench), before) == std::nullopt);
}

}  // namespace sidewinder::test
