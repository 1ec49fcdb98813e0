// SPDX-License-Identifier: Apache-2.0
//
// A profile that is for many boards, made the profile of one: what it leaves to the device tree is read
// there.

#ifndef SIDEWINDER_SIM_BOARD_H
#define SIDEWINDER_SIM_BOARD_H

#include <cstddef>
#include <vector>

#include "sim/platform_report.h"
#include "sim/scenario.h"

namespace sidewinder::sim {

struct BoardFit {
  std::vector<std::byte> tree;  ///< with what the profile enables
  SocProfile profile;           ///< every device with its node, every stream with its StreamID
  PlatformReport used;          ///< where from
};

/// Chooses a node for each device of the profile, the available ones first, then in the tree's order. Throws
/// InputError where there is none, and kernel::DeviceTreeError where what is there cannot be used.
[[nodiscard]] BoardFit fit_to_board(const Scenario& scenario, const std::vector<std::byte>& tree);

}  // namespace sidewinder::sim

#endif
