// SPDX-License-Identifier: Apache-2.0
//
// summary.json: the report for programs. docs/results.md defines each key.

#ifndef SIDEWINDER_SIM_REPORT_JSON_H
#define SIDEWINDER_SIM_REPORT_JSON_H

#include <string>
#include <string_view>

#include "sim/report.h"

namespace sidewinder::sim {

/// Grows when a key changes its meaning or goes; new keys alone leave it.
inline constexpr std::string_view summary_schema = "sidewinder-summary/1";

/// Indented by two, keys in a fixed order, ended by a newline. Text that is not UTF-8 has its bad bytes
/// replaced by U+FFFD.
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace sidewinder::sim

#endif
