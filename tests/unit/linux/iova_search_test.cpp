// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_search.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "iommu/linux/iova.h"

using namespace sidewinder::kernel;

namespace {

constexpr IovaStrategy strategies[] = {IovaStrategy::Linux, IovaStrategy::BestFit,
                                       IovaStrategy::FirstFitUnaligned};

std::optional<Pfn> low_of(const std::optional<IovaRange>& range) {
  if (!range) return std::nullopt;
  return range->pfn_lo;
}

/// Reservations that leave three holes: [0x100, 0x13f], [0x200, 0x217] and [0x300, 0x30f].
void make_holes(IovaDomain& domain) {
  REQUIRE(domain.reserve_iova(0, 0xff));
  REQUIRE(domain.reserve_iova(0x140, 0x1ff));
  REQUIRE(domain.reserve_iova(0x218, 0x2ff));
  REQUIRE(domain.reserve_iova(0x310, 0xfff));
}

/// What a search from the top finds among `taken`, ascending and apart: every place is tried.
std::optional<Pfn> highest_place(const std::vector<std::pair<Pfn, Pfn>>& taken, std::uint64_t size,
                                 Pfn ceiling, Pfn floor, Pfn align) {
  if (ceiling < size) return std::nullopt;
  for (Pfn at = ceiling - size + 1; at-- > floor;) {
    const auto overlaps = [&](const auto& range) { return at <= range.second && range.first < at + size; };
    if (at % align == 0 && std::none_of(taken.begin(), taken.end(), overlaps)) return at;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a search finds the highest place in a tree of random ranges, at every start and ceiling") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 60; ++round) {
    IovaTree tree;
    std::vector<std::pair<Pfn, Pfn>> taken;
    std::vector<IovaNode> nodes(40);
    std::size_t count = 0;
    for (Pfn at = random() % 40; at < 500 && count + 1 < nodes.size(); ++count) {
      const Pfn last = at + random() % 12;
      nodes[count].range = {at, last, IovaKind::Allocated};
      taken.emplace_back(at, last);
      at = last + 1 + (random() % 3 == 0 ? 0 : random() % 40);
    }
    nodes[count++].range = {600, 600, IovaKind::Anchor};
    nodes.resize(count);
    std::vector<IovaNode*> order;
    for (IovaNode& node : nodes) order.push_back(&node);
    std::shuffle(order.begin(), order.end(), random);
    for (IovaNode* node : order) REQUIRE(tree.insert(*node, nullptr) == IovaTree::Inserted::Linked);
    REQUIRE(tree.ordered());

    for (int i = 0; i < 300; ++i) {
      IovaNode& start = nodes[random() % nodes.size()];
      const Pfn ceiling = random() % 620;
      const Pfn floor = random() % 3 == 0 ? random() % 300 : 1;
      const IovaRequest request(1 + random() % 40, random() % 2 == 0);
      const Pfn from = std::min(ceiling, start.range.pfn_lo);
      const Pfn align = request.aligned ? Pfn{1} << iova_align_shift(request.size) : 1;
      const auto expected = highest_place(taken, request.size, from, floor, align);
      const IovaPlace place = search_down(tree, start, ceiling, floor, request);
      REQUIRE(static_cast<bool>(place) == expected.has_value());
      if (!place) continue;
      REQUIRE(place.pfn_lo == *expected);
      const IovaNode* below = IovaTree::prev(*place.above);
      REQUIRE((below == nullptr || below->range.pfn_hi < place.pfn_lo));
      REQUIRE(place.pfn_lo < place.above->range.pfn_lo);
    }
  }
}

TEST_CASE("a place that a false candidate hides is found further down") {
  // 2049 and 2048 pages are alike in 11 bits: the upper gap looks large enough.
  IovaDomain domain({});
  REQUIRE(domain.reserve_iova(0x10000 - 2048 - 1, 0x10000 - 2048 - 1));
  REQUIRE(domain.reserve_iova(0x10000, 0x10000));
  REQUIRE(low_of(domain.alloc_iova(1, 0x20000, false)) == Pfn{0x20000});
  REQUIRE(domain.reserve_iova(0x10001, 0x1ffff));
  CHECK(low_of(domain.alloc_iova(2049, 0x20000, false)) == Pfn{0x10000 - 2048 - 1 - 2049});
}

TEST_CASE("Linux goes on below what it gave last, best fit looks at all gaps") {
  IovaDomain linux_domain({});
  IovaDomain best({.strategy = IovaStrategy::BestFit});
  for (IovaDomain* domain : {&linux_domain, &best}) {
    make_holes(*domain);
    REQUIRE(low_of(domain->alloc_iova(0x40, 0xfff, true)) == Pfn{0x100});
    domain->free_iova(0x100);
  }
  CHECK(low_of(linux_domain.alloc_iova(0x10, 0xfff, true)) == Pfn{0x130});
  CHECK(low_of(best.alloc_iova(0x10, 0xfff, true)) == Pfn{0x300});
}

TEST_CASE("best fit takes the smallest gap, and first fit the highest") {
  IovaDomain best({.strategy = IovaStrategy::BestFit});
  IovaDomain first({.strategy = IovaStrategy::FirstFitUnaligned});
  for (IovaDomain* domain : {&best, &first}) {
    REQUIRE(domain->reserve_iova(0, 0xff));
    REQUIRE(domain->reserve_iova(0x110, 0x1ff));
    REQUIRE(domain->reserve_iova(0x240, 0xfff));
  }
  CHECK(low_of(best.alloc_iova(8, 0xfff, true)) == Pfn{0x108});
  CHECK(low_of(first.alloc_iova(8, 0xfff, true)) == Pfn{0x238});
}

TEST_CASE("the smallest gap is only taken if it holds the request aligned") {
  IovaDomain best({.strategy = IovaStrategy::BestFit});
  REQUIRE(best.reserve_iova(0, 0x107));
  REQUIRE(best.reserve_iova(0x118, 0x1ff));  // 16 pages, but none of 16 aligned
  REQUIRE(best.reserve_iova(0x240, 0xfff));
  CHECK(low_of(best.alloc_iova(16, 0xfff, true)) == Pfn{0x230});
  CHECK(low_of(best.alloc_iova(16, 0xfff, false)) == Pfn{0x108});
}

TEST_CASE("among equal gaps best fit takes the highest, and a gap counts between start and limit") {
  IovaDomain best({.start_pfn = 0x10, .strategy = IovaStrategy::BestFit});
  REQUIRE(best.reserve_iova(0x20, 0xff));
  REQUIRE(best.reserve_iova(0x110, 0x1ff));
  REQUIRE(best.reserve_iova(0x300, 0xfff));
  // [0x10, 0x1f] and [0x100, 0x10f] are equal, and so is what the limit leaves of [0x200, 0x2ff].
  CHECK(low_of(best.alloc_iova(4, 0x20f, true)) == Pfn{0x20c});
  best.free_iova(0x20c);
  CHECK(low_of(best.alloc_iova(4, 0x210, true)) == Pfn{0x10c});
  CHECK(low_of(best.alloc_iova(16, 0x210, true)) == Pfn{0x10});
  CHECK(low_of(best.alloc_iova(16, 0x210, true)) == Pfn{0x200});
  CHECK_FALSE(best.alloc_iova(16, 0x210, true));
}

TEST_CASE("first fit wastes nothing between buffers, Linux up to their alignment") {
  const auto fits = [](IovaStrategy strategy) {
    IovaDomain domain({.strategy = strategy});
    REQUIRE(domain.reserve_iova(0, 0x257ff));
    std::size_t count = 0;
    while (domain.alloc_iova_fast(33 << 8, 0xdffff, true)) ++count;
    return count;
  };
  CHECK(fits(IovaStrategy::Linux) == 46);
  CHECK(fits(IovaStrategy::BestFit) == 46);
  CHECK(fits(IovaStrategy::FirstFitUnaligned) == 90);
}

TEST_CASE("only Linux remembers a failure, rounds small sizes up, and caches what is freed") {
  for (const IovaStrategy strategy : strategies) {
    const bool as_linux = strategy == IovaStrategy::Linux;
    IovaDomain domain({.strategy = strategy});
    CHECK_FALSE(domain.alloc_iova(16, 7, true));
    CHECK(domain.alloc_iova(16, 0xfff, true).has_value() != as_linux);

    const auto five = domain.alloc_iova_fast(5, 0x7fff, true);
    REQUIRE(five);
    CHECK(domain.find_iova(*five)->pfn_hi == *five + (as_linux ? 7 : 4));
    domain.free_iova_fast(*five, 5);
    CHECK(domain.find_iova(*five).has_value() == as_linux);
    CHECK(domain.rcache().size() == (as_linux ? 1 : 0));
  }
}

TEST_CASE("what breaks Linux does nothing elsewhere") {
  for (const IovaStrategy strategy : {IovaStrategy::BestFit, IovaStrategy::FirstFitUnaligned}) {
    IovaDomain domain({.granule = 1, .strategy = strategy});
    CHECK_FALSE(domain.alloc_iova(0, 0xfff, true));
    CHECK(domain.reserve_iova(0x100, 0xff));
    CHECK(domain.ranges().empty());
    CHECK(domain.reserve_iova(~Pfn{0} - 5, ~Pfn{0}));
    domain.free_iova(~Pfn{0} - 3);
    CHECK(domain.find_iova(~Pfn{0} - 3));
    CHECK(low_of(domain.alloc_iova(16, ~Pfn{0}, false)) == ~Pfn{0} - 5 - 16);
    CHECK(domain.fatal() == IovaFatal::None);
    CHECK(domain.warnings() == 0);
  }
}

TEST_CASE("with every strategy live ranges keep apart, clear of reservations and inside their bounds") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    for (const IovaStrategy strategy : strategies) {
      std::mt19937_64 random(seed);
      IovaDomain domain({.start_pfn = 1 + random() % 50, .strategy = strategy});
      const Pfn space = 500 + random() % 5000;
      std::map<Pfn, Pfn> taken;  // by first pfn, the last
      for (Pfn at = 100; at < space; at += 200 + random() % 400) {
        const Pfn last = at + random() % 60;
        REQUIRE(domain.reserve_iova(at, last));
        taken.emplace(at, last);
      }
      const std::vector<IovaRange> before = domain.ranges();
      std::vector<Pfn> live;
      for (int i = 0; i < 1500; ++i) {
        if (random() % 5 < 3) {
          const Pfn limit = random() % 4 == 0 ? space / 2 : space;
          const std::uint64_t pages = 1 + random() % 60;
          const bool aligned = random() % 2 == 0;
          const auto range = domain.alloc_iova(pages, limit, aligned);
          if (!range) continue;
          REQUIRE(range->pfn_lo >= domain.start_pfn());
          REQUIRE(range->pfn_hi <= limit);
          REQUIRE(range->pfn_hi - range->pfn_lo + 1 == pages);
          if (aligned && strategy != IovaStrategy::FirstFitUnaligned) {
            REQUIRE(range->pfn_lo % (Pfn{1} << iova_align_shift(pages)) == 0);
          }
          const auto above = taken.lower_bound(range->pfn_lo);
          REQUIRE((above == taken.end() || range->pfn_hi < above->first));
          REQUIRE((above == taken.begin() || std::prev(above)->second < range->pfn_lo));
          taken.emplace(range->pfn_lo, range->pfn_hi);
          live.push_back(range->pfn_lo);
        } else if (!live.empty()) {
          std::swap(live[random() % live.size()], live.back());
          domain.free_iova(live.back());
          taken.erase(live.back());
          live.pop_back();
        }
      }
      for (const Pfn pfn : live) domain.free_iova(pfn);
      CHECK(domain.ranges() == before);
      CHECK(domain.warnings() == 0);
    }
  }
}
