// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_sg.h"

#include <cassert>
#include <optional>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_iova.h"
#include "iommu/linux/dma_mask.h"
#include "iommu/linux/dma_streaming.h"

namespace sidewinder::kernel {
namespace {

void invalidate(std::span<ScatterEntry> list) {
  for (ScatterEntry& entry : list) {
    entry.dma_address = dma_mapping_error;
    entry.dma_length = 0;
  }
}

/// Leaves in each dma_address how much of the address space the piece takes, and returns the sum.
std::uint64_t lay_out(std::span<ScatterEntry> list, std::uint64_t granule, std::uint64_t boundary) {
  std::uint64_t total = 0;
  ScatterEntry* previous = nullptr;
  for (ScatterEntry& entry : list) {
    const std::uint64_t offset = entry.phys & (granule - 1);
    const std::uint64_t taken = (offset + entry.length + granule - 1) & ~(granule - 1);
    // The range will be aligned to its size, so boundaries are known before its address is.
    const std::uint64_t to_boundary = (boundary - total + 1) & boundary;
    if (to_boundary != 0 && to_boundary < taken - 1) {
      previous->dma_address += to_boundary;
      total += to_boundary;
    }
    entry.dma_address = taken;
    total += taken;
    previous = &entry;
  }
  return total;
}

/// iommu_map_sg(): neighbours in memory are mapped together, as one run of larger pages perhaps.
Status map_all(DmaDomain& domain, DmaAddr iova, std::span<const ScatterEntry> list, std::uint64_t granule,
               IommuProt prot) {
  std::uint64_t mapped = 0;
  PhysRange run;
  const auto map_run = [&]() -> Status {
    Status status = domain.map(iova + mapped, run.base, run.size, prot);
    if (!status && mapped != 0) domain.unmap(iova, mapped);
    mapped += run.size;
    return status;
  };
  for (const ScatterEntry& entry : list) {
    const PhysAddr base = entry.phys & ~(granule - 1);
    if (run.size != 0 && base == run.base + run.size) {
      run.size += entry.dma_address;
      continue;
    }
    if (run.size != 0)
      if (Status status = map_run(); !status) return status;
    run = {.base = base, .size = entry.dma_address};
  }
  return map_run();
}

/// __finalise_sg(): what the device needs, in as few entries as its limits allow.
unsigned finalise(const Device& device, std::span<ScatterEntry> list, DmaAddr iova, std::uint64_t granule) {
  const std::uint64_t boundary = device.dma_parameters.boundary();
  const std::uint32_t max_length = device.dma_parameters.max_segment();
  unsigned count = 0;
  std::uint32_t length = 0;  // of the entry that may still grow; 0: none may
  for (ScatterEntry& entry : list) {
    const std::uint64_t offset = entry.phys & (granule - 1);
    const std::uint64_t taken = entry.dma_address;
    entry.dma_address = dma_mapping_error;
    entry.dma_length = 0;

    const bool at_boundary = (iova & boundary) == 0;
    // Wraps, as in Linux, where one piece alone is longer than the limit: what follows is then joined to it.
    const std::uint32_t room = max_length - length;
    if (length != 0 && offset == 0 && !at_boundary && room >= entry.length) {
      length += entry.length;
    } else {
      length = entry.length;
      list[count++].dma_address = iova + offset;
    }
    list[count - 1].dma_length = length;
    iova += taken;
    if (offset + entry.length < taken) length = 0;
  }
  return count;
}

/// iommu_dma_map_sg_swiotlb(): every piece on its own.
Result<unsigned> map_each(Device& device, std::span<ScatterEntry> list, DmaDirection direction,
                          DmaAttrs attrs) {
  for (std::size_t index = 0; index < list.size(); ++index) {
    ScatterEntry& entry = list[index];
    entry.dma_address = dma_map_page(device, entry.phys, entry.length, direction, attrs);
    if (entry.dma_address == dma_mapping_error) {
      attrs.skip_cpu_sync = true;
      dma_unmap_sg(device, list.first(index), direction, attrs);
      return fail(Errno::EIO_);
    }
    entry.dma_length = entry.length;
  }
  return static_cast<unsigned>(list.size());
}

}  // namespace

Result<unsigned> dma_map_sg(Device& device, std::span<ScatterEntry> list, DmaDirection direction,
                            DmaAttrs attrs) {
  assert(uses_dma_iommu(device));
  DmaDomain& domain = *device.domain;
  if (!device.has_dma_mask) {
    ++domain.cookie().warnings;
    return 0U;
  }
  if (list.empty()) {
    ++domain.cookie().warnings;
    return fail(Errno::EIO_);
  }
  if (uses_swiotlb(device)) return map_each(device, list, direction, attrs);

  const std::uint64_t granule = domain.iovas().granule();
  const std::uint64_t size = lay_out(list, granule, device.dma_parameters.boundary());
  const std::optional<DmaAddr> iova = alloc_dma_iova(domain, device, size, dma_mask_of(device));
  if (!iova) {
    invalidate(list);
    return fail(Errno::ENOMEM_);
  }
  const IommuProt prot = dma_prot(direction, device.dma_coherent, attrs);
  if (const Status status = map_all(domain, *iova, list, granule, prot); !status) {
    free_dma_iova(domain, *iova, size, false);
    invalidate(list);
    return fail(status.error() == Errno::ENOMEM_ ? Errno::ENOMEM_ : Errno::EINVAL_);
  }
  return finalise(device, list, *iova, granule);
}

void dma_unmap_sg(Device& device, std::span<ScatterEntry> list, DmaDirection direction, DmaAttrs attrs) {
  if (uses_swiotlb(device)) {
    for (const ScatterEntry& entry : list)
      dma_unmap_page(device, entry.dma_address, entry.dma_length, direction, attrs);
    return;
  }
  DmaAddr end = 0;
  for (const ScatterEntry& entry : list) {
    if (entry.dma_length == 0) break;
    end = entry.dma_address + entry.dma_length;
  }
  if (end != 0) unmap_dma(device, list.front().dma_address, end - list.front().dma_address);
}

void dma_sync_sg_for_cpu(Device& device, std::span<const ScatterEntry> list, DmaDirection direction) {
  if (!uses_swiotlb(device)) return;
  for (const ScatterEntry& entry : list)
    dma_sync_single_for_cpu(device, entry.dma_address, entry.length, direction);
}

void dma_sync_sg_for_device(Device& device, std::span<const ScatterEntry> list, DmaDirection direction) {
  if (!uses_swiotlb(device)) return;
  for (const ScatterEntry& entry : list)
    dma_sync_single_for_device(device, entry.dma_address, entry.length, direction);
}

}  // namespace sidewinder::kernel
