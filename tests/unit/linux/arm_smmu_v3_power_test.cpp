// SPDX-License-Identifier: Apache-2.0
//
// Run-time suspend and resume of an SMMUv3, as proposed. Offsets and values are numbers here: IHI 0070 §6.2.

#include <algorithm>
#include <catch2/catch.hpp>

#include "iommu/linux/arm_smmu_v3_commands.h"
#include "iommu/linux/iommu.h"
#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using smmuv3::Translation;
using Trace = std::vector<std::string>;

constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t ms = 1'000'000;
constexpr IommuProt rw{.read = true, .write = true};
const PowerDomain gdsc{7, {3}};

ArmSmmuV3Platform in_domain(bool runtime_pm = true) {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.power_domain = gdsc;
  platform.runtime_pm = runtime_pm;
  return platform;
}

/// An SMMUv3 in a power domain, not probed yet, and a device.
struct Unprobed : Smmuv3Host {
  explicit Unprobed(const smmuv3::Config& config = plain_smmuv3(),
                    const ArmSmmuV3Platform& platform = in_domain())
      : Smmuv3Host(config, platform) {
    machine.put_into(gdsc);
  }
  [[nodiscard]] bool powered() { return machine.smmu().powered(); }
  [[nodiscard]] std::uint64_t refused() { return machine.smmu().counters().register_accesses_without_power; }

  Device device{.name = "video", .streams = {{5, 0}}};
};

struct Bench : Unprobed {
  explicit Bench(const smmuv3::Config& config = plain_smmuv3(),
                 const ArmSmmuV3Platform& platform = in_domain())
      : Unprobed(config, platform), iommu(smmu, pages, log, {}) {
    REQUIRE(smmu.probe());
    quiet();
  }
  void quiet() {
    static_cast<void>(said());
    machine.trace.clear();
  }
  std::unique_ptr<DmaDomain> attach(Device& client, DomainType type = DomainType::Unmanaged) {
    REQUIRE(iommu.probe_device(client));
    std::unique_ptr<DmaDomain> domain = create(type);
    REQUIRE(domain->attach(client));
    return domain;
  }
  void suspend() {
    machine.delay_ns(20 * ms);
    REQUIRE_FALSE(powered());
    quiet();
  }
  /// As a device does that is linked to it.
  void resume() { const RuntimePm::Reference powered(smmu.power()); }

  Iommu iommu;
};

smmuv3::Config with_msi() {
  smmuv3::Config config = plain_smmuv3();
  config.msi = config.ats = config.pri = true;
  config.pri_queue_bits = 7;
  return config;
}

}  // namespace

TEST_CASE("arm-smmu-v3 of a release never suspends, and its power domain stays on") {
  Bench bench(plain_smmuv3(), in_domain(false));
  const auto domain = bench.attach(bench.device);
  bench.machine.delay_ns(1000 * ms);
  CHECK(bench.powered());
  CHECK_FALSE(bench.smmu.power().enabled());
  CHECK(bench.device.iommu_power == nullptr);
  CHECK(bench.refused() == 0);
}

TEST_CASE("arm-smmu-v3 without a power domain never suspends") {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.runtime_pm = true;
  Smmuv3Host host(plain_smmuv3(), platform);
  REQUIRE(host.smmu.probe());
  host.machine.delay_ns(1000 * ms);
  CHECK(host.machine.smmu().powered());
  CHECK_FALSE(host.smmu.power().enabled());
}

TEST_CASE(
    "arm-smmu-v3's domain has power before the probe's first access, and none after a probe that fails") {
  Unprobed host;
  REQUIRE(host.smmu.probe());
  CHECK(host.machine.trace.front() == "P 1");
  CHECK(host.refused() == 0);
  CHECK(host.smmu.power().enabled());

  const bool runtime_pm = GENERATE(true, false);
  Unprobed broken(plain_smmuv3(), in_domain(runtime_pm));
  broken.machine.forced_reads[0x0] = 0;  // IDR0: no translation
  CHECK_FALSE(broken.smmu.probe());
  CHECK(broken.machine.trace.back() == "P 0");
  CHECK_FALSE(broken.smmu.power().enabled());
}

TEST_CASE("a suspend aborts by GBPA, disables all but the command queue, and then that") {
  Bench bench;
  bench.machine.delay_ns(20 * ms);
  CHECK(bench.machine.take_trace() == Trace{"R 4 44 1000", "W 4 44 80101000", "R 4 44 101000", "W 4 20 8",
                                            "R 4 24 8", "R 4 60 0", "R 4 64 0", "R 4 9c 4", "W 4 20 0",
                                            "R 4 24 0", "R 4 60 0", "R 4 64 0", "P 0"});
  CHECK_FALSE(bench.powered());
  CHECK(bench.smmu.power().suspends() == 1);
  CHECK(bench.lines.empty());
}

