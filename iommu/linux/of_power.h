// SPDX-License-Identifier: Apache-2.0
//
// The power domain that a node's device is attached to before it is probed (genpd_dev_pm_attach()).

#ifndef SIDEWINDER_IOMMU_LINUX_OF_POWER_H
#define SIDEWINDER_IOMMU_LINUX_OF_POWER_H

#include <optional>

#include "iommu/linux/host_bus.h"
#include "iommu/linux/of_node.h"

namespace sidewinder::kernel::of {

/// Nothing where `power-domains` has not exactly one entry, or is malformed: a device of several domains is
/// attached to none of them by itself. Throws where Linux would not probe the device: an entry without a
/// provider, or with one that is disabled.
[[nodiscard]] std::optional<PowerDomain> power_domain_of(const Node& node);

}  // namespace sidewinder::kernel::of

#endif
