// SPDX-License-Identifier: Apache-2.0
//
// The reset's order of register writes, beyond what was recorded (tests/differential/arm_smmu_v3), and its
// interrupts.

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using Trace = std::vector<std::string>;

constexpr std::uint32_t idr0 = 0x0d40'001a;
constexpr std::uint32_t pri_bit = 1 << 16, ats_bit = 1 << 10, msi_bit = 1 << 13, hyp_bit = 1 << 9;
constexpr unsigned all_irqs = 120;

/// A file of registers with this IDR0.
struct Registers : Smmuv3Host {
  explicit Registers(std::uint32_t id0 = idr0, ArmSmmuV3Platform platform = smmuv3_platform())
      : Smmuv3Host(plain_smmuv3(), std::move(platform)) {
    machine.register_file = true;
    machine.forced_reads = {{0x0, id0}, {0x4, 7 << 21 | 7 << 16 | 7 << 11 | 8}, {0x14, 0x14}};
  }
  /// Writes to registers and commands, without those of tables and queues.
  [[nodiscard]] Trace writes() const {
    Trace writes;
    for (const std::string& line : machine.trace)
      if (line[0] != 'R' && line.compare(0, 3, "W 8") != 0) writes.push_back(line);
    return writes;
  }
  [[nodiscard]] bool has(const std::string& line) const {
    return std::count(machine.trace.begin(), machine.trace.end(), line) != 0;
  }
};

ArmSmmuV3Platform with_msis() {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.msis = {{{Smmuv3Machine::doorbell, 200, 200},
                    {Smmuv3Machine::doorbell, 201, 201},
                    {Smmuv3Machine::doorbell, 202, 202}}};
  return platform;
}

}  // namespace

TEST_CASE("the PRI queue and the ATS check come after the event queue, before the interrupts") {
  Registers registers(idr0 | pri_bit | ats_bit);
  REQUIRE(registers.smmu.probe());
  CHECK(registers.writes() == Trace{"W 4 20 0", "W 4 28 d75",  "W 4 2c 6",    "W 4 88 8",    "W 4 98 0",
                                    "W 4 9c 0", "W 4 20 8",    "C 4 1f",      "C fc02046 0", "W 4 98 2",
                                    "C 30 0",   "C fc02046 0", "W 4 98 4",    "W 4 100a8 0", "W 4 100ac 0",
                                    "W 4 20 c", "W 4 100c8 0", "W 4 100cc 0", "W 4 20 e",    "W 4 20 1e",
                                    "W 4 50 0", "W 4 50 7",    "W 4 20 1f"});
  CHECK(registers.has("W 8 d0 0"));
}

TEST_CASE("with EL2 its translations are invalidated, and a kernel at EL2 has its streams there") {
  const bool vhe = GENERATE(false, true);
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.vhe = vhe;
  Registers registers(idr0 | hyp_bit, platform);
  REQUIRE(registers.smmu.probe());
  CHECK(registers.has(vhe ? "W 4 2c 7" : "W 4 2c 6"));
  const Trace writes = registers.writes();
  const auto at = std::find(writes.begin(), writes.end(), "C 4 1f");
  REQUIRE(writes.end() - at > 8);
  CHECK(Trace(at, at + 9) == Trace{"C 4 1f", "C fc02046 0", "W 4 98 2", "C 20 0", "C fc02046 0", "W 4 98 4",
                                   "C 30 0", "C fc02046 0", "W 4 98 6"});
}

TEST_CASE("an SMMU that is on is told to abort everything, and it is said when it does not answer") {
  Registers registers;
  registers.machine.forced_reads[0x20] = 1;
  REQUIRE(registers.smmu.probe());
  const Trace texts = registers.said();
  REQUIRE(texts.size() == 5);
  CHECK(texts[3] == "SMMU currently enabled! Resetting...");
  CHECK(texts[4] == "GBPA not responding to update");
  CHECK(registers.has("W 4 44 80100000"));
}

TEST_CASE("GBPA is updated when Update reads 0 again") {
  Smmuv3Host host;
  write_word<std::uint32_t>(host.machine, Smmuv3Machine::smmu_base + 0x20, 1);
  host.machine.trace.clear();
  REQUIRE(host.smmu.probe());
  const auto at = std::find(host.machine.trace.begin(), host.machine.trace.end(), "R 4 20 1");
  REQUIRE(host.machine.trace.end() - at > 5);
  CHECK(Trace(at, at + 6) ==
        Trace{"R 4 20 1", "R 4 44 1000", "W 4 44 80101000", "R 4 44 101000", "W 4 20 0", "R 4 24 0"});
}

