// SPDX-License-Identifier: Apache-2.0

#include "sim/report_table.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "sample_report.h"

using namespace sidewinder::sim;
using Catch::Matchers::Contains;

namespace {

Report clean_report() {
  Report report = sample_report();
  report.silent_hits.clear();
  report.faults = {};
  report.sessions = {sample_session(0, SessionOutcome::Completed)};
  for (StreamReport& stream : report.streams) {
    stream.misroutes = {};
    stream.untranslated = {};
    stream.collateral_aborts = 0;
    stream.buffers_outside_window = 0;
    stream.outside_example.reset();
  }
  return report;
}

Report with_sessions(std::size_t completed, std::size_t failed) {
  Report report = clean_report();
  report.sessions.clear();
  for (std::size_t i = 0; i < completed + failed; ++i) {
    report.sessions.push_back(
        sample_session(static_cast<std::uint32_t>(i),
                       i < completed ? SessionOutcome::Completed : SessionOutcome::FailedToStart));
  }
  return report;
}

}  // namespace

TEST_CASE("the verdict counts sessions by outcome and misroutes by kind") {
  CHECK(verdict(sample_report()) ==
        "3 sessions: 1 completed, 1 could not start (-ENOMEM), 1 in error.\n"
        "7,234 accesses with physical addresses, for want of an IOMMU: 6,000 reached the bus unprotected, "
        "1,234 blocked.\n"
        "31,255 misrouted accesses: 28,001 silent, 3,203 caught, 40 same memory, "
        "11 aborted (unowned address).\n"
        "5 buffers lie outside their block's window.");
}

TEST_CASE("the verdict of a clean run says so") {
  CHECK(verdict(clean_report()) == "1 session: 1 completed.\nNo access was misrouted.");
}

TEST_CASE("the verdict names every outcome there is") {
  Report report = clean_report();
  report.sessions = {sample_session(0, SessionOutcome::Running), sample_session(1, SessionOutcome::CoreLost)};
  CHECK_THAT(verdict(report), Contains("2 sessions: 1 still running, 1 lost with the core."));
  report.sessions.clear();
  CHECK_THAT(verdict(report), Contains("No sessions."));
}

TEST_CASE("the head says which nodes of the device tree are used, and what the profile enabled") {
  Report report = clean_report();
  report.used = {"/soc@0/iommu@cd00000", "qcom,smmu-v2", true, false, {}};
  report.used.devices = {{"/soc@0/a@1", "v,a", false, {{0x400, 0}}}, {"/soc@0/b@2", "v,b", false, {}}};
  CHECK_THAT(to_table(report, false),
             Contains("\nSMMU /soc@0/iommu@cd00000 (qcom,smmu-v2, enabled by the profile)\n"
                      "device /soc@0/a@1 (v,a)\n"
                      "  StreamIDs 0x400\n"
                      "device /soc@0/b@2 (v,b)\n"));
  report.used.enabled_power_domain = "/soc@0/clock-controller@c8c0000";
  CHECK_THAT(to_table(report, false),
             Contains("(qcom,smmu-v2, enabled by the profile)\n"
                      "  power domain of /soc@0/clock-controller@c8c0000, enabled by the profile\n"
                      "device /soc@0/a@1 (v,a)\n"));
}

TEST_CASE("of an SMMUv3 there are events, and neither context banks nor stream match groups") {
  Report report = sample_report();
  report.smmu.context_banks.reset();
  report.smmu.stream_match_groups.reset();
  report.faults.context_banks.clear();
  report.faults.events = EventReport{1234, 5, 1};
  const std::string table = to_table(report, false);
  CHECK_THAT(table, Contains("\n1.250 s simulated\n"));
  CHECK_THAT(table, Contains("; 1,234 events recorded, 5 discarded, 1 stall\n"));
  CHECK_THAT(table, !Contains("global fault"));
}

TEST_CASE("many StreamIDs take several lines") {
  Report report = clean_report();
  report.used.devices = {{"/soc@0/a@1", "v,a", false, {}}};
  for (std::uint32_t sid = 0x1000; sid < 0x1000 + 13; ++sid)
    report.used.devices[0].stream_ids.push_back({sid, 0});
  CHECK_THAT(to_table(report, false),
             Contains("\n  StreamIDs 0x1000 0x1001 0x1002 0x1003 0x1004 0x1005 0x1006 0x1007 0x1008 0x1009 "
                      "0x100a 0x100b\n    0x100c\n"));
}

