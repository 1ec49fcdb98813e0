// SPDX-License-Identifier: Apache-2.0
//
// Reads of configuration structures: one word of a level 1 table, or the eight of an STE or CD.

#ifndef SIDEWINDER_IOMMU_SMMUV3_STRUCTURE_FETCH_H
#define SIDEWINDER_IOMMU_SMMUV3_STRUCTURE_FETCH_H

#include <array>
#include <cstdint>
#include <optional>

#include "iommu/arch/access_log.h"
#include "iommu/arch/memory_port.h"

namespace sidewinder::smmuv3 {

struct StructurePort {
  arch::MemoryPort& memory;
  arch::AccessLog& log;
  arch::AccessPurpose purpose;
};

/// None: external abort. `level` is for the log.
[[nodiscard]] std::optional<std::uint64_t> read_word(const StructurePort& port,
                                                     const arch::PortAccess& access, std::int8_t level);

/// As `read_word()`. The words are one burst: the log has one access, which takes as long as the slowest.
[[nodiscard]] std::optional<std::array<std::uint64_t, 8>> read_structure(const StructurePort& port,
                                                                         const arch::PortAccess& access,
                                                                         std::int8_t level);

}  // namespace sidewinder::smmuv3

#endif
