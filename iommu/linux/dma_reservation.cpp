// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_reservation.h"

#include <limits>
#include <optional>

#include "iommu/linux/dma_domain.h"

namespace sidewinder::kernel {
namespace {

/// __IOMMU_DOMAIN_DMA_API: dma-iommu hands out its addresses. A type test for DMA alone misses lazy domains.
bool has_iova_space(const DmaDomain& domain) {
  return is_dma_domain(domain.type());
}

/// In struct iova an allocated and a reserved range look alike; in the kernel this needs a flag there.
bool has_allocation(const IovaDomain& iovas, Pfn pfn_lo, Pfn pfn_hi) {
  while (const std::optional<IovaRange> range = iovas.first_overlap(pfn_lo, pfn_hi)) {
    if (range->kind != IovaKind::Reserved) return true;
    if (range->pfn_hi >= pfn_hi) return false;
    pfn_lo = range->pfn_hi + 1;
  }
  return false;
}

bool all_taken(const IovaDomain& iovas, Pfn pfn_lo, Pfn pfn_hi) {
  while (const std::optional<IovaRange> range = iovas.first_overlap(pfn_lo, pfn_lo)) {
    if (range->pfn_hi >= pfn_hi) return true;
    pfn_lo = range->pfn_hi + 1;
  }
  return false;
}

}  // namespace

Status set_resv_region(Device& device, DmaAddr start, std::uint64_t length) {
  if (device.domain == nullptr || device.domain->type() != DomainType::Dma) return fail(Errno::ENODEV_);
  IovaDomain& iovas = device.domain->iovas();
  if (!iovas.reserve_iova(iovas.to_pfn(start), iovas.to_pfn(start + length - 1))) return fail(Errno::ENOMEM_);
  return {};
}

Status set_resv_region_hardened(Device& device, DmaAddr start, std::uint64_t length) {
  if (device.domain == nullptr || !has_iova_space(*device.domain)) return fail(Errno::ENODEV_);
  if (length == 0 || length - 1 > std::numeric_limits<DmaAddr>::max() - start) return fail(Errno::EINVAL_);
  const DmaAddr last = start + (length - 1);
  if (last > device.domain->aperture_end()) return fail(Errno::EINVAL_);

  // iommu_map() refuses what is not whole pages, since it would map what nobody asked for. Here more than was
  // asked for is harmless and less is not, so that the range grows, as iova_reserve_iommu_regions() has it.
  IovaDomain& iovas = device.domain->iovas();
  const Pfn pfn_lo = iovas.to_pfn(start);
  const Pfn pfn_hi = iovas.to_pfn(last);

  iovas.free_cached();
  if (has_allocation(iovas, pfn_lo, pfn_hi)) return fail(Errno::EBUSY_);
  if (!iovas.reserve_iova(pfn_lo, pfn_hi)) return fail(Errno::ENOMEM_);
  if (!all_taken(iovas, pfn_lo, pfn_hi)) return fail(Errno::EEXIST_);
  return {};
}

}  // namespace sidewinder::kernel
