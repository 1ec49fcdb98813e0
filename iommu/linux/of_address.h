// SPDX-License-Identifier: Apache-2.0
//
// Addresses of a node, on its bus and for the CPU (drivers/of/address.c).

#ifndef SIDEWINDER_IOMMU_LINUX_OF_ADDRESS_H
#define SIDEWINDER_IOMMU_LINUX_OF_ADDRESS_H

#include <string>
#include <vector>

#include "iommu/linux/of_node.h"

namespace sidewinder::kernel::of {

enum class Axis : std::uint8_t { Registers, Dma };  // ranges and parents, or dma-ranges and DMA parents

/// Where a translation ends without a CPU address (OF_BAD_ADDR).
struct Untranslatable {
  Node at;  ///< the bus, or a node that is on none
  std::uint64_t address = 0;
  bool has_ranges = false;
};

using Translated = tl::expected<PhysAddr, Untranslatable>;

/// The CPU's address for one on the bus that `node` is on (of_translate_address(),
/// of_translate_dma_address()).
[[nodiscard]] Translated translate(const Node& node, std::uint64_t address, Axis axis);

/// The bus that a node's DMA goes to: the target of the interconnect "dma-mem", else its parent.
[[nodiscard]] std::optional<Node> dma_parent(const Node& node);

/// Pairs of address and size, as `parent` counts their cells, without any translation.
[[nodiscard]] std::vector<PhysRange> address_pairs(const Node& node, const char* property,
                                                   const Node& parent);

/// `reg`, as the CPU sees it; throws unless there is at least one range, none empty.
[[nodiscard]] std::vector<PhysRange> registers_of(const Node& node);

/// What a platform device gets as memory resources: those ranges of `reg` that can be translated.
[[nodiscard]] std::vector<PhysRange> memory_resources(const Node& node);

/// Throws for a range that runs past the last address; its size is not 0.
void check_end(const Node& node, const PhysRange& range);

[[nodiscard]] std::string dev_name(const Node& node);  ///< of_device_make_bus_id()
[[nodiscard]] bool dma_coherent(const Node& node);     ///< of_dma_is_coherent()

/// of_dma_configure_id() as far as dma-ranges goes.
[[nodiscard]] DmaLimits dma_limits(const Node& node, DmaOwner owner, DmaBounds bounds,
                                   std::uint64_t coherent_mask);

}  // namespace sidewinder::kernel::of

#endif
