// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_rcache.h"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

using namespace sidewinder::kernel;

namespace {

constexpr Pfn any = std::numeric_limits<Pfn>::max();
constexpr std::size_t magazine = IovaMagazine::capacity;

/// Inserts first, first + 1 ... on CPU 0 in order 0; how many magazines spilled.
std::size_t insert_many(IovaRcache& rcache, Pfn first, std::size_t count) {
  std::size_t spilled = 0;
  for (std::size_t i = 0; i < count; ++i) spilled += rcache.insert(0, 0, first + i).spilled != nullptr;
  return spilled;
}

}  // namespace

TEST_CASE("orders are powers of two rounded up") {
  CHECK(IovaRcache::order_of(0) == 0);
  CHECK(IovaRcache::order_of(1) == 0);
  CHECK(IovaRcache::order_of(2) == 1);
  CHECK(IovaRcache::order_of(3) == 2);
  CHECK(IovaRcache::order_of(4) == 2);
  CHECK(IovaRcache::order_of(32) == 5);
  CHECK(IovaRcache::order_of(33) == IovaRcache::order_count);
  CHECK(IovaRcache::order_of(any) == 64);
}

TEST_CASE("a magazine gives the topmost pfn within the limit, and the top one takes its place") {
  IovaMagazine pfns;
  for (const Pfn pfn : {50u, 10u, 70u, 90u, 60u}) pfns.push(pfn);
  CHECK(pfns.pop(9) == 0);
  CHECK(pfns.pop(10) == 10);  // 60 takes its place: 50, 60, 70, 90
  CHECK(pfns.pop(70) == 70);
  CHECK(pfns.pop(70) == 60);
  CHECK(pfns.pop(any) == 90);
  CHECK(pfns.pop(any) == 50);
  CHECK(pfns.pop(any) == 0);
  CHECK(pfns.empty());
}

TEST_CASE("what one CPU freed, another does not see") {
  IovaRcache rcache(2, IovaDepot::Array);
  CHECK_FALSE(rcache.insert(0, 3, 100).spilled);
  CHECK(rcache.get(1, 3, any) == 0);
  CHECK(rcache.get(0, 2, any) == 0);
  CHECK(rcache.get(0, 3, 99) == 0);
  CHECK(rcache.get(0, 3, 100) == 100);
  CHECK(rcache.get(0, 3, any) == 0);
}

TEST_CASE("a full loaded magazine becomes the previous one, and only the loaded one is searched") {
  IovaRcache rcache(1, IovaDepot::Array);
  insert_many(rcache, 1, magazine);
  CHECK_FALSE(rcache.insert(0, 0, 5000).spilled);
  CHECK(rcache.depot_size(0) == 0);
  CHECK(rcache.get(0, 0, 4999) == 0);
  CHECK(rcache.get(0, 0, any) == 5000);
  CHECK(rcache.get(0, 0, 4999) == magazine);
}

TEST_CASE("the depot of an array holds 32 magazines and spills the next") {
  IovaRcache rcache(1, IovaDepot::Array);
  const std::size_t room = (IovaRcache::depot_array_size + 2) * magazine;
  CHECK(insert_many(rcache, 1, room) == 0);
  CHECK(rcache.depot_size(0) == IovaRcache::depot_array_size);
  CHECK(rcache.size() == room);

  const IovaRcache::Inserted inserted = rcache.insert(0, 0, 9999);
  REQUIRE(inserted.spilled);
  CHECK_FALSE(inserted.trim);
  // The loaded magazine spills; the previous one, filled just before it, stays.
  CHECK((*inserted.spilled)[0] == room - magazine + 1);
  CHECK(rcache.size() == room - magazine + 1);
  CHECK(rcache.depot_size(0) == IovaRcache::depot_array_size);
}

TEST_CASE("the depot of a list never spills, and asks for its worker when it grows") {
  IovaRcache rcache(1, IovaDepot::List);
  CHECK(insert_many(rcache, 1, 40 * magazine) == 0);
  CHECK(rcache.depot_size(0) == 38);
  const IovaRcache::Inserted grew = rcache.insert(0, 0, 9999);
  CHECK(grew.trim);
  CHECK_FALSE(grew.spilled);
  CHECK(rcache.depot_size(0) == 39);
  CHECK_FALSE(rcache.insert(0, 0, 9998).trim);
}

TEST_CASE("an empty CPU takes the newest magazine of the depot") {
  IovaRcache rcache(2, IovaDepot::Array);
  insert_many(rcache, 1, 4 * magazine + 1);
  REQUIRE(rcache.depot_size(0) == 3);
  const Pfn newest_top = rcache.get(1, 0, any);
  CHECK(newest_top == 4 * magazine);
  CHECK(rcache.depot_size(0) == 2);
  CHECK(rcache.get(1, 0, any) == 4 * magazine - 1);
  CHECK(rcache.depot_size(0) == 2);
}

TEST_CASE("draining a CPU gives its loaded magazine, then the previous one, from the bottom") {
  IovaRcache rcache(2, IovaDepot::Array);
  insert_many(rcache, 1, magazine + 2);
  CHECK_FALSE(rcache.insert(1, 0, 7777).spilled);
  CHECK_FALSE(rcache.insert(0, 1, 8888).spilled);

  std::vector<Pfn> released;
  rcache.drain_cpu(0, [&](Pfn pfn) { released.push_back(pfn); });
  REQUIRE(released.size() == magazine + 3);
  CHECK(released[0] == magazine + 1);
  CHECK(released[1] == magazine + 2);
  CHECK(released[2] == 1);
  CHECK(released[magazine + 1] == magazine);
  CHECK(released.back() == 8888);
  CHECK(rcache.size() == 1);
}

TEST_CASE("draining the depot begins with the oldest magazine of an array, the newest of a list") {
  for (const IovaDepot depot : {IovaDepot::Array, IovaDepot::List}) {
    IovaRcache rcache(1, depot);
    insert_many(rcache, 1, 4 * magazine + 1);
    std::vector<Pfn> released;
    rcache.drain_depot([&](Pfn pfn) { released.push_back(pfn); });
    REQUIRE(released.size() == 3 * magazine);
    // The magazine that was filled first became the previous one and stayed; 128 and on went to the depot.
    const Pfn oldest = magazine + 1;
    const Pfn newest = 3 * magazine + 1;
    CHECK(released.front() == (depot == IovaDepot::Array ? oldest : newest));
    CHECK(released.back() == (depot == IovaDepot::Array ? newest : oldest) + magazine - 1);
    CHECK(rcache.size() == magazine + 1);
    CHECK(rcache.depot_size(0) == 0);
  }
}
