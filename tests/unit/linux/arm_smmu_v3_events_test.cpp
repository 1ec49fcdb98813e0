// SPDX-License-Identifier: Apache-2.0
//
// What arm-smmu-v3 says about events, page requests and global errors, and what it does.

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using smmuv3::Resumption;
using smmuv3::Translation;
using Trace = std::vector<std::string>;

constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t second = 1'000'000'000;

ArmSmmuV3Platform of_version(KernelVersion version) {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.version = version;
  return platform;
}

smmuv3::Config with_stalls() {
  smmuv3::Config config = plain_smmuv3();
  config.stall_model = smmuv3::StallModel::Both;
  config.stall_max = 16;
  return config;
}

/// One device, "video", with StreamIDs 5 and 6 in a domain of its own that has one read-only page at 0x10000.
struct Bench : Smmuv3Host {
  explicit Bench(const smmuv3::Config& config = plain_smmuv3(),
                 ArmSmmuV3Platform platform = smmuv3_platform(), bool can_stall = false)
      : Smmuv3Host(config, std::move(platform)) {
    device.dma_can_stall = can_stall;
    REQUIRE(smmu.probe());
    domain = create(DomainType::Unmanaged);
    REQUIRE(domain->attach(device));
    REQUIRE(domain->map(0x1'0000, 0x8000'0000, page, {.read = true}));
    static_cast<void>(said());
    machine.trace.clear();
  }
  /// Lets the interrupt come, and tells what was said.
  Trace after_interrupt() {
    machine.delay_ns(1);
    return said();
  }

  Device device{.name = "video", .streams = {{5, 0}, {6, 0}}};
  std::unique_ptr<DmaDomain> domain;
};

