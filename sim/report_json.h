// SPDX-License-Identifier: Apache-2.0
//
// summary.json and comparison.json: the results for programs. docs/results.md defines each key.

#ifndef SIDEWINDER_SIM_REPORT_JSON_H
#define SIDEWINDER_SIM_REPORT_JSON_H

#include <string>
#include <string_view>

#include "sim/comparison.h"
#include "sim/report.h"

namespace sidewinder::sim {

/// Grows when a key changes its meaning or goes; new keys alone leave it.
inline constexpr std::string_view summary_schema = "sidewinder-summary/2";
inline constexpr std::string_view comparison_schema = "sidewinder-comparison/1";

/// Indented by two, keys in a fixed order, ended by a newline. Text that is not UTF-8 has its bad bytes
/// replaced by U+FFFD.
[[nodiscard]] std::string to_json(const Report& report);
[[nodiscard]] std::string to_json(const Comparison& comparison);

}  // namespace sidewinder::sim

#endif
