// SPDX-License-Identifier: Apache-2.0
//
// Random maps and unmaps of pages and blocks, of both stages and every granule, against a plain model: which
// pages are mapped, and which block-sized slots are a block or have a table. Read back by the driver, by a
// reader of this test's own and, for stage 1, by the walker.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <ostream>
#include <random>
#include <set>

#include "tests/unit/linux/io_pgtable_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::FlushCall;
using sidewinder::test::flushed_page;
using sidewinder::test::flushed_walk;
using sidewinder::test::Tables;

namespace {

struct Regime {
  unsigned stage;
  unsigned page_bits;  // 12, 14, 16
  unsigned ias;
  unsigned oas;
  unsigned start_level;
  bool coherent;
  bool ttbr1 = false;
};

std::ostream& operator<<(std::ostream& out, const Regime& r) {
  return out << "stage " << r.stage << ", 2^" << r.page_bits << " byte pages, " << r.ias << " bits in, "
             << r.oas << " out" << (r.ttbr1 ? ", upper half" : "");
}

IoPgtableConfig config_of(const Regime& r) {
  const std::uint64_t sizes = r.page_bits == 12   ? page_sizes_4k
                              : r.page_bits == 14 ? page_sizes_16k
                                                  : page_sizes_64k;
  return {.ias = r.ias,
          .oas = r.oas,
          .coherent_walk = r.coherent,
          .format = r.stage == 1 ? IoPgtableFormat::Arm64LpaeS1 : IoPgtableFormat::Arm64LpaeS2,
          .page_sizes = sizes,
          .quirks = {.arm_ttbr1 = r.ttbr1}};
}

struct Page {
  PhysAddr base = 0;
  IommuProt prot;
};

/// Bits of a leaf other than type and address, by DDI 0487.
std::uint64_t attributes_of(const Regime& r, IommuProt prot) {
  std::uint64_t bits = 1U << 10 | (prot.cache ? 3U : 2U) << 8;
  if (r.stage == 1) {
    bits |= 1U << 11 | (prot.write ? 0U : 1U) << 7 | (prot.privileged ? 0U : 1U) << 6;
    bits |= (prot.mmio ? 2U : prot.cache ? 1U : 0U) << 2;
  } else {
    bits |= (prot.write ? 3U : 1U) << 6 | (prot.mmio ? 0x1U : prot.cache ? 0xfU : 0x5U) << 2;
  }
  return bits | (prot.noexec ? std::uint64_t{3} << 53 : 0);
}

class Pair {
 public:
  Pair(const Regime& regime, std::uint64_t seed)
      : t(config_of(regime), 65536),
        regime_(regime),
        page_(std::uint64_t{1} << regime.page_bits),
        block_(page_ << (regime.page_bits - 3)),
        random_(seed) {
    const std::uint64_t root = std::uint64_t{8} << (regime.ias - shift(regime.start_level));
    root_pages_ = std::max<std::uint64_t>(1, root / 4096);
  }

  void map_some() {
    const IommuProt prot{.read = true,
                         .write = one_in(2),
                         .cache = one_in(2),
                         .noexec = one_in(2),
                         .mmio = one_in(4),
                         .privileged = regime_.stage == 1 && one_in(2)};
    const bool block = one_in(6);
    const std::uint64_t size = block ? block_ : page_;
    const std::uint64_t iova = some_page() & ~(size - 1);
    const std::uint64_t count = 1 + below(block ? 3 : block_ / page_ / 2 * 3);
    const PhysAddr base = below(std::uint64_t{1} << (regime_.oas - 1)) & ~(size - 1);
    const std::uint64_t bytes = to_table_end(iova, size, count);

    const bool possible = block ? take_slots(iova, bytes) : take_pages(iova, bytes);
    const Tables::Mapped mapped = t.map(high_ | iova, base, size, count, prot);
    expect_calls();
    if (!possible) {
      ++warnings_;
      REQUIRE_FALSE(mapped.status);
      REQUIRE(mapped.status.error() == Errno::EEXIST_);
      REQUIRE(mapped.bytes == 0);
      return;
    }
    REQUIRE(mapped.status);
    REQUIRE(mapped.bytes == bytes);
    for (std::uint64_t offset = 0; offset < bytes; offset += page_)
      pages_[iova + offset] = {base + offset, prot};
    if (block)
      for (std::uint64_t offset = 0; offset < bytes; offset += block_) slots_[iova + offset] = Slot::Block;
  }

  void unmap_some() {
    const std::uint64_t near = some_page();
    const auto first = pages_.lower_bound(near);
    const std::uint64_t from = first == pages_.end() || one_in(8) ? near : first->first;
    if (one_in(4))
      unmap_slots(from & ~(block_ - 1), 1 + below(3));
    else
      unmap_pages(from, 1 + below(block_ / page_ * 2));
  }

