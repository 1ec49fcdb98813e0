// SPDX-License-Identifier: Apache-2.0
//
// What ties a node to its IOMMU (drivers/iommu/of_iommu.c, of_map_id() in drivers/of/base.c, arm-smmu's
// of_xlate).

#ifndef SIDEWINDER_IOMMU_LINUX_OF_IOMMU_H
#define SIDEWINDER_IOMMU_LINUX_OF_IOMMU_H

#include <string>
#include <vector>

#include "iommu/linux/of_node.h"

namespace sidewinder::kernel::of {

/// What a controller's `compatible` makes of it.
struct SmmuMatch {
  SmmuModel model = SmmuModel::Mmu500;
  SmmuImplementation implementation = SmmuImplementation::Arm;
  std::string compatible;
};

/// Nothing for a node that is no SMMU.
[[nodiscard]] std::optional<SmmuMatch> smmu_match(const Node& node);

/// What a node is instead of an SMMU, for "which is ...".
[[nodiscard]] std::string not_an_smmu(const Node& node);

/// Which compatible strings an SMMU may have, for a message.
[[nodiscard]] std::string smmu_compatibles();

[[nodiscard]] std::uint32_t iommu_cells(const Node& smmu);
[[nodiscard]] std::uint16_t stream_match_mask(const Node& smmu);

[[nodiscard]] std::vector<IommuSpecifier> iommus_of(const Node& node);

/// What the driver makes of an entry of `iommu-map`; nothing where the target is disabled, which is as if
/// there were no IOMMU (of_iommu_xlate()).
[[nodiscard]] std::optional<IommuSpecifier> map_specifier(const Node& node, std::uint32_t phandle,
                                                          std::uint32_t offset, const Cells& output);

[[nodiscard]] IommuMapAnswer map_iommu_id(const Node& node, std::uint32_t id, IommuMapRule rule);

/// Whether `iommus` or `iommu-map` names the phandle. A malformed property names what comes before the error.
[[nodiscard]] bool refers_to_iommu(const Node& node, std::uint32_t phandle);

[[nodiscard]] IovaReservations iova_reservations(const Node& device);

}  // namespace sidewinder::kernel::of

#endif
