// SPDX-License-Identifier: Apache-2.0
//
// What a run's SMMU reported of faults, as plain values.

#ifndef SIDEWINDER_SIM_FAULT_REPORT_H
#define SIDEWINDER_SIM_FAULT_REPORT_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sidewinder::sim {

struct ContextBankFaults {
  std::uint32_t bank = 0;
  std::string owner;                           ///< the stream whose bank it is, or the domain's name
  std::uint64_t recorded = 0;                  ///< put into FSR, FAR and FSYNR0
  std::uint64_t terminated_while_pending = 0;  ///< FSR still held an earlier fault, and HUPCF is 0
  std::uint64_t multi = 0;                     ///< times FSR.MULTI was set
};

/// What an SMMUv3 did about its event queue.
struct EventReport {
  std::uint64_t recorded = 0;
  std::uint64_t discarded = 0;  ///< for want of a writable queue
  std::uint64_t stalled = 0;    ///< transactions that waited for the software's answer
};

struct FaultReport {
  std::vector<ContextBankFaults> context_banks;  ///< by bank number; of an SMMUv2
  std::optional<EventReport> events{};           ///< none: an SMMUv2
  std::uint64_t global_faults = 0;               ///< recorded in sGFSR
  std::uint64_t raised = 0;                      ///< transactions terminated by a fault, context or global
  std::uint64_t logged = 0;                      ///< fault reports that reached the kernel log
  std::uint64_t suppressed = 0;                  ///< reports the rate limit dropped
};

}  // namespace sidewinder::sim

#endif
