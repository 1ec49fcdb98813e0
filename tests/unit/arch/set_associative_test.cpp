// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/set_associative.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <list>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace sidewinder::arch {
namespace {

struct Key {
  int number = -1;
  std::uint64_t hash_ = 0;
  std::uint64_t group_ = 0;

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t group() const { return group_; }
};

/// Keys stand for themselves and are their own hash, and their own group, unless others are given.
class Numbers {
 public:
  explicit Numbers(CacheShape shape) : cache(shape) {}

  void insert(int key, int value) { insert(static_cast<std::uint64_t>(key), key, value); }
  void insert(std::uint64_t hash, int key, int value) { insert(hash, hash, key, value); }
  void insert(std::uint64_t hash, std::uint64_t group, int key, int value) {
    cache.insert({key, hash, group}, value, [&](const Key& gone) { evicted.push_back(gone.number); });
  }
  std::optional<int> find(int key) { return find(static_cast<std::uint64_t>(key), key); }
  std::optional<int> find(std::uint64_t hash, int key) {
    const std::uint32_t found = cache.find(hash, [&](const Key& each) { return each.number == key; });
    return found == cache.none ? std::nullopt : std::optional(cache.value(found));
  }

  SetAssociative<Key, int> cache;
  std::vector<int> evicted;
};

using Keys = std::vector<int>;

const auto any = [](const Key&, int) { return true; };

}  // namespace

TEST_CASE("a cache shape has ways that divide its entries, or there is no cache") {
  for (const CacheShape shape : {CacheShape{0, 0}, CacheShape{0, 3}, CacheShape{1, 1}, CacheShape{8, 1},
                                 CacheShape{8, 8}, CacheShape{28, 4}, CacheShape{2048, 4}})
    CHECK(shape.valid());
  for (const CacheShape shape : {CacheShape{8, 0}, CacheShape{4, 8}, CacheShape{30, 4}})
    CHECK_FALSE(shape.valid());
}

TEST_CASE("a cache without entries misses always and keeps nothing") {
  Numbers none({0, 0});
  CHECK(none.find(5) == std::nullopt);
  CHECK(none.cache.occupancy() == 0);
  CHECK(none.cache.capacity() == 0);
  CHECK(none.cache.erase(5, any) == 0);
  CHECK(none.cache.erase_if(any) == 0);
}

TEST_CASE("entries of one hash live side by side and are told apart by their keys") {
  Numbers cache({8, 4});
  cache.insert(3, 100, 1);
  cache.insert(3, 200, 2);
  cache.insert(11, 300, 3);  // the same set, another bucket
  CHECK(cache.find(3, 100) == 1);
  CHECK(cache.find(3, 200) == 2);
  CHECK(cache.find(11, 300) == 3);
  CHECK(cache.find(3, 300) == std::nullopt);
  CHECK(cache.cache.occupancy() == 3);
}

TEST_CASE("a full set gives up the entry least recently inserted or found, and other sets keep theirs") {
  Numbers cache({8, 4});  // two sets: even and odd
  for (const int key : {0, 2, 4, 6, 1}) cache.insert(key, 10 * key);
  CHECK(cache.find(0) == 0);
  CHECK(cache.find(4) == 40);
  cache.insert(8, 80);
  CHECK(cache.evicted == Keys{2});
  cache.insert(10, 100);
  CHECK(cache.evicted == Keys{2, 6});
  cache.insert(12, 120);
  CHECK(cache.evicted == Keys{2, 6, 0});
  CHECK(cache.find(1) == 10);
  CHECK(cache.find(4) == 40);
  CHECK(cache.find(2) == std::nullopt);
  CHECK(cache.cache.occupancy() == 5);
  CHECK(cache.cache.statistics().evictions == 3);
  CHECK(cache.cache.statistics().insertions == 8);
}

TEST_CASE("a free slot is taken before anything is evicted") {
  Numbers cache({4, 4});
  for (const int key : {0, 1, 2, 3}) cache.insert(key, key);
  CHECK(cache.cache.erase(3, [](const Key& key, int) { return key.number == 3; }) == 1);
  cache.insert(9, 9);
  CHECK(cache.evicted.empty());
  CHECK(cache.cache.occupancy() == 4);
}

