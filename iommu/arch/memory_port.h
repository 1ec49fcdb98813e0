// SPDX-License-Identifier: Apache-2.0
//
// How the architecture reads memory: at once, so that no invalidation can land in the middle of a walk.
// What an access costs in time comes back as a number for the SystemC shell to account.

#ifndef SIDEWINDER_IOMMU_ARCH_MEMORY_PORT_H
#define SIDEWINDER_IOMMU_ARCH_MEMORY_PORT_H

#include <cstdint>

namespace sidewinder::arch {

struct PortResponse {
  std::uint64_t data = 0;        ///< as stored, little-endian; meaningless unless ok
  bool ok = false;               ///< false: external abort
  std::uint32_t latency_ps = 0;  ///< picoseconds
};

class MemoryPort {
 public:
  virtual ~MemoryPort() = default;

  /// Reads the 8-byte word at `address`, which is a multiple of 8.
  virtual PortResponse read64(std::uint64_t address) = 0;
};

}  // namespace sidewinder::arch

#endif
