// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/page_allocator.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "tests/support/plain_machine.h"

using namespace sidewinder;
using namespace sidewinder::kernel;

namespace {

constexpr std::uint64_t MiB = 1 << 20;
constexpr PhysAddr base = 0x8000'0000;

struct Memory {
  test::PlainMachine machine{test::PlainMachineConfig{}};

  PageAllocator allocator(std::vector<PhysRange> ranges, double fragmentation = 0, std::uint64_t seed = 1) {
    return {machine, ranges, fragmentation, seed};
  }
};

std::vector<PhysAddr> take_all(PageAllocator& allocator, unsigned order) {
  std::vector<PhysAddr> taken;
  while (const std::optional<PhysAddr> block = allocator.allocate(order)) taken.push_back(*block);
  return taken;
}

}  // namespace

TEST_CASE("the lowest block that fits is taken, aligned to its size") {
  Memory memory;
  PageAllocator pages = memory.allocator({{base, 8 * MiB}});
  CHECK(pages.allocate(0) == base);
  CHECK(pages.allocate(1) == base + 0x2000);
  CHECK(pages.allocate(0) == base + 0x1000);
  CHECK(pages.allocate(9) == base + 2 * MiB);
  CHECK(pages.allocate(10) == base + 4 * MiB);
  CHECK(pages.pages_in_use() == 1 + 2 + 1 + 512 + 1024);
}

TEST_CASE("a smaller free block is used up before a larger one is split") {
  Memory memory;
  PageAllocator pages = memory.allocator({{base, 4 * MiB}, {base + 16 * MiB, 0x1000}});
  CHECK(pages.allocate(0) == base + 16 * MiB);
  CHECK(pages.allocate(0) == base);
}

