// SPDX-License-Identifier: Apache-2.0

#include "sim/compare.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "sample_report.h"
#include "sim/input_error.h"
#include "sim/policy.h"
#include "sim/report_json.h"
#include "sim/scenario.h"

using namespace sidewinder::sim;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

/// A copy of a shipped scenario with another [kernel] table.
class Bench {
 public:
  explicit Bench(const std::string& kernel) {
    char name[] = "/tmp/sidewinder-compare-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root = name;
    fs::copy(SIDEWINDER_CONFIGS, root / "configs", fs::copy_options::recursive);
    request.scenario = root / "configs/scenarios/compared.toml";
    std::ofstream(request.scenario) << "platform = \"../platforms/thread-vpu.dts\"\n"
                                       "profile = \"../profiles/thread-vpu.toml\"\n"
                                       "description = \"what is compared\"\n"
                                       "seed = 9\n"
                                       "[kernel]\n"
                                    << kernel
                                    << "\n[policy]\n"
                                       "name = \"uniform\"\n"
                                       "uniform_size = \"1MiB\"\n"
                                       "[[session]]\n"
                                       "codec = \"h264\"\n"
                                       "width = 640\n"
                                       "height = 480\n";
  }
  ~Bench() { fs::remove_all(root); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  fs::path root;
  CompareRequest request;
};

Words policies_in(const ComparisonPlan& plan) {
  Words names;
  for (const PlannedRun& run : plan.runs) names.push_back(run.row.policy);
  return names;
}

std::string refusal(const CompareRequest& request) {
  try {
    static_cast<void>(plan_comparison(request));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

/// A run that tells by its seed which policy it was given.
Report fake_run(const fs::path&, std::span<const std::string> overrides, const auto&) {
  Report report = sample_report();
  report.policy = overrides.back().substr(overrides.back().find('=') + 1);
  report.faults.raised = report.policy.size();
  report.kernel_log = {"log of " + report.policy, "second line"};
  return report;
}

RunScenario run_fake() {
  return [](const fs::path& file, std::span<const std::string> overrides, const auto& progress) {
    progress(0, 1);
    return fake_run(file, overrides, progress);
  };
}

}  // namespace

TEST_CASE("all policies but device-tree are planned when none is named, in their own order") {
  const Bench bench("version = \"6.1\"");
  const ComparisonPlan plan = plan_comparison(bench.request);
  Words expected(policy_names().begin(), policy_names().end());
  REQUIRE(expected.back() == "device-tree");
  expected.pop_back();
  CHECK(policies_in(plan) == expected);
  CHECK(plan.head.description == "what is compared");
  CHECK(plan.head.platform == "thread-vpu.dts");
  CHECK(plan.head.profile == "thread-vpu");
  CHECK(plan.head.seed == 9);
  CHECK(plan.head.rows.empty());
}

TEST_CASE("named policies and kernels are planned as they are named, each with each") {
  Bench bench("version = \"6.4\"");
  bench.request.policies = {"shared", "device-tree", "none"};
  bench.request.kernels = {"6.12", "6.1"};
  bench.request.overrides = {"seed=3"};
  const ComparisonPlan plan = plan_comparison(bench.request);
  CHECK(policies_in(plan) == Words{"shared", "shared", "device-tree", "device-tree", "none", "none"});
  CHECK(plan.runs[0].row.kernel == "6.12");
  CHECK(plan.runs[1].row.kernel == "6.1");
  CHECK(plan.runs[5].overrides == Words{"seed=3", "policy.name=none", "kernel.version=\"6.1\""});
  CHECK(plan.head.seed == 3);
  CHECK(plan.head.overrides == Words{"seed=3"});
}

TEST_CASE("without --kernel the scenario's release is meant, or what --set makes of it") {
  Bench bench("version = \"6.4\"");
  bench.request.policies = {"none"};
  CHECK(plan_comparison(bench.request).runs[0].row.kernel == "6.4");
  CHECK(plan_comparison(bench.request).runs[0].overrides == Words{"policy.name=none"});
  bench.request.overrides = {"kernel.version=\"6.12\""};
  CHECK(plan_comparison(bench.request).runs[0].row.kernel == "6.12");
}

TEST_CASE("each planned run is one that its overrides give by themselves") {
  Bench bench("version = \"6.4\"\nbackport = true");
  bench.request.kernels = {"6.1", "6.12"};
  for (const PlannedRun& run : plan_comparison(bench.request).runs) {
    const Scenario scenario = load_scenario(bench.request.scenario, run.overrides);
    CHECK(to_string(scenario.policy) == run.row.policy);
    CHECK(to_string(scenario.kernel.version) == run.row.kernel);
  }
}

TEST_CASE("a policy whose means a release lacks is unavailable there, or marked when backported") {
  Bench bench("version = \"6.1\"");
  bench.request.policies = {"none", "child-nodes", "iommu-ranges"};
  bench.request.kernels = {"6.1", "6.3"};
  ComparisonPlan plan = plan_comparison(bench.request);
  const auto state = [&](std::size_t i) { return plan.runs[i].row.state; };
  CHECK(state(0) == RowState::Done);
  CHECK(state(1) == RowState::Done);
  CHECK(state(2) == RowState::Unavailable);
  CHECK(plan.runs[2].row.reason == "iommu-addresses (from 6.3)");
  CHECK(state(3) == RowState::Done);
  CHECK(state(4) == RowState::Unavailable);
  CHECK(state(5) == RowState::Unavailable);
  for (const PlannedRun& run : plan.runs) CHECK_FALSE(run.row.backported);

  bench.request.overrides = {"kernel.backport=true"};
  plan = plan_comparison(bench.request);
  for (std::size_t i = 0; i < plan.runs.size(); ++i) CHECK(state(i) == RowState::Done);
  CHECK_FALSE(plan.runs[1].row.backported);
  CHECK(plan.runs[2].row.backported);
  CHECK_FALSE(plan.runs[3].row.backported);
  CHECK(plan.runs[4].row.backported);
}

TEST_CASE("policy.uniform_size is for uniform alone") {
  Bench bench("version = \"6.4\"\nbackport = true");
  bench.request.policies = {"none", "uniform"};
  bench.request.overrides = {"policy.uniform_size=2MiB", "seed=1"};
  const ComparisonPlan plan = plan_comparison(bench.request);
  CHECK(plan.runs[0].overrides == Words{"seed=1", "policy.name=none"});
  CHECK(plan.runs[1].overrides == Words{"policy.uniform_size=2MiB", "seed=1", "policy.name=uniform"});
  bench.request.policies = {"none", "shared"};
  CHECK(refusal(bench.request) ==
        "--set policy.uniform_size=2MiB: uniform is not among the policies compared");
}

TEST_CASE("requests that make no sense are refused, and say what would") {
  Bench bench("version = \"6.4\"");
  const CompareRequest good = bench.request;
  const auto refused = [&](const auto& change) {
    CompareRequest request = good;
    change(request);
    return refusal(request);
  };
  CHECK_THAT(refused([](CompareRequest& r) { r.policies = {"child-node"}; }),
             Contains("--policies: no policy is called 'child-node'; did you mean 'child-nodes'?"));
  CHECK(refused([](CompareRequest& r) {
          r.policies = {"none", "none"};
        }) == "--policies: names 'none' twice");
  for (const char* version : {"6", "6.0", "7.1", "six", "6.1.3"}) {
    CHECK(refused([&](CompareRequest& r) { r.kernels = {version}; }) ==
          "--kernel: '" + std::string(version) + "' must be a release from 6.1 to 7.0");
  }
  CHECK(refused([](CompareRequest& r) { r.kernels = {"6.1", "6.1"}; }) == "--kernel: names '6.1' twice");
  CHECK_THAT(refused([](CompareRequest& r) { r.overrides = {"policy.name=none"}; }),
             Contains("--set policy.name=none: a comparison sets the policy itself"));
  CHECK_THAT(refused([](CompareRequest& r) {
               r.overrides = {" kernel.version =\"6.1\""};
               r.kernels = {"6.4"};
             }),
             Contains("--kernel sets it too"));
}

TEST_CASE("what is wrong with the scenario itself is said as for a single run") {
  Bench bench("version = \"6.4\"");
  CompareRequest request = bench.request;
  request.overrides = {"sead=1"};
  CHECK_THAT(refusal(request), Contains("sead") && Contains("seed"));
  request = bench.request;
  request.scenario = bench.root / "none.toml";
  CHECK_THAT(refusal(request), Contains("none.toml"));
}

TEST_CASE("rows come back as planned, with their figures, files and logs") {
  Bench bench("version = \"6.1\"");
  bench.request.policies = {"shared", "child-nodes", "none"};
  std::vector<std::pair<std::size_t, std::size_t>> told;
  const ComparisonResult result =
      run_comparison(bench.request, plan_comparison(bench.request), run_fake(),
                     [&](std::size_t done, std::size_t total) { told.emplace_back(done, total); });
  const std::vector<ComparisonRow>& rows = result.comparison.rows;
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].policy == "shared");
  CHECK(rows[0].figures.faults_raised == 6);
  CHECK(rows[1].state == RowState::Unavailable);
  CHECK(rows[2].figures.faults_raised == 4);
  CHECK(result.comparison.description == "what is compared");

