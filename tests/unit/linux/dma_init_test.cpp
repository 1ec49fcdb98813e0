// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_init.h"

#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::MiB;
using sidewinder::test::page;
using Ranges = std::vector<std::pair<Pfn, Pfn>>;
using Type = ReservedRegion::Type;

namespace {

constexpr IommuProt rw{.read = true, .write = true};

bool fails(const Status& status, Errno error) {
  return !status && status.error() == error;
}

Device pci_device() {
  Device device{.name = "0000:01:00.0", .streams = {{0x20, 0}}};
  device.pci.emplace();
  return device;
}

}  // namespace

TEST_CASE("the first device makes the address space, from page 1 up") {
  DmaFixture setup;
  REQUIRE(init_domain(*setup.domain, setup.device, {.cpus = 4}));
  CHECK(setup.domain->iovas().granule() == page);
  CHECK(setup.domain->iovas().start_pfn() == 1);
  CHECK(setup.domain->iovas().set_current_cpu(3));
  CHECK_FALSE(setup.domain->iovas().set_current_cpu(4));
  CHECK(setup.ranges().empty());
}

TEST_CASE("dma-ranges bounds the addresses from below up to 6.9") {
  DmaFixture setup;
  const auto [version, start] =
      GENERATE(std::pair<KernelVersion, Pfn>{{6, 1}, 0x600}, std::pair<KernelVersion, Pfn>{{6, 9}, 0x600},
               std::pair<KernelVersion, Pfn>{{6, 10}, 1}, std::pair<KernelVersion, Pfn>{{6, 16}, 1});
  REQUIRE(init_domain(*setup.domain, setup.device,
                      {.base = 0x60'0000, .limit = 0xffff'ffff, .version = version}));
  CHECK(setup.domain->iovas().start_pfn() == start);
}

