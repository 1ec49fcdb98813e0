// SPDX-License-Identifier: Apache-2.0
//
// Offsets and values are numbers here, as a bus analyser would show them: IHI 0062 chapters 8 to 10 and 16.

#include "iommu/linux/arm_smmu.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::BusAccess;
using sidewinder::test::PlainMachine;
using sidewinder::test::RecordingBus;
using sidewinder::test::SmmuHost;

namespace {

constexpr PhysAddr smmu_base = 0x1500'0000;
constexpr std::uint64_t bank2 = 0xa000;  // offset of context bank 2
constexpr std::uint64_t second = 1'000'000'000;

using Access = std::pair<std::uint64_t, std::uint64_t>;  // offset in the frame, value

/// A probed SMMU on the small machine, and what the driver did since.
struct Driver {
  Driver() : Driver(test::small_machine()) {}
  explicit Driver(const test::PlainMachineConfig& config, KernelVersion version = {})
      : machine(config), bus(machine), host(bus, config.memory, platform_of(config, version)) {
    REQUIRE(host.smmu.probe());
    host.lines.clear();
    host.levels.clear();
    bus.accesses.clear();
  }

  static ArmSmmuPlatform platform_of(const test::PlainMachineConfig& config, KernelVersion version) {
    ArmSmmuPlatform platform = test::platform_of(config);
    platform.version = version;
    return platform;
  }

  std::vector<Access> take(BusAccess::Direction direction) {
    std::vector<Access> taken;
    for (const BusAccess& access : bus.accesses)
      if (access.direction == direction) taken.emplace_back(access.address - smmu_base, access.value());
    bus.accesses.clear();
    return taken;
  }
  std::vector<Access> writes() { return take(BusAccess::Direction::Write); }
  std::vector<Access> reads() { return take(BusAccess::Direction::Read); }

  Status alloc(std::vector<StreamSpecifier> streams) { return host.smmu.alloc_smes(streams); }
  void free(std::vector<StreamSpecifier> streams) { host.smmu.free_smes(streams); }
  void attach(std::vector<StreamSpecifier> streams, unsigned bank) {
    host.smmu.attach_smes(streams, layout::smmuv2::S2crType::Translation, bank);
  }