/// A file of registers, whose event or PRI queue tests fill by hand.
struct Registers : Smmuv3Host {
  explicit Registers(KernelVersion version = {}) : Smmuv3Host(plain_smmuv3(), of_version(version)) {
    machine.register_file = true;
    machine.forced_reads = {{0x0, 0x0d41'001a}, {0x4, 7 << 21 | 7 << 16 | 7 << 11 | 8}, {0x14, 0x14}};
    REQUIRE(smmu.probe());
    static_cast<void>(said());
    machine.trace.clear();
  }
  void put(std::uint64_t base_register, std::uint64_t entry, std::vector<std::uint64_t> words) {
    const std::uint64_t base =
        read_word<std::uint64_t>(machine, Smmuv3Machine::smmu_base + base_register) & 0x00ff'ffff'ffff'f000;
    for (std::size_t word = 0; word < words.size(); ++word)
      machine.set_word(base + entry * 8 * words.size() + 8 * word, words[word]);
    machine.trace.clear();
  }
  Trace event(std::array<std::uint64_t, 4> words) {
    const std::uint32_t at = events++;
    put(0xa0, at & 127, {words[0], words[1], words[2], words[3]});
    machine.forced_reads[0x100a8] = events;
    machine.interrupt_now(Smmuv3Machine::event_irq);
    machine.delay_ns(1);
    return said();
  }

  std::uint32_t events = 0;
};

}  // namespace

TEST_CASE("SMMUv3: an unhandled fault's five lines, read back from the event queue") {
  Bench bench;
  CHECK(bench.machine.access(5, 0x2'0123).action == Translation::Action::Abort);
  CHECK(bench.lines.empty());
  bench.machine.delay_ns(1);
  CHECK(bench.levels == std::vector(5, LogLevel::Info));
  CHECK(bench.said() == Trace{"event 0x10 received:", "\t0x0000000500000010", "\t0x0000020800000000",
                              "\t0x0000000000020123", "\t0x0000000000000000"});
  CHECK(bench.machine.trace == Trace{"R 4 100a8 1", "W 4 100ac 1", "R 4 100a8 1"});
}

TEST_CASE("SMMUv3: from 6.14 on two decoded lines follow, and all are errors") {
  Bench bench(plain_smmuv3(), of_version({6, 14}));
  static_cast<void>(bench.machine.access(6, 0x1'0040, true));
  bench.machine.delay_ns(1);
  CHECK(bench.levels == std::vector(7, LogLevel::Err));
  CHECK(bench.said() == Trace{"event 0x13 received:", "\t0x0000000600000013", "\t0x0000020000000000",
                              "\t0x0000000000010040", "\t0x0000000000000000",
                              "event: F_PERMISSION client: video sid: 0x6 ssid: 0 iova: 0x10040 ipa: 0",
                              "unpriv data write s1 \"Input address caused fault\" stag: 0"});
  Bench before(plain_smmuv3(), of_version({6, 13}));
  static_cast<void>(before.machine.access(6, 0x1'0040, true));
  CHECK(before.after_interrupt().size() == 5);
}

TEST_CASE("SMMUv3: a StreamID that nobody has") {
  Bench bench(plain_smmuv3(), of_version({6, 14}));
  static_cast<void>(bench.machine.access(0x1'2345, 0));
  CHECK(bench.after_interrupt() ==
        Trace{"event 0x02 received:", "\t0x0001234500000002", "\t0x0000000000000000", "\t0x0000000000000000",
              "\t0x0000000000000000", "event: C_BAD_STREAMID client: (unassigned sid) sid: 0x12345 ssid: 0"});
}

TEST_CASE("SMMUv3: events decoded by their type") {
  Registers registers({6, 14});
  const auto decoded = [&](std::uint64_t low, std::uint64_t flags, std::uint64_t iova = 0,
                           std::uint64_t last = 0) {
    Trace texts = registers.event({low, flags, iova, last});
    texts.erase(texts.begin(), texts.begin() + 5);
    return texts;
  };
  const auto head = [](const std::string& name) {
    return "event: " + name + " client: (unassigned sid) sid: 0x5 ssid: 0";
  };
  CHECK(decoded(0x5'0000'0003, 0, 0, 0xfff0'0000'1234'5678) ==
        Trace{head("F_STE_FETCH") + " fetch_addr: 0x12345678"});
  CHECK(decoded(0x5'0000'0009, 0, 0, 0x8) == Trace{head("F_CD_FETCH") + " fetch_addr: 0x8"});
  CHECK(decoded(0x5'0000'0025, 0, 0, 0x7) == Trace{head("F_VMS_FETCH") + " fetch_addr: 0"});
  CHECK(decoded(0x5'0000'0004, 0) == Trace{head("C_BAD_STE")});
  CHECK(decoded(0x5'0000'0006, 0) == Trace{head("F_STREAM_DISABLED")});
  CHECK(decoded(0x5'0000'0008, 0) == Trace{head("C_BAD_SUBSTREAMID")});
  CHECK(decoded(0x5'0000'000a, 0) == Trace{head("C_BAD_CD")});
  CHECK(decoded(0x5'0000'0001, 0) == Trace{head("UNKNOWN")});
  registers.machine.delay_ns(6 * second);
  CHECK(decoded(0x5'0000'00e0, 0) == Trace{head("UNKNOWN")});
  CHECK(
      decoded(0x5'0000'0011, 0x0000'0088'0000'0000, 0x77, 0x0000'0000'abcd'ef12) ==
      Trace{head("F_ADDR_SIZE") + " iova: 0x77 ipa: 0xabcde000", "unpriv data read s2 \"CD fetch\" stag: 0"});
  CHECK(decoded(0x5'0000'0012, 0x0000'1306'8000'beef, 0) ==
        Trace{head("F_ACCESS") + " iova: 0 ipa: 0", "priv inst write s1 \"Reserved\" stall stag: 0xbeef"});
  // Of a permission fault only, TTRnW means something, and only with CLASS TT.
  CHECK(decoded(0x5'0000'0013, 0x0000'1100'0000'0000)[1] ==
        "unpriv data write s1 \"Stage 1 translation table fetch\" ttd_read stag: 0");
  CHECK(decoded(0x5'0000'0013, 0x0000'0100'0000'0000)[1] ==
        "unpriv data write s1 \"Stage 1 translation table fetch\" ttd_write stag: 0");
  CHECK(decoded(0x5'0000'0010, 0x0000'1100'0000'0000)[1] ==
        "unpriv data write s1 \"Stage 1 translation table fetch\" stag: 0");
  CHECK(decoded(0x5000'0000'5810, 0)[0] ==
        "event: F_TRANSLATION client: (unassigned sid) sid: 0x5000 ssid: 0x5 iova: 0 ipa: 0");
  CHECK(decoded(0x5000'0000'5010, 0)[0] ==
        "event: F_TRANSLATION client: (unassigned sid) sid: 0x5000 ssid: 0 iova: 0 ipa: 0");
}

TEST_CASE("SMMUv3: ten events in five seconds, and how many were not told") {
  Bench bench;
  for (unsigned number = 0; number < 15; ++number) static_cast<void>(bench.machine.access(5, 0x2'0000));
  CHECK(bench.after_interrupt().size() == 50);
  bench.machine.delay_ns(6 * second);
  static_cast<void>(bench.machine.access(5, 0x2'0000));
  const Trace texts = bench.after_interrupt();
  REQUIRE(texts.size() == 6);
  CHECK(texts[0] == "arm_smmu_evtq_thread: 5 callbacks suppressed");
  CHECK(bench.shared.events.suppressed() == 5);
}

TEST_CASE("SMMUv3: an overflow of the event queue is said, acknowledged, and events come again") {
  Bench bench;
  for (unsigned number = 0; number < 130; ++number) static_cast<void>(bench.machine.access(5, 0x2'0000));
  const Trace texts = bench.after_interrupt();
  CHECK(std::count(texts.begin(), texts.end(), "EVTQ overflow detected -- events lost") == 1);
  CHECK(bench.machine.trace.back() == "W 4 100ac 80000080");
  bench.machine.delay_ns(6 * second);
  static_cast<void>(bench.machine.access(5, 0x2'0000));
  CHECK(bench.after_interrupt().size() == 6);
}

TEST_CASE("SMMUv3: a stalled transaction that nobody cares for is aborted, and told all the same") {
  Bench bench(with_stalls(), smmuv3_platform(), true);
  CHECK(bench.machine.access(5, 0x2'0123).action == Translation::Action::Stall);
  const Trace texts = bench.after_interrupt();
  REQUIRE(texts.size() == 5);
  CHECK(texts[2].substr(0, 12) == "\t0x000002088");
  REQUIRE(bench.machine.resumed.size() == 1);
  CHECK(bench.machine.resumed[0].second == Resumption::Abort);
  CHECK(bench.machine.smmu().stalled() == 0);
  const auto resume = std::find_if(bench.machine.trace.begin(), bench.machine.trace.end(),
                                   [](const std::string& line) { return line[0] == 'C'; });
  REQUIRE(resume != bench.machine.trace.end());
  CHECK(resume->substr(0, 13) == "C 500002044 0");
}

TEST_CASE("SMMUv3: a device that cannot stall is not resumed") {
  Bench bench(with_stalls());
  CHECK(bench.machine.access(5, 0x2'0123).action == Translation::Action::Abort);
  CHECK(bench.after_interrupt().size() == 5);
  CHECK(bench.machine.resumed.empty());
}

TEST_CASE("SMMUv3: a stall of a second stage or of nobody's stream is not answered") {
  Registers registers;
  const std::uint64_t flags = GENERATE(0x8000'0001, 0x80'8000'0001);
  CHECK(registers.event({0x5'0000'0010, flags, 0, 0}).size() == 5);
  CHECK(registers.machine.trace == Trace{"R 4 100a8 1", "W 4 100ac 1", "R 4 100a8 1"});
}

TEST_CASE("SMMUv3: page requests are told, and the last of a group is denied") {
  Registers registers;
  registers.put(0xc0, 0, {0x9000'0000'0000'0100, 0x0000'0000'1234'5011});
  registers.put(0xc0, 1, {0xfc0a'bcde'0000'0100, 0x0000'0000'1234'61ff});
  registers.machine.forced_reads[0x100c8] = 2;
  registers.machine.interrupt_now(Smmuv3Machine::pri_irq);
  registers.machine.delay_ns(1);
  CHECK(registers.levels == std::vector(4, LogLevel::Info));
  CHECK(registers.said() ==
        Trace{"unexpected PRI request received:",
              "\tsid 0x00000100.0x00000: [17] unprivileged R access at iova 0x0000000012345000",
              "unexpected PRI request received:",
              "\tsid 0x00000100.0xabcde: [511L] privileged RWX access at iova 0x0000000012346000"});
  CHECK(registers.machine.trace ==
        Trace{"R 4 100c8 2", "W 4 100cc 1", "W 4 100cc 2", "C 100abcde841 1ff", "W 4 98 5", "R 4 100c8 2"});
  registers.machine.forced_reads[0x100c8] = 0x8000'0002;
  registers.machine.interrupt_now(Smmuv3Machine::pri_irq);
  registers.machine.delay_ns(1);
  CHECK(registers.said() == Trace{"PRIQ overflow detected -- requests lost"});
  CHECK(registers.machine.trace.back() == "W 4 100cc 80000002");
}

TEST_CASE("SMMUv3: each global error's lines, and their acknowledgement") {
  Registers registers;
  const auto told = [&](std::uint32_t gerror, std::uint32_t gerrorn) {
    registers.machine.forced_reads[0x60] = gerror;
    registers.machine.forced_reads[0x64] = gerrorn;
    registers.machine.trace.clear();
    registers.machine.interrupt_now(Smmuv3Machine::error_irq);
    registers.machine.delay_ns(1);
    return registers.said();
  };
  const auto serious = [](const char* active) {
    return std::string("unexpected global error reported (") + active + "), this could be serious";
  };
  CHECK(told(0x1ff, 0x1ff).empty());
  CHECK(told(0x002, 0).empty());
  CHECK(registers.machine.trace == Trace{"R 4 60 2", "R 4 64 0"});
  CHECK(told(0x080, 0) == Trace{serious("0x00000080"), "GERROR MSI write aborted"});
  CHECK(registers.machine.trace == Trace{"R 4 60 80", "R 4 64 0", "W 4 64 80"});
  CHECK(told(0, 0x040) == Trace{serious("0x00000040"), "PRIQ MSI write aborted"});
  CHECK(registers.machine.trace.back() == "W 4 64 0");
  CHECK(told(0x020, 0) == Trace{serious("0x00000020"), "EVTQ MSI write aborted"});
  CHECK(told(0x010, 0) == Trace{serious("0x00000010"), "CMDQ MSI write aborted"});
  CHECK(told(0x008, 0) == Trace{serious("0x00000008"), "PRIQ write aborted -- events may have been lost"});
  CHECK(told(0x004, 0) == Trace{serious("0x00000004"), "EVTQ write aborted -- events may have been lost"});
  CHECK(told(0x100, 0) == Trace{serious("0x00000100"), "device has entered Service Failure Mode!"});
  CHECK(registers.machine.trace == Trace{"R 4 60 100", "R 4 64 0", "W 4 20 0", "R 4 24 0", "W 4 64 100"});
  registers.machine.forced_reads[0x9c] = 3;
  CHECK(told(0x081, 0) ==
        Trace{serious("0x00000081"), "GERROR MSI write aborted", "CMDQ error (cons 0x00000003): No error"});
}

}  // namespace sidewinder::test
