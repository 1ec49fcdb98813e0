// SPDX-License-Identifier: Apache-2.0
//
// What the platform's flattened device tree says, read as Linux reads it (drivers/of/, with libfdt).

#ifndef SIDEWINDER_IOMMU_LINUX_DEVICE_TREE_H
#define SIDEWINDER_IOMMU_LINUX_DEVICE_TREE_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iommu/linux/device_tree_nodes.h"

namespace sidewinder::kernel {

/// Every function throws DeviceTreeError for a tree that does not say what it must. Where Linux goes on with
/// less, the answer is Linux's. Paths are full paths.
class DeviceTree {
 public:
  /// Throws unless `blob` is a well-formed flattened tree of at least version 16.
  explicit DeviceTree(std::vector<std::byte> blob);

  /// The available memory of all nodes with device_type "memory", sorted, none overlapping. Empty where the
  /// boot loader fills it in.
  [[nodiscard]] std::vector<PhysRange> memory() const;

  /// Children of /reserved-memory, available or not.
  [[nodiscard]] std::size_t reserved_memory_count() const;

  /// What the kernel sets aside at boot (fdt_scan_reserved_mem()).
  [[nodiscard]] ReservedMemory reserved_memory() const;

  /// The available SMMU whose phandle the nodes at `devices` have in `iommus`; with no such reference, the
  /// only one there is, where SMMUv3s count only without an SMMUv2. Throws when there is none or the devices
  /// refer to several.
  [[nodiscard]] SmmuNode smmu(std::span<const std::string> devices) const;

  /// The available SMMU with this phandle, for the devices that `iommu-map` puts behind it.
  [[nodiscard]] SmmuNode smmu_at(std::uint32_t phandle) const;

  /// The node at a full path, which has registers.
  [[nodiscard]] DeviceNode device(const std::string& path) const;

  /// The node at a full path, with registers or without.
  [[nodiscard]] DeviceNode node(const std::string& path) const;

  /// The available children of a device, in the tree's order. They need no registers.
  [[nodiscard]] std::vector<DeviceNode> children(const std::string& path) const;

  /// Available nodes that name this phandle in `iommus` or `iommu-map`, in the tree's order.
  [[nodiscard]] std::vector<std::string> clients(std::uint32_t smmu_phandle) const;

  /// Nodes of Qualcomm's video units, available or not, in the tree's order.
  [[nodiscard]] std::vector<VideoNode> video_nodes() const;

  /// The same of the nodes compatible with one of `names`.
  [[nodiscard]] std::vector<VideoNode> video_nodes(std::span<const std::string_view> names) const;

  /// What `iommu-map` of the node at `path` says of an ID (of_map_id() and the driver's of_xlate).
  [[nodiscard]] IommuMapAnswer map_iommu_id(const std::string& path, std::uint32_t id,
                                            IommuMapRule rule) const;

  /// `coherent_mask` is the device's before it is configured (a platform device's: 32 bits).
  [[nodiscard]] DmaLimits dma_limits(const std::string& path, DmaOwner owner, DmaBounds bounds,
                                     std::uint64_t coherent_mask = 0xffff'ffff) const;

  /// memory-region and iommu-addresses of the device at `path` (of_iommu_get_resv_regions(), from 6.3).
  [[nodiscard]] IovaReservations iova_reservations(const std::string& path) const;

  /// `iommu-ranges` of the device at `path`, counted in the cells of its parent and not translated. Nothing
  /// when the property is absent.
  [[nodiscard]] std::optional<std::vector<IovaWindow>> iommu_ranges(const std::string& path) const;

 private:
  std::vector<std::byte> blob_;
};

}  // namespace sidewinder::kernel

#endif
