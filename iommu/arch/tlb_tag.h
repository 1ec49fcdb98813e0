// SPDX-License-Identifier: Apache-2.0
//
// Whose translation an entry of a TLB or walk cache is (IHI 0062 §2.5, IHI 0070 §3.17).

#ifndef SIDEWINDER_IOMMU_ARCH_TLB_TAG_H
#define SIDEWINDER_IOMMU_ARCH_TLB_TAG_H

#include <cstdint>

namespace sidewinder::arch {

/// The translation regime, SMMUv3's StreamWorld. An SMMUv2 without security states has El1 alone.
/// EL2 and EL2-E2H are kept apart, which §3.3.3 permits.
enum class World : std::uint8_t { El1, El2, El2E2h, Secure, SecureEl2, SecureEl2E2h, El3 };

/// What the entry's input is: IPAs of a VMID have no ASID.
enum class Stages : std::uint8_t { One = 1, Two = 2, Both = 3 };

/// Lookups match on all of it, but that an entry that is global matches any ASID of its ASET. Where a regime
/// has no ASID or VMID (§3.17's table), the field is 0.
struct TlbTag {
  std::uint16_t asid = 0;
  std::uint16_t vmid = 0;
  World world = World::El1;
  Stages stages = Stages::One;
  bool aset = false;        ///< CD.ASET; of global entries only (§3.17.1)
  bool secure_ipa = false;  ///< stages Two: which of a Secure stream's two IPA spaces
};

}  // namespace sidewinder::arch

#endif
