// SPDX-License-Identifier: Apache-2.0

#include "sim/comparison.h"

#include <catch2/catch.hpp>

#include "sample_report.h"

using namespace sidewinder::sim;

TEST_CASE("a run's figures are its report's, its streams' summed up") {
  Report report = sample_report();
  StreamReport& pixel = report.streams[1];
  pixel.misroutes = {1, 20, 300, 4000};
  pixel.untranslated = {50, 600};
  pixel.own_faults = 3;
  pixel.buffers_outside_window = 10;
  pixel.allocation_failures = 100;
  pixel.wasted_bytes = 12 * MiB;

  const Figures figures = figures_of(report);
  CHECK(figures.accesses == 4'000'000);
  CHECK(figures.faults_raised == 3220);
  CHECK(figures.faults_logged == 40);
  CHECK(figures.misroutes.caught == 3204);
  CHECK(figures.misroutes.silent_foreign == 28021);
  CHECK(figures.misroutes.silent_same_memory == 340);
  CHECK(figures.misroutes.unowned == 4011);
  CHECK(figures.untranslated.passed == 6050);
  CHECK(figures.untranslated.blocked == 1834);
  CHECK(figures.own_faults == 3);
  CHECK(figures.collateral_aborts == 17);
  CHECK(figures.buffers_outside_window == 15);
  CHECK(figures.allocation_failures == 101);
  CHECK(figures.wasted_bytes == 100 * MiB);
  CHECK(figures.context_banks == ResourceUse{4, 96});
  CHECK(figures.stream_match_groups == ResourceUse{4, 128});
  CHECK(figures.survival.reprobe == Survival::Kept);
  CHECK(figures.survival.sharing == Survival::Lost);
}

TEST_CASE("each stream keeps its own figures, in order") {
  const Figures figures = figures_of(sample_report());
  REQUIRE(figures.streams.size() == 3);
  const StreamFigures& stream = figures.streams[0];
  CHECK(stream.name == "non-pixel");
  CHECK(stream.device == "aa00000.video-codec:non-pixel");
  CHECK(stream.accesses == 2'000'000);
  CHECK(stream.misroutes.total() == 31'255);
  CHECK(stream.untranslated.total() == 7'234);
  CHECK(stream.buffers_outside_window == 5);
  CHECK(stream.allocation_failures == 1);
  CHECK(stream.wasted_bytes == 88 * MiB);
  CHECK(stream.free_bytes == 1300 * MiB);
  CHECK(stream.largest_free_block_bytes == 256 * MiB);
  CHECK(figures.streams[2].name == "firmware");
}

TEST_CASE("sessions are counted by outcome, and the first that failed is told") {
  Report report = sample_report();
  report.sessions = {
      sample_session(0, SessionOutcome::Completed),     sample_session(1, SessionOutcome::Running),
      sample_session(2, SessionOutcome::FailedToStart), sample_session(3, SessionOutcome::Error),
      sample_session(4, SessionOutcome::CoreLost),      sample_session(5, SessionOutcome::CoreLost)};
  Figures figures = figures_of(report);
  CHECK(figures.sessions.total == 6);
  CHECK(figures.sessions.completed == 1);
  CHECK(figures.sessions.running == 1);
  CHECK(figures.sessions.failed_to_start == 1);
  CHECK(figures.sessions.error == 1);
  CHECK(figures.sessions.core_lost == 2);
  CHECK(figures.sessions.fit() == 5);
  REQUIRE(figures.first_failure);
  CHECK(figures.first_failure->session == 2);
  CHECK(figures.first_failure->outcome == SessionOutcome::FailedToStart);
  CHECK(figures.first_failure->error == "-ENOMEM");
  CHECK(figures.first_failure->why == "could not start: -ENOMEM (COMV, 137887744 bytes, non-pixel)");

  report.sessions.erase(report.sessions.begin() + 2);
  figures = figures_of(report);
  CHECK(figures.first_failure->session == 3);
  CHECK(figures.first_failure->error.empty());
  CHECK(figures.first_failure->why == "error: bad response to non-pixel at 0x24000000");

  report.sessions.resize(2);
  CHECK_FALSE(figures_of(report).first_failure);
}

TEST_CASE("a run's folder is named after its policy and release, and is known again") {
  ComparisonRow row;
  row.policy = "child-nodes";
  row.kernel = "6.19";
  CHECK(run_folder(row) == "child-nodes-6.19");
  CHECK(is_run_folder("child-nodes-6.19"));
  CHECK(is_run_folder("none-6.1"));
  CHECK(is_run_folder("device-tree-7.0"));
  for (const char* name :
       {"none", "none-", "none-6", "none-6.1.2", "child-6.1", "-6.1", "6.1", "", "None-6.1"}) {
    INFO(name);
    CHECK_FALSE(is_run_folder(name));
  }
}