TEST_CASE("a GBPA that is busy for a second is left as it is") {
  Registers registers;
  registers.machine.forced_reads[0x20] = 1;
  registers.machine.forced_reads[0x44] = 0x8000'0000;
  REQUIRE(registers.smmu.probe());
  CHECK(registers.machine.now_ns() > 1'000'000'000);  // it was busy all the time, and not written
  CHECK_FALSE(registers.has("W 4 44 80100000"));
  CHECK(registers.said().back() == "SMMU currently enabled! Resetting...");
}

TEST_CASE("a register that is not acknowledged in a second") {
  struct Case {
    std::uint64_t ack;
    std::uint32_t value;
    Trace said;
    bool fails;
  };
  const Case what = GENERATE(values<Case>({
      {0x24, 0xff, {"failed to clear cr0", "failed to clear cr0"}, true},
      {0x24, 0x00, {"failed to enable command queue"}, true},
      {0x54, 0xff, {"failed to disable irqs", "failed to setup irqs"}, true},
      {0x54, 0x00, {"failed to enable irqs"}, false},
  }));
  Registers registers;
  registers.machine.forced_reads[what.ack] = what.value;
  const Status status = registers.smmu.probe();
  CHECK(status.has_value() == !what.fails);
  if (!status) CHECK(status.error() == Errno::ETIMEDOUT_);
  const Trace texts = registers.said();
  CHECK(Trace(texts.begin() + 3, texts.end()) == what.said);
  CHECK(registers.machine.now_ns() > 1'000'000'000);
  if (what.fails) CHECK(registers.writes().back() == "W 4 20 0");
}

TEST_CASE("without a line nothing is reported, and Linux says so") {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.irqs = {};
  Registers registers(idr0 | pri_bit, platform);
  REQUIRE(registers.smmu.probe());
  const Trace texts = registers.said();
  CHECK(Trace(texts.begin() + 4, texts.end()) == Trace{"no evtq irq - events will not be reported!",
                                                       "no gerr irq - errors will not be reported!",
                                                       "no priq irq - PRI will be broken"});
}

TEST_CASE("lines that another has are not shared") {
  ArmSmmuV3Platform platform = smmuv3_platform();
  if (GENERATE(true, false)) platform.combined_irq = all_irqs;
  Registers registers(idr0 | pri_bit, platform);
  for (const unsigned irq :
       {Smmuv3Machine::event_irq, Smmuv3Machine::error_irq, Smmuv3Machine::pri_irq, all_irqs})
    REQUIRE(registers.machine.request_irq(irq, &registers, IrqSharing::Exclusive, [] {}));
  REQUIRE(registers.smmu.probe());
  const Trace texts = registers.said();
  const Trace expected =
      platform.combined_irq
          ? Trace{"failed to enable combined irq"}
          : Trace{"failed to enable evtq irq", "failed to enable gerror irq", "failed to enable priq irq"};
  CHECK(Trace(texts.begin() + 4, texts.end()) == expected);
}

TEST_CASE("a combined line is for all three") {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.combined_irq = all_irqs;
  Registers registers(idr0 | pri_bit, platform);
  REQUIRE(registers.smmu.probe());
  CHECK_FALSE(registers.has("W 8 b0 0"));  // nothing of messages
  registers.machine.trace.clear();
  registers.machine.interrupt_now(all_irqs);
  registers.machine.delay_ns(1);
  CHECK(registers.machine.trace == Trace{"R 4 60 0", "R 4 64 0", "R 4 100a8 0", "R 4 100c8 0"});
}

TEST_CASE("messages without a controller for them fall back to lines") {
  Registers registers(idr0 | msi_bit);
  REQUIRE(registers.smmu.probe());
  CHECK(registers.said().back() == "msi_domain absent - falling back to wired irqs");
  CHECK(registers.levels.empty());
  CHECK(registers.has("W 8 68 0"));
  registers.machine.trace.clear();
  registers.machine.interrupt_now(Smmuv3Machine::event_irq);
  registers.machine.delay_ns(1);
  CHECK(registers.machine.trace == Trace{"R 4 100a8 0"});
}

TEST_CASE("messages are composed in the order in which their interrupts are requested") {
  Registers registers(idr0 | msi_bit | pri_bit, with_msis());
  REQUIRE(registers.smmu.probe());
  const Trace& trace = registers.machine.trace;
  const auto at = std::find(trace.begin(), trace.end(), "W 8 68 0");
  REQUIRE(trace.end() - at > 12);
  CHECK(Trace(at, at + 12) == Trace{"W 8 68 0", "W 8 b0 0", "W 8 d0 0", "W 8 b0 8080040", "W 4 b8 c8",
                                    "W 4 bc 1", "W 8 68 8080040", "W 4 70 c9", "W 4 74 1", "W 8 d0 8080040",
                                    "W 4 d8 ca", "W 4 dc 1"});
}

TEST_CASE("an SMMU without messages uses lines, whatever the platform has") {
  Registers registers(idr0, with_msis());
  REQUIRE(registers.smmu.probe());
  CHECK_FALSE(registers.has("W 8 b0 8080040"));
  CHECK(registers.said().back() == "allocated 128 entries for evtq");
}

TEST_CASE("a message of the event queue comes to its handler") {
  smmuv3::Config config = plain_smmuv3();
  config.msi = true;
  Smmuv3Host host(config, with_msis());
  REQUIRE(host.smmu.probe());
  static_cast<void>(host.said());
  static_cast<void>(host.machine.access(0x4'0000, 0));  // no such StreamID
  host.machine.delay_ns(1);
  REQUIRE(host.said().size() == 5);
  CHECK(host.machine.smmu().counters().msis != 0);
}

}  // namespace sidewinder::test
