// SPDX-License-Identifier: Apache-2.0

#include "sim/cli.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "sample_report.h"
#include "sim/input_error.h"
#include "sim/policy.h"
#include "sim/report_json.h"
#include "sim/report_table.h"
#include "sim/version.h"

using namespace sidewinder::sim;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

struct Result {
  int status = 0;
  std::string out;
  std::string err;
};

class Bench {
 public:
  Bench() {
    char name[] = "/tmp/sidewinder-cli-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root = name;
    scenario = [this](const fs::path& file, std::span<const std::string> overrides, const auto& progress) {
      ++runs;
      file_seen = file;
      overrides_seen.assign(overrides.begin(), overrides.end());
      for (std::uint64_t ms = 0; ms <= 1000; ms += 10) progress(ms * 1'000'000, 1'000'000'000);
      return sample_report();
    };
  }
  ~Bench() { fs::remove_all(root); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Result call(const std::vector<std::string>& words) const {
    std::vector<const char*> args;
    for (const std::string& word : words) args.push_back(word.c_str());
    std::ostringstream out;
    std::ostringstream err;
    const int status = run_cli(args, out, err, terminal, scenario);
    return {status, out.str(), err.str()};
  }

  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(root / name) << content;
    return (root / name).string();
  }

  fs::path root;
  RunScenario scenario;
  Terminal terminal;
  int runs = 0;
  fs::path file_seen;
  std::vector<std::string> overrides_seen;
};

std::string content(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string sample_log() {
  std::string text;
  for (const std::string& line : sample_report().kernel_log) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("run prints the table, nothing else, and ends with 0 whatever it found") {
  Bench bench;
  const Result result = bench.call({"run", "a.toml"});
  CHECK(result.status == 0);
  CHECK(result.out == to_table(sample_report(), false));
  CHECK(result.err.empty());
  CHECK(bench.file_seen == "a.toml");
  CHECK(bench.overrides_seen.empty());
}

TEST_CASE("run passes on each override in order, and options may stand anywhere") {
  Bench bench;
  CHECK(bench.call({"run", "--set", "seed=1", "a.toml", "--set=sessions.count=-2"}).status == 0);
  CHECK(bench.overrides_seen == std::vector<std::string>{"seed=1", "sessions.count=-2"});
  CHECK(bench.file_seen == "a.toml");
}

TEST_CASE("run writes the log and the summary") {
  const Bench bench;
  const fs::path out = bench.root / "out";
  const Result result = bench.call({"run", "a.toml", "-o", out.string(), "--quiet"});
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(result.err.empty());
  CHECK(content(out / "faults.log") == sample_log());
  CHECK(content(out / "summary.json") == to_json(sample_report()));
  CHECK(bench.call({"run", "a.toml", "--output=" + out.string()}).status == 0);
}

TEST_CASE("an output directory that cannot be used is refused before the run") {
  const Bench bench;
  const Result result = bench.call({"run", "a.toml", "-o", (bench.root / "no" / "out").string()});
  CHECK(result.status == 2);
  CHECK_THAT(result.err, StartsWith("sidewinder: output directory ") && !Contains("--help"));
  CHECK(result.out.empty());
  CHECK(bench.runs == 0);
  CHECK(bench.call({"run", "a.toml", "-o", ""}).status == 2);
}

TEST_CASE("bad input is printed as it is, ends with 2, and leaves no output") {
  Bench bench;
  bench.scenario = [](const auto&, auto, const auto&) -> Report {
    throw InputError({"a.toml", 3}, "unknown key `sed`; seed would be right");
  };
  const Result result = bench.call({"run", "a.toml", "-o", (bench.root / "out").string()});
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK(result.err == "a.toml:3: unknown key `sed`; seed would be right\n");
  CHECK(fs::is_empty(bench.root));
}

TEST_CASE("a defect is called one, and ends with 3") {
  Bench bench;
  bench.scenario = [](const auto&, auto, const auto&) -> Report { throw std::logic_error("walker lost"); };
  const Result result = bench.call({"run", "a.toml"});
  CHECK(result.status == 3);
  CHECK(result.err == "sidewinder: internal error: walker lost\n");
}

TEST_CASE("the progress line is for a terminal, and is erased") {
  Bench bench;
  bench.terminal.interactive_err = true;
  const Result result = bench.call({"run", "a.toml"});
  CHECK_THAT(result.err, StartsWith("\r\x1b[K0 of 1,000 ms simulated (0%)") && EndsWith("\r\x1b[K"));
  CHECK(result.err.find('\n') == std::string::npos);
  CHECK(bench.call({"run", "a.toml", "--quiet"}).err.empty());
}

TEST_CASE("the progress line is drawn at most ten times a second") {
  Bench bench;
  bench.terminal.interactive_err = true;
  bench.scenario = [](const auto&, auto, const auto& progress) {
    for (std::uint64_t i = 0; i < 100'000; ++i) progress(i, 100'000);
    return Report();
  };
  const std::string err = bench.call({"run", "a.toml"}).err;
  std::size_t drawn = 0;
  for (std::size_t at = err.find("simulated"); at != std::string::npos; at = err.find("simulated", at + 1))
    ++drawn;
  CHECK(drawn >= 1);
  CHECK(drawn < 50);
}

TEST_CASE("colour goes to a terminal's table only") {
  Bench bench;
  bench.terminal.colour_out = true;
  CHECK(bench.call({"run", "a.toml"}).out == to_table(sample_report(), true));
}

TEST_CASE("the kernel's log is shown at info and below") {
  const Bench bench;
  CHECK(bench.call({"run", "a.toml", "--log-level", "info", "-q"}).err == sample_log());
  CHECK_THAT(bench.call({"run", "a.toml", "--log-level", "debug"}).err,
             Contains("sidewinder: running a.toml\n"));
  CHECK(bench.call({"run", "a.toml", "--log-level", "error"}).err.empty());
}

TEST_CASE("check is content with the same log, comments or not") {
  const Bench bench;
  const std::string expected = bench.file("expected.log", "# golden\n" + sample_log());
  const Result result = bench.call({"check", "a.toml", "--expect", expected});
  CHECK(result.status == 0);
  CHECK(result.out == "a.toml: the fault log is as expected in " + expected + " (3 lines)\n");
  CHECK(result.err.empty());
  CHECK(bench.call({"check", "a.toml", "--expect", expected, "-q"}).out.empty());
}

TEST_CASE("check shows a difference and ends with 1, quiet or not") {
  const Bench bench;
  std::string log = sample_log();
  log.replace(log.find("fsr=0x402"), 9, "fsr=0x408");
  const std::string expected = bench.file("expected.log", log);
  for (const char* option : {"--set=a=b", "--quiet"}) {
    const Result result = bench.call({"check", "a.toml", "--expect", expected, option});
    CHECK(result.status == 1);
    CHECK_THAT(result.out, Contains("expected.log:2 differs from faults.log:2"));
    CHECK_THAT(result.out, Contains("fsr  0x408 (PF Format=2)  0x402 (TF Format=2)"));
  }
}

TEST_CASE("check reads the expected log before it runs") {
  const Bench bench;
  const Result missing = bench.call({"check", "a.toml", "--expect", (bench.root / "none.log").string()});
  CHECK(missing.status == 2);
  CHECK_THAT(missing.err, Contains("none.log: cannot be read"));
  const std::string bad = bench.file("bad.log", "\narm-smmu 1.iommu: Unhandled context fault: x\n");
  const Result result = bench.call({"check", "a.toml", "--expect", bad});
  CHECK(result.status == 2);
  CHECK_THAT(result.err, StartsWith(bad + ":2: context fault: `x` is not KEY=VALUE"));
  CHECK(bench.runs == 0);
}

TEST_CASE("usage errors say what would be right, and where help is") {
  const Bench bench;
  const auto refused = [&](const std::vector<std::string>& words, const std::string& what,
                           const std::string& help) {
    const Result result = bench.call(words);
    INFO(what);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, StartsWith("sidewinder: ") && Contains(what) && EndsWith("see `" + help + "`\n"));
  };
  const std::string run_help = "sidewinder run --help";
  refused({}, "no command", "sidewinder --help");
  refused({"walk"}, "`walk` is not a command; run, check or compare would be right", "sidewinder --help");
  refused({"run"}, "no scenario", run_help);
  refused({"run", "a.toml", "b.toml"}, "`a.toml` and `b.toml`", run_help);
  refused({"run", "a.toml", "--frobnicate"}, "'--frobnicate'", run_help);
  refused({"run", "a.toml", "--qui"}, "'--qui'", run_help);
  refused({"run", "a.toml", "-o"}, "'--output'", run_help);
  refused({"run", "a.toml", "-o", "x", "-o", "y"}, "'--output'", run_help);
  refused({"run", "a.toml", "--set", "seed"}, "--set seed: KEY=VALUE would be right", run_help);
  refused({"run", "a.toml", "--set", "=7"}, "--set =7: KEY=VALUE would be right", run_help);
  refused({"run", "a.toml", "--log-level", "loud"}, "--log-level loud: error, warning", run_help);
  refused({"run", "a.toml", "--expect", "e.log"}, "'--expect'", run_help);
  refused({"check", "a.toml"}, "--expect FILE", "sidewinder check --help");
  refused({"check", "a.toml", "--expect", "e.log", "-o", "x"}, "-o", "sidewinder check --help");
  refused({"run", "a.toml", "--kernel", "6.1"}, "'--kernel'", run_help);
  const std::string compare_help = "sidewinder compare --help";
  refused({"compare"}, "no scenario", compare_help);
  refused({"compare", "a.toml", "--expect", "e.log"}, "'--expect'", compare_help);
  refused({"compare", "a.toml", "--policies", ""}, "--policies : names separated by commas", compare_help);
  refused({"compare", "a.toml", "--policies", "none,,shared"}, "--policies none,,shared: names",
          compare_help);
  refused({"compare", "a.toml", "--kernel", "6.1,"}, "--kernel 6.1,: names separated by commas",
          compare_help);
  CHECK(bench.runs == 0);
}

TEST_CASE("help and version go to standard output") {
  const Bench bench;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--help"}, {"-h"}, {"run", "--help"}, {"check", "-h"}, {"compare", "-h"}}) {
    const Result result = bench.call(words);
    CHECK(result.status == 0);
    CHECK_THAT(result.out, StartsWith("usage: sidewinder "));
    CHECK(result.err.empty());
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);
  }
  CHECK_THAT(bench.call({"run", "--help"}).out,
             Contains("--output") && Contains("--set KEY=VALUE") && !Contains("--expect"));
  CHECK_THAT(bench.call({"check", "--help"}).out, Contains("--expect FILE") && !Contains("--output"));
  CHECK_THAT(bench.call({"compare", "--help"}).out,
             Contains("--policies A,B") && Contains("--kernel V,W") && Contains("--output DIR"));
  for (const std::string_view policy : policy_names()) {
    CHECK_THAT(bench.call({"compare", "--help"}).out, Contains(std::string(policy)));
  }
  CHECK(bench.call({"--version"}).out == std::string("sidewinder ") + version + "\n");
  CHECK(bench.runs == 0);
}

