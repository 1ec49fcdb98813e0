// SPDX-License-Identifier: Apache-2.0
//
// Random tables, accesses and invalidations: an SMMU with its TLBs against one whose TLBs are emptied before
// each access.

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

constexpr unsigned banks = 3;
constexpr std::array<std::uint64_t, banks> asid{1, 2, 1};
constexpr std::array<std::uint32_t, banks> vmid{5, 5, 6};
constexpr std::uint64_t upper_half = 0xffff'ff80'0000'0000;

/// Banks 0 and 1 are two processes of one VMID: each has a lower half with its ASID, and they share a global
/// upper half. Bank 2 has another VMID.
struct Half {
  std::vector<unsigned> users;
  bool high = false;
  bool global = false;
};

class Pair {
 public:
  Pair(std::uint64_t seed, const smmuv2::Config& config)
      : random_(seed), cached_(config, memory_, lines_), uncached_(config, memory_, other_lines_) {
    const unsigned page_bits = 12 + 2 * static_cast<unsigned>(pick(3));
    const std::uint32_t tg0 = page_bits == 12 ? 0 : page_bits == 14 ? 2 : 1;
    const std::uint32_t tg1 = page_bits == 12 ? 2 : page_bits == 14 ? 1 : 3;
    page_bits_ = page_bits;
    halves_ = {{{0}, false, false},
               {{1}, false, false},
               {{2}, false, false},
               {{0, 1}, true, true},
               {{2}, true, true}};
    for (std::uint64_t n = 0; n < halves_.size(); ++n)
      tables_.emplace_back(memory_, page_bits, 39U, 0x1000'0000 * (n + 1));
    both(0x000, 0x406, 4);
    for (unsigned bank = 0; bank < banks; ++bank) {
      const std::uint64_t cb = Bench::cb(bank, 0);
      both(0x800 + 4 * bank, 0x8000'0000 | bank, 4);
      both(0xc00 + 4 * bank, bank, 4);
      both(0x1000 + 4 * bank, 0x0001'0000 | vmid[bank], 4);
      both(cb + 0x20, asid[bank] << 48 | 0x1000'0000 * (bank + 1), 8);
      both(cb + 0x28, bank == 2 ? 0x5000'0000 : 0x4000'0000, 8);
      both(cb + 0x30, 25U | tg0 << 14 | 25U << 16 | tg1 << 30, 4);
      both(cb + 0x10, 0x0003'8015, 4);
      both(cb + 0x38, 0x4400'ff04, 4);
      both(cb + 0x00, 0x61U | (pick(2) != 0 ? 0x200U : 0), 4);
    }
  }

  void step() {
    if (pick(4) == 0) {
      change();
    } else {
      access();
    }
  }

  [[nodiscard]] const smmuv2::Statistics& statistics() const { return cached_.statistics(); }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void both(std::uint64_t offset, std::uint64_t value, unsigned size) {
    cached_.write(offset, value, size);
    uncached_.write(offset, value, size);
  }

  /// One of few addresses, so that they meet: pages of three blocks and the blocks themselves.
  std::uint64_t address(const Half& half, unsigned level) {
    const std::uint64_t block = std::uint64_t{1} << (2 * page_bits_ - 3);
    const std::uint64_t offset = pick(3) * block + (level == 3 ? pick(6) << page_bits_ : 0);
    return (half.high ? upper_half : 0) + offset;
  }

  void access() {
    const Half& half = halves_[pick(halves_.size())];
    const unsigned bank = half.users[pick(half.users.size())];
    const std::uint64_t va = address(half, 3) + pick(std::uint64_t{1} << page_bits_);
    const arch::Access request{.address = va & 0x1'ffff'ffff'ffff,
                               .stream_id = bank,
                               .write = pick(2) != 0,
                               .privileged = pick(2) != 0,
                               .instruction = pick(3) == 0};
    const auto tbu = static_cast<unsigned>(pick(cached_.config().tbus));
    uncached_.write(0x68, 0, 4);
    const auto got = cached_.translate(tbu, request);
    const auto wanted = uncached_.translate(tbu, request);
    REQUIRE(got.action == wanted.action);
    REQUIRE(got.output == wanted.output);
    REQUIRE(got.attributes == wanted.attributes);
    REQUIRE(got.shareability == wanted.shareability);
    REQUIRE(got.same_page_shift == wanted.same_page_shift);
    for (const std::uint64_t offset : {0x58U, 0x60U, 0x64U, 0x68U})
      REQUIRE(cached_.read(Bench::cb(bank, offset), 4) == uncached_.read(Bench::cb(bank, offset), 4));
    both(Bench::cb(bank, 0x58), 0xffff'ffff, 4);
  }

  /// A descriptor is replaced as break-before-make wants it: made invalid, invalidated, made anew.
  void change() {
    const std::uint64_t index = pick(halves_.size());
    const Half& half = halves_[index];
    Tables& tables = tables_[index];
    const std::uint64_t block_va = address(half, 2);
    std::uint64_t& upper = tables.at(block_va, 2);
    const bool is_table = (upper & 3) == 3;
    if (pick(5) == 0) {  // the whole block: a block, or a table again
      std::uint64_t& table = tables_of_[tables.slot(block_va, 2)];
      if (is_table) table = upper;
      if (upper != 0) {
        upper = 0;
        invalidate_block(half, block_va);
      }
      upper = pick(3) == 0 || table == 0 ? leaf(half, 2) : table;
      return;
    }
    if (!is_table && upper != 0) return;
    const std::uint64_t va = block_va + (pick(6) << page_bits_);
    std::uint64_t& descriptor = tables.at(va, 3);
    if ((descriptor & 1) != 0) {
      descriptor = 0;
      invalidate(half, va);
    }
    if (pick(4) != 0) descriptor = leaf(half, 3);
  }

  std::uint64_t leaf(const Half& half, unsigned level) {
    const unsigned shift = level == 3 ? page_bits_ : 2 * page_bits_ - 3;
    const std::uint64_t rights = pick(4) << 6 | pick(4) << 53;
    const std::uint64_t rest = pick(4) << 2 | (pick(8) != 0 ? 0x400U : 0) | pick(4) << 8;
    return (pick(16) + 1) << shift | rights | rest | (half.global ? 0 : 0x800U) | (level == 3 ? 3 : 1);
  }

  /// By any operation that covers one address of the half.
  void invalidate(const Half& half, std::uint64_t va) {
    const unsigned bank = half.users[pick(half.users.size())];
    const std::uint64_t cb = Bench::cb(bank, 0);
    const std::uint64_t page = va >> 12 & 0xfff'ffff'ffff;
    const bool last_level = pick(2) != 0;
    switch (pick(half.global ? 5 : 6)) {
      case 0:
        return both(cb + (last_level ? 0x620 : 0x600), asid[bank] << 48 | page, 8);
      case 1:
        return both(cb + (last_level ? 0x628 : 0x608), page, 8);
      case 2:
        return both(cb + 0x618, 0, 4);
      case 3:
        return both(pick(2) != 0 ? 0x64 : 0xb8, vmid[bank], 4);
      case 4:
        return both(0x68, 0, 4);
      default:
        return both(cb + 0x610, asid[bank], 4);
    }
  }

  /// What may be cached under a level 2 descriptor: the block, or its pages one by one.
  void invalidate_block(const Half& half, std::uint64_t va) {
    for (std::uint64_t page = 0; page < 6; ++page) invalidate(half, va + (page << page_bits_));
  }

  std::mt19937_64 random_;
  WordMemory memory_;
  Lines lines_;
  Lines other_lines_;
  smmuv2::Smmu cached_;
  smmuv2::Smmu uncached_;
  unsigned page_bits_ = 12;
  std::vector<Half> halves_;
  std::vector<Tables> tables_;
  std::map<std::uint64_t, std::uint64_t> tables_of_;  ///< the last table descriptor at a level 2 slot
};

}  // namespace

TEST_CASE("IHI 0062 §5.4.1: with TLBs or without, after proper invalidation, no answer differs") {
  std::uint64_t hits = 0;
  std::uint64_t walks = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    smmuv2::Config config = wide();
    if (seed % 3 != 0) {  // evictions
      config.tlb_entries = 16;
      config.tlb_ways = seed % 3 == 1 ? 2 : 1;
      config.micro_tlb_entries = 4;
      config.micro_tlb_ways = seed % 2 == 0 ? 1 : 4;
    }
    config.tbus = 1 + static_cast<unsigned>(seed % 2);
    INFO("seed " << seed);
    Pair pair(seed, config);
    for (unsigned step = 0; step < 600; ++step) pair.step();
    hits += pair.statistics().micro_tlb_hits + pair.statistics().tlb_hits;
    walks += pair.statistics().walks;
  }
  CHECK(hits > 5'000);
  CHECK(walks > 5'000);
}

}  // namespace sidewinder::test
