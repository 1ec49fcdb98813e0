// SPDX-License-Identifier: Apache-2.0
//
// How the architecture reaches memory: at once, so that no invalidation can land in the middle of a walk.
// What an access costs in time comes back as a number for the SystemC shell to account.

#ifndef SIDEWINDER_IOMMU_ARCH_MEMORY_PORT_H
#define SIDEWINDER_IOMMU_ARCH_MEMORY_PORT_H

#include <cstdint>
#include <span>

#include "iommu/arch/memory_attributes.h"

namespace sidewinder::arch {

struct PortAccess {
  std::uint64_t address = 0;  ///< bytes; physical
  bool secure = false;        ///< true: the Secure physical address space (NS == 0)
  MemoryAttributes attributes{};
};

struct PortResponse {
  std::uint64_t data = 0;        ///< as stored, little-endian; meaningless unless ok
  bool ok = false;               ///< false: external abort
  std::uint32_t latency_ps = 0;  ///< picoseconds
};

class MemoryPort {
 public:
  virtual ~MemoryPort() = default;

  /// Reads the 8-byte word at `access.address`, which is a multiple of 8.
  virtual PortResponse read64(const PortAccess& access) = 0;

  /// Atomically writes `desired` where `expected` stands, and answers with what stood there. A port that
  /// cannot write answers with an external abort.
  virtual PortResponse compare_exchange64(const PortAccess& access, std::uint64_t expected,
                                          std::uint64_t desired) {
    static_cast<void>(access), static_cast<void>(expected), static_cast<void>(desired);
    return {};
  }

  /// Writes little-endian words of 4 bytes from `access.address` on, which is a multiple of 4: an event
  /// record or an MSI. A port that cannot write answers with an external abort.
  virtual PortResponse write_words(const PortAccess& access, std::span<const std::uint32_t> words) {
    static_cast<void>(access), static_cast<void>(words);
    return {};
  }
};

}  // namespace sidewinder::arch

#endif
