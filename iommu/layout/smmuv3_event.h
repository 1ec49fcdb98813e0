// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's event records (IHI 0070 §7.3).

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_EVENT_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_EVENT_H

#include <cstdint>

#include "iommu/layout/structure.h"

namespace sidewinder::layout::smmuv3 {

/// The fields of all event records (§7.3.2 to §7.3.19).
struct Event : Structure<Event, 4> {
  using Type = Field<7, 0>;
  using SSV = Field<11>;
  using SubstreamID = Field<31, 12>;
  using StreamID = Field<63, 32>;
  using STAG = Field<79, 64>;
  using Reason = Field<79, 64>;
  using STALL = Field<95>;
  using PnU = Field<97>;
  using InD = Field<98>;
  using RnW = Field<99>;
  using NSIPA = Field<102>;
  using S2 = Field<103>;
  using CLASS = Field<105, 104>;
  using TTRnW = Field<108>;
  using InputAddr = Field<191, 128>;
  using IPA = Field<247, 204>;        ///< bits 55:12, at their own weight
  using FetchAddr = Field<247, 195>;  ///< bits 55:3, at their own weight
};

enum class EventType : std::uint8_t {
  F_UUT = 0x01,
  C_BAD_STREAMID = 0x02,
  F_STE_FETCH = 0x03,
  C_BAD_STE = 0x04,
  F_BAD_ATS_TREQ = 0x05,
  F_STREAM_DISABLED = 0x06,
  F_TRANSL_FORBIDDEN = 0x07,
  C_BAD_SUBSTREAMID = 0x08,
  F_CD_FETCH = 0x09,
  C_BAD_CD = 0x0a,
  F_WALK_EABT = 0x0b,
  F_TRANSLATION = 0x10,
  F_ADDR_SIZE = 0x11,
  F_ACCESS = 0x12,
  F_PERMISSION = 0x13,
};

}  // namespace sidewinder::layout::smmuv3

#endif