  REQUIRE(result.files.size() == 4);
  Report shared = sample_report();
  shared.policy = "shared";
  shared.faults.raised = 6;
  shared.kernel_log = {"log of shared", "second line"};
  CHECK(result.files[0].name == "shared-6.1/summary.json");
  CHECK(result.files[0].content == to_json(shared));
  CHECK(result.files[1].name == "shared-6.1/faults.log");
  CHECK(result.files[1].content == "log of shared\nsecond line\n");
  CHECK(result.files[2].name == "none-6.1/summary.json");
  REQUIRE(result.kernel_logs.size() == 3);
  CHECK(result.kernel_logs[0] == shared.kernel_log);
  CHECK(result.kernel_logs[1].empty());
  CHECK(result.kernel_logs[2].front() == "log of none");
  REQUIRE_FALSE(told.empty());
  CHECK(told.back() == std::pair<std::size_t, std::size_t>(2, 2));
}

TEST_CASE("every figure survives the way from one process to another") {
  Bench bench("version = \"6.1\"");
  bench.request.policies = {"none"};
  const Report report = sample_report();
  const ComparisonResult result = run_comparison(bench.request, plan_comparison(bench.request),
                                                 [&](const auto&, auto, const auto&) { return report; });
  Comparison expected = result.comparison;
  expected.rows[0].figures = figures_of(report);
  CHECK(to_json(result.comparison) == to_json(expected));
  CHECK(result.comparison.rows[0].figures.first_failure->session == 1);
}

