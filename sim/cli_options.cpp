// SPDX-License-Identifier: Apache-2.0

#include "sim/cli_options.h"

#include <algorithm>
#include <boost/program_options.hpp>

#include "sim/text.h"

namespace sidewinder::sim {
namespace {

namespace po = boost::program_options;

// cli_help.cpp describes these.
po::options_description options_of(Verb verb) {
  po::options_description options;
  auto add = options.add_options();
  add("scenario", po::value<std::vector<std::string>>());
  add("set", po::value<std::vector<std::string>>()->composing());
  add("quiet,q", po::bool_switch());
  add("log-level", po::value<std::string>()->default_value("warning"));
  add("help,h", po::bool_switch());
  if (verb != Verb::Check) add("output,o", po::value<std::string>());
  if (verb == Verb::Check) add("expect", po::value<std::string>());
  if (verb == Verb::Compare) {
    add("policies", po::value<std::string>());
    add("kernel", po::value<std::string>());
  }
  return options;
}

/// The words of "a,b", none of them empty.
std::vector<std::string> split(const std::string& option, const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end == begin) {
      throw UsageError(
          concat({"--", option, " ", text, ": names separated by commas would be right, without spaces"}));
    }
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

}  // namespace

std::optional<Verb> parse_verb(std::string_view name) {
  if (name == "run") return Verb::Run;
  if (name == "check") return Verb::Check;
  if (name == "compare") return Verb::Compare;
  return std::nullopt;
}

Command parse_command(Verb verb, std::span<const char* const> args) {
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
  command.output = text("output");
  command.expected = text("expect");
  if (const auto policies = text("policies")) command.policies = split("policies", *policies);
  if (const auto kernels = text("kernel")) command.kernels = split("kernel", *kernels);

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

}  // namespace sidewinder::sim
