// SPDX-License-Identifier: Apache-2.0
//
// The red-black tree that holds a domain's I/O virtual address ranges, ordered by their lowest page frame
// number. Its shape is that of lib/rbtree.c after the same insertions and removals: once a reservation has
// put an inverted range into the tree, what an allocation or a lookup meets depends on the shape.

#ifndef SIDEWINDER_IOMMU_LINUX_IOVA_TREE_H
#define SIDEWINDER_IOMMU_LINUX_IOVA_TREE_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace sidewinder::kernel {

/// I/O page frame number: an IOVA divided by the domain's granule. Arithmetic wraps, as unsigned long does.
using Pfn = std::uint64_t;

enum class IovaKind : std::uint8_t {
  Anchor,     ///< the end of the address space, in every domain
  Allocated,  ///< handed out, or freed into the caches
  Reserved,
  Merged,  ///< an allocation that a later overlapping reservation extended; freeing it frees both
};

/// [pfn_lo, pfn_hi], both inclusive. Inverted (pfn_hi < pfn_lo) where a reservation of no length made it.
struct IovaRange {
  Pfn pfn_lo = 0;
  Pfn pfn_hi = 0;
  IovaKind kind = IovaKind::Allocated;

  friend bool operator==(const IovaRange&, const IovaRange&) = default;
};

enum class IovaSide : std::uint8_t { Left, Right };

struct IovaNode {
  IovaRange range;
  IovaNode* parent = nullptr;
  std::array<IovaNode*, 2> child{};  ///< by IovaSide
  bool red = true;

  [[nodiscard]] IovaNode*& on(IovaSide side) { return child[static_cast<std::size_t>(side)]; }
  [[nodiscard]] IovaNode* on(IovaSide side) const { return child[static_cast<std::size_t>(side)]; }
};

class IovaTree {
 public:
  enum class Inserted : std::uint8_t {
    Linked,
    Duplicate,  ///< a node with this pfn_lo is on the way: the new one stays outside the tree
    Detached,   ///< `start` is outside the tree; the kernel follows a null pointer here
  };

  /// Descends by pfn_lo from `start`, or from the root when it is null.
  [[nodiscard]] Inserted insert(IovaNode& node, IovaNode* start);
  void erase(IovaNode& node);

  /// The node whose range holds `pfn`; null: none was met on the way down.
  [[nodiscard]] IovaNode* find(Pfn pfn) const;

  /// Where a search below `limit` may begin: a node that reaches `limit`, with no other at or above it before
  /// it; null: no node reaches it.
  [[nodiscard]] IovaNode* find_limit(Pfn limit) const;

  [[nodiscard]] IovaNode* root() const { return root_; }
  [[nodiscard]] IovaNode* first() const;

  /// Neighbours in order; null: none, or the node is outside the tree.
  [[nodiscard]] static IovaNode* next(const IovaNode& node);
  [[nodiscard]] static IovaNode* prev(const IovaNode& node);

 private:
  [[nodiscard]] IovaNode*& link_to(const IovaNode& node);
  void rotate(IovaNode& node, IovaSide side);
  void repair_red(IovaNode& inserted);
  void repair_black(IovaNode* parent);

  IovaNode* root_ = nullptr;
};

}  // namespace sidewinder::kernel

#endif
