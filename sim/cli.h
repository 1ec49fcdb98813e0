// SPDX-License-Identifier: Apache-2.0
//
// The command line: `sidewinder run`, `sidewinder check` and `sidewinder compare`.

#ifndef SIDEWINDER_SIM_CLI_H
#define SIDEWINDER_SIM_CLI_H

#include <iosfwd>
#include <span>

#include "sim/run_scenario.h"

namespace sidewinder::sim {

/// What sits at the other end of the two streams.
struct Terminal {
  bool colour_out = false;       ///< results may be coloured
  bool interactive_err = false;  ///< a progress line may be drawn and erased
};

enum ExitStatus : int {
  exit_done = 0,       ///< the simulation completed, whatever it found; check: the logs agree
  exit_differs = 1,    ///< check: they do not
  exit_bad_input = 2,  ///< usage, scenario, device tree, expected log, output directory
  exit_defect = 3,     ///< an error of Sidewinder's own
};

/// The arguments are those after the program's name.
[[nodiscard]] int run_cli(std::span<const char* const> args, std::ostream& out, std::ostream& err,
                          const Terminal& terminal, const RunScenario& run_scenario);

}  // namespace sidewinder::sim

#endif
