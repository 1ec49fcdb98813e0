// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_mask.h"

#include <algorithm>

#include "iommu/linux/dma_iova.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t mask_32bit = 0xffff'ffff;

}  // namespace

std::uint64_t dma_mask_of(const Device& device) {
  return device.has_dma_mask && device.dma_mask != 0 ? device.dma_mask : mask_32bit;
}

bool dma_mask_supported(const Device& device, std::uint64_t mask, const DirectMemory& memory) {
  if (uses_dma_iommu(device) || mask >= mask_32bit) return true;
  const PhysAddr last_page = ((memory.end >> page_shift) - 1) << page_shift;
  const std::uint64_t zone_dma = ~std::uint64_t{0} >> (64 - memory.zone_dma_bits);
  return mask >= std::min(last_page, zone_dma);
}

Status set_dma_mask(Device& device, std::uint64_t mask, const DirectMemory& memory) {
  if (!device.has_dma_mask || !dma_mask_supported(device, mask, memory)) return fail(Errno::EIO_);
  device.dma_mask = mask;
  return {};
}

Status set_coherent_dma_mask(Device& device, std::uint64_t mask, const DirectMemory& memory) {
  if (!dma_mask_supported(device, mask, memory)) return fail(Errno::EIO_);
  device.coherent_dma_mask = mask;
  return {};
}

Status set_dma_mask_and_coherent(Device& device, std::uint64_t mask, const DirectMemory& memory) {
  if (Status status = set_dma_mask(device, mask, memory); !status) return status;
  return set_coherent_dma_mask(device, mask, memory);
}

}  // namespace sidewinder::kernel
