// SPDX-License-Identifier: Apache-2.0
//
// All calls of the DMA API, mixed at random: what must hold of addresses and memory whatever the order.

#include <functional>
#include <map>
#include <random>

#include "iommu/linux/dma_noncontiguous.h"
#include "iommu/linux/dma_sg.h"
#include "iommu/linux/dma_streaming.h"
#include "iommu/linux/dma_two_step.h"
#include "iommu/linux/flush_queue.h"
#include "iommu/linux/swiotlb.h"
#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::MiB;
using sidewinder::test::page;

namespace {

constexpr unsigned cpus = 3;
constexpr PhysAddr pool = memory_base + 0x1000'0000;
constexpr std::uint64_t pool_size = 0x10'0000;
constexpr PhysAddr foreign = memory_base + 0x1010'0000;  // memory that drivers have from elsewhere
constexpr std::uint64_t foreign_size = 0x80'0000;
constexpr ReservedRegion reserved[] = {{.start = 0, .length = 0x2580'0000},
                                       {.start = 0xe000'0000, .length = 0x1000'0000},
                                       {.start = 0xffff'0000, .length = 0x8000}};

class Mix : DmaFixture {
 public:
  Mix(DomainType type, KernelVersion version, std::uint64_t seed)
      : DmaFixture(type, 0x11000),
        random_(seed),
        api_(host.pages),
        swiotlb_(bus, {pool, pool_size}, cpus, version) {
    // The pool and the foreign memory are not the page allocator's.
    while (host.pages.allocate(10)) {
    }
    host.pages.free(memory_base + 4 * MiB, 0x8000);
    taken_ = host.pages.pages_in_use();
    REQUIRE(init_domain(*domain, device, {.version = version, .regions = reserved, .cpus = cpus}));

    devices_.resize(4);
    for (std::size_t index = 0; index < devices_.size(); ++index) {
      devices_[index].name = "device" + std::to_string(index);
      devices_[index].streams = {{static_cast<std::uint16_t>(0x20 + index), 0}};
      devices_[index].dma_coherent = index % 2 == 0;
      REQUIRE(domain->attach(devices_[index]));
    }
    devices_[1].dma_mask = 0xf'ffff'ffff;
    devices_[1].coherent_dma_mask = 0xdfff'ffff;
    devices_[1].bus_dma_limit = 0x3'ffff'ffff;
    devices_[1].dma_parameters = {.max_segment_size = 0x2'0000, .segment_boundary_mask = 0xffff};
    devices_[2].dma_mask = ~std::uint64_t{0};
    devices_[2].coherent_dma_mask = ~std::uint64_t{0};
    devices_[2].pci.emplace().try_32bit_first = true;
    devices_[3].pci.emplace().untrusted = true;
    devices_[3].swiotlb = &swiotlb_;
    devices_[3].dma_parameters.min_align_mask = 0xfff;
  }

  void step() {
    REQUIRE(domain->iovas().set_current_cpu(static_cast<unsigned>(below(cpus))));
    const std::uint64_t choice = below(12);
    if (live_.size() > 60 || choice < 4)
      release();
    else if (choice < 6)
      allocate();
    else if (choice < 8)
      map_page();
    else if (choice < 10)
      map_list();
    else if (choice < 11)
      two_steps();
    else
      machine.delay_ns(below(5'000'000));
  }

  void finish() {
    while (!live_.empty()) release();
    machine.delay_ns(2'000'000'000);
    if (domain->cookie().flush_queue) CHECK(domain->cookie().flush_queue->pending() == 0);
    std::size_t allocated = 0;
    for (const IovaRange& range : domain->iovas().ranges())
      if (range.kind == IovaKind::Allocated) ++allocated;
    CHECK(allocated == domain->iovas().rcache().size());
    CHECK(domain->cookie().warnings == 0);
    CHECK(domain->iovas().warnings() == 0);
    CHECK(domain->iovas().fatal() == IovaFatal::None);
    CHECK(swiotlb_.used() == 0);
    CHECK(swiotlb_.warnings() == 0);
    domain.reset();
    CHECK(host.pages.pages_in_use() == taken_ - 1);  // but for the domain's root table
    CHECK(mapped_ > 1000);
  }

 private:
  struct Live {
    DmaAddr end;
    std::function<void()> release;
  };

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  Device& any() { return devices_[below(devices_.size())]; }
  DmaDirection direction() { return static_cast<DmaDirection>(below(3)); }
  std::uint64_t any_size() {
    switch (below(4)) {
      case 0:
        return 1 + below(page);
      case 1:
        return page * (1 + below(8));
      case 2:
        return 1 + below(40 * page);
      default:
        return page * (1 + below(600));
    }
  }

  std::uint64_t limit(const Device& of, std::uint64_t mask) {
    if (of.bus_dma_limit != 0) mask = std::min(mask, of.bus_dma_limit);
    return std::min(mask, domain->aperture_end());
  }

  /// Every byte of [iova, iova + size) is the device's alone, and translated to `phys`, where it is known
  /// (not 0).
  void add(const Device& of, DmaAddr iova, std::uint64_t size, std::uint64_t mask, PhysAddr phys,
           std::function<void()> release) {
    const DmaAddr begin = iova & ~(page - 1);
    const DmaAddr end = (iova + size + page - 1) & ~(page - 1);
    REQUIRE(end - 1 <= limit(of, mask));
    REQUIRE(begin != 0);
    for (const ReservedRegion& region : reserved)
      REQUIRE((end <= region.start || begin >= region.start + region.length));
    const auto after = live_.lower_bound(begin);
    REQUIRE((after == live_.end() || after->first >= end));
    if (after != live_.begin()) REQUIRE(std::prev(after)->second.end <= begin);

    // Through the TLB, where nothing of an earlier mapping may be left.
    for (const DmaAddr address : {iova, iova + size / 2, iova + size - 1}) {
      const smmuv2::Translation seen = access(address, false, of.streams[0].id);
      REQUIRE_FALSE(seen.fault);
      if (phys != 0) REQUIRE(seen.output == phys + (address - iova));
    }
    ++mapped_;
    live_.emplace(begin, Live{end, std::move(release)});
  }

  void release() {
    if (live_.empty()) return;
    auto victim = live_.begin();
    std::advance(victim, static_cast<std::ptrdiff_t>(below(live_.size())));
    victim->second.release();
    live_.erase(victim);
  }

  void allocate() {
    Device& of = any();
    const std::uint64_t size = any_size();
    if (below(3) == 0) {
      const auto table = dma_alloc_noncontiguous(api_, of, size, direction());
      if (!table) return;
      add(of, table->front().dma_address, size, of.coherent_dma_mask, 0,
          [this, &of, list = *table] { dma_free_noncontiguous(api_, of, list); });
      return;
    }
    const DmaAttrs attrs{.alloc_single_pages = below(4) == 0, .force_contiguous = below(3) == 0};
    const Result<DmaBuffer> buffer = api_.alloc(of, size, attrs);
    if (!buffer) return;
    const bool whole = buffer->pages.size() == 1;
    add(of, buffer->iova, size, of.coherent_dma_mask, whole ? buffer->pages[0].base : 0,
        [this, &of, kept = *buffer] { api_.free(of, kept); });
  }

  std::pair<PhysAddr, std::uint64_t> any_memory() {
    const std::uint64_t size = any_size();
    return {foreign + below(foreign_size - size), size};
  }

  void map_page() {
    Device& of = any();
    const auto memory = any_memory();
    const DmaDirection way = direction();
    const std::uint64_t size = memory.second;
    const DmaAddr iova = dma_map_page(of, memory.first, size, way);
    if (iova == dma_mapping_error) return;
    const PhysAddr phys = of.swiotlb != nullptr ? 0 : memory.first;
    add(of, iova, size, of.dma_mask, phys, [&of, iova, size, way] { dma_unmap_page(of, iova, size, way); });
  }

  void map_list() {
    Device& of = any();
    if (of.swiotlb != nullptr) return;  // its pieces are map_page's
    std::vector<ScatterEntry> list(1 + below(6));
    for (ScatterEntry& entry : list) {
      const auto memory = any_memory();
      entry.phys = memory.first;
      entry.length = static_cast<std::uint32_t>(memory.second);
    }
    const DmaDirection way = direction();
    const Result<unsigned> count = dma_map_sg(of, list, way);
    if (!count) return;
    const ScatterEntry& last = list[*count - 1];
    const DmaAddr begin = list[0].dma_address;
    std::uint64_t bytes = 0;
    std::uint64_t asked = 0;
    for (const ScatterEntry& entry : list) {
      bytes += entry.dma_length;
      asked += entry.length;
    }
    REQUIRE(bytes == asked);
    add(of, begin, last.dma_address + last.dma_length - begin, of.dma_mask, 0,
        [&of, list, way]() mutable { dma_unmap_sg(of, list, way); });
  }

  void two_steps() {
    Device& of = any();
    const auto memory = any_memory();
    const PhysAddr phys = memory.first;
    const std::uint64_t size = memory.second;
    const DmaDirection way = direction();
    DmaIovaState state;
    if (!dma_iova_try_alloc(of, state, phys, size)) return;
    if (!dma_iova_link(of, state, phys, 0, size, way)) {
      dma_iova_destroy(of, state, 0, way);
      return;
    }
    REQUIRE(dma_iova_sync(of, state, 0, size));
    add(of, state.address, size, of.dma_mask, of.swiotlb != nullptr ? 0 : phys,
        [&of, state, size, way] { dma_iova_destroy(of, state, size, way); });
  }

  std::mt19937_64 random_;
  DmaApi api_;
  Swiotlb swiotlb_;
  std::vector<Device> devices_;
  std::map<DmaAddr, Live> live_;
  std::uint64_t taken_ = 0;
  std::uint64_t mapped_ = 0;
};

}  // namespace

TEST_CASE("no two live ranges meet, none meets a reservation or a limit, and all is given back") {
  const DomainType type = GENERATE(DomainType::Dma, DomainType::DmaFq);
  const KernelVersion version = GENERATE(KernelVersion{6, 1}, KernelVersion{6, 16});
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  Mix mix(type, version, seed);
  for (int step = 0; step < 4000; ++step) mix.step();
  mix.finish();
}
