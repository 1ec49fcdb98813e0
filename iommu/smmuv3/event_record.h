// SPDX-License-Identifier: Apache-2.0
//
// Faults as the records that software reads from an event queue (IHI 0070 §7.3).

#ifndef SIDEWINDER_IOMMU_SMMUV3_EVENT_RECORD_H
#define SIDEWINDER_IOMMU_SMMUV3_EVENT_RECORD_H

#include <cstdint>
#include <optional>

#include "iommu/arch/fault.h"
#include "iommu/layout/smmuv3_event.h"
#include "iommu/smmuv3/config.h"

namespace sidewinder::smmuv3 {

/// The number of the event that `kind` is; kinds that only an SMMUv2 has are F_UUT.
[[nodiscard]] layout::smmuv3::EventType event_type(arch::FaultKind kind);

/// `stag` is the tag of a transaction that the fault stalls. Fields that are UNKNOWN are 0, and so are the
/// IMPLEMENTATION DEFINED reasons.
[[nodiscard]] layout::smmuv3::Event event_record(const arch::Fault& fault, std::optional<std::uint16_t> stag,
                                                 const Config& config);

}  // namespace sidewinder::smmuv3

#endif
