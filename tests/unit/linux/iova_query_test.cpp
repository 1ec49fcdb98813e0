// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <vector>

#include "iommu/linux/iova.h"

using namespace sidewinder::kernel;

TEST_CASE("the lowest range that overlaps is found, allocated or reserved, but never the anchor") {
  IovaDomain domain({});
  REQUIRE(domain.reserve_iova(0x100, 0x1ff));
  REQUIRE(domain.alloc_iova(16, 0x30f, false)->pfn_lo == 0x300);
  const IovaRange reserved{0x100, 0x1ff, IovaKind::Reserved};
  const IovaRange allocated{0x300, 0x30f, IovaKind::Allocated};
  CHECK(domain.first_overlap(0, 0x1000) == reserved);
  CHECK(domain.first_overlap(0, 0x100) == reserved);
  CHECK_FALSE(domain.first_overlap(0, 0xff));
  CHECK(domain.first_overlap(0x1ff, 0x300) == reserved);
  CHECK_FALSE(domain.first_overlap(0x200, 0x2ff));
  CHECK(domain.first_overlap(0x200, 0x300) == allocated);
  CHECK(domain.first_overlap(0x30f, 0x30f) == allocated);
  CHECK_FALSE(domain.first_overlap(0x310, ~Pfn{0}));
}

TEST_CASE("an empty range overlaps what has pfns on both sides of it") {
  IovaDomain domain({});
  REQUIRE(domain.reserve_iova(0x100, 0xff));
  CHECK_FALSE(domain.first_overlap(0x80, 0xff));
  CHECK_FALSE(domain.first_overlap(0x100, 0x180));
  CHECK(domain.first_overlap(0xff, 0x100) == IovaRange{0x100, 0xff, IovaKind::Reserved});
}

TEST_CASE("the caches of every CPU and the depot are given back") {
  const auto depot = GENERATE(IovaDepot::Array, IovaDepot::List);
  IovaDomain domain({.cpus = 3, .depot = depot});
  std::vector<Pfn> pfns;
  for (int count = 0; count < 600; ++count) pfns.push_back(domain.alloc_iova_fast(1, 0xfffff, true).value());
  const Pfn other_size = domain.alloc_iova_fast(8, 0xfffff, true).value();
  const Pfn live = domain.alloc_iova_fast(8, 0xfffff, true).value();
  for (std::size_t index = 0; index < pfns.size(); ++index) {
    REQUIRE(domain.set_current_cpu(index < 500 ? 1 : 2));
    domain.free_iova_fast(pfns[index], 1);
  }
  domain.free_iova_fast(other_size, 8);
  REQUIRE(domain.set_current_cpu(0));
  REQUIRE(domain.rcache().depot_size(0) > 0);
  REQUIRE(domain.ranges().size() == 602);

  domain.free_cached();
  CHECK(domain.rcache().size() == 0);
  CHECK(domain.ranges() == std::vector<IovaRange>{{live, live + 7, IovaKind::Allocated}});
  CHECK(domain.warnings() == 0);
}

TEST_CASE("after an oops there is nothing to find") {
  IovaDomain domain({});
  REQUIRE(domain.reserve_iova(0x100, 0x1ff));
  domain.free_iova(~Pfn{0});
  REQUIRE_FALSE(domain.alloc_iova(1, 0xfffff, true));
  REQUIRE(domain.fatal() == IovaFatal::NullDereference);
  CHECK_FALSE(domain.first_overlap(0x100, 0x1ff));
  domain.free_cached();
  CHECK(domain.ranges().size() == 1);
}
