// SPDX-License-Identifier: Apache-2.0
//
// The hardware of a scenario, put together from its device tree and SoC profile.

#ifndef SIDEWINDER_SIM_PLATFORM_H
#define SIDEWINDER_SIM_PLATFORM_H

#include <deque>
#include <memory>
#include <vector>

#include "iommu/linux/device_tree.h"
#include "iommu/tlm/smmuv2_module.h"
#include "models/bus.h"
#include "models/memory.h"
#include "sim/accounting.h"
#include "sim/host.h"
#include "sim/platform_report.h"
#include "sim/scenario.h"
#include "vpu/hw/vpu.h"

namespace sidewinder::sim {

/// What the device tree says of the parts a scenario uses.
struct PlatformDescription {
  SocProfile profile;  ///< the scenario's, with what it leaves to the device tree
  PlatformReport used;
  kernel::DeviceTree tree;  ///< with the policy applied
  std::vector<kernel::PhysRange> memory;
  kernel::SmmuNode smmu;
  std::vector<kernel::DeviceNode> devices;  ///< by their place in the profile
  smmuv2::Config smmu_config;
};

/// Reads the device tree and holds it against the profile. Throws InputError where they do not fit each
/// other, or where Linux could not use what they describe.
[[nodiscard]] PlatformDescription describe_platform(const Scenario& given);

/// Elaborates: one a process. The scenario's profile is the description's.
class Platform {
 public:
  Platform(const Scenario& scenario, const PlatformDescription& description, Accounting& accounting);

  [[nodiscard]] Host& host() { return host_; }
  [[nodiscard]] const smmuv2::Smmu& smmu() const { return smmu_.core(); }

 private:
  models::Bus bus_;
  std::deque<models::Memory> memories_;
  tlm_shell::Smmuv2Module smmu_;
  std::deque<vpu::Vpu> vpus_;
  Host host_;
};

}  // namespace sidewinder::sim

#endif
