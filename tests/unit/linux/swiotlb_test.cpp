// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/swiotlb.h"

#include "iommu/linux/dma_streaming.h"
#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::MiB;
using sidewinder::test::page;

namespace {

constexpr PhysAddr pool = memory_base + 8 * MiB;
constexpr PhysAddr buffer = memory_base + 4 * MiB;
constexpr std::uint64_t segment = 0x4'0000;
constexpr KernelVersion old_kernel{6, 9};
constexpr KernelVersion new_kernel{6, 10};

/// An untrusted device, and memory that reads as `pattern` all over.
struct Setup : DmaFixture {
  explicit Setup(KernelVersion version = {6, 1}, std::uint64_t size = segment, unsigned cpus = 1)
      : swiotlb(bus, {pool, size}, cpus, version) {
    device.pci.emplace().untrusted = true;
    device.swiotlb = &swiotlb;
    REQUIRE(init_domain(*domain, device, {.version = version, .cpus = cpus, .log = &host.log}));
    host.lines.clear();
    fill(buffer - page, 4 * page, 0x11);
    fill(pool, size, 0x77);
  }
  void fill(PhysAddr begin, std::uint64_t size, unsigned value) {
    const std::vector<std::byte> bytes(size, static_cast<std::byte>(value));
    REQUIRE(machine.write(begin, bytes, Security::NonSecure));
  }
  unsigned byte(PhysAddr address) {
    std::byte value{};
    REQUIRE(machine.read(address, {&value, 1}, Security::NonSecure));
    return std::to_integer<unsigned>(value);
  }
  /// Runs of equal bytes in a page that the device sees.
  std::vector<std::pair<unsigned, unsigned>> seen(DmaAddr granule) {
    std::vector<std::pair<unsigned, unsigned>> runs;
    const PhysAddr base = access(granule).output;
    for (std::uint64_t offset = 0; offset < page; ++offset) {
      const unsigned value = byte(base + offset);
      if (runs.empty() || runs.back().first != value) runs.emplace_back(value, 0U);
      ++runs.back().second;
    }
    return runs;
  }
  std::optional<PhysAddr> map(std::uint64_t size, unsigned cpu = 0) {
    return swiotlb.map(device, buffer, size, page, cpu);
  }
  void unmap(PhysAddr address, std::uint64_t size) {
    swiotlb.unmap(device, address, size, DmaDirection::ToDevice, {});
  }

  Swiotlb swiotlb;
};

using Runs = std::vector<std::pair<unsigned, unsigned>>;

}  // namespace

TEST_CASE("slots are taken one after another, on granules") {
  Setup setup;
  CHECK(setup.swiotlb.slots() == 128);
  CHECK(setup.map(1) == pool);
  CHECK(setup.map(page) == pool + page);
  CHECK(setup.map(page + 1) == pool + 2 * page);
  CHECK(setup.map(10) == pool + 4 * page);
  CHECK(setup.swiotlb.used() == 10);
  setup.unmap(pool + page, page);
  CHECK(setup.swiotlb.used() == 8);
  CHECK(setup.map(1) == pool + 5 * page);  // not the freed one yet: the search goes on where it was
}

TEST_CASE("the search comes round to what was freed") {
  Setup setup;
  std::vector<PhysAddr> taken;
  while (const std::optional<PhysAddr> slot = setup.map(page)) taken.push_back(*slot);
  CHECK(taken.size() == 64);
  CHECK(setup.swiotlb.used() == 128);
  setup.unmap(taken[10], page);
  setup.unmap(taken[12], page);
  CHECK_FALSE(setup.map(2 * page));
  setup.unmap(taken[11], page);
  CHECK(setup.map(3 * page) == taken[10]);
  CHECK_FALSE(setup.map(1));
  for (std::size_t index = 0; index < taken.size(); ++index)
    if (index < 10 || index > 12) setup.unmap(taken[index], page);
  setup.unmap(taken[10], 3 * page);
  CHECK(setup.swiotlb.used() == 0);
  CHECK(setup.map(segment) == pool);
}