TEST_CASE("an error of one policy's run is its row's outcome") {
  Bench bench("version = \"6.1\"");
  bench.request.policies = {"none", "shared"};
  const ComparisonResult result =
      run_comparison(bench.request, plan_comparison(bench.request),
                     [&](const fs::path& file, std::span<const std::string> overrides, const auto& progress) {
                       if (overrides.back() == "policy.name=none")
                         throw InputError({"a.toml", 3}, "too few context banks");
                       return fake_run(file, overrides, progress);
                     });
  CHECK(result.comparison.rows[0].state == RowState::Refused);
  CHECK(result.comparison.rows[0].reason == "a.toml:3: too few context banks");
  CHECK(result.comparison.rows[1].state == RowState::Done);
  CHECK(result.files.size() == 2);
}

TEST_CASE("an error that all runs have is said once, as for a single run") {
  Bench bench("version = \"6.1\"");
  bench.request.policies = {"none", "shared", "iommu-ranges"};
  const ComparisonPlan plan = plan_comparison(bench.request);
  CHECK_THROWS_WITH(run_comparison(bench.request, plan,
                                   [](const auto&, auto, const auto&) -> Report {
                                     throw InputError({"a.dts", 2}, "no SMMU");
                                   }),
                    "a.dts:2: no SMMU");
  const ComparisonResult result =
      run_comparison(bench.request, plan, [](const auto&, auto overrides, const auto&) -> Report {
        throw InputError({"a.dts", 2}, overrides.back());
      });
  CHECK(result.comparison.rows[0].state == RowState::Refused);
  CHECK(result.comparison.rows[1].reason == "a.dts:2: policy.name=shared");
}

TEST_CASE("a run whose process dies, or that throws anything else, names itself") {
  Bench bench("version = \"6.1\"");
  bench.request.policies = {"none", "shared"};
  const ComparisonPlan plan = plan_comparison(bench.request);
  CHECK_THROWS_WITH(run_comparison(bench.request, plan,
                                   [&](const fs::path& file, auto overrides, const auto& progress) {
                                     if (overrides.back() == "policy.name=shared") _exit(6);
                                     return fake_run(file, overrides, progress);
                                   }),
                    "policy shared on Linux 6.1: its process ended with status 6");
  CHECK_THROWS_WITH(
      run_comparison(bench.request, plan,
                     [](const auto&, auto, const auto&) -> Report { throw std::logic_error("walker lost"); }),
      "policy none on Linux 6.1: walker lost");
}
