// SPDX-License-Identifier: Apache-2.0
//
// The hardware of a scenario, put together from its device tree and SoC profile.

#ifndef SIDEWINDER_SIM_PLATFORM_H
#define SIDEWINDER_SIM_PLATFORM_H

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/linux/device_tree.h"
#include "iommu/tlm/smmuv2_module.h"
#include "iommu/tlm/smmuv3_module.h"
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
  std::vector<kernel::DeviceNode> devices;      ///< by their place in the profile
  smmuv2::Config smmu_config;                   ///< of an SMMUv2
  std::optional<smmuv3::Config> smmuv3_config;  ///< the SMMU is an SMMUv3

  [[nodiscard]] unsigned output_bits() const {
    return smmuv3_config ? smmuv3_config->output_bits : smmu_config.output_bits;
  }
};

/// Reads the device tree and holds it against the profile. Throws InputError where they do not fit each
/// other, or where Linux could not use what they describe.
[[nodiscard]] PlatformDescription describe_platform(const Scenario& given);

/// Elaborates: one a process. The scenario's profile is the description's.
class Platform {
 public:
  Platform(const Scenario& scenario, const PlatformDescription& description, Accounting& accounting);

  [[nodiscard]] Host& host() { return host_; }
  /// One of the two is there.
  [[nodiscard]] const tlm_shell::Smmuv2Module* smmuv2() const { return smmuv2_.get(); }
  [[nodiscard]] const tlm_shell::Smmuv3Module* smmuv3() const { return smmuv3_.get(); }

 private:
  void add_smmuv2(const PlatformDescription& description, Accounting& accounting);
  void add_smmuv3(const PlatformDescription& description, Accounting& accounting);

  models::Bus bus_;
  std::deque<models::Memory> memories_;
  std::unique_ptr<tlm_shell::Smmuv2Module> smmuv2_;
  std::unique_ptr<tlm_shell::Smmuv3Module> smmuv3_;
  std::deque<vpu::Vpu> vpus_;
  Host host_;
};

}  // namespace sidewinder::sim

#endif
