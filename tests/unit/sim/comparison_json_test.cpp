// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "json_paths.h"
#include "sample_comparison.h"
#include "sim/report_json.h"

using namespace sidewinder::sim;

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

TEST_CASE("docs/results.md documents the keys of comparison.json, all and no others") {
  check_documented(Json::parse(to_json(sample_comparison())), "## comparison.json");
}

TEST_CASE("the comparison begins with its schema and ends with a newline") {
  const std::string text = to_json(sample_comparison());
  CHECK(text.rfind("{\n  \"schema\": \"sidewinder-comparison/1\",\n", 0) == 0);
  CHECK(text.substr(text.size() - 2) == "}\n");
}

TEST_CASE("every figure of a row reaches its key, as a number") {
  const Json comparison = Json::parse(to_json(sample_comparison()));
  CHECK(comparison["scenario"] == Json::parse(R"({"description": "a domain per stream",
      "platform": "thread-vpu.dts", "profile": "thread-vpu", "seed": 7,
      "overrides": ["traffic.stride=64KiB"]})"));
  CHECK(comparison["verdict"].get<std::string>().rfind("child-nodes* kept", 0) == 0);
  REQUIRE(comparison["rows"].size() == 4);
  Json row = comparison["rows"][0];
  const Json streams = row["figures"]["streams"];
  row["figures"].erase("streams");
  CHECK(row["in_short"].get<std::string>().rfind("34,001 accesses went where they must not", 0) == 0);
  row.erase("in_short");
  CHECK(row == Json::parse(R"json({"policy": "none", "kernel": "6.1", "backported": false, "outcome": "done",
      "reason": null, "folder": "none-6.1", "kept_windows": false,
      "figures": {
        "transactions": 30000, "faults": {"raised": 3220, "logged": 40},
        "misroutes": {"total": 31256, "caught": 3203, "silent_foreign": 28001, "silent_same_memory": 41,
                      "unowned": 11},
        "untranslated": {"total": 7234, "passed": 6000, "blocked": 1234},
        "own_faults": 9, "collateral_aborts": 17, "buffers_outside_window": 5, "allocation_failures": 2,
        "wasted_bytes": 92274688,
        "sessions": {"total": 12, "fit": 9, "completed": 5, "running": 1, "failed_to_start": 3, "error": 2,
                     "core_lost": 1, "no_room": 3,
                     "first_failure": {"session": 7, "outcome": "failed-to-start", "error": "-ENOMEM",
                                       "why": "could not start: -ENOMEM (COMV)"}},
        "context_banks": {"used": 4, "present": 61}, "stream_match_groups": {"used": 5, "present": 79},
        "survival": {"reprobe": "kept", "sharing": "lost"}}})json"));
  CHECK(streams[0] == Json::parse(R"({"name": "non-pixel", "device": "aa00000.video-codec:non-pixel",
      "transactions": 20000,
      "misroutes": {"total": 31256, "caught": 3203, "silent_foreign": 28001, "silent_same_memory": 41,
                    "unowned": 11},
      "untranslated": {"total": 7234, "passed": 6000, "blocked": 1234},
      "buffers_outside_window": 5, "allocation_failures": 2, "wasted_bytes": 92274688,
      "free_bytes": 314572800, "largest_free_block_bytes": 0})"));
  CHECK(streams[1]["name"] == "pixel");
  CHECK(streams[1]["largest_free_block_bytes"] == 536870912);
}

TEST_CASE("a run that was clean has nothing but its own") {
  const Json row = Json::parse(to_json(sample_comparison()))["rows"][1];
  CHECK(row["backported"] == true);
  CHECK(row["kept_windows"] == true);
  CHECK(row["figures"]["sessions"]["first_failure"].is_null());
  CHECK(row["figures"]["survival"] == Json::parse(R"({"reprobe": null, "sharing": null})"));
}

TEST_CASE("what was not run has a reason and no figures") {
  const Json rows = Json::parse(to_json(sample_comparison()))["rows"];
  CHECK(rows[2] == Json::parse(R"({"policy": "uniform", "kernel": "6.1", "backported": false,
      "outcome": "refused", "reason": "a.toml:3: too few context banks", "folder": null, "kept_windows": null,
      "in_short": "refused: a.toml:3: too few context banks", "figures": null})"));
  CHECK(rows[3]["outcome"] == "unavailable");
  CHECK(rows[3]["reason"] == "iommu-ranges: proposed, in no release");
}
