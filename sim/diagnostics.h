// SPDX-License-Identifier: Apache-2.0
//
// What Sidewinder itself has to say, beside its results: on standard error, above a threshold.

#ifndef SIDEWINDER_SIM_DIAGNOSTICS_H
#define SIDEWINDER_SIM_DIAGNOSTICS_H

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string_view>

namespace sidewinder::sim {

enum class Severity : std::uint8_t { Error, Warning, Info, Debug };

/// "error", "warning", "info" or "debug"; nothing else.
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view name);

/// While it lives, messages as severe as the threshold or more go to the stream. One at a time.
class DiagnosticsScope {
 public:
  DiagnosticsScope(std::ostream& to, Severity threshold);
  ~DiagnosticsScope();
  DiagnosticsScope(const DiagnosticsScope&) = delete;
  DiagnosticsScope& operator=(const DiagnosticsScope&) = delete;
};

/// One line: "sidewinder: text", a warning as "sidewinder: warning: text". Dropped where no scope lives.
void diagnose(Severity severity, std::string_view text);

/// The line as it is: a `file:line:` message, a line of the kernel's.
void diagnose_verbatim(Severity severity, std::string_view text);

}  // namespace sidewinder::sim

#endif
