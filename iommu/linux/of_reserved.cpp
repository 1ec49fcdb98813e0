// SPDX-License-Identifier: Apache-2.0
//
// memory-region and iommu-addresses (of_iommu_get_resv_regions()).

#include <cinttypes>
#include <cstdio>

#include "iommu/linux/of_address.h"
#include "iommu/linux/of_iommu.h"

namespace sidewinder::kernel::of {
namespace {

constexpr unsigned ioresource_mem = 0x200;

/// What %pr prints of a memory resource.
std::string resource(const PhysRange& range) {
  char text[80];
  std::snprintf(text, sizeof text, "[mem 0x%08" PRIx64 "-0x%08" PRIx64 " flags 0x%x]", range.base,
                range.base + range.size - 1, ioresource_mem);
  return text;
}

/// Where the region is for the CPU; nothing in a region without `reg`. EINVAL where `reg` cannot be read.
Result<std::optional<PhysRange>> first_range(const Node& region) {
  const std::optional<int> length = region.length("reg");
  if (!length) return std::optional<PhysRange>{};
  const std::optional<Node> parent = region.parent();
  if (!parent || *length == 0) return fail(Errno::EINVAL_);
  const PhysRange first = address_pairs(region, "reg", *parent).front();
  const Translated base = translate(region, first.base, Axis::Registers);
  if (!base) return fail(Errno::EINVAL_);
  return std::optional(PhysRange{*base, first.size});
}

/// iommu_resv_region_get_type()
bool is_direct(const std::optional<PhysRange>& physical, const IovaReservation& region,
               std::vector<std::string>& log) {
  if (!physical || physical->size <= 1) return false;
  if (region.start == physical->base && region.size == physical->size) return true;
  char iova[48];
  std::snprintf(iova, sizeof iova, "[0x%016" PRIx64 "-0x%016" PRIx64 "]", region.start,
                region.start + region.size - 1);
  log.push_back("treating non-direct mapping [" + resource(*physical) + "] -> " + iova + " as reservation");
  return false;
}

/// The address and size at `at`, in the cells of the device's DMA parent, which moves past them
/// (of_translate_dma_region()).
IovaReservation entry_for(const Node& device, const Node& region, const Cells& cells, std::size_t& at) {
  const Node parent = dma_parent(device).value_or(device);
  const std::size_t address = parent.child_cells("#address-cells");
  const std::size_t size = parent.child_cells("#size-cells");
  if (cells.size() - at < address + size) {
    throw region.error("iommu-addresses ends inside an entry: " + device.path() + " takes " +
                       std::to_string(address) + " cells of address and " + std::to_string(size) +
                       " of size after its phandle");
  }
  const std::uint64_t start = join(cells, at, address);
  const Translated translated = translate(device, start, Axis::Dma);
  if (!translated) {
    throw region.error("iommu-addresses 0x" + hex(start) + " of " + device.path() +
                       " cannot be translated through dma-ranges: Linux dereferences NULL here");
  }
  IovaReservation entry{region.path(), *translated, join(cells, at + address, size), false};
  at += address + size;
  return entry;
}

/// Linux steps over another device's phandle only, so that the cells after it are taken for phandles too.
void read_entries(const Node& device, const Node& region, const std::optional<PhysRange>& physical,
                  IovaReservations& result) {
  const Cells cells = region.cells("iommu-addresses").value_or(Cells{});
  for (std::size_t at = 0; at < cells.size();) {
    if (region.by_phandle(cells[at++]) != device) continue;
    IovaReservation entry = entry_for(device, region, cells, at);
    if (entry.size == 0) {
      result.log.emplace_back("Cannot reserve IOVA region of 0 size");
      continue;
    }
    entry.direct = is_direct(physical, entry, result.log);
    result.regions.push_back(std::move(entry));
  }
}

}  // namespace

IovaReservations iova_reservations(const Node& device) {
  IovaReservations result;
  for (const std::uint32_t phandle : device.cells("memory-region").value_or(Cells{})) {
    const std::optional<Node> region = device.by_phandle(phandle);
    if (!region) continue;
    const Result<std::optional<PhysRange>> physical = first_range(*region);
    if (!physical) {
      result.log.push_back("failed to parse memory region " + region->path() + ": -22");
      continue;
    }
    read_entries(device, *region, *physical, result);
  }
  return result;
}

}  // namespace sidewinder::kernel::of
