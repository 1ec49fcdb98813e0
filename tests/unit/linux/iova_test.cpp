// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <map>
#include <random>
#include <utility>
#include <vector>

using namespace sidewinder::kernel;

namespace {

constexpr Pfn limit_3584m = 0xdffff;  // 0xe0000000 - 1
constexpr Pfn pfn_600m = 0x25800;
constexpr Pfn pfn_32bit = 0x100000;

constexpr std::uint64_t mib(std::uint64_t count) {
  return count << 8;
}  // in pages of 4 KiB

std::optional<Pfn> low_of(const std::optional<IovaRange>& range) {
  if (!range) return std::nullopt;
  return range->pfn_lo;
}

}  // namespace

TEST_CASE("allocation is top-down and naturally aligned") {
  IovaDomain empty({});
  CHECK(empty.alloc_iova_fast(mib(64), limit_3584m, true) == Pfn{0xdc000});

  IovaDomain domain({});
  CHECK(domain.alloc_iova_fast(1, limit_3584m, true) == Pfn{0xdffff});
  CHECK(domain.alloc_iova_fast(mib(64), limit_3584m, true) == Pfn{0xd8000});
  const auto odd = domain.alloc_iova(5, limit_3584m, true);
  REQUIRE(odd);
  CHECK(*odd == IovaRange{0xd7ff8, 0xd7ffc, IovaKind::Allocated});
  CHECK(low_of(domain.alloc_iova(5, limit_3584m, false)) == Pfn{0xd7ff3});
}

TEST_CASE("the limit is the last pfn, start_pfn the first") {
  IovaDomain domain({.start_pfn = 10});
  CHECK_FALSE(domain.alloc_iova(11, 19, false));
  CHECK_FALSE(domain.alloc_iova(1, 9, false));
  IovaDomain fresh({.start_pfn = 10});
  CHECK(low_of(fresh.alloc_iova(10, 19, false)) == Pfn{10});
}

TEST_CASE("the highest limit of all wraps to nothing") {
  IovaDomain domain({});
  CHECK_FALSE(domain.alloc_iova(1, ~Pfn{0}, true));
  IovaDomain other({});
  CHECK(low_of(other.alloc_iova(1, ~Pfn{0} - 1, true)) == ~Pfn{0} - 1);
}

TEST_CASE("granules shift the 32-bit boundary") {
  CHECK(IovaDomain({.granule = 4096}).dma_32bit_pfn() == 0x100000);
  const IovaDomain domain({.granule = 65536});
  CHECK(domain.dma_32bit_pfn() == 0x10000);
  CHECK(domain.to_pfn(0x12345678) == 0x1234);
  CHECK(domain.to_iova(0x1234) == 0x12340000);
  CHECK(domain.pages(0) == 0);
  CHECK(domain.pages(1) == 1);
  CHECK(domain.pages(65536) == 1);
  CHECK(domain.pages(65537) == 2);
}

TEST_CASE("a search goes on below the last allocation, past a gap that was freed above it") {
  IovaDomain domain({});
  const auto a = low_of(domain.alloc_iova(64, limit_3584m, true));
  const auto b = low_of(domain.alloc_iova(64, limit_3584m, true));
  const auto c = low_of(domain.alloc_iova(64, limit_3584m, true));
  REQUIRE((a && b && c));
  CHECK(domain.search_state().cached32 == c);

  domain.free_iova(*b);  // above the cached node: the search begins above the gap
  CHECK(domain.search_state().cached32 == a);
  CHECK(low_of(domain.alloc_iova(128, limit_3584m, true)) == Pfn{0xdfe80});
  // ... and that allocation, below the gap, has moved it down again.
  CHECK(low_of(domain.alloc_iova(64, limit_3584m, true)) == Pfn{0xdfe40});
}

TEST_CASE("a range freed below the cached node does not move it up") {
  IovaDomain domain({});
  REQUIRE(domain.alloc_iova(64, 0xfff, true));
  REQUIRE(domain.alloc_iova(64, 0x7ff, true));
  const auto last = low_of(domain.alloc_iova(64, 0xfff, true));
  CHECK(last == Pfn{0x780});
  REQUIRE(low_of(domain.alloc_iova(16, 0x3ff, true)) == Pfn{0x3f0});
  REQUIRE(domain.alloc_iova(16, 0x1ff, true));
  domain.free_iova(0x3f0);
  CHECK(domain.search_state().cached32 == Pfn{0x780});
}

