// SPDX-License-Identifier: Apache-2.0
//
// Run-time suspend and resume of the SMMU. Offsets and values are numbers here, as a bus analyser would show
// them: IHI 0062 chapters 8 to 10 and 16.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_init.h"
#include "iommu/linux/flush_queue.h"
#include "iommu/linux/iommu.h"
#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::BusAccess;
using sidewinder::test::PlainMachine;
using sidewinder::test::PowerSwitch;
using sidewinder::test::RecordingBus;
using sidewinder::test::SmmuHost;
using smmuv2::Translation;

namespace {

constexpr PhysAddr smmu_base = 0x1500'0000;
constexpr PhysAddr memory_base = 0x8000'0000;
constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t ms = 1'000'000;
constexpr IommuProt rw{.read = true, .write = true};
const PowerDomain gdsc{7, {3}};

using Write = std::pair<std::uint64_t, std::uint64_t>;  // offset in the frame, value

test::PlainMachineConfig in_domain(bool in_a_domain = true) {
  test::PlainMachineConfig config = test::small_machine();
  if (in_a_domain) config.smmu_power = gdsc;
  return config;
}

ArmSmmuPlatform platform_of(const test::PlainMachineConfig& config, SmmuImplementation implementation) {
  ArmSmmuPlatform platform = test::platform_of(config);
  platform.power_domain = config.smmu_power;
  platform.implementation = implementation;
  return platform;
}

/// An SMMU in a power domain, probed by its driver.
struct Bench {
  explicit Bench(bool in_a_domain = true, SmmuImplementation implementation = SmmuImplementation::Arm,
                 std::map<PhysAddr, std::uint32_t> registers = {})
      : machine(in_domain(in_a_domain)),
        bus(machine),
        host(bus, machine.config().memory, platform_of(machine.config(), implementation)) {
    machine.forced_reads = std::move(registers);
    REQUIRE(host.smmu.probe());
  }

  std::unique_ptr<DmaDomain> attach(Device& client, DomainType type = DomainType::Dma) {
    Result<std::unique_ptr<DmaDomain>> domain = DmaDomain::create(host.smmu, host.pages, type);
    REQUIRE(domain);
    REQUIRE((*domain)->attach(client));
    return std::move(*domain);
  }
  void suspend() {
    machine.delay_ns(20 * ms);
    REQUIRE_FALSE(machine.smmu().powered());
    bus.accesses.clear();
    bus.power_switches.clear();
  }
  std::vector<Write> writes() {
    std::vector<Write> taken;
    for (const BusAccess& access : bus.accesses)
      if (access.is_write() && access.address < memory_base)
        taken.emplace_back(access.address - smmu_base, access.value());
    bus.accesses.clear();
    return taken;
  }
  Translation access(std::uint64_t address, std::uint32_t stream = 0x10) {
    return machine.smmu().translate(0, {.address = address, .stream_id = stream, .write = false});
  }
  std::uint64_t refused() { return machine.smmu().statistics().register_accesses_without_power; }

