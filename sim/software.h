// SPDX-License-Identifier: Apache-2.0
//
// The host's software of a scenario: the SMMU's driver, the devices that the policy makes of each video node,
// and a VPU driver for each node with its sessions.

#ifndef SIDEWINDER_SIM_SOFTWARE_H
#define SIDEWINDER_SIM_SOFTWARE_H

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "iommu/linux/arm_smmu.h"
#include "iommu/linux/arm_smmu_v3.h"
#include "iommu/linux/dma.h"
#include "iommu/linux/iommu.h"
#include "iommu/linux/log.h"
#include "iommu/linux/page_allocator.h"
#include "sim/platform.h"
#include "sim/report.h"
#include "sim/scenario.h"
#include "sim/stream_devices.h"
#include "vpu/driver/driver.h"

namespace sidewinder::sim {

class Software {
 public:
  Software(Host& host, const Scenario& scenario, const PlatformDescription& description,
           Accounting& accounting);

  /// From a thread of the host: probes the SMMU and sets up domains and drivers. What failed, or empty.
  [[nodiscard]] std::string start();

  /// From a thread of the host, after start(): runs the sessions of a device until each is done, or time is
  /// up.
  void run_sessions(std::size_t device);

  /// From a thread of the host, when all is over: what becomes of bounds when devices come again, or share
  /// a group. Afterwards nothing is as it was.
  [[nodiscard]] SurvivalReport try_survival();

  /// One of the two drivers is there.
  [[nodiscard]] const kernel::ArmSmmu* smmuv2() const { return smmuv2_.get(); }
  [[nodiscard]] const kernel::ArmSmmuV3* smmuv3() const { return smmuv3_.get(); }
  /// Reports of faults that the rate limit dropped.
  [[nodiscard]] std::uint64_t suppressed_faults() const;
  [[nodiscard]] const std::vector<std::string>& kernel_log() const { return lines_; }
  /// Whose domain a stream's buffers are in; null until start() has come to it.
  [[nodiscard]] const kernel::Device* stream(std::size_t device, std::size_t stream) const {
    return stream_devices_[device]->of_stream(stream);
  }
  /// Null until start() has come to it.
  [[nodiscard]] const vpu::VpuDriver* driver(std::size_t device) const { return drivers_[device].get(); }

 private:
  struct Start {
    std::uint64_t at_ns = 0;
    const SessionGroup* group = nullptr;
  };

  [[nodiscard]] kernel::IommuOps& make_driver();
  [[nodiscard]] std::string start_all();
  [[nodiscard]] std::string start_driver(std::size_t index);

  Host* host_;
  const Scenario* scenario_;
  const PlatformDescription* description_;
  Accounting* accounting_;
  std::vector<std::string> lines_;
  kernel::KernelLog log_;
  kernel::ArmSmmuRateLimits limits_;
  kernel::ArmSmmuV3Shared smmuv3s_;
  kernel::PageAllocator pages_;
  kernel::DmaApi dma_;
  vpu::DmaAllocator allocator_;
  std::unique_ptr<kernel::ArmSmmu> smmuv2_;
  std::unique_ptr<kernel::ArmSmmuV3> smmuv3_;
  kernel::Iommu iommu_;
  std::vector<std::unique_ptr<StreamDevices>> stream_devices_;  ///< by device of the profile
  std::vector<std::unique_ptr<vpu::VpuDriver>> drivers_;
  std::vector<std::vector<Start>>
      starts_;  ///< by device; here, since a suspended thread's stack is never unwound
};

}  // namespace sidewinder::sim

#endif
