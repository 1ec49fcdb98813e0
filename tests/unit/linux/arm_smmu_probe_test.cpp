// SPDX-License-Identifier: Apache-2.0
//
// Offsets and values are numbers here, as a bus analyser would show them: IHI 0062 chapters 8 to 10 and 16.

#include <catch2/catch.hpp>

#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::PlainMachine;
using sidewinder::test::RecordingBus;
using sidewinder::test::SmmuHost;

namespace {

constexpr PhysAddr smmu_base = 0x1500'0000;
constexpr PhysAddr IDR0 = smmu_base + 0x20, IDR1 = smmu_base + 0x24, IDR2 = smmu_base + 0x28;

using Write = std::pair<std::uint64_t, std::uint64_t>;  // offset in the frame, value

std::vector<Write> writes_of(const RecordingBus& bus) {
  std::vector<Write> writes;
  for (const test::BusAccess& access : bus.accesses)
    if (access.is_write()) writes.emplace_back(access.address - smmu_base, access.value());
  return writes;
}

std::vector<std::string> texts(const std::vector<std::string>& lines) {
  const std::string prefix = "[    0.000000] arm-smmu 15000000.iommu: ";
  std::vector<std::string> texts;
  for (const std::string& line : lines)
    texts.push_back(line.rfind(prefix, 0) == 0 ? line.substr(prefix.size()) : "?" + line);
  return texts;
}

/// A probe of the small machine whose registers read as given.
struct Probe {
  explicit Probe(std::map<PhysAddr, std::uint32_t> registers = {},
                 std::function<void(ArmSmmuPlatform&)> change = {})
      : machine(test::small_machine()), host(machine, machine.config().memory, changed(machine, change)) {
    machine.forced_reads = std::move(registers);
    status = host.smmu.probe();
  }

  static ArmSmmuPlatform changed(const PlainMachine& machine,
                                 const std::function<void(ArmSmmuPlatform&)>& change) {
    ArmSmmuPlatform platform = test::platform_of(machine.config());
    if (change) change(platform);
    return platform;
  }

  [[nodiscard]] std::string last() const { return texts(host.lines).back(); }

  PlainMachine machine;
  SmmuHost host;
  Status status;
};

/// The small machine's IDR0 (§9.6.1) with some bits changed.
std::uint32_t idr0(std::uint32_t set, std::uint32_t cleared = 0) {
  return (smmuv2::idr0(test::small_machine().smmu).raw & ~cleared) | set;
}

}  // namespace

TEST_CASE("the probe says what Linux 6.1 says") {
  Probe probe;
  REQUIRE(probe.status);
  CHECK(texts(probe.host.lines) == std::vector<std::string>{
                                       "probing hardware configuration...",
                                       "SMMUv2 with:",
                                       "\tstage 1 translation",
                                       "\tcoherent table walk",
                                       "\tstream matching with 8 register groups",
                                       "\t4 context banks (0 stage-2 only)",
                                       "\tSupported page sizes: 0x62215000",
                                       "\tStage-1: 36-bit VA -> 36-bit IPA",
                                       "\tpreserved 0 boot mappings",
                                   });
  for (const LogLevel level : probe.host.levels) CHECK(level == LogLevel::Notice);
  CHECK(probe.host.smmu.va_bits() == 36);
  CHECK(probe.host.smmu.ipa_bits() == 36);
  CHECK(probe.host.smmu.stream_match_groups() == 8);
  CHECK(probe.host.smmu.context_banks() == 4);
  CHECK(probe.host.smmu.context_banks_used() == 0);
  CHECK(probe.host.smmu.stream_match_groups_used() == 0);
}

