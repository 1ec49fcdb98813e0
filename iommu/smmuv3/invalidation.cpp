// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/invalidation.h"

#include <algorithm>
#include <array>

#include "iommu/layout/bits.h"
#include "iommu/layout/vmsa64.h"

namespace sidewinder::smmuv3 {
namespace {

using arch::TlbInvalidation;
using arch::World;
using layout::low_bits;
using layout::vmsa64::Granule;
using Asids = TlbInvalidation::Asids;
using IpaSpace = TlbInvalidation::IpaSpace;

constexpr std::uint64_t va_bits = ~low_bits(12);
constexpr std::uint64_t ipa_bits = low_bits(56) & ~low_bits(12);
constexpr unsigned max_scale = 39;

/// VMW: that many low bits of the VMID are ignored, 0 to 4. Other values are reserved and behave as 0.
constexpr std::uint16_t wildcard(std::uint8_t vmw) {
  return vmw <= 4 ? static_cast<std::uint16_t>(low_bits(vmw)) : std::uint16_t{0};
}

enum class By : std::uint8_t { All, Asid, Va, Vaa };

/// The commands that name VAs.
std::optional<TlbInvalidation> stage1(TlbInvalidation what, By by, const TlbiCommand& command,
                                      const TlbiRules& rules) {
  if (!rules.stage1) return std::nullopt;
  what.stage1 = true;
  what.asid = command.asid;
  if (by == By::Asid) what.asids = Asids::OneNotGlobal;
  if (by == By::Va) what.asids = Asids::OneOrGlobal;
  if (by == By::All || by == By::Asid) return what;
  what.last_level_only = command.leaf;
  if (!tlbi_range(what, command.address & va_bits, command, rules)) return std::nullopt;
  return what;
}

/// §4.4.2: EL1's from the Non-secure queue, Secure EL1's from the Secure one.
std::optional<TlbInvalidation> el1(By by, const TlbiCommand& command, const TlbiRules& rules) {
  const bool secure = rules.queue == SecurityState::Secure;
  TlbInvalidation what{.worlds = TlbInvalidation::bit(secure ? World::Secure : World::El1)};
  what.one_vmid = rules.stage2 && (!secure || rules.secure_stage2);
  what.vmid = command.vmid;
  what.vmid_ignored = wildcard(secure ? rules.secure_vmid_wildcard : rules.vmid_wildcard);
  return stage1(what, by, command, rules);
}

std::optional<TlbInvalidation> el3(By by, const TlbiCommand& command, const TlbiRules& rules) {
  if (rules.queue != SecurityState::Secure) return std::nullopt;
  return stage1({.worlds = TlbInvalidation::bit(World::El3)}, by, command, rules);
}

/// §4.4.2.7 to §4.4.2.10: E2H says which of the two worlds is named by address; the ASID is EL2-E2H's alone.
std::optional<TlbInvalidation> el2(By by, World plain, World with_e2h, bool e2h, const TlbiCommand& command,
                                   const TlbiRules& rules) {
  if (by == By::Va && !e2h) by = By::Vaa;
  const bool both = by == By::All;
  const bool host = e2h || by == By::Asid;
  const unsigned worlds = (both || !host ? TlbInvalidation::bit(plain) : 0U) |
                          (both || host ? TlbInvalidation::bit(with_e2h) : 0U);
  return stage1({.worlds = static_cast<std::uint8_t>(worlds)}, by, command, rules);
}

std::optional<TlbInvalidation> non_secure_el2(By by, const TlbiCommand& command, const TlbiRules& rules) {
  if (!rules.hyp) return std::nullopt;
  return el2(by, World::El2, World::El2E2h, rules.e2h, command, rules);
}

bool secure_el2_allowed(const TlbiRules& rules) {
  return rules.queue == SecurityState::Secure && rules.secure_stage2;
}

std::optional<TlbInvalidation> secure_el2(By by, const TlbiCommand& command, const TlbiRules& rules) {
  if (!secure_el2_allowed(rules)) return std::nullopt;
  return el2(by, World::SecureEl2, World::SecureEl2E2h, rules.secure_e2h, command, rules);
}

/// §4.4.3 and §4.4.4: of the one world, whichever queue the command came from.
TlbInvalidation all_stages(World world, bool one_vmid, const TlbiCommand& command, const TlbiRules& rules) {
  TlbInvalidation what{.worlds = TlbInvalidation::bit(world), .stage1 = true, .stage2 = true};
  what.one_vmid = one_vmid;
  what.vmid = command.vmid;
  what.vmid_ignored = wildcard(world == World::Secure ? rules.secure_vmid_wildcard : rules.vmid_wildcard);
  return what;
}

std::optional<TlbInvalidation> stage2_address(World world, IpaSpace space, const TlbiCommand& command,
                                              const TlbiRules& rules) {
  TlbInvalidation what = all_stages(world, true, command, rules);
  what.stage1 = false;
  what.ipa_space = space;
  what.last_level_only = command.leaf;
  if (!tlbi_range(what, command.address & ipa_bits, command, rules)) return std::nullopt;
  return what;
}

}  // namespace

bool tlbi_range(TlbInvalidation& what, std::uint64_t address, const TlbiCommand& command,
                const TlbiRules& rules) {
  what.by_address = true;
  what.first = what.last = address;
  const unsigned tg = rules.range_invalidation ? command.tg & 3U : 0;
  if (tg == 0) return true;

  constexpr std::array granules{Granule::Size4K, Granule::Size16K, Granule::Size64K};
  what.one_granule = true;
  what.granule = granules[tg - 1];
  const bool no_level = what.granule == Granule::Size16K && command.ttl == 1 && !rules.lpa2;
  what.level = no_level ? std::uint8_t{0} : static_cast<std::uint8_t>(command.ttl & 3U);

  const unsigned num = command.num & 31U;
  const unsigned scale =
      rules.lpa2 ? std::min<unsigned>(command.scale & 63U, max_scale) : command.scale & 31U;
  if (num == 0 && scale == 0 && what.level == 0) return false;

  const std::uint64_t bytes = (std::uint64_t{num} + 1) << scale << layout::vmsa64::page_shift(what.granule);
  what.last = bytes - 1 > ~address ? ~std::uint64_t{0} : address + (bytes - 1);  // no wrap
  return true;
}

std::optional<TlbInvalidation> tlbi(const TlbiCommand& command, const TlbiRules& rules) {
  switch (command.opcode) {
    case Tlbi::NhAll:
      return el1(By::All, command, rules);
    case Tlbi::NhAsid:
      return el1(By::Asid, command, rules);
    case Tlbi::NhVa:
      return el1(By::Va, command, rules);
    case Tlbi::NhVaa:
      return el1(By::Vaa, command, rules);
    case Tlbi::El3All:
      return el3(By::All, command, rules);
    case Tlbi::El3Va:
      return el3(By::Vaa, command, rules);
    case Tlbi::El2All:
      return non_secure_el2(By::All, command, rules);
    case Tlbi::El2Asid:
      return non_secure_el2(By::Asid, command, rules);
    case Tlbi::El2Va:
      return non_secure_el2(By::Va, command, rules);
    case Tlbi::El2Vaa:
      return non_secure_el2(By::Vaa, command, rules);
    case Tlbi::SEl2All:
      return secure_el2(By::All, command, rules);
    case Tlbi::SEl2Asid:
      return secure_el2(By::Asid, command, rules);
    case Tlbi::SEl2Va:
      return secure_el2(By::Va, command, rules);
    case Tlbi::SEl2Vaa:
      return secure_el2(By::Vaa, command, rules);
    case Tlbi::S12Vmall:
      if (!rules.stage2) break;
      return all_stages(World::El1, true, command, rules);
    case Tlbi::S2Ipa:
      if (!rules.stage2) break;
      return stage2_address(World::El1, IpaSpace::Any, command, rules);
    case Tlbi::NsnhAll:
      return all_stages(World::El1, false, command, rules);
    case Tlbi::SS12Vmall:
      if (!secure_el2_allowed(rules)) break;
      return all_stages(World::Secure, true, command, rules);
    case Tlbi::SS2Ipa:
      if (!secure_el2_allowed(rules)) break;
      return stage2_address(World::Secure, command.non_secure_ipa ? IpaSpace::NonSecure : IpaSpace::Secure,
                            command, rules);
    case Tlbi::SnhAll:
      if (!secure_el2_allowed(rules)) break;
      return all_stages(World::Secure, false, command, rules);
  }
  return std::nullopt;  // reserved opcodes too
}

}  // namespace sidewinder::smmuv3
