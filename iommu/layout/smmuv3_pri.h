// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's PRI queue records (IHI 0070 chapter 8). The chapter's figure was not to be had: the positions are
// those of Linux's arm-smmu-v3 driver.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_PRI_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_PRI_H

#include <cstdint>

#include "iommu/layout/structure.h"

namespace sidewinder::layout::smmuv3 {

struct PageRequestRecord : Structure<PageRequestRecord, 2> {
  using StreamID = Field<31, 0>;
  using SubstreamID = Field<51, 32>;
  using Priv = Field<58>;
  using X = Field<59>;
  using R = Field<60>;
  using W = Field<61>;
  using Last = Field<62>;
  using SSV = Field<63>;
  using PRGIndex = Field<72, 64>;
  using PageAddress = Field<127, 76>;  ///< bits 63:12, at their own weight
};

/// Of a PRG Response Message (§8.3).
enum class PrgResponseCode : std::uint8_t { Success = 0b0000, InvalidRequest = 0b0001, Failure = 0b1111 };

}  // namespace sidewinder::layout::smmuv3

#endif
