// SPDX-License-Identifier: Apache-2.0
//
// The comparison for people: a row each run, at most 160 columns wide, and a verdict.

#ifndef SIDEWINDER_SIM_COMPARISON_TABLE_H
#define SIDEWINDER_SIM_COMPARISON_TABLE_H

#include <string>

#include "sim/comparison.h"

namespace sidewinder::sim {

/// Ends with a newline. `colour` adds ANSI bold and red, for a terminal; the text is otherwise the same.
[[nodiscard]] std::string to_table(const Comparison& comparison, bool colour);

}  // namespace sidewinder::sim

#endif
