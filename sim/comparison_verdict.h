// SPDX-License-Identifier: Apache-2.0
//
// A comparison in words, from its figures alone.

#ifndef SIDEWINDER_SIM_COMPARISON_VERDICT_H
#define SIDEWINDER_SIM_COMPARISON_VERDICT_H

#include <string>

#include "sim/comparison.h"

namespace sidewinder::sim {

/// Whether some sessions ran, and each of their buffers and accesses stayed inside its block's window, all of
/// them translated.
[[nodiscard]] bool kept_windows(const ComparisonRow& row);

/// What became of one run: "clean, fits 10 of 12 sessions".
[[nodiscard]] std::string phrase(const ComparisonRow& row);

/// One sentence: which policies kept every buffer and access inside its block's window, which of them fit
/// most sessions and with fewest resources, and which did worst.
[[nodiscard]] std::string verdict(const Comparison& comparison);

}  // namespace sidewinder::sim

#endif
