// SPDX-License-Identifier: Apache-2.0
//
// The designs that were argued for: how a device of several streams is described and set up, and what keeps
// each stream's IOVAs inside its block's window. docs/policies.md compares them.

#ifndef SIDEWINDER_SIM_POLICY_H
#define SIDEWINDER_SIM_POLICY_H

#include <cstdint>
#include <span>
#include <string_view>

#include "iommu/linux/kernel_version.h"

namespace sidewinder::sim {

enum class Policy : std::uint8_t {
  None,             ///< a child node a stream, masks only
  Shared,           ///< one node with all `iommus`: one domain for every block, as Linux does today
  Unbundled,        ///< one node with all `iommus`; software gives each stream a domain of its own
  Runtime,          ///< as None, and the driver calls dma_iova_set_resv_region() as proposed
  RuntimeHardened,  ///< the same call with its corners closed
  IommuMap,         ///< `iommu-map` on the device, a synthetic child without a node for each function
  ChildNodes,       ///< child nodes whose memory-regions have `iommu-addresses`
  DmaRanges,        ///< child nodes, each under a bus of its own with `dma-ranges`
  Uniform,          ///< child nodes with one and the same reservation
  IommuRanges,      ///< child nodes with the proposed `iommu-ranges`
  DeviceTree,       ///< whatever the device tree says, unchanged
};

/// In the order of Policy: "none", "shared", ...
[[nodiscard]] std::span<const std::string_view> policy_names();
[[nodiscard]] std::string_view to_string(Policy policy);

/// What a policy needs that this version of Linux lacks, as a phrase; empty: nothing.
[[nodiscard]] std::string_view missing_means(Policy policy, const kernel::KernelVersion& version);

/// Whether a kernel of this version with `backport` is more than its release: it has what the policy needs,
/// or what somebody's own tree may use.
[[nodiscard]] bool is_backported(Policy policy, const kernel::KernelVersion& version, bool backport);

/// Whether each block's stream is a device of its own to Linux, so that each can have a mask of its own.
[[nodiscard]] bool separates_devices(Policy policy);

}  // namespace sidewinder::sim

#endif
