// SPDX-License-Identifier: Apache-2.0
//
// Which Context Descriptors are ILLEGAL (IHI 0070 §5.4).

#ifndef SIDEWINDER_IOMMU_SMMUV3_CD_H
#define SIDEWINDER_IOMMU_SMMUV3_CD_H

#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// Effective CD.EPD0 and CD.EPD1: no walk begins at that TTB. Any-EL2 and EL3 use TTB0 alone, whatever EPD0
/// and EPD1 say.
[[nodiscard]] bool ttb0_disabled(const layout::smmuv3::Cd& cd, StreamWorld world);
[[nodiscard]] bool ttb1_disabled(const layout::smmuv3::Cd& cd, StreamWorld world);

/// CdIllegal() of §5.4.2: the CD, which an STE that is not ILLEGAL located, is recorded as C_BAD_CD. `world`
/// is the STE's StreamWorld, `model` the smmuv3::stall_model() of its Security state. TxSZ out of range is
/// ILLEGAL in SMMUv3.0 too, where that is CONSTRAINED UNPREDICTABLE.
[[nodiscard]] bool illegal(const layout::smmuv3::Cd& cd, const layout::smmuv3::Ste& ste, const Config& config,
                           StreamWorld world, StallModel model);

}  // namespace sidewinder::smmuv3

#endif
