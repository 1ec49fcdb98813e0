// SPDX-License-Identifier: Apache-2.0

#include "sim/comparison_verdict.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "sim/text.h"

namespace sidewinder::sim {
namespace {

using Rows = std::vector<const ComparisonRow*>;

constexpr std::size_t most_harms_told = 2;
constexpr const char* inside = "every buffer and access inside its block's window";

/// Reached memory that was not theirs to reach.
std::uint64_t strayed(const Figures& figures) {
  return figures.misroutes.silent_foreign + figures.untranslated.passed;
}

std::uint64_t stopped(const Figures& figures) {
  return figures.misroutes.caught + figures.misroutes.unowned + figures.untranslated.blocked;
}

/// What is wrong with a run's accesses, the worst first.
std::vector<std::string> harms(const Figures& figures) {
  std::vector<std::string> parts;
  if (const std::uint64_t n = strayed(figures); n != 0) {
    std::string text = counted(n, "access went where it", "accesses went where they") + " must not";
    if (figures.untranslated.passed != 0)
      text += concat({" (", thousands(figures.untranslated.passed), " untranslated)"});
    parts.push_back(text);
  }
  if (const std::uint64_t n = stopped(figures); n != 0)
    parts.push_back(counted(n, "access", "accesses") + " stopped");
  if (const std::uint64_t n = figures.misroutes.silent_same_memory; n != 0)
    parts.push_back(counted(n, "access", "accesses") + " misrouted within a shared domain");
  if (const std::uint64_t n = figures.own_faults; n != 0)
    parts.push_back(counted(n, "rightful access", "rightful accesses") + " faulted");
  if (const std::uint64_t n = figures.collateral_aborts; n != 0)
    parts.push_back(counted(n, "collateral abort", "collateral aborts"));
  if (const std::uint64_t n = figures.buffers_outside_window; n != 0 && figures.misroutes.total() == 0)
    parts.push_back(counted(n, "buffer outside its window", "buffers outside their windows"));
  return parts;
}

auto harm_rank(const Figures& figures) {
  return std::tuple(figures.untranslated.passed, figures.misroutes.silent_foreign, stopped(figures),
                    figures.misroutes.silent_same_memory, figures.buffers_outside_window);
}

/// Less is better.
auto session_rank(const Figures& figures) {
  return std::tuple(figures.sessions.failed_to_start, figures.sessions.error + figures.sessions.core_lost);
}

auto resource_rank(const Figures& figures) {
  return std::tuple(figures.context_banks, figures.stream_match_groups, figures.wasted_bytes);
}

std::string sessions_text(const SessionFigures& sessions) {
  if (sessions.fit() == sessions.total)
    return sessions.total == 1 ? "the session fits" : "all " + thousands(sessions.total) + " sessions fit";
  // It is not for want of room alone that sessions do not start: the core may be gone, or never have come up.
  if (sessions.failed_to_start != sessions.no_room)
    return sessions.fit() == 0 ? "no session starts"
                               : thousands(sessions.fit()) + " of " +
                                     counted(sessions.total, "session starts", "sessions start");
  if (sessions.fit() == 0) return "no session fits";
  return "fits " + thousands(sessions.fit()) + " of " + counted(sessions.total, "session", "sessions");
}

std::string resources_text(const Figures& figures) {
  std::string text;
  if (figures.context_banks)
    text += counted(figures.context_banks->used, "context bank", "context banks") + ", ";
  if (figures.stream_match_groups)
    text += counted(figures.stream_match_groups->used, "stream match group", "stream match groups") + ", ";
  return text + mebibytes(figures.wasted_bytes) + " MiB wasted";
}

/// Where the bounds are lost: "", "on re-probe", "when shared" or both.
std::string lost_text(const SurvivalReport& survival) {
  std::vector<std::string> parts;
  if (survival.reprobe == Survival::Lost) parts.emplace_back("on re-probe");
  if (survival.sharing == Survival::Lost) parts.emplace_back("when shared");
  return join(parts, " and ");
}

/// "a, b and c".
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

/// Names rows: by their policies, and by their kernels where there are several.
class Labels {
 public:
  explicit Labels(const std::vector<ComparisonRow>& rows)
      : kernels_(std::any_of(rows.begin(), rows.end(),
                             [&](const ComparisonRow& row) { return row.kernel != rows[0].kernel; })) {}

  [[nodiscard]] std::string operator()(const ComparisonRow& row) const {
    return kernels_ ? row.policy + " on " + row.kernel : row.policy;
  }

  [[nodiscard]] std::string list(const Rows& rows) const {
    std::vector<std::string> names;
    names.reserve(rows.size());
    for (const ComparisonRow* row : rows) names.push_back((*this)(*row));
    return listed(names);
  }

  /// With a '*' at those that are backported.
  [[nodiscard]] std::string marked_list(const Rows& rows) const {
    std::vector<std::string> names;
    names.reserve(rows.size());
    for (const ComparisonRow* row : rows) names.push_back((*this)(*row) + (row->backported ? "*" : ""));
    return listed(names);
  }

