// SPDX-License-Identifier: Apache-2.0
//
// Memory attributes as one word of sixteen bits, for the hot path. Each attribute's values are ones from the
// bottom up, the stronger value having the fewer ones (IHI 0070 Figure 13.1), so that combining is `&`.
// Hints of what is not cacheable are ones too: they change nothing.

#ifndef SIDEWINDER_IOMMU_ARCH_ATTRIBUTE_WORD_H
#define SIDEWINDER_IOMMU_ARCH_ATTRIBUTE_WORD_H

#include <array>
#include <cstdint>

#include "iommu/arch/memory_attributes.h"

namespace sidewinder::arch::word {

using Word = std::uint32_t;

/// Of a level, at `inner` or `outer`: cacheability, then allocate on reads and on writes, then not transient.
inline constexpr Word write_through = 1, write_back = 3, read_allocate = 4, write_allocate = 8,
                      not_transient = 16, all_hints = 28, whole_level = 31;
inline constexpr unsigned inner = 0, outer = 5, shareability = 10, type = 12;
inline constexpr Word both = 1U << inner | 1U << outer;  ///< times what stands at both levels
inline constexpr Word non_shareable = 3U << shareability, normal = 15U << type;

inline constexpr std::array<Word, 4> shareability_codes{3, 3, 0, 1};  ///< by SH[1:0]

[[nodiscard]] constexpr Word of_shareability(Shareability sh) {
  return shareability_codes[static_cast<unsigned>(sh) & 3U] << shareability;
}

[[nodiscard]] constexpr Word of_policy(CachePolicy policy) {
  if (policy.cacheability == Cacheability::NonCacheable) return all_hints;
  return (policy.cacheability == Cacheability::WriteBack ? write_back : write_through) |
         Word{policy.read_allocate} << 2U | Word{policy.write_allocate} << 3U | Word{!policy.transient} << 4U;
}

/// What `&`, and masks, may leave to do: Device memory has but its type, a level that is not cacheable all
/// hints, and Normal-iNC-oNC is Outer Shareable.
[[nodiscard]] constexpr Word settle(Word attributes) {
  if (attributes < normal) return (attributes & normal) | both * all_hints;
  attributes |= (~attributes & both) * all_hints;
  return (attributes & both) == 0 ? attributes & ~non_shareable : attributes;
}

[[nodiscard]] constexpr Word of(const MemoryAttributes& attributes) {
  const Word type_ones = (1U << static_cast<unsigned>(attributes.type)) - 1;
  return settle(of_policy(attributes.inner) << inner | of_policy(attributes.outer) << outer |
                of_shareability(attributes.shareability) | type_ones << type);
}

[[nodiscard]] constexpr std::array<CachePolicy, 32> policy_table() {
  std::array<CachePolicy, 32> table{};
  for (Word bits = 0; bits < table.size(); ++bits) {
    if ((bits & write_through) == 0) continue;
    const bool read = (bits & read_allocate) != 0, write = (bits & write_allocate) != 0;
    table[bits] = {(bits & write_back) == write_back ? Cacheability::WriteBack : Cacheability::WriteThrough,
                   read, write, (bits & not_transient) == 0 && (read || write)};
  }
  return table;
}
inline constexpr auto policies = policy_table();

[[nodiscard]] constexpr std::array<MemoryType, 16> type_table() {
  std::array<MemoryType, 16> table{};
  for (unsigned code = 0; code <= static_cast<unsigned>(MemoryType::Normal); ++code)
    table[(1U << code) - 1] = static_cast<MemoryType>(code);
  return table;
}
inline constexpr auto types = type_table();
inline constexpr std::array shareabilities{Shareability::OuterShareable, Shareability::InnerShareable,
                                           Shareability::InnerShareable, Shareability::NonShareable};

/// Consistent (§13.1.7), of a settled word.
[[nodiscard]] constexpr MemoryAttributes unpack(Word attributes) {
  return {types[attributes >> type & 15U], policies[attributes >> inner & whole_level],
          policies[attributes >> outer & whole_level], shareabilities[attributes >> shareability & 3U]};
}

/// A level of MAIR for Normal memory: 0bTTRW. 0 is reserved, and what IHI 0070 §5.4 says.
[[nodiscard]] constexpr Word of_mair_level(Word bits) {
  const Word hints = (bits & 2U) << 1U | (bits & 1U) << 3U;
  if (bits == 0) return write_through | read_allocate | write_allocate;
  if (bits == 4) return all_hints;
  return ((bits & 4U) != 0 ? write_back : write_through) | hints | ((bits & 8U) != 0 ? not_transient : 0);
}

/// Non-shareable where that is possible. Bits 1:0 of a Device encoding are reserved, and mean nothing.
[[nodiscard]] constexpr Word of_mair(Word attr) {
  if (attr < 16) return settle(((1U << (attr >> 2U)) - 1) << type);
  return settle(normal | non_shareable | of_mair_level(attr & 15U) << inner |
                of_mair_level(attr >> 4U) << outer);
}

/// As `of_mair()`.
[[nodiscard]] constexpr Word of_mem_attr(Word mem_attr) {
  constexpr std::array<Word, 4> levels{0, all_hints, all_hints | write_through, all_hints | write_back};
  const Word in = mem_attr & 3U, out = mem_attr >> 2U;
  if (out == 0) return settle(((1U << in) - 1) << type);
  if (in == 0) return settle(0);
  return settle(normal | non_shareable | levels[in] << inner | levels[out] << outer);
}

[[nodiscard]] constexpr std::array<std::uint16_t, 256> mair_table() {
  std::array<std::uint16_t, 256> table{};
  for (Word attr = 0; attr < table.size(); ++attr) table[attr] = static_cast<std::uint16_t>(of_mair(attr));
  return table;
}
inline constexpr auto mair = mair_table();

[[nodiscard]] constexpr std::array<std::uint16_t, 16> mem_attr_table() {
  std::array<std::uint16_t, 16> table{};
  for (Word attr = 0; attr < table.size(); ++attr)
    table[attr] = static_cast<std::uint16_t>(of_mem_attr(attr));
  return table;
}
inline constexpr auto mem_attr = mem_attr_table();

/// SH[1:0] combined into it.
[[nodiscard]] constexpr Word with_sh(Word attributes, std::uint8_t sh) {
  return attributes & (~non_shareable | of_shareability(shareability_of(sh)));
}

/// DDI 0487 AArch64.S2ApplyFWBMemAttrs, of a settled word.
[[nodiscard]] constexpr Word forced_write_back(Word input, Word attr, std::uint8_t sh) {
  if ((attr & 4U) == 0) return settle(input & ((1U << (attr & 3U)) - 1) << type);
  switch (attr & 3U) {
    case 2:
      return with_sh(normal | both * write_back | input, sh);
    case 3:
      return with_sh(input, sh);
    default:
      return input < normal ? input : normal | both * all_hints;
  }
}

/// As arch::through_stage2, of a settled word.
[[nodiscard]] constexpr Word through_stage2(Word input, std::uint8_t attr, std::uint8_t sh, bool fwb) {
  if (fwb) return forced_write_back(input, attr, sh);
  return settle(input & with_sh(mem_attr[attr & 15U], sh));
}

/// As arch::through_stage1, of settled words.
[[nodiscard]] constexpr Word through_stage1(Word input, Word stage1) {
  return settle(stage1 & (input | ~(both * all_hints)));
}

}  // namespace sidewinder::arch::word

#endif
