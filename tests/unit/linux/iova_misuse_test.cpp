// SPDX-License-Identifier: Apache-2.0
//
// What becomes of reservations that are empty, overflow or come too late: the answers Linux gives, wrong as
// they are.

#include <catch2/catch.hpp>
#include <vector>

#include "iommu/linux/iova.h"

using namespace sidewinder::kernel;

namespace {

/// The pfns that a reservation of [start, start + length) bytes comes to, when the caller trusts its
/// arithmetic.
bool reserve_bytes(IovaDomain& domain, std::uint64_t start, std::uint64_t length) {
  return domain.reserve_iova(start >> domain.shift(), (start + length - 1) >> domain.shift());
}

constexpr std::uint64_t mib(std::uint64_t count) {
  return count << 20;
}

}  // namespace

TEST_CASE("no bytes at 0 reserve everything but what the caches hold") {
  IovaDomain domain({});
  const auto cached = domain.alloc_iova_fast(4, 0xfffff, true);
  REQUIRE(cached);
  domain.free_iova_fast(*cached, 4);

  CHECK(reserve_bytes(domain, 0, 0));
  CHECK_FALSE(domain.alloc_iova(1, 0xfffff, true));
  CHECK_FALSE(domain.alloc_iova(1, 0xfffffffff, true));
  CHECK(domain.alloc_iova_fast(4, 0xfffff, false) == cached);
  CHECK_FALSE(domain.alloc_iova_fast(4, 0xfffff, false));
  CHECK(domain.warnings() == 0);
}

TEST_CASE("no bytes at a page reserve nothing, yet no block straddles the place") {
  IovaDomain domain({});
  CHECK(reserve_bytes(domain, 0x100000, 0));
  CHECK(domain.ranges() == std::vector<IovaRange>{{0x100, 0xff, IovaKind::Reserved}});
  CHECK_FALSE(domain.find_iova(0x100));
  CHECK_FALSE(domain.find_iova(0xff));

  CHECK(domain.alloc_iova(32, 0x10f, false)->pfn_lo == 0xe0);
  CHECK(domain.alloc_iova(8, 0x10f, false)->pfn_lo == 0xd8);

  IovaDomain without({});
  CHECK(without.alloc_iova(32, 0x10f, false)->pfn_lo == 0xf0);
}

TEST_CASE(
    "a block that begins where no bytes were reserved is given out but lost, and the next call oopses") {
  IovaDomain domain({});
  REQUIRE(reserve_bytes(domain, 0x100000, 0));
  CHECK(domain.alloc_iova(16, 0x10f, true)->pfn_lo == 0x100);
  CHECK(domain.warnings() == 1);
  CHECK_FALSE(domain.find_iova(0x100));
  CHECK(domain.fatal() == IovaFatal::None);

  CHECK_FALSE(domain.alloc_iova(1, 0x10f, true));
  CHECK(domain.fatal() == IovaFatal::NullDereference);
  CHECK_FALSE(domain.alloc_iova_fast(1, 0x10f, true));
  CHECK_FALSE(domain.reserve_iova(1, 2));
}

TEST_CASE("a reservation where no bytes were reserved before is lost, and reports success") {
  IovaDomain domain({});
  REQUIRE(reserve_bytes(domain, 0x100000, 0));
  CHECK(reserve_bytes(domain, 0x100000, 0x10000));
  CHECK(domain.warnings() == 1);
  CHECK_FALSE(domain.find_iova(0x108));
  CHECK(domain.ranges().size() == 1);
}

TEST_CASE("no bytes within a page reserve that page") {
  IovaDomain domain({});
  CHECK(reserve_bytes(domain, 0x100800, 0));
  CHECK(domain.ranges() == std::vector<IovaRange>{{0x100, 0x100, IovaKind::Reserved}});
  CHECK(domain.alloc_iova(1, 0x100, true)->pfn_lo == 0xff);
}

TEST_CASE("a reservation whose end overflows succeeds, and its range is still handed out") {
  IovaDomain domain({});
  CHECK(reserve_bytes(domain, 0xfffffffffff00000, 0x200000));
  CHECK(domain.ranges() == std::vector<IovaRange>{{0xfffffffffff00, 0xff, IovaKind::Reserved}});
  CHECK(domain.alloc_iova(1, 0xfffffffffffff, true)->pfn_lo == 0xfffffffffffff);
  CHECK(domain.alloc_iova(1, 0xff, true)->pfn_lo == 0xff);
}

TEST_CASE("bytes are rounded outward to pages") {
  IovaDomain domain({});
  CHECK(reserve_bytes(domain, 0x100fff, 2));
  CHECK(domain.ranges() == std::vector<IovaRange>{{0x100, 0x101, IovaKind::Reserved}});
}

