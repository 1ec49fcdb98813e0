// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/flush_queue.h"

#include "iommu/linux/dma_iova.h"
#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::page;

namespace {

constexpr IommuProt rw{.read = true, .write = true};
constexpr std::uint64_t ms = 1'000'000;

struct Lazy : DmaFixture {
  explicit Lazy(const DmaInit& init = {}) : DmaFixture(DomainType::DmaFq) {
    REQUIRE(init_domain(*domain, device, init));
    REQUIRE(domain->cookie().flush_queue);
  }
  FlushQueue& queue() { return *domain->cookie().flush_queue; }
  DmaAddr map(std::uint64_t size = page) {
    const DmaAddr iova = map_dma(device, memory_base, size, rw, 0xffff'ffff);
    REQUIRE(iova != dma_mapping_error);
    return iova;
  }
  void unmap(DmaAddr iova, std::uint64_t size = page) { unmap_dma(device, iova, size); }
};

}  // namespace

TEST_CASE("what the TLB holds is still translated until the queue is flushed, 10 ms later") {
  Lazy setup;
  const DmaAddr touched = setup.map();
  const DmaAddr untouched = setup.map();
  REQUIRE(setup.access(touched).output == memory_base);
  setup.unmap(touched);
  setup.unmap(untouched);
  CHECK_FALSE(setup.domain->iova_to_phys(touched));  // the table is changed at once
  CHECK(setup.access(touched, true).output == memory_base);
  CHECK(setup.access(untouched).fault.has_value());
  CHECK(setup.queue().pending() == 2);

  setup.machine.delay_ns(10 * ms - 1);
  CHECK(setup.access(touched).output == memory_base);
  CHECK(setup.queue().flushes() == 0);
  setup.machine.delay_ns(1);
  CHECK(setup.access(touched).fault.has_value());
  CHECK(setup.queue().flushes() == 1);
  CHECK(setup.queue().pending() == 0);
}

TEST_CASE("an address is used again only after the flush") {
  Lazy setup;
  const DmaAddr first = setup.map();
  setup.unmap(first);
  const DmaAddr second = setup.map();
  CHECK(second == first - page);
  setup.machine.delay_ns(10 * ms);
  CHECK(setup.map() == first);
}

TEST_CASE("unmapping lazily does not invalidate, nor wait") {
  Lazy setup;
  const DmaAddr iova = setup.map();
  setup.bus.accesses.clear();
  setup.unmap(iova);
  std::size_t writes = 0;
  for (const test::BusAccess& access : setup.bus.accesses)
    if (access.is_write()) ++writes;
  CHECK(writes == 1);  // the descriptor
  setup.bus.accesses.clear();
  setup.machine.delay_ns(10 * ms);
  REQUIRE(setup.bus.accesses.size() >= 2);
  CHECK(setup.bus.accesses[0].address == test::smmu_base + 0x8610);  // TLBIASID
  CHECK(setup.bus.accesses[1].address == test::smmu_base + 0x87f0);  // TLBSYNC
}

TEST_CASE("a table that goes is flushed at once even so") {
  Lazy setup;
  const DmaAddr iova = map_dma(setup.device, memory_base + page, 0x20'0000, rw, 0xffff'ffff);
  REQUIRE(iova == 0xffe0'0000);
  const std::uint64_t pages = setup.host.pages.pages_in_use();
  REQUIRE(setup.access(iova).output == memory_base + page);
  setup.unmap(iova, 0x20'0000);
  CHECK(setup.host.pages.pages_in_use() == pages - 1);
  CHECK(setup.access(iova).fault.has_value());
  CHECK(setup.queue().pending() == 1);
}

TEST_CASE("the timer runs from the first entry after a flush") {
  Lazy setup;
  setup.unmap(setup.map());
  setup.machine.delay_ns(6 * ms);
  setup.unmap(setup.map());
  setup.machine.delay_ns(4 * ms);
  CHECK(setup.queue().flushes() == 1);
  setup.machine.delay_ns(100 * ms);
  CHECK(setup.queue().flushes() == 1);  // nothing queued, nothing armed
  setup.unmap(setup.map());
  setup.machine.delay_ns(10 * ms);
  CHECK(setup.queue().flushes() == 2);
}

TEST_CASE("a full queue is flushed by who fills it") {
  Lazy setup;
  std::vector<DmaAddr> mapped;
  for (int count = 0; count < 257; ++count) mapped.push_back(setup.map());
  for (int count = 0; count < 255; ++count) setup.unmap(mapped[static_cast<std::size_t>(count)]);
  CHECK(setup.queue().pending() == 255);
  CHECK(setup.queue().flushes() == 0);
  REQUIRE(setup.access(mapped[255]).output == memory_base);
  setup.unmap(mapped[255]);
  CHECK(setup.queue().flushes() == 1);
  CHECK(setup.queue().pending() == 1);  // the one that found it full, though its TLB entry is gone too
  CHECK(setup.access(mapped[255]).fault.has_value());
  CHECK(setup.map() == mapped[254]);  // from the caches
  CHECK(setup.machine.now_ns() < ms);
}

TEST_CASE("every CPU has a queue, and one flush serves them all") {
  Lazy setup({.cpus = 2});
  IovaDomain& iovas = setup.domain->iovas();
  std::vector<DmaAddr> mapped;
  for (int count = 0; count < 512; ++count) mapped.push_back(setup.map());
  for (std::size_t count = 0; count < 255; ++count) setup.unmap(mapped[count]);
  REQUIRE(iovas.set_current_cpu(1));
  for (std::size_t count = 255; count < 510; ++count) setup.unmap(mapped[count]);
  CHECK(setup.queue().pending() == 510);
  CHECK(setup.queue().flushes() == 0);
  setup.unmap(mapped[510]);
  CHECK(setup.queue().flushes() == 1);
  CHECK(setup.queue().pending() == 256);  // the other CPU's wait for its next one
  REQUIRE(iovas.set_current_cpu(0));
  setup.unmap(mapped[511]);
  CHECK(setup.queue().flushes() == 1);  // they were flushed: room without another flush
  CHECK(setup.queue().pending() == 2);
}

TEST_CASE("what the timer frees goes to the caches of the CPU that armed it") {
  Lazy setup({.cpus = 2});
  IovaDomain& iovas = setup.domain->iovas();
  REQUIRE(iovas.set_current_cpu(1));
  const DmaAddr iova = setup.map();
  setup.unmap(iova);
  REQUIRE(iovas.set_current_cpu(0));
  setup.machine.delay_ns(10 * ms);
  CHECK(iovas.current_cpu() == 0);
  CHECK(setup.map() != iova);
  REQUIRE(iovas.set_current_cpu(1));
  CHECK(setup.map() == iova);
}

TEST_CASE("from 6.7 on an IOMMU whose flushes are costly has one large queue") {
  Lazy old({.version = {6, 6}, .shadow_on_flush = true});
  CHECK(old.queue().kind() == FlushQueue::Kind::PerCpu);
  Lazy cheap({.version = {6, 7}});
  CHECK(cheap.queue().kind() == FlushQueue::Kind::PerCpu);

  Lazy setup({.version = {6, 7}, .cpus = 2, .shadow_on_flush = true});
  CHECK(setup.queue().kind() == FlushQueue::Kind::Single);
  setup.unmap(setup.map());
  setup.machine.delay_ns(1000 * ms - 1);
  CHECK(setup.queue().flushes() == 0);
  setup.machine.delay_ns(1);
  CHECK(setup.queue().flushes() == 1);
}

TEST_CASE("the large queue takes 32767 entries, of all CPUs") {
  Lazy setup({.version = {6, 7}, .cpus = 2, .shadow_on_flush = true});
  IovaDomain& iovas = setup.domain->iovas();
  for (Pfn pfn = 0; pfn < 32767; ++pfn) {
    REQUIRE(iovas.set_current_cpu(pfn % 2));
    setup.queue().queue(0x10'0000 + pfn * 64, 33);  // not cached, nor allocated: freeing finds nothing
  }
  CHECK(setup.queue().flushes() == 0);
  CHECK(setup.queue().pending() == 32767);
  setup.queue().queue(1, 33);
  CHECK(setup.queue().flushes() == 1);
  CHECK(setup.queue().pending() == 1);
}

TEST_CASE("from 6.4 on a lazy domain on an IOMMU that cannot defer becomes strict") {
  const auto [version, capable, lazy] = GENERATE(table<KernelVersion, bool, bool>(
      {{{6, 4}, false, true}, {{6, 5}, false, false}, {{6, 5}, true, true}}));
  DmaFixture setup(DomainType::DmaFq);
  REQUIRE(init_domain(*setup.domain, setup.device, {.version = version, .deferred_flush = capable}));
  CHECK((setup.domain->type() == DomainType::DmaFq) == lazy);
  CHECK((setup.domain->cookie().flush_queue != nullptr) == lazy);
}

TEST_CASE("a strict domain can become lazy while it is used") {
  DmaFixture setup;
  REQUIRE(init_domain(*setup.domain, setup.device, {}));
  CHECK_FALSE(setup.domain->cookie().flush_queue);
  const DmaAddr iova = map_dma(setup.device, memory_base, page, rw, 0xffff'ffff);
  REQUIRE(setup.access(iova).output == memory_base);
  start_flush_queue(*setup.domain);
  CHECK(setup.domain->type() == DomainType::DmaFq);
  const std::shared_ptr<FlushQueue> queue = setup.domain->cookie().flush_queue;
  start_flush_queue(*setup.domain);
  CHECK(setup.domain->cookie().flush_queue == queue);
  unmap_dma(setup.device, iova, page);
  CHECK(setup.access(iova).output == memory_base);
}

TEST_CASE("a domain that goes takes its queue's timer along") {
  Lazy setup;
  setup.unmap(setup.map());
  const std::shared_ptr<FlushQueue> kept = setup.domain->cookie().flush_queue;
  setup.domain.reset();
  setup.machine.delay_ns(10 * ms);
  CHECK(kept->flushes() == 0);
}
