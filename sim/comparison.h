// SPDX-License-Identifier: Apache-2.0
//
// What a comparison of policies found, as plain values: comparison.json and its table are two renderings of
// it. docs/results.md defines each figure.

#ifndef SIDEWINDER_SIM_COMPARISON_H
#define SIDEWINDER_SIM_COMPARISON_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/report.h"

namespace sidewinder::sim {

struct StreamFigures {
  std::string name;
  std::string device;
  std::uint64_t accesses = 0;
  MisrouteCounts misroutes;
  UntranslatedCounts untranslated;
  std::uint64_t buffers_outside_window = 0;
  std::uint64_t allocation_failures = 0;
  std::uint64_t wasted_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t largest_free_block_bytes = 0;
};

struct SessionFigures {
  std::uint32_t total = 0;
  std::uint32_t completed = 0;
  std::uint32_t running = 0;
  std::uint32_t failed_to_start = 0;
  std::uint32_t error = 0;
  std::uint32_t core_lost = 0;
  std::uint32_t no_room = 0;  ///< of failed_to_start: for want of addresses or memory

  [[nodiscard]] std::uint32_t fit() const { return total - failed_to_start; }
};

/// Of the first session that neither completed nor still runs.
struct SessionFailure {
  std::uint32_t session = 0;
  SessionOutcome outcome = SessionOutcome::Completed;
  std::string error;  ///< Linux's error code where an allocation failed, otherwise empty
  std::string why;    ///< in words
};

/// Of one run: sums over its streams where it does not say otherwise.
struct Figures {
  std::uint64_t accesses = 0;
  std::uint64_t faults_raised = 0;
  std::uint64_t faults_logged = 0;
  MisrouteCounts misroutes;
  UntranslatedCounts untranslated;
  std::uint64_t own_faults = 0;
  std::uint64_t collateral_aborts = 0;
  std::uint64_t buffers_outside_window = 0;
  std::uint64_t allocation_failures = 0;
  std::uint64_t wasted_bytes = 0;
  SessionFigures sessions;
  std::optional<SessionFailure> first_failure;
  std::optional<ResourceUse> context_banks;  ///< none: an SMMUv3
  std::optional<ResourceUse> stream_match_groups;
  SurvivalReport survival;
  std::vector<StreamFigures> streams;  ///< in the profile's order
};

enum class RowState : std::uint8_t {
  Done,
  Refused,      ///< the input does not fit this policy
  Unavailable,  ///< this Linux lacks what the policy needs
};

struct ComparisonRow {
  std::string policy;
  std::string kernel;
  bool backported = false;
  RowState state = RowState::Done;
  std::string reason;  ///< Refused, Unavailable: why
  Figures figures;     ///< Done
};

struct Comparison {
  std::string description;
  std::string platform;
  std::string profile;
  std::uint64_t seed = 0;
  std::vector<std::string> overrides;  ///< the user's own, of every run alike
  std::vector<ComparisonRow> rows;     ///< by policy, then by kernel
};

[[nodiscard]] Figures figures_of(const Report& report);

/// Where the run's files are, in the output directory: "child-nodes-6.19".
[[nodiscard]] std::string run_folder(const ComparisonRow& row);

/// Whether run_folder() of some row may give this.
[[nodiscard]] bool is_run_folder(const std::string& name);

}  // namespace sidewinder::sim

#endif
