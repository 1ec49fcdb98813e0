// SPDX-License-Identifier: Apache-2.0
//
// The same random insertions and removals in our tree and in the kernel's: shape and colours are equal after
// each.

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "iommu/linux/iova_tree.h"
#include "kernel_iova.h"

namespace {

using sidewinder::kernel::IovaKind;
using sidewinder::kernel::IovaNode;
using sidewinder::kernel::IovaSide;
using sidewinder::kernel::IovaTree;
using sidewinder::kernel::Pfn;

void preorder(const IovaNode* node, std::vector<std::pair<Pfn, bool>>& keys) {
  if (node == nullptr) return;
  keys.emplace_back(node->range.pfn_lo, node->red);
  preorder(node->on(IovaSide::Left), keys);
  preorder(node->on(IovaSide::Right), keys);
}

bool same_shape(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  kernel_create(4096, 1, 1);
  IovaTree tree;
  std::map<Pfn, IovaNode> nodes;
  const Pfn keys = 8 + random() % 120;
  for (unsigned i = 0; i < 400; ++i) {
    const Pfn key = random() % keys;
    if (const auto found = nodes.find(key); found != nodes.end()) {
      tree.erase(found->second);
      nodes.erase(found);
      kernel_tree_erase(key);
    } else {
      IovaNode& node = nodes[key];
      node.range = {key, key, IovaKind::Allocated};
      if (tree.insert(node, nullptr) != IovaTree::Inserted::Linked) return false;
      kernel_tree_insert(key);
    }
    std::vector<std::pair<Pfn, bool>> mine;
    preorder(tree.root(), mine);
    std::vector<kernel_key> theirs(kernel_tree_preorder(nullptr, 0));
    kernel_tree_preorder(theirs.data(), theirs.size());
    if (!std::equal(
            mine.begin(), mine.end(), theirs.begin(), theirs.end(),
            [](const auto& a, const kernel_key& b) { return a.first == b.key && a.second == b.red; })) {
      std::printf("seed %" PRIu64 ": the trees' shapes differ after %u changes\n", seed, i + 1);
      return false;
    }
  }
  kernel_release();
  return true;
}

}  // namespace

int main() {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    if (!same_shape(seed)) return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