TEST_CASE("a buffer is one segment of 256 KiB at most") {
  Setup setup({6, 1}, 4 * segment);
  CHECK(setup.swiotlb.slots() == 512);
  CHECK(setup.map(segment) == pool);
  CHECK_FALSE(setup.map(segment + 1));
  CHECK(setup.map(segment - page) == pool + segment);
  CHECK(setup.map(2 * page) == pool + 2 * segment);  // not across segments
}

TEST_CASE("each CPU begins in an area of its own, and goes on to the others") {
  Setup setup({6, 1}, 4 * segment, 3);  // four areas
  CHECK(setup.map(1, 0) == pool);
  CHECK(setup.map(1, 1) == pool + segment);
  CHECK(setup.map(1, 2) == pool + 2 * segment);
  CHECK(setup.map(1, 5) == pool + segment + page);
  CHECK(setup.map(segment, 2) == pool + 3 * segment);
  CHECK_FALSE(setup.map(segment, 0));
}

TEST_CASE("areas have a segment each at least") {
  Setup setup({6, 1}, 2 * segment, 16);
  CHECK(setup.map(1, 1) == pool + segment);
  CHECK(setup.map(1, 2) == pool);
}

TEST_CASE("less than a segment is no pool") {
  DmaFixture setup;
  const Swiotlb none(setup.bus, {pool, segment - 1}, 1, {6, 1});
  CHECK_FALSE(none.active());
  CHECK_FALSE(none.contains(pool));
  const Swiotlb unaligned(setup.bus, {pool + 1, segment + page}, 1, {6, 1});
  CHECK(unaligned.active());
  CHECK_FALSE(unaligned.contains(pool + page - 1));
  CHECK(unaligned.contains(pool + page));
  CHECK_FALSE(unaligned.contains(pool + page + segment));
}

TEST_CASE("data goes there when it is mapped and back when it is unmapped, by direction") {
  Setup setup;
  const PhysAddr bounced = setup.map(0x800).value();
  CHECK(setup.byte(bounced) == 0x11);
  CHECK(setup.byte(bounced + 0x7ff) == 0x11);
  CHECK(setup.byte(bounced + 0x800) == 0x77);
  setup.fill(bounced, 0x1000, 0x22);
  const auto [direction, skip, copied] =
      GENERATE(table<DmaDirection, bool, bool>({{DmaDirection::ToDevice, false, false},
                                                {DmaDirection::FromDevice, false, true},
                                                {DmaDirection::FromDevice, true, false},
                                                {DmaDirection::Bidirectional, false, true}}));
  setup.swiotlb.unmap(setup.device, bounced, 0x800, direction, {.skip_cpu_sync = skip});
  CHECK(setup.byte(buffer) == (copied ? 0x22U : 0x11U));
  CHECK(setup.byte(buffer + 0x7ff) == (copied ? 0x22U : 0x11U));
  CHECK(setup.byte(buffer + 0x800) == 0x11);
}

TEST_CASE("parts of a buffer can be synchronised, in any of its slots") {
  Setup setup;
  const PhysAddr bounced = setup.map(3 * page).value();
  setup.fill(bounced, 3 * page, 0x22);
  setup.swiotlb.sync_for_cpu(setup.device, bounced + 0x1810, 0x10, DmaDirection::FromDevice);
  CHECK(setup.byte(buffer + 0x180f) == 0x11);
  CHECK(setup.byte(buffer + 0x1810) == 0x22);
  CHECK(setup.byte(buffer + 0x181f) == 0x22);
  CHECK(setup.byte(buffer + 0x1820) == 0x11);
  setup.swiotlb.sync_for_cpu(setup.device, bounced, page, DmaDirection::ToDevice);
  CHECK(setup.byte(buffer) == 0x11);
  setup.fill(buffer, page, 0x33);
  setup.swiotlb.sync_for_device(setup.device, bounced, 0x10, DmaDirection::FromDevice);
  CHECK(setup.byte(bounced) == 0x22);
  setup.swiotlb.sync_for_device(setup.device, bounced, 0x10, DmaDirection::ToDevice);
  CHECK(setup.byte(bounced) == 0x33);
  CHECK(setup.byte(bounced + 0x10) == 0x22);
  CHECK(setup.swiotlb.warnings() == 0);
}

