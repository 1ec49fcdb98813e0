// SPDX-License-Identifier: Apache-2.0
//
// What the DMA API knows of a device beyond its masks.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_DEVICE_H
#define SIDEWINDER_IOMMU_LINUX_DMA_DEVICE_H

#include <cstdint>
#include <vector>

namespace sidewinder::kernel {

/// struct device_dma_parameters; 0: not set.
struct DmaParameters {
  std::uint32_t max_segment_size = 0;       ///< bytes of one element of a mapped list
  std::uint64_t segment_boundary_mask = 0;  ///< 2^n - 1: no element crosses a multiple of 2^n
  std::uint32_t min_align_mask = 0;         ///< address bits that bouncing must keep

  [[nodiscard]] std::uint32_t max_segment() const {
    return max_segment_size != 0 ? max_segment_size : 0x1'0000;
  }
  [[nodiscard]] std::uint64_t boundary() const {
    return segment_boundary_mask != 0 ? segment_boundary_mask : ~std::uint64_t{0};
  }
};

/// struct bus_dma_region: where a part of memory is for the device.
struct DmaRegion {
  std::uint64_t cpu_start = 0;
  std::uint64_t dma_start = 0;
  std::uint64_t size = 0;
};

/// One of a host bridge's windows (struct resource_entry), in the CPU's addresses, both ends inclusive.
struct PciWindow {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  ///< to subtract for an address on the bus
  bool memory = true;        ///< IORESOURCE_MEM; of the windows to the devices only
};

/// What makes a device a PCI device.
struct PciFunction {
  bool untrusted = false;               ///< behind an external port: what it sees of memory is whole granules
  bool try_32bit_first = false;         ///< pci_32bit_workaround; unused before since::pci_32bit_latch
  std::vector<PciWindow> windows{};     ///< of its host bridge, to the devices
  std::vector<PciWindow> dma_ranges{};  ///< of its host bridge, from the devices
  bool ats = false;          ///< it can, and firmware says so of its root complex (IOMMU_FWSPEC_PCI_RC_ATS)
  bool ats_enabled = false;  ///< the SMMU's driver has told it to (pci_enable_ats())
};

}  // namespace sidewinder::kernel

#endif
