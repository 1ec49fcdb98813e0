// SPDX-License-Identifier: Apache-2.0

#include "sim/comparison_verdict.h"

#include <catch2/catch.hpp>
#include <functional>

#include "sample_comparison.h"

using namespace sidewinder::sim;

namespace {

ComparisonRow with(ComparisonRow row, const std::function<void(Figures&)>& change) {
  change(row.figures);
  return row;
}

/// What the phrase of a clean run becomes by one change.
std::string phrase_with(const std::function<void(Figures&)>& change) {
  return phrase(with(clean_row("none"), change));
}

std::string verdict_of(const std::vector<ComparisonRow>& rows) {
  Comparison comparison;
  comparison.rows = rows;
  return verdict(comparison);
}

}  // namespace

TEST_CASE("windows are kept only where nothing left them and something ran") {
  CHECK(kept_windows(clean_row("none")));
  CHECK_FALSE(kept_windows(not_run("none", RowState::Refused, "")));
  CHECK_FALSE(kept_windows(not_run("none", RowState::Unavailable, "")));
  const auto kept_with = [](const std::function<void(Figures&)>& change) {
    return kept_windows(with(clean_row("none"), change));
  };
  CHECK_FALSE(kept_with([](Figures& f) { f.misroutes.caught = 1; }));
  CHECK_FALSE(kept_with([](Figures& f) { f.misroutes.silent_foreign = 1; }));
  CHECK_FALSE(kept_with([](Figures& f) { f.misroutes.silent_same_memory = 1; }));
  CHECK_FALSE(kept_with([](Figures& f) { f.misroutes.unowned = 1; }));
  CHECK_FALSE(kept_with([](Figures& f) { f.untranslated.passed = 1; }));
  CHECK_FALSE(kept_with([](Figures& f) { f.untranslated.blocked = 1; }));
  CHECK_FALSE(kept_with([](Figures& f) { f.buffers_outside_window = 1; }));
  CHECK_FALSE(kept_with([](Figures& f) { f.sessions = {12, 0, 0, 12, 0, 0}; }));
  CHECK(kept_with([](Figures& f) { f.wasted_bytes = 1; }));
  CHECK(kept_with([](Figures& f) { f.sessions = {12, 1, 0, 11, 0, 0}; }));
}

TEST_CASE("a phrase for each thing that can go wrong") {
  CHECK(phrase(clean_row("none")) == "clean, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) { f.misroutes.silent_foreign = 14'000; }) ==
        "14,000 accesses went where they must not, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) { f.misroutes.silent_foreign = 1; }) ==
        "1 access went where it must not, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) {
          f.misroutes.silent_foreign = 2;
          f.untranslated = {3, 0};
        }) == "5 accesses went where they must not (3 untranslated), all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) {
          f.misroutes.caught = 1;
          f.misroutes.unowned = 20;
          f.untranslated.blocked = 300;
        }) == "321 accesses stopped, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) { f.misroutes.silent_same_memory = 40; }) ==
        "40 accesses misrouted within a shared domain, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) { f.own_faults = 2; }) ==
        "2 rightful accesses faulted, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) { f.collateral_aborts = 1; }) ==
        "1 collateral abort, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) { f.buffers_outside_window = 5; }) ==
        "5 buffers outside their windows, all 12 sessions fit");
}

TEST_CASE("a phrase tells the two worst things only") {
  CHECK(phrase(bad_row("none")) ==
        "34,001 accesses went where they must not (6,000 untranslated), 4,448 accesses stopped, fits 9 of 12 "
        "sessions, 3 of them failed later, bounds lost when shared, 88.0 MiB wasted");
}

