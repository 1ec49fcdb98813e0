// SPDX-License-Identifier: Apache-2.0
//
// The red-black tree that holds a domain's I/O virtual address ranges, ordered by their lowest page frame
// number. Its shape is that of lib/rbtree.c after the same insertions and removals: once a reservation has
// put an inverted range into the tree, what an allocation or a lookup meets depends on the shape. Until then
// the tree also knows the gaps between its ranges, and finds one without a walk.

#ifndef SIDEWINDER_IOMMU_LINUX_IOVA_TREE_H
#define SIDEWINDER_IOMMU_LINUX_IOVA_TREE_H

#include <array>
#include <cstddef>
#include <cstdint>

#include "iommu/linux/iova_room.h"

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

/// What gaps hold, as rough sizes: any request, or one aligned to its size.
struct IovaRoom {
  RoughSize any = 0;
  RoughSize aligned = 0;

  friend bool operator==(const IovaRoom&, const IovaRoom&) = default;
};

struct alignas(64) IovaNode {
  IovaRange range;
  Pfn gap_lo = 0;  ///< the gap below this node is [gap_lo, range.pfn_lo): while the tree is ordered
  IovaNode* parent = nullptr;
  std::array<IovaNode*, 2> child{};  ///< by IovaSide
  IovaRoom largest;                  ///< among the gaps of this node and of those under it: unless stale
  bool stale = true;                 ///< so is every node above a stale one
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
  /// Right below `above`, into its gap; the tree is ordered, and goes on being.
  void insert_below(IovaNode& node, IovaNode& above);
  void erase(IovaNode& node) { erase(node, next(node)); }
  void erase(IovaNode& node, IovaNode* above);   ///< `above` is next(node)
  void extend_down(IovaNode& node, Pfn pfn_lo);  ///< pfn_lo is below the node's

  /// The node whose range holds `pfn`; null: none was met on the way down.
  [[nodiscard]] IovaNode* find(Pfn pfn) const { return find_with_next(pfn).node; }

  struct Found {
    IovaNode* node = nullptr;
    IovaNode* above = nullptr;  ///< next(*node)
  };
  [[nodiscard]] Found find_with_next(Pfn pfn) const;

  /// Where a search below `limit` may begin: a node that reaches `limit`, with no other at or above it before
  /// it; null: no node reaches it.
  [[nodiscard]] IovaNode* find_limit(Pfn limit) const;

  /// Whether all ranges are ascending and apart, with none inverted. Once false it stays false.
  [[nodiscard]] bool ordered() const { return ordered_; }

  /// The lowest node at or above `pfn`, in an ordered tree; null: there is none.
  [[nodiscard]] IovaNode* at_or_above(Pfn pfn) const;

  /// The highest node below `node` whose gap has room for `size`, in an ordered tree; null: there is none.
  /// Where the sizes differ only beyond their 11 highest bits, the gap may be smaller.
  [[nodiscard]] static IovaNode* roomy_below(IovaNode& node, RoughSize size, bool aligned);

  [[nodiscard]] IovaNode* root() const { return root_; }
  [[nodiscard]] IovaNode* first() const;

  /// Neighbours in order; null: none, or the node is outside the tree.
  [[nodiscard]] static IovaNode* next(const IovaNode& node);
  [[nodiscard]] static IovaNode* prev(const IovaNode& node);

 private:
  [[nodiscard]] IovaNode*& link_to(const IovaNode& node);
  void split_gap(IovaNode& node);
  template <IovaSide side>
  void rotate(IovaNode& node);
  template <IovaSide side>
  [[nodiscard]] IovaNode* repair_red_under(IovaNode& node, IovaNode& grandparent);
  template <IovaSide side>
  [[nodiscard]] bool repair_black_at(IovaNode& parent);
  void repair_red(IovaNode& inserted);
  void repair_black(IovaNode* parent);

  IovaNode* root_ = nullptr;
  bool ordered_ = true;
};

}  // namespace sidewinder::kernel

#endif
