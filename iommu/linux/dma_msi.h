// SPDX-License-Identifier: Apache-2.0
//
// A device behind an IOMMU writes its message-signalled interrupts through it as well, so the doorbell needs
// an I/O virtual address.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_MSI_H
#define SIDEWINDER_IOMMU_LINUX_DMA_MSI_H

#include <cstdint>

#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/reserved_region.h"

namespace sidewinder::kernel {

/// arm_smmu_get_resv_regions(): where owners of unmanaged domains have doorbells mapped (MSI_IOVA_BASE and
/// _LENGTH).
[[nodiscard]] constexpr ReservedRegion arm_smmu_msi_region() {
  return {.start = 0x800'0000,
          .length = 0x10'0000,
          .type = ReservedRegion::Type::SwMsi,
          .prot = {.write = true, .noexec = true, .mmio = true}};
}

/// iommu_get_msi_cookie(): doorbells of this unmanaged domain's devices go to `base` and the pages after it.
/// EINVAL: not unmanaged. EEXIST: a second time.
[[nodiscard]] Status get_msi_cookie(DmaDomain& domain, DmaAddr base);

/// How a doorbell's address changes: its bits from `shift` up are those of `iova`.
struct MsiTranslation {
  DmaAddr iova = 0;
  unsigned shift = 0;  ///< 0: it does not change
};

/// iommu_dma_prepare_msi(): maps the granule of `doorbell` in the device's domain, unless it is there
/// already. ENOMEM: no address, or it cannot be mapped.
[[nodiscard]] Result<MsiTranslation> prepare_msi(Device& device, PhysAddr doorbell);

/// iommu_dma_compose_msi_msg(): the address that the device is told to write to.
[[nodiscard]] DmaAddr compose_msi(const MsiTranslation& translation, PhysAddr doorbell);

}  // namespace sidewinder::kernel

#endif