  /// Context bank 2 enabled with a table of nothing but zeros for 36-bit addresses.
  void enable_bank2() { enable_bank(2); }
  void enable_bank(unsigned bank) {
    host.smmu.enable_context_bank(bank,
                                  {.ttbr0 = 0x8000'0000, .mair = 0xff, .tcr = 0x80'001c, .tcr2 = 0x3'8011});
  }

  void access(std::uint32_t stream, std::uint64_t address, bool write = false) {
    static_cast<void>(machine.smmu().translate(0, {.address = address, .stream_id = stream, .write = write}));
  }

  PlainMachine machine;
  RecordingBus bus;
  SmmuHost host;
};

Errno error_of(const Status& status) {
  CHECK_FALSE(status);
  return status ? Errno{} : status.error();
}

}  // namespace

TEST_CASE("a stream gets the first free entry, which faults until it is attached") {
  Driver driver;
  REQUIRE(driver.alloc({{0x1940, 0}, {0x1943, 0x4}}));
  CHECK(
      driver.writes() ==
      std::vector<Access>{{0xc00, 0x2'0000}, {0x800, 0x8000'1940}, {0xc04, 0x2'0000}, {0x804, 0x8004'1943}});
  CHECK(driver.host.smmu.stream_match_groups_used() == 2);

  driver.attach({{0x1940, 0}, {0x1943, 0x4}}, 3);
  CHECK(driver.writes() == std::vector<Access>{{0xc00, 0x3}, {0xc04, 0x3}});
  driver.attach({{0x1940, 0}}, 3);  // nothing changes
  CHECK(driver.writes().empty());
  driver.attach({{0x1940, 0}}, 1);
  CHECK(driver.writes() == std::vector<Access>{{0xc00, 0x1}});

  driver.free({{0x1943, 0x4}});
  CHECK(driver.writes() == std::vector<Access>{{0xc04, 0x2'0000}, {0x804, 0x4'1943}});
  CHECK(driver.host.smmu.stream_match_groups_used() == 1);
}

TEST_CASE("a stream that an entry covers shares it") {
  Driver driver;
  REQUIRE(driver.alloc({{0x880, 0x407}}));
  driver.attach({{0x880, 0x407}}, 2);
  driver.writes();
  const StreamSpecifier inside = GENERATE(
      values<StreamSpecifier>({{0x880, 0x407}, {0x880, 0}, {0xc87, 0}, {0x883, 0x400}, {0xc80, 0x3}}));
  CAPTURE(inside.id, inside.mask);
  REQUIRE(driver.alloc({inside}));
  CHECK(driver.host.smmu.stream_match_groups_used() == 1);
  CHECK(driver.writes() == std::vector<Access>{{0xc00, 0x2}, {0x800, 0x8407'0880}});

  driver.attach({inside}, 3);
  CHECK(driver.writes() == std::vector<Access>{{0xc00, 0x3}});

  driver.free({{0x880, 0x407}});
  CHECK(driver.writes().empty());  // one user is left
  driver.free({inside});
  CHECK(driver.writes() == std::vector<Access>{{0xc00, 0x2'0000}, {0x800, 0x407'0880}});
  CHECK(driver.host.smmu.stream_match_groups_used() == 0);
}

TEST_CASE("two devices with one StreamID count as two users") {
  Driver driver;
  REQUIRE(driver.alloc({{0x10, 0}}));
  REQUIRE(driver.alloc({{0x10, 0}, {0x10, 0}}));
  driver.free({{0x10, 0}});
  driver.free({{0x10, 0}});
  CHECK(driver.host.smmu.stream_match_groups_used() == 1);
  driver.writes();
  driver.attach({{0x10, 0}}, 1);
  CHECK(driver.writes() == std::vector<Access>{{0xc00, 0x1}});
  driver.free({{0x10, 0}});
  CHECK(driver.host.smmu.stream_match_groups_used() == 0);
  driver.free({{0x10, 0}});  // nobody's
  CHECK(driver.host.smmu.stream_match_groups_used() == 0);
}

TEST_CASE("a stream that an entry covers in part is refused") {
  Driver driver;
  REQUIRE(driver.alloc({{0x880, 0x7}}));
  driver.writes();
  CHECK(error_of(driver.alloc({{0x880, 0xf}})) == Errno::EINVAL_);
  CHECK(error_of(driver.alloc({{0x883, 0x400}})) == Errno::EINVAL_);
  CHECK(driver.alloc({{0x888, 0x7}}));
  CHECK(driver.alloc({{0xc83, 0}}));
}

TEST_CASE("a refused device leaves everything as it was") {
  Driver driver;
  REQUIRE(driver.alloc({{0x880, 0x7}}));
  driver.attach({{0x880, 0x7}}, 1);
  driver.writes();
  CHECK(error_of(driver.alloc({{0x100, 0}, {0x880, 0x7}, {0x880, 0xf}})) == Errno::EINVAL_);
  CHECK(driver.writes().empty());
  CHECK(driver.host.smmu.stream_match_groups_used() == 1);
  driver.attach({{0x880, 0x7}}, 3);  // still there
  CHECK(driver.writes() == std::vector<Access>{{0xc00, 0x3}});
}

TEST_CASE("there are as many entries as stream match groups") {
  Driver driver;
  for (std::uint16_t id = 0; id < 8; ++id) REQUIRE(driver.alloc({{id, 0}}));
  CHECK(driver.host.smmu.stream_match_groups_used() == 8);
  CHECK(error_of(driver.alloc({{0x100, 0}})) == Errno::ENOSPC_);
  CHECK(driver.alloc({{5, 0}}));  // needs none
  driver.free({{3, 0}});
  driver.writes();
  REQUIRE(driver.alloc({{0x100, 0}}));
  CHECK(driver.writes() == std::vector<Access>{{0xc0c, 0x2'0000}, {0x80c, 0x8000'0100}});
}

TEST_CASE("context banks are given out from the lowest") {
  Driver driver;
  ArmSmmu& smmu = driver.host.smmu;
  for (unsigned bank = 0; bank < 4; ++bank) CHECK(smmu.alloc_context_bank() == bank);
  CHECK(smmu.context_banks_used() == 4);
  const Result<unsigned> fifth = smmu.alloc_context_bank();
  REQUIRE_FALSE(fifth);
  CHECK(fifth.error() == Errno::ENOSPC_);
  smmu.free_context_bank(2, 2);
  CHECK(smmu.context_banks_used() == 3);
  CHECK(smmu.alloc_context_bank() == 2U);
}

TEST_CASE("a context bank is enabled last of all, and disabled first") {
  Driver driver;
  driver.host.smmu.enable_context_bank(2, {.ttbr0 = 0x2'0000'8765'4000,
                                           .ttbr1 = 0x2'0000'0000'0000,
                                           .mair = 0x1234'5678'f404'ff44,
                                           .tcr = 0x80'351c,
                                           .tcr2 = 0x3'8011});
  CHECK(driver.writes() == std::vector<Access>{{0x1808, 0x1},       // CBA2R.VA64
                                               {0x1008, 0x1'f300},  // CBAR: stage 1 only, non-shareable, WB
                                               {bank2 + 0x10, 0x3'8011},
                                               {bank2 + 0x30, 0x80'351c},
                                               {bank2 + 0x20, 0x2'0000'8765'4000},
                                               {bank2 + 0x28, 0x2'0000'0000'0000},
                                               {bank2 + 0x38, 0xf404'ff44},
                                               {bank2 + 0x3c, 0x1234'5678},
                                               {bank2, 0x1067}});  // SCTLR: M TRE AFE CFRE CFIE ASIDPNE
  CHECK_FALSE(driver.machine.request_irq(102, &driver, IrqSharing::Exclusive, [] {}));

  driver.host.smmu.free_context_bank(2, 0x22);
  CHECK(driver.writes() ==
        std::vector<Access>{{bank2, 0}, {bank2 + 0x610, 0x22}, {bank2 + 0x7f0, 0xffff'ffff}});
  CHECK(driver.machine.request_irq(102, &driver, IrqSharing::Exclusive, [] {}));
}

TEST_CASE("a context interrupt that is taken is told, and the bank works without") {
  Driver driver;
  REQUIRE(driver.machine.request_irq(102, &driver, IrqSharing::Exclusive, [] {}));
  driver.enable_bank2();
  CHECK(driver.host.lines ==
        std::vector<std::string>{
            "[    0.000000] arm-smmu 15000000.iommu: failed to request context IRQ 2 (102)"});
}

TEST_CASE("context banks share an interrupt, and each handler reports its own bank's fault") {
  test::PlainMachineConfig config = test::small_machine();
  config.context_irqs = 1;
  Driver driver(config);
  const auto faults_of = [&driver](unsigned bank) {
    const std::string end = ", cb=" + std::to_string(bank);
    return std::count_if(driver.host.lines.begin(), driver.host.lines.end(), [&end](const std::string& line) {
      return line.size() > end.size() && line.compare(line.size() - end.size(), end.size(), end) == 0;
    });
  };
  REQUIRE(driver.alloc({{1, 0}, {2, 0}}));
  driver.attach({{1, 0}}, 2);
  driver.attach({{2, 0}}, 3);
  driver.enable_bank(2);
  driver.enable_bank(3);
  REQUIRE(driver.host.lines.empty());
  driver.access(1, 0x1000);
  driver.access(2, 0x2000);
  driver.machine.delay_ns(1);
  CHECK(faults_of(2) == 1);
  CHECK(faults_of(3) == 1);
  CHECK_FALSE(driver.machine.line(100));

  driver.host.smmu.free_context_bank(2, 2);
  CHECK_FALSE(driver.machine.request_irq(100, &driver, IrqSharing::Exclusive, [] {}));
  driver.access(2, 0x3000);
  driver.machine.delay_ns(1);
  CHECK(faults_of(3) == 2);
  driver.host.smmu.free_context_bank(3, 3);
  CHECK(driver.machine.request_irq(100, &driver, IrqSharing::Exclusive, [] {}));
}

TEST_CASE("TLB maintenance") {
  Driver driver;
  ArmSmmu& smmu = driver.host.smmu;
  SECTION("by ASID") {
    smmu.tlb_invalidate_asid(2, 0x1234);
    CHECK(driver.writes() == std::vector<Access>{{bank2 + 0x610, 0x1234}, {bank2 + 0x7f0, 0xffff'ffff}});
  }
  SECTION("by address, leaf entries only") {
    smmu.tlb_invalidate_range(2, 5, 0x9'8765'4000, 0x1000, 0x1000, true);
    CHECK(driver.writes() == std::vector<Access>{{bank2 + 0x620, 0x5'0000'0098'7654}});
    smmu.tlb_invalidate_range(2, 5, 0x4000'0000, 0x20'0000, 0x20'0000, true);
    CHECK(driver.writes() == std::vector<Access>{{bank2 + 0x620, 0x5'0000'0004'0000}});
  }
  SECTION("by address, all levels") {
    smmu.tlb_invalidate_range(2, 5, 0x1000, 0x3000, 0x1000, false);
    CHECK(driver.writes() == std::vector<Access>{{bank2 + 0x600, 0x5'0000'0000'0001},
                                                 {bank2 + 0x600, 0x5'0000'0000'0002},
                                                 {bank2 + 0x600, 0x5'0000'0000'0003}});
  }
  SECTION("a sync that is done at once takes no time") {
    smmu.tlb_sync_context(2);
    CHECK(driver.machine.now_ns() == 0);
    CHECK(driver.reads() == std::vector<Access>{{bank2 + 0x7f4, 0}});
  }
}

TEST_CASE("a TLB sync that never ends times out after a second") {
  Driver driver;
  driver.machine.forced_reads[smmu_base + bank2 + 0x7f4] = 1;  // TLBSTATUS.SACTIVE
  driver.host.smmu.tlb_sync_context(2);
  CHECK(driver.machine.now_ns() == 1'048'575'000);  // 1 + 2 + 4 + ... + 524288 us
  CHECK(driver.reads().size() == 20 * 10);
  CHECK(driver.host.lines ==
        std::vector<std::string>{
            "[    1.048575] arm-smmu 15000000.iommu: TLB sync timed out -- SMMU may be deadlocked"});
  CHECK(driver.host.levels == std::vector<LogLevel>{LogLevel::Err});
}

TEST_CASE("a TLB sync that ends while it is waited for") {
  Driver driver;
  driver.machine.forced_reads[smmu_base + bank2 + 0x7f4] = 1;
  driver.machine.schedule(5'000, [&] { driver.machine.forced_reads.clear(); });
  driver.host.smmu.tlb_sync_context(2);
  CHECK(driver.machine.now_ns() == 7'000);  // 1 + 2 + 4 us
  CHECK(driver.host.lines.empty());
}

TEST_CASE("a second TLB sync of the same bank waits for the first") {
  Driver driver;
  driver.machine.forced_reads[smmu_base + bank2 + 0x7f4] = 1;
  std::vector<std::uint64_t> begun;
  driver.machine.schedule(500, [&] {
    driver.machine.schedule(0, [&] { driver.machine.forced_reads.clear(); });
    driver.host.smmu.tlb_sync_context(3);  // another bank's is not held up
    begun.push_back(driver.machine.now_ns());
  });
  driver.host.smmu.tlb_sync_context(2);
  CHECK(begun == std::vector<std::uint64_t>{500});
  CHECK(driver.machine.now_ns() == 1'000);
}

TEST_CASE("a context fault is read, told and cleared") {
  Driver driver;
  REQUIRE(driver.alloc({{0x1940, 0}}));
  driver.attach({{0x1940, 0}}, 2);
  driver.enable_bank2();
  driver.machine.delay_ns(2'345'678'000);
  driver.bus.accesses.clear();

  driver.access(0x1940, 0xd516'd400, true);
  CHECK(driver.machine.line(102));
  CHECK(driver.host.lines.empty());  // the handler has not run
  driver.machine.delay_ns(0);
  CHECK(
      driver.host.lines ==
      std::vector<std::string>{"[    2.345678] arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, "
                               "iova=0xd516d400, fsynr=0x11, cbfrsynra=0x1940, cb=2"});
  CHECK(driver.host.levels == std::vector<LogLevel>{LogLevel::Err});
  CHECK_FALSE(driver.machine.line(102));

  std::vector<Access> all;
  for (const BusAccess& access : driver.bus.accesses)
    all.emplace_back(access.address - smmu_base, access.value());
  CHECK(all == std::vector<Access>{{bank2 + 0x58, 0x402},
                                   {bank2 + 0x68, 0x11},
                                   {bank2 + 0x60, 0xd516'd400},
                                   {0x1408, 0x1940},
                                   {bank2 + 0x58, 0x402}});
  CHECK(driver.bus.accesses.back().is_write());
  CHECK(driver.bus.accesses[2].data.size() == 8);

  driver.access(0x1940, 0x1000);  // low addresses are padded to eight digits
  driver.access(0x1940, 0x2000);  // nobody sees this one: the first is pending
  driver.machine.delay_ns(0);
  REQUIRE(driver.host.lines.size() == 2);
  CHECK(driver.host.lines[1].find("fsr=0x402, iova=0x00001000, fsynr=0x1, ") != std::string::npos);
  driver.access(0x1940, 0xf'0000'0000);
  driver.machine.delay_ns(0);
  CHECK(driver.host.lines[2].find("iova=0xf00000000, ") != std::string::npos);
}

TEST_CASE("from Linux 6.12 on a context fault is told once more, decoded") {
  for (const KernelVersion version : {KernelVersion{6, 11}, KernelVersion{6, 12}}) {
    Driver driver(test::small_machine(), version);
    REQUIRE(driver.alloc({{0x1940, 0}}));
    driver.attach({{0x1940, 0}}, 2);
    driver.enable_bank2();
    driver.access(0x1940, 0x1000);
    driver.machine.delay_ns(0);
    CHECK(driver.host.lines.size() == (version.minor == 11 ? 1 : 3));
  }

  Driver driver(test::small_machine(), {6, 12});
  REQUIRE(driver.alloc({{0x1940, 0}}));
  driver.attach({{0x1940, 0}}, 2);
  driver.enable_bank2();
  const auto decoded = [&](std::uint32_t fsr, std::uint32_t fsynr0) {
    driver.machine.forced_reads.clear();
    driver.machine.delay_ns(6'000'000'000);  // the rate limit forgets
    driver.host.lines.clear();
    driver.machine.forced_reads[smmu_base + bank2 + 0x58] = fsr;
    driver.machine.forced_reads[smmu_base + bank2 + 0x68] = fsynr0;
    driver.machine.schedule(0, [&] { driver.machine.forced_reads.clear(); });
    driver.access(0x1940, 0x1000);
    driver.machine.delay_ns(0);
    REQUIRE(driver.host.lines.size() >= 3);
    const std::size_t text = std::string("[    6.000000] arm-smmu 15000000.iommu: ").size();
    return driver.host.lines[1].substr(text) + "|" + driver.host.lines[2].substr(text);
  };
  CHECK(decoded(0x402, 0x13) ==
        "FSR    = 00000402 [Format=2 TF], SID=0x1940|FSYNR0 = 00000013 [S1CBNDX=0 WNR PLVL=3]");
  CHECK(decoded(0xc00005fe, 0x540d73) ==
        "FSR    = c00005fe [MULTI SS Format=2 UUT ASF TLBLKF TLBMCF EF PF AFF TF], SID=0x1940|"
        "FSYNR0 = 00540d73 [S1CBNDX=84 AFR PTWF NSATTR IND PNU WNR PLVL=3]");
  CHECK(decoded(0x8, 0) ==
        "FSR    = 00000008 [Format=0 PF], SID=0x1940|FSYNR0 = 00000000 [S1CBNDX=0 PLVL=0]");
}

TEST_CASE("an interrupt without a fault is not the handler's") {
  Driver driver;
  REQUIRE(driver.alloc({{0x10, 0}}));
  driver.attach({{0x10, 0}}, 2);
  driver.enable_bank2();
  driver.machine.forced_reads[smmu_base + bank2 + 0x58] = 0x400;  // the Format field alone
  driver.access(0x10, 0x1000);
  driver.bus.accesses.clear();
  driver.machine.delay_ns(0);
  CHECK(driver.host.lines.empty());
  REQUIRE_FALSE(driver.bus.accesses.empty());
  for (const BusAccess& access : driver.bus.accesses) {
    CHECK(access.address == smmu_base + bank2 + 0x58);
    CHECK_FALSE(access.is_write());
  }
}

TEST_CASE("ten context faults in five seconds are told, over all banks") {
  Driver driver;
  REQUIRE(driver.alloc({{0x10, 0}, {0x11, 0}}));
  driver.attach({{0x10, 0}}, 2);
  driver.attach({{0x11, 0}}, 3);
  driver.enable_bank2();
  driver.host.smmu.enable_context_bank(3, {.ttbr0 = 0x8000'0000, .tcr = 0x80'001c, .tcr2 = 0x3'8011});
  for (std::uint32_t fault = 0; fault < 14; ++fault) {
    driver.access(0x10 + fault % 2, 0x1000 * fault);
    driver.machine.delay_ns(1000);
  }
  CHECK(driver.host.lines.size() == 10);
  CHECK(driver.host.limits.context_fault.suppressed() == 4);
  CHECK_FALSE(driver.machine.line(102));  // those that are not told are cleared too
  CHECK_FALSE(driver.machine.line(103));

  driver.machine.delay_ns(5 * second);
  driver.access(0x10, 0x5'0000);
  driver.machine.delay_ns(0);
  REQUIRE(driver.host.lines.size() == 12);
  CHECK(driver.host.lines[10] == "[    5.000014] arm_smmu_context_fault: 4 callbacks suppressed");
  CHECK(driver.host.levels[10] == LogLevel::Warn);
  CHECK(driver.host.lines[11].find("iova=0x00050000, ") != std::string::npos);
}

TEST_CASE("an unknown stream is blocked and told") {
  Driver driver;
  driver.access(0x1a22, 0x1234, true);
  CHECK(driver.machine.line(65));
  driver.machine.delay_ns(0);
  CHECK(driver.host.lines ==
        std::vector<std::string>{
            "[    0.000000] arm-smmu 15000000.iommu: Blocked unknown Stream ID 0x1a22; boot with "
            "\"arm-smmu.disable_bypass=0\" to allow, but this may have security implications",
            "[    0.000000] arm-smmu 15000000.iommu: \tGFSR 0x00000002, GFSYNR0 0x00000002, "
            "GFSYNR1 0x00001a22, GFSYNR2 0x00000000"});
  CHECK(driver.host.levels == std::vector<LogLevel>{LogLevel::Err, LogLevel::Err});
  CHECK_FALSE(driver.machine.line(65));
  CHECK(driver.writes() == std::vector<Access>{{0x48, 0x2}});
}

TEST_CASE("any other global fault could be serious") {
  Driver driver;
  REQUIRE(driver.alloc({{0x10, 0}}));  // its entry faults: it is not attached
  driver.access(0x10, 0x1000);
  driver.access(0x10, 0x1000);
  driver.machine.delay_ns(0);
  CHECK(driver.host.lines ==
        std::vector<std::string>{
            "[    0.000000] arm-smmu 15000000.iommu: Unexpected global fault, this could be serious",
            "[    0.000000] arm-smmu 15000000.iommu: \tGFSR 0x80000001, GFSYNR0 0x00000000, "
            "GFSYNR1 0x00000010, GFSYNR2 0x00000000"});
}

TEST_CASE("global faults are limited apart from context faults, two lines as one") {
  Driver driver;
  for (std::uint32_t fault = 0; fault < 12; ++fault) {
    driver.access(0x20, 0x1000);
    driver.machine.delay_ns(1000);
  }
  CHECK(driver.host.lines.size() == 20);
  CHECK(driver.host.limits.global_fault.suppressed() == 2);
  CHECK(driver.host.limits.context_fault.suppressed() == 0);
  driver.machine.delay_ns(5 * second);
  driver.access(0x20, 0x1000);
  driver.machine.delay_ns(0);
  REQUIRE(driver.host.lines.size() == 23);
  CHECK(driver.host.lines[20] == "[    5.000012] arm_smmu_global_fault: 2 callbacks suppressed");
}
