// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_sg.h"

#include "iommu/linux/swiotlb.h"
#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::MiB;
using sidewinder::test::page;

namespace {

constexpr PhysAddr here = memory_base + 0x40'0000;
constexpr PhysAddr there = memory_base + 0x60'0000;
constexpr PhysAddr yonder = memory_base + 0x80'0000;

using List = std::vector<ScatterEntry>;
using ForDevice = std::vector<std::pair<DmaAddr, std::uint32_t>>;

List pieces(std::initializer_list<std::pair<PhysAddr, std::uint32_t>> all) {
  List list;
  for (const auto& [phys, length] : all) list.push_back({.phys = phys, .length = length});
  return list;
}

/// What the device is given; beyond it the list must be empty.
ForDevice map(DmaFixture& setup, List& list) {
  const Result<unsigned> count = dma_map_sg(setup.device, list, DmaDirection::Bidirectional);
  REQUIRE(count);
  ForDevice all;
  for (unsigned index = 0; index < list.size(); ++index) {
    if (index < *count) {
      all.emplace_back(list[index].dma_address, list[index].dma_length);
      continue;
    }
    CHECK(list[index].dma_address == dma_mapping_error);
    CHECK(list[index].dma_length == 0);
  }
  return all;
}

Errno map_error(DmaFixture& setup, List& list) {
  const List before = list;
  const Result<unsigned> count = dma_map_sg(setup.device, list, DmaDirection::Bidirectional);
  REQUIRE_FALSE(count);
  for (std::size_t index = 0; index < list.size(); ++index) {
    CHECK(list[index].phys == before[index].phys);
    CHECK(list[index].length == before[index].length);
    CHECK(list[index].dma_address == dma_mapping_error);
    CHECK(list[index].dma_length == 0);
  }
  return count.error();
}

}  // namespace

