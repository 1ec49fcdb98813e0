// SPDX-License-Identifier: Apache-2.0
//
// A DMA domain's address space as the first device finds it (iommu_dma_init_domain()).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_INIT_H
#define SIDEWINDER_IOMMU_LINUX_DMA_INIT_H

#include <span>

#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/iova.h"
#include "iommu/linux/kernel_version.h"
#include "iommu/linux/log.h"
#include "iommu/linux/reserved_region.h"

namespace sidewinder::kernel {

struct DmaInit {
  DmaAddr base = 0;                           ///< lowest address that the device's dma-ranges allow
  DmaAddr limit = ~DmaAddr{0};                ///< highest
  KernelVersion version{};                    ///< below: of the whole kernel
  std::span<const ReservedRegion> regions{};  ///< the device's (iommu_get_resv_regions())
  unsigned cpus = 1;                          ///< possible CPUs
  IovaStrategy strategy = IovaStrategy::Linux;
  bool forcedac = false;           ///< iommu.forcedac
  bool deferred_flush = true;      ///< the IOMMU has IOMMU_CAP_DEFERRED_FLUSH, as arm-smmu does
  bool shadow_on_flush = false;    ///< its flushes update shadow tables, as a hypervisor's do
  const KernelLog* log = nullptr;  ///< null: nothing is logged
};

/// The first call makes the domain's address space, and its flush queue if it is lazy (which it does not stay
/// where Linux takes the IOMMU for unable), and reserves what `device` must not use in it: the host
/// bridge's windows, if it is a PCI device, and `regions` but SwMsi. Later calls change nothing, so another
/// device's regions are not reserved. EINVAL: not a domain of the DMA API, or PCI dma_ranges that overlap
/// (the domain then counts as initialised). EFAULT: dma-ranges beyond the domain's addresses, or not those
/// that it was initialised with.
[[nodiscard]] Status init_domain(DmaDomain& domain, Device& device, const DmaInit& init);

/// iommu_create_device_direct_mappings(): maps the direct ones of `regions` to themselves, but for pages that
/// are mapped already. Only in domains of the DMA API. Errors as DmaDomain::map; earlier regions stay mapped.
[[nodiscard]] Status create_direct_mappings(DmaDomain& domain, std::span<const ReservedRegion> regions);

/// iommu_dma_init_fq() for an initialised domain of type Dma: it is lazy from now on.
void start_flush_queue(DmaDomain& domain);

}  // namespace sidewinder::kernel

#endif
