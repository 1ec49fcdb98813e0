// SPDX-License-Identifier: Apache-2.0
//
// What a run found, as plain values: summary.json and the terminal's table are two renderings of it.
// Sizes are in bytes, times in nanoseconds, addresses are IOVAs. docs/results.md defines each field.

#ifndef SIDEWINDER_SIM_REPORT_H
#define SIDEWINDER_SIM_REPORT_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/fault_report.h"
#include "sim/platform_report.h"

namespace sidewinder::sim {

/// An SMMU that its driver suspends. Without power it translates nothing and records nothing.
struct PowerReport {
  std::uint64_t suspends = 0;
  std::uint64_t resumes = 0;
  std::uint64_t powered_ns = 0;         ///< of the run
  std::uint64_t aborted_accesses = 0;   ///< clients' transactions that found it without power
  std::uint64_t refused_registers = 0;  ///< the software's accesses that did
};

/// Of what an SMMUv2 has only so many.
struct ResourceUse {
  std::uint32_t used = 0;     ///< when the run ended
  std::uint32_t present = 0;  ///< as the ID registers tell

  friend auto operator<=>(const ResourceUse&, const ResourceUse&) = default;
};

struct SmmuReport {
  std::string device;                              ///< as dmesg names it: "15000000.iommu"
  std::optional<ResourceUse> context_banks;        ///< SMMU_IDR1.NUMCB; none: an SMMUv3
  std::optional<ResourceUse> stream_match_groups;  ///< SMMU_IDR0.NUMSMRG; none: an SMMUv3
  std::uint64_t tlb_lookups = 0;
  std::uint64_t tlb_hits = 0;
  std::uint64_t walks = 0;
  std::optional<PowerReport> power{};  ///< none: always on
};

/// Accesses that left with another stream's StreamID, or with none. The four kinds add up to the total.
struct MisrouteCounts {
  std::uint64_t caught = 0;              ///< terminated by a fault, recorded or not
  std::uint64_t silent_foreign = 0;      ///< completed, into a buffer of another stream
  std::uint64_t silent_same_memory = 0;  ///< completed, into the memory meant: the two streams share a domain
  std::uint64_t unowned = 0;             ///< aborted before the SMMU: nobody owns the address

  [[nodiscard]] std::uint64_t total() const { return caught + silent_foreign + silent_same_memory + unowned; }
};

/// Accesses to buffers whose addresses are physical ones, since no IOMMU is set up for their device.
struct UntranslatedCounts {
  std::uint64_t passed = 0;  ///< reached the bus as they are: nothing protects memory from them
  std::uint64_t blocked =
      0;  ///< terminated: the SMMU knows no such stream, or translates the address after all

  [[nodiscard]] std::uint64_t total() const { return passed + blocked; }
};

struct PlacedBuffer {
  std::optional<std::uint32_t> session;  ///< none: the driver's own
  std::string buffer;                    ///< "COMV", "BIN", ...
  std::uint64_t iova = 0;
};

struct StreamReport {
  std::string name;    ///< of the block: "non-pixel"
  std::string device;  ///< as dmesg names it
  std::uint32_t sid = 0;
  std::optional<std::uint32_t> context_bank;  ///< none: never attached
  std::uint64_t window_lo = 0;                ///< first address the block can use
  std::uint64_t window_hi = 0;                ///< first address past the window
  std::uint64_t iova_limit = 0;               ///< the DMA mask: highest address Linux may hand out

  std::uint64_t mappings_live = 0;  ///< when the run ended
  std::uint64_t mappings_made = 0;
  std::uint64_t mapped_peak_bytes = 0;   ///< the most at one time
  std::uint64_t mapped_total_bytes = 0;  ///< over the run, each mapping once
  std::uint64_t transactions = 0;
  std::uint64_t transferred_bytes = 0;

  std::optional<std::uint64_t> lowest_iova;   ///< handed out; none: nothing was
  std::optional<std::uint64_t> highest_iova;  ///< last byte handed out
  std::uint64_t buffers_outside_window = 0;
  std::optional<PlacedBuffer> outside_example;  ///< the first of them

  MisrouteCounts misroutes;
  UntranslatedCounts untranslated;
  std::uint64_t own_faults = 0;  ///< its own rightful accesses that faulted
  std::uint64_t collateral_aborts =
      0;  ///< its own rightful accesses, terminated: its bank had a fault pending

  std::uint64_t allocation_failures = 0;
  std::uint64_t reserved_bytes = 0;
  std::uint64_t wasted_bytes = 0;  ///< reserved inside the stream's own window
  std::uint64_t free_bytes = 0;    ///< inside the window and at or below the limit, when the run ended
  std::uint64_t largest_free_block_bytes = 0;  ///< largest free power of two there, aligned to its size
};

/// Silent misroutes of one kind of buffer into one other buffer. A write corrupts the victim; a read gives
/// the attacker somebody else's data.
struct SilentHit {
  std::string stream;  ///< whose access it was
  std::string buffer;
  std::string victim_stream;
  std::string victim_buffer;
  std::optional<std::uint32_t> victim_session;  ///< none: the driver's own
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};

enum class SessionOutcome : std::uint8_t { Completed, Running, FailedToStart, Error, CoreLost };

struct AllocationFailure {
  std::string error;   ///< "-ENOMEM"
  std::string buffer;  ///< "COMV"
  std::uint64_t bytes = 0;
  std::string stream;
};

struct BadResponse {
  std::uint64_t iova = 0;
  std::string block;
};

struct SessionReport {
  std::uint32_t id = 0;
  std::string device;
  std::string codec;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  SessionOutcome outcome = SessionOutcome::Completed;
  std::string reason;  ///< in words, where the outcome is neither Completed nor Running; may be empty
  std::optional<AllocationFailure> allocation_failure;  ///< FailedToStart
  std::optional<BadResponse> bad_response;              ///< Error: the first one
  std::uint64_t frames = 0;
  std::uint64_t allocated_bytes = 0;
};

/// Whether what keeps a stream below or above its bounds is still there afterwards.
enum class Survival : std::uint8_t {
  NoBounds,  ///< there is nothing to keep
  Kept,
  Lost,
};

/// Tried out on the SMMU when the run is over.
struct SurvivalReport {
  Survival reprobe = Survival::NoBounds;  ///< the devices are removed and probed again: their new domains
  Survival sharing = Survival::NoBounds;  ///< a second device joins each group, with bounds of its own
};

struct Report {
  std::string scenario;  ///< its one-line description
  std::string platform;
  std::string profile;
  std::uint64_t seed = 0;
  std::vector<std::string> overrides;  ///< of the scenario's keys: KEY=VALUE
  std::string policy;                  ///< by its name in the scenario
  std::string kernel;                  ///< release: "6.1"
  bool backported = false;             ///< the policy needs what that release lacks
  std::uint64_t simulated_ns = 0;

  PlatformReport used;
  SmmuReport smmu;
  std::vector<StreamReport> streams;   ///< in the profile's order
  std::vector<SilentHit> silent_hits;  ///< most hits first
  FaultReport faults;
  std::vector<SessionReport> sessions;  ///< by id
  SurvivalReport survival;
  std::vector<std::string> kernel_log;  ///< every line the kernel printed, without newlines
};

}  // namespace sidewinder::sim

#endif
