// SPDX-License-Identifier: Apache-2.0
//
// What every part of the SMMUv3 driver has of its SMMU: registers, and the kernel's log.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_IO_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_IO_H

#include <cstdint>
#include <string>
#include <string_view>

#include "iommu/layout/smmuv3_queue.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/log.h"

namespace sidewinder::kernel {

/// ARM_SMMU_POLL_TIMEOUT_US
inline constexpr std::uint64_t arm_smmu_v3_timeout_ns = 1'000'000'000;

struct ArmSmmuV3Io {
  HostBus* bus = nullptr;
  const KernelLog* log = nullptr;
  std::string name;  ///< dev_name()
  PhysAddr base = 0;
  bool page0_only = false;  ///< page 1's registers are in page 0 (cavium,cn9900-broken-page1-regspace)

  /// Of a register's offset from the base of the frame.
  [[nodiscard]] PhysAddr place(std::uint32_t offset) const {
    namespace page1 = layout::smmuv3::page1;
    return base + (page0_only && offset >= page1::base ? offset - page1::base : offset);
  }
  [[nodiscard]] std::uint32_t read32(std::uint32_t offset) const {
    return read_word<std::uint32_t>(*bus, place(offset));
  }
  void write32(std::uint32_t offset, std::uint32_t value) const { write_word(*bus, place(offset), value); }
  void write64(std::uint32_t offset, std::uint64_t value) const { write_word(*bus, place(offset), value); }

  void say(LogLevel level, std::string_view text) const { log->dev(level, "arm-smmu-v3", name, text); }
};

}  // namespace sidewinder::kernel

#endif