TEST_CASE("removal by group takes every match of that group, whatever its hash, and no other") {
  Numbers cache({16, 4});
  cache.insert(5, 7, 1, 10);
  cache.insert(6, 7, 2, 20);
  cache.insert(5, 7, 3, 30);
  cache.insert(7, 8, 2, 40);
  cache.insert(5, 7 + 32, 4, 50);  // of another group in the same bucket: it is asked too
  std::vector<int> seen;
  CHECK(cache.cache.erase(7, [&](const Key& key, int value) {
    seen.push_back(value);
    return key.number != 2 && key.group_ == 7;
  }) == 2);
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<int>{10, 20, 30, 50});
  CHECK(cache.find(5, 1) == std::nullopt);
  CHECK(cache.find(6, 2) == 20);
  CHECK(cache.find(5, 3) == std::nullopt);
  CHECK(cache.find(7, 2) == 40);
  CHECK(cache.find(5, 4) == 50);
  CHECK(cache.cache.occupancy() == 3);
  CHECK(cache.cache.erase(8, any) == 1);
  CHECK(cache.cache.erase(8, any) == 0);
}

TEST_CASE("the set is chosen by the hash, not by the group") {
  Numbers cache({8, 1});
  for (int key = 0; key < 8; ++key) cache.insert(static_cast<std::uint64_t>(key), 3, key, key);
  CHECK(cache.evicted.empty());
  cache.insert(2, 100, 8, 8);
  CHECK(cache.evicted == Keys{2});
}

TEST_CASE("removal among all takes the matches of every set, from any place of its chain") {
  Numbers cache({16, 4});
  for (int key = 0; key < 12; ++key) cache.insert(static_cast<std::uint64_t>(key % 3), key, key);
  CHECK(cache.cache.erase_if([](const Key& key, int) { return key.number % 2 == 0; }) == 6);
  for (int key = 0; key < 12; ++key) {
    INFO(key);
    CHECK(cache.find(static_cast<std::uint64_t>(key % 3), key).has_value() == (key % 2 == 1));
  }
  CHECK(cache.cache.erase_if(any) == 6);
  CHECK(cache.cache.occupancy() == 0);
  CHECK(cache.cache.statistics().evictions == 0);
}

TEST_CASE("a lookup looks at as few entries in a large cache as in a small one, and in one of many ways") {
  for (const CacheShape shape : {CacheShape{16, 4}, CacheShape{64, 64}, CacheShape{65'536, 8}}) {
    Numbers cache(shape);
    const int count = static_cast<int>(shape.entries);
    for (int key = 0; key < count; ++key) cache.insert(key, key);
    CHECK(cache.cache.occupancy() == shape.entries);
    std::uint64_t looked_at = 0;
    for (int key = 0; key < count; ++key) {
      const auto hit = cache.cache.find(static_cast<std::uint64_t>(key), [&](const Key& each) {
        ++looked_at;
        return each.number == key;
      });
      CHECK(hit != cache.cache.none);
    }
    CHECK(looked_at == shape.entries);
  }
}

TEST_CASE("any sequence does what a list of each set would do") {
  struct Shape {
    std::uint32_t entries, ways;
  };
  for (const Shape shape :
       {Shape{1, 1}, Shape{8, 1}, Shape{16, 4}, Shape{32, 32}, Shape{64, 8}, Shape{28, 4}, Shape{12, 12}}) {
    std::mt19937_64 random(shape.entries * 100 + shape.ways);
    const auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
    Numbers cache({shape.entries, shape.ways});
    const unsigned sets = shape.entries / shape.ways;
    std::vector<std::list<std::pair<int, int>>> model(sets);  // most recently used first
    for (int step = 0; step < 20'000; ++step) {
      const int key = below(3 * shape.entries);
      auto& set = model[static_cast<unsigned>(key) % sets];
      const auto place =
          std::find_if(set.begin(), set.end(), [&](const auto& each) { return each.first == key; });
      const int action = below(16);
      if (action == 0) {
        CHECK(cache.cache.erase(static_cast<std::uint64_t>(key), [&](const Key& each, int) {
          return each.number == key;
        }) == (place != set.end() ? 1 : 0));
        if (place != set.end()) set.erase(place);
      } else if (place == set.end()) {
        REQUIRE(cache.find(key) == std::nullopt);
        cache.insert(key, step);
        if (set.size() == shape.ways) set.pop_back();
        set.emplace_front(key, step);
      } else {
        REQUIRE(cache.find(key) == place->second);
        set.splice(set.begin(), set, place);
      }
    }
    std::size_t left = 0;
    for (const auto& set : model) left += set.size();
    CHECK(cache.cache.occupancy() == left);
    const CacheStatistics& counts = cache.cache.statistics();
    CHECK(counts.evictions == cache.evicted.size());
  }
}

}  // namespace sidewinder::arch