TEST_CASE("dma-ranges must meet the addresses that the SMMU translates") {
  DmaFixture setup;  // 36 bits
  const DmaInit above{.base = 0x10'0000'0000, .limit = 0x10'ffff'ffff, .log = &setup.host.log};
  setup.host.lines.clear();
  CHECK(fails(init_domain(*setup.domain, setup.device, above), Errno::EFAULT_));
  REQUIRE(setup.host.lines.size() == 1);
  CHECK(setup.host.lines[0] == "[    0.000000] specified DMA range outside IOMMU capability");
  CHECK(setup.host.levels.back() == LogLevel::Warn);
  CHECK(fails(init_domain(*setup.domain, setup.device, {.base = 0x10'0000'0000, .version = {6, 10}}),
              Errno::EFAULT_));
  CHECK(init_domain(*setup.domain, setup.device, {.base = 0xf'ffff'f000}));
  CHECK(setup.domain->iovas().start_pfn() == 0xff'ffff);
}

TEST_CASE("only a domain of the DMA API has an address space") {
  DmaFixture setup(DomainType::Unmanaged);
  CHECK(fails(init_domain(*setup.domain, setup.device, {}), Errno::EINVAL_));
}

TEST_CASE("all regions but those for software's doorbells are reserved") {
  DmaFixture setup;
  const ReservedRegion regions[] = {
      {.start = 0, .length = 0x2580'0000, .type = Type::Reserved},
      {.start = 0x4000'0800, .length = page, .type = Type::Direct, .prot = rw},
      {.start = 0x5000'0000, .length = 2 * page, .type = Type::DirectRelaxable, .prot = rw},
      {.start = 0x800'0000, .length = MiB, .type = Type::SwMsi},
      {.start = 0x6000'0f00, .length = page, .type = Type::Msi},
  };
  REQUIRE(init_domain(*setup.domain, setup.device, {.regions = regions}));
  CHECK(setup.ranges() == Ranges{{0, 0x257ff}, {0x40000, 0x40001}, {0x50000, 0x50001}, {0x60000, 0x60001}});

  const std::vector<DmaCookie::MsiPage>& pages = setup.domain->cookie().msi_pages;
  REQUIRE(pages.size() == 2);
  CHECK(pages[0].iova == 0x6000'0000);
  CHECK(pages[0].phys == 0x6000'0000);
  CHECK(pages[1].iova == 0x6000'1000);
  CHECK(pages[1].phys == 0x6000'1000);
  CHECK_FALSE(setup.domain->iova_to_phys(0x4000'0000));  // reserved is not mapped
}

TEST_CASE("a region for software's doorbells is not reserved") {
  DmaFixture setup;
  const ReservedRegion regions[] = {{.start = 0x800'0000, .length = MiB, .type = Type::SwMsi}};
  REQUIRE(init_domain(*setup.domain, setup.device, {.regions = regions}));
  CHECK(setup.ranges().empty());
  CHECK(setup.domain->cookie().msi_pages.empty());
}

TEST_CASE("a region of no bytes reserves what Linux's arithmetic makes of it") {
  DmaFixture setup;
  const ReservedRegion regions[] = {{.start = 0x5000'0800, .length = 0}, {.start = 0x6000'0000, .length = 0}};
  REQUIRE(init_domain(*setup.domain, setup.device, {.regions = regions}));
  CHECK(setup.ranges() == Ranges{{0x50000, 0x50000}, {0x60000, 0x5ffff}});
}

TEST_CASE("a second device's regions are not reserved") {
  DmaFixture setup;
  const ReservedRegion first[] = {{.start = 0x1000'0000, .length = page}};
  const ReservedRegion second[] = {{.start = 0x2000'0000, .length = page}};
  REQUIRE(init_domain(*setup.domain, setup.device, {.regions = first}));
  Device other{.name = "other", .streams = {{0x11, 0}}};
  CHECK(init_domain(*setup.domain, other, {.regions = second}));
  CHECK(setup.ranges() == Ranges{{0x10000, 0x10000}});
}

TEST_CASE("a second device with another lowest address is refused") {
  DmaFixture setup;
  REQUIRE(init_domain(*setup.domain, setup.device, {.base = 0x1000'0000}));
  Device other{.name = "other", .streams = {{0x11, 0}}};
  setup.host.lines.clear();
  CHECK(fails(init_domain(*setup.domain, other, {.base = 0x2000'0000, .log = &setup.host.log}),
              Errno::EFAULT_));
  CHECK(setup.host.lines == std::vector<std::string>{"[    0.000000] Incompatible range for DMA domain"});
  CHECK(init_domain(*setup.domain, other, {.base = 0x1000'0fff}));  // the same page
}

TEST_CASE("from 6.10 on devices may have different lowest addresses") {
  DmaFixture setup;
  const KernelVersion version{6, 10};
  REQUIRE(init_domain(*setup.domain, setup.device, {.base = 0x1000'0000, .version = version}));
  CHECK(init_domain(*setup.domain, setup.device, {.base = 0x2000'0000, .version = version}));
}

TEST_CASE("page 0 and page 1 are alike as lowest addresses") {
  DmaFixture setup;
  REQUIRE(init_domain(*setup.domain, setup.device, {.base = 0}));
  CHECK(init_domain(*setup.domain, setup.device, {.base = 0x1000}));
}

TEST_CASE("a PCI device may use neither its bridge's windows nor what is outside dma_ranges") {
  DmaFixture setup;
  Device device = pci_device();
  device.pci->windows = {{.start = 0x4000'0000, .end = 0x4fff'ffff, .offset = 0x1000'0000},
                         {.start = 0x1000, .end = 0x1fff, .memory = false}};
  device.pci->dma_ranges = {{.start = 0x1'0000'0000, .end = 0x1'ffff'ffff},
                            {.start = 0x8000'0000, .end = 0xbfff'ffff}};
  REQUIRE(init_domain(*setup.domain, device, {}));
  CHECK(setup.ranges() == Ranges{{0x00000, 0x3ffff},
                                 {0x40000, 0x80000},  // with the first page of the window, as in Linux
                                 {0xc0000, 0x10'0000},
                                 {0x20'0000, 0xf'ffff'ffff'ffff}});
}

TEST_CASE("as in Linux, dma_ranges up to the very last address reserve everything") {
  DmaFixture setup;
  Device device = pci_device();
  device.pci->dma_ranges = {{.start = 0, .end = 0x7fff'ffff},
                            {.start = 0x8000'0000, .end = ~std::uint64_t{0}}};
  REQUIRE(init_domain(*setup.domain, device, {}));  // what follows the last window wraps to 0
  CHECK(setup.ranges() == Ranges{{0, 0xf'ffff'ffff'ffff}});
}

TEST_CASE("after a window that begins at the very last address there is nothing to reserve") {
  DmaFixture setup;
  Device device = pci_device();
  device.pci->dma_ranges = {{.start = 0, .end = 0x1fff},
                            {.start = ~std::uint64_t{0}, .end = ~std::uint64_t{0}}};
  REQUIRE(init_domain(*setup.domain, device, {}));
  CHECK(setup.ranges() == Ranges{{2, 0xf'ffff'ffff'ffff}});
}

TEST_CASE("dma_ranges that overlap are refused, but the domain stays initialised") {
  DmaFixture setup;
  Device device = pci_device();
  device.pci->dma_ranges = {{.start = 0, .end = 0x8fff'ffff}, {.start = 0x8000'0000, .end = 0xbfff'ffff}};
  setup.host.lines.clear();
  CHECK(fails(init_domain(*setup.domain, device, {.log = &setup.host.log}), Errno::EINVAL_));
  CHECK(setup.host.lines ==
        std::vector<std::string>{"[    0.000000] pci 0000:01:00.0: Failed to reserve IOVA "
                                 "[0x0000000090000000-0x0000000080000000]"});
  CHECK(setup.host.levels.back() == LogLevel::Err);
  CHECK(init_domain(*setup.domain, device, {}));
}

TEST_CASE("a PCI device begins with 32-bit addresses unless it is forced to more") {
  DmaFixture setup;
  Device device = pci_device();
  REQUIRE(init_domain(*setup.domain, device, {}));
  CHECK(device.pci->try_32bit_first);
  REQUIRE(init_domain(*setup.domain, device, {.forcedac = true}));
  CHECK_FALSE(device.pci->try_32bit_first);
}

TEST_CASE("direct regions are mapped to themselves") {
  DmaFixture setup;
  const ReservedRegion regions[] = {
      {.start = 0x4000'0800, .length = 2 * page, .type = Type::Direct, .prot = rw},
      {.start = 0x5000'0000, .length = 2 * page, .type = Type::DirectRelaxable, .prot = {.read = true}},
      {.start = 0x6000'0000, .length = page, .type = Type::Reserved, .prot = rw},
      {.start = 0x7000'0000, .length = page, .type = Type::Msi, .prot = rw},
  };
  REQUIRE(create_direct_mappings(*setup.domain, regions));
  CHECK_FALSE(setup.domain->iova_to_phys(0x4000'0000));  // both ends are rounded up
  CHECK(setup.access(0x4000'1000, true).output == 0x4000'1000);
  CHECK(setup.access(0x4000'2000).output == 0x4000'2000);
  CHECK_FALSE(setup.domain->iova_to_phys(0x4000'3000));
  CHECK(setup.access(0x5000'1000).output == 0x5000'1000);
  CHECK_FALSE(setup.domain->iova_to_phys(0x6000'0000));
  CHECK_FALSE(setup.domain->iova_to_phys(0x7000'0000));
  CHECK(setup.access(0x5000'1000, true).fault->kind == arch::FaultKind::Permission);
}

TEST_CASE("what is mapped already is left as it is, around it the region is mapped") {
  DmaFixture setup;
  REQUIRE(setup.domain->map(0x4000'2000, 0x9000'0000, page, rw));
  const ReservedRegion regions[] = {
      {.start = 0x4000'0000, .length = 5 * page, .type = Type::Direct, .prot = rw}};
  REQUIRE(create_direct_mappings(*setup.domain, regions));
  REQUIRE(create_direct_mappings(*setup.domain, regions));  // another device's, the same
  for (const std::uint64_t offset : {0U, 1U, 3U, 4U})
    CHECK(setup.domain->iova_to_phys(0x4000'0000 + offset * page) == 0x4000'0000 + offset * page);
  CHECK(setup.domain->iova_to_phys(0x4000'2000) == 0x9000'0000);
}

TEST_CASE("as in Linux, address 0 never counts as mapped") {
  DmaFixture setup;
  const ReservedRegion regions[] = {{.start = 0, .length = page, .type = Type::Direct, .prot = rw}};
  REQUIRE(create_direct_mappings(*setup.domain, regions));
  CHECK(setup.domain->iova_to_phys(0) == 0);
  CHECK(fails(create_direct_mappings(*setup.domain, regions), Errno::EEXIST_));
}

TEST_CASE("a direct region that cannot be mapped is an error") {
  DmaFixture setup;
  const ReservedRegion regions[] = {{.start = 0x4000'0000, .length = page, .type = Type::Direct, .prot = {}}};
  CHECK(fails(create_direct_mappings(*setup.domain, regions), Errno::EINVAL_));
}

TEST_CASE("direct mappings are the DMA API's affair, and end with a flush of the whole TLB") {
  DmaFixture setup(DomainType::Unmanaged);
  const ReservedRegion regions[] = {{.start = 0x4000'0000, .length = page, .type = Type::Direct, .prot = rw}};
  REQUIRE(create_direct_mappings(*setup.domain, regions));
  CHECK_FALSE(setup.domain->iova_to_phys(0x4000'0000));

  const auto managed = setup.create(DomainType::Dma);
  setup.bus.accesses.clear();
  REQUIRE(create_direct_mappings(*managed, {}));
  REQUIRE(setup.bus.accesses.size() >= 2);
  CHECK(setup.bus.accesses[0].address == test::smmu_base + 0x9610);  // TLBIASID of bank 1
  CHECK(setup.bus.accesses[0].value() == 1);
}

TEST_CASE("from 6.7 on the caches' depot is trimmed, as long as the domain lives") {
  DmaFixture setup;
  REQUIRE(init_domain(*setup.domain, setup.device, {.version = {6, 7}}));
  const auto fill = [&](IovaDomain& iovas) {
    for (Pfn pfn = 1; pfn <= 127 * 4; ++pfn) {
      REQUIRE(iovas.alloc_iova(1, 0xf'ffff, true));
    }
    for (Pfn pfn = 0xf'ffff; pfn > 0xf'ffff - 127 * 4; --pfn) iovas.free_iova_fast(pfn, 1);
  };
  fill(setup.domain->iovas());
  CHECK(setup.domain->iovas().rcache().depot_size(0) == 2);
  setup.machine.delay_ns(100'000'000 - 1);
  CHECK(setup.domain->iovas().rcache().depot_size(0) == 2);
  setup.machine.delay_ns(1);
  CHECK(setup.domain->iovas().rcache().depot_size(0) == 1);
  fill(setup.domain->iovas());
  setup.domain.reset();
  setup.machine.delay_ns(1'000'000'000);
}

TEST_CASE("up to 6.6 nothing trims the depot") {
  DmaFixture setup;
  REQUIRE(init_domain(*setup.domain, setup.device, {.version = {6, 6}}));
  IovaDomain& iovas = setup.domain->iovas();
  for (Pfn pfn = 1; pfn <= 127 * 4; ++pfn) REQUIRE(iovas.alloc_iova(1, 0xf'ffff, true));
  for (Pfn pfn = 0xf'ffff; pfn > 0xf'ffff - 127 * 4; --pfn) iovas.free_iova_fast(pfn, 1);
  setup.machine.delay_ns(1'000'000'000);
  CHECK(iovas.rcache().depot_size(0) == 2);
}
