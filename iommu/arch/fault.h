// SPDX-License-Identifier: Apache-2.0
//
// One value for every fault: registers, event records, logs, counters and explanations are all made from it.

#ifndef SIDEWINDER_IOMMU_ARCH_FAULT_H
#define SIDEWINDER_IOMMU_ARCH_FAULT_H

#include <cstdint>

namespace sidewinder::arch {

enum class FaultKind : std::uint8_t {
  // Found by translating (IHI 0062 §3.7).
  Translation,
  AddressSize,
  AccessFlag,
  Permission,
  ExternalWalk,         ///< external abort on a translation table walk
  UnsupportedUpstream,  ///< the input address does not fit the upstream bus
  // Found before a context is (IHI 0062 §3.8).
  UnidentifiedStream,
  StreamMatchConflict,
  InvalidContext,
  UnimplementedContextBank,
};

/// True: recorded in a context bank. False: recorded globally.
[[nodiscard]] constexpr bool is_context_fault(FaultKind kind) {
  return kind <= FaultKind::UnsupportedUpstream;
}

/// What a client asks, after any override of its attributes.
struct Access {
  std::uint64_t address = 0;  ///< input address (IOVA), bytes
  std::uint32_t stream_id = 0;
  bool write = false;
  bool privileged = false;
  bool instruction = false;
};

struct Fault {
  FaultKind kind = FaultKind::Translation;
  std::uint8_t stage = 1;
  std::uint8_t level = 0;  ///< of the table walk, 0-3
  bool nested = false;     ///< found in configuration beyond the initial context (IHI 0062 §3.8.1)
  Access access;
};

}  // namespace sidewinder::arch

#endif
