// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_cmdq.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "iommu/linux/arm_smmu_v3_commands.h"
#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using Trace = std::vector<std::string>;
using layout::smmuv3::Command;

constexpr std::uint64_t ms = 1'000'000;

/// After a reset with four commands; nothing logged or traced so far.
struct Bench : Smmuv3Host {
  explicit Bench(const smmuv3::Config& config = plain_smmuv3(),
                 ArmSmmuV3Platform platform = smmuv3_platform())
      : Smmuv3Host(config, std::move(platform)) {
    REQUIRE(smmu.probe());
    static_cast<void>(said());
    machine.trace.clear();
  }
  [[nodiscard]] std::size_t count(const std::string& line) const {
    return static_cast<std::size_t>(std::count(machine.trace.begin(), machine.trace.end(), line));
  }
};

smmuv3::Config with_msi() {
  smmuv3::Config config = plain_smmuv3();
  config.msi = true;
  return config;
}

Command asid(std::uint16_t number) {
  return Command::of({std::uint64_t{number} << 48 | 0x11, 0});
}

}  // namespace

TEST_CASE("a command without CMD_SYNC moves PROD on, and nobody waits") {
  Bench bench;
  bench.smmu.commands().issue(asid(1));
  CHECK(bench.machine.trace == Trace{"C 1000000000011 0", "W 4 98 5"});
}

TEST_CASE("a CMD_SYNC is complete when CONS has passed it") {
  Bench bench;
  bench.smmu.commands().issue_with_sync(asid(1));
  CHECK(bench.machine.trace == Trace{"C 1000000000011 0", "C fc02046 0", "W 4 98 6", "R 4 9c 6"});
  CHECK(bench.machine.now_ns() == 0);
}

