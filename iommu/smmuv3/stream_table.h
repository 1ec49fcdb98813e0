// SPDX-License-Identifier: Apache-2.0
//
// From StreamID to Stream Table Entry (IHI 0070 §3.3.1, §5.1, §6.3.24, §6.3.25).

#ifndef SIDEWINDER_IOMMU_SMMUV3_STREAM_TABLE_H
#define SIDEWINDER_IOMMU_SMMUV3_STREAM_TABLE_H

#include <cstdint>

#include "iommu/arch/access_log.h"
#include "iommu/arch/fault.h"
#include "iommu/arch/memory_port.h"
#include "iommu/layout/smmuv3_control.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// The registers that say where a Security state's Stream table is and how it is read.
struct StreamTable {
  SecurityState state = SecurityState::NonSecure;
  layout::smmuv3::STRTAB_BASE base;
  layout::smmuv3::STRTAB_BASE_CFG format;
  layout::smmuv3::CR1 cr1;
};

/// CR1.TABLE_* with STRTAB_BASE.RA.
[[nodiscard]] arch::MemoryAttributes stream_table_attributes(const StreamTable& table);

/// An STE that is not yet known to be legal, or a fault.
struct SteLookup {
  bool ok = false;
  layout::smmuv3::Ste ste;
  arch::Fault
      fault;  ///< kind BadStreamId, or SteFetch with `fetch_address`; the rest is the caller's to fill in
};

/// Reads the STE of a StreamID. An STE or L1STD beyond the OAS is an F_STE_FETCH that reads nothing. In the
/// log an STE is one access, the slowest of its words.
[[nodiscard]] SteLookup find_ste(const StreamTable& table, const Config& config, std::uint32_t stream_id,
                                 arch::MemoryPort& memory, arch::AccessLog& log);

}  // namespace sidewinder::smmuv3

#endif
