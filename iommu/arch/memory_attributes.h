// SPDX-License-Identifier: Apache-2.0
//
// What an access says about the memory it goes to, how registers and descriptors say it, and what two stages
// together make of it (DDI 0487 D8.6 "Memory region attributes", IHI 0070 §13.1).
//
// Every function answers with consistent attributes, as `consistent()` makes them.

#ifndef SIDEWINDER_IOMMU_ARCH_MEMORY_ATTRIBUTES_H
#define SIDEWINDER_IOMMU_ARCH_MEMORY_ATTRIBUTES_H

#include <cstdint>

namespace sidewinder::arch {

/// The stronger before the weaker.
enum class MemoryType : std::uint8_t { DeviceNGnRnE, DeviceNGnRE, DeviceNGRE, DeviceGRE, Normal };

/// The stronger before the weaker.
enum class Cacheability : std::uint8_t { NonCacheable, WriteThrough, WriteBack };

/// The encoding of SH[1:0].
enum class Shareability : std::uint8_t { NonShareable = 0, OuterShareable = 2, InnerShareable = 3 };

/// Of one level of caches, inner or outer. The hints mean nothing where it is NonCacheable.
struct CachePolicy {
  Cacheability cacheability = Cacheability::NonCacheable;
  bool read_allocate = false;
  bool write_allocate = false;
  bool transient = false;

  friend bool operator==(const CachePolicy&, const CachePolicy&) = default;
};

/// Inner and outer policies mean nothing for the Device types.
struct MemoryAttributes {
  MemoryType type = MemoryType::DeviceNGnRnE;
  CachePolicy inner{};
  CachePolicy outer{};
  Shareability shareability = Shareability::OuterShareable;

  friend bool operator==(const MemoryAttributes&, const MemoryAttributes&) = default;
};

[[nodiscard]] constexpr bool is_device(const MemoryAttributes& attributes) {
  return attributes.type != MemoryType::Normal;
}

/// Normal-iNC-oNC, which is always Outer Shareable.
inline constexpr MemoryAttributes normal_non_cacheable{MemoryType::Normal, {}, {}};

/// SH[1:0]; the reserved 1 behaves as 0, as it does in a CD and an STE (IHI 0070 §5.2).
[[nodiscard]] constexpr Shareability shareability_of(std::uint8_t sh) {
  return (sh & 2U) == 0 ? Shareability::NonShareable : static_cast<Shareability>(sh & 3U);
}

/// IHI 0070 §13.1.7: Device memory and Normal-iNC-oNC are Outer Shareable; a level that is not cacheable has
/// no hints, and one that never allocates is not transient. Device memory has no policies.
[[nodiscard]] MemoryAttributes consistent(const MemoryAttributes& attributes);

/// A stage 1 leaf's: the byte of MAIR that AttrIndx selects, and SH[1:0] (the table's with LPA2). Reserved
/// encodings behave as IHI 0070 §5.4 has it.
[[nodiscard]] MemoryAttributes from_mair(std::uint8_t attr, std::uint8_t sh);

/// The byte of MAIR that says the same of consistent attributes, but for the shareability.
[[nodiscard]] std::uint8_t to_mair(const MemoryAttributes& attributes);

/// MemAttr[3:0] of a stage 2 descriptor without FWB, of STE.MemAttr and of an MSI; and SH[1:0]. The reserved
/// 4, 8 and 12 are Device-nGnRnE (IHI 0070 §5.2). There are no hints in it: what is cacheable allocates and
/// is not transient.
[[nodiscard]] MemoryAttributes from_stage2(std::uint8_t mem_attr, std::uint8_t sh);

/// Of accesses to translation tables: IRn, ORn and SHn of CD, STE and TCR.
[[nodiscard]] MemoryAttributes from_table_region(std::uint8_t inner, std::uint8_t outer, std::uint8_t sh);

/// IHI 0070 §13.1.5, DDI 0487 D8.6.5 and D8.6.7.1: of the type, the cacheability of each level and the
/// shareability that one which asks more of the memory system; no-allocate and transient prevail.
[[nodiscard]] MemoryAttributes combine(const MemoryAttributes& a, const MemoryAttributes& b);

/// What stage 2 makes of the attributes that come into it, which are stage 1's or, without stage 1, the
/// transaction's. `forced_write_back` is FWB: MemAttr[2:0] then mean what DDI 0487 D8.6.6 says, MemAttr[3]
/// nothing, and the reserved 4 behaves as 5.
[[nodiscard]] MemoryAttributes through_stage2(const MemoryAttributes& input, std::uint8_t mem_attr,
                                              std::uint8_t sh, bool forced_write_back);

/// Of an access of the SMMU's own, to a stage 1 table or a context descriptor in IPA space, what stage 2
/// makes. `device_as_normal` is IDR3.PTWNNC: what stage 2 maps as Device is accessed as Normal Non-cacheable.
[[nodiscard]] MemoryAttributes walk_through_stage2(const MemoryAttributes& table, std::uint8_t mem_attr,
                                                   std::uint8_t sh, bool forced_write_back,
                                                   bool device_as_normal);

/// Stage 1's attributes for a transaction that came with `input`: stage 1's own, and where a level of both is
/// cacheable the hints of both (IHI 0070 §13.4.2).
[[nodiscard]] MemoryAttributes through_stage1(const MemoryAttributes& input, const MemoryAttributes& stage1);

}  // namespace sidewinder::arch

#endif