TEST_CASE("when nothing fits below the cached node, one search more covers what lies above it") {
  IovaDomain domain({});
  REQUIRE(low_of(domain.alloc_iova(16, 31, true)) == Pfn{16});
  CHECK(low_of(domain.alloc_iova(64, 0xfff, true)) == Pfn{0xfc0});

  IovaDomain low({});
  REQUIRE(low_of(low.alloc_iova(15, 31, false)) == Pfn{17});
  CHECK(low_of(low.alloc_iova(16, 0xff, true)) == Pfn{0xf0});
}

TEST_CASE("a failure makes the next 32-bit request of its size fail at once, until something low is freed") {
  IovaDomain domain({});
  REQUIRE(domain.reserve_iova(1, 0xfffff));
  CHECK_FALSE(domain.alloc_iova(8, 0xfffff, true));
  CHECK(domain.search_state().max32_alloc_size == 8);
  domain.free_iova(1);
  CHECK(domain.search_state().max32_alloc_size == pfn_32bit);

  SECTION("even where there is space") {
    IovaDomain other({});
    CHECK_FALSE(other.alloc_iova(16, 7, true));
    CHECK_FALSE(other.alloc_iova(16, limit_3584m, true));
    CHECK(other.alloc_iova(15, limit_3584m, false));
  }
  SECTION("but not above 32 bits") {
    IovaDomain other({});
    CHECK_FALSE(other.alloc_iova(16, 7, true));
    CHECK(low_of(other.alloc_iova(16, pfn_32bit + 15, true)) == pfn_32bit);
  }
  SECTION("and a failure above 32 bits counts, too") {
    IovaDomain other({});
    CHECK_FALSE(other.alloc_iova(pfn_32bit * 4, pfn_32bit * 2, true));
    CHECK(other.search_state().max32_alloc_size == pfn_32bit * 4);
  }
}

TEST_CASE("ranges above and below 4 GiB are remembered apart") {
  IovaDomain domain({});
  const auto high = low_of(domain.alloc_iova(16, pfn_32bit * 2 - 1, true));
  const auto low = low_of(domain.alloc_iova(16, pfn_32bit - 1, true));
  CHECK(high == pfn_32bit * 2 - 16);
  CHECK(low == pfn_32bit - 16);
  CHECK(domain.search_state().cached == high);
  CHECK(domain.search_state().cached32 == low);
  domain.free_iova(*high);
  CHECK(domain.search_state().cached == ~Pfn{0});
  CHECK(domain.search_state().cached32 == low);
}

TEST_CASE("the VPU windows hold as many buffers as Linux fits") {
  const auto fits = [](Pfn reserved_below, Pfn limit, std::uint64_t pages) {
    IovaDomain domain({});
    REQUIRE(domain.reserve_iova(0, reserved_below - 1));
    std::size_t count = 0;
    while (domain.alloc_iova_fast(pages, limit, true)) ++count;
    return count;
  };
  CHECK(fits(pfn_600m, limit_3584m, mib(33)) == 46);
  CHECK(fits(pfn_600m, limit_3584m, mib(65)) == 23);
  CHECK(fits(pfn_600m, limit_3584m, mib(130)) == 11);
  CHECK(fits(mib(16), pfn_600m - 1, mib(256)) == 1);
}

TEST_CASE("fast allocation rounds fewer than 32 pages up to a power of two") {
  IovaDomain domain({});
  CHECK(domain.alloc_iova_fast(5, 0xfff, false) == Pfn{0xff8});
  CHECK(domain.find_iova(0xfff)->pfn_lo == 0xff8);
  CHECK(domain.alloc_iova_fast(31, 0xfff, false) == Pfn{0xfc0});
  CHECK(domain.find_iova(0xfc0)->pfn_hi == 0xfdf);
  CHECK(domain.alloc_iova_fast(33, 0xfff, false) == Pfn{0xf80});
  CHECK(domain.find_iova(0xf80)->pfn_hi == 0xfa0);
}

TEST_CASE("fast frees are kept for the next allocation of their order, up to 32 pages") {
  IovaDomain domain({});
  const auto small = domain.alloc_iova_fast(5, 0xfff, false);
  const auto large = domain.alloc_iova_fast(33, 0xfff, false);
  REQUIRE((small && large));
  domain.free_iova_fast(*small, 5);
  domain.free_iova_fast(*large, 33);
  CHECK(domain.find_iova(*small));
  CHECK_FALSE(domain.find_iova(*large));
  CHECK(domain.rcache().size() == 1);
  CHECK(domain.alloc_iova_fast(4, 0xfff, false) == Pfn{0xffc - 0x8});
  CHECK(domain.alloc_iova_fast(7, 0xfff, false) == small);
}

