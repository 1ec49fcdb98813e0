// SPDX-License-Identifier: Apache-2.0
//
// Expected descriptors are written out as numbers: bit 0 valid, 1 table or page, 4:2 AttrIndx, 6 AP[1],
// 7 AP[2], 9:8 SH, 10 AF, 11 nG, 53 PXN, 54 UXN.

#include "iommu/linux/io_pgtable.h"

#include <catch2/catch.hpp>

#include "tests/unit/linux/io_pgtable_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::flushed_walk;
using sidewinder::test::Tables;

namespace {

constexpr std::uint64_t page = Tables::page;
constexpr std::uint64_t MiB2 = Tables::MiB2;
constexpr std::uint64_t GiB1 = Tables::GiB1;
constexpr PhysAddr root = Tables::root;
constexpr PhysAddr second = root + page;  // tables in the order in which they are made
constexpr PhysAddr third = root + 2 * page;

constexpr std::uint64_t software_bit = std::uint64_t{1} << 55;
constexpr std::uint64_t rw_page = 0xe43;  // nG AF SH=outer AP[1] AttrIndx=0, page
constexpr std::uint64_t rw_block = 0xe41;

bool failed_with(const Status& status, Errno error) {
  return !status && status.error() == error;
}

using Write = std::pair<PhysAddr, std::uint64_t>;

std::vector<Write> writes(const Tables& t) {
  std::vector<Write> writes;
  for (const test::BusAccess& access : t.bus.accesses)
    if (access.is_write()) writes.emplace_back(access.address, access.value());
  return writes;
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
    const Tables::Walked walk = t.walk(top);
    CHECK(walk.ok);
    CHECK(walk.reads == expected.levels);
    CHECK(walk.mapping.output == 0xffff'ffff'f000);
  }
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
  CHECK(t.tables->warnings() == 9);  // all but those without a right to map

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

TEST_CASE("every table in the way goes, until a block is") {
  Tables t;
  REQUIRE(t.map(MiB2, 0, page, 512).status);
  REQUIRE(t.map(2 * MiB2 + 5 * page, 0, page).status);
  REQUIRE(t.map(70 * MiB2, 0, page).status);
  REQUIRE(t.map(100 * MiB2, 0, MiB2).status);
  REQUIRE(t.map(101 * MiB2, 0, page).status);
  REQUIRE(t.pages.pages_in_use() == 6);
  CHECK(failed_with(t.map(0, GiB1, MiB2, 200).status, Errno::EEXIST_));
  CHECK(t.flush.calls ==
        std::vector{flushed_walk(MiB2, MiB2), flushed_walk(2 * MiB2, MiB2), flushed_walk(70 * MiB2, MiB2)});
  CHECK(t.pages.pages_in_use() == 3);
  CHECK(t.words_set(2) == 3);  // two of level 2 are left, and the root's
  CHECK(t.tables->warnings() == 1);

  CHECK(t.map(0, GiB1, MiB2, 100).bytes == 100 * MiB2);
  CHECK(t.tables->iova_to_phys(99 * MiB2 + 1) == GiB1 + 99 * MiB2 + 1);
}

TEST_CASE("what others map while a table in the way is flushed is found") {
  Tables t;
  REQUIRE(t.map(0, 0, page).status);
  t.flush.on_call = [&](const test::FlushCall& call) {
    if (call == flushed_walk(0, MiB2)) CHECK(t.map(2 * MiB2, 5 * MiB2, MiB2).status);
  };
  CHECK(failed_with(t.map(0, GiB1, MiB2, 4).status, Errno::EEXIST_));
  CHECK(t.tables->iova_to_phys(2 * MiB2) == 5 * MiB2);
  CHECK_FALSE(t.tables->iova_to_phys(0));
}

TEST_CASE("a walk that does not snoop: tables are marked after they are linked, leaves never") {
  Tables t({.ias = 36, .oas = 36, .coherent_walk = false});
  t.bus.recording = true;
  REQUIRE(t.map(page, 0x5000, page).status);
  CHECK(writes(t) == std::vector<Write>{{root, second + 3},
                                        {root, software_bit | (second + 3)},
                                        {second, third + 3},
                                        {second, software_bit | (third + 3)},
                                        {third + 8, 0x5e43}});
  t.bus.accesses.clear();
  REQUIRE(t.map(2 * page, 0x7000, page, 2).status);  // through tables that are there
  CHECK(writes(t) == std::vector<Write>{{third + 16, 0x7e43}});
  CHECK(t.tables->iova_to_phys(3 * page) == 0x8000);

  Tables coherent;
  coherent.bus.recording = true;
  REQUIRE(coherent.map(page, 0x5000, page).status);
  CHECK(writes(coherent) == std::vector<Write>{{root, second + 3}, {second, third + 3}, {third + 8, 0x5e43}});
}

TEST_CASE("stage 2 starts at up to 16 tables side by side") {
  Tables t({.ias = 42, .oas = 42, .coherent_walk = true, .format = IoPgtableFormat::Arm64LpaeS2});
  CHECK(t.tables->registers().ttbr == root);
  CHECK(t.pages.pages_in_use() == 8);
  REQUIRE(t.map(510 * GiB1, GiB1, GiB1, 3).bytes == 2 * GiB1);  // to the end of the first
  REQUIRE(t.map(512 * GiB1, 3 * GiB1, GiB1).status);
  REQUIRE(t.map(4095 * GiB1 + 511 * MiB2, MiB2, MiB2).status);
  CHECK(t.machine.word(root + 510 * 8) == GiB1 + 0x6d5);
  CHECK(t.machine.word(root + 511 * 8) == 2 * GiB1 + 0x6d5);
  CHECK(t.machine.word(root + 512 * 8) == 3 * GiB1 + 0x6d5);
  CHECK(t.machine.word(root + 4095 * 8) == root + 8 * page + 3);
  CHECK(t.machine.word(root + 8 * page + 511 * 8) == MiB2 + 0x6d5);
  CHECK(t.words_set(9) == 5);
  CHECK(t.tables->iova_to_phys(4096 * GiB1 - 1) == 2 * MiB2 - 1);
  t.tables.reset();
  CHECK(t.pages.pages_in_use() == 0);
}

TEST_CASE("16 KiB pages") {
  constexpr std::uint64_t KiB16 = 0x4000, MiB32 = 0x200'0000;
  Tables t({.ias = 47, .oas = 48, .coherent_walk = true, .page_sizes = page_sizes_16k});
  REQUIRE(t.map(0x7fff'ffff'8000, 0x1'0000'4000, KiB16, 3).bytes == 2 * KiB16);
  REQUIRE(t.map(MiB32, 3 * MiB32, MiB32).status);
  CHECK(t.machine.word(root + 2047 * 8) == root + KiB16 + 3);
  CHECK(t.machine.word(root + KiB16 + 2047 * 8) == root + 2 * KiB16 + 3);
  CHECK(t.machine.word(root + 2 * KiB16 + 2046 * 8) == 0x1'0000'4000 + rw_page);
  CHECK(t.machine.word(root + 2 * KiB16 + 2047 * 8) == 0x1'0000'8000 + rw_page);
  CHECK(t.machine.word(root) == root + 3 * KiB16 + 3);
  CHECK(t.machine.word(root + 3 * KiB16 + 8) == 3 * MiB32 + rw_block);
  CHECK(t.words_set(16) == 6);
  CHECK(t.pages.pages_in_use() == 16);
  CHECK(failed_with(t.map(0, 0, page).status, Errno::EINVAL_));
  CHECK(failed_with(t.map(0, 0, MiB2).status, Errno::EINVAL_));
  CHECK(t.walk(0x7fff'ffff'c000).mapping.output == 0x1'0000'8000);
}

TEST_CASE("64 KiB pages and 52-bit addresses") {
  constexpr std::uint64_t KiB64 = 0x1'0000, MiB512 = 0x2000'0000, TiB4 = std::uint64_t{1} << 42;
  Tables t({.ias = 52, .oas = 52, .coherent_walk = true, .page_sizes = page_sizes_64k_52});
  CHECK(t.pages.pages_in_use() == 2);  // 1024 descriptors
  const PhysAddr level2 = root + KiB64, level3 = root + 2 * KiB64;
  REQUIRE(t.map(KiB64, 0xa'0000'0003'0000, KiB64).status);
  REQUIRE(t.map(MiB512, 0x5'0000'4000'0000, MiB512).status);
  REQUIRE(t.map(1022 * TiB4, 0x3'0400'0000'0000, TiB4, 9).bytes == 2 * TiB4);
  CHECK(t.machine.word(root) == level2 + 3);
  CHECK(t.machine.word(level2) == level3 + 3);
  CHECK(t.machine.word(level3 + 8) == 0x3'a000 + rw_page);
  CHECK(t.machine.word(level2 + 8) == 0x4000'5000 + rw_block);
  CHECK(t.machine.word(root + 1022 * 8) == 0x0400'0000'3000 + rw_block);
  CHECK(t.machine.word(root + 1023 * 8) == 0x0800'0000'3000 + rw_block);
  CHECK(t.words_set(48) == 6);
  CHECK(t.tables->iova_to_phys(KiB64 + 7) == 0xa'0000'0003'0007);
  CHECK(t.tables->iova_to_phys(2 * MiB512 - 1) == 0x5'0000'5fff'ffff);
  CHECK(t.tables->iova_to_phys(0xf'ffff'ffff'ffff) == 0x3'0bff'ffff'ffff);
  CHECK(failed_with(t.map(0, std::uint64_t{1} << 52, KiB64).status, Errno::ERANGE_));
  t.tables.reset();
  CHECK(t.pages.pages_in_use() == 0);
}

TEST_CASE("the upper half of the address space") {
  Tables t({.ias = 39, .oas = 48, .coherent_walk = true, .quirks = {.arm_ttbr1 = true}});
  constexpr std::uint64_t first = 0xffff'ff80'0000'0000;
  REQUIRE(t.map(first, GiB1, GiB1).status);
  REQUIRE(t.map(~std::uint64_t{0xfff}, 0x5000, page).status);
  CHECK(t.machine.word(root) == GiB1 + rw_block);
  CHECK(t.machine.word(root + 511 * 8) == second + 3);
  CHECK(t.machine.word(third + 511 * 8) == 0x5e43);
  CHECK(t.tables->iova_to_phys(~std::uint64_t{0}) == 0x5fff);
  CHECK_FALSE(t.tables->iova_to_phys(0));
  CHECK(failed_with(t.map(GiB1, 0, page).status, Errno::ERANGE_));
  CHECK(failed_with(t.map(first - GiB1, 0, page).status, Errno::ERANGE_));
  CHECK(t.tables->unmap_pages(0, GiB1, 1) == 0);
  CHECK(t.tables->unmap_pages(first, GiB1, 1) == GiB1);
  CHECK(t.tables->warnings() == 3);
}

TEST_CASE("a call ends at the end of a root that is smaller than a table") {
  Tables t({.ias = 36, .oas = 48, .coherent_walk = true});
  CHECK(t.map(62 * GiB1, 0, GiB1, 5).bytes == 2 * GiB1);
  CHECK(t.machine.word(root + 63 * 8) == GiB1 + rw_block);
  CHECK(t.words_set(1) == 2);
  CHECK(t.tables->unmap_pages(62 * GiB1, GiB1, 5) == 2 * GiB1);
  CHECK(t.tables->warnings() == 0);
}

TEST_CASE("a block of a level above the root's cannot be mapped, and the way to it stays") {
  Tables t({.ias = 30, .oas = 40, .coherent_walk = true});
  CHECK(failed_with(t.map(0, 0, GiB1).status, Errno::EINVAL_));
  CHECK(t.tables->warnings() == 1);
  CHECK(t.pages.pages_in_use() == 2);
  CHECK(t.machine.word(root) == second + 3);
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
