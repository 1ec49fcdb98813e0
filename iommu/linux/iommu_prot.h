// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_IOMMU_LINUX_IOMMU_PROT_H
#define SIDEWINDER_IOMMU_LINUX_IOMMU_PROT_H

namespace sidewinder::kernel {

/// include/linux/iommu.h: IOMMU_READ and so on.
struct IommuProt {
  bool read = false;
  bool write = false;
  bool cache = false;  ///< coherent with the CPU's caches
  bool noexec = false;
  bool mmio = false;
  bool privileged = false;  ///< stage 1 only

  friend bool operator==(const IommuProt&, const IommuProt&) = default;
};

}  // namespace sidewinder::kernel

#endif
