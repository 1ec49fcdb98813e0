// SPDX-License-Identifier: Apache-2.0

#include "sim/compare.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string_view>

#include "iommu/linux/kernel_version.h"
#include "sim/input_error.h"
#include "sim/packing.h"
#include "sim/policy.h"
#include "sim/process_pool.h"
#include "sim/report_json.h"
#include "sim/scenario.h"
#include "sim/table_reader.h"

namespace sidewinder::sim {

// Of the values a run's process sends: found by Packer and Unpacker beside their types.

template <typename Archive>
void fields(Archive& archive, MisrouteCounts& counts) {
  archive(counts.caught, counts.silent_foreign, counts.silent_same_memory, counts.unowned);
}

template <typename Archive>
void fields(Archive& archive, UntranslatedCounts& counts) {
  archive(counts.passed, counts.blocked);
}

template <typename Archive>
void fields(Archive& archive, SurvivalReport& survival) {
  archive(survival.reprobe, survival.sharing);
}

template <typename Archive>
void fields(Archive& archive, StreamFigures& stream) {
  archive(stream.name, stream.device, stream.accesses, stream.misroutes, stream.untranslated,
          stream.buffers_outside_window, stream.allocation_failures, stream.wasted_bytes, stream.free_bytes,
          stream.largest_free_block_bytes);
}

template <typename Archive>
void fields(Archive& archive, SessionFigures& sessions) {
  archive(sessions.total, sessions.completed, sessions.running, sessions.failed_to_start, sessions.error,
          sessions.core_lost, sessions.no_room);
}

template <typename Archive>
void fields(Archive& archive, SessionFailure& failure) {
  archive(failure.session, failure.outcome, failure.error, failure.why);
}

template <typename Archive>
void fields(Archive& archive, ResourceUse& resource) {
  archive(resource.used, resource.present);
}

template <typename Archive>
void fields(Archive& archive, Figures& figures) {
  archive(figures.accesses, figures.faults_raised, figures.faults_logged, figures.misroutes,
          figures.untranslated, figures.own_faults, figures.collateral_aborts, figures.buffers_outside_window,
          figures.allocation_failures, figures.wasted_bytes, figures.sessions, figures.first_failure,
          figures.context_banks, figures.stream_match_groups, figures.survival, figures.streams);
}

namespace {

using kernel::KernelVersion;

/// What a run's process sends.
struct Outcome {
  bool refused = false;
  std::string reason;
  Figures figures;
  std::string summary;
  std::vector<std::string> kernel_log;
};

template <typename Archive>
void fields(Archive& archive, Outcome& outcome) {
  archive(outcome.refused, outcome.reason, outcome.figures, outcome.summary, outcome.kernel_log);
}

std::string_view key_of(const std::string& setting) {
  const std::string_view key = std::string_view(setting).substr(0, setting.find('='));
  const std::size_t first = key.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : key.substr(first, key.find_last_not_of(' ') + 1 - first);
}

const std::string* find_setting(const std::vector<std::string>& overrides, std::string_view key) {
  const auto found = std::find_if(overrides.begin(), overrides.end(),
                                  [&](const std::string& setting) { return key_of(setting) == key; });
  return found == overrides.end() ? nullptr : &*found;
}

std::vector<Policy> policies_of(const CompareRequest& request) {
  const auto& names = policy_names();
  std::vector<Policy> policies;
  if (request.policies.empty()) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (static_cast<Policy>(i) != Policy::DeviceTree) policies.push_back(static_cast<Policy>(i));
    return policies;
  }
  for (const std::string& name : request.policies) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw InputError({"--policies", 0}, "no policy is called '" + name + "'" + name_hint(name, names));
    const Policy policy = static_cast<Policy>(found - names.begin());
    if (std::find(policies.begin(), policies.end(), policy) != policies.end())
      throw InputError({"--policies", 0}, "names '" + name + "' twice");
    policies.push_back(policy);
  }
  return policies;
}

std::vector<KernelVersion> kernels_of(const CompareRequest& request) {
  std::vector<KernelVersion> kernels;
  for (const std::string& text : request.kernels) {
    const auto version = parse_release(text);
    if (!version) {
      throw InputError({"--kernel", 0}, "'" + text + "' must be a release from " + to_string(oldest_kernel) +
                                            " to " + to_string(newest_kernel));
    }
    if (std::find(kernels.begin(), kernels.end(), *version) != kernels.end())
      throw InputError({"--kernel", 0}, "names '" + text + "' twice");
    kernels.push_back(*version);
  }
  return kernels;
}

/// `overrides`, without the size that is for Policy::Uniform alone unless it is the policy.
std::vector<std::string> settings_for(Policy policy, const std::vector<std::string>& overrides) {
  std::vector<std::string> settings;
  for (const std::string& setting : overrides)
    if (policy == Policy::Uniform || key_of(setting) != "policy.uniform_size") settings.push_back(setting);
  settings.push_back("policy.name=" + std::string(to_string(policy)));
  return settings;
}

std::string version_setting(const KernelVersion& version) {
  return "kernel.version=\"" + to_string(version) + "\"";
}

