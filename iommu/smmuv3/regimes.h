// SPDX-License-Identifier: Apache-2.0
//
// The translation regimes that valid descriptors set up: a CD's stage 1 and an STE's stage 2, in the walker's
// terms (IHI 0070 §5.2, §5.4). What a descriptor must not say has been checked before (ste.h, cd.h).

#ifndef SIDEWINDER_IOMMU_SMMUV3_REGIMES_H
#define SIDEWINDER_IOMMU_SMMUV3_REGIMES_H

#include "iommu/arch/regime.h"
#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// `secure_instruction_fetch` is S_CR0.SIF, of a Secure stream.
[[nodiscard]] arch::Stage1 stage1_regime(const layout::smmuv3::Cd& cd, StreamWorld world,
                                         bool secure_instruction_fetch, const Config& config);

[[nodiscard]] arch::Stage2 stage2_regime(const layout::smmuv3::Ste& ste, SecurityState security,
                                         const Config& config);

}  // namespace sidewinder::smmuv3

#endif
