// SPDX-License-Identifier: Apache-2.0
//
// Plain counters of what an SMMUv2 did; they only ever grow.

#ifndef SIDEWINDER_IOMMU_SMMUV2_STATISTICS_H
#define SIDEWINDER_IOMMU_SMMUV2_STATISTICS_H

#include <cstdint>
#include <vector>

namespace sidewinder::smmuv2 {

struct BankStatistics {
  std::uint64_t translations = 0;       ///< requests that reached the bank, faulting ones included
  std::uint64_t faults_recorded = 0;    ///< in FSR, FAR and the syndrome registers
  std::uint64_t faults_multiple = 0;    ///< only as FSR.MULTI, under HUPCF
  std::uint64_t terminated_behind = 0;  ///< untranslated, because a fault was pending and HUPCF is 0
};

struct Statistics {
  std::uint64_t requests = 0;
  std::uint64_t bypassed = 0;  ///< CLIENTPD, unmatched with USFCFG 0, S2CR bypass, or SCTLR.M 0
  std::uint64_t micro_tlb_lookups = 0;
  std::uint64_t micro_tlb_hits = 0;
  std::uint64_t tlb_lookups = 0;  ///< in the main TLB, after a micro-TLB miss
  std::uint64_t tlb_hits = 0;
  std::uint64_t walks = 0;
  std::uint64_t walk_reads = 0;  ///< descriptors read
  std::uint64_t global_faults_recorded = 0;
  std::uint64_t global_faults_multiple = 0;  ///< only as sGFSR.MULTI
  std::uint64_t invalidations = 0;           ///< TLBI registers written
  std::uint64_t synchronisations = 0;        ///< TLBSYNC and sTLBGSYNC
  std::uint64_t requests_without_power = 0;
  std::uint64_t register_accesses_without_power = 0;
  std::vector<BankStatistics> banks;
};

}  // namespace sidewinder::smmuv2

#endif