TEST_CASE("a phrase for what became of the sessions and the bounds") {
  CHECK(phrase_with([](Figures& f) { f.sessions = {12, 10, 0, 2, 0, 0, 2}; }) ==
        "clean, fits 10 of 12 sessions");
  CHECK(phrase_with([](Figures& f) { f.sessions = {12, 0, 0, 12, 0, 0, 12}; }) == "no session fits");
  CHECK(phrase_with([](Figures& f) { f.sessions = {12, 0, 0, 12, 0, 0, 11}; }) == "no session starts");
  CHECK(phrase_with([](Figures& f) { f.sessions = {12, 9, 0, 3, 0, 0, 2}; }) ==
        "clean, 9 of 12 sessions start");
  CHECK(phrase_with([](Figures& f) { f.sessions = {1, 1, 0, 0, 0, 0}; }) == "clean, the session fits");
  CHECK(phrase_with([](Figures& f) { f.sessions = {}; }) == "clean");
  CHECK(phrase_with([](Figures& f) { f.sessions = {12, 8, 1, 0, 2, 1}; }) ==
        "clean, all 12 sessions fit, 3 of them failed later");
  CHECK(phrase_with([](Figures& f) {
          f.survival = {Survival::Lost, Survival::Kept};
        }) == "clean, all 12 sessions fit, bounds lost on re-probe");
  CHECK(phrase_with([](Figures& f) {
          f.survival = {Survival::Lost, Survival::Lost};
        }) == "clean, all 12 sessions fit, bounds lost on re-probe and when shared");
  CHECK(phrase_with([](Figures& f) {
          f.survival = {Survival::Kept, Survival::Kept};
        }) == "clean, all 12 sessions fit");
  CHECK(phrase_with([](Figures& f) { f.wasted_bytes = 584U << 20; }) ==
        "clean, all 12 sessions fit, 584.0 MiB wasted");
}

TEST_CASE("what was not run says why") {
  CHECK(phrase(not_run("none", RowState::Refused, "a.toml:3: x")) == "refused: a.toml:3: x");
  CHECK(phrase(not_run("none", RowState::Unavailable, "a call")) == "unavailable: a call");
  CHECK(verdict_of({}) == "No policy could be run.");
  CHECK(verdict_of({not_run("none", RowState::Unavailable, "a call")}) == "No policy could be run.");
}

TEST_CASE("one that kept its windows is praised with what it needs") {
  CHECK(verdict_of({clean_row("child-nodes"), not_run("runtime", RowState::Unavailable, "a call")}) ==
        "child-nodes kept every buffer and access inside its block's window; it fits 12 of 12 sessions "
        "(4 context banks, 5 stream match groups, 0.0 MiB wasted).");
}

TEST_CASE("of several, those that fit most sessions come first, then those that need least") {
  const ComparisonRow fewer_sessions =
      with(clean_row("a"), [](Figures& f) { f.sessions = {12, 10, 0, 2, 0, 0}; });
  const ComparisonRow more_banks = with(clean_row("b"), [](Figures& f) { f.context_banks->used = 5; });
  const ComparisonRow more_groups = with(clean_row("c"), [](Figures& f) { f.stream_match_groups->used = 6; });
  const ComparisonRow more_waste = with(clean_row("d"), [](Figures& f) { f.wasted_bytes = 1U << 20; });
  const ComparisonRow least = clean_row("e");
  const std::string kept = " kept every buffer and access inside its block's window; ";
  const std::string resources = "4 context banks, 5 stream match groups, 0.0 MiB wasted";

  CHECK(verdict_of({fewer_sessions, least}) ==
        "a and e" + kept + "of these, e fits most sessions (12 of 12; " + resources + ").");
  CHECK(verdict_of({fewer_sessions, more_banks, more_groups, more_waste, least}) ==
        "a, b, c, d and e" + kept +
            "of these, b, c, d and e fit most sessions (12 of 12), e with fewest resources (" + resources +
            ").");
  CHECK(verdict_of({more_banks, least}) ==
        "b and e" + kept + "each fits 12 of 12 sessions, e with fewest resources (" + resources + ").");
  CHECK(verdict_of({more_groups, least, least}) ==
        "c, e and e" + kept + "each fits 12 of 12 sessions, e and e with fewest resources (" + resources +
            ").");
  CHECK(verdict_of({least, clean_row("f")}) ==
        "e and f" + kept + "each fits 12 of 12 sessions, with equal resources (" + resources + ").");

  const ComparisonRow failed_later =
      with(clean_row("g"), [](Figures& f) { f.sessions = {12, 11, 0, 0, 1, 0}; });
  CHECK(verdict_of({failed_later, more_banks}) ==
        "g and b" + kept +
            "of these, b fits most sessions (12 of 12; 5 context banks, 5 stream match groups, "
            "0.0 MiB wasted).");
}

