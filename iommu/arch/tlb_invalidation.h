// SPDX-License-Identifier: Apache-2.0
//
// What a TLB invalidation names: of TLBs and walk caches alike, and of both SMMU generations (IHI 0070 §4.4,
// IHI 0062 §5.4). The terms are those of the PE's TLBI instructions (DDI 0487, "TLB maintenance
// instructions").

#ifndef SIDEWINDER_IOMMU_ARCH_TLB_INVALIDATION_H
#define SIDEWINDER_IOMMU_ARCH_TLB_INVALIDATION_H

#include <cstdint>

#include "iommu/arch/tlb_tag.h"
#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

struct TlbInvalidation {
  enum class Asids : std::uint8_t {
    All,           ///< of any ASID, and global: VAA, ALL
    OneNotGlobal,  ///< ASID
    OneOrGlobal,   ///< VA: the ASID's entries, and the global pages and blocks of any
  };
  enum class IpaSpace : std::uint8_t { Any, NonSecure, Secure };

  std::uint8_t worlds = 0;  ///< bit n: World n
  bool stage1 = false;      ///< entries of VAs, of stage 1 alone or of both stages
  bool stage2 = false;      ///< entries of IPAs
  bool one_vmid = false;
  std::uint16_t vmid = 0;
  std::uint16_t vmid_ignored = 0;  ///< bits that do not take part: a wildcard (IHI 0070 §3.17.6)
  Asids asids = Asids::All;
  std::uint16_t asid = 0;
  IpaSpace ipa_space = IpaSpace::Any;  ///< of stage 2 entries, which of a Secure stream's

  bool by_address = false;  ///< only what translates an address from `first` to `last`, both included
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool last_level_only = false;  ///< Leaf: walk caches keep their entries
  bool one_granule = false;      ///< TG
  layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;
  std::uint8_t level = 0;  ///< TTL: of the pages or blocks, 1-3; 0 is any. With one_granule

  [[nodiscard]] static constexpr std::uint8_t bit(World world) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(world));
  }

  /// Whether the entry is of the address spaces named. A table's entry is not global: global is a property of
  /// pages and blocks.
  [[nodiscard]] constexpr bool names(const TlbTag& entry, bool global) const {
    if ((worlds & bit(entry.world)) == 0) return false;
    if (one_vmid && ((entry.vmid ^ vmid) & ~vmid_ignored & 0xffff) != 0) return false;
    if (entry.stages == Stages::Two)
      return stage2 && (ipa_space == IpaSpace::Any || entry.secure_ipa == (ipa_space == IpaSpace::Secure));
    if (!stage1) return false;
    switch (asids) {
      case Asids::OneNotGlobal:
        return !global && entry.asid == asid;
      case Asids::OneOrGlobal:
        return global || entry.asid == asid;
      case Asids::All:
        break;
    }
    return true;
  }

  /// Whether [from, to] has an address that is named.
  [[nodiscard]] constexpr bool touches(std::uint64_t from, std::uint64_t to) const {
    return !by_address || (from <= last && to >= first);
  }

  /// Pages and blocks found at `leaf_level` of a table of this granule.
  [[nodiscard]] constexpr bool names_leaf(layout::vmsa64::Granule leaf_granule, unsigned leaf_level) const {
    return !one_granule || (leaf_granule == granule && (level == 0 || leaf_level == level));
  }

  /// Tables at `table_level`, located by an entry of the level above, unless last_level_only. With TTL those
  /// on the way to its level.
  [[nodiscard]] constexpr bool names_table(layout::vmsa64::Granule table_granule, int table_level) const {
    return !one_granule || (table_granule == granule && (level == 0 || table_level <= level));
  }
};

}  // namespace sidewinder::arch

#endif
