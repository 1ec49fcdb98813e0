// SPDX-License-Identifier: Apache-2.0
//
// A scenario, run from beginning to end.

#ifndef SIDEWINDER_SIM_SIMULATION_H
#define SIDEWINDER_SIM_SIMULATION_H

#include <cstdint>
#include <functional>

#include "sim/report.h"
#include "sim/scenario.h"

namespace sidewinder::sim {

/// Told now and then how far the simulation is; both in nanoseconds of simulated time.
using ProgressFn = std::function<void(std::uint64_t simulated_ns, std::uint64_t end_ns)>;

/// Once a process: SystemC cannot elaborate again. Throws InputError where device tree and profile do not fit
/// together or Linux could not use them.
[[nodiscard]] Report simulate(const Scenario& scenario, const ProgressFn& progress = {});

}  // namespace sidewinder::sim

#endif