TEST_CASE("nothing is copied beyond a buffer") {
  Setup setup;
  const PhysAddr bounced = setup.map(page).value();
  setup.fill(bounced, 2 * page, 0x22);
  setup.swiotlb.sync_for_cpu(setup.device, bounced, 2 * page, DmaDirection::FromDevice);
  CHECK(setup.swiotlb.warnings() == 1);
  CHECK(setup.byte(buffer + 0xfff) == 0x22);
  CHECK(setup.byte(buffer + 0x1000) == 0x11);
  setup.swiotlb.sync_for_cpu(setup.device, bounced + page, page, DmaDirection::FromDevice);  // no one's
  CHECK(setup.byte(buffer + 0x1000) == 0x11);
}

TEST_CASE("min_align_mask keeps bits of the address, within a slot only before 6.10") {
  for (const KernelVersion version : {old_kernel, new_kernel}) {
    Setup setup(version);
    setup.device.dma_parameters.min_align_mask = 0xfff;
    const PhysAddr original = buffer + 0xc10;
    const PhysAddr bounced = setup.swiotlb.map(setup.device, original, 0x20, page, 0).value();
    CHECK(bounced == pool + (version == new_kernel ? 0xc10 : 0x410));
    CHECK(setup.swiotlb.used() == (version == new_kernel ? 2 : 3));
    setup.fill(bounced, 0x20, 0x22);
    setup.swiotlb.unmap(setup.device, bounced, 0x20, DmaDirection::FromDevice, {});
    CHECK(setup.byte(original - 1) == 0x11);
    CHECK(setup.byte(original) == 0x22);
    CHECK(setup.byte(original + 0x1f) == 0x22);
    CHECK(setup.byte(original + 0x20) == 0x11);
    CHECK(setup.swiotlb.used() == 0);
    CHECK(setup.swiotlb.warnings() == 0);
  }
}

TEST_CASE("a segment boundary is not crossed") {
  Setup setup;
  setup.device.dma_parameters.segment_boundary_mask = 0x3fff;
  CHECK(setup.map(3 * page) == pool);
  CHECK(setup.map(2 * page) == pool + 4 * page);
  CHECK_FALSE(setup.map(5 * page));
}

