// SPDX-License-Identifier: Apache-2.0
//
// What the words of a command line ask for.

#ifndef SIDEWINDER_SIM_CLI_OPTIONS_H
#define SIDEWINDER_SIM_CLI_OPTIONS_H

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sim/diagnostics.h"

namespace sidewinder::sim {

enum class Verb : std::uint8_t { Run, Check, Compare };

[[nodiscard]] std::optional<Verb> parse_verb(std::string_view name);

struct Command {
  std::string scenario;
  std::vector<std::string> overrides;   ///< each with a key and a '='
  std::optional<std::string> output;    ///< Run, Compare
  std::optional<std::string> expected;  ///< Check: always
  std::vector<std::string> policies;    ///< Compare; none: not given
  std::vector<std::string> kernels;     ///< Compare; none: not given
  bool quiet = false;
  bool help = false;  ///< nothing else is set then
  Severity threshold = Severity::Warning;
};

/// what() says what would be right.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Of the words after the verb. Throws UsageError.
[[nodiscard]] Command parse_command(Verb verb, std::span<const char* const> args);

}  // namespace sidewinder::sim

#endif
