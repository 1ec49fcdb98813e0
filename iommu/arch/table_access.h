// SPDX-License-Identifier: Apache-2.0
//
// Descriptors in memory: read, and updated by hardware (DDI 0487 AArch64.FetchDescriptor and
// AArch64.MemSwapTableDesc).

#ifndef SIDEWINDER_IOMMU_ARCH_TABLE_ACCESS_H
#define SIDEWINDER_IOMMU_ARCH_TABLE_ACCESS_H

#include <cstdint>

#include "iommu/arch/access_log.h"
#include "iommu/arch/memory_port.h"
#include "iommu/arch/walk.h"
#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

struct DescriptorPlace {
  PortAccess where{};
  bool big_endian = false;
  AccessPurpose purpose = AccessPurpose::Stage1Table;
  int level = 0;
};

struct FetchedDescriptor {
  bool ok = false;  ///< false: external abort
  layout::vmsa64::Descriptor value{};
};

[[nodiscard]] FetchedDescriptor fetch_descriptor(const DescriptorPlace& place, const WalkContext& context);

enum class UpdateResult : std::uint8_t {
  Done,
  Changed,  ///< another agent wrote the descriptor since it was read: it has to be walked again
  Aborted,
};

[[nodiscard]] UpdateResult update_descriptor(const DescriptorPlace& place, layout::vmsa64::Descriptor from,
                                             layout::vmsa64::Descriptor to, const WalkContext& context);

/// Walks made of one stage before an update that always finds the descriptor changed is given up as aborted.
inline constexpr unsigned max_walks = 4;

}  // namespace sidewinder::arch

#endif
