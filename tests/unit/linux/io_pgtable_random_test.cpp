// SPDX-License-Identifier: Apache-2.0
//
// Random maps and unmaps against a map of what must be mapped, read back by the driver and by the walker.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "tests/unit/linux/io_pgtable_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::Tables;

namespace {

constexpr std::uint64_t page = Tables::page;
constexpr std::uint64_t MiB2 = Tables::MiB2;

struct Expected {
  PhysAddr base = 0;
  IommuProt prot;
};

/// Tables, and each 4 KiB page that they should map.
class Pair {
 public:
  Pair(unsigned ias, std::uint64_t seed)
      : t({.ias = ias, .oas = 48, .coherent_walk = true}), ias_(ias), random_(seed) {}

  void map_some() {
    const bool block = below(4) == 0;
    const std::uint64_t size = block ? MiB2 : page;
    const std::uint64_t iova = some_iova() & ~(size - 1);
    const std::uint64_t count = 1 + below(block ? 3 : 700);
    const PhysAddr base = below(std::uint64_t{1} << 47) & ~(size - 1);
    const IommuProt prot{.read = true,
                         .write = below(2) == 0,
                         .cache = below(2) == 0,
                         .noexec = below(2) == 0,
                         .mmio = below(4) == 0,
                         .privileged = below(2) == 0};
    const std::uint64_t table_span = size * 512;
    const std::uint64_t here = std::min(count * size, table_span - iova % table_span);
    const auto first = pages_.lower_bound(iova);
    const bool taken = first != pages_.end() && first->first < iova + here;
    if (block && taken) return;  // a block over live pages replaces them: not a rule to rely on

    const Tables::Mapped mapped = t.map(iova, base, size, count, prot);
    if (taken) {
      REQUIRE_FALSE(mapped.status);
      REQUIRE(mapped.status.error() == Errno::EEXIST_);
      REQUIRE(mapped.bytes == 0);
      return;
    }
    REQUIRE(mapped.status);
    REQUIRE(mapped.bytes == here);
    for (std::uint64_t offset = 0; offset < here; offset += page)
      pages_[iova + offset] = {base + offset, prot};
  }

  void unmap_some() {
    if (pages_.empty()) return;
    auto first = pages_.lower_bound(some_iova());
    if (first == pages_.end()) first = pages_.begin();
    std::uint64_t iova = first->first;
    std::uint64_t wanted = (1 + below(900)) * page;
    std::uint64_t size = page;
    if (below(3) == 0 && mapped_from(iova & ~(MiB2 - 1), MiB2) == MiB2) {
      iova &= ~(MiB2 - 1);
      wanted = size = MiB2;
    }
    const std::uint64_t expected = mapped_from(iova, wanted);
    std::uint64_t done = 0;
    while (done < wanted) {
      const std::uint64_t step = t.tables->unmap_pages(iova + done, size, (wanted - done) / size);
      if (step == 0) break;
      done += step;
    }
    REQUIRE(done == expected);
    pages_.erase(pages_.lower_bound(iova), pages_.lower_bound(iova + expected));
  }

  /// At every page, and at as many others.
  void check() {
    for (const auto& entry : pages_) {
      const std::uint64_t offset = below(page);
      if (!is_mapped(entry.first, offset, entry.second)) FAIL("wrong or not mapped: " << entry.first);
      const std::uint64_t other = some_iova();
      if (!pages_.contains(other & ~(page - 1)) && !is_unmapped(other)) FAIL("mapped: " << other);
    }
  }

  void unmap_all() {
    while (!pages_.empty()) {
      const std::uint64_t iova = pages_.begin()->first;
      const std::uint64_t bytes = mapped_from(iova, 512 * page);
      const std::uint64_t done = t.tables->unmap_pages(iova, page, bytes / page);
      REQUIRE(done != 0);
      pages_.erase(pages_.begin(), pages_.lower_bound(iova + done));
    }
  }

  [[nodiscard]] std::size_t mapped_pages() const { return pages_.size(); }

  Tables t;

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  /// In one of four windows of 8 MiB, among them the lowest and the highest addresses.
  std::uint64_t some_iova() {
    const std::uint64_t end = std::uint64_t{1} << ias_;
    const std::uint64_t windows[] = {0, end / 2 - 2 * MiB2, end / 4 * 3, end - 4 * MiB2};
    return (windows[below(4)] + below(4 * MiB2)) & ~(page - 1);
  }

  [[nodiscard]] std::uint64_t mapped_from(std::uint64_t iova, std::uint64_t limit) const {
    std::uint64_t bytes = 0;
    while (bytes < limit && pages_.contains(iova + bytes)) bytes += page;
    return bytes;
  }

  bool is_mapped(std::uint64_t iova, std::uint64_t offset, const Expected& expected) {
    const arch::Walk walk = t.walk(iova + offset);
    const std::uint64_t in_leaf = (iova + offset) & ((std::uint64_t{1} << walk.leaf.size_shift) - 1);
    const std::uint8_t memory_type = expected.prot.mmio ? 0x04 : expected.prot.cache ? 0xff : 0x44;
    return t.tables->iova_to_phys(iova + offset) == expected.base + offset && walk.ok &&
           walk.leaf.output + in_leaf == expected.base + offset &&
           walk.leaf.permissions.read_only == !expected.prot.write &&
           walk.leaf.permissions.unprivileged == !expected.prot.privileged &&
           walk.leaf.permissions.uxn == expected.prot.noexec &&
           walk.leaf.permissions.pxn == expected.prot.noexec && walk.leaf.attributes == memory_type &&
           walk.leaf.shareability == (expected.prot.cache ? 3 : 2) && !walk.leaf.global;
  }

  bool is_unmapped(std::uint64_t address) {
    const arch::Walk walk = t.walk(address);
    return !t.tables->iova_to_phys(address) && !walk.ok && walk.fault == arch::FaultKind::Translation;
  }

  unsigned ias_;
  std::mt19937_64 random_;
  std::map<std::uint64_t, Expected> pages_;
};

}  // namespace

TEST_CASE("random maps and unmaps leave exactly what they should") {
  const unsigned ias = GENERATE(32U, 36U, 39U, 40U, 48U);
  const std::uint64_t seed = GENERATE(1U, 2U);
  CAPTURE(ias, seed);
  Pair pair(ias, seed);
  std::size_t most = 0;
  for (int step = 0; step < 60; ++step) {
    for (int change = 0; change < 5; ++change) {
      pair.map_some();
      if (step >= 20) pair.unmap_some();
    }
    if (step % 6 == 5) pair.check();
    most = std::max(most, pair.mapped_pages());
  }
  CHECK(most > 1000);

  pair.unmap_all();
  pair.check();
  pair.t.tables.reset();
  CHECK(pair.t.pages.pages_in_use() == 0);
}