TEST_CASE("the probe writes the registers in Linux's order") {
  PlainMachine machine(test::small_machine());
  RecordingBus bus(machine);
  SmmuHost host(bus, machine.config());
  REQUIRE(host.smmu.probe());

  std::vector<Write> expected = {{0x000, 0x20'1001}, {0x048, 0}};  // sCR0.CLIENTPD kept, sGFSR
  for (std::uint64_t group = 0; group < 8; ++group) {
    expected.emplace_back(0xc00 + group * 4, 0x2'0000);  // S2CR: fault
    expected.emplace_back(0x800 + group * 4, 0);         // SMR
  }
  for (std::uint64_t bank = 0; bank < 4; ++bank) {
    expected.emplace_back(0x8000 + bank * 0x1000, 0);                   // SCTLR
    expected.emplace_back(0x8000 + bank * 0x1000 + 0x58, 0xc000'01fe);  // FSR
  }
  expected.emplace_back(0x06c, 0xffff'ffff);  // TLBIALLH
  expected.emplace_back(0x068, 0xffff'ffff);  // TLBIALLNSNH
  expected.emplace_back(0x010, 0x500);        // sACR: CACHE_LOCK off, SMTNMB_TLBEN, S2CRB_TLBEN
  for (std::uint64_t bank = 0; bank < 4; ++bank)
    expected.emplace_back(0x8000 + bank * 0x1000 + 4, 0x1);  // ACTLR: CPRE off
  expected.emplace_back(0x070, 0xffff'ffff);                 // sTLBGSYNC
  expected.emplace_back(0x000, 0x20'1c36);  // sCR0: GFRE GFIE GCFGFRE GCFGFIE USFCFG VMIDPNE PTM
  expected.emplace_back(0x800, 0x7fff);     // SMR0.ID, to see which bits stay
  expected.emplace_back(0x800, 0x7fff'0000);
  CHECK(writes_of(bus) == expected);
}

TEST_CASE("the identification registers are read before anything is written") {
  PlainMachine machine(test::small_machine());
  RecordingBus bus(machine);
  SmmuHost host(bus, machine.config());
  REQUIRE(host.smmu.probe());
  std::vector<PhysAddr> first;
  for (const test::BusAccess& access : bus.accesses) {
    if (access.is_write()) break;
    first.push_back(access.address);
  }
  CHECK(first == std::vector<PhysAddr>{IDR0, IDR1, IDR2, smmu_base});
}

TEST_CASE("what the registers say appears in the log") {
  SECTION("features of an SMMU that has more") {
    Probe probe({{IDR0, idr0(1U << 29 | 1U << 28, 1U << 26)}, {IDR2, 0x7555}});  // S2TS, NTS, no ATOSNS
    REQUIRE(probe.status);
    const std::vector<std::string> lines = texts(probe.host.lines);
    CHECK(lines[3] == "\tstage 2 translation");
    CHECK(lines[4] == "\tnested translation");
    CHECK(lines[5] == "\taddress translation ops");
    CHECK(lines[10] == "\tStage-1: 48-bit VA -> 48-bit IPA");
  }
  SECTION("page sizes") {
    CHECK(texts(Probe({{IDR2, 0x1111}}).host.lines)[6] == "\tSupported page sizes: 0x40201000");
    CHECK(texts(Probe({{IDR2, 0x3111}}).host.lines)[6] == "\tSupported page sizes: 0x42205000");
  }
  SECTION("the device tree has the last word on coherency") {
    Probe probe({}, [](ArmSmmuPlatform& platform) { platform.dma_coherent = false; });
    CHECK(texts(probe.host.lines)[3] == "\tnon-coherent table walk");
    CHECK(texts(probe.host.lines)[4] == "\t(IDR0.CTTW overridden by FW configuration)");
    CHECK_FALSE(probe.host.smmu.coherent_walk());

    Probe other({{IDR0, idr0(0, 1U << 14)}});
    CHECK(texts(other.host.lines)[3] == "\tcoherent table walk");
    CHECK(texts(other.host.lines)[4] == "\t(IDR0.CTTW overridden by FW configuration)");

    Probe neither({{IDR0, idr0(0, 1U << 14)}},
                  [](ArmSmmuPlatform& platform) { platform.dma_coherent = false; });
    CHECK(texts(neither.host.lines)[3] == "\tstream matching with 8 register groups");
  }
  SECTION("a region of another size") {
    Probe probe({}, [](ArmSmmuPlatform& platform) { platform.size = 0x8'0000; });
    REQUIRE(probe.status);
    CHECK(texts(probe.host.lines)[5] ==
          "SMMU address space size (0x10000) differs from mapped region size (0x80000)!");
    CHECK(probe.host.levels[5] == LogLevel::Warn);
  }
}

TEST_CASE("an SMMU that the driver cannot use") {
  const auto refused = [](const Probe& probe) {
    CHECK(probe.host.levels.back() == LogLevel::Err);
    return !probe.status && probe.status.error() == Errno::ENODEV_ ? probe.last() : "?";
  };
  CHECK(refused(Probe({{IDR0, idr0(0, 1U << 30)}})) == "\tno translation support!");
  CHECK(refused(Probe({{IDR0, idr0(0, 0xff)}})) == "stream-matching supported, but no SMRs present!");
  CHECK(refused(Probe({{IDR0, idr0(0, 1U << 27)}})) == "no stream matching");
  CHECK(refused(Probe({{IDR1, 0x2005'0004}})) == "impossible number of S2 context banks!");
  CHECK(refused(Probe({{IDR2, 0x6111}})) == "no 4 KiB translation granule");
  CHECK(refused(Probe({}, [](ArmSmmuPlatform& platform) { platform.context_irqs.pop_back(); })) ==
        "found only 3 context irq(s) but 4 required");
  CHECK(refused(Probe({}, [](ArmSmmuPlatform& platform) { platform.context_irqs.clear(); })) ==
        "error -ENODEV: found 1 interrupts but expected at least 2");
}

TEST_CASE("more context interrupts than banks are ignored") {
  Probe probe({}, [](ArmSmmuPlatform& platform) { platform.context_irqs.push_back(900); });
  CHECK(probe.status);
}

TEST_CASE("a global interrupt that is taken") {
  PlainMachine machine(test::small_machine());
  REQUIRE(machine.request_irq(65, &machine, IrqSharing::Exclusive, [] {}));
  SmmuHost host(machine, machine.config());
  const Status status = host.smmu.probe();
  REQUIRE_FALSE(status);
  CHECK(status.error() == Errno::EBUSY_);
  CHECK(texts(host.lines).back() == "error -EBUSY: failed to request global IRQ 0 (65)");
}

TEST_CASE("banks for stage 2 alone are not given out") {
  Probe probe({{IDR1, 0x2001'0004}});
  REQUIRE(probe.status);
  CHECK(texts(probe.host.lines)[5] == "\t4 context banks (1 stage-2 only)");
  CHECK(probe.host.smmu.alloc_context_bank() == 1U);
}

TEST_CASE("streams are limited by the bits that the SMRs keep") {
  const auto allocates = [](Probe& probe, std::uint16_t id, std::uint16_t mask) {
    const StreamSpecifier stream{id, mask};
    const Status status = probe.host.smmu.alloc_smes(std::span(&stream, 1));
    CHECK((status || status.error() == Errno::EINVAL_));
    return status.has_value();
  };
  SECTION("all 15") {
    Probe probe;
    CHECK(allocates(probe, 0x7fff, 0));
    CHECK(allocates(probe, 0x0, 0x3fff));
    CHECK_FALSE(allocates(probe, 0x8000, 0));
    CHECK_FALSE(allocates(probe, 0x4000, 0x8000));
  }
  SECTION("a part of the ID and of the mask") {
    Probe probe({{smmu_base + 0x800, 0x00ff'0fff}});
    CHECK(allocates(probe, 0x0f00, 0x00ff));
    CHECK_FALSE(allocates(probe, 0x1000, 0));
    CHECK_FALSE(allocates(probe, 0x0e00, 0x0100));
  }
  SECTION("nothing is taken where one of several does not fit") {
    Probe probe;
    const std::vector<StreamSpecifier> streams = {{0x10, 0}, {0x8000, 0}};
    CHECK(probe.host.smmu.alloc_smes(streams).error() == Errno::EINVAL_);
    CHECK(probe.host.smmu.stream_match_groups_used() == 0);
  }
}
