// SPDX-License-Identifier: Apache-2.0
//
// What a run used of its device tree, as plain values.

#ifndef SIDEWINDER_SIM_PLATFORM_REPORT_H
#define SIDEWINDER_SIM_PLATFORM_REPORT_H

#include <cstdint>
#include <string>
#include <vector>

namespace sidewinder::sim {

/// An entry of `iommus`.
struct UsedStreamId {
  std::uint32_t sid = 0;
  std::uint32_t mask = 0;  ///< SMR.MASK: set bits are ignored
};

/// A node of the device tree that a device of the profile is at.
struct UsedDevice {
  std::string node;
  std::string compatible;  ///< the string it was chosen by, else its first
  bool enabled = false;    ///< the device tree has it disabled, and the profile enables it
  std::vector<UsedStreamId> stream_ids;
};

/// What of the device tree is used.
struct PlatformReport {
  std::string smmu;  ///< its node
  std::string smmu_compatible;
  bool smmu_enabled = false;           ///< the device tree has it disabled, and the profile enables it
  bool memory_from_scenario = false;   ///< the device tree has none
  std::vector<UsedDevice> devices{};   ///< in the profile's order
  std::string enabled_power_domain{};  ///< the SMMU's provider, if disabled there and enabled by the profile
};

}  // namespace sidewinder::sim

#endif
