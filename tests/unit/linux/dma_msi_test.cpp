// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_msi.h"

#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::page;

namespace {

constexpr PhysAddr doorbell = 0x808'0040;

}  // namespace

TEST_CASE("arm-smmu's window for doorbells") {
  const ReservedRegion region = arm_smmu_msi_region();
  CHECK(region.start == 0x800'0000);
  CHECK(region.length == 0x10'0000);
  CHECK(region.type == ReservedRegion::Type::SwMsi);
  CHECK(region.prot == IommuProt{.write = true, .noexec = true, .mmio = true});
}

TEST_CASE("in a domain of the DMA API a doorbell gets an address like any other") {
  DmaFixture setup;
  setup.device.dma_mask = 0x7fff'ffff;
  const MsiTranslation translation = prepare_msi(setup.device, doorbell).value();
  CHECK(translation.iova == 0x7fff'f000);
  CHECK(translation.shift == 12);
  CHECK(compose_msi(translation, doorbell) == 0x7fff'f040);
  const smmuv2::Translation seen = setup.access(0x7fff'f040, true);
  CHECK(seen.output == doorbell);
  CHECK(seen.attributes == 0x04);
}

TEST_CASE("a doorbell is mapped once, and each page of doorbells") {
  DmaFixture setup;
  const DmaAddr first = prepare_msi(setup.device, doorbell).value().iova;
  CHECK(prepare_msi(setup.device, doorbell + 0x20).value().iova == first);
  const DmaAddr second = prepare_msi(setup.device, doorbell + page).value().iova;
  CHECK(second == first - page);
  CHECK(prepare_msi(setup.device, doorbell).value().iova == first);
}

TEST_CASE("doorbells in an MSI region are reached where they are") {
  DmaFixture setup;
  const ReservedRegion regions[] = {{.start = 0x808'0000, .length = page, .type = ReservedRegion::Type::Msi}};
  REQUIRE(init_domain(*setup.domain, setup.device, {.regions = regions}));
  const MsiTranslation translation = prepare_msi(setup.device, doorbell).value();
  CHECK(compose_msi(translation, doorbell) == doorbell);
  CHECK_FALSE(setup.domain->iova_to_phys(0x808'0000));
}

TEST_CASE("an unmanaged domain maps doorbells from its cookie's base on") {
  DmaFixture setup(DomainType::Unmanaged);
  REQUIRE(get_msi_cookie(*setup.domain, arm_smmu_msi_region().start));
  CHECK(compose_msi(prepare_msi(setup.device, doorbell).value(), doorbell) == 0x800'0040);
  CHECK(prepare_msi(setup.device, doorbell + page).value().iova == 0x800'1000);
  CHECK(prepare_msi(setup.device, doorbell).value().iova == 0x800'0000);
  CHECK(setup.access(0x800'1040, true).output == doorbell + page);
  CHECK(setup.ranges().empty());
}

TEST_CASE("an unmanaged domain's cookie is made once, and only there") {
  DmaFixture setup(DomainType::Unmanaged);
  REQUIRE(get_msi_cookie(*setup.domain, 0x800'0000));
  CHECK(get_msi_cookie(*setup.domain, 0x900'0000).error() == Errno::EEXIST_);
  DmaFixture managed;
  CHECK(get_msi_cookie(*managed.domain, 0x800'0000).error() == Errno::EINVAL_);
  DmaFixture lazy(DomainType::DmaFq);
  CHECK(get_msi_cookie(*lazy.domain, 0x800'0000).error() == Errno::EINVAL_);
}

TEST_CASE("without an IOMMU, or a cookie, a doorbell is written to where it is") {
  DmaFixture setup(DomainType::Unmanaged);
  CHECK(compose_msi(prepare_msi(setup.device, doorbell).value(), doorbell) == doorbell);
  setup.device.domain = nullptr;
  CHECK(compose_msi(prepare_msi(setup.device, doorbell).value(), doorbell) == doorbell);
}

TEST_CASE("a doorbell that cannot be mapped is an error, and takes no address") {
  DmaFixture setup;
  CHECK(prepare_msi(setup.device, PhysAddr{1} << 36).error() == Errno::ENOMEM_);
  CHECK(prepare_msi(setup.device, doorbell).value().iova == 0xffff'f000);
  setup.device.dma_mask = 0xfff;
  CHECK(prepare_msi(setup.device, doorbell + page).error() == Errno::ENOMEM_);

  DmaFixture unmanaged(DomainType::Unmanaged);
  REQUIRE(get_msi_cookie(*unmanaged.domain, 0x800'0000));
  CHECK(prepare_msi(unmanaged.device, PhysAddr{1} << 36).error() == Errno::ENOMEM_);
  CHECK(prepare_msi(unmanaged.device, doorbell).value().iova == 0x800'0000);
}

TEST_CASE("as in Linux, doorbells cannot begin at address 0") {
  DmaFixture setup(DomainType::Unmanaged);
  REQUIRE(get_msi_cookie(*setup.domain, 0));
  CHECK(prepare_msi(setup.device, doorbell).error() == Errno::ENOMEM_);
  CHECK(prepare_msi(setup.device, doorbell).value().iova == 0x1000);
}
