// SPDX-License-Identifier: Apache-2.0
//
// Stage 1: from a VA to an IPA or physical address (DDI 0487 AArch64.S1Translate and AArch32.S1TranslateLD).

#ifndef SIDEWINDER_IOMMU_ARCH_STAGE1_WALK_H
#define SIDEWINDER_IOMMU_ARCH_STAGE1_WALK_H

#include "iommu/arch/walk.h"

namespace sidewinder::arch {

/// With `stage2` the tables and the output are IPAs. The output is not translated here.
[[nodiscard]] Outcome translate_va(const Stage1& regime, const Stage2* stage2, const Access& access,
                                   const WalkContext& context);

/// The half of the input address space that an address is in, or nullptr when it is in neither. Its EPD is
/// not looked at.
[[nodiscard]] const Ttb* select_ttb(const Stage1& regime, std::uint64_t address);

/// E0PD stops this access (IHI 0070 §5.4).
[[nodiscard]] bool stopped_by_e0pd(const Stage1& regime, const Access& access);

}  // namespace sidewinder::arch

#endif
