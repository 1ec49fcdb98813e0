// SPDX-License-Identifier: Apache-2.0
//
// A TLB: pages, blocks and contiguous runs of every size, of VAs and IPAs, found by one lookup. An entry of
// both stages is of a VA; it knows its IPA, but an invalidation by IPA leaves it (IHI 0070 §4.4.3.1).
//
// Overlapping entries (IHI 0070 §3.21.1.3, BBML 2): what is inserted replaces all that a lookup of its
// address would find. Elsewhere both may stay until they are invalidated, and a lookup takes one of them,
// whole: there are no TLB conflicts.

#ifndef SIDEWINDER_IOMMU_ARCH_TLB_H
#define SIDEWINDER_IOMMU_ARCH_TLB_H

#include <cstdint>

#include "iommu/arch/address_cache.h"
#include "iommu/arch/mapping.h"
#include "iommu/arch/set_associative.h"
#include "iommu/arch/tlb_invalidation.h"
#include "iommu/arch/tlb_tag.h"

namespace sidewinder::arch {

/// log2 of the bytes of the page, block or run that invalidations by address name a mapping by: stage 1's,
/// but of an IPA stage 2's.
[[nodiscard]] unsigned span_shift(const Mapping& mapping);

class Tlb {
 public:
  /// `base_page_only` makes a part that keeps blocks as pages of their granule, each known only once it has
  /// been used, and whose invalidations by address remove the one page they name, not its block: with it a
  /// driver that invalidates blocks by their base leaves stale pages, as on such a part.
  explicit Tlb(CacheShape shape, bool base_page_only = false);

  /// The mapping of `address`, or nullptr. The pointer holds until the next call that is not a lookup. VAs
  /// are sign-extended, from bit 55 where the top byte is ignored.
  [[nodiscard]] const Mapping* lookup(const TlbTag& tag, std::uint64_t address) {
    return cache_.find(tag, address);
  }

  /// See SetAssociative.
  [[nodiscard]] std::uint32_t index_of(const Mapping& found) const { return cache_.index_of(found); }
  void look_up_again(std::uint32_t index) { cache_.find_again(index); }

  /// Keeps a mapping of `address`, in place of the least recently used of its set.
  void insert(const TlbTag& tag, std::uint64_t address, const Mapping& mapping);
  /// The same where a lookup of the address has just found nothing.
  void insert_missed(const TlbTag& tag, std::uint64_t address, const Mapping& mapping);

  /// An address within a stage 1 page or block also names the entries of both stages that are only a part of
  /// it, stage 2's pages being smaller.
  void invalidate(const TlbInvalidation& what);
  void invalidate_all();

  [[nodiscard]] unsigned occupancy() const { return cache_.occupancy(); }
  [[nodiscard]] const CacheStatistics& statistics() const { return cache_.statistics(); }

 private:
  template <typename Insert>
  void add(const TlbTag& tag, std::uint64_t address, const Mapping& mapping, Insert insert);

  AddressCache<Mapping> cache_;
  bool base_page_only_;
};

}  // namespace sidewinder::arch

#endif
