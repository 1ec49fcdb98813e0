// SPDX-License-Identifier: Apache-2.0
//
// What descriptors allow and what accesses may do with it: the Direct Permission Scheme (DDI 0487 D8.4,
// AArch64.S1DirectBasePermissions and S2HasPermissionsFault, AArch32.S1HasPermissionsFault; IHI 0070 §13.4).

#ifndef SIDEWINDER_IOMMU_ARCH_PERMISSIONS_H
#define SIDEWINDER_IOMMU_ARCH_PERMISSIONS_H

#include "iommu/arch/fault.h"
#include "iommu/arch/mapping.h"
#include "iommu/arch/regime.h"
#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

/// Before any descriptor: a table or leaf can only take away.
inline constexpr Permissions all_permissions{.unprivileged = true};

/// APTable, PXNTable and UXNTable of a table descriptor, for what lies below it.
void restrict_by_table(Permissions& permissions, layout::vmsa64::Descriptor table);

/// AP, PXN, UXN and DBM of a block or page descriptor, below tables that left `permissions`.
void restrict_by_leaf(Permissions& permissions, const Stage1& regime, layout::vmsa64::Descriptor leaf);

/// Whether a descriptor that DBM leaves to be marked dirty is: it counts as writable (DDI 0487 D8.5.2.2).
[[nodiscard]] bool stage1_permits(const Stage1& regime, const Permissions& permissions, const Access& access);

/// S_CR0.SIF (IHI 0070 §6.3.57.2): an instruction fetch that stage 1 makes Non-secure. `output_secure` is
/// what stage 1 put out, ahead of any stage 2.
[[nodiscard]] bool stopped_by_sif(const Stage1& regime, bool output_secure, const Access& access);

/// S2AP, XN and DBM of a stage 2 block or page descriptor.
[[nodiscard]] Stage2Permissions stage2_permissions(const Stage2& regime, layout::vmsa64::Descriptor leaf);

/// Of `access` the direction, instruction and privilege are looked at.
[[nodiscard]] bool stage2_permits(const Stage2Permissions& permissions, const Access& access);

/// HA and HD as they take effect: IGNORED by VMSAv8-32 (IHI 0070 §5.4), and HD without HA does nothing.
[[nodiscard]] HardwareUpdate effective_update(HardwareUpdate update, TableFormat format);

}  // namespace sidewinder::arch

#endif