 private:
  bool kernels_;
};

template <typename Rank>
Rows lowest(const Rows& rows, const Rank& rank) {
  const ComparisonRow* const best = *std::min_element(
      rows.begin(), rows.end(),
      [&](const ComparisonRow* a, const ComparisonRow* b) { return rank(a->figures) < rank(b->figures); });
  Rows found;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(found),
               [&](const ComparisonRow* row) { return !(rank(best->figures) < rank(row->figures)); });
  return found;
}

/// Where the bounds that kept the windows do not last.
void add_losses(const Rows& kept, const Labels& labels, std::vector<std::string>& clauses) {
  const auto losing = [&](Survival SurvivalReport::*what) {
    Rows rows;
    std::copy_if(kept.begin(), kept.end(), std::back_inserter(rows),
                 [&](const ComparisonRow* row) { return row->figures.survival.*what == Survival::Lost; });
    return rows;
  };
  if (const Rows rows = losing(&SurvivalReport::reprobe); !rows.empty())
    clauses.push_back("a re-probe loses the bounds of " + labels.list(rows));
  if (const Rows rows = losing(&SurvivalReport::sharing); !rows.empty())
    clauses.push_back("a second device in the group loses the bounds of " + labels.list(rows));
}

std::string sessions_of(const SessionFigures& sessions) {
  return thousands(sessions.fit()) + " of " + thousands(sessions.total);
}

/// Of those that kept their windows: who fits most sessions, and with how little.
std::string best_text(const Rows& kept, const Labels& labels) {
  if (kept.size() == 1) {
    const Figures& figures = kept[0]->figures;
    return "it fits " + sessions_of(figures.sessions) + " sessions (" + resources_text(figures) + ")";
  }
  const Rows most = lowest(kept, [](const Figures& figures) { return session_rank(figures); });
  const Rows least = lowest(most, [](const Figures& figures) { return resource_rank(figures); });
  const std::string sessions = sessions_of(most[0]->figures.sessions);
  const std::string resources = resources_text(least[0]->figures);
  if (most.size() == 1)
    return "of these, " + labels.list(most) + " fits most sessions (" + sessions + "; " + resources + ")";
  const std::string start = most.size() == kept.size() ? "each fits " + sessions + " sessions, "
                                                       : "of these, " + labels.list(most) +
                                                             " fit most sessions (" + sessions + "), ";
  if (least.size() == most.size()) return start + "with equal resources (" + resources + ")";
  return start + labels.list(least) + " with fewest resources (" + resources + ")";
}

}  // namespace

bool kept_windows(const ComparisonRow& row) {
  const Figures& figures = row.figures;
  return row.state == RowState::Done && figures.sessions.fit() != 0 && figures.misroutes.total() == 0 &&
         figures.untranslated.total() == 0 && figures.buffers_outside_window == 0;
}

std::string phrase(const ComparisonRow& row) {
  if (row.state == RowState::Unavailable) return "unavailable: " + row.reason;
  if (row.state == RowState::Refused) return "refused: " + row.reason;

  const Figures& figures = row.figures;
  std::vector<std::string> parts = harms(figures);
  if (parts.size() > most_harms_told) parts.resize(most_harms_told);
  const SessionFigures& sessions = figures.sessions;
  if (parts.empty() && (sessions.fit() != 0 || sessions.total == 0)) parts.emplace_back("clean");
  if (sessions.total != 0) parts.push_back(sessions_text(sessions));
  if (const std::uint64_t n = sessions.error + sessions.core_lost; n != 0)
    parts.push_back(thousands(n) + " of them failed later");
  if (const std::string lost = lost_text(figures.survival); !lost.empty())
    parts.push_back("bounds lost " + lost);
  if (figures.wasted_bytes != 0) parts.push_back(mebibytes(figures.wasted_bytes) + " MiB wasted");
  return join(parts);
}

std::string verdict(const Comparison& comparison) {
  const Labels labels(comparison.rows);
  Rows kept;
  Rows failed;
  Rows idle;  // nothing started, so nothing could go wrong
  for (const ComparisonRow& row : comparison.rows) {
    if (row.state != RowState::Done) continue;
    if (kept_windows(row)) {
      kept.push_back(&row);
    } else {
      (harms(row.figures).empty() ? idle : failed).push_back(&row);
    }
  }
  if (kept.empty() && failed.empty() && idle.empty()) return "No policy could be run.";

  std::vector<std::string> clauses;
  if (kept.empty()) {
    clauses.push_back(concat({"no policy kept ", inside}));
  } else {
    const bool backported =
        std::any_of(kept.begin(), kept.end(), [](const ComparisonRow* row) { return row->backported; });
    clauses.push_back(labels.marked_list(kept) + " kept " + inside + (backported ? " (* backported)" : ""));
    clauses.push_back(best_text(kept, labels));
    add_losses(kept, labels, clauses);
  }
  if (!idle.empty()) clauses.push_back("under " + labels.list(idle) + " no session starts");
  if (!failed.empty()) {
    const auto rank = [](const Figures& figures) { return harm_rank(figures); };
    const ComparisonRow* const worst = *std::max_element(
        failed.begin(), failed.end(),
        [&](const ComparisonRow* a, const ComparisonRow* b) { return rank(a->figures) < rank(b->figures); });
    Rows worst_rows;
    std::copy_if(failed.begin(), failed.end(), std::back_inserter(worst_rows),
                 [&](const ComparisonRow* row) { return rank(row->figures) == rank(worst->figures); });
    clauses.push_back(std::string(worst_rows.size() == 1 ? "the worst is " : "the worst are ") +
                      labels.list(worst_rows) + ": " + harms(worst->figures).front());
  }
  std::string text = join(clauses, "; ") + ".";
  if (kept.empty()) text.front() = 'N';
  return text;
}

}  // namespace sidewinder::sim
