// SPDX-License-Identifier: Apache-2.0

#include "sim/comparison_table.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "sample_comparison.h"
#include "sim/policy.h"

using namespace sidewinder::sim;
using Catch::Matchers::Contains;

TEST_CASE("the whole comparison, as a person sees it") {
  CHECK(to_table(sample_comparison(), false) == R"TABLE(a domain per stream
changed by --set: traffic.stride=64KiB
platform thread-vpu.dts, profile thread-vpu, seed 7

  policy        Linux   flt/log  caught  silent  same  unowned     pass/blk  out  fails  1st fail    fit/done  waste  SMR  CB  probe  share
  none          6.1    3,220/40   3,203  28,001    41       11  6,000/1,234    5      2  #7 -ENOMEM       9/5   88.0    5   4  kept   lost
  child-nodes*  6.1           -       -       -     -        -            -    -      -  -              12/12      -    5   4  -      -
  uniform       6.1    refused: see below
  iommu-ranges  6.1    unavailable: iommu-ranges: proposed, in no release

  *         backported: this Linux lacks what the policy needs, and kernel.backport gave it
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

Largest aligned free block of each stream's window, when the run ended, in MiB
  policy        Linux  non-pixel  pixel
  none          6.1            -  512.0
  child-nodes*  6.1        256.0  512.0

Reserved inside each stream's own window, in MiB
  policy        Linux  non-pixel  pixel
  none          6.1         88.0      -
  child-nodes*  6.1            -      -

Verdict
  policy        Linux  in short
  none          6.1    34,001 accesses went where they must not (6,000 untranslated), 4,448 accesses stopped, fits 9 of 12 sessions, 3 of them failed later, bounds lost when shared, 88.0 MiB wasted
  child-nodes*  6.1    clean, all 12 sessions fit
  uniform       6.1    refused: a.toml:3: too few context banks
  iommu-ranges  6.1    unavailable: iommu-ranges: proposed, in no release

child-nodes* kept every buffer and access inside its block's window (* backported); it fits 12 of 12 sessions (4 context
banks, 5 stream match groups, 0.0 MiB wasted); the worst is none: 34,001 accesses went where they must not (6,000
untranslated).
)TABLE");
}

TEST_CASE("the widest row there may be stays within 160 columns") {
  Comparison comparison = sample_comparison();
  ComparisonRow wide = bad_row("runtime-hardened", "6.19");
  wide.backported = true;
  Figures& figures = wide.figures;
  figures.faults_raised = 999'999;
  figures.faults_logged = 40;
  figures.misroutes = {999'999, 999'999, 999'999, 999'999};
  figures.untranslated = {999'999, 999'999};
  figures.wasted_bytes = std::uint64_t{3500} << 20;
  figures.stream_match_groups->used = 128;
  figures.context_banks->used = 128;
  comparison.rows = {wide};
  std::istringstream lines(to_table(comparison, false));
  for (std::string line; std::getline(lines, line) && line.find("Verdict") == std::string::npos;) {
    INFO(line);
    CHECK(line.size() <= 160);
  }
}

TEST_CASE("of an SMMUv3 no stream match groups and context banks are counted") {
  Comparison comparison = sample_comparison();
  ComparisonRow row = clean_row("none");
  row.figures.context_banks.reset();
  row.figures.stream_match_groups.reset();
  comparison.rows = {row};
  const std::string table = to_table(comparison, false);
  CHECK_THAT(table, Contains("12/12      -    -   -  -      -"));
  CHECK_THAT(table, !Contains("context bank,") && !Contains("context banks,"));
}

TEST_CASE("why the first session failed, in a word") {
  const auto cell = [](const SessionFailure& failure) {
    Comparison comparison;
    comparison.rows = {clean_row("none")};
    comparison.rows[0].figures.first_failure = failure;
    return to_table(comparison, false);
  };
  CHECK_THAT(cell({7, SessionOutcome::FailedToStart, "-ENOSPC", ""}), Contains("  #7 -ENOSPC  "));
  CHECK_THAT(cell({16, SessionOutcome::FailedToStart, "", "16 at a time"}), Contains("  #16 start  "));
  CHECK_THAT(cell({0, SessionOutcome::Error, "", ""}), Contains("  #0 error  "));
  CHECK_THAT(cell({3, SessionOutcome::CoreLost, "", ""}), Contains("  #3 core  "));
}

TEST_CASE("a table of what is wasted is shown where something is") {
  Comparison comparison;
  comparison.rows = {clean_row("none")};
  CHECK_THAT(to_table(comparison, false), !Contains("Reserved inside"));
  comparison.rows.push_back(bad_row("uniform"));
  CHECK_THAT(to_table(comparison, false), Contains("Reserved inside each stream's own window, in MiB\n"
                                                   "  policy   Linux  non-pixel  pixel\n"
                                                   "  none     6.1            -      -\n"
                                                   "  uniform  6.1         88.0      -\n"));
}

TEST_CASE("without a run there is nothing of streams to show") {
  Comparison comparison;
  comparison.rows = {not_run("runtime", RowState::Unavailable, "a call")};
  const std::string table = to_table(comparison, false);
  CHECK_THAT(table, !Contains("Largest"));
  CHECK_THAT(table, Contains("\nNo policy could be run.\n"));
}

TEST_CASE("the legend explains each column's header") {
  const std::string table = to_table(sample_comparison(), false);
  for (const char* header : {"flt/log", "caught", "silent", "same", "unowned", "pass/blk", "out", "fails",
                             "1st fail", "fit/done", "waste", "SMR, CB", "probe", "share"}) {
    INFO(header);
    CHECK_THAT(table, Contains("\n  " + std::string(header) + "  "));
  }
}

TEST_CASE("colour is added for a terminal only, and alarms where no policy kept the windows") {
  Comparison comparison = sample_comparison();
  std::string coloured = to_table(comparison, true);
  const std::string plain = to_table(comparison, false);
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK_THAT(coloured, !Contains("\x1b[1;31m") && Contains("\x1b[1mchild-nodes* kept"));
  for (const std::string code : {"\x1b[1m", "\x1b[0m"}) {
    for (std::size_t at = coloured.find(code); at != std::string::npos; at = coloured.find(code)) {
      coloured.erase(at, code.size());
    }
  }
  CHECK(coloured == plain);
  comparison.rows.erase(comparison.rows.begin() + 1);
  CHECK_THAT(to_table(comparison, true), Contains("\x1b[1;31mNo policy kept"));
}
