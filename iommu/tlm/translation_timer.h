// SPDX-License-Identifier: Apache-2.0
//
// From what a translation did to when it ends, and what there was to count on the way.

#ifndef SIDEWINDER_IOMMU_TLM_TRANSLATION_TIMER_H
#define SIDEWINDER_IOMMU_TLM_TRANSLATION_TIMER_H

#include <array>
#include <cstdint>
#include <span>
#include <systemc>
#include <vector>

#include "iommu/smmuv3/transaction.h"
#include "iommu/tlm/resource.h"
#include "iommu/tlm/smmuv3_statistics.h"
#include "iommu/tlm/smmuv3_timing.h"

namespace sidewinder::tlm_shell {

class TranslationTimer {
 public:
  TranslationTimer(const Smmuv3Timing& timing, unsigned tbus);

  /// When a piece of `bytes` that arrives at `time` leaves the output port, or its fault is known.
  [[nodiscard]] sc_core::sc_time charge(unsigned tbu, const smmuv3::Translation& translation, bool write,
                                        unsigned bytes, const sc_core::sc_time& time);

  /// Whether all micro-TLB hits of this size that are forwarded take the same, whatever else is under way.
  [[nodiscard]] bool hits_are_alike(bool write, unsigned bytes) const {
    return !timing_.contention && (!write || bytes <= timing_.port_bytes);
  }
  /// What charge() adds for one of those. It is counted when somebody asks for a snapshot.
  [[nodiscard]] const sc_core::sc_time& charge_like_hit(unsigned tbu, bool write) {
    ++tbus_[tbu].alike[write ? 1 : 0];
    return hit_;
  }

  [[nodiscard]] Smmuv3Statistics& statistics() { return statistics_; }
  /// With those of the resources.
  [[nodiscard]] Smmuv3Statistics snapshot() const;

 private:
  using Time = sc_core::sc_time;
  using Accesses = std::span<const arch::WalkAccess>;

  struct Tbu {
    explicit Tbu(const Smmuv3Timing& timing);
    SlotPool slots, write_buffer;
    Lane client_port, out_port, micro_tlb, main_tlb;
    std::array<std::uint64_t, 2> alike{};  ///< hits not charged one by one: reads, writes
  };

  [[nodiscard]] Time tables(const smmuv3::Translation& translation, const Time& time);
  [[nodiscard]] Time accesses(Accesses all, Time time);
  [[nodiscard]] Time over(Lane& link, const Time& latency, const Time& time) const;

  void add_hits(TbuStatistics& sum, bool write, std::uint64_t times) const;

  Smmuv3Timing timing_;
  Time hit_;  ///< of one beat
  std::vector<Tbu> tbus_;
  Lane link_there_, link_back_, configuration_lookups_, walk_cache_lookups_, memory_port_;
  SlotPool translation_slots_, walk_slots_;
  Smmuv3Statistics statistics_;
};

}  // namespace sidewinder::tlm_shell

#endif
