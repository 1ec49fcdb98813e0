// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_tree.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <map>
#include <random>
#include <vector>

using namespace sidewinder::kernel;

namespace {

IovaNode node_at(Pfn pfn_lo, Pfn pfn_hi) {
  IovaNode node;
  node.range = {pfn_lo, pfn_hi, IovaKind::Allocated};
  return node;
}

/// The number of black nodes on every way down; -1: the ways differ, a red node has a red child, or a link is
/// torn.
int black_height(const IovaNode* node) {
  if (node == nullptr) return 1;
  for (const IovaNode* child : node->child) {
    if (child != nullptr && (child->parent != node || (node->red && child->red))) return -1;
  }
  const int left = black_height(node->on(IovaSide::Left));
  const int right = black_height(node->on(IovaSide::Right));
  if (left < 0 || left != right) return -1;
  return left + (node->red ? 0 : 1);
}

std::vector<Pfn> forwards(const IovaTree& tree) {
  std::vector<Pfn> keys;
  for (const IovaNode* node = tree.first(); node != nullptr; node = IovaTree::next(*node)) {
    keys.push_back(node->range.pfn_lo);
  }
  return keys;
}

std::vector<Pfn> backwards(const IovaTree& tree) {
  std::vector<Pfn> keys;
  const IovaNode* node = tree.root();
  while (node != nullptr && node->on(IovaSide::Right) != nullptr) node = node->on(IovaSide::Right);
  for (; node != nullptr; node = IovaTree::prev(*node)) keys.push_back(node->range.pfn_lo);
  return keys;
}

}  // namespace

TEST_CASE("an empty tree has nothing to find") {
  const IovaTree tree;
  CHECK(tree.root() == nullptr);
  CHECK(tree.first() == nullptr);
  CHECK(tree.find(0) == nullptr);
  CHECK(tree.find_limit(0) == nullptr);
}

TEST_CASE("a range is found by its ends and its middle, not by its neighbours") {
  IovaTree tree;
  IovaNode low = node_at(10, 19);
  IovaNode high = node_at(40, 40);
  REQUIRE(tree.insert(low, nullptr) == IovaTree::Inserted::Linked);
  REQUIRE(tree.insert(high, nullptr) == IovaTree::Inserted::Linked);
  for (const Pfn pfn : {10u, 15u, 19u}) CHECK(tree.find(pfn) == &low);
  CHECK(tree.find(40) == &high);
  for (const Pfn pfn : {9u, 20u, 39u, 41u}) CHECK(tree.find(pfn) == nullptr);
}

TEST_CASE("a second node with the same pfn_lo stays outside") {
  IovaTree tree;
  IovaNode first = node_at(10, 19);
  IovaNode second = node_at(10, 30);
  REQUIRE(tree.insert(first, nullptr) == IovaTree::Inserted::Linked);
  CHECK(tree.insert(second, nullptr) == IovaTree::Inserted::Duplicate);
  CHECK(tree.find(30) == nullptr);
  CHECK(IovaTree::next(second) == nullptr);
  CHECK(IovaTree::prev(second) == nullptr);

  IovaNode third = node_at(5, 6);
  CHECK(tree.insert(third, &second) == IovaTree::Inserted::Detached);
  CHECK(tree.insert(third, &first) == IovaTree::Inserted::Linked);
}

TEST_CASE("the limit search stops at the first range above the limit, or the one that reaches it") {
  IovaTree tree;
  std::vector<IovaNode> nodes;
  for (Pfn lo = 10; lo <= 100; lo += 10) nodes.push_back(node_at(lo, lo + 4));
  for (IovaNode& node : nodes) REQUIRE(tree.insert(node, nullptr) == IovaTree::Inserted::Linked);

  CHECK(tree.find_limit(1)->range.pfn_lo == 10);
  CHECK(tree.find_limit(10)->range.pfn_lo == 10);
  CHECK(tree.find_limit(15)->range.pfn_lo == 20);
  CHECK(tree.find_limit(76)->range.pfn_lo == 80);
  CHECK(tree.find_limit(100)->range.pfn_lo == 100);
  CHECK(tree.find_limit(104)->range.pfn_lo == 100);
  CHECK(tree.find_limit(105) == nullptr);
}

TEST_CASE("random insertions and removals keep order and balance") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    IovaTree tree;
    std::map<Pfn, IovaNode> nodes;
    const Pfn keys = 4 + random() % 60;
    for (int i = 0; i < 300; ++i) {
      const Pfn key = random() % keys;
      if (const auto found = nodes.find(key); found != nodes.end()) {
        tree.erase(found->second);
        nodes.erase(found);
      } else {
        IovaNode& node = nodes[key];
        node.range = {key, key, IovaKind::Allocated};
        REQUIRE(tree.insert(node, nullptr) == IovaTree::Inserted::Linked);
      }
      REQUIRE(black_height(tree.root()) > 0);
      REQUIRE((tree.root() == nullptr || !tree.root()->red));
      std::vector<Pfn> expected;
      for (const auto& entry : nodes) expected.push_back(entry.first);
      REQUIRE(forwards(tree) == expected);
      REQUIRE(backwards(tree) == std::vector<Pfn>(expected.rbegin(), expected.rend()));
      for (Pfn pfn = 0; pfn < keys; ++pfn) {
        const IovaTree::Found found = tree.find_with_next(pfn);
        const auto at = nodes.find(pfn);
        REQUIRE(found.node == (at == nodes.end() ? nullptr : &at->second));
        if (at == nodes.end()) continue;
        REQUIRE(found.above == (std::next(at) == nodes.end() ? nullptr : &std::next(at)->second));
      }
    }
  }
}

