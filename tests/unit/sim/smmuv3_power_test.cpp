// SPDX-License-Identifier: Apache-2.0
//
// The SMMUv3's driver on the SMMUv3's module, in a power domain: what only threads show.

#include <catch2/catch.hpp>

#include "iommu/linux/arm_smmu_v3.h"
#include "iommu/linux/arm_smmu_v3_commands.h"
#include "iommu/tlm/smmuv3_module.h"
#include "models/bus.h"
#include "models/memory.h"
#include "models/run_simulation.h"
#include "sim/host.h"
#include "tests/support/smmuv3_host.h"
#include "tests/support/tlm_ends.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t us = 1000, ms = 1000 * us;
const kernel::PowerDomain domain{7, {3}};

sc_core::sc_time ns(std::uint64_t count) {
  return {static_cast<double>(count), sc_core::SC_NS};
}

kernel::ArmSmmuV3Platform platform() {
  kernel::ArmSmmuV3Platform platform = smmuv3_platform();
  platform.irqs = {};
  platform.power_domain = domain;
  platform.runtime_pm = true;
  return platform;
}

/// Commands take 20 us.
tlm_shell::Smmuv3Timing slow_commands() {
  tlm_shell::Smmuv3Timing timing;
  timing.command = ns(20 * us);
  return timing;
}

struct Machine {
  static constexpr kernel::PhysRange range{Smmuv3Machine::memory_base, Smmuv3Machine::memory_size};

  models::Bus bus{"bus"};
  models::Memory memory{"memory", range.size, sc_core::SC_ZERO_TIME};
  sim::Host host{"host", ns(1000)};
  Initiator device{"device"};
  tlm_shell::Smmuv3Module hardware;
  std::vector<std::string> lines;
  kernel::KernelLog log;
  kernel::ArmSmmuV3Shared shared;
  kernel::PageAllocator pages;
  kernel::ArmSmmuV3 smmu;

  explicit Machine(const smmuv3::Config& config)
      : hardware("smmu", config, 1, slow_commands()),
        log(host, [this](kernel::LogLevel, std::string_view line) { lines.emplace_back(line); }),
        pages(host, std::span(&range, 1), 0.0, 1),
        smmu(host, pages, log, shared, platform()) {
    bus.map(memory.in, range.base, range.size);
    bus.map(hardware.regs, Smmuv3Machine::smmu_base, smmuv3::Smmu::frame_size);
    host.socket.bind(bus.in);
    hardware.walk.bind(bus.in);
    hardware.out[0].bind(bus.in);
    device.socket.bind(hardware.client[0]);
    host.power(domain, [this](bool on) { hardware.set_power(on); });
  }
};

}  // namespace

TEST_CASE("an SMMUv3 that suspends under software which invalidates all the while leaves nobody waiting") {
  Machine machine(plain_smmuv3());
  unsigned invalidated = 0, used = 0;
  bool probed = false;
  machine.host.spawn("boot", [&] {
    probed = machine.smmu.probe().has_value();
    machine.lines.clear();
  });
  for (unsigned each = 0; each < 3; ++each)
    machine.host.spawn("invalidates" + std::to_string(each), [&, each] {
      machine.host.delay_ns(ms);
      for (;;) {
        machine.smmu.commands().issue_with_sync(kernel::smmuv3_command::cfgi_ste(each));
        ++invalidated;
        machine.host.delay_ns((7 + 4 * each) * us);
      }
    });
  machine.host.spawn("uses", [&] {
    for (;;) {
      machine.host.delay_ns(25 * ms + 13 * us);
      const kernel::RuntimePm::Reference powered(machine.smmu.power());
      ++used;
    }
  });
  models::run_simulation(ns(1000 * ms));
  CHECK(probed);
  CHECK(machine.lines.empty());
  CHECK(machine.smmu.power().suspends() >= used);
  CHECK(used > 30);
  CHECK(invalidated > 10'000);
  CHECK(machine.hardware.statistics().counters.register_accesses_without_power == 0);
  CHECK(machine.hardware.statistics().counters.syncs > 1000);
  CHECK(machine.hardware.statistics().counters.command_errors == 0);
}

}  // namespace sidewinder::test
