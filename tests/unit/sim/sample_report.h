// SPDX-License-Identifier: Apache-2.0
//
// A report with something in every field.

#ifndef SIDEWINDER_TESTS_UNIT_SIM_SAMPLE_REPORT_H
#define SIDEWINDER_TESTS_UNIT_SIM_SAMPLE_REPORT_H

#include <string>

#include "sim/report.h"

namespace sidewinder::sim {

inline constexpr std::uint64_t MiB = 1U << 20;

inline SessionReport sample_session(std::uint32_t id, SessionOutcome outcome) {
  SessionReport session;
  session.id = id;
  session.device = "aa00000.video-codec";
  session.codec = "h264";
  session.width = 3840;
  session.height = 2160;
  session.outcome = outcome;
  session.frames = 24;
  session.allocated_bytes = 431 * MiB;
  if (outcome == SessionOutcome::FailedToStart) {
    session.allocation_failure = AllocationFailure{"-ENOMEM", "COMV", 137887744, "non-pixel"};
    session.frames = 0;
  }
  if (outcome == SessionOutcome::Error) session.bad_response = BadResponse{0x24000000, "non-pixel"};
  return session;
}

inline Report sample_report() {
  Report report;
  report.scenario = "A domain per stream, no lower bound";
  report.platform = "thread-vpu";
  report.profile = "thread-vpu";
  report.seed = 7;
  report.policy = "child-nodes";
  report.kernel = "6.1";
  report.backported = true;
  report.simulated_ns = 1'250'400'000;
  report.used = {"/soc@0/iommu@15000000", "arm,mmu-500", false, true, {}};
  report.used.devices.push_back(
      {"/soc@0/video-codec@aa00000", "qcom,sm8250-venus", true, {{0x2100, 0x400}, {0x2110, 0}}});
  report.smmu = {"15000000.iommu",
                 ResourceUse{4, 96},
                 ResourceUse{4, 128},
                 5'000'000,
                 4'900'000,
                 100'000,
                 PowerReport{3, 2, 1'016'000'000, 0, 0}};

  StreamReport pixel;
  pixel.name = "pixel";
  pixel.device = "aa00000.video-codec:pixel";
  pixel.sid = 0x1943;
  pixel.context_bank = 1;
  pixel.window_lo = 0;
  pixel.window_hi = 0xdac00000;
  pixel.iova_limit = 0xdabfffff;
  pixel.mappings_made = 1234;
  pixel.mappings_live = 200;
  pixel.mapped_peak_bytes = 2200 * MiB;
  pixel.mapped_total_bytes = 9000 * MiB;
  pixel.transactions = 2'000'000;
  pixel.transferred_bytes = 488 * MiB;
  pixel.lowest_iova = 0x10000000;
  pixel.highest_iova = 0xdabfffff;
  pixel.collateral_aborts = 17;
  pixel.free_bytes = 1300 * MiB;
  pixel.largest_free_block_bytes = 256 * MiB;

  StreamReport non_pixel = pixel;
  non_pixel.name = "non-pixel";
  non_pixel.device = "aa00000.video-codec:non-pixel";
  non_pixel.sid = 0x1940;
  non_pixel.context_bank = 0;
  non_pixel.window_lo = 0x25800000;
  non_pixel.buffers_outside_window = 5;
  non_pixel.outside_example = PlacedBuffer{6, "COMV", 0x1d400000};
  non_pixel.misroutes = {3203, 28001, 40, 11};
  non_pixel.untranslated = {6000, 1234};
  non_pixel.collateral_aborts = 0;
  non_pixel.allocation_failures = 1;
  non_pixel.reserved_bytes = 600 * MiB;
  non_pixel.wasted_bytes = 88 * MiB;

  StreamReport firmware;
  firmware.name = "firmware";
  firmware.device = "aa00000.video-codec:firmware";
  firmware.sid = 0x1a22;
  firmware.window_hi = 16 * MiB;
  firmware.iova_limit = 0xffffff;
  report.streams = {non_pixel, pixel, firmware};

  report.silent_hits = {{"non-pixel", "COMV", "pixel", "OUTPUT", 3, 20'000, 8'000},
                        {"non-pixel", "BIN", "pixel", "DPB", 2, 1, 0}};
  report.faults.context_banks = {{0, "non-pixel", 0, 0, 0}, {1, "pixel", 50, 3153, 2}};
  report.faults.global_faults = 4;
  report.faults.raised = 3220;
  report.faults.logged = 40;
  report.faults.suppressed = 10;

  report.sessions = {sample_session(0, SessionOutcome::Completed), sample_session(1, SessionOutcome::Error),
                     sample_session(2, SessionOutcome::FailedToStart)};
  report.survival = {Survival::Kept, Survival::Lost};
  report.kernel_log = {
      "[    0.000100] arm-smmu 15000000.iommu: probing hardware configuration...",
      "[    0.200000] arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0x1d400000, "
      "fsynr=0x13, cbfrsynra=0x1943, cb=1",
      "[    5.200000] arm_smmu_context_fault: 12 callbacks suppressed"};
  return report;
}

}  // namespace sidewinder::sim

#endif
