// SPDX-License-Identifier: Apache-2.0
//
// sc_start for programs that are built with AddressSanitizer.

#ifndef SIDEWINDER_MODELS_RUN_SIMULATION_H
#define SIDEWINDER_MODELS_RUN_SIMULATION_H

#include <systemc>

namespace sidewinder::models {

/// Advances the simulation by `duration`, and leaves AddressSanitizer with the caller's own stack: SystemC's
/// library announces its switches between stacks, but not the one back to the stack that called sc_start.
void run_simulation(const sc_core::sc_time& duration);

}  // namespace sidewinder::models

#endif
