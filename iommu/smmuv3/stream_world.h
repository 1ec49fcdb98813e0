// SPDX-License-Identifier: Apache-2.0
//
// Security states and StreamWorlds (IHI 0070 §3.3.3, §3.10).

#ifndef SIDEWINDER_IOMMU_SMMUV3_STREAM_WORLD_H
#define SIDEWINDER_IOMMU_SMMUV3_STREAM_WORLD_H

#include <cstdint>

#include "iommu/arch/tlb_tag.h"

namespace sidewinder::smmuv3 {

/// SEC_SID: whose programming interface controls a stream.
enum class SecurityState : std::uint8_t { NonSecure = 0, Secure = 1 };

using StreamWorld = arch::World;

/// EL1&0 and EL2&0 regimes have ASIDs, two tables and two privilege levels; any-EL2 and EL3 have none of
/// them.
[[nodiscard]] constexpr bool has_asid(StreamWorld world) {
  return world != StreamWorld::El2 && world != StreamWorld::SecureEl2 && world != StreamWorld::El3;
}

}  // namespace sidewinder::smmuv3

#endif
