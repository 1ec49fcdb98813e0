// SPDX-License-Identifier: Apache-2.0
//
// What --help prints.

#ifndef SIDEWINDER_SIM_CLI_HELP_H
#define SIDEWINDER_SIM_CLI_HELP_H

#include <string_view>

#include "sim/cli_options.h"

namespace sidewinder::sim {

[[nodiscard]] std::string_view general_help();
[[nodiscard]] std::string_view help_of(Verb verb);

}  // namespace sidewinder::sim

#endif