TEST_CASE("what is backported is marked, and whose bounds do not last is said") {
  ComparisonRow first = clean_row("runtime");
  first.backported = true;
  first.figures.survival = {Survival::Lost, Survival::Kept};
  ComparisonRow second = clean_row("child-nodes");
  second.figures.survival = {Survival::Kept, Survival::Lost};
  const std::string kept = " kept every buffer and access inside its block's window";
  const std::string needs = " (4 context banks, 5 stream match groups, 0.0 MiB wasted)";
  CHECK(verdict_of({first, second}) ==
        "runtime* and child-nodes" + kept +
            " (* backported); each fits 12 of 12 sessions, with equal resources" + needs +
            "; a re-probe loses the bounds of runtime; a second device in the group loses the bounds of "
            "child-nodes.");
  second.figures.survival = {Survival::Kept, Survival::Kept};
  CHECK(verdict_of({second}) == "child-nodes" + kept + "; it fits 12 of 12 sessions" + needs + ".");
  first.figures.survival = {Survival::Lost, Survival::Lost};
  CHECK(verdict_of({first}) == "runtime*" + kept + " (* backported); it fits 12 of 12 sessions" + needs +
                                   "; a re-probe loses the bounds of runtime; a second device in the group "
                                   "loses the bounds of runtime.");
}

TEST_CASE("the worst are named with the worst they did") {
  const auto worst = [](const std::vector<ComparisonRow>& rows) {
    const std::string text = verdict_of(rows);
    const std::string none = "No policy kept every buffer and access inside its block's window; ";
    REQUIRE(text.rfind(none, 0) == 0);
    return text.substr(none.size());
  };
  const ComparisonRow passed = with(clean_row("a"), [](Figures& f) { f.untranslated.passed = 1; });
  const ComparisonRow silent = with(clean_row("b"), [](Figures& f) { f.misroutes.silent_foreign = 100; });
  const ComparisonRow caught = with(clean_row("c"), [](Figures& f) { f.misroutes.caught = 1000; });
  const ComparisonRow same =
      with(clean_row("d"), [](Figures& f) { f.misroutes.silent_same_memory = 10'000; });
  const ComparisonRow outside = with(clean_row("e"), [](Figures& f) { f.buffers_outside_window = 100'000; });
  CHECK(worst({outside, same, caught, silent, passed}) ==
        "the worst is a: 1 access went where it must not (1 untranslated).");
  CHECK(worst({outside, same, caught, silent}) == "the worst is b: 100 accesses went where they must not.");
  CHECK(worst({outside, same, caught}) == "the worst is c: 1,000 accesses stopped.");
  CHECK(worst({outside, same}) == "the worst is d: 10,000 accesses misrouted within a shared domain.");
  CHECK(worst({outside}) == "the worst is e: 100,000 buffers outside their windows.");
  CHECK(worst({caught, silent, silent}) == "the worst are b and b: 100 accesses went where they must not.");
}

TEST_CASE("one under which nothing starts is neither good nor bad, but named") {
  const ComparisonRow idle =
      with(clean_row("uniform"), [](Figures& f) { f.sessions = {12, 0, 0, 12, 0, 0}; });
  CHECK(verdict_of({idle}) ==
        "No policy kept every buffer and access inside its block's window; under uniform no "
        "session starts.");
  CHECK_THAT(verdict_of({clean_row("none"), idle}),
             Catch::Matchers::EndsWith("; under uniform no session starts."));
}

TEST_CASE("kernels are named where there are several") {
  CHECK_THAT(verdict_of({clean_row("none", "6.1"), clean_row("none", "6.19")}),
             Catch::Matchers::StartsWith("none on 6.1 and none on 6.19 kept "));
  CHECK_THAT(verdict_of({clean_row("none", "6.19"), bad_row("shared", "6.19")}),
             Catch::Matchers::EndsWith("the worst is shared: 34,001 accesses went where they must not "
                                       "(6,000 untranslated)."));
}
