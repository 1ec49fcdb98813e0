// SPDX-License-Identifier: Apache-2.0
//
// Comparisons whose every figure is written by hand.

#ifndef SIDEWINDER_TESTS_UNIT_SIM_SAMPLE_COMPARISON_H
#define SIDEWINDER_TESTS_UNIT_SIM_SAMPLE_COMPARISON_H

#include <cstdint>
#include <string>
#include <utility>

#include "sim/comparison.h"

namespace sidewinder::sim {

/// Twelve sessions that all fit, in windows of which nothing is wasted, with nothing wrong.
inline ComparisonRow clean_row(const std::string& policy, const std::string& kernel = "6.1") {
  constexpr std::uint64_t mebi = 1U << 20;
  ComparisonRow row;
  row.policy = policy;
  row.kernel = kernel;
  Figures& figures = row.figures;
  figures.accesses = 30'000;
  figures.sessions.total = 12;
  figures.sessions.completed = 12;
  figures.context_banks = ResourceUse{4, 61};
  figures.stream_match_groups = ResourceUse{5, 79};
  StreamFigures non_pixel;
  non_pixel.name = "non-pixel";
  non_pixel.device = "aa00000.video-codec:non-pixel";
  non_pixel.accesses = 20'000;
  non_pixel.free_bytes = 300 * mebi;
  non_pixel.largest_free_block_bytes = 256 * mebi;
  StreamFigures pixel = non_pixel;
  pixel.name = "pixel";
  pixel.device = "aa00000.video-codec:pixel";
  pixel.accesses = 10'000;
  pixel.largest_free_block_bytes = 512 * mebi;
  figures.streams = {non_pixel, pixel};
  return row;
}

/// With something in each figure.
inline ComparisonRow bad_row(const std::string& policy, const std::string& kernel = "6.1") {
  constexpr std::uint64_t mebi = 1U << 20;
  ComparisonRow row = clean_row(policy, kernel);
  Figures& figures = row.figures;
  figures.faults_raised = 3'220;
  figures.faults_logged = 40;
  figures.misroutes = {3'203, 28'001, 41, 11};
  figures.untranslated = {6'000, 1'234};
  figures.own_faults = 9;
  figures.collateral_aborts = 17;
  figures.buffers_outside_window = 5;
  figures.allocation_failures = 2;
  figures.wasted_bytes = 88 * mebi;
  figures.sessions = {12, 5, 1, 3, 2, 1, 3};
  figures.first_failure =
      SessionFailure{7, SessionOutcome::FailedToStart, "-ENOMEM", "could not start: -ENOMEM (COMV)"};
  figures.survival = {Survival::Kept, Survival::Lost};
  StreamFigures& stream = figures.streams[0];
  stream.misroutes = figures.misroutes;
  stream.untranslated = figures.untranslated;
  stream.buffers_outside_window = 5;
  stream.allocation_failures = 2;
  stream.wasted_bytes = 88 * mebi;
  stream.largest_free_block_bytes = 0;
  return row;
}

inline ComparisonRow not_run(const std::string& policy, RowState state, const std::string& reason) {
  ComparisonRow row;
  row.policy = policy;
  row.kernel = "6.1";
  row.state = state;
  row.reason = reason;
  return row;
}

inline Comparison sample_comparison() {
  Comparison comparison;
  comparison.description = "a domain per stream";
  comparison.platform = "thread-vpu.dts";
  comparison.profile = "thread-vpu";
  comparison.seed = 7;
  comparison.overrides = {"traffic.stride=64KiB"};
  ComparisonRow kept = clean_row("child-nodes");
  kept.backported = true;
  comparison.rows = {bad_row("none"), std::move(kept),
                     not_run("uniform", RowState::Refused, "a.toml:3: too few context banks"),
                     not_run("iommu-ranges", RowState::Unavailable, "iommu-ranges: proposed, in no release")};
  return comparison;
}

}  // namespace sidewinder::sim

#endif
