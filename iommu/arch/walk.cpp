// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/walk.h"

#include <algorithm>

#include "iommu/arch/permissions.h"
#include "iommu/arch/stage1_walk.h"
#include "iommu/arch/stage2_walk.h"
#include "iommu/layout/bits.h"

namespace sidewinder::arch {
namespace {

using layout::low_bits;

/// One mapping of both stages, for the page of the smaller around `ipa`.
Mapping combine(const Mapping& first, const Mapping& second, std::uint64_t ipa) {
  Mapping both = second;
  const unsigned size = std::min(first.size_shift, second.size_shift);
  both.output = second.output | (ipa & low_bits(second.size_shift) & ~low_bits(size));
  both.ipa = ipa & ~low_bits(size);
  both.size_shift = static_cast<std::uint8_t>(size);
  both.stage1 = true;
  both.first = first.first;
  return both;
}

Outcome translate_both(const Stage1& stage1, const Stage2& stage2, const Access& access,
                       const WalkContext& context) {
  Outcome outcome = translate_va(stage1, &stage2, access, context);
  if (!outcome.ok) return outcome;
  const Mapping first = outcome.mapping;
  IpaAccess ipa{.access = access, .secure = first.output_secure};
  ipa.access.address = first.output | (access.address & low_bits(first.size_shift));
  outcome = translate_ipa(stage2, ipa, context);
  if (outcome.mapped) outcome.mapping = combine(first, outcome.mapping, ipa.access.address);
  return outcome;
}

}  // namespace

Outcome translate(const Stage1* stage1, const Stage2* stage2, const Access& access, bool ipa_secure,
                  const WalkContext& context) {
  if (stage1 == nullptr) return translate_ipa(*stage2, {.access = access, .secure = ipa_secure}, context);
  if (stage2 == nullptr) return translate_va(*stage1, nullptr, access, context);
  return translate_both(*stage1, *stage2, access, context);
}

Outcome translate_context_fetch(const Stage2& stage2, std::uint64_t ipa, bool ipa_secure,
                                const WalkContext& context) {
  return translate_table_ipa(
      stage2, {.access = {.address = ipa, .privileged = true}, .secure = ipa_secure, .cls = FaultClass::Cd},
      context);
}

HitCheck check_hit(const Mapping& mapping, const Stage1* stage1, const Stage2* stage2, const Access& access) {
  if (mapping.stage1 && stage1 != nullptr) {
    const Permissions& permissions = mapping.first.permissions;
    if (stopped_by_e0pd(*stage1, access)) return HitCheck::Translation;
    const bool output_secure = mapping.stage2 ? mapping.ipa_secure : mapping.output_secure;
    if (!stage1_permits(*stage1, permissions, access) || stopped_by_sif(*stage1, output_secure, access))
      return HitCheck::Stage1Permission;
    if (access.write && permissions.dirty_pending) return HitCheck::Walk;
  }
  if (mapping.stage2 && stage2 != nullptr) {
    const Stage2Permissions& permissions = mapping.second.permissions;
    if (!stage2_permits(permissions, access)) return HitCheck::Stage2Permission;
    if (access.write && permissions.dirty_pending) return HitCheck::Walk;
  }
  return HitCheck::Allowed;
}

}  // namespace sidewinder::arch
