// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_cd.h"

#include <catch2/catch.hpp>

#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using layout::smmuv3::Cd;
using layout::smmuv3::Ste;
using Trace = std::vector<std::string>;

const Cd sample = Cd::of({0x8000'0001, 0x1000, 0, 0xff44, 0x99});

/// What the table writes and has the SMMU told, in order.
struct Bench : Smmuv3Host {
  Bench() { machine.memory_too = true; }

  Trace install(ArmSmmuV3CdTable& table) {
    machine.trace.clear();
    REQUIRE(
        table.install(sample, [this](bool leaf) { machine.trace.emplace_back(leaf ? "leaf" : "table"); }));
    return machine.take_trace();
  }
  static std::uint64_t context_ptr(const ArmSmmuV3CdTable& table) {
    Ste ste;
    table.describe(ste);
    return ste.words[0];
  }
};

}  // namespace

TEST_CASE("a context descriptor is whole before its word 0 is valid") {
  Bench bench;
  auto table = ArmSmmuV3CdTable::create(bench.smmu.io(), bench.pages, 0, true);
  REQUIRE(table);
  const std::uint64_t at = Bench::context_ptr(*table);
  CHECK(at % 0x1000 == 0);  // linear, of one descriptor
  CHECK(bench.install(*table) ==
        Trace{format("M %" PRIx64 " 1000", at + 8), format("M %" PRIx64 " 0", at + 16),
              format("M %" PRIx64 " ff44", at + 24), "leaf", format("M %" PRIx64 " 80000001", at), "leaf"});
}

TEST_CASE("a table of context descriptors has two levels where the SMMU can and it is large") {
  Bench bench;
  const auto describe = [&](unsigned bits, bool two_level) {
    const auto table = ArmSmmuV3CdTable::create(bench.smmu.io(), bench.pages, bits, two_level);
    REQUIRE(table);
    CHECK(table->ssid_bits() == bits);
    return Bench::context_ptr(*table) & 0xf800'0000'0000'003f;  // S1CDMax, S1Fmt
  };
  CHECK(describe(10, true) == 0x5000'0000'0000'0000);
  CHECK(describe(10, false) == 0x5000'0000'0000'0000);
  CHECK(describe(11, true) == 0x5800'0000'0000'0020);
  CHECK(describe(20, true) == 0xa000'0000'0000'0020);
}

TEST_CASE("a second level of context descriptors comes with the first of them") {
  Bench bench;
  const std::uint64_t before = bench.pages.pages_in_use();
  {
    auto table = ArmSmmuV3CdTable::create(bench.smmu.io(), bench.pages, 12, true);
    REQUIRE(table);
    CHECK(bench.pages.pages_in_use() == before + 1);
    const std::uint64_t base = Bench::context_ptr(*table) & 0x00ff'ffff'ffff'f000;
    const Trace trace = bench.install(*table);
    CHECK(bench.pages.pages_in_use() == before + 1 + 16);
    const std::uint64_t level1 = bench.machine.word(base);
    CHECK((level1 & 0xfff) == 1);
    const std::uint64_t at = level1 - 1;
    CHECK(at % 0x1'0000 == 0);
    CHECK(trace == Trace{format("M %" PRIx64 " %" PRIx64, base, level1), "table",
                         format("M %" PRIx64 " 1000", at + 8), format("M %" PRIx64 " 0", at + 16),
                         format("M %" PRIx64 " ff44", at + 24), "leaf", format("M %" PRIx64 " 80000001", at),
                         "leaf"});
  }
  CHECK(bench.pages.pages_in_use() == before);
}

TEST_CASE("tables of context descriptors without memory") {
  Bench bench;
  auto table = ArmSmmuV3CdTable::create(bench.smmu.io(), bench.pages, 12, true);
  REQUIRE(table);
  while (bench.pages.allocate(4)) {
  }
  CHECK(table->install(sample, [](bool) {}).error() == Errno::ENOMEM_);
  CHECK(bench.said() == Trace{"failed to allocate context descriptor table"});
  while (bench.pages.allocate(0)) {
  }
  CHECK_FALSE(ArmSmmuV3CdTable::create(bench.smmu.io(), bench.pages, 0, true));
  CHECK(bench.levels == std::vector{LogLevel::Warn});
  CHECK(bench.said() == Trace{"failed to allocate context descriptor"});
}

}  // namespace sidewinder::test
