// SPDX-License-Identifier: Apache-2.0
//
// Where a TBU's stalled transactions wait (IHI 0070 §3.12.2): each blocks the thread that brought it.

#ifndef SIDEWINDER_IOMMU_TLM_STALL_SLOTS_H
#define SIDEWINDER_IOMMU_TLM_STALL_SLOTS_H

#include <cstdint>
#include <systemc>
#include <vector>

#include "iommu/smmuv3/smmu.h"

namespace sidewinder::tlm_shell {

/// The slots of all TBUs. A token names a slot and its use: one that is answered late is nobody's.
class StallSlots {
 public:
  StallSlots(unsigned tbus, unsigned slots_per_tbu);
  StallSlots(const StallSlots&) = delete;
  StallSlots& operator=(const StallSlots&) = delete;

  /// A TBU all of whose slots are taken takes nothing more.
  [[nodiscard]] bool full(unsigned tbu) const { return tbus_[tbu].free.empty(); }
  /// Of any TBU.
  [[nodiscard]] bool any_full() const { return full_ != 0; }
  void wait_for_room(unsigned tbu) {
    while (full(tbu)) sc_core::wait(tbus_[tbu].freed);
  }

  /// The token of the slot that the TBU's next transaction stalls in. Not while it is full.
  [[nodiscard]] std::uint64_t next(unsigned tbu) const;

  /// Blocks the thread in the slot of the token that next() gave, until resume() names it.
  [[nodiscard]] smmuv3::Resumption wait_in(unsigned tbu, std::uint64_t token);

  void resume(std::uint64_t token, smmuv3::Resumption how);

  [[nodiscard]] unsigned stalled(unsigned tbu) const;
  [[nodiscard]] unsigned most_stalled(unsigned tbu) const { return tbus_[tbu].most; }

 private:
  struct Slot {
    sc_core::sc_event answered;
    std::uint32_t use = 0;  ///< how often it was taken
    bool waiting = false;
    smmuv3::Resumption how = smmuv3::Resumption::Abort;
  };
  struct Tbu {
    std::vector<std::uint32_t> free;  ///< indices of slots
    sc_core::sc_event freed;
    unsigned most = 0;
  };

  class Stay;  ///< in a slot, for the time of its scope

  std::vector<Slot> slots_;
  std::vector<Tbu> tbus_;
  unsigned per_tbu_;
  unsigned full_ = 0;  ///< TBUs
};

}  // namespace sidewinder::tlm_shell

#endif
