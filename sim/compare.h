// SPDX-License-Identifier: Apache-2.0
//
// One scenario under several policies and kernels: which runs that makes, and running them.

#ifndef SIDEWINDER_SIM_COMPARE_H
#define SIDEWINDER_SIM_COMPARE_H

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "sim/comparison.h"
#include "sim/output_directory.h"
#include "sim/run_scenario.h"

namespace sidewinder::sim {

struct CompareRequest {
  std::filesystem::path scenario;
  std::vector<std::string> overrides;  ///< KEY=VALUE, of every run alike
  std::vector<std::string> policies;   ///< by name; none: all but "device-tree"
  std::vector<std::string> kernels;    ///< by release; none: the scenario's
};

struct PlannedRun {
  ComparisonRow row;                   ///< Done as long as it is to run
  std::vector<std::string> overrides;  ///< what gives the same run by itself
};

struct ComparisonPlan {
  Comparison head;  ///< without rows
  std::vector<PlannedRun> runs;
};

/// Throws InputError for what is wrong with the request, or with the scenario whatever the policy.
[[nodiscard]] ComparisonPlan plan_comparison(const CompareRequest& request);

struct ComparisonResult {
  Comparison comparison;
  std::vector<OutputFile> files;                      ///< of each run that was done, in its folder
  std::vector<std::vector<std::string>> kernel_logs;  ///< of each row; empty where it was not done
};

using RunsDone = std::function<void(std::size_t done, std::size_t total)>;

/// Runs what is to be run, a process each, as many at once as there are CPUs. Before any SystemC object
/// exists. Throws InputError where every run that was made is refused for one and the same reason, and
/// std::runtime_error where a run's process fails: the first in the order of rows.
[[nodiscard]] ComparisonResult run_comparison(const CompareRequest& request, const ComparisonPlan& plan,
                                              const RunScenario& run_scenario, const RunsDone& done = {});

}  // namespace sidewinder::sim

#endif
