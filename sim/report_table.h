// SPDX-License-Identifier: Apache-2.0
//
// The report for people: a verdict, then tables, about 100 columns wide.

#ifndef SIDEWINDER_SIM_REPORT_TABLE_H
#define SIDEWINDER_SIM_REPORT_TABLE_H

#include <string>

#include "sim/report.h"

namespace sidewinder::sim {

/// The sentences everything else explains: what became of the sessions, and of the accesses.
[[nodiscard]] std::string verdict(const Report& report);

/// "completed", "could not start: -ENOMEM (BIN, 4096 bytes, pixel)" and so on.
[[nodiscard]] std::string outcome_text(const SessionReport& session);

[[nodiscard]] std::string to_text(Survival survival);  ///< "-", "kept" or "lost"

/// Ends with a newline. `colour` adds ANSI bold and red, for a terminal; the text is otherwise the same.
[[nodiscard]] std::string to_table(const Report& report, bool colour);

}  // namespace sidewinder::sim

#endif
