// SPDX-License-Identifier: Apache-2.0
//
// What an Smmuv3Module did and how long it took. Counters only ever grow.

#ifndef SIDEWINDER_IOMMU_TLM_SMMUV3_STATISTICS_H
#define SIDEWINDER_IOMMU_TLM_SMMUV3_STATISTICS_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <systemc>
#include <vector>

#include "iommu/arch/fault.h"
#include "iommu/arch/set_associative.h"
#include "iommu/smmuv3/smmu.h"
#include "iommu/tlm/resource.h"

namespace sidewinder::tlm_shell {

/// How many took how long: [0] less than 1 ns, [n] from 2^(n-1) to 2^n ns, the last one longer too.
class LatencyHistogram {
 public:
  static constexpr std::size_t bins = 32;

  void add(const sc_core::sc_time& latency);
  void add(const LatencyHistogram& other, std::uint64_t times);

  [[nodiscard]] const std::array<std::uint64_t, bins>& counts() const { return counts_; }
  [[nodiscard]] sc_core::sc_time total() const { return total_; }
  [[nodiscard]] sc_core::sc_time longest() const { return longest_; }

 private:
  std::array<std::uint64_t, bins> counts_{};
  sc_core::sc_time total_ = sc_core::SC_ZERO_TIME;
  sc_core::sc_time longest_ = sc_core::SC_ZERO_TIME;
  std::uint64_t nanosecond_ =  ///< making a time takes longer than a lookup
      std::max<std::uint64_t>(sc_core::sc_time(1, sc_core::SC_NS).value(), 1);
};

struct CacheUse {
  arch::CacheStatistics counts{};
  std::uint32_t occupancy = 0;
};

struct TbuStatistics {
  std::uint64_t reads = 0;  ///< translations of pieces, stalled ones once for each try
  std::uint64_t writes = 0;
  LatencyHistogram translation;  ///< from port to port, without what memory behind `out` takes
  CacheUse micro_tlb{};          ///< filled in by Smmuv3Module::statistics()
  ResourceStatistics slots{}, client_port{}, out_port{}, write_buffer{}, micro_tlb_lookups{},
      main_tlb_lookups{};  ///< likewise
  unsigned stalled = 0;    ///< now
  unsigned most_stalled = 0;
};

struct Smmuv3Statistics {
  std::vector<TbuStatistics> tbus;
  CacheUse main_tlb{}, configuration_cache{};
  std::array<CacheUse, 4> stage1_walk_cache{}, stage2_walk_cache{};  ///< by the table's level
  ResourceStatistics link_there{}, link_back{}, configuration_lookups{}, walk_cache_lookups{}, memory_port{},
      translation_slots{}, walk_slots{};
  /// Walks of a stage by the level of the first table they read.
  std::array<std::uint64_t, 4> stage1_walks_from{}, stage2_walks_from{};
  std::uint64_t descriptors_read = 0, descriptors_updated = 0, structures_read = 0;
  LatencyHistogram walks;                                 ///< from a slot for it to its end
  std::array<std::uint64_t, 32> faults{};                 ///< by arch::FaultKind, recorded or not
  sc_core::sc_time invalidating = sc_core::SC_ZERO_TIME;  ///< in CFGI and TLBI commands, draining included
  sc_core::sc_time stalled = sc_core::SC_ZERO_TIME;       ///< of all transactions
  std::uint64_t dmi_granted = 0, dmi_withdrawn = 0;
  smmuv3::Statistics translations{};  ///< the architecture's own
  smmuv3::SmmuCounters counters{};    ///< commands, invalidations, events, stalls, MSIs
};

}  // namespace sidewinder::tlm_shell

#endif
