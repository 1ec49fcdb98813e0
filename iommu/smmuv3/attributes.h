// SPDX-License-Identifier: Apache-2.0
//
// A transaction's attributes from the client to the memory system (IHI 0070 chapter 13), and those of the
// SMMU's own accesses (§13.8):
//
//     const InputAttributes effective = replace(input, overrides, stream);   // checked for permissions
//     output_attributes(effective, bypass ? nullptr : &mapping, fwb, stream, minor_version);

#ifndef SIDEWINDER_IOMMU_SMMUV3_ATTRIBUTES_H
#define SIDEWINDER_IOMMU_SMMUV3_ATTRIBUTES_H

#include <cstdint>
#include <optional>

#include "iommu/arch/mapping.h"
#include "iommu/arch/memory_attributes.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// Normal-iWB-oWB, non-shareable, with all allocation hints: what is not said on input (§13.1.3).
inline constexpr arch::MemoryAttributes default_memory{arch::MemoryType::Normal,
                                                       {arch::Cacheability::WriteBack, true, true, false},
                                                       {arch::Cacheability::WriteBack, true, true, false},
                                                       arch::Shareability::NonShareable};

/// What a transaction comes with. The initial values are §13.1.3's.
struct InputAttributes {
  arch::MemoryAttributes memory = default_memory;
  bool write = false;        ///< Data, whatever else is said (§13.1.2)
  bool instruction = false;  ///< INST
  bool privileged = false;   ///< PRIV
  bool secure = false;       ///< NS == 0; means nothing on a Non-secure stream

  friend bool operator==(const InputAttributes&, const InputAttributes&) = default;
};

/// The fields of an STE, GBPA or S_GBPA that replace attributes, as they stand there (§5.2, §6.3.14,
/// §6.3.63). GBPA has no NSCFG.
struct OverrideFields {
  bool mtcfg = false;
  std::uint8_t mem_attr = 0;
  std::uint8_t alloccfg = 0;
  std::uint8_t shcfg = 1;
  std::uint8_t nscfg = 0;
  std::uint8_t privcfg = 0;
  std::uint8_t instcfg = 0;
};

/// What those fields come to; the initial values change nothing. What is absent uses the incoming attribute.
struct AttributeOverrides {
  std::uint16_t keep = 0xffff;  ///< of the memory attributes as a word (iommu/arch/attribute_word.h)
  std::uint16_t put = 0;        ///< in place of what is not kept
  std::optional<bool> secure{};
  std::optional<bool> privileged{};
  std::optional<bool> instruction{};
};

/// `types` is IDR1.ATTR_TYPES_OVR, of MTCFG, MemAttr, ALLOCCFG and SHCFG; `permissions` is ATTR_PERMS_OVR, of
/// NSCFG, PRIVCFG and INSTCFG. Without them the fields do nothing, whatever they hold.
[[nodiscard]] AttributeOverrides overrides_of(const OverrideFields& fields, bool types, bool permissions);

/// The memory's part of replace().
[[nodiscard]] arch::MemoryAttributes replace_memory(const arch::MemoryAttributes& input,
                                                    const AttributeOverrides& overrides);

/// replace_attrs() of §13.4.4: what permissions are checked with, and what goes into the first enabled stage.
/// Memory attributes that nothing replaces stay as they are, be they consistent or not. `stream` is the
/// Security state of the stream: a Non-secure one's transactions are all Non-secure.
[[nodiscard]] inline InputAttributes replace(const InputAttributes& input,
                                             const AttributeOverrides& overrides, SecurityState stream) {
  InputAttributes effective = input;
  if (overrides.keep != AttributeOverrides{}.keep) effective.memory = replace_memory(input.memory, overrides);
  effective.instruction = !input.write && overrides.instruction.value_or(input.instruction);
  effective.privileged = overrides.privileged.value_or(input.privileged);
  effective.secure = stream == SecurityState::Secure && overrides.secure.value_or(input.secure);
  return effective;
}

/// What goes out with a transaction.
struct OutputAttributes {
  arch::MemoryAttributes memory{};
  bool secure = false;  ///< NS == 0
  bool instruction = false;
  bool privileged = true;

  friend bool operator==(const OutputAttributes&, const OutputAttributes&) = default;
};

/// §13.2 to §13.4. `input` is what `replace()` made. Null `mapping`: all stages are bypassed, be it by the
/// disabled SMMU, by STE.Config or by S1DSS. `forced_write_back` is STE.S2FWB, and means nothing without
/// stage
/// 2. `minor_version` is AIDR.ArchMinorRev: from SMMUv3.4 on all that goes out is Data and Privileged
/// (§13.1.2).
[[nodiscard]] OutputAttributes output_attributes(const InputAttributes& input, const arch::Mapping* mapping,
                                                 bool forced_write_back, SecurityState stream,
                                                 unsigned minor_version);

/// Of the Stream table and the queues: CR1.{TABLE,QUEUE}_{IC,OC,SH}, whose reserved 3 is Non-cacheable, and
/// the hint of the base register (§6.3.11). The hint a base register does not have is no-allocate.
[[nodiscard]] arch::MemoryAttributes structure_attributes(std::uint8_t inner, std::uint8_t outer,
                                                          std::uint8_t sh, bool read_allocate,
                                                          bool write_allocate);

/// Of context descriptors and L1CDs, ahead of stage 2: STE.{S1CIR,S1COR,S1CSH} (§5.2). There is no write
/// allocation for what is only read.
[[nodiscard]] arch::MemoryAttributes context_attributes(std::uint8_t s1cir, std::uint8_t s1cor,
                                                        std::uint8_t s1csh);

/// Of MSIs: MSIAttr and MSH of CMD_SYNC, MemAttr and SH of the _IRQ_CFG2 registers (§4.7.3, §13.8).
[[nodiscard]] inline arch::MemoryAttributes msi_attributes(std::uint8_t mem_attr, std::uint8_t sh) {
  return arch::from_stage2(mem_attr, sh);
}

}  // namespace sidewinder::smmuv3

#endif