TEST_CASE("the whole table, as a person sees it") {
  CHECK(to_table(sample_report(), false) == R"TABLE(A domain per stream, no lower bound
platform thread-vpu, profile thread-vpu, policy child-nodes, Linux 6.1, backported, seed 7
SMMU /soc@0/iommu@15000000 (arm,mmu-500); memory as the scenario has it
device /soc@0/video-codec@aa00000 (qcom,sm8250-venus, enabled by the profile)
  StreamIDs 0x2100/0x400 0x2110
1.250 s simulated; 15000000.iommu: 4 of 96 context banks, 4 of 128 stream match groups

3 sessions: 1 completed, 1 could not start (-ENOMEM), 1 in error.
7,234 accesses with physical addresses, for want of an IOMMU: 6,000 reached the bus unprotected, 1,234 blocked.
31,255 misrouted accesses: 28,001 silent, 3,203 caught, 40 same memory, 11 aborted (unowned address).
5 buffers lie outside their block's window.

Untranslated accesses: physical addresses, no IOMMU
  stream     untranslated  passed  blocked
  non-pixel         7,234   6,000    1,234

Streams
  stream        SID  bank  window MiB  IOVAs MiB  mappings/live  peak MiB   accesses  moved MiB  outside
  non-pixel  0x1940     0   600-3,500  256-3,500      1,234/200   2,200.0  2,000,000      488.0        5
  pixel      0x1943     1     0-3,500  256-3,500      1,234/200   2,200.0  2,000,000      488.0        -
  firmware   0x1a22     -        0-16          -            0/0       0.0          0        0.0        -
  non-pixel: first outside its window: COMV of session 6 at 0x1d400000

Misrouted accesses
  stream     misrouted  caught  silent  same memory  unowned  collateral aborts
  non-pixel     31,255   3,203  28,001           40       11                  -
  pixel              -       -       -            -        -                 17
  firmware           -       -       -            -        -                  -

Silent: whose buffer was hit
  access of       landed in                   reads  writes
  non-pixel COMV  pixel OUTPUT of session 3  20,000   8,000
  non-pixel BIN   pixel DPB of session 2          1       -

Faults
  3,220 raised, 40 logged, 10 suppressed by the rate limit; 4 global faults recorded
  bank  of         recorded  terminated while pending  MULTI
     0  non-pixel         -                         -      -
     1  pixel            50                     3,153      2

Run-time power of the SMMU
  15000000.iommu was suspended 3 times and resumed 2 times; it had power for 1,016 of 1,250 ms

IOVA space inside each window
  stream     reserved MiB  wasted MiB  free MiB  largest block MiB  failed allocations
  non-pixel         600.0        88.0   1,300.0              256.0                   1
  pixel               0.0         0.0   1,300.0              256.0                   -
  firmware            0.0         0.0       0.0                0.0                   -

What keeps streams inside their windows, afterwards
  after                             bounds
  the devices are probed again      kept
  a second device joins each group  lost

Sessions of aa00000.video-codec
  session  video           frames    MiB  outcome
  0        h264 3840x2160      24  431.0  completed
  1        h264 3840x2160      24  431.0  error: bad response to non-pixel at 0x24000000
  2        h264 3840x2160       0  431.0  could not start: -ENOMEM (COMV, 137887744 bytes, non-pixel)
)TABLE");
}

TEST_CASE("lines stay near 100 columns, the verdict apart") {
  std::istringstream lines(to_table(sample_report(), false));
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= (line.find("accesses") == std::string::npos ? 105 : 115));
    CHECK((line.empty() || line.back() != ' '));
  }
}

TEST_CASE("what the command line changed is told under the scenario's name") {
  Report report = clean_report();
  report.overrides = {"seed=9", "policy.name=none"};
  CHECK_THAT(to_table(report, false),
             Contains(report.scenario + "\nchanged by --set: seed=9, policy.name=none\n"));
  report.overrides.clear();
  CHECK_THAT(to_table(report, false), !Contains("--set"));
}

TEST_CASE("a clean run shows no misroute tables") {
  const std::string table = to_table(clean_report(), false);
  CHECK_THAT(table, !Contains("Misrouted accesses"));
  CHECK_THAT(table, !Contains("Silent"));
  CHECK_THAT(table, Contains("Faults\n  none\n"));
}

TEST_CASE("untranslated accesses are an alarm of their own, wherever they end") {
  Report report = clean_report();
  CHECK_THAT(to_table(report, true), !Contains("ntranslated"));
  report.streams[1].untranslated = {0, 5};
  CHECK(verdict(report) ==
        "1 session: 1 completed.\n"
        "5 accesses with physical addresses, for want of an IOMMU: 5 blocked.\n"
        "No access was misrouted.");
  CHECK_THAT(to_table(report, true),
             Contains("\x1b[1;31m1 session: 1 completed.") &&
                 Contains("\x1b[1;31mUntranslated accesses: physical addresses, no IOMMU\x1b[0m\n") &&
                 Contains("\n  pixel              5       -        5\n"));
  report.streams[1].untranslated = {1, 0};
  CHECK_THAT(verdict(report),
             Contains("1 access with physical addresses, for want of an IOMMU: 1 reached the "
                      "bus unprotected.\n"));
}

TEST_CASE("an SMMU's run-time power is told where it has a power domain") {
  Report report = clean_report();
  CHECK_THAT(to_table(report, true), !Contains("without power"));
  report.smmu.power->refused_registers = 1;
  CHECK_THAT(to_table(report, true), Contains("\n  1 register access found it without power\n"));
  report.smmu.power.reset();
  CHECK_THAT(to_table(report, true), !Contains("power"));
}

