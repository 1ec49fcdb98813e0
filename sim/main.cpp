// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <span>

#include "sim/cli.h"
#include "sim/scenario.h"
#include "sim/simulation.h"

// libsystemc's own main calls sc_main; this program has its own main, and this satisfies the linker.
extern "C" int sc_main(int, char**) {
  return 0;
}

int main(int argc, char** argv) {
  namespace sim = sidewinder::sim;

  const std::span<const char* const> args(argv, static_cast<std::size_t>(argc));
  const bool colour_refused = std::getenv("NO_COLOR") != nullptr;
  const sim::Terminal terminal{isatty(STDOUT_FILENO) != 0 && !colour_refused, isatty(STDERR_FILENO) != 0};
  return sim::run_cli(args.empty() ? args : args.subspan(1), std::cout, std::cerr, terminal,
                      [](const auto& scenario, auto overrides, const auto& progress) {
                        return sim::simulate(sim::load_scenario(scenario, overrides), progress);
                      });
}