TEST_CASE("a resume resets it as the probe did, and begins the queues where they ended") {
  Bench bench;
  bench.smmu.commands().issue(smmuv3_command::prefetch_config(5));  // nobody waits for it
  bench.suspend();
  bench.resume();
  Trace writes;
  for (const std::string& line : bench.machine.take_trace())
    if (line[0] != 'R') writes.push_back(line);
  const auto base = [&](std::uint64_t offset) {
    return format("W 8 %" PRIx64 " %" PRIx64, offset, bench.machine.smmu().read(offset, 8, false));
  };
  CHECK(writes == Trace{"P 1",          "W 4 20 0",    "W 4 28 d75",  "W 4 2c 6",    base(0x80),
                        "W 4 88 10210", base(0x90),    "W 4 98 5",    "W 4 9c 5",    "W 4 20 8",
                        "C 4 1f",       "C fc02046 0", "W 4 98 7",    "C 30 0",      "C fc02046 0",
                        "W 4 98 9",     base(0xa0),    "W 4 100a8 0", "W 4 100ac 0", "W 4 20 c",
                        "W 4 50 0",     "W 8 68 0",    "W 8 b0 0",    "W 4 50 5",    "W 4 20 d"});
  CHECK(bench.lines.empty());
  CHECK(bench.refused() == 0);
}

