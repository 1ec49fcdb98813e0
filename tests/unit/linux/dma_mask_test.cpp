// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_mask.h"

#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;

namespace {

constexpr DirectMemory all_dma{.end = 0x1'0000'0000, .zone_dma_bits = 32};
constexpr DirectMemory low_zone{.end = 0x1'0000'0000, .zone_dma_bits = 30};

}  // namespace

TEST_CASE("a device without a mask, or with mask 0, streams as if it had 32 bits") {
  Device device;
  device.dma_mask = 0xf'ffff'ffff;
  CHECK(dma_mask_of(device) == 0xf'ffff'ffff);
  device.dma_mask = 0;
  CHECK(dma_mask_of(device) == 0xffff'ffff);
  device.dma_mask = 0xf'ffff'ffff;
  device.has_dma_mask = false;
  CHECK(dma_mask_of(device) == 0xffff'ffff);
}

TEST_CASE("behind an IOMMU any mask will do") {
  DmaFixture setup;
  CHECK(set_dma_mask(setup.device, 0x1f3f, all_dma));
  CHECK(setup.device.dma_mask == 0x1f3f);
  CHECK(setup.device.coherent_dma_mask == 0xffff'ffff);
  CHECK(set_coherent_dma_mask(setup.device, 0xdabf'ffff, all_dma));
  CHECK(setup.device.dma_mask == 0x1f3f);
  CHECK(setup.device.coherent_dma_mask == 0xdabf'ffff);
}

TEST_CASE("without an IOMMU a mask must reach ZONE_DMA's last page, or have 32 bits") {
  Device device;
  CHECK(set_dma_mask(device, 0xffff'ffff, {.end = 0x10'0000'0000, .zone_dma_bits = 36}));
  CHECK(set_dma_mask(device, 0x3fff'ffff, low_zone));
  CHECK(device.dma_mask == 0x3fff'ffff);
  const Status status = set_dma_mask(device, 0x3fff'fffe, low_zone);
  REQUIRE_FALSE(status);
  CHECK(status.error() == Errno::EIO_);
  CHECK(device.dma_mask == 0x3fff'ffff);
  CHECK_FALSE(set_dma_mask(device, 0x3fff'ffff, all_dma));
  // Memory ends before the zone does.
  CHECK(set_dma_mask(device, 0x1fff'f000, {.end = 0x2000'0000, .zone_dma_bits = 30}));
  CHECK_FALSE(set_dma_mask(device, 0x1fff'efff, {.end = 0x2000'0000, .zone_dma_bits = 30}));
}

TEST_CASE("a domain that is not the DMA API's does not count") {
  DmaFixture setup(DomainType::Unmanaged);
  CHECK_FALSE(set_dma_mask(setup.device, 0xffff, low_zone));
  CHECK_FALSE(set_coherent_dma_mask(setup.device, 0xffff, low_zone));
  CHECK(setup.device.coherent_dma_mask == 0xffff'ffff);
}

TEST_CASE("without a mask pointer only the coherent mask can be set") {
  DmaFixture setup;
  setup.device.has_dma_mask = false;
  const Status status = set_dma_mask(setup.device, 0xffff'ffff, all_dma);
  REQUIRE_FALSE(status);
  CHECK(status.error() == Errno::EIO_);
  CHECK(set_coherent_dma_mask(setup.device, 0x7fff'ffff, all_dma));
  const Status both = set_dma_mask_and_coherent(setup.device, 0xffff, all_dma);
  REQUIRE_FALSE(both);
  CHECK(both.error() == Errno::EIO_);
  CHECK(setup.device.coherent_dma_mask == 0x7fff'ffff);
}

TEST_CASE("both masks are set together") {
  Device device;
  CHECK(set_dma_mask_and_coherent(device, 0x7fff'ffff, low_zone));
  CHECK(device.dma_mask == 0x7fff'ffff);
  CHECK(device.coherent_dma_mask == 0x7fff'ffff);
}
