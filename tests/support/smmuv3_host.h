// SPDX-License-Identifier: Apache-2.0
//
// The arm-smmu-v3 driver on an Smmuv3Machine, with physical pages and a log that tests can read.

#ifndef SIDEWINDER_TESTS_SUPPORT_SMMUV3_HOST_H
#define SIDEWINDER_TESTS_SUPPORT_SMMUV3_HOST_H

#include <string>
#include <utility>
#include <vector>

#include "iommu/linux/arm_smmu_v3.h"
#include "iommu/linux/dma_domain.h"
#include "iommu/linux/page_allocator.h"
#include "tests/support/smmuv3_machine.h"

namespace sidewinder::test {

/// Stage 1, granules of 4 KiB, 16-bit StreamIDs, queues of 128 entries; what a test wants more, it adds.
inline smmuv3::Config plain_smmuv3() {
  smmuv3::Config config;
  config.minor = 1;
  config.substream_id_bits = 0;
  config.two_level_cd_table = false;
  config.stage2 = config.hypervisor = config.aarch32 = false;
  config.granule_16k = config.granule_64k = false;
  config.output_bits = 44;
  config.asid16 = config.vmid16 = false;
  config.endianness = smmuv3::TableEndianness::Little;
  config.httu = smmuv3::Httu::None;
  config.small_tables = config.xnx = config.e0pd = config.forced_write_back = false;
  config.walk_device_as_normal = config.override_types = config.override_permissions = false;
  config.stall_model = smmuv3::StallModel::NoStall;
  config.stall_max = 0;
  config.range_invalidation = false;
  config.bbml = 0;
  config.msi = false;
  config.command_queue_bits = config.event_queue_bits = 7;
  config.pri_queue_bits = 0;
  return config;
}

inline kernel::ArmSmmuV3Platform smmuv3_platform() {
  kernel::ArmSmmuV3Platform platform;
  platform.name = "9050000.iommu";
  platform.base = Smmuv3Machine::smmu_base;
  platform.size = smmuv3::Smmu::frame_size;
  platform.irqs = {Smmuv3Machine::event_irq, Smmuv3Machine::error_irq, Smmuv3Machine::pri_irq};
  platform.dma_coherent = true;
  return platform;
}

struct Smmuv3Host {
  explicit Smmuv3Host(const smmuv3::Config& config = plain_smmuv3(),
                      kernel::ArmSmmuV3Platform platform = smmuv3_platform())
      : machine(config),
        log(machine,
            [this](kernel::LogLevel level, std::string_view line) {
              levels.push_back(level);
              lines.emplace_back(line);
            }),
        pages(machine, std::span(&memory, 1), 0.0, 1),
        smmu(machine, pages, log, shared, std::move(platform)) {}

  [[nodiscard]] std::unique_ptr<kernel::DmaDomain> create(kernel::DomainType type) {
    return std::move(*kernel::DmaDomain::create(smmu, pages, type));
  }
  /// What was logged since the last call, without time, driver and device.
  std::vector<std::string> said() {
    std::vector<std::string> texts;
    const std::string head = "arm-smmu-v3 9050000.iommu: ";
    for (const std::string& line : std::exchange(lines, {})) {
      const std::string text = line.substr(line.find("] ") + 2);
      texts.push_back(text.compare(0, head.size(), head) == 0 ? text.substr(head.size()) : text);
    }
    levels.clear();
    return texts;
  }

  static constexpr kernel::PhysRange memory{Smmuv3Machine::memory_base, Smmuv3Machine::memory_size};

  Smmuv3Machine machine;
  std::vector<kernel::LogLevel> levels;
  std::vector<std::string> lines;
  kernel::KernelLog log;
  kernel::ArmSmmuV3Shared shared;
  kernel::PageAllocator pages;
  kernel::ArmSmmuV3 smmu;
};

}  // namespace sidewinder::test

#endif