namespace {

/// What the gaps under a node hold at most, from the ranges alone; false: a node remembers something else.
bool remembers_gaps(const IovaNode* node, RoughSize& any, RoughSize& aligned) {
  any = aligned = 0;
  if (node == nullptr) return true;
  const IovaNode* below = IovaTree::prev(*node);
  const Pfn gap_lo = below == nullptr ? 0 : below->range.pfn_hi + 1;
  if (node->gap_lo != gap_lo) return false;
  any = rough_size(node->range.pfn_lo - gap_lo);
  aligned = rough_size(aligned_room(gap_lo, node->range.pfn_lo));
  for (const IovaNode* child : node->child) {
    RoughSize child_any = 0;
    RoughSize child_aligned = 0;
    if (!remembers_gaps(child, child_any, child_aligned)) return false;
    if (child != nullptr && child->stale && !node->stale) return false;
    any = std::max(any, child_any);
    aligned = std::max(aligned, child_aligned);
  }
  return node->stale || node->largest == IovaRoom{any, aligned};
}

bool remembers_gaps(const IovaTree& tree) {
  RoughSize any = 0;
  RoughSize aligned = 0;
  return remembers_gaps(tree.root(), any, aligned);
}

/// As roomy_below(), by looking at each gap.
const IovaNode* next_roomy(const IovaNode& node, std::uint64_t size, bool is_aligned) {
  for (const IovaNode* at = IovaTree::prev(node); at != nullptr; at = IovaTree::prev(*at)) {
    const Pfn hi = at->range.pfn_lo;
    if (size <= (is_aligned ? aligned_room(at->gap_lo, hi) : hi - at->gap_lo)) return at;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("the gaps are known after any change, and the next that has room is found") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 40; ++round) {
    IovaTree tree;
    std::map<Pfn, IovaNode> nodes;
    nodes[5000] = node_at(5000, 5000);
    REQUIRE(tree.insert(nodes[5000], nullptr) == IovaTree::Inserted::Linked);
    for (int i = 0; i < 300; ++i) {
      const auto above = nodes.lower_bound(random() % 4900);
      IovaNode& next = above->second;
      const Pfn lo = next.gap_lo + random() % 30;
      const Pfn hi = lo + random() % 20;
      const auto action = random() % 8;
      if (action < 3 && hi < next.range.pfn_lo) {
        IovaNode& node = nodes[lo];
        node.range = {lo, hi, IovaKind::Allocated};
        REQUIRE(tree.insert(node, nullptr) == IovaTree::Inserted::Linked);
      } else if (action < 5 && hi < next.range.pfn_lo) {
        IovaNode& node = nodes[lo];
        node.range = {lo, hi, IovaKind::Allocated};
        tree.insert_below(node, next);
      } else if (action == 5 && next.gap_lo < next.range.pfn_lo) {
        tree.extend_down(next, next.range.pfn_lo - 1);
      } else if (nodes.size() > 1 && above->first != 5000) {
        tree.erase(next);
        nodes.erase(above);
      }
      REQUIRE(tree.ordered());
      REQUIRE(black_height(tree.root()) > 0);
      REQUIRE(remembers_gaps(tree));
      if (i % 3 != 0) continue;
      IovaNode& from = nodes.lower_bound(random() % 5000)->second;
      const std::uint64_t size = random() % 60;
      const bool aligned = random() % 2 == 0;
      REQUIRE(IovaTree::roomy_below(from, rough_size(size), aligned) == next_roomy(from, size, aligned));
      REQUIRE(remembers_gaps(tree));
      const Pfn pfn = random() % 4900;
      const IovaNode* lowest = tree.at_or_above(pfn);
      REQUIRE((lowest != nullptr && lowest->range.pfn_lo >= pfn));
      REQUIRE((IovaTree::prev(*lowest) == nullptr || IovaTree::prev(*lowest)->range.pfn_lo < pfn));
    }
  }
}

TEST_CASE("a tree is ordered until a range is inverted, overlaps, or has its place taken") {
  IovaNode low = node_at(10, 19);
  IovaNode high = node_at(40, 49);
  const auto still_ordered = [&](const IovaRange& range) {
    IovaNode node = node_at(range.pfn_lo, range.pfn_hi);
    IovaTree tree;
    static_cast<void>(tree.insert(low, nullptr));
    static_cast<void>(tree.insert(high, nullptr));
    static_cast<void>(tree.insert(node, nullptr));
    const bool before = tree.ordered();
    if (IovaTree::next(node) != nullptr) tree.erase(node);
    CHECK(tree.ordered() == before);
    return before;
  };
  CHECK(still_ordered({20, 39}));
  CHECK(still_ordered({0, 9}));
  CHECK(still_ordered({50, ~Pfn{0}}));
  CHECK_FALSE(still_ordered({19, 39}));
  CHECK_FALSE(still_ordered({20, 40}));
  CHECK_FALSE(still_ordered({30, 29}));
  CHECK_FALSE(still_ordered({40, 41}));
  CHECK_FALSE(still_ordered({49, 60}));

  IovaTree tree;
  static_cast<void>(tree.insert(low, nullptr));
  static_cast<void>(tree.insert(high, nullptr));
  tree.extend_down(high, 20);
  CHECK(tree.ordered());
  tree.extend_down(high, 19);
  CHECK_FALSE(tree.ordered());
}
