// SPDX-License-Identifier: Apache-2.0

#include "sim/comparison.h"

#include <algorithm>

#include "iommu/linux/kernel_version.h"
#include "sim/policy.h"
#include "sim/report_table.h"

namespace sidewinder::sim {
namespace {

StreamFigures stream_figures(const StreamReport& stream) {
  return {stream.name,
          stream.device,
          stream.transactions,
          stream.misroutes,
          stream.untranslated,
          stream.buffers_outside_window,
          stream.allocation_failures,
          stream.wasted_bytes,
          stream.free_bytes,
          stream.largest_free_block_bytes};
}

void add_stream(const StreamReport& stream, Figures& sum) {
  sum.accesses += stream.transactions;
  sum.misroutes.caught += stream.misroutes.caught;
  sum.misroutes.silent_foreign += stream.misroutes.silent_foreign;
  sum.misroutes.silent_same_memory += stream.misroutes.silent_same_memory;
  sum.misroutes.unowned += stream.misroutes.unowned;
  sum.untranslated.passed += stream.untranslated.passed;
  sum.untranslated.blocked += stream.untranslated.blocked;
  sum.own_faults += stream.own_faults;
  sum.collateral_aborts += stream.collateral_aborts;
  sum.buffers_outside_window += stream.buffers_outside_window;
  sum.allocation_failures += stream.allocation_failures;
  sum.wasted_bytes += stream.wasted_bytes;
}

/// Whether it failed.
bool add_session(const SessionReport& session, SessionFigures& sum) {
  ++sum.total;
  switch (session.outcome) {
    case SessionOutcome::Completed:
      ++sum.completed;
      return false;
    case SessionOutcome::Running:
      ++sum.running;
      return false;
    case SessionOutcome::FailedToStart:
      ++sum.failed_to_start;
      if (session.allocation_failure) ++sum.no_room;
      return true;
    case SessionOutcome::Error:
      ++sum.error;
      return true;
    case SessionOutcome::CoreLost:
      ++sum.core_lost;
      return true;
  }
  return false;
}

}  // namespace

Figures figures_of(const Report& report) {
  Figures figures;
  figures.faults_raised = report.faults.raised;
  figures.faults_logged = report.faults.logged;
  for (const StreamReport& stream : report.streams) {
    add_stream(stream, figures);
    figures.streams.push_back(stream_figures(stream));
  }
  for (const SessionReport& session : report.sessions) {
    if (!add_session(session, figures.sessions) || figures.first_failure) continue;
    figures.first_failure = SessionFailure{
        session.id, session.outcome, session.allocation_failure ? session.allocation_failure->error : "",
        outcome_text(session)};
  }
  figures.context_banks = report.smmu.context_banks;
  figures.stream_match_groups = report.smmu.stream_match_groups;
  figures.survival = report.survival;
  return figures;
}

std::string run_folder(const ComparisonRow& row) {
  return row.policy + "-" + row.kernel;
}

bool is_run_folder(const std::string& name) {
  const std::size_t dash = name.find_last_of('-');
  if (dash == std::string::npos) return false;
  const auto& policies = policy_names();
  return std::find(policies.begin(), policies.end(), name.substr(0, dash)) != policies.end() &&
         kernel::parse_kernel_version(name.substr(dash + 1)).has_value();
}

}  // namespace sidewinder::sim