TEST_CASE("an untrusted device sees its bytes and zeros, not the neighbours'") {
  Setup setup(GENERATE(old_kernel, new_kernel));
  const DmaAddr iova = dma_map_page(setup.device, buffer + 0x100, 0x200, DmaDirection::ToDevice);
  REQUIRE(iova == 0xffff'f000);  // the offset is gone
  CHECK(setup.seen(iova) == Runs{{0x11, 0x200}, {0, 0xe00}});
  dma_unmap_page(setup.device, iova, 0x200, DmaDirection::ToDevice);
  CHECK(setup.swiotlb.used() == 0);
}

TEST_CASE("before 6.10 what the device only writes, or is not synchronised, begins as zeros") {
  const auto [version, direction, skip, zero] = GENERATE(
      table<KernelVersion, DmaDirection, bool, bool>({{old_kernel, DmaDirection::FromDevice, false, true},
                                                      {old_kernel, DmaDirection::Bidirectional, false, false},
                                                      {old_kernel, DmaDirection::ToDevice, true, true},
                                                      {new_kernel, DmaDirection::FromDevice, false, false},
                                                      {new_kernel, DmaDirection::ToDevice, true, false}}));
  Setup setup(version);
  const DmaAddr iova = dma_map_page(setup.device, buffer, 0x200, direction, {.skip_cpu_sync = skip});
  CHECK(setup.seen(iova) == (zero ? Runs{{0, 0x1000}} : Runs{{0x11, 0x200}, {0, 0xe00}}));
}

TEST_CASE("from 6.10 on the bytes before a buffer that keeps its offset are zeros, too") {
  Setup setup(new_kernel);
  setup.device.dma_parameters.min_align_mask = 0xfff;
  const DmaAddr iova = dma_map_page(setup.device, buffer + 0x100, 0x200, DmaDirection::Bidirectional);
  REQUIRE(iova == 0xffff'f100);
  CHECK(setup.seen(0xffff'f000) == Runs{{0, 0x100}, {0x11, 0x200}, {0, 0xd00}});
}

TEST_CASE("whole granules, and trusted devices' buffers, are mapped where they are") {
  Setup setup;
  DmaAddr iova = dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice);
  CHECK(setup.access(iova).output == buffer);
  setup.device.pci->untrusted = false;
  iova = dma_map_page(setup.device, buffer + 4, 4, DmaDirection::ToDevice);
  CHECK(setup.access(iova).output == buffer + 4);
  setup.device.pci.reset();
  iova = dma_map_page(setup.device, buffer + 4, 4, DmaDirection::ToDevice);
  CHECK(setup.access(iova).output == buffer + 4);
  CHECK(setup.swiotlb.used() == 0);
}

TEST_CASE("what the device wrote is there after a sync, and after unmapping") {
  Setup setup;
  const DmaAddr iova = dma_map_page(setup.device, buffer + 0x80, 0x100, DmaDirection::FromDevice);
  const PhysAddr bounced = setup.access(iova).output;
  setup.fill(bounced, 0x1000, 0x22);
  CHECK(setup.byte(buffer + 0x80) == 0x11);
  dma_sync_single_for_cpu(setup.device, iova, 0x80, DmaDirection::FromDevice);
  CHECK(setup.byte(buffer + 0xff) == 0x22);
  CHECK(setup.byte(buffer + 0x100) == 0x11);
  dma_sync_single_for_device(setup.device, iova, 0x80, DmaDirection::FromDevice);
  CHECK(setup.byte(bounced) == 0x22);
  dma_unmap_page(setup.device, iova, 0x100, DmaDirection::FromDevice);
  CHECK(setup.byte(buffer + 0x17f) == 0x22);
  CHECK(setup.byte(buffer + 0x180) == 0x11);
  CHECK(setup.byte(buffer + 0x7f) == 0x11);
}

TEST_CASE("syncs of what is not bounced do nothing") {
  Setup setup;
  const DmaAddr iova = dma_map_page(setup.device, buffer, page, DmaDirection::Bidirectional);
  setup.bus.accesses.clear();
  dma_sync_single_for_cpu(setup.device, iova, page, DmaDirection::Bidirectional);
  dma_sync_single_for_device(setup.device, iova, page, DmaDirection::Bidirectional);
  for (const test::BusAccess& access : setup.bus.accesses) CHECK_FALSE(access.is_write());
}

TEST_CASE("without bounce buffers unaligned buffers cannot be mapped, which is said once") {
  Setup setup;
  setup.device.swiotlb = nullptr;
  for (int count = 0; count < 2; ++count)
    CHECK(dma_map_page(setup.device, buffer, 1, DmaDirection::ToDevice) == dma_mapping_error);
  CHECK(setup.host.lines ==
        std::vector<std::string>{"[    0.000000] pci video: DMA bounce buffers are inactive, unable to map "
                                 "unaligned transaction."});
  CHECK(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice) != dma_mapping_error);
}

TEST_CASE("full bounce buffers are told of, at a limited rate") {
  Setup setup;
  REQUIRE(setup.map(segment));
  CHECK(dma_map_page(setup.device, buffer, 1, DmaDirection::ToDevice, {.no_warn = true}) ==
        dma_mapping_error);
  CHECK(setup.host.lines.empty());
  for (int count = 0; count < 12; ++count)
    CHECK(dma_map_page(setup.device, buffer, 1, DmaDirection::ToDevice) == dma_mapping_error);
  REQUIRE(setup.host.lines.size() == 10);
  CHECK(setup.host.lines[0] ==
        "[    0.000000] pci video: swiotlb buffer is full (sz: 4096 bytes), total 128 (slots), used 128 "
        "(slots)");
}

TEST_CASE("a buffer that was bounced and could not be mapped gives its slots back") {
  Setup setup;
  setup.device.dma_mask = 0xfff;
  CHECK(dma_map_page(setup.device, buffer, 1, DmaDirection::ToDevice) == dma_mapping_error);
  CHECK(setup.swiotlb.used() == 0);
}
