// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_msi.h"

#include <bit>
#include <optional>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_iova.h"
#include "iommu/linux/dma_mask.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {

Status get_msi_cookie(DmaDomain& domain, DmaAddr base) {
  if (domain.type() != DomainType::Unmanaged) return fail(Errno::EINVAL_);
  DmaCookie& cookie = domain.cookie();
  if (cookie.type != DmaCookie::Type::None) return fail(Errno::EEXIST_);
  cookie.type = DmaCookie::Type::Msi;
  cookie.msi_iova = base;
  return {};
}

Result<MsiTranslation> prepare_msi(Device& device, PhysAddr doorbell) {
  DmaDomain* const domain = device.domain;
  if (domain == nullptr || domain->cookie().type == DmaCookie::Type::None) return MsiTranslation{};

  DmaCookie& cookie = domain->cookie();
  const std::uint64_t granule = cookie.type == DmaCookie::Type::Iova ? cookie.iovas->granule() : page_size;
  const auto shift = static_cast<unsigned>(std::countr_zero(granule));
  const PhysAddr phys = doorbell & ~(granule - 1);
  for (const DmaCookie::MsiPage& known : cookie.msi_pages)
    if (known.phys == phys) return MsiTranslation{.iova = known.iova, .shift = shift};

  const std::optional<DmaAddr> iova = alloc_dma_iova(*domain, device, granule, dma_mask_of(device));
  if (!iova) return fail(Errno::ENOMEM_);
  constexpr IommuProt prot{.write = true, .noexec = true, .mmio = true};
  if (!domain->map(*iova, phys, granule, prot)) {
    free_dma_iova(*domain, *iova, granule, false);
    return fail(Errno::ENOMEM_);
  }
  cookie.msi_pages.push_back({.iova = *iova, .phys = phys});
  return MsiTranslation{.iova = *iova, .shift = shift};
}

DmaAddr compose_msi(const MsiTranslation& translation, PhysAddr doorbell) {
  if (translation.shift == 0) return doorbell;
  return translation.iova | (doorbell & ((DmaAddr{1} << translation.shift) - 1));
}

}  // namespace sidewinder::kernel
