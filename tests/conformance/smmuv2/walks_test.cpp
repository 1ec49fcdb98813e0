// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <catch2/catch.hpp>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

struct GranuleCase {
  unsigned page_bits;
  std::uint32_t tg0;
  std::uint32_t tg1;
};
constexpr std::array<GranuleCase, 3> granules{{{12, 0, 2}, {14, 2, 1}, {16, 1, 3}}};

constexpr std::uint64_t upper(unsigned input_bits) {
  return ~std::uint64_t{0} << input_bits;
}
constexpr std::uint64_t on_bus(std::uint64_t address) {
  return address & 0x1'ffff'ffff'ffff;
}

/// TCR with both halves of 2^`input_bits` bytes, on.
constexpr std::uint32_t tcr(const GranuleCase& granule, unsigned input_bits) {
  const std::uint32_t tsz = 64 - input_bits;
  return tsz | granule.tg0 << 14 | tsz << 16 | granule.tg1 << 30;
}

void check_fault(Bench& bench, std::uint64_t address, std::uint32_t fsr, std::uint32_t level) {
  INFO("address 0x" << std::hex << address);
  CHECK(bench.access(address).action == Action::Abort);
  CHECK(bench.context() == ContextSyndrome{fsr, address, level, 0x42});
  bench.clear();
}

}  // namespace

