// SPDX-License-Identifier: Apache-2.0
//
// Expected descriptors are written out as numbers: bit 0 valid, 1 table or page, 4:2 AttrIndx, 6 AP[1],
// 7 AP[2], 9:8 SH, 10 AF, 11 nG, 53 PXN, 54 UXN.

#include "iommu/linux/io_pgtable.h"

#include <catch2/catch.hpp>

#include "tests/unit/linux/io_pgtable_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::flushed_page;
using sidewinder::test::flushed_walk;
using sidewinder::test::Tables;

namespace {

constexpr std::uint64_t page = Tables::page;
constexpr std::uint64_t MiB2 = Tables::MiB2;
constexpr std::uint64_t GiB1 = Tables::GiB1;
constexpr PhysAddr root = Tables::root;
constexpr PhysAddr second = root + page;  // tables in the order in which they are made
constexpr PhysAddr third = root + 2 * page;

constexpr std::uint64_t rw_page = 0xe43;  // nG AF SH=outer AP[1] AttrIndx=0, page
constexpr std::uint64_t rw_block = 0xe41;

bool failed_with(const Status& status, Errno error) {
  return !status && status.error() == error;
}

}  // namespace

TEST_CASE("a 4 KiB page is three descriptors in three tables") {
  Tables t;
  const Tables::Mapped mapped = t.map(0x1'2345'6000, 0x9'8765'4000, page);
  REQUIRE(mapped.status);
  CHECK(mapped.bytes == page);
  CHECK(t.machine.word(root + 4 * 8) == 0x8000'1003);         // 0x1'2345'6000 >> 30
  CHECK(t.machine.word(second + 0x11a * 8) == 0x8000'2003);   // bits 29:21
  CHECK(t.machine.word(third + 0x056 * 8) == 0x9'8765'4e43);  // bits 20:12
  CHECK(t.words_set(4) == 3);
  CHECK(t.pages.pages_in_use() == 3);
  CHECK(t.flush.calls.empty());
}

TEST_CASE("a 2 MiB block ends at level 2") {
  Tables t;
  const Tables::Mapped mapped = t.map(0x4060'0000, 0x1'2340'0000, MiB2);
  REQUIRE(mapped.status);
  CHECK(mapped.bytes == MiB2);
  CHECK(t.machine.word(root + 8) == 0x8000'1003);
  CHECK(t.machine.word(second + 3 * 8) == 0x1'2340'0e41);
  CHECK(t.words_set(4) == 2);
}

TEST_CASE("a 1 GiB block is one descriptor") {
  Tables t;
  const Tables::Mapped mapped = t.map(2 * GiB1, 0x2'4000'0000, GiB1);
  REQUIRE(mapped.status);
  CHECK(mapped.bytes == GiB1);
  CHECK(t.machine.word(root + 2 * 8) == 0x2'4000'0e41);
  CHECK(t.words_set(4) == 1);
  CHECK(t.pages.pages_in_use() == 1);
}

TEST_CASE("what a mapping may be used for is in its attributes") {
  Tables t;
  const auto leaf = [&](IommuProt prot) {
    static std::uint64_t next = 0;
    const std::uint64_t iova = next++ % 512 * page;
    t.tables->unmap_pages(iova, page, 1);
    REQUIRE(t.map(iova, 0, page, 1, prot).status);
    return t.machine.word(third + iova / page * 8);
  };
  constexpr std::uint64_t xn = 0x0060'0000'0000'0000;
  CHECK(leaf({.read = true, .write = true}) == 0xe43);
  CHECK(leaf({.read = true}) == 0xec3);   // AP[2]
  CHECK(leaf({.write = true}) == 0xe43);  // there is no write-only
  CHECK(leaf({.read = true, .write = true, .cache = true}) == 0xf47);
  CHECK(leaf({.read = true, .cache = true}) == 0xfc7);
  CHECK(leaf({.read = true, .write = true, .noexec = true}) == (xn | 0xe43));
  CHECK(leaf({.read = true, .write = true, .mmio = true}) == 0xe4b);
  CHECK(leaf({.read = true, .write = true, .cache = true, .mmio = true}) == 0xf4b);
  CHECK(leaf({.read = true, .write = true, .privileged = true}) == 0xe03);
  CHECK(leaf({.read = true, .cache = true, .noexec = true, .privileged = true}) == (xn | 0xf87));

  REQUIRE(t.map(GiB1, GiB1, GiB1, 1, {.read = true, .write = true, .cache = true}).status);
  CHECK(t.machine.word(root + 8) == (GiB1 | 0xf45));
}

TEST_CASE("the first table depends on the input address size") {
  struct Expected {
    unsigned ias;
    unsigned levels;
    std::uint64_t last_index;  // in the first table
  };
  const auto expected = GENERATE(values<Expected>({{21, 1, 511},
                                                   {30, 2, 511},
                                                   {31, 3, 1},
                                                   {32, 3, 3},
                                                   {36, 3, 63},
                                                   {39, 3, 511},
                                                   {40, 4, 1},
                                                   {48, 4, 511}}));
  CAPTURE(expected.ias);
  Tables t({.ias = expected.ias, .oas = 48, .coherent_walk = true});
  const std::uint64_t top = (std::uint64_t{1} << expected.ias) - page;
  REQUIRE(t.map(top, 0xffff'ffff'f000, page).status);
  CHECK(t.pages.pages_in_use() == expected.levels);
  for (unsigned level = 0; level + 1 < expected.levels; ++level)
    CHECK(t.machine.word(root + level * page + (level == 0 ? expected.last_index : 511) * 8) ==
          (root + (level + 1) * page + 3));
  const PhysAddr last = root + (expected.levels - 1) * page;
  CHECK(t.machine.word(last + (expected.levels == 1 ? expected.last_index : 511) * 8) ==
        0x0000'ffff'ffff'fe43);
  CHECK(t.words_set(expected.levels) == expected.levels);
  CHECK(t.tables->registers().tsz == 64 - expected.ias);
  CHECK(t.tables->iova_to_phys(top + 0xabc) == 0xffff'ffff'fabc);
  if (64 - expected.ias <= 39) {  // what the architecture walks
    const arch::Walk walk = t.walk(top);
    CHECK(walk.ok);
    CHECK(walk.access_count == expected.levels);
    CHECK(walk.leaf.output == 0xffff'ffff'f000);
  }
}

TEST_CASE("registers for the context bank") {
  const auto registers = [](IoPgtableConfig config) { return Tables(config).tables->registers(); };
  const IoPgtable::Registers coherent = registers({.ias = 36, .oas = 40, .coherent_walk = true});
  CHECK(coherent.ttbr == root);
  CHECK(coherent.mair == 0xffff'ffff'f404'ff44);
  CHECK(coherent.tsz == 28);
  CHECK(coherent.tg == 0);
  CHECK(coherent.sh == 3);
  CHECK(coherent.irgn == 1);
  CHECK(coherent.orgn == 1);
  const IoPgtable::Registers other = registers({.ias = 36, .oas = 40, .coherent_walk = false});
  CHECK(other.sh == 2);
  CHECK(other.irgn == 0);
  CHECK(other.orgn == 0);

  const unsigned sizes[] = {32, 36, 40, 42, 44, 48};
  for (std::uint32_t code = 0; code < 6; ++code) CHECK(registers({.oas = sizes[code]}).ips == code);
}

TEST_CASE("what cannot be mapped, and why") {
  Tables t;
  REQUIRE(t.map(0x1000, 0x1000, page).status);
  REQUIRE(t.map(MiB2, MiB2, MiB2).status);
  const std::uint64_t tables = t.pages.pages_in_use();
  const unsigned set = t.words_set(4);
  const auto error = [&](std::uint64_t iova, PhysAddr base, std::uint64_t size, std::uint64_t count = 1,
                         IommuProt prot = {.read = true}) {
    const Tables::Mapped mapped = t.map(iova, base, size, count, prot);
    CHECK(mapped.bytes == 0);
    CHECK_FALSE(mapped.status);
    return mapped.status ? Errno{} : mapped.status.error();
  };
  CHECK(error(0x1000, 0x5000, page) == Errno::EEXIST_);
  CHECK(error(MiB2 + 0x3000, 0x5000, page) == Errno::EEXIST_);  // inside a block
  CHECK(error(MiB2, 0, MiB2) == Errno::EEXIST_);
  CHECK(error(0x0, 0x5000, page, 2) == Errno::EEXIST_);  // the second of two: neither is mapped
  CHECK(error(std::uint64_t{1} << 36, 0, page) == Errno::ERANGE_);
  CHECK(error(0x8000, std::uint64_t{1} << 36, page) == Errno::ERANGE_);
  CHECK(error(0x8000, 0, 0) == Errno::EINVAL_);
  CHECK(error(0x8000, 0, 0x2000) == Errno::EINVAL_);
  CHECK(error(0x8000, 0, 0x20'1000) == Errno::EINVAL_);  // two sizes at once
  CHECK(error(0x8000, 0, page, 1, {}) == Errno::EINVAL_);
  CHECK(error(0x8000, 0, page, 1, {.cache = true, .noexec = true}) == Errno::EINVAL_);
  CHECK(t.pages.pages_in_use() == tables);
  CHECK(t.words_set(4) == set);

  CHECK(t.map((std::uint64_t{1} << 36) - page, (std::uint64_t{1} << 36) - page, page).status);
}

TEST_CASE("without memory for a table nothing is mapped") {
  Tables t({.ias = 36, .oas = 36}, 4);  // the root, and one table at each of two levels, and one more
  REQUIRE(t.map(0, 0, page).status);
  REQUIRE(t.map(MiB2, 0, page).status);
  const Tables::Mapped mapped = t.map(2 * MiB2, 0, page);
  CHECK(failed_with(mapped.status, Errno::ENOMEM_));
  CHECK(mapped.bytes == 0);
  CHECK(t.map(2 * MiB2, 0, MiB2).status);  // needs no table

  CHECK_FALSE(Tables({}, 0).tables);
}

TEST_CASE("one call maps up to the end of its table") {
  Tables t;
  const Tables::Mapped mapped = t.map(510 * page, 0x10'0000, page, 5);
  CHECK(mapped.status);
  CHECK(mapped.bytes == 2 * page);
  CHECK(t.machine.word(third + 510 * 8) == (0x10'0000 + rw_page));
  CHECK(t.machine.word(third + 511 * 8) == (0x10'1000 + rw_page));
  CHECK(t.words_set(4) == 4);
}

TEST_CASE("unmapping clears leaves, flushes each, and stops at a hole") {
  Tables t;
  REQUIRE(t.map(0, 0x10'0000, page, 3).status);
  REQUIRE(t.map(4 * page, 0x20'0000, page).status);
  CHECK(t.tables->unmap_pages(page, page, 4) == 2 * page);
  CHECK(t.flush.calls == std::vector{flushed_page(page, page), flushed_page(2 * page, page)});
  CHECK(t.machine.word(third) == (0x10'0000 + rw_page));
  CHECK(t.machine.word(third + 8) == 0);
  CHECK(t.machine.word(third + 16) == 0);
  CHECK(t.machine.word(third + 32) == (0x20'0000 + rw_page));

  t.flush.calls.clear();
  CHECK(t.tables->unmap_pages(page, page, 1) == 0);
  CHECK(t.tables->unmap_pages(8 * GiB1, page, 1) == 0);
  CHECK(t.tables->unmap_pages(0, page, 0) == 0);
  CHECK(t.tables->unmap_pages(0, 0, 1) == 0);
  CHECK(t.tables->unmap_pages(0, 0x2000, 1) == 0);
  CHECK(t.tables->unmap_pages(std::uint64_t{1} << 36, page, 1) == 0);
  CHECK(t.flush.calls.empty());
}

TEST_CASE("a block is flushed as one entry") {
  Tables t;
  REQUIRE(t.map(MiB2, MiB2, MiB2, 2).status);
  CHECK(t.tables->unmap_pages(MiB2, MiB2, 2) == 2 * MiB2);
  CHECK(t.flush.calls == std::vector{flushed_page(MiB2, MiB2), flushed_page(2 * MiB2, MiB2)});
}

TEST_CASE("unmapping a whole table's range flushes the walks through it and frees it") {
  Tables t;
  REQUIRE(t.map(MiB2, 0x10'0000, page, 512).status);
  REQUIRE(t.pages.pages_in_use() == 3);
  CHECK(t.tables->unmap_pages(MiB2, MiB2, 1) == MiB2);
  CHECK(t.flush.calls == std::vector{flushed_walk(MiB2, MiB2)});
  CHECK(t.machine.word(second + 8) == 0);
  CHECK(t.pages.pages_in_use() == 2);
}

TEST_CASE("unmapping a page of a 2 MiB block leaves a table of the other 511") {
  Tables t;
  constexpr std::uint64_t xn = 0x0060'0000'0000'0000;
  REQUIRE(t.map(3 * MiB2, 0x1'4000'0000, MiB2, 1, {.read = true, .cache = true, .noexec = true}).status);
  CHECK(t.tables->unmap_pages(3 * MiB2 + 0x45'000, page, 1) == page);
  CHECK(t.machine.word(second + 3 * 8) == third + 3);
  for (std::uint64_t index = 0; index < 512; ++index) {
    CAPTURE(index);
    const std::uint64_t expected = xn | 0x1'4000'0fc7 | index << 12;
    REQUIRE(t.machine.word(third + index * 8) == (index == 0x45 ? 0 : expected));
  }
  CHECK(t.flush.calls == std::vector{flushed_page(3 * MiB2 + 0x45'000, page)});
  CHECK(t.pages.pages_in_use() == 3);
}

TEST_CASE("several pages at a block's end") {
  Tables t;
  REQUIRE(t.map(0, MiB2, MiB2, 2).status);
  CHECK(t.tables->unmap_pages(510 * page, page, 4) == 2 * page);  // the next block is another call's
  CHECK(t.machine.word(third + 509 * 8) == (MiB2 + 509 * page + rw_page));
  CHECK(t.machine.word(third + 510 * 8) == 0);
  CHECK(t.machine.word(third + 511 * 8) == 0);
  CHECK(t.machine.word(second + 8) == (2 * MiB2 + rw_block));
  CHECK(t.flush.calls == std::vector{flushed_page(510 * page, page), flushed_page(511 * page, page)});
}

TEST_CASE("a 1 GiB block is split by the level that the hole needs") {
  Tables t;
  REQUIRE(t.map(GiB1, 2 * GiB1, GiB1).status);
  SECTION("a 2 MiB hole") {
    CHECK(t.tables->unmap_pages(GiB1 + MiB2, MiB2, 1) == MiB2);
    CHECK(t.machine.word(root + 8) == second + 3);
    CHECK(t.machine.word(second) == (2 * GiB1 + rw_block));
    CHECK(t.machine.word(second + 8) == 0);
    CHECK(t.machine.word(second + 511 * 8) == (2 * GiB1 + 511 * MiB2 + rw_block));
    CHECK(t.flush.calls == std::vector{flushed_page(GiB1 + MiB2, MiB2)});
    CHECK(t.words_set(4) == 1 + 511);
  }
  SECTION("a 4 KiB hole") {
    CHECK(t.tables->unmap_pages(GiB1 + MiB2, page, 1) == page);
    CHECK(t.machine.word(root + 8) == second + 3);
    CHECK(t.machine.word(second + 8) == third + 3);
    CHECK(t.machine.word(second + 2 * 8) == (2 * GiB1 + 2 * MiB2 + rw_block));
    CHECK(t.machine.word(third) == 0);
    CHECK(t.machine.word(third + 8) == (2 * GiB1 + MiB2 + page + rw_page));
    CHECK(t.flush.calls == std::vector{flushed_page(GiB1 + MiB2, page)});
    CHECK(t.words_set(4) == 1 + 512 + 511);
  }
}

TEST_CASE("a block that cannot be split stays whole") {
  Tables t({.ias = 36, .oas = 36}, 2);
  REQUIRE(t.map(0, MiB2, MiB2).status);
  CHECK(t.tables->unmap_pages(0, page, 1) == 0);
  CHECK(t.machine.word(second) == (MiB2 + rw_block));
  CHECK(t.flush.calls.empty());
}

TEST_CASE("a block takes the place of an emptied table") {
  Tables t;
  REQUIRE(t.map(MiB2, 0, page, 512).status);
  REQUIRE(t.tables->unmap_pages(MiB2, page, 512) == MiB2);
  REQUIRE(t.pages.pages_in_use() == 3);  // an empty table is kept
  t.flush.calls.clear();

  REQUIRE(t.map(MiB2, 4 * MiB2, MiB2).status);
  CHECK(t.machine.word(second + 8) == (4 * MiB2 + rw_block));
  CHECK(t.flush.calls == std::vector{flushed_walk(MiB2, MiB2)});
  CHECK(t.pages.pages_in_use() == 2);
}

TEST_CASE("as in Linux, a block mapped over live pages takes their place too") {
  Tables t;
  REQUIRE(t.map(MiB2 + page, 0, page).status);
  REQUIRE(t.map(MiB2, 4 * MiB2, MiB2).status);
  CHECK(t.tables->iova_to_phys(MiB2 + page) == 4 * MiB2 + page);
}

TEST_CASE("looking up an address") {
  Tables t;
  REQUIRE(t.map(0x1000, 0xabc'd000, page).status);
  REQUIRE(t.map(MiB2, 0x1'4000'0000, MiB2).status);
  REQUIRE(t.map(GiB1, 3 * GiB1, GiB1).status);
  CHECK(t.tables->iova_to_phys(0x1fff) == 0xabc'dfff);
  CHECK(t.tables->iova_to_phys(MiB2 + 0x12'3456) == 0x1'4012'3456);
  CHECK(t.tables->iova_to_phys(2 * GiB1 - 1) == 4 * GiB1 - 1);
  CHECK_FALSE(t.tables->iova_to_phys(0x2000));          // an empty entry of a level 3 table
  CHECK_FALSE(t.tables->iova_to_phys(2 * MiB2));        // of level 2
  CHECK_FALSE(t.tables->iova_to_phys(2 * GiB1));        // of the root
  CHECK_FALSE(t.tables->iova_to_phys(0x10'0000'1000));  // 0x1000, were it not beyond 36 bits
}

TEST_CASE("every table is freed with the last owner of the root") {
  Tables t;
  {
    IoPgtable tables = std::move(*t.tables);
    t.tables.reset();  // owns nothing any more
    std::uint64_t mapped = 0;
    for (const std::uint64_t iova : {std::uint64_t{0}, MiB2, GiB1, 5 * GiB1})
      REQUIRE(tables.map_pages(iova, 0, page, 1, {.read = true}, mapped));
    REQUIRE(tables.map_pages(8 * GiB1, 0, GiB1, 2, {.read = true}, mapped));
    REQUIRE(tables.map_pages(7 * GiB1, 0, MiB2, 2, {.read = true}, mapped));
    CHECK(tables.unmap_pages(8 * GiB1, page, 1) == page);
    CHECK(t.pages.pages_in_use() == 1 + 3 + 1 + 4 + 2);
  }
  CHECK(t.pages.pages_in_use() == 0);
}