TEST_CASE("an end that is no pfn is refused with a warning") {
  IovaDomain domain({});
  CHECK(domain.reserve_iova(0xfffffffffffff, 0xfffffffffffff));
  CHECK(domain.warnings() == 0);
  CHECK_FALSE(domain.reserve_iova(1, 0x10000000000000));
  CHECK_FALSE(domain.reserve_iova(0x10000000000000, 1));
  CHECK(domain.warnings() == 2);
}

TEST_CASE("a reservation over a live mapping merges, and freeing the mapping deletes both") {
  IovaDomain domain({});
  const auto mapping = domain.alloc_iova_fast(64, (mib(600) >> 12) - 1, true);
  REQUIRE(mapping == Pfn{0x257c0});
  CHECK(reserve_bytes(domain, 0, mib(600)));
  CHECK(domain.ranges() == std::vector<IovaRange>{{0, 0x257ff, IovaKind::Merged}});
  CHECK_FALSE(domain.alloc_iova(1, 0x257ff, true));

  domain.free_iova_fast(*mapping, 64);
  CHECK(domain.ranges().empty());
  CHECK(domain.alloc_iova_fast(64, 0x257ff, true) == mapping);
}

TEST_CASE("small buffers that were freed before come from within the reservation, until a flush deletes it") {
  IovaDomain domain({});
  const auto small = domain.alloc_iova_fast(1, 0x257ff, true);
  const auto other = domain.alloc_iova_fast(1, 0x257ff, true);
  REQUIRE((small == Pfn{0x257ff} && other == Pfn{0x257fe}));
  domain.free_iova_fast(*small, 1);
  domain.free_iova_fast(*other, 1);
  CHECK(reserve_bytes(domain, 0, mib(600)));

  CHECK(domain.alloc_iova_fast(1, 0x257ff, false) == other);
  domain.free_iova_fast(*other, 1);
  CHECK(domain.alloc_iova_fast(64, 0x257ff, true) == Pfn{0x257c0});
  CHECK(domain.ranges() == std::vector<IovaRange>{{0x257c0, 0x257ff, IovaKind::Allocated}});
}

TEST_CASE("freeing twice through the caches gives one range to two callers") {
  IovaDomain domain({});
  const auto pfn = domain.alloc_iova_fast(1, 0xfff, true);
  REQUIRE(pfn);
  domain.free_iova_fast(*pfn, 1);
  domain.free_iova_fast(*pfn, 1);
  CHECK(domain.alloc_iova_fast(1, 0xfff, true) == pfn);
  CHECK(domain.alloc_iova_fast(1, 0xfff, true) == pfn);

  domain.free_iova_fast(*pfn, 1);
  domain.free_iova_fast(*pfn, 1);
  REQUIRE_FALSE(domain.alloc_iova_fast(0x2000, 0xfff, true));  // the flush finds the range once
  CHECK(domain.warnings() == 1);
}

TEST_CASE("freeing any pfn of a range frees it all, and freeing none does nothing") {
  IovaDomain domain({});
  REQUIRE(domain.alloc_iova(16, 0xfff, true));
  domain.free_iova(0xfef);
  CHECK(domain.ranges().size() == 1);
  domain.free_iova(0xff7);
  CHECK(domain.ranges().empty());
  CHECK(domain.warnings() == 0);
}

TEST_CASE("freeing the anchor leaves nothing to search from") {
  IovaDomain domain({});
  domain.free_iova(~Pfn{0});
  CHECK(domain.fatal() == IovaFatal::None);
  CHECK_FALSE(domain.search_state().cached);
  CHECK_FALSE(domain.alloc_iova(1, 0xfffff, true));
  CHECK(domain.fatal() == IovaFatal::NullDereference);
}

TEST_CASE("an anchor that was reserved over is given back as if it were a range") {
  IovaDomain domain({.granule = 1});
  REQUIRE(domain.reserve_iova(~Pfn{0} - 5, ~Pfn{0}));
  domain.free_iova(~Pfn{0} - 3);
  CHECK(domain.fatal() == IovaFatal::InvalidFree);
}

TEST_CASE("an empty range at start_pfn makes the next failing search endless") {
  IovaDomain domain({.start_pfn = 16});
  REQUIRE(domain.alloc_iova(0, 15, false));
  CHECK(domain.search_state().cached32 == Pfn{16});
  CHECK_FALSE(domain.alloc_iova(32, 31, false));
  CHECK(domain.fatal() == IovaFatal::EndlessSearch);
}

TEST_CASE("a pfn 0 reads as a failure") {
  IovaDomain domain({.start_pfn = 0});
  CHECK_FALSE(domain.alloc_iova_fast(4, 3, true));
  CHECK(domain.find_iova(0));
}