TEST_CASE("commands are skipped while it is suspended, and after a resume nothing is stale") {
  Bench bench;
  Device other{.name = "other", .streams = {{6, 0}}};
  const auto domain = bench.attach(bench.device);
  auto gone = bench.attach(other);
  REQUIRE(domain->map(0x1'0000, 0x8000'0000, page, rw));
  REQUIRE(gone->map(0x1'0000, 0x8000'0000, page, rw));
  CHECK(bench.machine.access(5, 0x1'0000).output == 0x8000'0000);
  CHECK(bench.machine.access(6, 0x1'0000).action == Translation::Action::Forward);
  bench.suspend();

  CHECK(domain->unmap(0x1'0000, page) == page);
  REQUIRE(domain->map(0x2'0000, 0x8000'1000, page, rw));
  domain->flush_iotlb_all();
  bench.iommu.release_device(other);
  gone.reset();
  Device late{.name = "late", .streams = {{7, 0}}};
  const auto identity = bench.attach(late, DomainType::Identity);
  CHECK(bench.machine.trace.empty());
  CHECK_FALSE(bench.powered());
  CHECK(bench.machine.access(5, 0x2'0000).action == Translation::Action::Abort);

  bench.resume();
  CHECK(bench.machine.access(5, 0x1'0000).fault.has_value());
  CHECK(bench.machine.access(5, 0x2'0000).output == 0x8000'1000);
  CHECK(bench.machine.access(6, 0x1'0000).action == Translation::Action::Abort);
  CHECK(bench.machine.access(7, 0x5000).output == 0x5000);
  CHECK(bench.refused() == 0);
}

TEST_CASE("commands are issued again once it is resumed") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  bench.suspend();
  bench.resume();
  bench.machine.trace.clear();
  domain->flush_iotlb_all();
  CHECK(std::count(bench.machine.trace.begin(), bench.machine.trace.end(), "C 2000000000011 0") == 1);
}

TEST_CASE("a suspend waits until all commands are consumed") {
  Bench bench;
  bench.machine.commands_run = false;
  bench.smmu.commands().issue(smmuv3_command::prefetch_config(5));
  bench.machine.schedule(20 * ms + 5000, [&] {
    bench.machine.commands_run = true;
    write_word<std::uint32_t>(bench.machine, Smmuv3Machine::smmu_base + 0x98, 5);
  });
  bench.machine.delay_ns(20 * ms);
  CHECK_FALSE(bench.powered());
  CHECK(bench.machine.now_ns() >= 20 * ms + 5000);
  CHECK(bench.machine.now_ns() < 21 * ms);
  const Trace& trace = bench.machine.trace;
  const auto command = std::find(trace.begin(), trace.end(), "C 500000001 0");
  CHECK(std::find(command, trace.end(), "W 4 20 0") != trace.end());
}

TEST_CASE("a queue that does not drain in a second is left") {
  Bench bench;
  bench.machine.commands_run = false;
  bench.smmu.commands().issue(smmuv3_command::prefetch_config(5));
  bench.machine.delay_ns(20 * ms);
  CHECK_FALSE(bench.powered());
  CHECK(bench.machine.now_ns() > 1000 * ms);
  CHECK(bench.machine.now_ns() < 2200 * ms);
}

TEST_CASE("an event's handler resumes it, and finds that what was not served is lost") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  bench.suspend();
  bench.resume();
  bench.quiet();
  CHECK(bench.machine.access(5, 0x7000).recorded);
  bench.machine.set_power(gdsc, false);  // behind the driver's back: the interrupt comes later
  bench.machine.set_power(gdsc, true);
  bench.suspend();
  bench.machine.interrupt_now(Smmuv3Machine::event_irq);
  bench.machine.delay_ns(1);
  CHECK(bench.powered());
  CHECK(bench.said().empty());
  CHECK(bench.refused() == 0);

  CHECK(bench.machine.access(5, 0x7000).recorded);
  bench.machine.delay_ns(1);
  CHECK(bench.said().size() == 5);  // "event 0x10 received:"
}

TEST_CASE("a global error of a suspended SMMU is none, and one before a suspend is seen to in it") {
  Bench bench;
  bench.suspend();
  bench.machine.interrupt_now(Smmuv3Machine::error_irq);
  bench.machine.delay_ns(1);
  CHECK_FALSE(bench.powered());
  CHECK(bench.refused() == 0);

  bench.resume();
  bench.quiet();
  bench.machine.delay_ns(20 * ms - 1);
  bench.smmu.commands().issue(layout::smmuv3::Command::of({0xff, 0}));  // CERROR_ILL
  bench.machine.delay_ns(1);
  CHECK_FALSE(bench.powered());
  const Trace texts = bench.said();
  REQUIRE(texts.size() > 1);
  CHECK(texts[0] == "unexpected global error reported (0x00000001), this could be serious");
}

TEST_CASE("its interrupts stay requested, and come after a resume") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  bench.suspend();
  bench.resume();
  CHECK(bench.said().empty());
  CHECK(bench.machine.access(5, 0x7000).recorded);
  bench.machine.delay_ns(1);
  CHECK(bench.said().size() == 5);
  bench.smmu.commands().issue(layout::smmuv3::Command::of({0xff, 0}));
  bench.machine.delay_ns(1);
  CHECK(bench.said().size() > 3);
}

TEST_CASE("messages are composed again when it is resumed") {
  ArmSmmuV3Platform platform = in_domain();
  platform.msis = {{{Smmuv3Machine::doorbell, 200, 200},
                    {Smmuv3Machine::doorbell, 201, 201},
                    {Smmuv3Machine::doorbell, 202, 202}}};
  Bench bench(with_msi(), platform);
  const auto domain = bench.attach(bench.device);
  const auto messages = [&] {
    std::vector<std::uint64_t> registers;
    for (const std::uint64_t offset : {0x68U, 0x70U, 0xb0U, 0xb8U, 0xd0U, 0xd8U})
      registers.push_back(bench.machine.smmu().read(offset, 8, false));
    return registers;
  };
  const std::vector<std::uint64_t> probed = messages();
  CHECK(probed[4] == Smmuv3Machine::doorbell);
  bench.suspend();
  bench.resume();
  CHECK(messages() == probed);
  CHECK(bench.said().empty());
  CHECK(bench.machine.access(5, 0x7000).recorded);
  bench.machine.delay_ns(1);
  CHECK(bench.said().size() == 5);
}

TEST_CASE("with a combined interrupt no message is") {
  ArmSmmuV3Platform platform = in_domain();
  platform.combined_irq = Smmuv3Machine::event_irq;
  Bench bench(plain_smmuv3(), platform);
  const auto domain = bench.attach(bench.device);
  bench.suspend();
  bench.resume();
  CHECK(std::count(bench.machine.trace.begin(), bench.machine.trace.end(), "W 8 b0 0") == 0);
  CHECK(bench.machine.access(5, 0x7000).recorded);
  bench.machine.delay_ns(1);
  CHECK(bench.said().size() == 5);
}

TEST_CASE("an endpoint's cache is invalidated all the same: that resumes it") {
  smmuv3::Config config = plain_smmuv3();
  config.ats = true;
  Bench bench(config);
  bench.device.pci.emplace().ats = true;
  auto domain = bench.attach(bench.device);
  REQUIRE(domain->map(0x1'0000, 0x8000'0000, page, rw));
  const auto atc_invalidations = [&] {
    return std::count_if(bench.machine.trace.begin(), bench.machine.trace.end(), [](const std::string& line) {
      return line.compare(0, 2, "C ") == 0 && line.find("40 ") != std::string::npos;
    });
  };
  bench.suspend();
  CHECK(domain->unmap(0x1'0000, page) == page);
  CHECK(bench.powered());
  CHECK(atc_invalidations() == 1);
  bench.suspend();
  bench.iommu.release_device(bench.device);
  CHECK(bench.powered());
  CHECK(atc_invalidations() == 1);
  CHECK(bench.refused() == 0);
}

TEST_CASE("a device is linked to its SMMUv3, which is active while the device is") {
  Bench bench;
  const auto domain = bench.attach(bench.device);
  REQUIRE(domain->map(0x1'0000, 0x8000'0000, page, rw));
  REQUIRE(bench.device.iommu_power == &bench.smmu.power());
  RuntimePm driver(bench.machine, {.suspend = [] {}, .resume = [] {}});
  driver.add_supplier(*bench.device.iommu_power);
  driver.enable();
  bench.suspend();
  driver.get();
  bench.machine.delay_ns(100 * ms);
  CHECK(bench.machine.access(5, 0x1'0000).output == 0x8000'0000);
  driver.put_autosuspend();
  bench.machine.delay_ns(0);
  CHECK_FALSE(bench.powered());
  CHECK(bench.smmu.power().resumes() == 1);
}

}  // namespace sidewinder::test
