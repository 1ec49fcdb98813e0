// SPDX-License-Identifier: Apache-2.0
//
// The host's software of a scenario: the SMMU's driver, a domain for each stream or for each device,
// reservations, and a VPU driver for each device with its sessions.

#ifndef SIDEWINDER_SIM_SOFTWARE_H
#define SIDEWINDER_SIM_SOFTWARE_H

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "iommu/linux/arm_smmu.h"
#include "iommu/linux/dma.h"
#include "iommu/linux/dma_domain.h"
#include "iommu/linux/log.h"
#include "iommu/linux/page_allocator.h"
#include "sim/platform.h"
#include "sim/scenario.h"
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

  struct Stream {
    kernel::Device* device = nullptr;  ///< whose domain its buffers are in
    std::uint64_t reserved_bytes = 0;  ///< of what the policy reserved for it
  };

  [[nodiscard]] const kernel::ArmSmmu& smmu() const { return *smmu_; }
  [[nodiscard]] const kernel::ArmSmmuRateLimits& limits() const { return limits_; }
  [[nodiscard]] const std::vector<std::string>& kernel_log() const { return lines_; }
  [[nodiscard]] const Stream& stream(std::size_t device, std::size_t stream) const {
    return streams_[device][stream];
  }
  /// Null until start() has come to it.
  [[nodiscard]] const vpu::VpuDriver* driver(std::size_t device) const { return drivers_[device].get(); }

 private:
  struct Start {
    std::uint64_t at_ns = 0;
    const SessionGroup* group = nullptr;
  };

  [[nodiscard]] std::string set_up_streams(std::size_t index);
  [[nodiscard]] std::string new_domain(kernel::Device& device, kernel::DomainType type);
  [[nodiscard]] std::string reserve(Stream& stream, std::uint64_t bytes);
  [[nodiscard]] std::string start_driver(std::size_t index);
  [[nodiscard]] kernel::Device& add_device(std::size_t index, const std::string& suffix, std::uint64_t mask);

  Host* host_;
  const Scenario* scenario_;
  const PlatformDescription* description_;
  Accounting* accounting_;
  std::vector<std::string> lines_;
  kernel::KernelLog log_;
  kernel::ArmSmmuRateLimits limits_;
  kernel::PageAllocator pages_;
  kernel::DmaApi dma_;
  vpu::DmaAllocator allocator_;
  std::unique_ptr<kernel::ArmSmmu> smmu_;
  std::deque<kernel::Device> devices_;
  std::vector<std::unique_ptr<kernel::DmaDomain>> domains_;
  std::vector<std::vector<Stream>> streams_;  ///< by device and stream of the profile
  std::vector<std::unique_ptr<vpu::VpuDriver>> drivers_;
  std::vector<std::vector<Start>>
      starts_;  ///< by device; here, since a suspended thread's stack is never unwound
};

}  // namespace sidewinder::sim

#endif