  void check(std::uint64_t every) {
    for (const auto& [iova, page] : pages_) {
      if (below(every) != 0) continue;
      const std::uint64_t offset = below(page_);
      if (!is_mapped(iova, offset, page)) FAIL("wrong or not mapped: " << std::hex << iova);
      const std::uint64_t other = some_page();
      if (!pages_.contains(other) && !is_unmapped(other)) FAIL("mapped: " << std::hex << other);
    }
    std::uint64_t tables = upper_tables_.size();
    for (const auto& slot : slots_) tables += slot.second == Slot::Table ? 1U : 0U;
    REQUIRE(t.pages.pages_in_use() == root_pages_ + tables * page_ / 4096);
    REQUIRE(t.tables->warnings() == warnings_);
  }

  void unmap_all() {
    while (!slots_.empty()) unmap_slots(slots_.begin()->first, 1);
    REQUIRE(pages_.empty());
  }

  [[nodiscard]] std::size_t mapped_pages() const { return pages_.size(); }
  [[nodiscard]] unsigned splits() const { return splits_; }
  [[nodiscard]] unsigned merges() const { return merges_; }

  Tables t;

 private:
  enum class Slot : std::uint8_t { Block, Table };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  [[nodiscard]] unsigned shift(unsigned level) const {
    return regime_.page_bits + (3 - level) * (regime_.page_bits - 3);
  }

  /// In one of four windows of four blocks, among them the lowest and the highest addresses.
  std::uint64_t some_page() {
    const std::uint64_t end = std::uint64_t{1} << regime_.ias;
    const std::uint64_t windows[] = {0, end / 2 - 2 * block_, end / 4 * 3, end - 4 * block_};
    return (windows[below(4)] + below(4 * block_)) & ~(page_ - 1);
  }

  [[nodiscard]] std::uint64_t to_table_end(std::uint64_t iova, std::uint64_t size,
                                           std::uint64_t count) const {
    const std::uint64_t span = size * (page_ / 8);
    const std::uint64_t end = std::uint64_t{1} << regime_.ias;
    return std::min({count * size, span - iova % span, end - iova});
  }

  void touch_upper_tables(std::uint64_t iova) {
    for (unsigned level = regime_.start_level; level < 2; ++level)
      upper_tables_.insert({level, iova >> shift(level)});
  }

  /// A table is made for the pages even if there is one in the way.
  bool take_pages(std::uint64_t iova, std::uint64_t bytes) {
    touch_upper_tables(iova);
    const auto [slot, fresh] = slots_.try_emplace(iova & ~(block_ - 1), Slot::Table);
    if (!fresh && slot->second == Slot::Block) return false;
    const auto first = pages_.lower_bound(iova);
    return first == pages_.end() || first->first >= iova + bytes;
  }

  /// Tables in the way go, with what they map, until a block is.
  bool take_slots(std::uint64_t iova, std::uint64_t bytes) {
    touch_upper_tables(iova);
    for (std::uint64_t at = iova; at < iova + bytes; at += block_) {
      const auto slot = slots_.find(at);
      if (slot == slots_.end()) continue;
      if (slot->second == Slot::Block) return false;
      ++merges_;
      calls_.push_back(flushed_walk(high_ | at, block_, page_));
      drop_slot(slot);
    }
    return true;
  }

  void drop_slot(std::map<std::uint64_t, Slot>::iterator slot) {
    pages_.erase(pages_.lower_bound(slot->first), pages_.lower_bound(slot->first + block_));
    slots_.erase(slot);
  }

  void unmap_slots(std::uint64_t iova, std::uint64_t count) {
    const std::uint64_t bytes = to_table_end(iova, block_, count);
    std::uint64_t done = 0;
    for (; done < bytes; done += block_) {
      const auto slot = slots_.find(iova + done);
      if (slot == slots_.end()) {
        ++warnings_;
        break;
      }
      calls_.push_back(slot->second == Slot::Table ? flushed_walk(high_ | (iova + done), block_, page_)
                                                   : flushed_page(high_ | (iova + done), block_));
      drop_slot(slot);
    }
    REQUIRE(t.tables->unmap_pages(high_ | iova, block_, count) == done);
    expect_calls();
  }

  void unmap_pages(std::uint64_t iova, std::uint64_t count) {
    const std::uint64_t bytes = to_table_end(iova, page_, count);
    std::uint64_t done = 0;
    for (; done < bytes && pages_.erase(iova + done) != 0; done += page_)
      calls_.push_back(flushed_page(high_ | (iova + done), page_));
    if (done < bytes) ++warnings_;
    const auto slot = slots_.find(iova & ~(block_ - 1));
    if (slot != slots_.end() && slot->second == Slot::Block) {
      slot->second = Slot::Table;
      ++splits_;
    }
    REQUIRE(t.tables->unmap_pages(high_ | iova, page_, count) == done);
    expect_calls();
  }

  void expect_calls() {
    REQUIRE(t.flush.calls == calls_);
    t.flush.calls.clear();
    calls_.clear();
  }

