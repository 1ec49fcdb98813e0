// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_init.h"
#include "iommu/linux/dma_mask.h"
#include "iommu/linux/dma_reservation.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::PlainMachine;
using sidewinder::test::SmmuHost;

namespace {

constexpr PhysAddr memory_base = 0x8000'0000;
constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t MiB = 0x10'0000;

/// One device in a domain of its own, on a machine of so many pages.
struct Setup {
  explicit Setup(DomainType type = DomainType::Dma, std::uint64_t pages = 0x10000)
      : machine(with_memory(pages)), host(machine, machine.config()), dma(host.pages) {
    REQUIRE(host.smmu.probe());
    Result<std::unique_ptr<DmaDomain>> created = DmaDomain::create(host.smmu, host.pages, type);
    REQUIRE(created);
    domain = std::move(*created);
    REQUIRE(domain->attach(device));
  }

  static test::PlainMachineConfig with_memory(std::uint64_t pages) {
    test::PlainMachineConfig config = test::small_machine();
    config.memory.size = pages * page;
    return config;
  }

  DmaBuffer alloc(std::uint64_t size) {
    Result<DmaBuffer> buffer = dma.alloc(device, size);
    REQUIRE(buffer);
    return *buffer;
  }
  Errno alloc_error(std::uint64_t size) {
    const std::uint64_t before = host.pages.pages_in_use();
    const Result<DmaBuffer> buffer = dma.alloc(device, size);
    REQUIRE_FALSE(buffer);
    CHECK(host.pages.pages_in_use() == before);
    return buffer.error();
  }
  smmuv2::Translation access(std::uint64_t address, bool write = false) {
    return machine.smmu().translate(0, {.address = address, .stream_id = 0x10, .write = write});
  }

  PlainMachine machine;
  SmmuHost host;
  DmaApi dma;
  Device device{.name = "video", .streams = {{0x10, 0}}};
  std::unique_ptr<DmaDomain> domain;
};

}  // namespace

