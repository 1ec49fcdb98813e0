// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_limits.h"

#include "iommu/linux/dma_streaming.h"
#include "iommu/linux/swiotlb.h"
#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::MiB;

TEST_CASE("a mapping may be of any size, up to 128 KiB it is quick") {
  DmaFixture setup;
  CHECK(dma_max_mapping_size(setup.device) == ~std::uint64_t{0});
  CHECK(dma_opt_mapping_size(setup.device) == 0x2'0000);
  CHECK(dma_merge_boundary(setup.device) == 0xfff);
}

TEST_CASE("what is bounced is at most a segment, less what alignment may cost") {
  DmaFixture setup;
  Swiotlb swiotlb(setup.bus, {memory_base + 8 * MiB, 1 * MiB}, 1, {6, 10});
  setup.device.pci.emplace().untrusted = true;
  setup.device.swiotlb = &swiotlb;
  CHECK(dma_max_mapping_size(setup.device) == 0x4'0000);
  setup.device.dma_parameters.min_align_mask = 0xfff;
  CHECK(dma_max_mapping_size(setup.device) == 0x3'f000);
  CHECK(dma_opt_mapping_size(setup.device) == 0x2'0000);
  setup.device.dma_parameters.min_align_mask = 0x3'7fff;
  CHECK(dma_opt_mapping_size(setup.device) == 0x8000);

  setup.device.dma_parameters.min_align_mask = 0xfff;
  const PhysAddr buffer = memory_base + 4 * MiB + 0xfff;  // the worst offset
  const auto map = [&](std::uint64_t size) {
    return dma_map_page(setup.device, buffer, size, DmaDirection::ToDevice, {});
  };
  CHECK(map(0x3'f000) != dma_mapping_error);
  CHECK(map(0x4'0000) == dma_mapping_error);
}