TEST_CASE("results that cannot be printed are an error") {
  const Bench bench;
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  const char* args[] = {"run", "a.toml"};
  CHECK(run_cli(args, out, err, {}, bench.scenario) == 2);
  CHECK(err.str() == "sidewinder: standard output cannot be written to\n");
}

TEST_CASE("compare prints one table for all its runs, and writes them all") {
  const Bench bench;
  const std::string scenario = SIDEWINDER_CONFIGS "/scenarios/thread-unreserved.toml";
  const fs::path out = bench.root / "out";
  const Result result = bench.call({"compare", scenario, "--policies", "none,shared", "--kernel", "6.1,6.4",
                                    "--set", "seed=5", "-o", out.string()});
  CHECK(result.err.empty());
  CHECK(result.status == 0);
  CHECK_THAT(result.out, Contains("changed by --set: seed=5\n") && Contains("\n  none    6.1 ") &&
                             Contains("\n  shared  6.4 "));
  CHECK(bench.runs == 0);  // each ran in a process of its own
  for (const char* folder : {"none-6.1", "none-6.4", "shared-6.1", "shared-6.4"}) {
    CHECK(content(out / folder / "faults.log") == sample_log());
    CHECK(content(out / folder / "summary.json") == to_json(sample_report()));
  }
  CHECK_THAT(content(out / "comparison.json"), StartsWith("{\n  \"schema\": \"sidewinder-comparison/1\""));
  const Result quiet = bench.call({"compare", scenario, "--policies", "none", "-q", "-o", out.string()});
  CHECK(quiet.out.empty());
  CHECK_FALSE(fs::exists(out / "shared-6.1"));
}

