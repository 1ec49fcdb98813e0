// SPDX-License-Identifier: Apache-2.0
//
// Stage 2: from an IPA to a physical address (DDI 0487 AArch64.S2Translate and AArch32.S2Translate).

#ifndef SIDEWINDER_IOMMU_ARCH_STAGE2_WALK_H
#define SIDEWINDER_IOMMU_ARCH_STAGE2_WALK_H

#include "iommu/arch/walk.h"

namespace sidewinder::arch {

/// What goes into stage 2. Of `access` the address is the IPA.
struct IpaAccess {
  Access access{};
  bool secure = false;  ///< in the Secure IPA space
  FaultClass cls =
      FaultClass::Input;  ///< other than Input: an access of the SMMU's own, which S2PTW concerns
};

/// A Permission fault of class Table tells reads and writes apart by Fault::table_write.
[[nodiscard]] Outcome translate_ipa(const Stage2& regime, const IpaAccess& ipa, const WalkContext& context);

/// The same, from WalkContext::tlb when that holds the IPA, which is put there otherwise: for accesses to
/// stage 1's tables and to context descriptors.
[[nodiscard]] Outcome translate_table_ipa(const Stage2& regime, const IpaAccess& ipa,
                                          const WalkContext& context);

/// The faulting stage's answer for an access that a mapping exists for, whether from a walk or a TLB: by
/// S2AP and XN, and by S2PTW (AArch64.S2HasPermissionsFault).
[[nodiscard]] bool stage2_allows(const Stage2& regime, const Stage2Leaf& leaf, const IpaAccess& ipa);

/// Stage 2 maps the page as Device memory, whatever stage 1 says of it.
[[nodiscard]] bool maps_device(const Stage2& regime, const Stage2Leaf& leaf);

}  // namespace sidewinder::arch

#endif