Outcome run_here(const CompareRequest& request, const PlannedRun& planned, const RunScenario& run_scenario) {
  Outcome outcome;
  try {
    const Report report = run_scenario(request.scenario, planned.overrides, [](auto, auto) {});
    outcome.figures = figures_of(report);
    outcome.summary = to_json(report);
    outcome.kernel_log = report.kernel_log;
  } catch (const InputError& error) {
    outcome.refused = true;
    outcome.reason = error.what();
  }
  return outcome;
}

std::string lines(const std::vector<std::string>& log) {
  std::string text;
  for (const std::string& line : log) text += line + "\n";
  return text;
}

/// Whether no run was done, and all that were made were refused for one reason.
bool refused_alike(const std::vector<ComparisonRow>& rows) {
  std::set<std::string> reasons;
  for (const ComparisonRow& row : rows) {
    if (row.state == RowState::Done) return false;
    if (row.state == RowState::Refused) reasons.insert(row.reason);
  }
  return reasons.size() == 1;
}

}  // namespace

ComparisonPlan plan_comparison(const CompareRequest& request) {
  const std::vector<Policy> policies = policies_of(request);
  std::vector<KernelVersion> kernels = kernels_of(request);
  if (const std::string* setting = find_setting(request.overrides, "policy.name"))
    throw InputError({"--set " + *setting, 0},
                     "a comparison sets the policy itself: name it with --policies");
  if (const std::string* setting = find_setting(request.overrides, "kernel.version");
      setting != nullptr && !kernels.empty())
    throw InputError({"--set " + *setting, 0}, "--kernel sets it too: remove one of them");
  const bool uniform = std::find(policies.begin(), policies.end(), Policy::Uniform) != policies.end();
  if (const std::string* setting = find_setting(request.overrides, "policy.uniform_size");
      setting != nullptr && !uniform)
    throw InputError({"--set " + *setting, 0}, "uniform is not among the policies compared");

  // No policy needs less, so what this one finds wrong is wrong for all.
  const Scenario base = load_scenario(request.scenario, settings_for(Policy::None, request.overrides));
  ComparisonPlan plan;
  plan.head.description = base.description;
  plan.head.platform = base.platform.filename().string();
  plan.head.profile = base.profile.name;
  plan.head.seed = base.seed;
  plan.head.overrides = request.overrides;
  if (kernels.empty()) kernels.push_back(base.kernel.version);

  for (const Policy policy : policies) {
    for (const KernelVersion& version : kernels) {
      PlannedRun run;
      run.row.policy = to_string(policy);
      run.row.kernel = to_string(version);
      run.overrides = settings_for(policy, request.overrides);
      if (!request.kernels.empty()) run.overrides.push_back(version_setting(version));
      const std::string_view missing = missing_means(policy, version);
      run.row.backported = is_backported(policy, version, base.kernel.backport);
      if (!missing.empty() && !base.kernel.backport) {
        run.row.state = RowState::Unavailable;
        run.row.reason = missing;
      }
      plan.runs.push_back(std::move(run));
    }
  }
  return plan;
}

ComparisonResult run_comparison(const CompareRequest& request, const ComparisonPlan& plan,
                                const RunScenario& run_scenario, const RunsDone& done) {
  ComparisonResult result;
  result.comparison = plan.head;
  result.kernel_logs.resize(plan.runs.size());
  std::vector<Job> jobs;
  std::vector<std::size_t> rows_of_jobs;
  for (const PlannedRun& planned : plan.runs) {
    result.comparison.rows.push_back(planned.row);
    if (planned.row.state != RowState::Done) continue;
    rows_of_jobs.push_back(result.comparison.rows.size() - 1);
    jobs.emplace_back(
        [&request, &planned, &run_scenario] { return pack(run_here(request, planned, run_scenario)); });
  }

  const std::vector<JobResult> results = run_in_processes(jobs, usable_cpus(), [&](std::size_t ended) {
    if (done) done(ended, jobs.size());
  });
  for (std::size_t job = 0; job < results.size(); ++job) {
    ComparisonRow& row = result.comparison.rows[rows_of_jobs[job]];
    if (!results[job].failure.empty())
      throw std::runtime_error("policy " + row.policy + " on Linux " + row.kernel + ": " +
                               results[job].failure);
    Outcome outcome = unpack<Outcome>(results[job].output);
    if (outcome.refused) {
      row.state = RowState::Refused;
      row.reason = outcome.reason;
      continue;
    }
    row.figures = std::move(outcome.figures);
    result.files.push_back({run_folder(row) + "/summary.json", std::move(outcome.summary)});
    result.files.push_back({run_folder(row) + "/faults.log", lines(outcome.kernel_log)});
    result.kernel_logs[rows_of_jobs[job]] = std::move(outcome.kernel_log);
  }

  if (refused_alike(result.comparison.rows)) {
    const auto first = std::find_if(result.comparison.rows.begin(), result.comparison.rows.end(),
                                    [](const ComparisonRow& row) { return row.state == RowState::Refused; });
    throw InputError(first->reason);
  }
  return result;
}

}  // namespace sidewinder::sim