TEST_CASE("compare tells each run's kernel log at info, under its name") {
  const Bench bench;
  const std::string scenario = SIDEWINDER_CONFIGS "/scenarios/thread-unreserved.toml";
  const Result result =
      bench.call({"compare", scenario, "--policies", "shared,none", "--log-level", "info", "-q"});
  CHECK(result.err == "sidewinder: policy shared on Linux 6.1\n" + sample_log() +
                          "sidewinder: policy none on Linux 6.1\n" + sample_log());
}

TEST_CASE("compare draws how many runs are done on a terminal, and erases it") {
  Bench bench;
  bench.terminal.interactive_err = true;
  const std::string scenario = SIDEWINDER_CONFIGS "/scenarios/thread-unreserved.toml";
  CHECK(bench.call({"compare", scenario, "--policies", "none"}).err == "\r\x1b[K1 of 1 run done\r\x1b[K");
}

TEST_CASE("compare ends as run does on bad input, and names the run that a defect ended") {
  Bench bench;
  const std::string scenario = SIDEWINDER_CONFIGS "/scenarios/thread-unreserved.toml";
  const fs::path out = bench.root / "out";
  Result result = bench.call({"compare", scenario, "--set", "sead=5", "-o", out.string()});
  CHECK(result.status == 2);
  CHECK_THAT(result.err, StartsWith("--set sead=5: "));
  CHECK(bench.call({"compare", "none.toml"}).status == 2);
  CHECK(bench.call({"compare", scenario, "--policies", "all"}).status == 2);
  result = bench.call({"compare", scenario, "-o", (bench.root / "no" / "out").string()});
  CHECK(result.status == 2);
  CHECK_THAT(result.err, StartsWith("sidewinder: output directory "));

  bench.scenario = [](const auto&, auto, const auto&) -> Report { throw std::logic_error("walker lost"); };
  result = bench.call({"compare", scenario, "--policies", "none", "-o", out.string()});
  CHECK(result.status == 3);
  CHECK(result.err == "sidewinder: internal error: policy none on Linux 6.1: walker lost\n");
  CHECK(result.out.empty());
  CHECK(fs::is_empty(bench.root));
}