TEST_CASE("a mask bounds both kinds of DMA, and need not be one less than a power of two") {
  Setup setup;
  CHECK(set_dma_mask_and_coherent(setup.device, 0xdac0'0000 - 1, {}));
  CHECK(setup.device.dma_mask == 0xdabf'ffff);
  CHECK(setup.device.coherent_dma_mask == 0xdabf'ffff);
  CHECK(setup.alloc(page).iova == 0xdabf'f000);
}

TEST_CASE("addresses come from below the coherent mask, the bus's limit and the aperture") {
  Setup setup;
  setup.device.dma_mask = 0xffff;  // of streaming DMA: not looked at
  SECTION("32 bits, by default") {
    CHECK(setup.alloc(page).iova == 0xffff'f000);
  }
  SECTION("the bus") {
    setup.device.bus_dma_limit = 0x7fff'ffff;
    CHECK(setup.alloc(page).iova == 0x7fff'f000);
  }
  SECTION("a bus wider than the mask") {
    setup.device.bus_dma_limit = 0xf'ffff'ffff;
    CHECK(setup.alloc(page).iova == 0xffff'f000);
  }
  SECTION("the input addresses that the SMMU translates") {
    setup.device.coherent_dma_mask = ~std::uint64_t{0};
    CHECK(setup.alloc(page).iova == 0xf'ffff'f000);
  }
}

TEST_CASE("sizes are whole pages, and aligned to the next power of two") {
  Setup setup;
  const DmaBuffer byte = setup.alloc(1);
  CHECK(byte.size == page);
  CHECK(byte.iova == 0xffff'f000);
  const DmaBuffer three = setup.alloc(2 * page + 1);  // below 32 pages: as if it were four
  CHECK(three.size == 3 * page);
  CHECK(three.iova == 0xffff'8000);
  const DmaBuffer large = setup.alloc(33 * page);  // from 32 on: its own size, aligned to 64 pages
  CHECK(large.size == 33 * page);
  CHECK(large.iova == 0xfffc'0000);
  const DmaBuffer huge = setup.alloc(64 * MiB);
  CHECK(huge.iova == 0xf800'0000);
}

TEST_CASE("a buffer takes 2 MiB blocks first, and pages for the rest") {
  Setup setup;
  const DmaBuffer buffer = setup.alloc(2 * MiB + 2 * page);
  REQUIRE(buffer.pages.size() == 2);
  CHECK(buffer.pages[0].base == memory_base + 2 * MiB);  // the root table broke the first block
  CHECK(buffer.pages[0].size == 2 * MiB);
  CHECK(buffer.pages[1].base == memory_base + page);
  CHECK(buffer.pages[1].size == 2 * page);

  CHECK(buffer.iova == 0xffc0'0000);
  CHECK(setup.access(buffer.iova).same_page_shift == 21);
  CHECK(setup.access(buffer.iova + 2 * MiB).same_page_shift == 12);
  for (std::uint64_t offset = 0; offset < buffer.size; offset += page / 2) {
    REQUIRE(setup.access(buffer.iova + offset, true).output == phys_of(buffer, offset));
    REQUIRE(setup.domain->iova_to_phys(buffer.iova + offset) == phys_of(buffer, offset));
  }
  CHECK(setup.access(buffer.iova + buffer.size).fault.has_value());
}

TEST_CASE("pieces that lie apart are contiguous for the device") {
  Setup setup;
  std::vector<PhysAddr> taken;
  for (int count = 0; count < 6; ++count) taken.push_back(setup.host.pages.allocate(0).value());
  for (const std::size_t freed : {0U, 2U, 3U}) setup.host.pages.free(taken[freed], 1);
  const DmaBuffer buffer = setup.alloc(4 * page);
  std::vector<std::pair<PhysAddr, std::uint64_t>> pieces;
  for (const PhysRange& range : buffer.pages) pieces.emplace_back(range.base, range.size);
  CHECK(pieces == std::vector<std::pair<PhysAddr, std::uint64_t>>{
                      {taken[0], page}, {taken[2], 2 * page}, {taken[5] + page, page}});
  CHECK(phys_of(buffer, page - 1) == taken[0] + page - 1);
  CHECK(phys_of(buffer, page) == taken[2]);
  CHECK(phys_of(buffer, 3 * page + 5) == taken[5] + page + 5);
  for (std::uint64_t offset = 0; offset < buffer.size; offset += page)
    CHECK(setup.access(buffer.iova + offset).output == phys_of(buffer, offset));
}

TEST_CASE("buffers are zeroed, also when their pages were used before") {
  Setup setup;
  const DmaBuffer first = setup.alloc(4 * MiB);
  REQUIRE(first.pages.size() == 1);
  const std::vector<std::byte> ones(4 * MiB, std::byte{0xff});
  REQUIRE(setup.machine.write(first.pages[0].base, ones, Security::NonSecure));
  setup.dma.free(setup.device, first);
  const DmaBuffer second = setup.alloc(4 * MiB);
  REQUIRE(second.pages[0].base == first.pages[0].base);
  std::vector<std::byte> now(4 * MiB);
  REQUIRE(setup.machine.read(second.pages[0].base, now, Security::NonSecure));
  CHECK(std::all_of(now.begin(), now.end(), [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_CASE("single pages on request, though there are blocks") {
  Setup setup;
  const DmaBuffer buffer = setup.dma.alloc(setup.device, 2 * MiB, {.alloc_single_pages = true}).value();
  REQUIRE(buffer.pages.size() == 1);  // as the allocator hands them out one after another
  CHECK(buffer.pages[0].base == memory_base + page);
  CHECK(setup.access(buffer.iova).same_page_shift == 12);
  setup.dma.free(setup.device, buffer);
}

TEST_CASE("contiguous memory on request, from one block of a power of two") {
  Setup setup;
  for (int count = 0; count < 2; ++count) REQUIRE(setup.host.pages.allocate(0));  // pages 1 and 2 are gone
  const std::uint64_t before = setup.host.pages.pages_in_use();
  const DmaBuffer buffer = setup.dma.alloc(setup.device, 4 * page + 1, {.force_contiguous = true}).value();
  CHECK(buffer.size == 5 * page);
  REQUIRE(buffer.pages.size() == 1);
  CHECK(buffer.pages[0].base == memory_base + 8 * page);
  CHECK(buffer.pages[0].size == 5 * page);
  CHECK(setup.host.pages.pages_in_use() == before + 8 + 2);  // and two tables
  CHECK(setup.access(buffer.iova + 4 * page, true).output == memory_base + 12 * page);
  CHECK(setup.access(buffer.iova + 5 * page).fault.has_value());
  setup.dma.free(setup.device, buffer);
  CHECK(setup.host.pages.pages_in_use() == before + 2);
}

TEST_CASE("contiguous memory ends at the allocator's largest block") {
  Setup setup;
  CHECK(setup.dma.alloc(setup.device, 4 * MiB, {.force_contiguous = true}));
  const Result<DmaBuffer> larger = setup.dma.alloc(setup.device, 4 * MiB + 1, {.force_contiguous = true});
  REQUIRE_FALSE(larger);
  CHECK(larger.error() == Errno::ENOMEM_);
  CHECK(setup.dma.alloc(setup.device, 4 * MiB + 1));  // in pieces
}

TEST_CASE("contiguous memory without an address is given back") {
  Setup setup;
  setup.device.coherent_dma_mask = 0xfff;
  const std::uint64_t before = setup.host.pages.pages_in_use();
  CHECK_FALSE(setup.dma.alloc(setup.device, 3 * page, {.force_contiguous = true}));
  CHECK(setup.host.pages.pages_in_use() == before);
}

TEST_CASE("privileged memory is for privileged transactions") {
  Setup setup;
  const DmaBuffer buffer = setup.dma.alloc(setup.device, page, {.privileged = true}).value();
  CHECK(setup.access(buffer.iova).fault->kind == arch::FaultKind::Permission);
}

TEST_CASE("in a lazy domain a freed buffer's address waits for the flush, its pages do not") {
  Setup setup;
  start_flush_queue(*setup.domain);
  const DmaBuffer buffer = setup.alloc(page);
  const std::uint64_t in_use = setup.host.pages.pages_in_use();
  setup.dma.free(setup.device, buffer);
  CHECK(setup.host.pages.pages_in_use() == in_use - 1);
  const DmaBuffer next = setup.alloc(page);
  CHECK(next.iova != buffer.iova);
  CHECK(next.pages[0].base == buffer.pages[0].base);
  CHECK(set_resv_region(setup.device, 0, page).error() == Errno::ENODEV_);
}

TEST_CASE("a coherent device's memory is cacheable, another's is not") {
  Setup setup;
  CHECK(setup.access(setup.alloc(page).iova).attributes == 0x44);
  setup.device.dma_coherent = true;
  const smmuv2::Translation coherent = setup.access(setup.alloc(page).iova);
  CHECK(coherent.attributes == 0xff);
  CHECK(coherent.shareability == 3);
}

TEST_CASE("of a device that lost its domain the pages are freed") {
  Setup setup;
  const std::uint64_t before = setup.host.pages.pages_in_use();
  const DmaBuffer buffer = setup.alloc(3 * page);
  setup.device.domain = nullptr;
  const std::uint64_t in_use = setup.host.pages.pages_in_use();
  setup.dma.free(setup.device, buffer);
  CHECK(setup.host.pages.pages_in_use() == in_use - 3);
  CHECK(setup.host.pages.pages_in_use() >= before);
}

TEST_CASE("what is freed faults, and its address and pages are used again") {
  Setup setup;
  const DmaBuffer buffer = setup.alloc(40 * page);
  const DmaBuffer kept = setup.alloc(page);
  const std::uint64_t in_use = setup.host.pages.pages_in_use();
  REQUIRE_FALSE(setup.access(buffer.iova).fault);
  setup.dma.free(setup.device, buffer);
  CHECK(setup.host.pages.pages_in_use() == in_use - 40);
  CHECK(setup.access(buffer.iova).fault->kind == arch::FaultKind::Translation);
  setup.machine.delay_ns(0);  // the handler clears the fault
  CHECK(setup.access(kept.iova).output == kept.pages[0].base);
  CHECK(setup.alloc(40 * page).iova == buffer.iova);
}

TEST_CASE("without address space there is no buffer") {
  Setup setup;
  REQUIRE(set_dma_mask_and_coherent(setup.device, 4 * page - 1, {}));
  std::vector<DmaBuffer> buffers;
  for (int count = 0; count < 3; ++count) buffers.push_back(setup.alloc(page));
  CHECK(buffers.back().iova == page);  // page 0 is never handed out
  CHECK(setup.alloc_error(page) == Errno::ENOMEM_);
  setup.dma.free(setup.device, buffers[1]);
  CHECK(setup.alloc(page).iova == buffers[1].iova);
  CHECK(setup.alloc_error(page) == Errno::ENOMEM_);
}

TEST_CASE("without memory there is no buffer either") {
  SECTION("for the buffer") {
    Setup setup(DomainType::Dma, 600);
    CHECK(setup.alloc_error(600 * page) == Errno::ENOMEM_);
    CHECK(setup.alloc_error(16 * MiB) == Errno::ENOMEM_);
    CHECK(setup.alloc(page).iova == 0xffff'f000);
  }
  SECTION("for a table") {
    Setup setup(DomainType::Dma, 3);  // the root, the buffer, and one of its two tables
    const Result<DmaBuffer> buffer = setup.dma.alloc(setup.device, page);
    REQUIRE_FALSE(buffer);
    CHECK(buffer.error() == Errno::ENOMEM_);
    CHECK(setup.host.pages.pages_in_use() == 2);
    CHECK(setup.domain->iovas().alloc_iova_fast(1, 0xf'ffff, true) == Pfn{0xf'ffff});  // given back
  }
}

TEST_CASE("what alloc is for") {
  Setup setup;
  CHECK(setup.alloc_error(0) == Errno::EINVAL_);
  Setup unmanaged(DomainType::Unmanaged);
  CHECK(unmanaged.alloc_error(page) == Errno::EINVAL_);
}

TEST_CASE("an unmanaged domain's owner says where") {
  Setup setup(DomainType::Unmanaged);
  const std::uint64_t before = setup.host.pages.pages_in_use();
  const Result<DmaBuffer> buffer = setup.dma.map_at(setup.device, 0x50'0000, 5 * MiB);
  REQUIRE(buffer);
  CHECK(buffer->iova == 0x50'0000);
  CHECK(buffer->size == 5 * MiB);
  for (std::uint64_t offset = 0; offset < buffer->size; offset += page)
    REQUIRE(setup.access(buffer->iova + offset, true).output == phys_of(*buffer, offset));

  const std::uint64_t in_use = setup.host.pages.pages_in_use();
  const Result<DmaBuffer> again = setup.dma.map_at(setup.device, 0x4f'f000, 2 * page);
  REQUIRE_FALSE(again);
  CHECK(again.error() == Errno::EEXIST_);
  CHECK(setup.host.pages.pages_in_use() == in_use);
  CHECK_FALSE(setup.domain->iova_to_phys(0x4f'f000));  // also the part that was free

  setup.dma.free(setup.device, *buffer);
  CHECK(setup.access(0x50'0000).fault.has_value());
  CHECK(setup.host.pages.pages_in_use() <= before + 4);  // tables stay until the domain goes
}

TEST_CASE("when a later piece cannot be mapped, the earlier ones are unmapped") {
  Setup setup(DomainType::Unmanaged);
  REQUIRE(setup.dma.map_at(setup.device, 0x6000, page));
  const PhysAddr alone = setup.host.pages.allocate(0).value();
  REQUIRE(setup.host.pages.allocate(0));
  setup.host.pages.free(alone, 1);
  const Result<DmaBuffer> buffer = setup.dma.map_at(setup.device, 0x5000, 2 * page);
  REQUIRE_FALSE(buffer);
  CHECK(buffer.error() == Errno::EEXIST_);
  CHECK_FALSE(setup.domain->iova_to_phys(0x5000));
  CHECK(setup.host.pages.allocate(0) == alone);
}

TEST_CASE("an unmanaged domain's addresses are not the allocator's to take back") {
  Setup setup(DomainType::Unmanaged);
  const Result<DmaBuffer> buffer = setup.dma.map_at(setup.device, 0x5000, page);
  REQUIRE(buffer);
  setup.dma.free(setup.device, *buffer);
  CHECK(setup.domain->iovas().alloc_iova_fast(1, 0xf'ffff, false) == Pfn{0xf'ffff});
}

TEST_CASE("what map_at refuses") {
  Setup setup(DomainType::Unmanaged, 64);
  const auto error = [](Setup& where, DmaAddr iova, std::uint64_t size) {
    const std::uint64_t before = where.host.pages.pages_in_use();
    const Result<DmaBuffer> buffer = where.dma.map_at(where.device, iova, size);
    REQUIRE_FALSE(buffer);
    CHECK(where.host.pages.pages_in_use() == before);
    return buffer.error();
  };
  CHECK(error(setup, 0x1000, 0) == Errno::EINVAL_);
  CHECK(error(setup, 0x1800, page) == Errno::EINVAL_);
  CHECK(error(setup, 0x1000, page + 1) == Errno::EINVAL_);
  CHECK(error(setup, 0x1000, 64 * page) == Errno::ENOMEM_);
  CHECK(error(setup, std::uint64_t{1} << 36, page) == Errno::ERANGE_);
  setup.device.domain = nullptr;
  CHECK(error(setup, 0x1000, page) == Errno::EINVAL_);
  Setup managed;
  CHECK(error(managed, 0x1000, page) == Errno::EINVAL_);
}

TEST_CASE("in the end every page is free") {
  Setup setup;
  std::vector<DmaBuffer> buffers;
  for (std::uint64_t size = page; size < 5 * MiB; size = size * 3 / 2 + 100)
    buffers.push_back(setup.alloc(size));
  for (const DmaBuffer& buffer : buffers) setup.dma.free(setup.device, buffer);
  for (const DmaBuffer& buffer : buffers) REQUIRE_FALSE(setup.domain->iova_to_phys(buffer.iova));
  setup.domain.reset();
  CHECK(setup.host.pages.pages_in_use() == 0);
}