  PlainMachine machine;
  RecordingBus bus;
  SmmuHost host;
  Device device{.name = "video", .streams = {{0x10, 0}}};
};

/// What every resume writes of a bank that is not in use.
void off(std::vector<Write>& writes, std::uint64_t bank) {
  writes.push_back({bank, 0});
  writes.push_back({bank + 0x58, 0xc000'01fe});  // FSR
}

}  // namespace

TEST_CASE("without a power domain the SMMU never suspends") {
  Bench bench(false);
  const auto domain = bench.attach(bench.device);
  bench.machine.delay_ns(1000 * ms);
  CHECK(bench.machine.smmu().powered());
  CHECK_FALSE(bench.host.smmu.power().enabled());
  CHECK(bench.bus.power_switches.empty());
}

TEST_CASE("the domain has power before the probe's first access, and none after a probe that fails") {
  Bench bench;
  CHECK(bench.bus.power_switches == std::vector<PowerSwitch>{{0, true}});
  CHECK(bench.refused() == 0);
  CHECK(bench.host.smmu.power().enabled());
  CHECK(bench.host.smmu.power().resumes() == 0);

  PlainMachine machine(in_domain());
  machine.forced_reads[smmu_base + 0x20] = 0;  // IDR0: no stage 1
  SmmuHost host(machine, machine.config().memory, platform_of(machine.config(), SmmuImplementation::Arm));
  CHECK_FALSE(host.smmu.probe());
  CHECK_FALSE(machine.smmu().powered());
  CHECK_FALSE(host.smmu.power().enabled());
}

TEST_CASE("an SMMU that no device is probed on suspends after its own probe") {
  Bench bench;
  bench.machine.delay_ns(0);
  CHECK_FALSE(bench.machine.smmu().powered());
  CHECK(bench.host.smmu.power().suspends() == 1);
}

TEST_CASE("it suspends 20 ms after it was resumed, as soon as nothing uses it") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  bench.suspend();
  REQUIRE(domain->map(0x10000, memory_base, page, rw));
  CHECK(bench.machine.smmu().powered());
  bench.machine.delay_ns(15 * ms);
  REQUIRE(domain->map(0x20000, memory_base, page, rw));
  bench.machine.delay_ns(5 * ms - 1);
  CHECK(bench.machine.smmu().powered());
  bench.machine.delay_ns(1);
  CHECK_FALSE(bench.machine.smmu().powered());
  CHECK(bench.host.smmu.power().suspends() == 2);
  CHECK(bench.host.smmu.power().resumes() == 1);
  CHECK(bench.refused() == 0);
}

TEST_CASE("a resume writes what the driver remembers, in order, before anything else") {
  Bench bench;
  Device other{.name = "other", .streams = {{0x1943, 0x4}}};
  const auto identity = bench.attach(other, DomainType::Identity);
  const auto domain = bench.attach(bench.device);
  const std::uint64_t table = bench.machine.smmu().read(0x8020, 8);
  bench.suspend();

  REQUIRE(domain->map(0x10000, memory_base, page, rw));
  CHECK(bench.bus.power_switches == std::vector<PowerSwitch>{{0, true}});
  std::vector<Write> expected{{0x48, 0}};  // sGFSR
  expected.insert(expected.end(),
                  {{0xc00, 0x1'0000}, {0x800, 0x8004'1943}, {0xc04, 0x0}, {0x804, 0x8000'0010}});
  for (std::uint64_t group = 2; group < 8; ++group)
    expected.insert(expected.end(), {{0xc00 + 4 * group, 0x2'0000}, {0x800 + 4 * group, 0}});
  expected.insert(expected.end(), {{0x1800, 0x1},          // CBA2R
                                   {0x1000, 0x1'f300},     // CBAR
                                   {0x8010, 0x3'8011},     // TCR2
                                   {0x8030, 0x80'351c},    // TCR
                                   {0x8020, table},        // TTBR0
                                   {0x8028, 0},            // TTBR1
                                   {0x8038, 0xf404'ff44},  // MAIR0
                                   {0x803c, 0xffff'ffff},  // MAIR1
                                   {0x8000, 0x1067},       // SCTLR
                                   {0x8058, 0xc000'01fe}});
  for (const std::uint64_t bank : {0x9000U, 0xa000U, 0xb000U}) off(expected, bank);
  expected.insert(expected.end(), {{0x6c, 0xffff'ffff}, {0x68, 0xffff'ffff}, {0x10, 0x500}});
  for (const std::uint64_t bank : {0x8000U, 0x9000U, 0xa000U, 0xb000U})
    expected.push_back({bank + 4, 0x1});  // ACTLR.CPRE
  expected.insert(expected.end(), {{0x70, 0xffff'ffff}, {0x0, 0x20'1c36}});
  CHECK(bench.writes() == expected);

  CHECK(bench.access(0x10000).output == memory_base);
  CHECK(bench.access(0x1234'5000, 0x1947).output == 0x1234'5000);  // bypassed
  CHECK(bench.access(0x10000, 0x20).fault.has_value());            // unknown
}

TEST_CASE("everything that meets the hardware resumes it, and it translates as before") {
  Bench bench;
  auto domain = bench.attach(bench.device);
  REQUIRE(init_domain(*domain, bench.device, {}));
  REQUIRE(domain->map(0x10000, memory_base, 2 * page, rw));
  CHECK(bench.access(0x10000).output == memory_base);
  bench.suspend();
  CHECK(bench.access(0x10000).action == Translation::Action::Abort);
  const auto resumed_by = [&](const auto& call) {
    bench.suspend();
    call();
    CHECK(bench.machine.smmu().powered());
    CHECK(bench.access(0x10000).output == memory_base);
  };
  IotlbGather gather;
  domain->iotlb_sync(gather);
  resumed_by([&] { domain->iotlb_sync(gather); });
  resumed_by([&] { domain->flush_iotlb_all(); });
  resumed_by([&] { REQUIRE(domain->map(0x20000, memory_base, page, rw)); });
  resumed_by([&] { CHECK(domain->unmap_fast(0x20000, page, gather) == page); });
  Device second{.name = "second", .streams = {{0x20, 0}}};
  resumed_by([&] { REQUIRE(domain->attach(second)); });
  const auto identity = DmaDomain::create(bench.host.smmu, bench.host.pages, DomainType::Identity);
  resumed_by([&] { REQUIRE((*identity)->attach(second)); });
  CHECK(bench.access(0x7000, 0x20).output == 0x7000);
  resumed_by([&] { bench.host.smmu.free_smes(second.streams); });
  resumed_by([&] { REQUIRE(bench.host.smmu.alloc_smes(second.streams)); });
  std::unique_ptr<DmaDomain> more;
  Device third{.name = "third", .streams = {{0x30, 0}}};
  resumed_by([&] { more = bench.attach(third); });
  resumed_by([&] { more.reset(); });
  CHECK(bench.refused() == 0);
  CHECK(bench.host.lines.size() == bench.host.levels.size());
  CHECK(std::none_of(bench.host.levels.begin(), bench.host.levels.end(),
                     [](LogLevel level) { return level == LogLevel::Err; }));
}

TEST_CASE("looking up the tables leaves it asleep") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  REQUIRE(domain->map(0x10000, memory_base, page, rw));
  bench.suspend();
  CHECK(domain->iova_to_phys(0x10000) == memory_base);
  CHECK_FALSE(bench.machine.smmu().powered());
}

TEST_CASE("a flush queue's timer wakes it") {
  Bench bench;
  const auto domain = bench.attach(bench.device, DomainType::DmaFq);
  REQUIRE(init_domain(*domain, bench.device, {}));
  bench.suspend();
  REQUIRE(domain->map(0x10000, memory_base, page, rw));
  bench.machine.delay_ns(19 * ms);
  IotlbGather queued{.queued = true};
  CHECK(domain->unmap_fast(0x10000, page, queued) == page);
  domain->cookie().flush_queue->queue(0x10, 1);  // 10 ms
  bench.machine.delay_ns(ms);
  CHECK_FALSE(bench.machine.smmu().powered());
  bench.machine.delay_ns(9 * ms);
  CHECK(bench.machine.smmu().powered());
  CHECK(domain->cookie().flush_queue->flushes() == 1);
  CHECK(bench.refused() == 0);
}

TEST_CASE("a context bank that was freed stays disabled after a resume") {
  Bench bench;
  const auto kept = bench.attach(bench.device);
  Device other{.name = "other", .streams = {{0x20, 0}}};
  auto gone = bench.attach(other);
  gone.reset();
  bench.suspend();
  IotlbGather nothing;
  kept->iotlb_sync(nothing);
  CHECK((bench.machine.smmu().read(0x8000, 4) & 1) == 1);
  CHECK(bench.machine.smmu().read(0x9000, 4) == 0);
}

TEST_CASE("a fault that nobody has served is lost with the power, and its handler does not run") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  bench.machine.delay_ns(0);
  bench.host.lines.clear();
  CHECK(bench.access(0x5000).fault.has_value());
  bench.bus.set_power(gdsc, false);
  bench.machine.delay_ns(ms);
  CHECK(bench.host.lines.empty());
}

TEST_CASE("a device is linked to its SMMU, which is active while the device is") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  REQUIRE(bench.device.iommu_power == &bench.host.smmu.power());
  RuntimePm driver(bench.bus, {.suspend = [] {}, .resume = [] {}});
  driver.add_supplier(*bench.device.iommu_power);
  driver.enable();
  REQUIRE(domain->map(0x10000, memory_base, page, rw));
  bench.suspend();
  driver.get();
  bench.machine.delay_ns(100 * ms);
  CHECK(bench.access(0x10000).output == memory_base);
  driver.put_autosuspend();
  bench.machine.delay_ns(0);
  CHECK_FALSE(bench.machine.smmu().powered());
}

TEST_CASE("the IOMMU core links what it probes, and nothing that has no streams") {
  Bench bench;
  Iommu iommu(bench.host.smmu, bench.host.pages, bench.host.log, {});
  Device without;
  CHECK_FALSE(iommu.probe_device(without));
  CHECK(without.iommu_power == nullptr);
  bench.machine.delay_ns(0);
  CHECK_FALSE(bench.machine.smmu().powered());
  REQUIRE(iommu.probe_device(bench.device));
  CHECK(bench.device.iommu_power == &bench.host.smmu.power());
  bench.suspend();
  iommu.release_device(bench.device);
  CHECK(bench.machine.smmu().powered());
  CHECK(bench.host.smmu.stream_match_groups_used() == 0);
  CHECK(bench.refused() == 0);
}

TEST_CASE("a bank that stands for Qualcomm's bypass loses its type for good") {
  Bench bench(true, SmmuImplementation::Qualcomm, {{smmu_base + 0xc00 + 7 * 4, 0x2'0000}});
  const auto identity = bench.attach(bench.device, DomainType::Identity);
  CHECK(bench.access(0x5000).output == 0x5000);
  bench.suspend();
  { const RuntimePm::Reference powered(bench.host.smmu.power()); }
  const std::vector<Write> writes = bench.writes();
  const Write bank_off{0xb000, 0}, type{0x100c, 0x1'0000};
  CHECK(std::count(writes.begin(), writes.end(), bank_off) == 1);
  CHECK(std::count(writes.begin(), writes.end(), type) == 0);
  CHECK(bench.access(0x5000).fault.has_value());
}