TEST_CASE("a cached pfn above the limit is left, unless the limit is below the size") {
  IovaDomain domain({});
  const auto pfn = domain.alloc_iova_fast(8, 0xfff, false);
  REQUIRE(pfn == Pfn{0xff8});
  domain.free_iova_fast(*pfn, 8);
  CHECK(domain.alloc_iova_fast(8, 0xffe, false) == Pfn{0xff0});
  CHECK(domain.alloc_iova_fast(8, 6, false) == pfn);
}

TEST_CASE("a failure with flush empties every online CPU's magazines and tries again") {
  IovaDomain domain({.cpus = 2});
  REQUIRE(domain.reserve_iova(0, 15));
  std::vector<Pfn> pfns;
  while (const auto pfn = domain.alloc_iova_fast(4, 31, false)) pfns.push_back(*pfn);
  REQUIRE(pfns.size() == 4);
  for (const Pfn pfn : pfns) domain.free_iova_fast(pfn, 4);
  REQUIRE(domain.set_current_cpu(1));

  CHECK_FALSE(domain.alloc_iova_fast(8, 31, false));
  CHECK(domain.rcache().size() == 4);
  CHECK(domain.alloc_iova_fast(8, 31, true) == Pfn{24});
  CHECK(domain.rcache().size() == 0);
  CHECK(domain.warnings() == 0);
}

TEST_CASE("a failure with flush empties the depot, too") {
  for (const IovaDepot depot : {IovaDepot::Array, IovaDepot::List}) {
    IovaDomain domain({.depot = depot});
    REQUIRE(domain.reserve_iova(0, 0x1ff));
    while (const auto pfn = domain.alloc_iova_fast(1, 0x3ff, false)) static_cast<void>(pfn);
    for (Pfn pfn = 0x200; pfn <= 0x3ff; ++pfn) domain.free_iova_fast(pfn, 1);
    REQUIRE(domain.rcache().depot_size(0) == 3);
    CHECK_FALSE(domain.alloc_iova_fast(512, 0x3ff, false));
    CHECK(domain.alloc_iova_fast(512, 0x3ff, true) == Pfn{0x200});
    CHECK(domain.rcache().size() == 0);
    CHECK(domain.warnings() == 0);
  }
}

TEST_CASE("a CPU that dies returns its magazines, and an offline one runs nothing") {
  IovaDomain domain({.cpus = 2});
  const auto pfn = domain.alloc_iova_fast(1, 0xfff, false);
  REQUIRE(pfn);
  domain.free_iova_fast(*pfn, 1);
  CHECK_FALSE(domain.cpu_dead(0));
  CHECK_FALSE(domain.set_current_cpu(2));
  REQUIRE(domain.set_current_cpu(1));
  CHECK(domain.find_iova(*pfn));
  CHECK(domain.cpu_dead(0));
  CHECK_FALSE(domain.find_iova(*pfn));
  CHECK_FALSE(domain.cpu_dead(0));
  CHECK_FALSE(domain.set_current_cpu(0));
  CHECK(domain.cpu_up(0));
  CHECK_FALSE(domain.cpu_up(0));
  CHECK_FALSE(domain.cpu_up(2));
  CHECK(domain.set_current_cpu(0));
}

TEST_CASE("a full array depot returns a magazine to the tree") {
  IovaDomain domain({});
  const std::size_t kept = (IovaRcache::depot_array_size + 2) * IovaMagazine::capacity;
  std::vector<Pfn> pfns;
  for (std::size_t i = 0; i <= kept; ++i)
    pfns.push_back(domain.alloc_iova_fast(1, limit_3584m, false).value());
  for (std::size_t i = 0; i < kept; ++i) domain.free_iova_fast(pfns[i], 1);
  CHECK(domain.ranges().size() == kept + 1);
  domain.free_iova_fast(pfns[kept], 1);
  CHECK(domain.ranges().size() == kept + 1 - IovaMagazine::capacity);
}