TEST_CASE("whole pages are one range for the device, wherever they lie") {
  DmaFixture setup;
  List list = pieces({{there, 0x1000}, {here, 0x2000}});
  CHECK(map(setup, list) == ForDevice{{0xffff'c000, 0x3000}});
  CHECK(setup.access(0xffff'c000, true).output == there);
  CHECK(setup.access(0xffff'd000).output == here);
  CHECK(setup.access(0xffff'efff).output == here + 0x1fff);
  dma_unmap_sg(setup.device, list, DmaDirection::Bidirectional);
  for (DmaAddr iova = 0xffff'c000; iova < 0xffff'f000; iova += page)
    CHECK_FALSE(setup.domain->iova_to_phys(iova));
  CHECK(setup.domain->cookie().warnings == 0);
  List again = pieces({{here, 0x3000}});
  CHECK(map(setup, again) == ForDevice{{0xffff'c000, 0x3000}});
}

TEST_CASE("pieces are joined where one ends and the next begins on a granule") {
  DmaFixture setup;
  List list = pieces({{here + 0x800, 0x800}, {there, 0x1000}, {yonder, 0x10}});
  CHECK(map(setup, list) == ForDevice{{0xffff'c800, 0x1810}});
  CHECK(list[0].phys == here + 0x800);
  CHECK(list[0].length == 0x800);

  List ends_early = pieces({{here, 0x800}, {there, 0x1000}});
  CHECK(map(setup, ends_early) == ForDevice{{0xffff'a000, 0x800}, {0xffff'b000, 0x1000}});
  List begins_late = pieces({{here, 0x1000}, {there + 0x10, 0x10}});
  CHECK(map(setup, begins_late) == ForDevice{{0xffff'8000, 0x1000}, {0xffff'9010, 0x10}});
}

TEST_CASE("what was not joined can be joined to later") {
  DmaFixture setup;
  List list = pieces({{here, 0x10}, {there + 0xf00, 0x100}, {yonder, 0x1000}, {here, 0x20}});
  CHECK(map(setup, list) == ForDevice{{0xffff'c000, 0x10}, {0xffff'df00, 0x1120}});
  CHECK(setup.access(0xffff'e000).output == yonder);
  CHECK(setup.access(0xffff'f000).output == here);
}

TEST_CASE("an entry is at most 64 KiB long, or what the device says") {
  DmaFixture setup;
  const auto list = [] { return pieces({{here, 0x8000}, {there, 0x8000}, {yonder, 0x1000}}); };
  List list64k = list();
  CHECK(map(setup, list64k) == ForDevice{{0xfffe'0000, 0x10000}, {0xffff'0000, 0x1000}});
  setup.device.dma_parameters.max_segment_size = 0xffff;
  List less = list();
  CHECK(map(setup, less) == ForDevice{{0xfffc'0000, 0x8000}, {0xfffc'8000, 0x9000}});
  setup.device.dma_parameters.max_segment_size = 0x11000;
  List more = list();
  CHECK(map(setup, more) == ForDevice{{0xfffa'0000, 0x11000}});
}

TEST_CASE("as in Linux, a piece longer than the limit takes the next ones along") {
  DmaFixture setup;
  List list = pieces({{here, 0x10000}, {there, 0x1000}});
  CHECK(map(setup, list).size() == 2);
  List longer = pieces({{here, 0x11000}, {there, 0x1000}, {yonder, 0x1000}});
  CHECK(map(setup, longer) == ForDevice{{0xfffc'0000, 0x13000}});
}

TEST_CASE("no piece crosses the segment boundary, which costs addresses") {
  DmaFixture setup;
  setup.device.dma_parameters = {.max_segment_size = 0x10'0000, .segment_boundary_mask = 0xffff};
  List list = pieces({{here, 0xc000}, {there, 0x8000}, {yonder, 0x1000}});
  CHECK(map(setup, list) == ForDevice{{0xfffe'0000, 0xc000}, {0xffff'0000, 0x9000}});
  CHECK(setup.access(0xfffe'c000).output == here + 0xc000);  // the gap shows what follows the piece
  CHECK(setup.access(0xffff'8000).output == yonder);
  dma_unmap_sg(setup.device, list, DmaDirection::Bidirectional);
  CHECK_FALSE(setup.domain->iova_to_phys(0xfffe'c000));
  CHECK(setup.domain->cookie().warnings == 0);
}

TEST_CASE("up to the boundary pieces are joined, beyond it not") {
  DmaFixture setup;
  setup.device.dma_parameters = {.max_segment_size = 0x10'0000, .segment_boundary_mask = 0xffff};
  List list = pieces({{here, 0x8000}, {there, 0x8000}, {yonder, 0x1000}});
  CHECK(map(setup, list) == ForDevice{{0xfffe'0000, 0x10000}, {0xffff'0000, 0x1000}});
}

TEST_CASE("a piece longer than the boundary begins right after the last one") {
  DmaFixture setup;
  setup.device.dma_parameters = {.max_segment_size = 0x10'0000, .segment_boundary_mask = 0xffff};
  List list = pieces({{here, 0x1000}, {there, 0x20000}});
  // 0xf000 to the boundary is less than the piece: it is moved there all the same.
  CHECK(map(setup, list) == ForDevice{{0xfffc'0000, 0x1000}, {0xfffd'0000, 0x20000}});
}

TEST_CASE("a boundary of 4 GiB, or none, does not matter to short lists") {
  DmaFixture setup;
  setup.device.dma_parameters.segment_boundary_mask = GENERATE(0U, 0xffff'ffffU);
  List list = pieces({{here, 0xc000}, {there, 0x3000}});
  CHECK(map(setup, list) == ForDevice{{0xffff'0000, 0xf000}});
}

TEST_CASE("neighbours in memory are mapped in large pages") {
  DmaFixture setup;
  List list = pieces({{here, 1 * MiB}, {here + 1 * MiB, 1 * MiB}});
  const ForDevice all = map(setup, list);
  CHECK(setup.access(all[0].first).same_page_shift == 21);
  dma_unmap_sg(setup.device, list, DmaDirection::Bidirectional);
  List apart = pieces({{here + 1 * MiB, 1 * MiB}, {here, 1 * MiB}});
  CHECK(setup.access(map(setup, apart)[0].first).same_page_shift == 12);
}

TEST_CASE("the direction, coherence and mask of the device hold for lists, too") {
  DmaFixture setup;
  setup.device.dma_mask = 0x3fff'ffff;
  setup.device.coherent_dma_mask = 0xfff;
  setup.device.dma_coherent = true;
  List list = pieces({{here, page}});
  REQUIRE(dma_map_sg(setup.device, list, DmaDirection::ToDevice) == 1U);
  CHECK(list[0].dma_address == 0x3fff'f000);
  CHECK(setup.access(0x3fff'f000).attributes == 0xff);
  CHECK(setup.access(0x3fff'f000, true).fault->kind == arch::FaultKind::Permission);
}

TEST_CASE("a list that cannot be mapped is as it was, and takes nothing") {
  DmaFixture setup;
  List unreachable = pieces({{here, page}, {PhysAddr{1} << 36, page}});
  CHECK(map_error(setup, unreachable) == Errno::EINVAL_);
  CHECK_FALSE(setup.domain->iova_to_phys(0xffff'e000));
  List list = pieces({{here, 2 * page}});
  CHECK(map(setup, list) == ForDevice{{0xffff'e000, 0x2000}});
  setup.device.dma_mask = 0xfff;
  CHECK(map_error(setup, unreachable) == Errno::ENOMEM_);

  DmaFixture full(DomainType::Dma, 2);
  List no_table = pieces({{here, page}});
  CHECK(map_error(full, no_table) == Errno::ENOMEM_);
}

TEST_CASE("a list of nothing is an error, a device without a mask is not") {
  DmaFixture setup;
  List nothing;
  CHECK(map_error(setup, nothing) == Errno::EIO_);
  CHECK(setup.domain->cookie().warnings == 1);
  dma_unmap_sg(setup.device, nothing, DmaDirection::ToDevice);
  setup.device.has_dma_mask = false;
  List list = pieces({{here, page}});
  CHECK(dma_map_sg(setup.device, list, DmaDirection::ToDevice) == 0U);
}

TEST_CASE("an untrusted device gets every piece on its own, and none with a neighbour's bytes") {
  DmaFixture setup;
  Swiotlb swiotlb(setup.bus, {memory_base + 8 * MiB, 1 * MiB}, 1, {6, 1});
  setup.device.pci.emplace().untrusted = true;
  setup.device.swiotlb = &swiotlb;
  List list = pieces({{here, 0x1000}, {there, 0x800}});
  CHECK(map(setup, list) == ForDevice{{0xffff'f000, 0x1000}, {0xffff'e000, 0x800}});
  CHECK(setup.access(0xffff'f000).output == here);
  CHECK(swiotlb.contains(setup.access(0xffff'e000).output));

  const std::byte value{0x5a};
  const std::byte written{0xa5};
  std::byte seen{};
  REQUIRE(setup.machine.write(there, {&value, 1}, Security::NonSecure));
  dma_sync_sg_for_device(setup.device, list, DmaDirection::Bidirectional);
  const PhysAddr bounced = setup.access(0xffff'e000).output;
  REQUIRE(setup.machine.read(bounced, {&seen, 1}, Security::NonSecure));
  CHECK(seen == value);
  REQUIRE(setup.machine.write(bounced, {&written, 1}, Security::NonSecure));
  dma_sync_sg_for_cpu(setup.device, list, DmaDirection::Bidirectional);
  REQUIRE(setup.machine.read(there, {&seen, 1}, Security::NonSecure));
  CHECK(seen == written);

  dma_unmap_sg(setup.device, list, DmaDirection::Bidirectional);
  CHECK(swiotlb.used() == 0);
  CHECK_FALSE(setup.domain->iova_to_phys(0xffff'f000));
}

TEST_CASE("where a piece cannot be bounced, those before it are unmapped and not copied back") {
  DmaFixture setup;
  Swiotlb swiotlb(setup.bus, {memory_base + 8 * MiB, 0x4'0000}, 1, {6, 1});
  setup.device.pci.emplace().untrusted = true;
  setup.device.swiotlb = &swiotlb;
  const std::byte kept{0x11};
  REQUIRE(setup.machine.write(here, {&kept, 1}, Security::NonSecure));
  List list = pieces({{here, 0x20010}, {there, 0x1f010}});
  const Result<unsigned> count = dma_map_sg(setup.device, list, DmaDirection::FromDevice);
  REQUIRE_FALSE(count);
  CHECK(count.error() == Errno::EIO_);
  CHECK(swiotlb.used() == 0);
  std::byte now{};
  REQUIRE(setup.machine.read(here, {&now, 1}, Security::NonSecure));
  CHECK(now == kept);
  CHECK(setup.domain->iovas().find_iova(0xf'ffdf).has_value() == false);
}
