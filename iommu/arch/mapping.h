// SPDX-License-Identifier: Apache-2.0
//
// What walks find and TLBs keep: where a page or block goes, and what each stage says of it. Enough to check
// any later access as a walk would, fault record included.

#ifndef SIDEWINDER_IOMMU_ARCH_MAPPING_H
#define SIDEWINDER_IOMMU_ARCH_MAPPING_H

#include <cstdint>

#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

/// What a valid stage 1 mapping allows, all levels taken together.
struct Permissions {
  bool unprivileged = false;  ///< AP[1]: EL0 may access
  bool read_only = false;     ///< AP[2]
  bool pxn = false;           ///< XN in a regime with one privilege level is uxn
  bool uxn = false;
  bool dirty_pending = false;  ///< read_only by AP[2] alone, DBM set and HD on: a write marks it first

  friend bool operator==(const Permissions&, const Permissions&) = default;
};

/// What a valid stage 2 mapping allows.
struct Stage2Permissions {
  bool read = false;   ///< S2AP[0]
  bool write = false;  ///< S2AP[1]
  bool privileged_execute = false;
  bool unprivileged_execute = false;
  bool dirty_pending = false;  ///< not writable, DBM set and S2HD on: a write marks it first

  friend bool operator==(const Stage2Permissions&, const Stage2Permissions&) = default;
};

/// Stage 1's part of a mapping.
struct Stage1Leaf {
  Permissions permissions{};
  std::uint8_t level = 3;
  layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;  ///< of the table it was found in
  std::uint8_t attributes = 0;                                        ///< the MAIR byte
  std::uint8_t shareability = 0;                                      ///< SH[1:0]; the table's with LPA2
  bool global = true;  ///< nG == 0, and the regime has ASIDs; Secure streams: from Secure memory

  friend bool operator==(const Stage1Leaf&, const Stage1Leaf&) = default;
};

/// Stage 2's part.
struct Stage2Leaf {
  Stage2Permissions permissions{};
  std::uint8_t level = 3;
  layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;
  std::uint8_t attributes = 0;     ///< MemAttr[3:0]
  bool forced_write_back = false;  ///< S2FWB, with which they mean something else
  std::uint8_t shareability = 0;   ///< SH[1:0]

  friend bool operator==(const Stage2Leaf&, const Stage2Leaf&) = default;
};

struct Mapping {
  std::uint64_t output = 0;  ///< of the first byte: physical, or an IPA where stage 2 is yet to come
  std::uint64_t ipa = 0;     ///< of the first byte, where stage 2 translated
  std::uint8_t size_shift =
      12;               ///< log2 of the bytes mapped: of the smaller stage; of a whole contiguous run
  bool stage1 = false;  ///< that stage translated, and its leaf has a meaning
  bool stage2 = false;
  bool output_secure = false;
  bool ipa_secure = false;
  Stage1Leaf first{};
  Stage2Leaf second{};

  friend bool operator==(const Mapping&, const Mapping&) = default;
};

}  // namespace sidewinder::arch

#endif