TEST_CASE("a list depot is trimmed one magazine at a time to the number of online CPUs") {
  IovaDomain domain({.cpus = 3, .depot = IovaDepot::List});
  std::vector<unsigned> scheduled;
  domain.set_trim_scheduler([&](unsigned order) { scheduled.push_back(order); });
  REQUIRE(domain.cpu_dead(2));

  std::vector<Pfn> pfns;
  for (std::size_t i = 0; i < 6 * IovaMagazine::capacity + 1; ++i) {
    pfns.push_back(domain.alloc_iova_fast(2, limit_3584m, false).value());
  }
  for (const Pfn pfn : pfns) domain.free_iova_fast(pfn, 2);
  REQUIRE(domain.rcache().depot_size(1) == 5);
  CHECK(scheduled == std::vector<unsigned>{1});  // pending work is not scheduled again

  for (const std::size_t left : {4u, 3u, 2u}) {
    domain.trim_depot(1);
    CHECK(domain.rcache().depot_size(1) == left);
  }
  CHECK(scheduled.size() == 4);
  domain.trim_depot(1);
  CHECK(domain.rcache().depot_size(1) == 2);
  CHECK(scheduled.size() == 4);
  CHECK(domain.ranges().size() == 3 * IovaMagazine::capacity + 1);
  CHECK(domain.warnings() == 0);
}

TEST_CASE("reservations are passed by and told from allocations") {
  IovaDomain domain({});
  REQUIRE(domain.reserve_iova(0x100, 0x1ff));
  CHECK(low_of(domain.alloc_iova(16, 0x20f, true)) == Pfn{0x200});
  CHECK(low_of(domain.alloc_iova(16, 0x20f, true)) == Pfn{0xf0});
  CHECK(domain.ranges() == std::vector<IovaRange>{{0xf0, 0xff, IovaKind::Allocated},
                                                  {0x100, 0x1ff, IovaKind::Reserved},
                                                  {0x200, 0x20f, IovaKind::Allocated}});
}

TEST_CASE("overlapping reservations merge, adjacent ones do not") {
  IovaDomain domain({});
  REQUIRE(domain.reserve_iova(0x100, 0x1ff));
  SECTION("adjacent") {
    REQUIRE(domain.reserve_iova(0x200, 0x20f));
    REQUIRE(domain.reserve_iova(0xf0, 0xff));
    CHECK(domain.ranges().size() == 3);
  }
  SECTION("contained") {
    REQUIRE(domain.reserve_iova(0x100, 0x1ff));
    REQUIRE(domain.reserve_iova(0x180, 0x190));
    CHECK(domain.ranges() == std::vector<IovaRange>{{0x100, 0x1ff, IovaKind::Reserved}});
  }
  SECTION("from below, the range grows down in place") {
    REQUIRE(domain.reserve_iova(0x80, 0x100));
    CHECK(domain.ranges() == std::vector<IovaRange>{{0x80, 0x1ff, IovaKind::Reserved}});
  }
  SECTION("beyond its end, the rest becomes a range of its own") {
    REQUIRE(domain.reserve_iova(0x80, 0x2ff));
    CHECK(domain.ranges() ==
          std::vector<IovaRange>{{0x80, 0x1ff, IovaKind::Reserved}, {0x200, 0x2ff, IovaKind::Reserved}});
  }
  SECTION("over several ranges, each gap joins the range above it") {
    REQUIRE(domain.reserve_iova(0x300, 0x3ff));
    REQUIRE(domain.reserve_iova(0x80, 0x37f));
    CHECK(domain.ranges() ==
          std::vector<IovaRange>{{0x80, 0x1ff, IovaKind::Reserved}, {0x200, 0x3ff, IovaKind::Reserved}});
  }
}

TEST_CASE("a reservation leaves the search state alone") {
  IovaDomain domain({});
  REQUIRE(domain.alloc_iova(16, 0xfff, true));
  CHECK_FALSE(domain.alloc_iova(0x2000, 0xfff, true));
  const IovaSearchState before = domain.search_state();
  REQUIRE(domain.reserve_iova(0x2000, 0x3000));
  REQUIRE(domain.reserve_iova(0x100, 0x200));
  CHECK(domain.search_state() == before);
}

