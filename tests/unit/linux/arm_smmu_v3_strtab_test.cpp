// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_strtab.h"

#include <catch2/catch.hpp>

#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using layout::smmuv3::Ste;
using Trace = std::vector<std::string>;
using Words = std::array<std::uint64_t, 8>;

constexpr std::uint64_t incoming = std::uint64_t{1} << 44;  // SHCFG 1 in word 1

/// A stream table of its own beside the driver's, whose command queue it uses.
struct Bench : Smmuv3Host {
  explicit Bench(bool disable_bypass = true) : table(smmu.io(), pages, smmu.commands(), disable_bypass) {
    REQUIRE(smmu.probe());
    static_cast<void>(said());
    machine.trace.clear();
  }
  [[nodiscard]] std::uint64_t base() const { return table.base_register() & 0x00ff'ffff'ffff'ffc0; }
  [[nodiscard]] Words ste(std::uint64_t address) const {
    Words words{};
    for (unsigned word = 0; word < 8; ++word) words[word] = machine.word(address + 8 * word);
    return words;
  }

  ArmSmmuV3StreamTable table;
};

}  // namespace

TEST_CASE("a linear stream table is there for every StreamID, and aborts") {
  Bench bench;
  REQUIRE(bench.table.init(8, false));
  CHECK(bench.table.config_register() == 8);
  CHECK(bench.table.base_register() >> 56 == 0x40);  // RA
  for (const std::uint64_t sid : {0U, 1U, 255U})
    CHECK(bench.ste(bench.base() + 64 * sid) == Words{1, incoming});
  CHECK(bench.table.reach(255));
  CHECK(bench.table.reach(256).error() == Errno::ERANGE_);
  CHECK(bench.machine.trace.empty());
}

TEST_CASE("without disable_bypass streams of nobody bypass") {
  Bench bench(false);
  REQUIRE(bench.table.init(4, false));
  CHECK(bench.ste(bench.base()) == Words{9, incoming});
  bench.table.write_unattached(3);
  CHECK(bench.ste(bench.base() + 192) == Words{9, incoming});
  bench.table.write_abort(3);
  CHECK(bench.ste(bench.base() + 192) == Words{1, incoming});
}

TEST_CASE("a second level is there once a StreamID of it is reached, written before the first says so") {
  Bench bench;
  REQUIRE(bench.table.init(16, true));
  CHECK(bench.table.config_register() == 0x1'0210);
  CHECK(bench.machine.word(bench.base() + 8) == 0);
  bench.machine.memory_too = true;
  REQUIRE(bench.table.reach(0x123));
  const std::uint64_t level1 = bench.machine.word(bench.base() + 8);
  CHECK((level1 & 0x3f) == 9);
  CHECK(bench.machine.trace.size() == 2 * 256 + 1);
  CHECK(bench.machine.trace.back() == format("M %" PRIx64 " %" PRIx64, bench.base() + 8, level1));
  CHECK(bench.ste((level1 & ~std::uint64_t{0x3f}) + 64 * 255) == Words{1, incoming});
  CHECK(bench.machine.word(bench.base()) == 0);
  const std::uint64_t pages = bench.pages.pages_in_use();
  REQUIRE(bench.table.reach(0x1ff));
  CHECK(bench.pages.pages_in_use() == pages);
  CHECK(bench.machine.word(bench.base() + 8) == level1);
  CHECK(bench.table.reach(0x1'0000).error() == Errno::ERANGE_);
}

TEST_CASE("a two-level table covers 25 bits of StreamID at most") {
  Bench bench;
  REQUIRE(bench.table.init(26, true));
  CHECK(bench.said() == Trace{"2-level strtab only covers 25/26 bits of SID"});
  CHECK(bench.table.config_register() == 0x1'0219);
  CHECK(bench.table.reach(0x1ff'ffff));
  CHECK(bench.table.reach(0x200'0000).error() == Errno::ERANGE_);
}

TEST_CASE("a stream table without memory") {
  Bench bench;
  CHECK(bench.table.init(17, false).error() == Errno::ENOMEM_);  // 8 MiB
  CHECK(bench.said() == Trace{"failed to allocate linear stream table (8388608 bytes)"});
  REQUIRE(bench.table.init(16, true));
  while (bench.pages.allocate(2)) {
  }
  CHECK(bench.table.reach(0x123).error() == Errno::ENOMEM_);
  CHECK(bench.said() == Trace{"failed to allocate l2 stream table for SID 291"});
  while (bench.pages.allocate(0)) {
  }
  CHECK(bench.table.init(16, true).error() == Errno::ENOMEM_);
  CHECK(bench.said() == Trace{"failed to allocate l1 stream table (2048 bytes)"});
}

TEST_CASE("an STE that does not translate: words 0, 1 and 2, and CMD_CFGI_STE") {
  Bench bench;
  REQUIRE(bench.table.init(8, false));
  bench.machine.memory_too = true;
  bench.table.write_bypass(5);
  const std::uint64_t at = bench.base() + 320;
  CHECK(bench.machine.take_trace().size() == 3 + 4 + 4);
  CHECK(bench.ste(at) == Words{9, incoming});
  bench.machine.set_word(at + 16, 0xffff);
  bench.table.write_unattached(5);
  const Trace trace = bench.machine.take_trace();
  REQUIRE(trace.size() == 11);
  CHECK(trace[0] == format("M %" PRIx64 " 1", at));
  CHECK(trace[1] == format("M %" PRIx64 " 100000000000", at + 8));
  CHECK(trace[2] == format("M %" PRIx64 " 0", at + 16));
  CHECK(trace[7] == "C 500000003 1");
  CHECK(trace[8] == "C fc02046 0");
}

TEST_CASE("an STE that translates is whole before word 0 says so") {
  Bench bench;
  REQUIRE(bench.table.init(8, false));
  bench.machine.memory_too = true;
  const std::uint64_t at = bench.base() + 320;
  const auto order = [&] {
    Trace seen;
    for (const std::string& line : bench.machine.take_trace()) {
      const std::string place = format("M %" PRIx64, at >> 8);
      if (line[0] == 'C' || line.compare(0, place.size(), place) == 0) seen.push_back(line);
    }
    return seen;
  };
  const auto word = [&](unsigned index, const char* value) {
    return format("M %" PRIx64 " %s", at + 8 * index, value);
  };
  bench.table.write_translating(5, Ste::of({0x8000'000b, 0xd6, 0x77, 0x88}), true);  // stage 1
  CHECK(order() == Trace{word(1, "d6"), "C 500000003 1", "C fc02046 0", word(0, "8000000b"), "C 500000003 1",
                         "C fc02046 0", "C 500000001 0"});
  CHECK(bench.ste(at) == Words{0x8000'000b, 0xd6});
  bench.table.write_unattached(5);
  static_cast<void>(order());
  bench.table.write_translating(5, Ste::of({0xd, 0, 0x77, 0x88}), false);  // stage 2: SHCFG stays
  CHECK(order() == Trace{word(2, "77"), word(3, "88"), "C 500000003 1", "C fc02046 0", word(0, "d"),
                         "C 500000003 1", "C fc02046 0"});
  CHECK(bench.ste(at) == Words{0xd, incoming, 0x77, 0x88});
  bench.table.write_unattached(5);
  bench.table.write_translating(5, Ste::of({0xd, 0x1000'0000, 0x77, 0x88}), false);  // with EATS
  CHECK(bench.ste(at) == Words{0xd, incoming | 0x1000'0000, 0x77, 0x88});
}

}  // namespace sidewinder::test
