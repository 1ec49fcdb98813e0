// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_ATTRS_H
#define SIDEWINDER_IOMMU_LINUX_DMA_ATTRS_H

#include <cstdint>

#include "iommu/linux/iommu_prot.h"

namespace sidewinder::kernel {

/// enum dma_data_direction without DMA_NONE, which the kernel does not survive.
enum class DmaDirection : std::uint8_t { Bidirectional, ToDevice, FromDevice };

/// The DMA_ATTR_* that dma-iommu looks at. DMA_ATTR_NO_KERNEL_MAPPING is none of them: memory is mapped for
/// the device alike with and without it.
struct DmaAttrs {
  bool privileged = false;          ///< DMA_ATTR_PRIVILEGED: for privileged transactions only
  bool skip_cpu_sync = false;       ///< DMA_ATTR_SKIP_CPU_SYNC: bounced data is not copied back
  bool alloc_single_pages = false;  ///< DMA_ATTR_ALLOC_SINGLE_PAGES: no effort for large pages
  bool force_contiguous = false;    ///< DMA_ATTR_FORCE_CONTIGUOUS: contiguous for the CPU as well
  bool no_warn = false;             ///< DMA_ATTR_NO_WARN: no word about full bounce buffers
};

/// dma_info_to_prot()
[[nodiscard]] constexpr IommuProt dma_prot(DmaDirection direction, bool coherent, DmaAttrs attrs) {
  return {.read = direction != DmaDirection::FromDevice,
          .write = direction != DmaDirection::ToDevice,
          .cache = coherent,
          .noexec = false,
          .mmio = false,
          .privileged = attrs.privileged};
}

}  // namespace sidewinder::kernel

#endif