TEST_CASE("VMSAv8-64: each granule, each half, each level's leaf, first byte and last") {
  for (const GranuleCase& granule : granules) {
    for (const bool high : {false, true}) {
      for (const unsigned input_bits : {48U, 39U, 36U, 32U}) {
        for (unsigned level = 1; level <= 3; ++level) {
          if (level == 1 && granule.page_bits != 12) continue;
          Bench bench;
          bench.enable();
          bench.attach(0x42, 3);
          Tables tables(bench.memory, granule.page_bits, input_bits, 0x100000);
          if (level < tables.start_level()) continue;
          bench.regime(3, tcr(granule, input_bits), 0x0003'8015, high ? 0 : 0x100000, high ? 0x100000 : 0);

          const unsigned shift = granule.page_bits + (3 - level) * (granule.page_bits - 3);
          const std::uint64_t size = std::uint64_t{1} << shift;
          const std::uint64_t base = (high ? upper(input_bits) : 0) + 2 * size;
          const std::uint64_t target = 0x4000'0000'0000 + 5 * size;
          tables.at(base, level) = target | 0x74c | (level == 3 ? 3 : 1);  // AttrIndx 3, SH 3, AF, AP 1

          INFO("page bits " << granule.page_bits << " input bits " << input_bits << " level " << level
                            << " high " << high);
          for (const std::uint64_t offset : {std::uint64_t{0}, size / 2 + 0x3bc, size - 1}) {
            bench.invalidate_all();
            const auto result = bench.access(on_bus(base + offset));
            CHECK(result.source == Source::Walk);
            CHECK(result.accesses.size() == level - tables.start_level() + 1);
            for (const Source expected : {Source::Walk, Source::MicroTlb}) {
              const auto again = expected == Source::Walk ? result : bench.access(on_bus(base + offset));
              CHECK(again.source == expected);
              CHECK(again.action == Action::Forward);
              CHECK(again.output == target + offset);
              CHECK(again.same_page_shift == shift);
              CHECK(again.attributes == 0x13);
              CHECK(again.shareability == 3);
            }
          }
          check_fault(bench, on_bus(base - 1), 0x402, level);
          check_fault(bench, on_bus(base + size), 0x402, level);
        }
      }
    }
  }
}

TEST_CASE("VMSAv8-64: descriptors that are no table, block or page at their level fault there") {
  for (const GranuleCase& granule : granules) {
    Bench bench;
    bench.enable();
    bench.attach(0x42, 3);
    Tables tables(bench.memory, granule.page_bits, 48, 0x100000);
    bench.regime(3, tcr(granule, 48), 0x0003'8015, 0x100000);
    const std::uint64_t address = 0x1234'5678'9000;
    tables.slot(address, 3);
    for (unsigned level = tables.start_level(); level <= 3; ++level) {
      const std::uint64_t kept = tables.at(address, level);
      INFO("page bits " << granule.page_bits << " level " << level);
      for (const std::uint64_t invalid : {std::uint64_t{0x0000}, std::uint64_t{0xffff'ffff'ffff'fffe}}) {
        tables.at(address, level) = invalid;
        check_fault(bench, address, 0x402, level);
      }
      const bool block_allowed = level == 2 || (level == 1 && granule.page_bits == 12);
      if (!block_allowed) {  // level 3: reserved; others: blocks of a size this granule has not
        tables.at(address, level) = 0x741;
        check_fault(bench, address, 0x402, level);
      }
      tables.at(address, level) = kept;
    }
  }
}

TEST_CASE("VMSAv8-64: bits below a block's or table's size are not part of an address") {
  for (const GranuleCase& granule : granules) {
    Bench bench;
    bench.enable();
    bench.attach(0x42, 3);
    Tables tables(bench.memory, granule.page_bits, 39, 0x100000);
    bench.regime(3, tcr(granule, 39), 0x0003'8015, 0x100000);
    const unsigned block = granule.page_bits + (granule.page_bits - 3);
    tables.slot(0, 3);
    tables.at(0, 3) = 0x5000'0743 | (granule.page_bits > 12 ? 0x1000U : 0);
    tables.at(0, 2) |= 0x0ffc | (granule.page_bits > 12 ? 0x1000U : 0);  // ignored and RES0 bits of a table
    CHECK(bench.access(0x123).output == 0x5000'0123);
    const std::uint64_t second = std::uint64_t{1} << block;
    tables.at(second, 2) = (3 * second) | 0x1'f741;
    CHECK(bench.access(second + 0x123).output == 3 * second + 0x123);
  }
}

TEST_CASE("VMSAv8-64: the contiguous hint and software bits change nothing") {
  Bench bench;
  bench.usual();
  for (unsigned page = 0; page < 16; ++page)  // where the hint promises contiguity, there is none
    bench.memory.words[0x12000 + 8 * page] = (0x8000'0743 + page * 0x2000) | 0x0790'0000'0000'0000;
  for (unsigned page = 0; page < 16; ++page)
    CHECK(bench.access(page * 0x1000 + 0x10).output == 0x8000'0010 + page * 0x2000);
}

TEST_CASE("IHI 0062 §16.5.38: a reserved TG0 or TG1 is 4 KiB, and reads back as written") {
  Bench bench;
  bench.usual();
  bench.memory.words[0x12000] = 0x8000'0743;
  bench.regime(3, 0x0000'c019 | 25U << 16, 0x0003'8015, 0x10000, 0x10000);  // TG0 3, TG1 0
  CHECK(bench.access(0x10).output == 0x8000'0010);
  CHECK(bench.access(on_bus(upper(39))).output == 0x8000'0000);
  CHECK(bench.r32(Bench::cb(3, 0x30)) == 0x0019'c019);
}

TEST_CASE("IHI 0062 §3.7.2 table 3-1: addresses outside T0SZ and T1SZ fault at level 0") {
  for (unsigned tsz = 16; tsz <= 39; ++tsz) {
    const unsigned input_bits = 64 - tsz;
    Bench bench;
    bench.enable();
    bench.attach(0x42, 3);
    Tables low(bench.memory, 12, input_bits, 0x100000);
    Tables high(bench.memory, 12, input_bits, 0x200000);
    bench.regime(3, tcr(granules[0], input_bits), 0x0003'8015, 0x100000, 0x200000);
    const std::uint64_t last = (std::uint64_t{1} << input_bits) - 0x1000;
    low.at(last, 3) = 0x8000'0743;
    high.at(upper(input_bits), 3) = 0x9000'0743;
    INFO("TSZ " << tsz);
    CHECK(bench.access(last + 0xfff).output == 0x8000'0fff);
    CHECK(bench.access(on_bus(upper(input_bits))).output == 0x9000'0000);
    CHECK(bench.access(last + 0xfff).accesses.empty());
    if (tsz == 16) continue;  // on a 49-bit bus the halves of 48 bits meet
    check_fault(bench, last + 0x1000, 0x402, 0);
    check_fault(bench, on_bus(upper(input_bits)) - 1, 0x402, 0);
  }
}

TEST_CASE("IHI 0062 §16.5.38: T0SZ and T1SZ are each its own, and out of 16-39 map nothing") {
  Bench bench;
  bench.enable();
  bench.attach(0x42, 3);
  Tables low(bench.memory, 12, 32, 0x100000);
  Tables high(bench.memory, 14, 47, 0x200000);
  low.at(0, 3) = 0x8000'0743;
  high.at(upper(47), 3) = 0x9000'0743;
  bench.regime(3, 32U | 17U << 16 | 1U << 30, 0x0003'8015, 0x100000, 0x200000);
  CHECK(bench.access(0).output == 0x8000'0000);
  CHECK(bench.access(on_bus(upper(47))).output == 0x9000'0000);
  check_fault(bench, 0x1'0000'0000, 0x402, 0);
  check_fault(bench, on_bus(upper(47)) - 1, 0x402, 0);
  bench.memory.reads.clear();
  for (const std::uint32_t tsz : {0U, 15U, 40U, 63U}) {
    bench.invalidate_all();
    bench.regime(3, tsz | 17U << 16 | 1U << 30, 0x0003'8015, 0x100000, 0x200000);
    check_fault(bench, 0, 0x402, 0);
    bench.regime(3, 32U | tsz << 16 | 1U << 30, 0x0003'8015, 0x100000, 0x200000);
    check_fault(bench, on_bus(upper(20)), 0x402, 0);
  }
  CHECK(bench.memory.reads.empty());
}

TEST_CASE("IHI 0062 §16.5.38: EPD0 and EPD1 stop walks, not hits, each in its half") {
  Bench bench;
  bench.enable();
  bench.attach(0x42, 3);
  Tables low(bench.memory, 12, 39, 0x100000);
  Tables high(bench.memory, 12, 39, 0x200000);
  low.at(0, 3) = 0x8000'0743;
  high.at(upper(39), 3) = 0x9000'0743;
  const std::uint32_t both = tcr(granules[0], 39);
  for (const bool first : {true, false}) {
    const std::uint64_t off = first ? 0 : on_bus(upper(39));
    const std::uint64_t on = first ? on_bus(upper(39)) : 0;
    const std::uint32_t epd = first ? 1U << 7 : 1U << 23;
    bench.invalidate_all();
    bench.regime(3, both | epd, 0x0003'8015, 0x100000, 0x200000);
    bench.memory.reads.clear();
    check_fault(bench, off, 0x402, 0);
    CHECK(bench.memory.reads.empty());
    CHECK(bench.access(on).action == Action::Forward);
    bench.regime(3, both, 0x0003'8015, 0x100000, 0x200000);
    CHECK(bench.access(off).action == Action::Forward);
    bench.regime(3, both | epd, 0x0003'8015, 0x100000, 0x200000);
    CHECK(bench.access(off).source == Source::MicroTlb);
  }
}

TEST_CASE("IHI 0062 §1.6.4, §16.5.39: TCR2.SEP names the sign bit, bits above it must be 0") {
  const unsigned position[] = {31, 35, 39, 41, 43, 47};
  Bench bench;
  bench.enable();
  bench.attach(0x42, 3);
  Tables low(bench.memory, 12, 48, 0x100000);
  Tables high(bench.memory, 12, 48, 0x200000);
  for (std::uint32_t sep = 0; sep < 8; ++sep) {
    const unsigned sign = sep < 6 ? position[sep] : 48;  // 6 is treated as 7: bit 48 of a 49-bit bus
    const std::uint64_t bit = std::uint64_t{1} << sign;
    low.at(bit - 0x1000, 3) = 0x8000'0743;
    high.at(~(bit - 1), 3) = 0x9000'0743;
    bench.invalidate_all();
    bench.regime(3, tcr(granules[0], 48), 0x15 | sep << 15, 0x100000, 0x200000);
    INFO("SEP " << sep);
    CHECK(bench.access(bit - 1).output == 0x8000'0fff);
    CHECK(bench.access(bit + 5).output == 0x9000'0005);
    bench.memory.reads.clear();
    for (std::uint64_t above = bit << 1; above <= 0x1'0000'0000'0000; above <<= 1) {
      check_fault(bench, above, 0x402, 0);
      check_fault(bench, above | (bit - 1), 0x402, 0);
      check_fault(bench, above | bit | 5, 0x402, 0);  // FAR holds the address as it came (§16.5.8)
    }
    CHECK(bench.memory.reads.empty());
  }
}

TEST_CASE("IHI 0062 §16.5.39: a SEP at or above the bus's width extends with zeros") {
  smmuv2::Config config;
  config.upstream_bits = 36;
  config.output_bits = 48;
  Bench bench(config);
  bench.enable();
  bench.attach(0x42, 3);
  Tables low(bench.memory, 12, 39, 0x100000);
  low.at(0xf'ffff'f000, 3) = 0x8000'0743;
  for (std::uint32_t sep = 2; sep < 8; ++sep) {
    bench.regime(3, tcr(granules[0], 39), 0x15 | sep << 15, 0x100000);
    bench.invalidate_all();
    INFO("SEP " << sep);
    CHECK(bench.access(0xf'ffff'ffff).output == 0x8000'0fff);
  }
  bench.regime(3, tcr(granules[0], 39) | 1U << 23, 0x15 | 1U << 15, 0x100000);  // bit 35 is a sign
  bench.invalidate_all();
  check_fault(bench, 0xf'ffff'ffff, 0x402, 0);
}

TEST_CASE("IHI 0062 §3.7.2: an address wider than the upstream bus is an unsupported transaction") {
  smmuv2::Config config;  // 36 bits
  Bench bench(config);
  bench.usual();
  bench.regime(3, 0x0080'0019, 0x0003'8011, 0x10000);
  check_fault(bench, 0x10'0000'0000, 0x500, 0);
  check_fault(bench, 0xffff'ffff'ffff'f000, 0x500, 0);
  CHECK(bench.memory.reads.empty());
  check_fault(bench, 0xf'ffff'f000, 0x402, 1);
  bench.w32(Bench::cb(3, 0x00), 0x60);  // and so with SCTLR.M 0
  check_fault(bench, 0x10'0000'0000, 0x500, 0);
}

TEST_CASE("IHI 0062 §16.5.29: tables are big-endian with SCTLR.E 1") {
  Bench bench;
  bench.usual(0x71);
  bench.memory.words[0x10000] = 0x0310'0100'0000'0000;  // 0x11003
  bench.memory.words[0x11000] = 0x0320'0100'0000'0000;  // 0x12003
  bench.memory.words[0x12000] = 0x4307'0080'0000'0000;  // 0x80000743
  CHECK(bench.access(0x123).output == 0x8000'0123);
  bench.invalidate_all();
  bench.w32(Bench::cb(3, 0x00), 0x61);
  check_fault(bench, 0x123, 0x402, 1);
}

TEST_CASE("VMSAv8-64: a leaf whose AF is 0 faults, unless SCTLR.AFFD is 1, and is not cached") {
  Bench bench;
  bench.usual();
  bench.memory.words[0x12008] = 0x8000'0343;
  bench.memory.words[0x11008] = 0xc000'0341;
  for (unsigned times = 0; times < 2; ++times) {
    check_fault(bench, 0x1000, 0x404, 3);
    check_fault(bench, 0x20'0000, 0x404, 2);
  }
  CHECK(bench.smmu.tlb_occupancy() == 0);
  bench.memory.words[0x12008] = 0x8000'0743;
  CHECK(bench.access(0x1000).output == 0x8000'0000);  // without an invalidation
  bench.w32(Bench::cb(3, 0x00), 0x69);
  CHECK(bench.access(0x20'0010).output == 0xc000'0010);
}

TEST_CASE(
    "IHI 0062 §3.7.2 table 3-3: output addresses at TTBR, table and leaf must fit PASize and the SMMU") {
  const unsigned bits[] = {32, 36, 40, 42, 44, 48, 48, 48};
  for (const unsigned implemented : {32U, 40U, 48U}) {
    for (std::uint32_t pasize = 0; pasize < 8; ++pasize) {
      const unsigned limit = std::min(bits[pasize], implemented);
      smmuv2::Config config = wide();
      config.output_bits = implemented;
      Bench bench(config);
      bench.usual();
      const std::uint32_t tcr2 = 0x0003'8010 | pasize;
      const std::uint64_t fits = std::uint64_t{1} << (limit - 1);
      INFO("implemented " << implemented << " PASize " << pasize);

      // A root, a table and a page, or a block, at the highest power of two that fits.
      bench.regime(3, 0x0080'0019, tcr2, fits);
      bench.memory.words[fits] = (fits + 0x1000) | 3;
      bench.memory.words[fits + 0x1000] = (fits + 0x2000) | 3;
      bench.memory.words[fits + 0x1008] = fits | 0x741;
      bench.memory.words[fits + 0x2000] = (fits + 0x3000) | 0x743;
      CHECK(bench.access(0).output == fits + 0x3000);
      CHECK(bench.access(0x20'0000).output == fits);
      if (limit == 48) continue;

      bench.invalidate_all();
      for (unsigned bit = limit; bit < 48; ++bit) {
        const std::uint64_t over = std::uint64_t{1} << bit;
        bench.memory.words[fits + 0x2008] = over | 0x743;
        check_fault(bench, 0x1000, 0x480, 3);
        bench.memory.words[fits + 0x1010] = over | 0x741;
        check_fault(bench, 0x40'0000, 0x480, 2);
        bench.memory.words[fits + 0x1010] = over | 3;
        check_fault(bench, 0x40'0000, 0x480, 2);
        bench.memory.words[fits + 8] = over | 3;
        check_fault(bench, 0x4000'0000, 0x480, 1);
        bench.memory.reads.clear();
        bench.regime(3, 0x0080'0019, tcr2, over);
        check_fault(bench, 0, 0x480, 0);
        CHECK(bench.memory.reads.empty());
        bench.regime(3, 0x0080'0019, tcr2, fits);
      }
      // The size comes before the access flag.
      bench.memory.words[fits + 0x2010] = std::uint64_t{1} << limit | 0x343;
      check_fault(bench, 0x2000, 0x480, 3);
    }
  }
}

TEST_CASE("IHI 0062 §3.7.2: an external abort on a walk is an external fault with PTWF, at its level") {
  Bench bench;
  bench.enable();
  bench.attach(0x42, 3);
  Tables tables(bench.memory, 12, 48, 0x100000);
  bench.regime(3, 0x0080'0010, 0x0003'8015, 0x100000);
  tables.at(0x5000, 3) = 0x8000'0743;
  for (std::uint32_t level = 0; level < 4; ++level) {
    const std::uint64_t place = tables.slot(0x5000, level);
    bench.memory.aborting = {place};
    bench.memory.reads.clear();
    const auto result = bench.access(0x5678, true);
    CHECK(result.action == Action::Abort);
    CHECK(result.fault->kind == arch::FaultKind::ExternalWalk);
    CHECK(bench.context() == ContextSyndrome{0x410, 0x5678, 0x410 | level, 0x42});
    CHECK(bench.memory.reads.size() == level + 1);
    CHECK(bench.memory.reads.back() == place);
    bench.clear();
  }
  bench.memory.aborting.clear();
  CHECK(bench.access(0x5678, true).output == 0x8000'0678);
}

TEST_CASE("VMSAv8-64: MAIR's byte and SH come with the leaf") {
  Bench bench;
  bench.usual();
  for (std::uint64_t index = 0; index < 8; ++index) {
    for (std::uint64_t sh = 0; sh < 4; ++sh) {
      bench.memory.words[0x12000] = 0x8000'0443 | index << 2 | sh << 8;
      bench.invalidate_all();
      const auto result = bench.access(0);
      CHECK(result.attributes == 0x10 + index);
      CHECK(result.shareability == sh);
    }
  }
}

TEST_CASE("VMSAv8-64: a table smaller than a page is aligned to its own size") {
  Bench bench;
  bench.enable();
  bench.attach(0x42, 3);
  bench.regime(3, 0x0080'001c, 0x0003'8015, 0x10240);  // 36 bits: 64 entries, 512 bytes
  bench.memory.words[0x10200 + 8 * 63] = 0xc000'0741;
  CHECK(bench.access(0xf'c000'1234).output == 0xc000'1234);
  CHECK(bench.memory.reads == std::vector<std::uint64_t>{0x10200 + 8 * 63});
}

}  // namespace sidewinder::test
