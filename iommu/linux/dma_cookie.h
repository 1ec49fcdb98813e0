// SPDX-License-Identifier: Apache-2.0
//
// What dma-iommu keeps of a domain (struct iommu_dma_cookie).

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_COOKIE_H
#define SIDEWINDER_IOMMU_LINUX_DMA_COOKIE_H

#include <cstdint>
#include <memory>
#include <vector>

#include "iommu/linux/dma_addr.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/iova.h"
#include "iommu/linux/kernel_version.h"
#include "iommu/linux/log.h"

namespace sidewinder::kernel {

class FlushQueue;

struct DmaCookie {
  enum class Type : std::uint8_t {
    None,  ///< an unmanaged domain's: its owner says where
    Iova,  ///< IOMMU_DMA_IOVA_COOKIE: the DMA API's
    Msi,   ///< IOMMU_DMA_MSI_COOKIE: only doorbells are mapped, one after another
  };
  struct MsiPage {
    DmaAddr iova = 0;
    PhysAddr phys = 0;
  };

  Type type = Type::None;
  KernelVersion version;
  bool forcedac = false;           ///< iommu.forcedac: no address below 4 GiB first for PCI devices
  const KernelLog* log = nullptr;  ///< null: nothing is logged
  bool initialised = false;        ///< by init_domain(); until then `iovas` begins at its page 1
  std::shared_ptr<IovaDomain> iovas = std::make_shared<IovaDomain>(IovaConfig{});
  bool shadow_on_flush = false;             ///< the IOMMU's flushes are costly: one large flush queue
  std::shared_ptr<FlushQueue> flush_queue;  ///< null: strict
  std::vector<MsiPage> msi_pages;
  bool inactive_bounce_said = false;  ///< dev_warn_once, of this domain
  std::uint64_t warnings = 0;         ///< how often a WARN_ON of dma-iommu would have fired
  DmaAddr msi_iova = 0;               ///< Type::Msi: where the next doorbell is mapped
};

}  // namespace sidewinder::kernel

#endif