TEST_CASE("live ranges never overlap, and when all are freed the domain is empty") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    IovaDomain domain({.cpus = 2, .depot = seed % 2 == 0 ? IovaDepot::Array : IovaDepot::List});
    const Pfn limit = 500 + random() % 5000;
    std::map<Pfn, std::uint64_t> live;
    const auto free_one = [&](std::map<Pfn, std::uint64_t>::iterator at) {
      domain.free_iova_fast(at->first, at->second);
      live.erase(at);
    };
    for (int i = 0; i < 2000; ++i) {
      REQUIRE(domain.set_current_cpu(static_cast<unsigned>(random() % 2)));
      const std::uint64_t pages = 1 + random() % 70;
      if (random() % 5 < 3) {
        const auto pfn = domain.alloc_iova_fast(pages, limit, true);
        if (!pfn) continue;
        REQUIRE(*pfn >= domain.start_pfn());
        REQUIRE(*pfn + pages - 1 <= limit);
        const auto above = live.lower_bound(*pfn);
        REQUIRE((above == live.end() || *pfn + pages <= above->first));
        REQUIRE((above == live.begin() || std::prev(above)->first + std::prev(above)->second <= *pfn));
        live.emplace(*pfn, pages);
      } else if (!live.empty()) {
        auto at = live.lower_bound(random() % limit);
        free_one(at == live.end() ? live.begin() : at);
      }
    }
    while (!live.empty()) free_one(live.begin());
    CHECK(domain.ranges().size() == domain.rcache().size());
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      REQUIRE(domain.set_current_cpu(1 - cpu));
      REQUIRE(domain.cpu_dead(cpu));
      REQUIRE(domain.cpu_up(cpu));
    }
    static_cast<void>(domain.alloc_iova_fast(limit * 2, limit, true));  // fails, and so empties the depot
    CHECK(domain.ranges().empty());
    CHECK(domain.warnings() == 0);
  }
}

namespace {

/// Sixty-four pages of 64 MiB below 4 GiB and as many above, page by page: what a domain must have taken.
class Pages {
 public:
  static constexpr Pfn count = 128;

  [[nodiscard]] bool free(Pfn first, std::uint64_t size) const {
    return std::none_of(owner_.begin() + at(first), owner_.begin() + at(first + size),
                        [](int owner) { return owner != 0; });
  }
  void take(Pfn first, Pfn last, int owner) {
    for (Pfn pfn = first; pfn <= last; ++pfn) {
      if (owner_[pfn] == 0) owner_[pfn] = owner;
    }
  }
  void release(int owner) { std::replace(owner_.begin(), owner_.end(), owner, 0); }

  [[nodiscard]] std::optional<Pfn> highest(std::uint64_t size, Pfn limit) const {
    for (Pfn first = limit + 2 - size; first-- > 1;) {
      if (free(first, size)) return first;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::size_t taken() const {
    return count - static_cast<std::size_t>(std::count(owner_.begin(), owner_.end(), 0));
  }

 private:
  static std::ptrdiff_t at(Pfn pfn) { return static_cast<std::ptrdiff_t>(pfn); }

  std::array<int, count> owner_{};
};

std::uint64_t pages_of(const std::vector<IovaRange>& ranges) {
  std::uint64_t pages = 0;
  for (const IovaRange& range : ranges) pages += range.pfn_hi - range.pfn_lo + 1;
  return pages;
}

}  // namespace

TEST_CASE(
    "a window fails only while no gap has room, however it was filled and in whatever order it empties") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100; ++round) {
    IovaDomain domain({.granule = mib(64) << 12});
    REQUIRE(domain.dma_32bit_pfn() == 64);
    Pages pages;
    std::vector<std::pair<Pfn, int>> live;
    int owner = 0;
    const auto reserve = [&](Pfn first, Pfn last) {
      REQUIRE(domain.reserve_iova(first, last));
      pages.take(first, last, -1);
    };
    if (round % 2 == 0) reserve(0, random() % 3);
    // The top is reserved up to or across 4 GiB, in two overlapping parts.
    const Pfn top = 40 + random() % 20;
    reserve(top, 60 + random() % 6);
    reserve(top + 1, 63 + random() % 10);

    std::size_t failures = 0;
    for (int i = 0; i < 400; ++i) {
      const bool filling = i / 40 % 2 == 0;
      if (random() % 8 < (filling ? 7 : 2)) {
        const bool high = random() % 10 == 0;
        const std::uint64_t size = 1 + random() % 6;
        const auto range = domain.alloc_iova(size, high ? 70 + random() % 50 : 63, false);
        if (!high) REQUIRE(range.has_value() == pages.highest(size, 63).has_value());
        failures += range ? 0 : 1;
        if (!range) continue;
        REQUIRE(pages.free(range->pfn_lo, size));
        pages.take(range->pfn_lo, range->pfn_hi, ++owner);
        live.emplace_back(range->pfn_lo, owner);
      } else if (!live.empty()) {
        const std::size_t index = random() % 3 == 0 ? random() % live.size() : 0;
        domain.free_iova(live[index].first);
        pages.release(live[index].second);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(index));
      }
      REQUIRE(pages_of(domain.ranges()) == pages.taken());
    }
    CHECK(failures > 0);
  }
}
