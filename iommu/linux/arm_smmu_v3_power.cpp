// SPDX-License-Identifier: Apache-2.0
//
// Run-time suspend and resume, as proposed: "iommu/arm-smmu-v3: Implement Runtime/System Sleep ops",
// version 8.

#include "iommu/layout/smmuv3_control.h"
#include "iommu/linux/arm_smmu_v3.h"

namespace sidewinder::kernel {

using namespace layout::smmuv3;

/// The clocks go with it: they have no effect of their own here.
void ArmSmmuV3::switch_power(bool on) {
  if (platform_.power_domain) io_.bus->set_power(*platform_.power_domain, on);
}

/// arm_smmu_runtime_suspend(). Where something times out Linux stays awake; here it goes on.
void ArmSmmuV3::suspend() {
  abort_by_gbpa();  // or it would bypass what still comes
  if (!write_acknowledged(page0::CR0, page0::CR0ACK, CR0::CMDQEN::mask))
    io_.say(LogLevel::Err, "failed to disable SMMU");
  handle_global_errors();  // one of the command queue's would hold it up
  commands_.stop();
  static_cast<void>(disable());
  handle_global_errors();
  switch_power(false);
}

/// arm_smmu_runtime_resume(). The reset says what fails.
void ArmSmmuV3::resume() {
  switch_power(true);
  commands_.restart();
  static_cast<void>(reset());
}

}  // namespace sidewinder::kernel
