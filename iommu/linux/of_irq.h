// SPDX-License-Identifier: Apache-2.0
//
// Interrupts of a node at a GIC (drivers/of/irq.c).

#ifndef SIDEWINDER_IOMMU_LINUX_OF_IRQ_H
#define SIDEWINDER_IOMMU_LINUX_OF_IRQ_H

#include <vector>

#include "iommu/linux/of_node.h"

namespace sidewinder::kernel::of {

/// `interrupts-extended`, else `interrupts`; empty when the node has neither.
[[nodiscard]] std::vector<Interrupt> interrupts_of(const Node& node);

}  // namespace sidewinder::kernel::of

#endif
