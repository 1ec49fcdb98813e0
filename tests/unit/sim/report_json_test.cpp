// SPDX-License-Identifier: Apache-2.0

#include "sim/report_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "json_paths.h"
#include "sample_report.h"

using namespace sidewinder::sim;

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

TEST_CASE("docs/results.md documents the keys of summary.json, all and no others") {
  Report all = sample_report();
  all.faults.events = EventReport{};  // of an SMMUv3
  check_documented(Json::parse(to_json(all)), "## summary.json");
}

TEST_CASE("the summary begins with its schema and ends with a newline") {
  const std::string text = to_json(sample_report());
  CHECK(text.rfind("{\n  \"schema\": \"sidewinder-summary/2\",\n", 0) == 0);
  CHECK(text.substr(text.size() - 2) == "}\n");
}

TEST_CASE("every field of the report reaches its key") {
  Report report = sample_report();
  report.used.enabled_power_domain = "/soc@0/clock-controller@af00000";
  report.smmu.power->aborted_accesses = 5;
  report.smmu.power->refused_registers = 4;
  const Json summary = Json::parse(to_json(report));
  CHECK(summary["scenario"] == Json::parse(R"({"description": "A domain per stream, no lower bound",
      "platform": "thread-vpu", "profile": "thread-vpu", "seed": 7, "overrides": [],
      "policy": "child-nodes", "kernel": "6.1", "backported": true})"));
  CHECK(summary["simulated_ns"] == 1'250'400'000);
  CHECK(summary["platform"] == Json::parse(R"({"memory": "scenario",
      "smmu": {"node": "/soc@0/iommu@15000000", "compatible": "arm,mmu-500", "enabled": false,
               "enabled_power_domain": "/soc@0/clock-controller@af00000"},
      "devices": [{"node": "/soc@0/video-codec@aa00000", "compatible": "qcom,sm8250-venus", "enabled": true,
                   "stream_ids": [{"sid": "0x2100", "mask": "0x400"}, {"sid": "0x2110", "mask": "0x0"}]}]})"));
  CHECK(summary["smmu"] == Json::parse(R"({"device": "15000000.iommu",
      "context_banks": {"used": 4, "present": 96}, "stream_match_groups": {"used": 4, "present": 128},
      "tlb": {"lookups": 5000000, "hits": 4900000, "walks": 100000},
      "power": {"suspends": 3, "resumes": 2, "powered_ns": 1016000000, "aborted_accesses": 5,
                "refused_registers": 4}})"));
  CHECK(summary["streams"][0] ==
        Json::parse(R"({"name": "non-pixel", "device": "aa00000.video-codec:non-pixel",
      "sid": "0x1940", "context_bank": 0, "window": {"lo": "0x25800000", "hi": "0xdac00000"},
      "iova_limit": "0xdabfffff",
      "mappings": {"made": 1234, "live": 200, "peak_bytes": 2306867200, "total_bytes": 9437184000},
      "iova": {"lowest": "0x10000000", "highest": "0xdabfffff"},
      "outside_window": {"buffers": 5, "example": {"session": 6, "buffer": "COMV", "iova": "0x1d400000"}},
      "transactions": 2000000, "transferred_bytes": 511705088,
      "misroutes": {"total": 31255, "caught": 3203, "silent_foreign": 28001, "silent_same_memory": 40,
                    "unowned": 11},
      "untranslated": {"total": 7234, "passed": 6000, "blocked": 1234},
      "own_faults": 0, "collateral_aborts": 0, "allocation_failures": 1,
      "space": {"reserved_bytes": 629145600, "wasted_bytes": 92274688, "free_bytes": 1363148800,
                "largest_free_block_bytes": 268435456}})"));
  CHECK(summary["streams"][1]["collateral_aborts"] == 17);
  CHECK(summary["silent_hits"][0] == Json::parse(R"({"stream": "non-pixel", "buffer": "COMV",
      "victim": {"stream": "pixel", "buffer": "OUTPUT", "session": 3}, "reads": 20000, "writes": 8000})"));
  CHECK(summary["faults"] == Json::parse(R"({"raised": 3220, "logged": 40, "suppressed": 10, "global": 4,
      "context_banks": [
        {"bank": 0, "owner": "non-pixel", "recorded": 0, "terminated_while_pending": 0, "multi": 0},
        {"bank": 1, "owner": "pixel", "recorded": 50, "terminated_while_pending": 3153, "multi": 2}],
      "events": null})"));
  CHECK(summary["sessions"][1] == Json::parse(R"({"id": 1, "device": "aa00000.video-codec", "codec": "h264",
      "width": 3840, "height": 2160, "outcome": "error", "reason": null, "allocation_failure": null,
      "bad_response": {"iova": "0x24000000", "block": "non-pixel"}, "frames": 24,
      "allocated_bytes": 451936256})"));
  CHECK(summary["sessions"][2]["allocation_failure"] ==
        Json::parse(R"({"error": "-ENOMEM", "buffer": "COMV", "bytes": 137887744, "stream": "non-pixel"})"));
  CHECK(summary["survival"] == Json::parse(R"({"reprobe": "kept", "sharing": "lost"})"));
  CHECK(summary["kernel_log_lines"] == 3);
}

TEST_CASE("what did not happen is null, and its key is there") {
  const Json summary = Json::parse(to_json(sample_report()));
  const Json& firmware = summary["streams"][2];
  CHECK(firmware.at("context_bank").is_null());
  CHECK(firmware.at("iova").at("lowest").is_null());
  CHECK(firmware.at("iova").at("highest").is_null());
  CHECK(firmware.at("outside_window").at("example").is_null());
  CHECK(summary["sessions"][0].at("bad_response").is_null());

  Report powered = sample_report();
  powered.smmu.power.reset();
  CHECK(Json::parse(to_json(powered))["smmu"].at("power").is_null());
  CHECK(Json::parse(to_json(powered))["platform"]["smmu"].at("enabled_power_domain").is_null());

  Report v3 = sample_report();
  v3.smmu.context_banks.reset();
  v3.smmu.stream_match_groups.reset();
  v3.faults.events = EventReport{40, 3, 2};
  CHECK(Json::parse(to_json(v3))["smmu"].at("context_banks").is_null());
  CHECK(Json::parse(to_json(v3))["smmu"].at("stream_match_groups").is_null());
  CHECK(Json::parse(to_json(v3))["faults"]["events"] ==
        Json::parse(R"({"recorded": 40, "discarded": 3, "stalled": 2})"));
  CHECK(Json::parse(to_json(sample_report()))["faults"].at("events").is_null());

  Report unbounded = sample_report();
  unbounded.survival = {};
  CHECK(Json::parse(to_json(unbounded))["survival"] == Json::parse(R"({"reprobe": null, "sharing": null})"));
}

TEST_CASE("each outcome has its word") {
  Report report = sample_report();
  report.sessions = {sample_session(0, SessionOutcome::Completed), sample_session(1, SessionOutcome::Running),
                     sample_session(2, SessionOutcome::FailedToStart),
                     sample_session(3, SessionOutcome::Error), sample_session(4, SessionOutcome::CoreLost)};
  const Json sessions = Json::parse(to_json(report))["sessions"];
  CHECK(sessions[0]["outcome"] == "completed");
  CHECK(sessions[1]["outcome"] == "running");
  CHECK(sessions[2]["outcome"] == "failed-to-start");
  CHECK(sessions[3]["outcome"] == "error");
  CHECK(sessions[4]["outcome"] == "core-lost");
}

TEST_CASE("an empty report has empty lists, and 64-bit figures survive") {
  Report report;
  report.seed = ~std::uint64_t{0};
  const Json summary = Json::parse(to_json(report));
  CHECK(summary["streams"] == Json::array());
  CHECK(summary["sessions"] == Json::array());
  CHECK(summary["silent_hits"] == Json::array());
  CHECK(summary["faults"]["context_banks"] == Json::array());
  CHECK(summary["scenario"]["seed"].get<std::uint64_t>() == ~std::uint64_t{0});
}

TEST_CASE("text that is not UTF-8 is replaced, not fatal") {
  Report report;
  report.scenario = "bad \xff byte";
  CHECK(Json::parse(to_json(report))["scenario"]["description"] == "bad \xef\xbf\xbd byte");
}
