// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/address_cache.h"

#include <catch2/catch.hpp>
#include <vector>

namespace sidewinder::arch {
namespace {

AddressEntry page(std::uint64_t address, std::uint16_t asid = 1) {
  return {.tag = {.asid = asid, .vmid = 1}, .address = address};
}

AddressEntry part(std::uint64_t address, unsigned span_shift) {
  AddressEntry made = page(address);
  made.span_shift = span_shift;
  return made;
}

/// How many entries an invalidation of [first, last] asked, none of which it then removed.
template <typename Value>
unsigned asked(AddressCache<Value>& cache, std::uint64_t first, std::uint64_t last) {
  unsigned count = 0;
  cache.erase(first, last, [&](const AddressKey&, const Value&) {
    ++count;
    return false;
  });
  return count;
}

}  // namespace

TEST_CASE("a key keeps what an entry is of") {
  const AddressKey key({.tag = {.asid = 5, .vmid = 6, .world = World::Secure, .stages = Stages::Both},
                        .address = 0xffff'ffff'ffff'ffff,
                        .size_shift = 12,
                        .span_shift = 42,
                        .global = false});
  CHECK(key.size_shift() == 12);
  CHECK(key.span_shift() == 42);
  CHECK(key.span_first() == 0xffff'fc00'0000'0000);
  CHECK(key.span_last() == 0xffff'ffff'ffff'ffff);
  CHECK_FALSE(key.global());
  CHECK(key.tag().asid == 5);
  CHECK(key.tag().vmid == 6);
  CHECK(key.tag().world == World::Secure);
  CHECK(key.tag().stages == Stages::Both);
  const AddressKey block({.address = 0x1234'5678'9abc, .size_shift = 39, .span_shift = 39, .global = true});
  CHECK(block.global());
  CHECK(block.size_shift() == 39);
  CHECK(block.span_first() == 0x1200'0000'0000);
  CHECK(block.span_last() == 0x127f'ffff'ffff);
}

TEST_CASE("an invalidation asks the entries of the addresses it names, be the cache ever so large") {
  AddressCache<int> cache({16384, 4});
  for (std::uint64_t at = 0; at < 8192; ++at) cache.insert(page(at << 12), 0);
  cache.insert({.tag = {.asid = 1, .vmid = 1}, .address = 0x8000'0000, .size_shift = 21, .span_shift = 21},
               0);
  CHECK(cache.occupancy() == 8193);
  CHECK(asked(cache, 0x5000, 0x5000) == 1);
  const unsigned in_range = asked(cache, 0x5000, 0x14'0fff);  // 316 pages; who shares a bucket is asked twice
  CHECK(in_range >= 316);
  CHECK(in_range < 340);
  CHECK(asked(cache, 0x7000'0000, 0x7000'0000) == 0);
  CHECK(asked(cache, 0x801f'ffff, 0x801f'ffff) == 1);
  CHECK(asked(cache, 0, ~std::uint64_t{0}) == 8193);
}

TEST_CASE("of a few pages an invalidation looks at their entries, and of many at all") {
  AddressCache<int> cache({16384, 4});
  const auto looked_at = [&](std::uint64_t first, std::uint64_t last) {
    return cache.erase(first, last, [](const AddressKey&, int) { return false; });
  };
  CHECK(looked_at(0, ~std::uint64_t{0}) == 0);
  for (std::uint64_t at = 0; at < 8192; ++at) cache.insert(page(at << 12), 0);
  CHECK(looked_at(0x5000, 0x5000) < 10);
  CHECK(looked_at(0x8000'0000, 0x8000'ffff) < 40);
  CHECK(looked_at(0x8000'0000, 0xffff'ffff'0000) == 8192);
  CHECK(looked_at(0, ~std::uint64_t{0}) == 8192);
}

TEST_CASE("a size is looked for as long as it is there") {
  AddressCache<int> cache({2, 2});
  const auto entry = [](std::uint64_t address, unsigned shift, bool global) {
    return AddressEntry{.tag = {.asid = 1, .vmid = 1},
                        .address = address,
                        .size_shift = shift,
                        .span_shift = shift,
                        .global = global};
  };
  const auto remove = [&](std::uint64_t address) {
    cache.erase(address, address, [](const AddressKey&, int) { return true; });
  };
  constexpr std::uint64_t pages = 1U << 12, blocks = 1U << 21;
  CHECK(cache.sizes() == 0);
  cache.insert(page(0x1000), 0);
  cache.insert(page(0x2000), 0);
  CHECK(cache.sizes() == pages);
  remove(0x1000);
  CHECK(cache.sizes() == pages);
  cache.insert(entry(0x20'0000, 21, true), 0);
  CHECK(cache.sizes() == (pages | blocks));
  cache.insert(entry(0x40'0000, 21, false), 0);  // evicts the page
  CHECK(cache.sizes() == blocks);
  remove(0x20'0000);
  CHECK(cache.sizes() == blocks);
  cache.insert(entry(0x4f'f000, 12, false), 0);  // in place of the block that has it
  CHECK(cache.sizes() == pages);
  remove(0x4f'f000);
  CHECK(cache.sizes() == 0);
}

TEST_CASE("an invalidation finds an address of all ASIDs") {
  AddressCache<int> cache({4096, 4});
  for (std::uint16_t asid = 0; asid < 64; ++asid)
    for (std::uint64_t at = 0; at < 16; ++at) cache.insert(page(at << 12, asid), 0);
  const unsigned kept = cache.occupancy();
  CHECK(kept > 1000);
  const unsigned there = asked(cache, 0x3000, 0x3000);
  CHECK(there > 60);
  CHECK(there <= 64);
  cache.erase(0x3000, 0x3000, [](const AddressKey&, int) { return true; });
  CHECK(cache.occupancy() == kept - there);
  for (std::uint16_t asid = 0; asid < 64; ++asid)
    CHECK(cache.find({.asid = asid, .vmid = 1}, 0x3000) == nullptr);
}

TEST_CASE("ASIDs, VMIDs and kinds with the same addresses use the whole cache") {
  AddressCache<int> cache({1024, 4});
  for (std::uint16_t asid = 0; asid < 16; ++asid)
    for (std::uint64_t at = 0; at < 16; ++at) cache.insert(page(at << 12, asid), 0);
  CHECK(cache.occupancy() > 240);  // of 256; without the tag in the index 64
}

TEST_CASE("parts widen an invalidation only while they are there") {
  AddressCache<int> cache({4096, 4096});
  for (std::uint64_t at = 0; at < 1024; ++at) cache.insert(page(at << 12), 0);
  CHECK(asked(cache, 0x20'0000, 0x20'0000) == 1);
  cache.insert(part(0x20'5000, 21), 1);
  cache.insert(part(0x4000'1000, 30), 1);
  // Asked are only those whose own span is touched.
  CHECK(asked(cache, 0x20'0000, 0x20'0000) == 2);
  CHECK(asked(cache, 0x3f'f000, 0x3f'f000) == 2);
  CHECK(asked(cache, 0x40'0000, 0x40'0000) == 0);
  CHECK(asked(cache, 0x7fff'f000, 0x7fff'f000) == 1);
  CHECK(asked(cache, 0x8000'0000, 0x8000'0000) == 0);
  cache.erase(0x5fff'f000, 0x5fff'f000, [](const AddressKey&, int) { return true; });
  CHECK(cache.find({.asid = 1, .vmid = 1}, 0x4000'1000) == nullptr);
  cache.erase(0x3f'e000, 0x3f'e000, [](const AddressKey&, int value) { return value == 1; });
  CHECK(cache.find({.asid = 1, .vmid = 1}, 0x20'5000) == nullptr);
  CHECK(cache.occupancy() == 1023);  // the part took the place of its page
  CHECK(cache.erase(0x20'0000, 0x20'0000, [](const AddressKey&, int) { return false; }) < 10);
  CHECK(asked(cache, 0x20'0000, 0x20'0000) == 1);
}

TEST_CASE("a size of pages that only global entries have is found, and so is one of both") {
  AddressCache<int> cache({64, 64});
  const auto entry = [](std::uint64_t address, unsigned shift, bool global) {
    return AddressEntry{.tag = {.asid = 1, .vmid = 1},
                        .address = address,
                        .size_shift = shift,
                        .span_shift = shift,
                        .global = global};
  };
  constexpr TlbTag other{.asid = 2, .vmid = 1};
  cache.insert(entry(0x20'0000, 21, true), 1);
  cache.insert(entry(0x1000, 12, false), 2);
  REQUIRE(cache.find(other, 0x3f'ffff) != nullptr);
  CHECK(*cache.find(other, 0x3f'ffff) == 1);
  CHECK(cache.find(other, 0x1000) == nullptr);
  cache.insert(entry(0x40'0000, 21, false), 3);
  cache.erase(0x20'0000, 0x20'0000, [](const AddressKey&, int) { return true; });
  CHECK(cache.find(other, 0x20'0000) == nullptr);
  CHECK(cache.find(other, 0x40'0000) == nullptr);
  REQUIRE(cache.find({.asid = 1, .vmid = 1}, 0x40'0000) != nullptr);
  CHECK(*cache.find({.asid = 1, .vmid = 1}, 0x40'0000) == 3);
}

}  // namespace sidewinder::arch
