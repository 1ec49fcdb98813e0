// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_streaming.h"

#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::page;

namespace {

constexpr PhysAddr buffer = memory_base + 0x10'0000;

bool permission_fault(const smmuv2::Translation& translation) {
  return translation.fault && translation.fault->kind == arch::FaultKind::Permission;
}

}  // namespace

TEST_CASE("the direction decides what the device may do") {
  DmaFixture setup;
  const DmaAddr both = dma_map_page(setup.device, buffer, page, DmaDirection::Bidirectional);
  CHECK(setup.access(both).output == buffer);
  CHECK(setup.access(both, true).output == buffer);
  const DmaAddr to = dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice);
  CHECK(setup.access(to).output == buffer);
  CHECK(permission_fault(setup.access(to, true)));
  setup.machine.delay_ns(0);
  // Stage 1 has no write-only mappings: what may be written may be read.
  const DmaAddr from = dma_map_page(setup.device, buffer, page, DmaDirection::FromDevice);
  CHECK(setup.access(from, true).output == buffer);
  CHECK(setup.access(from).output == buffer);
}

TEST_CASE("directions and attributes as page protection") {
  const IommuProt both = dma_prot(DmaDirection::Bidirectional, true, {});
  CHECK(both == IommuProt{.read = true, .write = true, .cache = true});
  CHECK(dma_prot(DmaDirection::ToDevice, false, {}) == IommuProt{.read = true});
  CHECK(dma_prot(DmaDirection::FromDevice, false, {}) == IommuProt{.write = true});
  CHECK(dma_prot(DmaDirection::ToDevice, false, {.privileged = true}) ==
        IommuProt{.read = true, .privileged = true});
}

TEST_CASE("the offset is kept, and whole granules are mapped") {
  DmaFixture setup;
  const DmaAddr iova = dma_map_page(setup.device, buffer + 0x123, 0x1000, DmaDirection::ToDevice);
  CHECK(iova == 0xffff'e123);
  CHECK(setup.access(iova).output == buffer + 0x123);
  CHECK(setup.access(0xffff'ffff).output == buffer + 0x1fff);
  CHECK_FALSE(setup.domain->iova_to_phys(0xffff'dfff));
  dma_unmap_page(setup.device, iova, 0x1000, DmaDirection::ToDevice);
  CHECK(setup.access(iova).fault.has_value());
  CHECK(dma_map_page(setup.device, buffer, 2 * page, DmaDirection::ToDevice) == 0xffff'e000);
}

TEST_CASE("streaming DMA goes by the streaming mask") {
  DmaFixture setup;
  setup.device.dma_mask = 0x3fff'ffff;
  setup.device.coherent_dma_mask = 0xffff;
  CHECK(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice) == 0x3fff'f000);
  CHECK(dma_map_resource(setup.device, 0x900'0000, page, DmaDirection::ToDevice) == 0x3fff'e000);
  DmaFixture unset;
  unset.device.dma_mask = 0;
  CHECK(dma_map_page(unset.device, buffer, page, DmaDirection::ToDevice) == 0xffff'f000);
}

TEST_CASE("without a mask, an address or a table nothing is mapped") {
  DmaFixture setup;
  setup.device.has_dma_mask = false;
  CHECK(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice) == dma_mapping_error);
  CHECK(dma_map_resource(setup.device, 0x900'0000, page, DmaDirection::ToDevice) == dma_mapping_error);
  setup.device.has_dma_mask = true;
  setup.device.dma_mask = 0xfff;
  CHECK(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice) == dma_mapping_error);
  CHECK(dma_map_resource(setup.device, 0x900'0000, page, DmaDirection::ToDevice) == dma_mapping_error);

  DmaFixture full(DomainType::Dma, 2);
  CHECK(dma_map_page(full.device, buffer, page, DmaDirection::ToDevice) == dma_mapping_error);
}

TEST_CASE("memory is cacheable for a coherent device only, registers never") {
  DmaFixture setup;
  CHECK(setup.access(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice)).attributes == 0x44);
  setup.device.dma_coherent = true;
  CHECK(setup.access(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice)).attributes == 0xff);
  const DmaAddr registers = dma_map_resource(setup.device, 0x900'0010, 8, DmaDirection::Bidirectional);
  CHECK((registers & 0xfff) == 0x10);
  CHECK(setup.access(registers).attributes == 0x04);  // Device-nGnRE
  CHECK(setup.access(registers).output == 0x900'0010);
  dma_unmap_resource(setup.device, registers, 8, DmaDirection::Bidirectional);
  CHECK_FALSE(setup.domain->iova_to_phys(registers));
}

TEST_CASE("privileged memory is closed to unprivileged transactions") {
  DmaFixture setup;
  const DmaAddr iova =
      dma_map_page(setup.device, buffer, page, DmaDirection::Bidirectional, {.privileged = true});
  CHECK(permission_fault(setup.access(iova)));
}

TEST_CASE("unmapping twice warns, and does not free the address twice") {
  DmaFixture setup;
  const DmaAddr iova = dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice);
  dma_unmap_page(setup.device, iova, page, DmaDirection::ToDevice);
  CHECK(setup.domain->cookie().warnings == 0);
  dma_unmap_page(setup.device, iova, page, DmaDirection::ToDevice);
  CHECK(setup.domain->cookie().warnings == 1);
  CHECK(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice) == iova);
  CHECK(dma_map_page(setup.device, buffer, page, DmaDirection::ToDevice) == iova - page);
}
