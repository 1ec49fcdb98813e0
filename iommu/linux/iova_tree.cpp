// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_tree.h"

#include <algorithm>
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

void mark_stale(IovaNode* node) {
  for (; node != nullptr && !node->stale; node = node->parent) node->stale = true;
}

std::uint64_t gap_of(const IovaNode& node) {
  return node.range.pfn_lo - node.gap_lo;
}

RoughSize aligned_room_of(const IovaNode& node) {
  return rough_size(aligned_room(node.gap_lo, node.range.pfn_lo));
}

/// As deep as the tree is, which is at most twice the logarithm of its nodes.
void refresh(IovaNode& node) {
  IovaRoom largest;
  for (IovaNode* child : node.child) {
    if (child == nullptr) continue;
    if (child->stale) refresh(*child);
    largest.any = std::max(largest.any, child->largest.any);
    largest.aligned = std::max(largest.aligned, child->largest.aligned);
  }
  if (const std::uint64_t gap = gap_of(node); gap != 0) {
    const RoughSize rough = rough_size(gap);
    largest.any = std::max(largest.any, rough);
    // A gap has no more room for what is aligned: often that spares a look.
    if (rough > largest.aligned) largest.aligned = std::max(largest.aligned, aligned_room_of(node));
  }
  node.largest = largest;
  node.stale = false;
}

void clear_links(IovaNode& node) {
  node.parent = nullptr;
  node.child = {};
  node.stale = true;
  node.red = true;
}

