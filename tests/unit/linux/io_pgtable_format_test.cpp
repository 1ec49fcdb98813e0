// SPDX-License-Identifier: Apache-2.0
//
// Expected descriptors and fields are written out as numbers, by DDI 0487.

#include "iommu/linux/io_pgtable_format.h"

#include <catch2/catch.hpp>

using namespace sidewinder::kernel;

namespace {

constexpr IoPgtableFormat s1 = IoPgtableFormat::Arm64LpaeS1;
constexpr IoPgtableFormat s2 = IoPgtableFormat::Arm64LpaeS2;
constexpr std::uint64_t xn = 0x0060'0000'0000'0000;

LpaeFormat made(const IoPgtableConfig& config) {
  const std::optional<LpaeFormat> format = LpaeFormat::of(config);
  REQUIRE(format);
  return *format;
}

bool refused(const IoPgtableConfig& config) {
  return !LpaeFormat::of(config);
}

std::uint64_t leaf(const LpaeFormat& format, IommuProt prot, unsigned level = 3, PhysAddr base = 0) {
  return format.leaf(format.attributes(prot), level, base).raw;
}

}  // namespace

TEST_CASE("page sizes are those of one granule: the CPU's, else the smallest") {
  const auto sizes = [](std::uint64_t supported, unsigned oas = 48) {
    return made({.oas = oas, .page_sizes = supported}).config().page_sizes;
  };
  CHECK(sizes(0x6035'5000) == 0x4020'1000);  // all three granules and their blocks
  CHECK(sizes(0x2201'4000) == 0x200'4000);   // 16 KiB before 64 KiB
  CHECK(sizes(0x2001'0000) == 0x2001'0000);
  CHECK(sizes(0x20'1000) == 0x20'1000);  // not every block
  CHECK(sizes(0x1000) == 0x1000);
  CHECK(sizes(0xffff'ffff'ffff'f000) == 0x4020'1000);
  CHECK(sizes(0xffff'ffff'ffff'c000) == 0x200'4000);
  CHECK(sizes(0xffff'ffff'ffff'0000) == 0x2001'0000);
  CHECK(sizes(0xffff'ffff'ffff'0000, 52) == 0x400'2001'0000);  // 4 TiB with 52 bits
}

TEST_CASE("configurations that Linux refuses") {
  CHECK_FALSE(refused({}));
  CHECK(refused({.page_sizes = 0}));
  CHECK(refused({.page_sizes = 0x20'0000}));     // blocks alone
  CHECK(refused({.page_sizes = 0x1'0400}));      // 1 KiB goes before 64 KiB, and is none
  CHECK(refused({.page_sizes = 0x1'2000}));      // 8 KiB likewise
  CHECK_FALSE(refused({.page_sizes = 0x1400}));  // the CPU's goes before both
  CHECK(refused({.oas = 39}));
  CHECK(refused({.oas = 31}));
  CHECK(refused({.oas = 47}));

  CHECK_FALSE(refused({.quirks = {.arm_ns = true, .arm_ttbr1 = true, .arm_outer_wbwa = true}}));
  CHECK(refused({.coherent_walk = true, .quirks = {.arm_outer_wbwa = true}}));
  CHECK_FALSE(refused({.format = s2}));
  CHECK(refused({.format = s2, .quirks = {.arm_ns = true}}));
  CHECK(refused({.format = s2, .quirks = {.arm_ttbr1 = true}}));
  CHECK(refused({.format = s2, .quirks = {.arm_outer_wbwa = true}}));

  CHECK_FALSE(refused({.ias = 13}));  // an address needs a bit to translate
  CHECK(refused({.ias = 12}));
  CHECK(refused({.ias = 16, .page_sizes = page_sizes_64k}));
}

TEST_CASE("addresses beyond what the granule allows are cut, to 48 bits or to 52") {
  const auto bits = [](std::uint64_t sizes, unsigned both) {
    const IoPgtableConfig config = made({.ias = both, .oas = both, .page_sizes = sizes}).config();
    return std::pair(config.ias, config.oas);
  };
  CHECK(bits(page_sizes_4k, 52) == std::pair(48U, 48U));
  CHECK(bits(page_sizes_16k, 64) == std::pair(48U, 48U));
  CHECK(bits(page_sizes_64k, 52) == std::pair(52U, 52U));
  CHECK(bits(page_sizes_64k, 64) == std::pair(52U, 52U));
  CHECK(bits(page_sizes_64k, 44) == std::pair(44U, 44U));
}

TEST_CASE("the first level and the root's size follow from the input address") {
  struct Expected {
    IoPgtableFormat format;
    std::uint64_t sizes;
    unsigned ias;
    unsigned level;
    std::uint64_t root;
  };
  const auto e = GENERATE(values<Expected>({{s1, page_sizes_4k, 21, 3, 0x1000},
                                            {s1, page_sizes_4k, 22, 2, 0x10},
                                            {s1, page_sizes_4k, 39, 1, 0x1000},
                                            {s1, page_sizes_4k, 40, 0, 0x10},
                                            {s1, page_sizes_4k, 48, 0, 0x1000},
                                            {s1, page_sizes_16k, 36, 2, 0x4000},
                                            {s1, page_sizes_16k, 37, 1, 0x10},
                                            {s1, page_sizes_16k, 47, 1, 0x4000},
                                            {s1, page_sizes_16k, 48, 0, 0x10},
                                            {s1, page_sizes_64k, 42, 2, 0x1'0000},
                                            {s1, page_sizes_64k, 43, 1, 0x10},
                                            {s1, page_sizes_64k, 52, 1, 0x2000},
                                            // Up to 16 tables take the place of a level 0, and of no other.
                                            {s2, page_sizes_4k, 39, 1, 0x1000},
                                            {s2, page_sizes_4k, 40, 1, 0x2000},
                                            {s2, page_sizes_4k, 43, 1, 0x1'0000},
                                            {s2, page_sizes_4k, 44, 0, 0x100},
                                            {s2, page_sizes_4k, 31, 1, 0x10},
                                            {s2, page_sizes_16k, 47, 1, 0x4000},
                                            {s2, page_sizes_16k, 48, 1, 0x8000},
                                            {s2, page_sizes_64k, 43, 1, 0x10},
                                            {s2, page_sizes_64k, 52, 1, 0x2000}}));
  CAPTURE(e.sizes, e.ias);
  const LpaeFormat format = made({.ias = e.ias, .format = e.format, .page_sizes = e.sizes});
  CHECK(format.start_level() == e.level);
  CHECK(format.table_bytes(e.level) == e.root);
  if (e.level < 3) CHECK(format.table_bytes(e.level + 1) == (e.sizes & -e.sizes));
}

TEST_CASE("what one entry of each level maps") {
  const LpaeFormat f4 = made({}), f16 = made({.page_sizes = page_sizes_16k}),
                   f64 = made({.page_sizes = page_sizes_64k});
  const std::uint64_t expected[4][3] = {{1ULL << 39, 1ULL << 47, 0},
                                        {1ULL << 30, 1ULL << 36, 1ULL << 42},
                                        {1ULL << 21, 1ULL << 25, 1ULL << 29},
                                        {1ULL << 12, 1ULL << 14, 1ULL << 16}};
  for (unsigned level = 0; level < 4; ++level) {
    CHECK(f4.block_bytes(level) == expected[level][0]);
    CHECK(f16.block_bytes(level) == expected[level][1]);
    if (level != 0) CHECK(f64.block_bytes(level) == expected[level][2]);
  }
  CHECK(f4.entries_per_table() == 512);
  CHECK(f16.entries_per_table() == 2048);
  CHECK(f64.entries_per_table() == 8192);
}

TEST_CASE("an index counts over concatenated roots, a run of entries ends with each of them") {
  const LpaeFormat four = made({.ias = 41, .format = s2});
  CHECK(four.index(1, 0x1ff'c000'0000) == 2047);
  CHECK(four.index(1, 0x80'0000'0000) == 512);
  CHECK(four.entries_left(1, 0x7f'c000'0000) == 1);
  CHECK(four.entries_left(1, 0x80'0000'0000) == 512);
  CHECK(four.index(2, 0x1ff'ffe0'0000) == 511);
  CHECK(four.entries_left(2, 0x1ff'ffe0'0000) == 1);

  const LpaeFormat small = made({.ias = 36});
  CHECK(small.index(1, 0xf'c000'0000) == 63);
  CHECK(small.entries_left(1, 0xf'c000'0000) == 1);
  CHECK(small.entries_left(1, 0) == 64);
}

TEST_CASE("which addresses a table translates") {
  const LpaeFormat lower = made({.ias = 39}), upper = made({.ias = 39, .quirks = {.arm_ttbr1 = true}});
  CHECK(lower.translates(0x7f'ffff'ffff));
  CHECK_FALSE(lower.translates(0x80'0000'0000));
  CHECK_FALSE(lower.translates(0xffff'ff80'0000'0000));
  CHECK(upper.translates(0xffff'ff80'0000'0000));
  CHECK(upper.translates(0xffff'ffff'ffff'ffff));
  CHECK_FALSE(upper.translates(0xffff'ff7f'ffff'ffff));
  CHECK_FALSE(upper.translates(0x7fff'ff80'0000'0000));
  CHECK_FALSE(upper.translates(0));
  CHECK(upper.index(1, 0xffff'ff80'0000'0000) == 0);
  CHECK(upper.index(1, 0xffff'ffff'c000'0000) == 511);
}

TEST_CASE("a stage 1 leaf's attributes") {
  const LpaeFormat format = made({});
  CHECK(leaf(format, {.read = true, .write = true}) == 0xe43);
  CHECK(leaf(format, {.read = true}) == 0xec3);   // AP[2]
  CHECK(leaf(format, {.write = true}) == 0xe43);  // there is no write-only
  CHECK(leaf(format, {.read = true, .write = true, .cache = true}) == 0xf47);
  CHECK(leaf(format, {.read = true, .write = true, .noexec = true}) == (xn | 0xe43));
  CHECK(leaf(format, {.read = true, .write = true, .mmio = true}) == 0xe4b);
  CHECK(leaf(format, {.read = true, .cache = true, .mmio = true}) == 0xfcb);
  CHECK(leaf(format, {.read = true, .write = true, .privileged = true}) == 0xe03);
  CHECK(leaf(format, {.read = true, .write = true}, 2) == 0xe41);
  CHECK(leaf(format, {.read = true, .write = true}, 1, 0xffff'c000'0000) == 0xffff'c000'0e41);
}

TEST_CASE("a stage 2 leaf's attributes") {
  const LpaeFormat format = made({.format = s2});
  CHECK(leaf(format, {.read = true, .write = true}) == 0x6d7);  // SH outer, S2AP 3, MemAttr 0x5
  CHECK(leaf(format, {.read = true}) == 0x657);
  CHECK(leaf(format, {.write = true}) == 0x697);  // write-only
  CHECK(leaf(format, {.read = true, .write = true, .cache = true}) == 0x7ff);
  CHECK(leaf(format, {.read = true, .write = true, .mmio = true}) == 0x6c7);
  CHECK(leaf(format, {.read = true, .write = true, .cache = true, .mmio = true}) == 0x7c7);
  CHECK(leaf(format, {.read = true, .write = true, .noexec = true}) == (xn | 0x6d7));
  CHECK(leaf(format, {.read = true, .privileged = true}) == 0x657);  // means nothing here
  CHECK(leaf(format, {.read = true, .write = true}, 2, 0x4000'0000) == 0x4000'06d5);
}

TEST_CASE("the NS quirk marks leaves and tables") {
  const LpaeFormat format = made({.quirks = {.arm_ns = true}});
  CHECK(leaf(format, {.read = true, .write = true}) == 0xe63);
  CHECK(format.table(0x8000'1000).raw == 0x8000'0000'8000'1003);
  CHECK(made({}).table(0x8000'1000).raw == 0x8000'1003);
  CHECK(LpaeFormat::synchronised(made({}).table(0x8000'1000)).raw == 0x80'0000'8000'1003);
}

TEST_CASE("with 64 KiB pages bits 51:48 of an address are the descriptor's 15:12") {
  const LpaeFormat format = made({.ias = 52, .oas = 52, .page_sizes = page_sizes_64k});
  constexpr PhysAddr high = 0xa'bcde'f123'0000;
  CHECK(leaf(format, {.read = true, .write = true}, 3, high) == 0xbcde'f123'ae43);
  CHECK(format.table(high).raw == 0xbcde'f123'a003);
  CHECK(format.output(format.table(high)) == high);
  CHECK(format.output(LpaeFormat::Descriptor::of(0xffff'ffff'ffff'ffff)) == 0xf'ffff'ffff'0000);
  CHECK(made({}).output(LpaeFormat::Descriptor::of(0xffff'ffff'ffff'ffff)) == 0xffff'ffff'f000);
}

TEST_CASE(
    "of a block's bits its attributes pass to its parts, the contiguous hint and software bits do not") {
  const auto kept = [](std::uint64_t raw) {
    return LpaeFormat::attributes_of(LpaeFormat::Descriptor::of(raw)).raw;
  };
  CHECK(kept(~std::uint64_t{0}) == (xn | 0xffc));
  CHECK(kept(0x0010'ffff'c000'0e41) == 0xe40);
}

TEST_CASE("what is a table, a leaf, or neither") {
  using D = LpaeFormat::Descriptor;
  for (unsigned level = 0; level < 4; ++level) {
    CAPTURE(level);
    CHECK(LpaeFormat::is_table(D::of(3), level) == (level != 3));
    CHECK(LpaeFormat::is_leaf(D::of(3), level) == (level == 3));
    CHECK_FALSE(LpaeFormat::is_table(D::of(1), level));
    CHECK(LpaeFormat::is_leaf(D::of(1), level) == (level != 3));
    for (const std::uint64_t invalid : {std::uint64_t{0}, std::uint64_t{2}}) {
      CHECK_FALSE(LpaeFormat::is_table(D::of(invalid), level));
      CHECK_FALSE(LpaeFormat::is_leaf(D::of(invalid), level));
    }
  }
}

TEST_CASE("registers of stage 1") {
  const auto registers = [](const IoPgtableConfig& config) { return made(config).registers(0x1'2345'6000); };
  const IoPgtableRegisters coherent = registers({.ias = 36, .oas = 40, .coherent_walk = true});
  CHECK(coherent.ttbr == 0x1'2345'6000);
  CHECK(coherent.mair == 0xffff'ffff'f404'ff44);
  CHECK(coherent.tsz == 28);
  CHECK(coherent.sh == 3);
  CHECK(coherent.irgn == 1);
  CHECK(coherent.orgn == 1);
  CHECK(coherent.ips == 2);
  CHECK(coherent.sl == 0);

  const IoPgtableRegisters other = registers({});
  CHECK(other.sh == 2);
  CHECK(other.irgn == 0);
  CHECK(other.orgn == 0);
  const IoPgtableRegisters outer = registers({.quirks = {.arm_outer_wbwa = true}});
  CHECK(outer.sh == 2);
  CHECK(outer.irgn == 0);
  CHECK(outer.orgn == 1);
}

TEST_CASE("TG0's encodings are not TG1's") {
  const auto tg = [](std::uint64_t sizes, bool ttbr1, IoPgtableFormat format = s1) {
    return made({.format = format, .page_sizes = sizes, .quirks = {.arm_ttbr1 = ttbr1}}).registers(0).tg;
  };
  CHECK(tg(page_sizes_4k, false) == 0);
  CHECK(tg(page_sizes_64k, false) == 1);
  CHECK(tg(page_sizes_16k, false) == 2);
  CHECK(tg(page_sizes_16k, true) == 1);
  CHECK(tg(page_sizes_4k, true) == 2);
  CHECK(tg(page_sizes_64k, true) == 3);
  CHECK(tg(page_sizes_4k, false, s2) == 0);
  CHECK(tg(page_sizes_64k, false, s2) == 1);
  CHECK(tg(page_sizes_16k, false, s2) == 2);
}

TEST_CASE("output address sizes are encoded alike for both stages") {
  const unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52};
  for (const IoPgtableFormat format : {s1, s2})
    for (std::uint32_t code = 0; code < 7; ++code)
      CHECK(made({.oas = sizes[code], .format = format, .page_sizes = page_sizes_64k}).registers(0).ips ==
            code);
}

TEST_CASE("registers of stage 2") {
  const auto registers = [](IoPgtableConfig config) {
    config.format = s2;
    return made(config).registers(0x1'2345'6000);
  };
  const IoPgtableRegisters coherent = registers({.ias = 40, .oas = 40, .coherent_walk = true});
  CHECK(coherent.ttbr == 0x1'2345'6000);
  CHECK(coherent.mair == 0);
  CHECK(coherent.tsz == 24);
  CHECK(coherent.sh == 3);
  CHECK(coherent.irgn == 1);
  CHECK(coherent.orgn == 1);
  const IoPgtableRegisters other = registers({});
  CHECK(other.sh == 2);
  CHECK(other.irgn == 0);
  CHECK(other.orgn == 0);

  CHECK(registers({.ias = 48}).sl == 2);  // from level 0
  CHECK(registers({.ias = 40}).sl == 1);  // from level 1
  CHECK(registers({.ias = 39}).sl == 1);
  CHECK(registers({.ias = 30}).sl == 0);                                // from level 2
  CHECK(registers({.ias = 21}).sl == 3);                                // from level 3: FEAT_TTST's encoding
  CHECK(registers({.ias = 48, .page_sizes = page_sizes_16k}).sl == 2);  // from level 1
  CHECK(registers({.ias = 36, .page_sizes = page_sizes_16k}).sl == 1);  // from level 2
  CHECK(registers({.ias = 25, .page_sizes = page_sizes_16k}).sl == 0);  // from level 3
  CHECK(registers({.ias = 52, .page_sizes = page_sizes_64k}).sl == 2);
  CHECK(registers({.ias = 42, .page_sizes = page_sizes_64k}).sl == 1);
  CHECK(registers({.ias = 29, .page_sizes = page_sizes_64k}).sl == 0);
}
