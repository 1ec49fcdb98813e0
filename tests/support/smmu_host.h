// SPDX-License-Identifier: Apache-2.0
//
// The arm-smmu driver on some bus of a PlainMachine, with physical pages and a log that tests can read.

#ifndef SIDEWINDER_TESTS_SUPPORT_SMMU_HOST_H
#define SIDEWINDER_TESTS_SUPPORT_SMMU_HOST_H

#include <string>
#include <vector>

#include "iommu/linux/arm_smmu.h"
#include "iommu/linux/page_allocator.h"
#include "tests/support/plain_machine.h"

namespace sidewinder::test {

/// 8 stream match groups, 4 context banks; the global space and the banks have 8 pages each.
inline PlainMachineConfig small_machine() {
  PlainMachineConfig config;
  config.smmu.stream_match_groups = 8;
  config.smmu.context_banks = 4;
  config.smmu.page_index_bits = 2;
  return config;
}

inline kernel::ArmSmmuPlatform platform_of(const PlainMachineConfig& config) {
  kernel::ArmSmmuPlatform platform;
  platform.name = "15000000.iommu";
  platform.base = config.smmu_base;
  platform.size = smmuv2::frame_size(config.smmu);
  platform.global_irqs = {config.global_irq};
  for (unsigned bank = 0; bank < config.smmu.context_banks; ++bank)
    platform.context_irqs.push_back(config.first_context_irq + bank % config.context_irqs);
  platform.dma_coherent = config.smmu.coherent_walk;
  return platform;
}

struct SmmuHost {
  SmmuHost(kernel::HostBus& bus, const PlainMachineConfig& config)
      : SmmuHost(bus, config.memory, platform_of(config)) {}
  SmmuHost(kernel::HostBus& bus, const kernel::PhysRange& memory, kernel::ArmSmmuPlatform platform)
      : log(bus,
            [this](kernel::LogLevel level, std::string_view line) {
              levels.push_back(level);
              lines.emplace_back(line);
            }),
        pages(bus, std::span(&memory, 1), 0.0, 1),
        smmu(bus, log, limits, std::move(platform)) {}

  std::vector<kernel::LogLevel> levels;
  std::vector<std::string> lines;
  kernel::KernelLog log;
  kernel::ArmSmmuRateLimits limits;
  kernel::PageAllocator pages;
  kernel::ArmSmmu smmu;
};

}  // namespace sidewinder::test

#endif