TEST_CASE("with MSIs and a coherent SMMU a CMD_SYNC overwrites itself when it is complete") {
  Bench bench(with_msi());
  const std::uint64_t place = bench.smmu.commands().queue().entry(5);
  CHECK(place % 0x1000 == 0x50);
  bench.smmu.commands().issue_with_sync(asid(1));
  REQUIRE(bench.machine.trace.size() == 3);
  CHECK(bench.machine.trace[1] == "C fc01046 " + format("%" PRIx64, place));
  CHECK(bench.machine.trace[2] == "W 4 98 6");
  CHECK((bench.machine.word(place) & 0xffff'ffff) == 0);
}

TEST_CASE("there is no polling by MSI where it is switched off, or the SMMU is not coherent") {
  ArmSmmuV3Platform platform = smmuv3_platform();
  const bool coherent = GENERATE(true, false);
  platform.dma_coherent = coherent;
  platform.disable_msipolling = coherent;
  Bench bench(with_msi(), platform);
  bench.smmu.commands().issue_with_sync(asid(1));
  CHECK(bench.count("C fc02046 0") == 1);
  CHECK(bench.count("R 4 9c 6") == 1);
}

TEST_CASE("a CMD_SYNC that does not complete in a second is given up, and said") {
  const bool msi = GENERATE(false, true);
  Bench bench(msi ? with_msi() : plain_smmuv3());
  bench.machine.commands_run = false;
  bench.smmu.commands().issue_with_sync(asid(1));
  CHECK(bench.machine.now_ns() > 1000 * ms);
  CHECK(bench.machine.now_ns() < 2200 * ms);
  CHECK(bench.levels == std::vector{LogLevel::Err});
  CHECK(bench.said() == Trace{"CMD_SYNC timeout at 0x00000005 [hwprod 0x00000006, hwcons 0x00000004]"});
}

TEST_CASE("what completes while a waiter sleeps is noticed when it wakes") {
  const bool msi = GENERATE(false, true);
  Bench bench(msi ? with_msi() : plain_smmuv3());
  bench.machine.commands_run = false;
  bench.machine.schedule(3 * ms, [&] {
    bench.machine.commands_run = true;
    bench.smmu.commands().issue(asid(2));
  });
  bench.smmu.commands().issue_with_sync(asid(1));
  CHECK(bench.machine.now_ns() >= 3 * ms);
  CHECK(bench.machine.now_ns() < 10 * ms);
  CHECK(bench.lines.empty());
}

TEST_CASE("a batch is issued when it is full, and waits only at its end") {
  Bench bench;
  CommandBatch batch;
  for (std::uint16_t number = 1; number <= 65; ++number) bench.smmu.commands().add(batch, asid(number));
  CHECK(bench.machine.trace.back() == "W 4 98 44");  // 64 commands after the first 4
  CHECK(bench.count("C fc02046 0") == 0);
  bench.machine.trace.clear();
  bench.smmu.commands().submit(batch);
  CHECK(bench.machine.trace == Trace{"C 41000000000011 0", "C fc02046 0", "W 4 98 46", "R 4 9c 46"});
}

TEST_CASE("an MMU-700's batches have a CMD_SYNC each") {
  Smmuv3Host host;
  host.machine.forced_reads[0x18] = 0x4870'043b;
  REQUIRE(host.smmu.probe());
  host.machine.trace.clear();
  CommandBatch batch;
  for (std::uint16_t number = 1; number <= 64; ++number) host.smmu.commands().add(batch, asid(number));
  CHECK(host.machine.trace.size() == 63 + 3);
  CHECK(host.machine.trace[63] == "C fc02046 0");
  CHECK(batch.count == 1);
}

TEST_CASE("an empty batch is a CMD_SYNC") {
  Bench bench;
  CommandBatch batch;
  bench.smmu.commands().submit(batch);
  CHECK(bench.machine.trace == Trace{"C fc02046 0", "W 4 98 5", "R 4 9c 5"});
}

TEST_CASE("CONS is looked at when the queue seems full") {
  Bench bench;
  for (unsigned number = 0; number < 128; ++number) bench.smmu.commands().issue(asid(1));
  CHECK(bench.count("R 4 9c 84") == 0);
  CHECK(bench.machine.trace.back() == "W 4 98 84");  // 4 + 128, the wrap flag in bit 7
  bench.smmu.commands().issue(asid(2));
  CHECK(bench.count("R 4 9c 84") == 1);
  CHECK(bench.machine.trace.back() == "W 4 98 85");
  CHECK(bench.machine.now_ns() == 0);
}

TEST_CASE("a queue that is full waits until the SMMU goes on") {
  Bench bench;
  bench.machine.commands_run = false;
  for (unsigned number = 0; number < 128; ++number) bench.smmu.commands().issue(asid(1));
  bench.machine.schedule(5 * ms, [&] {
    bench.machine.commands_run = true;
    write_word<std::uint32_t>(bench.machine, Smmuv3Machine::smmu_base + 0x98, 0x84);
  });
  bench.smmu.commands().issue(asid(2));
  CHECK(bench.machine.now_ns() >= 5 * ms);
  CHECK(bench.machine.now_ns() < 6 * ms);
  CHECK(bench.count("C 1000000000011 0") == 128);
  CHECK(bench.count("C 2000000000011 0") == 1);
}

TEST_CASE("an illegal command is shown, replaced by a CMD_SYNC, and the queue goes on") {
  Bench bench;
  bench.smmu.commands().issue_with_sync(Command::of({0x1234'0000'00ff, 0x5678}));
  CHECK(bench.said() == Trace{"unexpected global error reported (0x00000001), this could be serious",
                              "CMDQ error (cons 0x01000004): Illegal command",
                              "skipping command in error state:", "\t0x00001234000000ff",
                              "\t0x0000000000005678"});
  CHECK(bench.count("C fc02046 0") == 2);
  CHECK(bench.count("W 4 64 1") == 1);
  bench.smmu.commands().issue_with_sync(asid(1));
  CHECK(bench.lines.empty());
}

TEST_CASE("which errors of the command queue are skipped, and which are tried again") {
  struct Case {
    std::uint32_t error;
    Trace said;
    bool skipped;
  };
  const Case what = GENERATE(values<Case>(
      {{0, {"CMDQ error (cons 0x00000003): No error"}, false},
       {2, {"CMDQ error (cons 0x02000003): Abort on command fetch", "retrying command fetch"}, false},
       {3, {"CMDQ error (cons 0x03000003): ATC invalidate timeout"}, false},
       {0x55,
        {"CMDQ error (cons 0x55000003): Unknown", "skipping command in error state:", "\t0x0000000000000030",
         "\t0x0000000000000000"},
        true}}));
  Bench bench;
  const std::uint64_t place = bench.smmu.commands().queue().entry(3);
  bench.machine.set_word(place, 0x30);
  bench.machine.forced_reads[0x9c] = what.error << 24 | 3;
  bench.smmu.commands().skip_error();
  CHECK(bench.said() == what.said);
  CHECK(bench.machine.word(place) == (what.skipped ? 0x0fc0'2046 : 0x30));
}

}  // namespace sidewinder::test
