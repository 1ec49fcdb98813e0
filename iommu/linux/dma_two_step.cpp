// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_two_step.h"

#include <algorithm>
#include <optional>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_iova.h"
#include "iommu/linux/dma_mask.h"
#include "iommu/linux/dma_streaming.h"

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t size_limit = std::uint64_t{1} << 63;  // DMA_IOVA_USE_SWIOTLB's bit

std::uint64_t granule_of(const Device& device) {
  return device.domain->iovas().granule();
}

struct Range {
  DmaAddr iova = 0;
  PhysAddr phys = 0;
  std::uint64_t size = 0;
};

class Linker {
 public:
  Linker(Device& device, DmaIovaState& state, DmaDirection direction, DmaAttrs attrs)
      : device_(&device), state_(&state), direction_(direction), attrs_(attrs) {}

  [[nodiscard]] Status link(const Range& range) const {
    return device_->domain->map(range.iova, range.phys, range.size,
                                dma_prot(direction_, device_->dma_coherent, attrs_));
  }

  /// iommu_dma_iova_link_swiotlb(): the granules at both ends that are not whole on their own.
  [[nodiscard]] Status link_bounced(Range range) const {
    const std::uint64_t granule = granule_of(*device_);
    const std::uint64_t start_pad = range.phys & (granule - 1);
    const std::uint64_t end_pad = (range.phys + range.size) & (granule - 1);
    std::uint64_t mapped = 0;
    if (start_pad != 0) {
      mapped = std::min(range.size, granule - start_pad);
      if (Status status = bounce({range.iova, range.phys, mapped}, start_pad); !status) return status;
      if (mapped == range.size) return {};
    }

    const std::uint64_t whole = range.size - mapped - end_pad;
    Status status = link({range.iova + mapped, range.phys + mapped, whole});
    if (status) {
      mapped += whole;
      if (end_pad == 0) return status;
      status = bounce({range.iova + mapped, range.phys + mapped, end_pad}, 0);
      if (status) return status;
    }
    // From the very beginning, whatever was linked there: as in Linux.
    dma_iova_unlink(*device_, *state_, 0, mapped, direction_, attrs_);
    return status;
  }

 private:
  [[nodiscard]] Status bounce(const Range& range, std::uint64_t start_pad) const {
    const std::optional<PhysAddr> bounced = bounce_dma(*device_, range.phys, range.size, direction_, attrs_);
    if (!bounced) return fail(Errno::ENOMEM_);
    Status status =
        link({range.iova - start_pad, *bounced - start_pad, align_up(range.size, granule_of(*device_))});
    if (status)
      state_->use_swiotlb = true;
    else
      unbounce_dma(*device_, *bounced, range.size, direction_, attrs_);
    return status;
  }

  Device* device_;
  DmaIovaState* state_;
  DmaDirection direction_;
  DmaAttrs attrs_;
};

/// iommu_dma_iova_unlink_range_slow()
void unbounce_range(Device& device, DmaAddr first, std::uint64_t size, DmaDirection direction,
                    DmaAttrs attrs) {
  const std::uint64_t granule = granule_of(device);
  const DmaAddr end = first + size;
  DmaAddr iova = first;
  do {
    const PhysAddr phys = device.domain->iova_to_phys(iova).value_or(0);
    if (phys == 0) {
      ++device.domain->cookie().warnings;
      return;
    }
    const std::uint64_t length = std::min(end - iova, granule - (iova & (granule - 1)));
    unbounce_dma(device, phys, length, direction, attrs);
    iova += length;
  } while (iova < end);
}

void unlink(Device& device, const DmaIovaState& state, std::uint64_t offset, std::uint64_t size,
            DmaDirection direction, DmaAttrs attrs, bool free_iova) {
  DmaDomain& domain = *device.domain;
  const std::uint64_t granule = granule_of(device);
  const DmaAddr first = state.address + offset;
  if (state.use_swiotlb || (!device.dma_coherent && !attrs.skip_cpu_sync))
    unbounce_range(device, first, size, direction, attrs);

  const bool queued = free_iova && domain.cookie().flush_queue != nullptr;
  const std::uint64_t pad = first & (granule - 1);
  size = align_up(size + pad, granule);
  IotlbGather gather{.queued = queued};
  if (domain.unmap_fast(first - pad, size, gather) != size) ++domain.cookie().warnings;
  if (!queued) domain.iotlb_sync(gather);
  if (free_iova) free_dma_iova(domain, first - pad, size, queued);
}

}  // namespace

bool dma_iova_try_alloc(Device& device, DmaIovaState& state, PhysAddr phys, std::uint64_t size) {
  state = {};
  if (!uses_dma_iommu(device)) return false;
  if (size == 0 || size >= size_limit) {
    ++device.domain->cookie().warnings;
    return false;
  }
  const std::uint64_t granule = granule_of(device);
  const std::uint64_t offset = phys & (granule - 1);
  const std::optional<DmaAddr> iova =
      alloc_dma_iova(*device.domain, device, align_up(size + offset, granule), dma_mask_of(device));
  if (!iova) return false;
  state.address = *iova + offset;
  state.size = size;
  return true;
}

void dma_iova_free(Device& device, const DmaIovaState& state) {
  const std::uint64_t granule = granule_of(device);
  const std::uint64_t pad = state.address & (granule - 1);
  free_dma_iova(*device.domain, state.address - pad, align_up(state.size + pad, granule), false);
}

Status dma_iova_link(Device& device, DmaIovaState& state, PhysAddr phys, std::uint64_t offset,
                     std::uint64_t size, DmaDirection direction, DmaAttrs attrs) {
  const std::uint64_t granule = granule_of(device);
  const std::uint64_t pad = phys & (granule - 1);
  if (pad != 0 && offset > 0) {
    ++device.domain->cookie().warnings;
    return fail(Errno::EIO_);
  }
  const Linker linker(device, state, direction, attrs);
  const DmaAddr iova = state.address + offset;
  if (uses_swiotlb(device) && ((phys | size) & (granule - 1)) != 0)
    return linker.link_bounced({iova, phys, size});
  return linker.link({iova - pad, phys - pad, align_up(size + pad, granule)});
}

Status dma_iova_sync(Device&, const DmaIovaState&, std::uint64_t, std::uint64_t) {
  return {};
}

void dma_iova_unlink(Device& device, const DmaIovaState& state, std::uint64_t offset, std::uint64_t size,
                     DmaDirection direction, DmaAttrs attrs) {
  unlink(device, state, offset, size, direction, attrs, false);
}

void dma_iova_destroy(Device& device, const DmaIovaState& state, std::uint64_t mapped, DmaDirection direction,
                      DmaAttrs attrs) {
  if (mapped != 0)
    unlink(device, state, 0, mapped, direction, attrs, true);
  else
    dma_iova_free(device, state);
}

}  // namespace sidewinder::kernel
