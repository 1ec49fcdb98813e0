// SPDX-License-Identifier: Apache-2.0
//
// The circular queues' indices (IHI 0070 §3.5.1): a position, and above it a flag that every wrap toggles.

#ifndef SIDEWINDER_IOMMU_SMMUV3_QUEUE_H
#define SIDEWINDER_IOMMU_SMMUV3_QUEUE_H

#include <algorithm>
#include <cstdint>

#include "iommu/layout/bits.h"
#include "iommu/layout/smmuv3_queue.h"

namespace sidewinder::smmuv3 {

/// A queue of 2^log2size entries. PROD and CONS registers may hold other bits above the wrap flag.
struct Queue {
  std::uint64_t base = 0;
  unsigned log2size = 0;
  unsigned entry_shift = 4;  ///< log2 of an entry's bytes

  [[nodiscard]] static Queue of(layout::smmuv3::QUEUE_BASE base, unsigned max_log2size,
                                unsigned entry_shift) {
    using Base = layout::smmuv3::QUEUE_BASE;
    Queue queue;
    queue.entry_shift = entry_shift;
    queue.log2size = std::min(static_cast<unsigned>(base.get<Base::LOG2SIZE>()), max_log2size);
    // Aligned to the queue's size or 32 bytes, whichever is more (§6.3.26).
    const unsigned align = std::max(queue.log2size + entry_shift, 5U);
    queue.base = (base.get<Base::ADDR>() << Base::ADDR::shift) & ~layout::low_bits(align);
    return queue;
  }

  /// The index and wrap flag of a PROD or CONS register.
  [[nodiscard]] std::uint32_t pointer(std::uint32_t reg) const {
    return reg & static_cast<std::uint32_t>(layout::low_bits(log2size + 1));
  }
  [[nodiscard]] std::uint32_t next(std::uint32_t reg) const { return pointer(reg + 1); }
  [[nodiscard]] bool empty(std::uint32_t prod, std::uint32_t cons) const {
    return pointer(prod) == pointer(cons);
  }
  [[nodiscard]] bool full(std::uint32_t prod, std::uint32_t cons) const {
    return (pointer(prod) ^ pointer(cons)) == std::uint32_t{1} << log2size;
  }
  [[nodiscard]] std::uint64_t address(std::uint32_t reg) const {
    return base + ((reg & layout::low_bits(log2size)) << entry_shift);
  }
};

}  // namespace sidewinder::smmuv3

#endif