  struct Found {
    PhysAddr output = 0;
    std::uint64_t attributes = 0;
  };
  std::optional<Found> look_up(std::uint64_t iova) {
    PhysAddr table = t.tables->registers().ttbr;
    for (unsigned level = regime_.start_level; level <= 3; ++level) {
      const unsigned bits = level == regime_.start_level ? regime_.ias - shift(level) : regime_.page_bits - 3;
      const std::uint64_t word =
          t.machine.word(table + 8 * (iova >> shift(level) & ((std::uint64_t{1} << bits) - 1)));
      if ((word & 1) == 0) return std::nullopt;
      PhysAddr address = word & 0xffff'ffff'f000;
      if (page_ == 0x10000) address = (address & ~std::uint64_t{0xf000}) | (word >> 12 & 0xf) << 48;
      const std::uint64_t rest = word & ~std::uint64_t{0xffff'ffff'f000};
      const bool leaf = level == 3 || (word & 2) == 0;
      if (leaf) {
        REQUIRE((rest & 3) == (level == 3 ? 3 : 1));
        return Found{address | (iova & ((std::uint64_t{1} << shift(level)) - 1)), rest & ~std::uint64_t{3}};
      }
      REQUIRE(rest == (regime_.coherent ? 3 : 3 | std::uint64_t{1} << 55));
      table = address;
    }
    return std::nullopt;
  }

  bool walks_alike(std::uint64_t address, std::optional<PhysAddr> expected) {
    if (regime_.stage == 2 || regime_.ttbr1 || regime_.oas > 48) return true;  // not this walker's
    const Tables::Walked walk = t.walk(address);
    if (!expected) return !walk.ok && walk.fault.kind == arch::FaultKind::Translation;
    const std::uint64_t in_leaf = address & ((std::uint64_t{1} << walk.mapping.size_shift) - 1);
    return walk.ok && walk.mapping.output + in_leaf == *expected;
  }

  bool is_mapped(std::uint64_t iova, std::uint64_t offset, const Page& page) {
    const PhysAddr output = page.base + offset;
    const std::optional<Found> found = look_up(iova + offset);
    return found && found->output == output && found->attributes == attributes_of(regime_, page.prot) &&
           t.tables->iova_to_phys(high_ | (iova + offset)) == output && walks_alike(iova + offset, output);
  }

  bool is_unmapped(std::uint64_t iova) {
    return !look_up(iova) && !t.tables->iova_to_phys(high_ | iova) && walks_alike(iova, std::nullopt);
  }

  Regime regime_;
  std::uint64_t page_;
  std::uint64_t block_;
  std::uint64_t high_ = regime_.ttbr1 ? ~std::uint64_t{0} << regime_.ias : 0;
  std::uint64_t root_pages_ = 0;
  std::mt19937_64 random_;
  std::map<std::uint64_t, Page> pages_;
  std::map<std::uint64_t, Slot> slots_;  ///< by their first address; none: no entry at level 2
  std::set<std::pair<unsigned, std::uint64_t>> upper_tables_;  ///< entries above level 2 that have a table
  std::vector<FlushCall> calls_;
  std::uint64_t warnings_ = 0;
  unsigned splits_ = 0, merges_ = 0;
};

}  // namespace

TEST_CASE("random maps and unmaps leave exactly what they should") {
  const auto regime = GENERATE(values<Regime>(
      {{1, 12, 32, 48, 1, true},       {1, 12, 36, 48, 1, false}, {1, 12, 39, 48, 1, true},
       {1, 12, 39, 48, 1, true, true}, {1, 12, 40, 40, 0, true},  {1, 12, 48, 48, 0, false},
       {1, 14, 36, 40, 2, true},       {1, 14, 47, 48, 1, false}, {1, 14, 48, 48, 0, true, true},
       {1, 16, 39, 48, 2, true},       {1, 16, 48, 48, 1, false}, {1, 16, 52, 52, 1, true},
       {2, 12, 30, 40, 2, true},       {2, 12, 32, 40, 1, false}, {2, 12, 40, 40, 1, true},
       {2, 12, 43, 48, 1, true},       {2, 12, 48, 48, 0, false}, {2, 14, 40, 40, 1, true},
       {2, 14, 48, 48, 1, false},      {2, 16, 36, 36, 2, true},  {2, 16, 52, 52, 1, false}}));
  const std::uint64_t seed = GENERATE(1U, 2U);
  CAPTURE(regime, seed);
  Pair pair(regime, seed);
  std::size_t most = 0;
  for (int step = 0; step < 40; ++step) {
    for (int change = 0; change < 5; ++change) {
      pair.map_some();
      if (step >= 10) pair.unmap_some();
    }
    if (step % 8 == 7) pair.check(64);
    most = std::max(most, pair.mapped_pages());
  }
  pair.check(1 + pair.mapped_pages() / 4096);
  CHECK(most > 1000);
  CHECK(pair.splits() > 0);
  CHECK(pair.merges() > 0);

  pair.unmap_all();
  pair.check(1);
  pair.t.tables.reset();
  CHECK(pair.t.pages.pages_in_use() == 0);
}
