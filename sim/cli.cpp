// SPDX-License-Identifier: Apache-2.0

#include "sim/cli.h"

#include <boost/program_options.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string_view>
#include <vector>

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

namespace po = boost::program_options;

constexpr std::string_view general_help =
    R"(usage: sidewinder run SCENARIO.toml [--set KEY=VALUE]... [-o DIR]
       sidewinder check SCENARIO.toml --expect FILE [--set KEY=VALUE]...

Sidewinder simulates a video codec behind an Arm SMMU, with Linux's IOVA allocator
and SMMU driver above it, and shows where the codec's DMA goes: which accesses leave
with another block's StreamID, which of them fault, and which land in somebody
else's buffer in silence.

commands:
  run      run a scenario and show what happened
  check    run a scenario and compare its kernel log with an expected one

`sidewinder COMMAND --help` explains a command, `sidewinder --version` tells the version.

exit status: 0 the simulation completed, whatever it found (check: the logs agree);
1 check: the logs differ; 2 bad input or usage; 3 an error of Sidewinder's own.
)";

constexpr std::string_view run_help =
    R"(usage: sidewinder run SCENARIO.toml [--set KEY=VALUE]... [-o DIR]

Runs a scenario and prints what became of its sessions, accesses and IOVA space.

options:
  --set KEY=VALUE    override one key of the scenario; may be repeated
  -o, --output DIR   write faults.log and summary.json there
  -q, --quiet        print no table
  --log-level LEVEL  what to say on standard error: error, warning (the default),
                     info (also the kernel's log, after the run) or debug
  -h, --help         print this help

DIR receives faults.log (the kernel's log, as dmesg prints it) and summary.json, as a
whole or not at all. It may be new, empty, or an earlier run's. The same scenario gives
the same bytes.

examples:
  sidewinder run configs/scenarios/thread-unreserved.toml -o out
  sidewinder run configs/scenarios/thread-unreserved.toml --set seed=7 --quiet -o out
)";

constexpr std::string_view check_help =
    R"(usage: sidewinder check SCENARIO.toml --expect FILE [--set KEY=VALUE]...

Runs a scenario and compares the kernel log it gives with an expected one, field by
field. Exit status 0 when they agree, 1 when they differ; each difference is shown.

options:
  --expect FILE      the expected kernel log
  --set KEY=VALUE    override one key of the scenario; may be repeated
  -q, --quiet        print nothing when the logs agree
  --log-level LEVEL  what to say on standard error: error, warning (the default),
                     info (also the kernel's log, after the run) or debug
  -h, --help         print this help

FILE holds lines as dmesg prints them, for example the faults.log of an earlier run.
Blank lines and lines that begin with # are left out. What an expected line does not
say (its time, in `dmesg -t`) is not compared.

example:
  sidewinder check configs/scenarios/thread-reserved.toml --expect expected.log
)";

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class OutputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Command {
  std::string scenario;
  std::vector<std::string> overrides;
  std::optional<std::string> output;
  std::optional<std::string> expected;
  bool quiet = false;
  bool help = false;
  Severity threshold = Severity::Warning;
};

enum class Verb : std::uint8_t { Run, Check };

// The help texts above describe these.
po::options_description options_of(Verb verb) {
  po::options_description options;
  auto add = options.add_options();
  add("scenario", po::value<std::vector<std::string>>());
  add("set", po::value<std::vector<std::string>>()->composing());
  add("quiet,q", po::bool_switch());
  add("log-level", po::value<std::string>()->default_value("warning"));
  add("help,h", po::bool_switch());
  if (verb == Verb::Run) add("output,o", po::value<std::string>());
  if (verb == Verb::Check) add("expect", po::value<std::string>());
  return options;
}

Command parse(Verb verb, std::span<const char* const> args) {
  const po::options_description options = options_of(verb);
  po::positional_options_description positional;
  positional.add("scenario", -1);

  namespace style = po::command_line_style;
  const std::vector<std::string> words(args.begin(), args.end());
  po::variables_map values;
  try {
    po::store(po::command_line_parser(words)
                  .options(options)
                  .positional(positional)
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              values);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }

  Command command;
  command.help = values["help"].as<bool>();
  if (command.help) return command;
  command.quiet = values["quiet"].as<bool>();
  const auto text = [&](const char* name) {
    return values.count(name) != 0 ? std::optional(values[name].as<std::string>()) : std::nullopt;
  };
  if (verb == Verb::Run) command.output = text("output");
  if (verb == Verb::Check) command.expected = text("expect");

  const auto words_of = [&](const char* name) {
    return values.count(name) != 0 ? values[name].as<std::vector<std::string>>() : std::vector<std::string>();
  };
  const std::vector<std::string> scenarios = words_of("scenario");
  if (scenarios.empty()) throw UsageError("no scenario; name a .toml file");
  if (scenarios.size() > 1) {
    throw UsageError("one scenario at a time: `" + scenarios[0] + "` and `" + scenarios[1] + "` were given");
  }
  command.scenario = scenarios[0];
  if (verb == Verb::Check && !command.expected)
    throw UsageError("no expected log; name it with --expect FILE");

  command.overrides = words_of("set");
  for (const std::string& assignment : command.overrides) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError("--set " + assignment + ": KEY=VALUE would be right, such as seed=7");
    }
  }
  const std::string level = values["log-level"].as<std::string>();
  const std::optional<Severity> threshold = parse_severity(level);
  if (!threshold) throw UsageError("--log-level " + level + ": error, warning, info or debug would be right");
  command.threshold = *threshold;
  return command;
}

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
    if (!shown_) return;
    const Clock::time_point now = Clock::now();
    if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    drawn_ = true;
    *to_ << "\r\x1b[K" << thousands(simulated_ns / 1'000'000) << " of " << thousands(end_ns / 1'000'000)
         << " ms simulated";
    if (end_ns != 0) {
      *to_ << " ("
           << static_cast<int>(100.0 * static_cast<double>(simulated_ns) / static_cast<double>(end_ns))
           << "%)";
    }
    *to_ << std::flush;
  }

 private:
  using Clock = std::chrono::steady_clock;

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

