// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_init.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "iommu/linux/dma_cookie.h"
#include "iommu/linux/dma_domain.h"
#include "iommu/linux/flush_queue.h"
#include "iommu/linux/io_pgtable.h"

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t granule = IoPgtable::page_sizes & ~(IoPgtable::page_sizes - 1);
constexpr std::uint64_t last_address = ~std::uint64_t{0};

void warn(const KernelLog* log, const char* text) {
  if (log != nullptr) log->print(LogLevel::Warn, text);
}

void reserve(IovaDomain& iovas, DmaAddr first, DmaAddr last) {
  // Linux does not look whether it worked.
  static_cast<void>(iovas.reserve_iova(iovas.to_pfn(first), iovas.to_pfn(last)));
}

/// A gap among the bridge's dma_ranges; its last address is the next window's first, as in Linux.
Status reserve_gap(IovaDomain& iovas, const Device& device, const KernelLog* log, DmaAddr first,
                   DmaAddr last) {
  if (last > first) {
    reserve(iovas, first, last);
  } else if (last < first) {
    if (log != nullptr) {
      std::array<char, 80> text{};
      std::snprintf(text.data(), text.size(), "Failed to reserve IOVA [0x%016" PRIx64 "-0x%016" PRIx64 "]",
                    first, last);
      log->dev(LogLevel::Err, "pci", device.name, text.data());
    }
    return fail(Errno::EINVAL_);
  }
  return {};
}

/// iova_reserve_pci_windows(): a device's own accesses to a window reach the peer there, not the IOMMU, and
/// only dma_ranges reach memory.
Status reserve_pci_windows(IovaDomain& iovas, Device& device, const KernelLog* log) {
  PciFunction& pci = *device.pci;
  for (const PciWindow& window : pci.windows)
    if (window.memory) reserve(iovas, window.start - window.offset, window.end - window.offset);

  std::stable_sort(pci.dma_ranges.begin(), pci.dma_ranges.end(),
                   [](const PciWindow& a, const PciWindow& b) { return a.start < b.start; });
  DmaAddr start = 0;
  DmaAddr end = 0;
  for (const PciWindow& window : pci.dma_ranges) {
    end = window.start - window.offset;
    if (Status status = reserve_gap(iovas, device, log, start, end); !status) return status;
    start = window.end - window.offset + 1;
  }
  if (pci.dma_ranges.empty() || end == last_address) return {};
  return reserve_gap(iovas, device, log, start, last_address);
}

/// cookie_init_hw_msi_region()
void add_msi_pages(DmaCookie& cookie, const ReservedRegion& region) {
  const std::uint64_t offset = region.start & (granule - 1);
  const DmaAddr first = region.start - offset;
  const std::uint64_t length = align_up(region.length + offset, granule);
  for (DmaAddr page = first; page != first + length; page += granule)
    cookie.msi_pages.push_back({.iova = page, .phys = page});
}

/// iova_reserve_iommu_regions()
Status reserve_regions(DmaCookie& cookie, Device& device, std::span<const ReservedRegion> regions) {
  if (device.pci)
    if (Status status = reserve_pci_windows(*cookie.iovas, device, cookie.log); !status) return status;
  for (const ReservedRegion& region : regions) {
    if (region.type == ReservedRegion::Type::SwMsi) continue;
    reserve(*cookie.iovas, region.start, region.start + region.length - 1);
    if (region.type == ReservedRegion::Type::Msi) add_msi_pages(cookie, region);
  }
  return {};
}

/// The caches' worker, which a domain that is gone no longer needs.
void schedule_trimming(const std::shared_ptr<IovaDomain>& iovas, HostBus& bus) {
  iovas->set_trim_scheduler([weak = std::weak_ptr<IovaDomain>(iovas), &bus](unsigned order) {
    bus.schedule(IovaDomain::depot_trim_delay_ns, [weak, order] {
      if (const std::shared_ptr<IovaDomain> alive = weak.lock()) alive->trim_depot(order);
    });
  });
}

}  // namespace

Status init_domain(DmaDomain& domain, Device& device, const DmaInit& init) {
  if (device.pci) device.pci->try_32bit_first = !init.forcedac;

  DmaCookie& cookie = domain.cookie();
  if (cookie.type != DmaCookie::Type::Iova) return fail(Errno::EINVAL_);

  if (init.base > domain.aperture_end() || init.limit < domain.aperture_start()) {
    warn(init.log, "specified DMA range outside IOMMU capability");
    return fail(Errno::EFAULT_);
  }
  Pfn start_pfn = std::max<Pfn>(1, domain.aperture_start() / granule);
  if (init.version < since::dma_ranges_upper_bound_only) start_pfn = std::max(start_pfn, init.base / granule);

  if (cookie.initialised) {
    if (cookie.iovas->granule() == granule && cookie.iovas->start_pfn() == start_pfn) return {};
    warn(init.log, "Incompatible range for DMA domain");
    return fail(Errno::EFAULT_);
  }

  cookie.initialised = true;
  cookie.version = init.version;
  cookie.forcedac = init.forcedac;
  cookie.log = init.log;
  cookie.shadow_on_flush = init.shadow_on_flush;
  const bool list = init.version >= since::iova_depot_list;
  cookie.iovas = std::make_shared<IovaDomain>(IovaConfig{.granule = granule,
                                                         .start_pfn = start_pfn,
                                                         .cpus = init.cpus,
                                                         .depot = list ? IovaDepot::List : IovaDepot::Array,
                                                         .strategy = init.strategy});
  if (list) schedule_trimming(cookie.iovas, domain.bus());
  if (domain.type() == DomainType::DmaFq) {
    if (init.version < since::deferred_flush_capability || init.deferred_flush)
      start_flush_queue(domain);
    else
      domain.set_type(DomainType::Dma);
  }
  return reserve_regions(cookie, device, init.regions);
}

void start_flush_queue(DmaDomain& domain) {
  DmaCookie& cookie = domain.cookie();
  domain.set_type(DomainType::DmaFq);
  if (cookie.flush_queue) return;
  const bool single = cookie.shadow_on_flush && cookie.version >= since::single_flush_queue;
  cookie.flush_queue = FlushQueue::create(
      domain.bus(), *cookie.iovas, [&domain] { domain.flush_iotlb_all(); },
      single ? FlushQueue::Kind::Single : FlushQueue::Kind::PerCpu);
}

Status create_direct_mappings(DmaDomain& domain, std::span<const ReservedRegion> regions) {
  if (domain.cookie().type != DmaCookie::Type::Iova) return {};
  for (const ReservedRegion& region : regions) {
    if (region.type != ReservedRegion::Type::Direct && region.type != ReservedRegion::Type::DirectRelaxable)
      continue;
    const DmaAddr end = align_up(region.start + region.length, granule);
    DmaAddr first = align_up(region.start, granule);  // of a run that is not mapped
    for (DmaAddr address = first; address <= end; address += granule) {
      // Linux takes physical address 0 for unmapped.
      if (address != end && domain.iova_to_phys(address).value_or(0) == 0) continue;
      if (address != first)
        if (Status status = domain.map(first, first, address - first, region.prot); !status) return status;
      first = address + granule;
    }
  }
  domain.flush_iotlb_all();
  return {};
}

}  // namespace sidewinder::kernel
