// SPDX-License-Identifier: Apache-2.0
//
// Plain counters of what an SMMUv3 did; they only ever grow. The caches keep their own.

#ifndef SIDEWINDER_IOMMU_SMMUV3_STATISTICS_H
#define SIDEWINDER_IOMMU_SMMUV3_STATISTICS_H

#include <cstdint>

namespace sidewinder::smmuv3 {

/// With its clients' transactions. Of address translation operations the fetches of structures count alone.
struct Statistics {
  std::uint64_t transactions = 0;
  std::uint64_t bypassed = 0;  ///< SMMUEN 0, STE.Config 0b100, or STE.S1DSS without stage 2
  std::uint64_t disabled =
      0;  ///< aborted without an event: GBPA.ABORT, STE.Config 0b0xx, too wide for bypass
  std::uint64_t micro_tlb_hits = 0;
  std::uint64_t tlb_hits = 0;         ///< in the main TLB, after a micro-TLB miss
  std::uint64_t walks = 0;            ///< those that fault before the first descriptor too
  std::uint64_t stream_fetches = 0;   ///< STEs looked for in memory
  std::uint64_t context_fetches = 0;  ///< CDs looked for in memory
  std::uint64_t stage1_faults = 0;    ///< of the four translation-related kinds, whatever became of them
  std::uint64_t stage2_faults = 0;
  std::uint64_t ats_requests = 0;
  std::uint64_t ats_translated = 0;        ///< Translated transactions, of all transactions
  std::uint64_t aborted_walks = 0;         ///< F_WALK_EABT
  std::uint64_t configuration_faults = 0;  ///< all others, recorded or not
};

/// With commands, queues and interrupts.
struct SmmuCounters {
  std::uint64_t commands = 0;
  std::uint64_t command_errors = 0;
  std::uint64_t invalidations = 0;  ///< CFGI and TLBI commands
  std::uint64_t syncs = 0;
  std::uint64_t events = 0;            ///< records written
  std::uint64_t events_discarded = 0;  ///< for want of a writable queue
  std::uint64_t stalls = 0;
  std::uint64_t msis = 0;
  std::uint64_t atc_invalidations = 0;        ///< that went out
  std::uint64_t page_requests = 0;            ///< written to the PRI queue, with Stop Markers
  std::uint64_t page_requests_discarded = 0;  ///< whatever was answered
  std::uint64_t address_translations = 0;     ///< operations of GATOS and S_GATOS
  std::uint64_t requests_without_power = 0;   ///< transactions and ATS's requests, which nothing else counts
  std::uint64_t register_accesses_without_power = 0;
};

}  // namespace sidewinder::smmuv3

#endif
