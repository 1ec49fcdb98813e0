// SPDX-License-Identifier: Apache-2.0

#include "sim/cli.h"

#include <chrono>
#include <exception>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "sim/cli_help.h"
#include "sim/cli_options.h"
#include "sim/compare.h"
#include "sim/comparison_table.h"
#include "sim/diagnostics.h"
#include "sim/fault_log.h"
#include "sim/fault_log_diff.h"
#include "sim/input_error.h"
#include "sim/output_directory.h"
#include "sim/report_json.h"
#include "sim/report_table.h"
#include "sim/text.h"
#include "sim/version.h"

namespace sidewinder::sim {

namespace {

class OutputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Redrawn in place at most ten times a second of the host's time; erased when the run is over.
class ProgressLine {
 public:
  ProgressLine(std::ostream& to, bool shown) : to_(&to), shown_(shown) {}
  ~ProgressLine() {
    if (drawn_) *to_ << "\r\x1b[K" << std::flush;
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(std::uint64_t simulated_ns, std::uint64_t end_ns) {
    if (!due()) return;
    *to_ << "\r\x1b[K" << thousands(simulated_ns / 1'000'000) << " of " << thousands(end_ns / 1'000'000)
         << " ms simulated";
    if (end_ns != 0) {
      *to_ << " ("
           << static_cast<int>(100.0 * static_cast<double>(simulated_ns) / static_cast<double>(end_ns))
           << "%)";
    }
    *to_ << std::flush;
  }

  void update_runs(std::size_t done, std::size_t total) {
    if (!due()) return;
    *to_ << "\r\x1b[K" << done << " of " << counted(total, "run", "runs") << " done" << std::flush;
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool due() {
    if (!shown_) return false;
    const Clock::time_point now = Clock::now();
    if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return false;
    last_ = now;
    drawn_ = true;
    return true;
  }

  std::ostream* to_;
  bool shown_;
  bool drawn_ = false;
  Clock::time_point last_;
};

struct Console {
  std::ostream& out;
  std::ostream& err;
  const Terminal& terminal;
};

Report run_with_progress(const Command& command, const Console& console, const RunScenario& run_scenario) {
  Report report;
  {
    ProgressLine line(console.err, console.terminal.interactive_err && !command.quiet);
    report = run_scenario(command.scenario, command.overrides,
                          [&](std::uint64_t now, std::uint64_t end) { line.update(now, end); });
  }
  for (const std::string& text : report.kernel_log) diagnose_verbatim(Severity::Info, text);
  return report;
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

/// Before the simulation, which may take long.
void check_output(const Command& command) {
  if (!command.output) return;
  if (const auto usable = check_output_directory(*command.output); !usable) throw OutputError(usable.error());
}

void write_output(const Command& command, const std::vector<OutputFile>& files) {
  if (!command.output) return;
  if (const auto written = write_output_directory(*command.output, files); !written)
    throw OutputError(written.error());
  diagnose(Severity::Debug, "wrote " + *command.output);
}

int run(const Command& command, const Console& console, const RunScenario& run_scenario) {
  check_output(command);
  const Report report = run_with_progress(command, console, run_scenario);
  write_output(command, {{"faults.log", joined_lines(report.kernel_log)}, {"summary.json", to_json(report)}});
  if (!command.quiet) console.out << to_table(report, console.terminal.colour_out);
  return exit_done;
}

int compare(const Command& command, const Console& console, const RunScenario& run_scenario) {
  const CompareRequest request{command.scenario, command.overrides, command.policies, command.kernels};
  check_output(command);
  const ComparisonPlan plan = plan_comparison(request);
  ComparisonResult result;
  {
    ProgressLine line(console.err, console.terminal.interactive_err && !command.quiet);
    const auto progress = [&](std::size_t done, std::size_t total) { line.update_runs(done, total); };
    result = run_comparison(request, plan, run_scenario, progress);
  }
  for (std::size_t i = 0; i < result.kernel_logs.size(); ++i) {
    const ComparisonRow& row = result.comparison.rows[i];
    if (row.state != RowState::Done) continue;
    diagnose(Severity::Info, "policy " + row.policy + " on Linux " + row.kernel);
    for (const std::string& text : result.kernel_logs[i]) diagnose_verbatim(Severity::Info, text);
  }
  result.files.push_back({"comparison.json", to_json(result.comparison)});
  write_output(command, result.files);
  if (!command.quiet) console.out << to_table(result.comparison, console.terminal.colour_out);
  return exit_done;
}

int check(const Command& command, const Console& console, const RunScenario& run_scenario) {
  const std::vector<KernelLine> expected = read_fault_log(*command.expected);
  const Report report = run_with_progress(command, console, run_scenario);
  const std::vector<LineDifference> differences =
      compare_fault_logs(expected, parse_kernel_log(report.kernel_log));
  if (!differences.empty()) {
    console.out << command.scenario << ": " << describe(differences, *command.expected);
    return exit_differs;
  }
  if (!command.quiet) {
    console.out << command.scenario << ": the fault log is as expected in " << *command.expected << " ("
                << counted(expected.size(), "line", "lines") << ")\n";
  }
  return exit_done;
}

int run_command(Verb verb, std::span<const char* const> args, const Console& console,
                const RunScenario& run_scenario) {
  const Command command = parse_command(verb, args);
  if (command.help) {
    console.out << help_of(verb);
    return exit_done;
  }
  const DiagnosticsScope diagnostics(console.err, command.threshold);
  diagnose(Severity::Debug, "running " + command.scenario);
  switch (verb) {
    case Verb::Run:
      return run(command, console, run_scenario);
    case Verb::Check:
      return check(command, console, run_scenario);
    case Verb::Compare:
      return compare(command, console, run_scenario);
  }
  return exit_defect;
}

int dispatch(std::span<const char* const> args, const Console& console, const RunScenario& run_scenario) {
  if (args.empty()) throw UsageError("no command; run, check or compare would be right");
  const std::string_view first = args[0];
  if (first == "--help" || first == "-h") {
    console.out << general_help();
    return exit_done;
  }
  if (first == "--version") {
    console.out << "sidewinder " << version << "\n";
    return exit_done;
  }
  if (const std::optional<Verb> verb = parse_verb(first))
    return run_command(*verb, args.subspan(1), console, run_scenario);
  throw UsageError("`" + std::string(first) + "` is not a command; run, check or compare would be right");
}

std::string help_command(std::span<const char* const> args) {
  const std::string_view first = args.empty() ? "" : args[0];
  return parse_verb(first) ? "sidewinder " + std::string(first) + " --help" : "sidewinder --help";
}

}  // namespace

int run_cli(std::span<const char* const> args, std::ostream& out, std::ostream& err, const Terminal& terminal,
            const RunScenario& run_scenario) {
  try {
    const int status = dispatch(args, {out, err, terminal}, run_scenario);
    if (!out.flush()) {
      err << "sidewinder: standard output cannot be written to\n";
      return exit_bad_input;
    }
    return status;
  } catch (const UsageError& error) {
    err << "sidewinder: " << error.what() << "\nsidewinder: see `" << help_command(args) << "`\n";
    return exit_bad_input;
  } catch (const OutputError& error) {
    err << "sidewinder: " << error.what() << "\n";
    return exit_bad_input;
  } catch (const InputError& error) {
    err << error.what() << "\n";
    return exit_bad_input;
  } catch (const std::exception& error) {
    err << "sidewinder: internal error: " << error.what() << "\n";
    return exit_defect;
  }
}

}  // namespace sidewinder::sim
