// SPDX-License-Identifier: Apache-2.0
#include "iommu/arch/memory_attributes.h"

#include <array>

#include "iommu/arch/attribute_word.h"

namespace sidewinder::arch {
namespace {

constexpr CachePolicy table_policy(unsigned region) {
  constexpr std::array<CachePolicy, 4> policies{{{},
                                                 {Cacheability::WriteBack, true, true, false},
                                                 {Cacheability::WriteThrough, true, false, false},
                                                 {Cacheability::WriteBack, true, false, false}}};
  return policies[region & 3U];
}

unsigned mair_level(CachePolicy policy) {
  if (policy.cacheability == Cacheability::NonCacheable) return 4;
  return (policy.transient ? 0U : 8U) | (policy.cacheability == Cacheability::WriteBack ? 4U : 0U) |
         (policy.read_allocate ? 2U : 0U) | (policy.write_allocate ? 1U : 0U);
}

}  // namespace

MemoryAttributes consistent(const MemoryAttributes& attributes) {
  return word::unpack(word::of(attributes));
}

MemoryAttributes from_mair(std::uint8_t attr, std::uint8_t sh) {
  return word::unpack(word::with_sh(word::mair[attr], sh));
}

std::uint8_t to_mair(const MemoryAttributes& attributes) {
  if (is_device(attributes)) return static_cast<std::uint8_t>(static_cast<unsigned>(attributes.type) << 2U);
  return static_cast<std::uint8_t>(mair_level(attributes.outer) << 4U | mair_level(attributes.inner));
}

MemoryAttributes from_stage2(std::uint8_t mem_attr, std::uint8_t sh) {
  return word::unpack(word::with_sh(word::mem_attr[mem_attr & 15U], sh));
}

MemoryAttributes from_table_region(std::uint8_t inner, std::uint8_t outer, std::uint8_t sh) {
  return consistent({MemoryType::Normal, table_policy(inner), table_policy(outer), shareability_of(sh)});
}

MemoryAttributes combine(const MemoryAttributes& a, const MemoryAttributes& b) {
  return word::unpack(word::settle(word::of(a) & word::of(b)));
}

MemoryAttributes through_stage2(const MemoryAttributes& input, std::uint8_t mem_attr, std::uint8_t sh,
                                bool forced_write_back) {
  return word::unpack(word::through_stage2(word::of(input), mem_attr, sh, forced_write_back));
}

MemoryAttributes walk_through_stage2(const MemoryAttributes& table, std::uint8_t mem_attr, std::uint8_t sh,
                                     bool forced_write_back, bool device_as_normal) {
  const MemoryAttributes result = through_stage2(table, mem_attr, sh, forced_write_back);
  return device_as_normal && is_device(result) ? normal_non_cacheable : result;
}

MemoryAttributes through_stage1(const MemoryAttributes& input, const MemoryAttributes& stage1) {
  return word::unpack(word::through_stage1(word::of(input), word::of(stage1)));
}

}  // namespace sidewinder::arch
