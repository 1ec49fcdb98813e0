// SPDX-License-Identifier: Apache-2.0
//
// From a device's description to what the DMA API and the IOMMU core know of it (of_dma_configure_id()).

#ifndef SIDEWINDER_IOMMU_LINUX_OF_DEVICE_H
#define SIDEWINDER_IOMMU_LINUX_OF_DEVICE_H

#include <cstdint>
#include <optional>
#include <string>

#include "iommu/linux/device_tree.h"
#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/kernel_version.h"
#include "iommu/linux/log.h"

namespace sidewinder::kernel {

/// Which of the bindings a kernel reads.
struct OfBindings {
  bool iommu_addresses = false;
  bool iommu_map_cells = false;  ///< iommu-map entries as wide as #iommu-cells
  bool iommu_ranges = false;
  bool lower_dma_bound = false;  ///< dma-ranges bounds addresses from below, too
};
/// Those of a release; with `backport`, the newer ones as well.
[[nodiscard]] OfBindings bindings_of(KernelVersion version, bool backport);

/// The device of the node at `path`; with `function`, a device without a node of its own that stands for
/// this ID of the node's iommu-map. Sets streams, masks, limits, coherency and reserved regions, and logs
/// what the kernel logs. EINVAL: its dma-ranges are unusable, and it is not probed. Throws DeviceTreeError.
[[nodiscard]] Status configure_device(Device& device, const DeviceTree& tree, const std::string& path,
                                      std::optional<std::uint32_t> function, const OfBindings& bindings,
                                      const KernelLog& log);

}  // namespace sidewinder::kernel

#endif