TEST_CASE("accesses that find the SMMU without power are an alarm") {
  Report report = clean_report();
  report.smmu.power->aborted_accesses = 1;
  CHECK_THAT(verdict(report), Contains("\n1 access found the SMMU without power, and was aborted."));
  report.smmu.power->aborted_accesses = 1510;
  CHECK_THAT(to_table(report, true),
             Contains("\033[1;31m1 session: 1 completed.\nNo access was misrouted.\n1,510 accesses found the "
                      "SMMU without power, and were aborted."));
}

TEST_CASE("the heading tells the policy, the kernel, and whether they belong together") {
  Report report = clean_report();
  CHECK_THAT(to_table(report, false), Contains("policy child-nodes, Linux 6.1, backported, seed 7\n"));
  report.backported = false;
  CHECK_THAT(to_table(report, false), Contains("policy child-nodes, Linux 6.1, seed 7\n"));
}

TEST_CASE("bounds afterwards are told where there are any") {
  Report report = clean_report();
  report.survival = {Survival::NoBounds, Survival::Kept};
  CHECK_THAT(to_table(report, false),
             Contains("  the devices are probed again      -\n  a second device joins each group  kept\n"));
  report.survival = {Survival::Lost, Survival::NoBounds};
  CHECK_THAT(to_table(report, false), Contains("probed again      lost\n"));
  report.survival = {};
  CHECK_THAT(to_table(report, false), !Contains("afterwards"));
}

TEST_CASE("collateral aborts alone are worth the misroute table") {
  Report report = clean_report();
  report.streams[1].collateral_aborts = 9;
  CHECK_THAT(to_table(report, false), Contains("Misrouted accesses"));
}

TEST_CASE("few sessions are listed one by one, many by outcome") {
  CHECK_THAT(to_table(with_sessions(7, 1), false), Contains("\n  6        h264"));
  const std::string table = to_table(with_sessions(7, 5), false);
  CHECK_THAT(table, Contains("\n  0-6      h264"));
  CHECK_THAT(table, Contains("\n  7-11     h264"));
  CHECK_THAT(table, !Contains("\n  6  "));
}

TEST_CASE("grouped sessions show the spread of what differs, and gaps in their ids") {
  Report report = with_sessions(12, 0);
  report.sessions[4] = sample_session(4, SessionOutcome::Error);
  report.sessions[6] = sample_session(6, SessionOutcome::Error);
  report.sessions[6].bad_response->iova = 0x100;
  report.sessions[11].frames = 30;
  const std::string table = to_table(report, false);
  CHECK_THAT(table, Contains("  0-3, 5, 7-11  "));
  CHECK_THAT(table, Contains("24-30"));
  CHECK_THAT(table, Contains("  4, 6  "));
  CHECK_THAT(table, Contains("error: bad response to non-pixel at 0x24000000 (the first)"));
}

TEST_CASE("devices are told apart where there are several") {
  Report report = with_sessions(2, 0);
  CHECK_THAT(to_table(report, false), Contains("Sessions of aa00000.video-codec\n  session  video "));
  report.sessions[1].device = "b00000.video-codec";
  const std::string table = to_table(report, false);
  CHECK_THAT(table, Contains("Sessions\n  session  device               video "));
  CHECK_THAT(table, Contains("\n  1        b00000.video-codec   h264 "));
}

TEST_CASE("sessions that failed differently stay apart") {
  Report report = with_sessions(9, 2);
  report.sessions[10].allocation_failure->buffer = "BIN";
  const std::string table = to_table(report, false);
  CHECK_THAT(table, Contains("-ENOMEM (COMV, 137887744 bytes, non-pixel)"));
  CHECK_THAT(table, Contains("-ENOMEM (BIN, 137887744 bytes, non-pixel)"));
}

TEST_CASE("a long list of silent hits is cut, and says so") {
  Report report = sample_report();
  report.silent_hits.assign(12, report.silent_hits[0]);
  const std::string table = to_table(report, false);
  CHECK_THAT(table, Contains("and 2 more pairs, all in summary.json"));
  report.silent_hits.assign(10, report.silent_hits[0]);
  CHECK_THAT(to_table(report, false), !Contains("more pair"));
}

TEST_CASE("colour is added for a terminal only, and changes no text") {
  std::string coloured = to_table(sample_report(), true);
  const std::string plain = to_table(sample_report(), false);
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK_THAT(coloured, Contains("\x1b[1;31m3 sessions"));
  for (const std::string code : {"\x1b[1;31m", "\x1b[1m", "\x1b[0m"}) {
    for (std::size_t at = coloured.find(code); at != std::string::npos; at = coloured.find(code)) {
      coloured.erase(at, code.size());
    }
  }
  CHECK(coloured == plain);
  CHECK_THAT(to_table(clean_report(), true), !Contains("\x1b[1;31m"));
}
