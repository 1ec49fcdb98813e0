// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_iova.h"

#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::page;

namespace {

constexpr std::uint64_t all_bits = ~std::uint64_t{0};
constexpr std::uint64_t GiB = 0x4000'0000;
constexpr IommuProt rw{.read = true, .write = true};

/// A PCI device in a domain of a given kernel.
struct PciSetup : DmaFixture {
  explicit PciSetup(KernelVersion version, bool forcedac = false) {
    device.pci.emplace();
    REQUIRE(init_domain(*domain, device, {.version = version, .forcedac = forcedac, .log = &host.log}));
    host.lines.clear();
  }
  std::optional<DmaAddr> alloc(std::uint64_t size, std::uint64_t mask = all_bits) {
    return alloc_dma_iova(*domain, device, size, mask);
  }
};

}  // namespace

TEST_CASE("a platform device gets the highest address there is") {
  DmaFixture setup;
  CHECK(alloc_dma_iova(*setup.domain, setup.device, page, all_bits) == 0xf'ffff'f000);
  CHECK(alloc_dma_iova(*setup.domain, setup.device, page, 0xffff'ffff) == 0xffff'f000);
}

TEST_CASE("the lower of mask and bus limit counts, and one that is 0 does not") {
  DmaFixture setup;
  setup.device.bus_dma_limit = 0x7fff'ffff;
  CHECK(alloc_dma_iova(*setup.domain, setup.device, page, 0xffff'ffff) == 0x7fff'f000);
  CHECK(alloc_dma_iova(*setup.domain, setup.device, page, 0x3fff'ffff) == 0x3fff'f000);
  CHECK(alloc_dma_iova(*setup.domain, setup.device, page, 0) == 0x3fff'e000);  // the search goes on
                                                                               // below the last one
  setup.device.bus_dma_limit = 0;
  CHECK_FALSE(alloc_dma_iova(*setup.domain, setup.device, page, 0));
}

TEST_CASE("up to 6.4 a PCI device is tried below 4 GiB every time") {
  PciSetup setup({6, 5});
  const std::optional<DmaAddr> first = setup.alloc(3 * GiB);
  CHECK(first == DmaAddr{0x0} + 0xf'0000'0000);  // 3 GiB on a multiple of 4 GiB: none below
  CHECK(setup.alloc(2 * GiB) == 0x8000'0000);
  CHECK(setup.alloc(2 * GiB) == 0xe'8000'0000);  // page 0 is not to be had
  CHECK(setup.alloc(page) == 0x7fff'f000);       // again below
  CHECK(setup.host.lines.empty());
}

TEST_CASE("from 6.5 on a PCI device stays above 4 GiB once it was not served below") {
  PciSetup setup({6, 6});
  CHECK(setup.alloc(2 * GiB) == 0x8000'0000);
  CHECK(setup.device.pci->try_32bit_first);
  CHECK(setup.alloc(2 * GiB) == 0xf'8000'0000);
  CHECK_FALSE(setup.device.pci->try_32bit_first);
  CHECK(setup.host.lines == std::vector<std::string>{"[    0.000000] pci video: Using 36-bit DMA addresses"});
  CHECK(setup.host.levels.back() == LogLevel::Notice);
  CHECK(setup.alloc(page) == 0xf'7fff'f000);
  CHECK(setup.host.lines.size() == 1);

  Device other{.name = "other", .streams = {}};  // the latch is the device's, not the domain's
  other.pci.emplace();
  other.pci->try_32bit_first = true;
  CHECK(alloc_dma_iova(*setup.domain, other, page, all_bits) == 0x7fff'f000);
}

TEST_CASE("iommu.forcedac sends PCI devices to the top, in every kernel") {
  const KernelVersion version = GENERATE(KernelVersion{6, 1}, KernelVersion{6, 6}, KernelVersion{6, 16});
  PciSetup setup(version, true);
  CHECK(setup.alloc(page) == 0xf'ffff'f000);
  CHECK(setup.host.lines.empty());
}

TEST_CASE("a PCI device of 32 bits or fewer is tried once") {
  PciSetup setup({6, 6});
  CHECK_FALSE(setup.alloc(4 * GiB, 0xffff'ffff));
  CHECK(setup.device.pci->try_32bit_first);
  CHECK(setup.alloc(page, 0xffff'ffff) == 0xffff'f000);
}

TEST_CASE("a range keeps its offset, and takes every granule it touches") {
  DmaFixture setup;
  const DmaAddr iova = map_dma(setup.device, memory_base + 0x1'0ff0, 0x20, rw, 0xffff'ffff);
  CHECK(iova == 0xffff'eff0);
  CHECK(setup.access(0xffff'e000).output == memory_base + 0x1'0000);
  CHECK(setup.access(0xffff'ffff).output == memory_base + 0x1'1fff);
  unmap_dma(setup.device, iova, 0x20);
  CHECK_FALSE(setup.domain->iova_to_phys(0xffff'e000));
  CHECK_FALSE(setup.domain->iova_to_phys(0xffff'f000));
  CHECK(map_dma(setup.device, memory_base, 2 * page, rw, 0xffff'ffff) == 0xffff'e000);
  CHECK(setup.domain->cookie().warnings == 0);
}

TEST_CASE("an address that cannot be mapped is given back") {
  DmaFixture setup;
  CHECK(map_dma(setup.device, PhysAddr{1} << 36, page, rw, 0xffff'ffff) == dma_mapping_error);
  CHECK(map_dma(setup.device, memory_base, page, {}, 0xffff'ffff) == dma_mapping_error);
  CHECK(map_dma(setup.device, memory_base, page, rw, 0xffff'ffff) == 0xffff'f000);
  CHECK(map_dma(setup.device, memory_base, page, rw, 0xfff) == dma_mapping_error);  // no address
}

TEST_CASE("unmapping less than was mapped is warned of") {
  DmaFixture setup;
  const DmaAddr iova = map_dma(setup.device, memory_base, page, rw, 0xffff'ffff);
  unmap_dma(setup.device, iova, 2 * page);
  CHECK(setup.domain->cookie().warnings == 1);
}

TEST_CASE("in a strict domain the TLB forgets a mapping at once") {
  DmaFixture setup;
  const DmaAddr iova = map_dma(setup.device, memory_base, page, rw, 0xffff'ffff);
  REQUIRE(setup.access(iova).output == memory_base);
  unmap_dma(setup.device, iova, page);
  CHECK(setup.access(iova).fault.has_value());
  CHECK(map_dma(setup.device, memory_base, page, rw, 0xffff'ffff) == iova);
}

TEST_CASE("only a domain of the DMA API serves it") {
  DmaFixture managed;
  CHECK(uses_dma_iommu(managed.device));
  DmaFixture lazy(DomainType::DmaFq);
  CHECK(uses_dma_iommu(lazy.device));
  DmaFixture unmanaged(DomainType::Unmanaged);
  CHECK_FALSE(uses_dma_iommu(unmanaged.device));
  CHECK_FALSE(uses_dma_iommu(Device{}));
}
