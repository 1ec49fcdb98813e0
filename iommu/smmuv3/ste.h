// SPDX-License-Identifier: Apache-2.0
//
// Which Stream Table Entries are ILLEGAL, and the StreamWorld of the others (IHI 0070 §5.2).

#ifndef SIDEWINDER_IOMMU_SMMUV3_STE_H
#define SIDEWINDER_IOMMU_SMMUV3_STE_H

#include "iommu/layout/smmuv3_ste.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// STE.Config lets traffic pass; each of the two stages translates.
[[nodiscard]] bool traffic_passes(const layout::smmuv3::Ste& ste);
[[nodiscard]] bool stage1_translates(const layout::smmuv3::Ste& ste);
[[nodiscard]] bool stage2_translates(const layout::smmuv3::Ste& ste);

/// SteIllegal() of §5.2.2: the STE, found in `state`'s stream table, is recorded as C_BAD_STE. `nsstalld` is
/// S_CR0.NSSTALLD, false without a Secure state. What is CONSTRAINED UNPREDICTABLE in SMMUv3.0 is as in
/// SMMUv3.1, and STE.EATS with STE.S2S as Arm recommends.
[[nodiscard]] bool illegal(const layout::smmuv3::Ste& ste, const Config& config, SecurityState state,
                           bool nsstalld);

/// Of an STE that is not ILLEGAL. `e2h` is the CR2.E2H of `state`. Streams that no stage translates have El1
/// or Secure.
[[nodiscard]] StreamWorld stream_world(const layout::smmuv3::Ste& ste, const Config& config,
                                       SecurityState state, bool e2h);

/// IgnoreSTES2VMID() of §5.2.2: TLB entries made through the STE have no VMID, or VMID 0.
[[nodiscard]] bool ignores_vmid(const layout::smmuv3::Ste& ste, const Config& config, SecurityState state);

/// Effective STE.EATS, of an STE that is not ILLEGAL. `atschk` is CR0.ATSCHK.
[[nodiscard]] layout::smmuv3::Eats effective_eats(const layout::smmuv3::Ste& ste, const Config& config,
                                                  SecurityState state, bool atschk);

}  // namespace sidewinder::smmuv3

#endif
