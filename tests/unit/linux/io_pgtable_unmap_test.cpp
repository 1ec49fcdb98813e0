// SPDX-License-Identifier: Apache-2.0
//
// IoPgtable's unmapping (io_pgtable_unmap.cpp). Expected descriptors are written out as numbers, as in
// io_pgtable_test.cpp.

#include <catch2/catch.hpp>

#include "iommu/linux/io_pgtable.h"
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

}  // namespace

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
  CHECK(t.tables->warnings() == 7);  // each, and the hole
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

TEST_CASE("an entry is cleared before its page is flushed, and nothing later is") {
  Tables t;
  REQUIRE(t.map(0, 0, page, 3).status);
  std::vector<std::vector<bool>> set;
  t.flush.on_call = [&](const test::FlushCall&) {
    set.push_back(
        {t.machine.word(third) != 0, t.machine.word(third + 8) != 0, t.machine.word(third + 16) != 0});
  };
  CHECK(t.tables->unmap_pages(0, page, 3) == 3 * page);
  CHECK(set ==
        std::vector<std::vector<bool>>{{false, true, true}, {false, false, true}, {false, false, false}});
}

TEST_CASE("a table is freed when walks through it are flushed, not before") {
  Tables t;
  REQUIRE(t.map(MiB2, 0x10'0000, page).status);
  const bool by_unmap = GENERATE(true, false);
  t.flush.on_call = [&](const test::FlushCall&) {
    CHECK(t.machine.word(second + 8) == 0);
    CHECK(t.pages.pages_in_use() == 3);
  };
  if (by_unmap)
    CHECK(t.tables->unmap_pages(MiB2, MiB2, 1) == MiB2);
  else
    CHECK(t.map(MiB2, 0, MiB2).status);
  CHECK(t.flush.calls == std::vector{flushed_walk(MiB2, MiB2)});
  CHECK(t.pages.pages_in_use() == 2);
}

TEST_CASE("unmapping a gigabyte frees the tables of two levels") {
  Tables t;
  REQUIRE(t.map(GiB1, 0, page).status);
  REQUIRE(t.map(2 * GiB1 - page, 0, page).status);
  REQUIRE(t.map(GiB1 + 5 * MiB2, 0, MiB2).status);
  REQUIRE(t.pages.pages_in_use() == 4);
  CHECK(t.tables->unmap_pages(GiB1, GiB1, 1) == GiB1);
  CHECK(t.flush.calls == std::vector{flushed_walk(GiB1, GiB1)});
  CHECK(t.pages.pages_in_use() == 1);
  CHECK(t.words_set(1) == 0);
}

TEST_CASE("a flush queue's pages are not flushed one by one, tables and split blocks are") {
  Tables t;
  REQUIRE(t.map(0, 0, page, 2).status);
  REQUIRE(t.map(MiB2, 0, MiB2, 2).status);
  IotlbGather queued{.queued = true};
  CHECK(t.tables->unmap_pages(0, page, 1, queued) == page);
  CHECK(t.tables->unmap_pages(MiB2, MiB2, 1, queued) == MiB2);
  CHECK(t.flush.calls.empty());
  CHECK(t.tables->unmap_pages(0, MiB2, 1, queued) == MiB2);
  CHECK(t.tables->unmap_pages(2 * MiB2 + page, page, 2, queued) == 2 * page);
  CHECK(t.flush.calls == std::vector{flushed_walk(0, MiB2), flushed_page(2 * MiB2 + page, page),
                                     flushed_page(2 * MiB2 + 2 * page, page)});
}

TEST_CASE("a split block's table is whole before it takes the block's place, and that before the flush") {
  const bool coherent = GENERATE(true, false);
  Tables t({.ias = 36, .oas = 36, .coherent_walk = coherent});
  REQUIRE(t.map(0, MiB2, MiB2).status);
  t.bus.recording = true;
  std::size_t writes_before_flush = 0;
  const auto writes = [&] {
    std::vector<test::BusAccess> found;
    for (const test::BusAccess& access : t.bus.accesses)
      if (access.is_write()) found.push_back(access);
    return found;
  };
  t.flush.on_call = [&](const test::FlushCall&) { writes_before_flush = writes().size(); };
  REQUIRE(t.tables->unmap_pages(page, page, 1) == page);

  const std::vector<test::BusAccess> done = writes();
  REQUIRE(done.size() == (coherent ? 2 : 3));
  CHECK(done[0].address == third);
  CHECK(done[0].data.size() == page);
  CHECK(done[1].address == second);
  CHECK(done[1].value() == third + 3);  // never invalid in between, as in Linux
  if (!coherent) {
    CHECK(done[2].address == second);
    CHECK(done[2].value() == (std::uint64_t{1} << 55 | (third + 3)));
  }
  CHECK(writes_before_flush == done.size());
}

TEST_CASE("what a split keeps of a block's bits") {
  Tables t;
  REQUIRE(t.map(0, MiB2, MiB2).status);
  // Contiguous, both XN, all software bits; AP read-only, inner shareable, AttrIndx 1, NS.
  write_word<std::uint64_t>(t.machine, second, 0x07f0'0000'0020'0fe5);
  REQUIRE(t.tables->unmap_pages(0, page, 1) == page);
  CHECK(t.machine.word(third + 8) == 0x0060'0000'0020'1fe7);
}

TEST_CASE("splitting a stage 2 block of 64 KiB pages and 52-bit addresses") {
  constexpr std::uint64_t KiB64 = 0x1'0000, MiB512 = 0x2000'0000;
  Tables t({.ias = 42,
            .oas = 52,
            .coherent_walk = true,
            .format = IoPgtableFormat::Arm64LpaeS2,
            .page_sizes = page_sizes_64k});
  REQUIRE(t.map(MiB512, 0x9'0000'2000'0000, MiB512, 1, {.read = true, .cache = true, .noexec = true}).status);
  REQUIRE(t.machine.word(root + 8) == 0x0060'0000'2000'977d);
  CHECK(t.tables->unmap_pages(MiB512 + 8190 * KiB64, KiB64, 5) == 2 * KiB64);
  const PhysAddr table = root + KiB64;
  CHECK(t.machine.word(root + 8) == table + 3);
  for (std::uint64_t index = 0; index < 8190; ++index)
    if (t.machine.word(table + index * 8) != (0x0060'0000'2000'977f | index << 16)) FAIL(index);
  CHECK(t.machine.word(table + 8190 * 8) == 0);
  CHECK(t.machine.word(table + 8191 * 8) == 0);
  CHECK(t.flush.calls ==
        std::vector{flushed_page(MiB512 + 8190 * KiB64, KiB64), flushed_page(MiB512 + 8191 * KiB64, KiB64)});
  CHECK(t.pages.pages_in_use() == 32);

  t.flush.calls.clear();
  CHECK(t.tables->unmap_pages(MiB512, MiB512, 1) == MiB512);
  CHECK(t.flush.calls == std::vector{flushed_walk(MiB512, MiB512, KiB64)});
  CHECK(t.pages.pages_in_use() == 16);
}

TEST_CASE("one call unmaps up to the end of its one of several root tables") {
  Tables t({.ias = 40, .oas = 40, .coherent_walk = true, .format = IoPgtableFormat::Arm64LpaeS2});
  for (std::uint64_t index = 510; index < 514; ++index) REQUIRE(t.map(index * GiB1, 0, GiB1).status);
  CHECK(t.tables->unmap_pages(510 * GiB1, GiB1, 4) == 2 * GiB1);
  CHECK(t.tables->unmap_pages(512 * GiB1, GiB1, 2) == 2 * GiB1);
  CHECK(t.words_set(2) == 0);
  CHECK(t.tables->warnings() == 0);
}

TEST_CASE("a block of a level above the root's cannot be unmapped") {
  Tables t({.ias = 30, .oas = 40, .coherent_walk = true});
  CHECK(t.tables->unmap_pages(0, GiB1, 1) == 0);  // an empty entry
  CHECK(t.tables->warnings() == 1);
  REQUIRE(t.map(0, 0, page).status);
  CHECK(t.tables->unmap_pages(0, GiB1, 1) == 0);  // a page is no block to split
  CHECK(t.tables->warnings() == 2);
  REQUIRE(t.map(MiB2, 0, MiB2).status);
  CHECK(t.tables->unmap_pages(MiB2, GiB1, 1) == 0);  // split, and its pages likewise
  CHECK(t.tables->warnings() == 3);
  CHECK(t.flush.calls.empty());
  CHECK(t.tables->iova_to_phys(MiB2 + 5) == 5);
}
