// SPDX-License-Identifier: Apache-2.0
//
// How a scenario is run, for those who need not know what is behind it.

#ifndef SIDEWINDER_SIM_RUN_SCENARIO_H
#define SIDEWINDER_SIM_RUN_SCENARIO_H

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "sim/report.h"

namespace sidewinder::sim {

/// Loads the scenario with its overrides ("KEY=VALUE"), runs it, and tells how far it is. Once a process.
/// Throws InputError.
using RunScenario = std::function<Report(
    const std::filesystem::path& scenario, std::span<const std::string> overrides,
    const std::function<void(std::uint64_t simulated_ns, std::uint64_t end_ns)>& progress)>;

}  // namespace sidewinder::sim

#endif
