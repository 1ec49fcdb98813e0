// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/attributes.h"

#include <array>
#include <cstring>
#include <type_traits>

#include "iommu/arch/attribute_word.h"

namespace sidewinder::smmuv3 {
namespace {

using arch::Cacheability;
using arch::CachePolicy;
using arch::MemoryAttributes;
using arch::MemoryType;
namespace word = arch::word;

/// PRIVCFG, INSTCFG and NSCFG: 2 clears, 3 sets, others use what comes in.
constexpr std::optional<bool> forced_bit(std::uint8_t config) {
  if ((config & 2U) == 0) return std::nullopt;
  return (config & 1U) != 0;
}

/// Most transactions come with the default attributes.
bool is_default(const MemoryAttributes& memory) {
  static_assert(std::has_unique_object_representations_v<MemoryAttributes>);
  return std::memcmp(&memory, &default_memory, sizeof memory) == 0;
}
constexpr word::Word default_word = word::of(default_memory);

word::Word after_stage1(word::Word memory, const arch::Stage1Leaf& leaf) {
  return word::through_stage1(memory, word::with_sh(word::mair[leaf.attributes], leaf.shareability));
}

/// What becomes of the default attributes in stage 1, by SH[1:0] and the MAIR byte: most transactions'.
constexpr auto default_table() {
  std::array<std::array<MemoryAttributes, 256>, 4> table{};
  for (std::size_t sh = 0; sh < table.size(); ++sh)
    for (std::size_t attr = 0; attr < table[sh].size(); ++attr)
      table[sh][attr] = word::unpack(
          word::through_stage1(default_word, word::with_sh(word::mair[attr], static_cast<std::uint8_t>(sh))));
  return table;
}
constexpr auto default_through_stage1 = default_table();

MemoryAttributes through_stages(const MemoryAttributes& input, const arch::Mapping& mapping,
                                bool forced_write_back) {
  const bool as_default = is_default(input);
  if (as_default && mapping.stage1 && !mapping.stage2)
    return default_through_stage1[mapping.first.shareability & 3U][mapping.first.attributes];
  word::Word memory = as_default ? default_word : word::of(input);
  if (mapping.stage1) memory = after_stage1(memory, mapping.first);
  if (mapping.stage2)
    memory = word::through_stage2(memory, mapping.second.attributes, mapping.second.shareability,
                                  forced_write_back);
  return word::unpack(memory);
}

constexpr Cacheability control_cacheability(std::uint8_t code) {
  constexpr std::array codes{Cacheability::NonCacheable, Cacheability::WriteBack, Cacheability::WriteThrough,
                             Cacheability::NonCacheable};
  return codes[code & 3U];
}

constexpr CachePolicy context_policy(std::uint8_t code) {
  constexpr std::array<CachePolicy, 4> codes{{{},
                                              {Cacheability::WriteBack, true, false, false},
                                              {Cacheability::WriteThrough, true, false, false},
                                              {Cacheability::WriteBack, false, false, false}}};
  return codes[code & 3U];
}

}  // namespace

AttributeOverrides overrides_of(const OverrideFields& fields, bool types, bool permissions) {
  AttributeOverrides overrides;
  if (types) {
    word::Word keep = overrides.keep, put = 0;
    const auto override_with = [&](word::Word mask, word::Word value) {
      keep &= ~mask;
      put |= value & mask;
    };
    // The hints stay: a level that was not cacheable has those of §13.1.3 in its word.
    if (fields.mtcfg)
      override_with(word::normal | word::both * word::write_back, word::mem_attr[fields.mem_attr & 15U]);
    if ((fields.alloccfg & 8U) != 0) {
      const word::Word hints = ((fields.alloccfg & 4U) != 0 ? word::read_allocate : 0) |
                               ((fields.alloccfg & 2U) != 0 ? word::write_allocate : 0) |
                               ((fields.alloccfg & 1U) != 0 ? 0 : word::not_transient);
      override_with(word::both * word::all_hints, word::both * hints);
    }
    if ((fields.shcfg & 3U) != 1)
      override_with(word::non_shareable, word::of_shareability(arch::shareability_of(fields.shcfg)));
    overrides.keep = static_cast<std::uint16_t>(keep);
    overrides.put = static_cast<std::uint16_t>(put);
  }
  if (permissions) {
    overrides.privileged = forced_bit(fields.privcfg);
    overrides.instruction = forced_bit(fields.instcfg);
    if (const auto non_secure = forced_bit(fields.nscfg)) overrides.secure = !*non_secure;
  }
  return overrides;
}

MemoryAttributes replace_memory(const MemoryAttributes& input, const AttributeOverrides& overrides) {
  return word::unpack(word::settle((word::of(input) & overrides.keep) | overrides.put));
}

OutputAttributes output_attributes(const InputAttributes& input, const arch::Mapping* mapping,
                                   bool forced_write_back, SecurityState stream, unsigned minor_version) {
  OutputAttributes output{{}, input.secure, input.instruction, input.privileged};
  if (mapping != nullptr) {
    output.memory = through_stages(input.memory, *mapping, forced_write_back);
    output.secure = mapping->output_secure;
  } else {
    output.memory = word::unpack(word::of(input.memory));
  }
  if (stream == SecurityState::NonSecure) output.secure = false;
  if (minor_version >= 4) {
    output.instruction = false;
    output.privileged = true;
  }
  return output;
}

MemoryAttributes structure_attributes(std::uint8_t inner, std::uint8_t outer, std::uint8_t sh,
                                      bool read_allocate, bool write_allocate) {
  return arch::consistent({MemoryType::Normal,
                           {control_cacheability(inner), read_allocate, write_allocate, false},
                           {control_cacheability(outer), read_allocate, write_allocate, false},
                           arch::shareability_of(sh)});
}

MemoryAttributes context_attributes(std::uint8_t s1cir, std::uint8_t s1cor, std::uint8_t s1csh) {
  return arch::consistent(
      {MemoryType::Normal, context_policy(s1cir), context_policy(s1cor), arch::shareability_of(s1csh)});
}

}  // namespace sidewinder::smmuv3