TEST_CASE("only whole pages of the memory are used") {
  Memory memory;
  PageAllocator pages = memory.allocator({{base + 1, 0x2fff}, {base + 0x10'0800, 0x1000}});
  CHECK(take_all(pages, 0) == std::vector<PhysAddr>{base + 0x1000, base + 0x2000});
  CHECK(pages.pages_in_use() == 2);
}

TEST_CASE("blocks are aligned, disjoint and inside the memory, and run out exactly") {
  Memory memory;
  PageAllocator pages = memory.allocator({{base + 0x3000, 5 * MiB}, {base + 0x80'0000, 3 * MiB}});
  std::mt19937_64 random(7);
  std::set<std::uint64_t> used;
  for (int attempt = 0; attempt < 3000; ++attempt) {
    const auto order = static_cast<unsigned>(random() % 8);
    const std::optional<PhysAddr> block = pages.allocate(order);
    if (!block) continue;
    REQUIRE(*block % (page_size << order) == 0);
    for (std::uint64_t page = *block >> page_shift; page < (*block >> page_shift) + (1U << order); ++page)
      REQUIRE(used.insert(page).second);
  }
  for (const PhysAddr page : take_all(pages, 0)) REQUIRE(used.insert(page >> page_shift).second);
  CHECK(used.size() == 8 * MiB / page_size);
  CHECK(*used.begin() == (base + 0x3000) >> page_shift);
  CHECK(*used.rbegin() == ((base + 0x80'0000 + 3 * MiB) >> page_shift) - 1);
  CHECK(pages.pages_in_use() == used.size());
  CHECK_FALSE(pages.allocate(0));
}

TEST_CASE("what is freed merges, whatever the order") {
  Memory memory;
  PageAllocator pages = memory.allocator({{base, 16 * MiB}});
  const std::vector<PhysAddr> whole = take_all(pages, PageAllocator::max_order);
  CHECK(whole.size() == 4);
  for (const PhysAddr block : whole) pages.free(block, 1024);

  std::vector<PhysAddr> single = take_all(pages, 0);
  CHECK(single.size() == 4096);
  CHECK_FALSE(pages.allocate(1));
  std::mt19937_64 random(3);
  for (std::size_t left = single.size(); left > 1; --left)
    std::swap(single[left - 1], single[random() % left]);
  for (const PhysAddr page : single) pages.free(page, 1);
  CHECK(pages.pages_in_use() == 0);
  CHECK(take_all(pages, PageAllocator::max_order) == whole);
}

TEST_CASE("blocks that are not buddies stay apart") {
  Memory memory;
  PageAllocator pages = memory.allocator({{base, 4 * 0x1000}});
  CHECK(take_all(pages, 0).size() == 4);
  pages.free(base + 0x1000, 2);  // pages 1 and 2: neighbours of different pairs
  CHECK_FALSE(pages.allocate(1));
  pages.free(base, 1);
  CHECK(pages.allocate(1) == base);
}

TEST_CASE("a part of a block can be given back") {
  Memory memory;
  PageAllocator pages = memory.allocator({{base, 2 * MiB}});
  REQUIRE(pages.allocate(9) == base);
  pages.free(base + 0x5000, 3);
  CHECK(pages.pages_in_use() == 509);
  CHECK(pages.allocate(1) == base + 0x6000);
  CHECK(pages.allocate(0) == base + 0x5000);
  CHECK_FALSE(pages.allocate(0));
}

TEST_CASE("the share of broken 2 MiB blocks is the one asked for") {
  Memory memory;
  constexpr std::uint64_t blocks = 128;
  const auto whole_blocks = [&](double share, std::uint64_t seed) {
    PageAllocator pages = memory.allocator({{base, blocks * 2 * MiB}}, share, seed);
    CHECK(pages.pages_in_use() == 0);
    return take_all(pages, 9);
  };
  CHECK(whole_blocks(0.0, 1).size() == blocks);
  CHECK(whole_blocks(1.0, 1).empty());
  const std::size_t half = whole_blocks(0.5, 1).size();
  CHECK(half > blocks / 2 - 24);  // four standard deviations
  CHECK(half < blocks / 2 + 24);
  CHECK(whole_blocks(0.25, 1).size() > half);

  CHECK(whole_blocks(0.5, 1) == whole_blocks(0.5, 1));
  CHECK(whole_blocks(0.5, 1) != whole_blocks(0.5, 2));
}

TEST_CASE("a broken block lacks one to eight pages, and no other does") {
  Memory memory;
  constexpr std::uint64_t pages_per_block = 512;
  PageAllocator pages = memory.allocator({{base, 64 * MiB}}, 0.5, 11);
  const std::vector<PhysAddr> whole = take_all(pages, 9);
  for (const PhysAddr block : whole) pages.free(block, pages_per_block);

  std::map<PhysAddr, std::uint64_t> free_in_block;
  for (const PhysAddr page : take_all(pages, 0)) ++free_in_block[page & ~(2 * MiB - 1)];
  REQUIRE(free_in_block.size() == 32);
  for (const auto& [block, count] : free_in_block) {
    const bool is_whole = std::find(whole.begin(), whole.end(), block) != whole.end();
    CHECK(
        (is_whole ? count == pages_per_block : count >= pages_per_block - 8 && count <= pages_per_block - 1));
  }
}

TEST_CASE("zeroed pages are zero to their last byte, and others untouched") {
  Memory memory;
  const std::vector<std::byte> ones(6 * MiB, std::byte{0xff});
  REQUIRE(memory.machine.write(base, ones, Security::NonSecure));
  PageAllocator pages = memory.allocator({{base, 6 * MiB}});

  const std::uint64_t before = memory.machine.accesses();
  REQUIRE(pages.allocate(9) == base + 4 * MiB);
  CHECK(memory.machine.accesses() == before);  // plain pages keep what was in them

  REQUIRE(pages.allocate_zeroed(10) == base);
  std::vector<std::byte> now(6 * MiB);
  REQUIRE(memory.machine.read(base, now, Security::NonSecure));
  const auto end = now.begin() + static_cast<std::ptrdiff_t>(4 * MiB);
  CHECK(std::all_of(now.begin(), end, [](std::byte byte) { return byte == std::byte{0}; }));
  CHECK(std::all_of(end, now.end(), [](std::byte byte) { return byte == std::byte{0xff}; }));
  CHECK_FALSE(pages.allocate_zeroed(0));
}
