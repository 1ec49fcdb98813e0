// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_IOMMU_LINUX_RESERVED_REGION_H
#define SIDEWINDER_IOMMU_LINUX_RESERVED_REGION_H

#include <cstdint>

#include "iommu/linux/dma_addr.h"
#include "iommu/linux/iommu_prot.h"

namespace sidewinder::kernel {

/// struct iommu_resv_region: addresses of a device's that the DMA API must not hand out.
struct ReservedRegion {
  enum class Type : std::uint8_t {
    Direct,           ///< mapped one to one, always
    DirectRelaxable,  ///< mapped one to one by default
    Reserved,         ///< never mapped
    Msi,              ///< doorbells that the device reaches untranslated
    SwMsi,            ///< where software maps doorbells
  };

  DmaAddr start = 0;
  std::uint64_t length = 0;  ///< bytes
  Type type = Type::Reserved;
  IommuProt prot{};  ///< of direct mappings

  friend bool operator==(const ReservedRegion&, const ReservedRegion&) = default;
};

}  // namespace sidewinder::kernel

#endif
