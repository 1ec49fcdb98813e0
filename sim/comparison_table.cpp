// SPDX-License-Identifier: Apache-2.0

#include "sim/comparison_table.h"

#include <algorithm>
#include <string_view>

#include "sim/comparison_verdict.h"
#include "sim/paint.h"
#include "sim/report_table.h"
#include "sim/text.h"

namespace sidewinder::sim {
namespace {

constexpr std::size_t indent = 2;
constexpr Align left = Align::Left;

constexpr std::string_view legend =
    R"(  *         backported: this Linux lacks what the policy needs, and kernel.backport gave it
  flt/log   transactions that faults terminated / fault reports in the kernel's log
  caught    misrouted accesses that a fault terminated
  silent    misrouted accesses that completed in somebody else's buffer
  same      misrouted accesses that completed in the memory meant: their streams share a domain
  unowned   misrouted accesses that no stream owned the address of: aborted
  pass/blk  accesses with physical addresses, for want of an IOMMU: passed / blocked
  out       buffers outside their blocks' windows
  fails     DMA allocations and mappings that failed
  1st fail  the first session that failed, and why
  fit/done  sessions that started / that completed
  waste     MiB reserved though inside their streams' windows
  SMR, CB   stream match groups and context banks in use, of an SMMUv2
  probe     whether the bounds are there again when the devices are probed again
  share     whether they hold when a second device joins the group
)";

std::string mark(const ComparisonRow& row) {
  return row.policy + (row.backported ? "*" : "");
}

std::string pair(std::uint64_t first, std::uint64_t second) {
  return first == 0 && second == 0 ? "-" : or_dash(first) + "/" + or_dash(second);
}

std::string used_cell(const std::optional<ResourceUse>& resource) {
  return resource ? std::to_string(resource->used) : "-";
}

std::string failure_cell(const std::optional<SessionFailure>& failure) {
  if (!failure) return "-";
  const auto why = [&]() -> std::string {
    switch (failure->outcome) {
      case SessionOutcome::FailedToStart:
        return failure->error.empty() ? "start" : failure->error;
      case SessionOutcome::Error:
        return "error";
      case SessionOutcome::CoreLost:
        return "core";
      case SessionOutcome::Completed:
      case SessionOutcome::Running:
        break;
    }
    return "";
  };
  return concat({"#", std::to_string(failure->session), " ", why()});
}

std::string heading(const Comparison& comparison, const Paint& paint) {
  std::string text;
  if (!comparison.description.empty()) text += paint.bold(comparison.description) + "\n";
  if (!comparison.overrides.empty()) text += "changed by --set: " + join(comparison.overrides) + "\n";
  return text + "platform " + comparison.platform + ", profile " + comparison.profile + ", seed " +
         std::to_string(comparison.seed) + "\n";
}

std::string run_table(const Comparison& comparison) {
  TextTable table({{"policy", left},
                   {"Linux", left},
                   {"flt/log"},
                   {"caught"},
                   {"silent"},
                   {"same"},
                   {"unowned"},
                   {"pass/blk"},
                   {"out"},
                   {"fails"},
                   {"1st fail", left},
                   {"fit/done"},
                   {"waste"},
                   {"SMR"},
                   {"CB"},
                   {"probe", left},
                   {"share", left}});
  for (const ComparisonRow& row : comparison.rows) {
    if (row.state == RowState::Unavailable) {
      table.add_open_row({mark(row), row.kernel, phrase(row)});
      continue;
    }
    if (row.state == RowState::Refused) {
      table.add_open_row({mark(row), row.kernel, "refused: see below"});
      continue;
    }
    const Figures& figures = row.figures;
    table.add_row({mark(row), row.kernel, pair(figures.faults_raised, figures.faults_logged),
                   or_dash(figures.misroutes.caught), or_dash(figures.misroutes.silent_foreign),
                   or_dash(figures.misroutes.silent_same_memory), or_dash(figures.misroutes.unowned),
                   pair(figures.untranslated.passed, figures.untranslated.blocked),
                   or_dash(figures.buffers_outside_window), or_dash(figures.allocation_failures),
                   failure_cell(figures.first_failure),
                   thousands(figures.sessions.fit()) + "/" + thousands(figures.sessions.completed),
                   figures.wasted_bytes == 0 ? "-" : mebibytes(figures.wasted_bytes),
                   used_cell(figures.stream_match_groups), used_cell(figures.context_banks),
                   to_text(figures.survival.reprobe), to_text(figures.survival.sharing)});
  }
  return table.render(indent);
}

/// Streams side by side: what is wasted of each one's window, or the largest block left in it.
template <typename Bytes>
std::string stream_table(const Comparison& comparison, const Bytes& bytes) {
  const auto first = std::find_if(comparison.rows.begin(), comparison.rows.end(),
                                  [](const ComparisonRow& row) { return row.state == RowState::Done; });
  std::vector<TextTable::Column> columns{{"policy", left}, {"Linux", left}};
  for (const StreamFigures& stream : first->figures.streams) columns.push_back({stream.name});
  TextTable table(columns);
  for (const ComparisonRow& row : comparison.rows) {
    if (row.state != RowState::Done) continue;
    std::vector<std::string> cells{mark(row), row.kernel};
    for (const StreamFigures& stream : row.figures.streams)
      cells.push_back(bytes(stream) == 0 ? "-" : mebibytes(bytes(stream)));
    table.add_row(std::move(cells));
  }
  return table.render(indent);
}

std::string phrase_table(const Comparison& comparison) {
  TextTable table({{"policy", left}, {"Linux", left}, {"in short", left}});
  for (const ComparisonRow& row : comparison.rows) table.add_row({mark(row), row.kernel, phrase(row)});
  return table.render(indent);
}

}  // namespace

std::string to_table(const Comparison& comparison, bool colour) {
  const Paint paint(colour);
  const auto any = [&](const auto& holds) {
    return std::any_of(comparison.rows.begin(), comparison.rows.end(), holds);
  };
  const bool ran = any([](const ComparisonRow& row) { return row.state == RowState::Done; });
  const bool wasted = any([](const ComparisonRow& row) { return row.figures.wasted_bytes != 0; });
  const bool good = any(kept_windows);

  std::string text = heading(comparison, paint) + "\n" + run_table(comparison) + "\n" + std::string(legend);
  const auto section = [&](const std::string& title, const std::string& body) {
    text += concat({"\n", paint.bold(title), "\n", body});
  };
  if (ran) {
    section("Largest aligned free block of each stream's window, when the run ended, in MiB",
            stream_table(comparison, [](const StreamFigures& s) { return s.largest_free_block_bytes; }));
  }
  if (wasted) {
    section("Reserved inside each stream's own window, in MiB",
            stream_table(comparison, [](const StreamFigures& s) { return s.wasted_bytes; }));
  }
  section("Verdict", phrase_table(comparison));
  const std::string sentence = wrapped(verdict(comparison), 120);
  return text + "\n" + (good ? paint.bold(sentence) : paint.alarm(sentence)) + "\n";
}

}  // namespace sidewinder::sim
