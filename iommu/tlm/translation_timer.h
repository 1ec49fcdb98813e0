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
#include "iommu/tlm/picoseconds.h"
#include "iommu/tlm/resource.h"
#include "iommu/tlm/smmuv3_statistics.h"
#include "iommu/tlm/smmuv3_timing.h"

namespace sidewinder::tlm_shell {

class TranslationTimer {
 public:
  TranslationTimer(const Smmuv3Timing& timing, unsigned tbus);

  /// When a piece of `bytes` that arrives at `time` leaves the output port, or its fault is known.
  [[nodiscard]] sc_core::sc_time charge(unsigned tbu, const smmuv3::Translation& translation, bool write,
                                        unsigned bytes, const sc_core::sc_time& time) {
    if (!all_alike(translation) || !hits_are_alike(write, bytes))
      return charge_each(tbu, translation, write, bytes, time);
    return time + charge_alike(tbu, translation.source, write);
  }

  /// Whether all micro-TLB hits of this size that are forwarded take the same, whatever else is under way.
  [[nodiscard]] bool hits_are_alike(bool write, unsigned bytes) const {
    return !timing_.contention && (!write || bytes <= timing_.port_bytes);
  }
  /// What charge() adds for one of those.
  [[nodiscard]] const sc_core::sc_time& charge_hit(unsigned tbu, bool write) {
    return charge_alike(tbu, Source::MicroTlb, write);
  }

  [[nodiscard]] Smmuv3Statistics& statistics() { return statistics_; }
  /// With those of the resources.
  [[nodiscard]] Smmuv3Statistics snapshot() const;

 private:
  using Time = sc_core::sc_time;
  using Accesses = std::span<const arch::WalkAccess>;
  using Source = smmuv3::Translation::Source;
  static constexpr std::size_t sources = 4;  ///< those after which nothing is read: Disabled to MainTlb

  struct Tbu {
    explicit Tbu(const Smmuv3Timing& timing);
    SlotPool slots, write_buffer;
    Lane client_port, out_port, micro_tlb, main_tlb;
    /// Of those not charged one by one: reads, writes.
    std::array<std::array<std::uint64_t, 2>, sources> alike{};
  };

  [[nodiscard]] Time tables(const smmuv3::Translation& translation, const Time& time);
  [[nodiscard]] Time accesses(Accesses all, Time time);
  [[nodiscard]] Time over(Lane& link, const Time& latency, const Time& time) const;

  [[nodiscard]] static bool all_alike(const smmuv3::Translation& translation) {
    return translation.action == smmuv3::Translation::Action::Forward && translation.accesses.empty() &&
           translation.source <= Source::MainTlb;
  }
  /// It is counted when somebody asks for a snapshot.
  [[nodiscard]] const Time& charge_alike(unsigned tbu, Source source, bool write) {
    ++tbus_[tbu].alike[static_cast<std::size_t>(source)][write ? 1 : 0];
    return alike_[static_cast<std::size_t>(source)];
  }
  [[nodiscard]] Time charge_each(unsigned tbu, const smmuv3::Translation& translation, bool write,
                                 unsigned bytes, const Time& time);
  void add_alike(TbuStatistics& sum, Source source, bool write, std::uint64_t times) const;

  Smmuv3Timing timing_;
  Picoseconds picoseconds_;
  std::array<Time, sources> alike_;  ///< what those of one beat take
  std::vector<Tbu> tbus_;
  Lane link_there_, link_back_, configuration_lookups_, walk_cache_lookups_, memory_port_;
  SlotPool translation_slots_, walk_slots_;
  Smmuv3Statistics statistics_;
};

}  // namespace sidewinder::tlm_shell

#endif