int run(const Command& command, const Console& console, const RunScenario& run_scenario) {
  if (command.output) {  // before the simulation, which may take long
    if (const auto usable = check_output_directory(*command.output); !usable) {
      throw OutputError(usable.error());
    }
  }
  const Report report = run_with_progress(command, console, run_scenario);
  if (command.output) {
    const auto written = write_output_directory(
        *command.output,
        {{"faults.log", joined_lines(report.kernel_log)}, {"summary.json", to_json(report)}});
    if (!written) throw OutputError(written.error());
    diagnose(Severity::Debug, "wrote " + *command.output);
  }
  if (!command.quiet) console.out << to_table(report, console.terminal.colour_out);
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
  const Command command = parse(verb, args);
  if (command.help) {
    console.out << (verb == Verb::Run ? run_help : check_help);
    return exit_done;
  }
  const DiagnosticsScope diagnostics(console.err, command.threshold);
  diagnose(Severity::Debug, "running " + command.scenario);
  return verb == Verb::Run ? run(command, console, run_scenario) : check(command, console, run_scenario);
}

int dispatch(std::span<const char* const> args, const Console& console, const RunScenario& run_scenario) {
  if (args.empty()) throw UsageError("no command; run or check would be right");
  const std::string_view first = args[0];
  if (first == "--help" || first == "-h") {
    console.out << general_help;
    return exit_done;
  }
  if (first == "--version") {
    console.out << "sidewinder " << version << "\n";
    return exit_done;
  }
  if (first == "run") return run_command(Verb::Run, args.subspan(1), console, run_scenario);
  if (first == "check") return run_command(Verb::Check, args.subspan(1), console, run_scenario);
  throw UsageError("`" + std::string(first) + "` is not a command; run or check would be right");
}

std::string help_of(std::span<const char* const> args) {
  const std::string_view first = args.empty() ? "" : args[0];
  return first == "run" || first == "check" ? "sidewinder " + std::string(first) + " --help"
                                            : "sidewinder --help";
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
    err << "sidewinder: " << error.what() << "\nsidewinder: see `" << help_of(args) << "`\n";
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
