// SPDX-License-Identifier: Apache-2.0
//
// Describes the video devices of a device tree as a policy has it. What comes out is what somebody would
// write by hand: configs/policies/ has each policy's tree for the thread's hardware.

#ifndef SIDEWINDER_SIM_POLICY_TREE_H
#define SIDEWINDER_SIM_POLICY_TREE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/policy.h"
#include "sim/profile.h"

namespace sidewinder::sim {

/// `blob`, a tree whose video devices list all their streams in `iommus`, with those devices rewritten.
/// `uniform_size` is what Policy::Uniform reserves for each stream, in bytes. Throws
/// kernel::DeviceTreeError where a device's `iommus` cannot be read.
[[nodiscard]] std::vector<std::byte> apply_policy(const std::vector<std::byte>& blob, Policy policy,
                                                  const SocProfile& profile, std::uint64_t uniform_size);

/// What the node of a stream's own device is called below the video device's.
[[nodiscard]] std::string stream_node_name(const DeviceProfile& device, std::size_t stream);

}  // namespace sidewinder::sim

#endif
