// SPDX-License-Identifier: Apache-2.0
//
// What tests/conformance/smmuv2 does not say about the register frame: counters, and writes that meet two
// registers.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {

TEST_CASE("invalidations and synchronisations are counted") {
  Bench bench;
  for (const std::uint64_t offset : {0x600U, 0x608U, 0x610U, 0x618U, 0x620U, 0x628U})
    bench.w32(Bench::cb(1, offset), 0);
  for (const std::uint64_t offset : {0x64U, 0x68U, 0x6cU, 0xb8U}) bench.w32(offset, 0);
  CHECK(bench.smmu.statistics().invalidations == 10);
  CHECK(bench.smmu.statistics().synchronisations == 0);
  bench.w32(0x70, 0);
  bench.w32(Bench::cb(1, 0x7f0), 0);
  CHECK(bench.smmu.statistics().synchronisations == 2);
  CHECK(bench.smmu.statistics().invalidations == 10);
  bench.w32(Bench::cb(1, 0x604), 0);  // the upper word alone is no operation
  CHECK(bench.smmu.statistics().invalidations == 10);
}

TEST_CASE("an interrupt line is told of changes only") {
  Bench bench;
  bench.usual();
  bench.access(0x2000);
  CHECK(bench.lines.changes == 1);
  bench.access(0x2000);
  bench.w32(Bench::cb(3, 0x30), 0);
  CHECK(bench.lines.changes == 1);
  bench.clear();
  bench.clear();
  CHECK(bench.lines.changes == 2);
}

TEST_CASE("a 64-bit write to two 32-bit registers writes both") {
  Bench bench;
  bench.w64(0x800, 0x8000'0002'8000'0001);
  CHECK(bench.r32(0x800) == 0x8000'0001);
  CHECK(bench.r32(0x804) == 0x8000'0002);
  bench.w64(Bench::cb(2, 0x38), 0x8877'6655'4433'2211);
  CHECK(bench.r64(Bench::cb(2, 0x38)) == 0x8877'6655'4433'2211);
}

}  // namespace sidewinder::test