void link(IovaNode& node, IovaNode& parent, IovaSide side) {
  node.parent = &parent;
  parent.on(side) = &node;
  mark_stale(&parent);
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

IovaTree::Found IovaTree::find_with_next(Pfn pfn) const {
  IovaNode* above = nullptr;
  IovaNode* at = root_;
  while (at != nullptr) {
    if (pfn < at->range.pfn_lo) {
      above = at;
      at = at->on(IovaSide::Left);
    } else if (pfn > at->range.pfn_hi) {
      at = at->on(IovaSide::Right);
    } else {
      IovaNode* const right = at->on(IovaSide::Right);
      return {at, right != nullptr ? &furthest(*right, IovaSide::Left) : above};
    }
  }
  return {};
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

IovaNode* IovaTree::at_or_above(Pfn pfn) const {
  IovaNode* lowest = nullptr;
  for (IovaNode* at = root_; at != nullptr;) {
    if (at->range.pfn_lo >= pfn) {
      lowest = at;
      at = at->on(IovaSide::Left);
    } else {
      at = at->on(IovaSide::Right);
    }
  }
  return lowest;
}

IovaNode* IovaTree::roomy_below(IovaNode& node, RoughSize size, bool aligned) {
  const auto holds = [size, aligned](const IovaNode& at) {
    return rough_size(gap_of(at)) >= size && (!aligned || aligned_room_of(at) >= size);
  };
  const auto under = [size, aligned](IovaNode* at) {
    if (at == nullptr) return false;
    if (at->stale) refresh(*at);
    return (aligned ? at->largest.aligned : at->largest.any) >= size;
  };
  // The highest under `at`, which is known to have one.
  const auto highest = [&](IovaNode* at) {
    for (;;) {
      if (under(at->on(IovaSide::Right))) {
        at = at->on(IovaSide::Right);
      } else if (holds(*at)) {
        return at;
      } else {
        at = at->on(IovaSide::Left);
      }
    }
  };

  IovaNode* at = &node;
  for (;;) {
    if (under(at->on(IovaSide::Left))) return highest(at->on(IovaSide::Left));
    while (at->parent != nullptr && at->parent->on(IovaSide::Left) == at) at = at->parent;
    IovaNode* const parent = at->parent;
    if (parent == nullptr || holds(*parent)) return parent;
    at = parent;
  }
}

IovaNode*& IovaTree::link_to(const IovaNode& node) {
  return node.parent == nullptr ? root_ : node.parent->on(side_of(*node.parent, &node));
}

/// `node` goes down to `side`; its child on the other side takes its place.
template <IovaSide side>
void IovaTree::rotate(IovaNode& node) {
  IovaNode& riser = *node.on(opposite(side));
  link_to(node) = &riser;
  riser.parent = node.parent;
  set_child(node, opposite(side), riser.on(side));
  set_child(riser, side, &node);
  // What is above them both is stale already.
  node.stale = true;
  riser.stale = true;
}

IovaTree::Inserted IovaTree::insert(IovaNode& node, IovaNode* start) {
  clear_links(node);
  IovaNode* parent = nullptr;
  IovaSide side = IovaSide::Left;
  for (IovaNode* at = start != nullptr ? start : root_; at != nullptr; at = at->on(side)) {
    if (node.range.pfn_lo == at->range.pfn_lo) {
      ordered_ = false;
      return Inserted::Duplicate;
    }
    side = node.range.pfn_lo < at->range.pfn_lo ? IovaSide::Left : IovaSide::Right;
    parent = at;
  }
  // A root is black, so a red node without a parent was never linked.
  if (parent != nullptr && parent->red && parent->parent == nullptr) return Inserted::Detached;

  if (parent == nullptr) {
    root_ = &node;
  } else {
    link(node, *parent, side);
  }
  if (ordered_) split_gap(node);
  repair_red(node);
  return Inserted::Linked;
}

void IovaTree::insert_below(IovaNode& node, IovaNode& above) {
  clear_links(node);
  IovaNode* const left = above.on(IovaSide::Left);
  node.gap_lo = above.gap_lo;
  above.gap_lo = node.range.pfn_hi + 1;
  if (left == nullptr) {
    link(node, above, IovaSide::Left);
  } else {
    link(node, furthest(*left, IovaSide::Right), IovaSide::Right);
  }
  repair_red(node);
}

/// The gap that held the new `node` is now two.
void IovaTree::split_gap(IovaNode& node) {
  const IovaRange& range = node.range;
  IovaNode* const above = next(node);
  if (above != nullptr) {
    node.gap_lo = std::exchange(above->gap_lo, range.pfn_hi + 1);
  } else if (const IovaNode* below = prev(node)) {
    node.gap_lo = below->range.pfn_hi + 1;
  } else {
    node.gap_lo = 0;
  }
  ordered_ = node.gap_lo <= range.pfn_lo && range.pfn_lo <= range.pfn_hi &&
             (above == nullptr || range.pfn_hi < above->range.pfn_lo);
}

void IovaTree::extend_down(IovaNode& node, Pfn pfn_lo) {
  node.range.pfn_lo = pfn_lo;
  if (pfn_lo < node.gap_lo) ordered_ = false;
  mark_stale(&node);
}

void IovaTree::repair_red(IovaNode& inserted) {
  IovaNode* node = &inserted;
  while (is_red(node->parent)) {
    IovaNode& grandparent = *node->parent->parent;
    node = grandparent.on(IovaSide::Left) == node->parent
               ? repair_red_under<IovaSide::Left>(*node, grandparent)
               : repair_red_under<IovaSide::Right>(*node, grandparent);
    if (node == nullptr) return;
  }
  if (node->parent == nullptr) node->red = false;
}

/// The parent of `node` is to `side`, and red as it is. The node that may have a red parent next; null: none.
template <IovaSide side>
IovaNode* IovaTree::repair_red_under(IovaNode& node, IovaNode& grandparent) {
  IovaNode* parent = node.parent;
  if (IovaNode* const uncle = grandparent.on(opposite(side)); is_red(uncle)) {
    parent->red = false;
    uncle->red = false;
    grandparent.red = true;
    return &grandparent;
  }
  if (parent->on(opposite(side)) == &node) {
    rotate<side>(*parent);
    parent = &node;
  }
  rotate<opposite(side)>(grandparent);
  parent->red = false;
  grandparent.red = true;
  return nullptr;
}

void IovaTree::erase(IovaNode& node, IovaNode* above) {
  IovaNode* const left = node.on(IovaSide::Left);
  IovaNode* const right = node.on(IovaSide::Right);
  if (above != nullptr) above->gap_lo = node.gap_lo;

  if (left != nullptr && right != nullptr) {
    // The successor takes the node's place and colour, and it is the successor's old place that is emptied.
    IovaNode& successor = *above;
    IovaNode* const orphan = successor.on(IovaSide::Right);
    IovaNode* const emptied = successor.parent == &node ? &successor : successor.parent;
    const bool lost_black = !successor.red;

    if (emptied != &successor) {
      set_child(*emptied, IovaSide::Left, orphan);
      set_child(successor, IovaSide::Right, right);
    }
    set_child(successor, IovaSide::Left, left);
    link_to(node) = &successor;
    successor.parent = node.parent;
    successor.red = node.red;
    successor.stale = node.stale;
    mark_stale(emptied);

    if (orphan != nullptr) {
      orphan->red = false;
    } else if (lost_black) {
      repair_black(emptied);
    }
    return;
  }

  IovaNode* const orphan = left != nullptr ? left : right;
  link_to(node) = orphan;
  // The node above is the orphan, or one on the way up.
  if (orphan != nullptr) {
    orphan->parent = node.parent;
    mark_stale(right != nullptr ? right : node.parent);
    orphan->red = false;
  } else {
    mark_stale(node.parent);
    if (!node.red) repair_black(node.parent);
  }
}

/// One side of `parent` is a black node short; at first it is the side that is empty.
void IovaTree::repair_black(IovaNode* parent) {
  const IovaNode* node = nullptr;
  while (parent != nullptr) {
    const bool done = side_of(*parent, node) == IovaSide::Left ? repair_black_at<IovaSide::Left>(*parent)
                                                               : repair_black_at<IovaSide::Right>(*parent);
    if (done) return;
    node = parent;
    parent = parent->parent;
  }
}

/// False: now all of `parent` is a black node short.
template <IovaSide side>
bool IovaTree::repair_black_at(IovaNode& parent) {
  IovaNode* sibling = parent.on(opposite(side));
  if (sibling->red) {
    rotate<side>(parent);
    parent.red = true;
    sibling->red = false;
    sibling = parent.on(opposite(side));
  }
  if (!is_red(sibling->on(IovaSide::Left)) && !is_red(sibling->on(IovaSide::Right))) {
    sibling->red = true;
    return std::exchange(parent.red, false);
  }
  if (!is_red(sibling->on(opposite(side)))) {
    rotate<opposite(side)>(*sibling);
    sibling = sibling->parent;
  }
  rotate<side>(parent);
  sibling->red = parent.red;
  parent.red = false;
  sibling->on(opposite(side))->red = false;
  return true;
}

}  // namespace sidewinder::kernel
