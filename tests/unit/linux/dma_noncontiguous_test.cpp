// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_noncontiguous.h"

#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::MiB;
using sidewinder::test::page;

namespace {

constexpr DmaDirection from = DmaDirection::FromDevice;

struct Setup : DmaFixture {
  Setup() : api(host.pages) {}
  DmaApi api;
};

}  // namespace

TEST_CASE("one range for the device, a list for the CPU") {
  Setup setup;
  std::vector<PhysAddr> taken;
  for (int count = 0; count < 4; ++count) taken.push_back(setup.host.pages.allocate(0).value());
  setup.host.pages.free(taken[0], 1);
  setup.host.pages.free(taken[2], 1);
  const std::uint64_t before = setup.host.pages.pages_in_use();
  const auto table = dma_alloc_noncontiguous(setup.api, setup.device, 2 * page + 1, from);
  REQUIRE(table);
  CHECK(*table == std::vector<ScatterEntry>{{taken[0], 0x1000, 0xffff'c000, 0x3000},
                                            {taken[2], 0x1000, 0, 0},
                                            {taken[3] + page, 0x1000, 0, 0}});
  CHECK(setup.access(0xffff'd000).output == taken[2]);
  CHECK(setup.access(0xffff'd000, true).output == taken[2]);
  dma_free_noncontiguous(setup.api, setup.device, *table);
  CHECK_FALSE(setup.domain->iova_to_phys(0xffff'c000));
  CHECK(setup.host.pages.pages_in_use() == before + 2);  // tables
  CHECK(dma_alloc_noncontiguous(setup.api, setup.device, 3 * page, from).value()[0].dma_address ==
        0xffff'c000);
}

TEST_CASE("it is bound by the coherent mask") {
  Setup setup;
  setup.device.dma_mask = 0xfff;
  setup.device.coherent_dma_mask = 0x3fff'ffff;
  CHECK(dma_alloc_noncontiguous(setup.api, setup.device, page, from).value()[0].dma_address == 0x3fff'f000);
}

TEST_CASE("large pages if there are, single ones on request, and no other wish") {
  Setup setup;
  const auto large = dma_alloc_noncontiguous(setup.api, setup.device, 2 * MiB, from);
  REQUIRE(large);
  CHECK(setup.access(large->front().dma_address).same_page_shift == 21);
  const auto single =
      dma_alloc_noncontiguous(setup.api, setup.device, 2 * MiB, from, {.alloc_single_pages = true});
  REQUIRE(single);
  CHECK(setup.access(single->front().dma_address).same_page_shift == 12);
  for (const DmaAttrs attrs : {DmaAttrs{.privileged = true}, DmaAttrs{.skip_cpu_sync = true},
                               DmaAttrs{.force_contiguous = true}, DmaAttrs{.no_warn = true}})
    CHECK(dma_alloc_noncontiguous(setup.api, setup.device, page, from, attrs).error() == Errno::EINVAL_);
}

TEST_CASE("without addresses there is no memory") {
  Setup setup;
  setup.device.coherent_dma_mask = 0xfff;
  const std::uint64_t before = setup.host.pages.pages_in_use();
  CHECK(dma_alloc_noncontiguous(setup.api, setup.device, page, from).error() == Errno::ENOMEM_);
  CHECK(setup.host.pages.pages_in_use() == before);
}
