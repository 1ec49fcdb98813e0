// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_tree.h"

#include <utility>

namespace sidewinder::kernel {

namespace {

constexpr IovaSide opposite(IovaSide side) {
  return side == IovaSide::Left ? IovaSide::Right : IovaSide::Left;
}

IovaSide side_of(const IovaNode& parent, const IovaNode* child) {
  return parent.on(IovaSide::Left) == child ? IovaSide::Left : IovaSide::Right;
}

bool is_red(const IovaNode* node) {
  return node != nullptr && node->red;
}

IovaNode& furthest(IovaNode& node, IovaSide side) {
  IovaNode* at = &node;
  while (at->on(side) != nullptr) at = at->on(side);
  return *at;
}

IovaNode* neighbour(const IovaNode& node, IovaSide side) {
  if (node.on(side) != nullptr) return &furthest(*node.on(side), opposite(side));
  const IovaNode* at = &node;
  while (at->parent != nullptr && at->parent->on(side) == at) at = at->parent;
  return at->parent;
}

void set_child(IovaNode& parent, IovaSide side, IovaNode* child) {
  parent.on(side) = child;
  if (child != nullptr) child->parent = &parent;
}

}  // namespace

IovaNode* IovaTree::next(const IovaNode& node) {
  return neighbour(node, IovaSide::Right);
}

IovaNode* IovaTree::prev(const IovaNode& node) {
  return neighbour(node, IovaSide::Left);
}

IovaNode* IovaTree::first() const {
  return root_ == nullptr ? nullptr : &furthest(*root_, IovaSide::Left);
}

IovaNode* IovaTree::find(Pfn pfn) const {
  IovaNode* at = root_;
  while (at != nullptr) {
    if (pfn < at->range.pfn_lo) {
      at = at->on(IovaSide::Left);
    } else if (pfn > at->range.pfn_hi) {
      at = at->on(IovaSide::Right);
    } else {
      return at;
    }
  }
  return nullptr;
}

IovaNode* IovaTree::find_limit(Pfn limit) const {
  IovaNode* best = root_;
  while (best != nullptr && best->range.pfn_hi < limit) best = best->on(IovaSide::Right);
  if (best == nullptr) return nullptr;

  for (IovaNode* at = best->on(IovaSide::Left); at != nullptr;) {
    if (at->range.pfn_lo >= limit) {
      best = at;
      at = at->on(IovaSide::Left);
    } else {
      at = at->on(IovaSide::Right);
    }
  }
  return best;
}

IovaNode*& IovaTree::link_to(const IovaNode& node) {
  return node.parent == nullptr ? root_ : node.parent->on(side_of(*node.parent, &node));
}

/// `node` goes down to `side`; its child on the other side takes its place.
void IovaTree::rotate(IovaNode& node, IovaSide side) {
  IovaNode& riser = *node.on(opposite(side));
  link_to(node) = &riser;
  riser.parent = node.parent;
  set_child(node, opposite(side), riser.on(side));
  set_child(riser, side, &node);
}

IovaTree::Inserted IovaTree::insert(IovaNode& node, IovaNode* start) {
  IovaNode* parent = nullptr;
  IovaSide side = IovaSide::Left;
  for (IovaNode* at = start != nullptr ? start : root_; at != nullptr; at = at->on(side)) {
    if (node.range.pfn_lo == at->range.pfn_lo) return Inserted::Duplicate;
    side = node.range.pfn_lo < at->range.pfn_lo ? IovaSide::Left : IovaSide::Right;
    parent = at;
  }
  // A root is black, so a red node without a parent was never linked.
  if (parent != nullptr && parent->red && parent->parent == nullptr) return Inserted::Detached;

  node.parent = parent;
  node.child = {};
  node.red = true;
  (parent == nullptr ? root_ : parent->on(side)) = &node;
  repair_red(node);
  return Inserted::Linked;
}

void IovaTree::repair_red(IovaNode& inserted) {
  IovaNode* node = &inserted;
  while (is_red(node->parent)) {
    IovaNode* parent = node->parent;
    IovaNode* grandparent = parent->parent;
    const IovaSide side = side_of(*grandparent, parent);
    IovaNode* uncle = grandparent->on(opposite(side));
    if (is_red(uncle)) {
      parent->red = false;
      uncle->red = false;
      grandparent->red = true;
      node = grandparent;
      continue;
    }
    if (parent->on(opposite(side)) == node) {
      rotate(*parent, side);
      std::swap(parent, node);
    }
    rotate(*grandparent, opposite(side));
    parent->red = false;
    grandparent->red = true;
    return;
  }
  if (node->parent == nullptr) node->red = false;
}

void IovaTree::erase(IovaNode& node) {
  if (node.on(IovaSide::Left) != nullptr && node.on(IovaSide::Right) != nullptr) {
    // The successor takes the node's place and colour, and it is the successor's old place that is emptied.
    IovaNode& successor = *next(node);
    IovaNode* const orphan = successor.on(IovaSide::Right);
    IovaNode* const emptied = successor.parent == &node ? &successor : successor.parent;
    const bool lost_black = !successor.red;

    if (emptied != &successor) {
      set_child(*emptied, IovaSide::Left, orphan);
      set_child(successor, IovaSide::Right, node.on(IovaSide::Right));
    }
    set_child(successor, IovaSide::Left, node.on(IovaSide::Left));
    link_to(node) = &successor;
    successor.parent = node.parent;
    successor.red = node.red;

    if (orphan != nullptr) {
      orphan->red = false;
    } else if (lost_black) {
      repair_black(emptied);
    }
    return;
  }

  IovaNode* const orphan =
      node.on(IovaSide::Left) != nullptr ? node.on(IovaSide::Left) : node.on(IovaSide::Right);
  link_to(node) = orphan;
  if (orphan != nullptr) {
    orphan->parent = node.parent;
    orphan->red = false;
  } else if (!node.red) {
    repair_black(node.parent);
  }
}

/// One side of `parent` is a black node short; at first it is the side that is empty.
void IovaTree::repair_black(IovaNode* parent) {
  const IovaNode* node = nullptr;
  while (parent != nullptr) {
    const IovaSide side = side_of(*parent, node);
    IovaNode* sibling = parent->on(opposite(side));
    if (sibling->red) {
      rotate(*parent, side);
      parent->red = true;
      sibling->red = false;
      sibling = parent->on(opposite(side));
    }
    if (!is_red(sibling->on(IovaSide::Left)) && !is_red(sibling->on(IovaSide::Right))) {
      sibling->red = true;
      if (parent->red) {
        parent->red = false;
        return;
      }
      node = parent;
      parent = parent->parent;
      continue;
    }
    if (!is_red(sibling->on(opposite(side)))) {
      rotate(*sibling, opposite(side));
      sibling = sibling->parent;
    }
    rotate(*parent, side);
    sibling->red = parent->red;
    parent->red = false;
    sibling->on(opposite(side))->red = false;
    return;
  }
}

}  // namespace sidewinder::kernel
