// SPDX-License-Identifier: Apache-2.0
//
// A transaction's way through Smmu, in the order of IHI 0062 §2.1.1 and of the pseudocode in §3.7.3 and
// §3.8.4.

#include "iommu/arch/walk.h"
#include "iommu/smmuv2/smmu.h"

namespace sidewinder::smmuv2 {
namespace {

using namespace layout::smmuv2;
using layout::low_bits;

constexpr std::uint32_t override_off = 2;  // S2CR.PRIVCFG unprivileged, S2CR.INSTCFG data
constexpr std::uint32_t override_on = 3;   // privileged, instruction

/// §2.3.4: preconditioning of the permission attributes. INSTCFG does not apply to writes, which are always
/// data.
void precondition(arch::Access& access, S2CR s2cr) {
  const std::uint32_t privilege = s2cr.get<S2CR::PRIVCFG>();
  if (privilege == override_off || privilege == override_on) access.privileged = privilege == override_on;
  const std::uint32_t kind = s2cr.get<S2CR::INSTCFG>();
  if (kind == override_off || kind == override_on) access.instruction = kind == override_on;
  if (access.write) access.instruction = false;
}

std::uint32_t global_fault_bit(arch::FaultKind kind) {
  switch (kind) {
    case arch::FaultKind::UnidentifiedStream:
      return sGFSR::USF::mask;
    case arch::FaultKind::StreamMatchConflict:
      return sGFSR::SMCF::mask;
    case arch::FaultKind::UnimplementedContextBank:
      return sGFSR::UCBF::mask;
    default:
      return sGFSR::ICF::mask;
  }
}

}  // namespace

Translation Smmu::translate(unsigned tbu, arch::Access access) {
  ++statistics_.requests;
  if (!powered_) {
    ++statistics_.requests_without_power;
    Translation result;
    result.action = Translation::Action::Abort;
    return result;
  }
  if (cr0_.is_set<sCR0::CLIENTPD>()) return bypass(access);

  const StreamMapping::Result mapping = streams_.find(access.stream_id);
  switch (mapping.match) {
    case StreamMapping::Match::None:
      if (!cr0_.is_set<sCR0::USFCFG>()) return bypass(access);
      return global_fault(arch::FaultKind::UnidentifiedStream, access, false);
    case StreamMapping::Match::Several:  // SMCFCFG is read-as-one
      return global_fault(arch::FaultKind::StreamMatchConflict, access, false);
    case StreamMapping::Match::One:
      break;
  }

  switch (static_cast<S2crType>(mapping.s2cr.get<S2CR::TYPE>())) {
    case S2crType::Translation:
      break;
    case S2crType::Bypass:
      return bypass(access);
    case S2crType::Fault:
    case S2crType::Reserved:
      return global_fault(arch::FaultKind::InvalidContext, access, false);
  }

  // §3.8.4. Stage 2 and nested contexts are not implemented, so that only one type is valid.
  const unsigned index = mapping.s2cr.get<S2CR::CBNDX>();
  if (index >= banks_.size()) return global_fault(arch::FaultKind::UnimplementedContextBank, access, false);
  if (banks_[index].type() != CbarType::Stage1Stage2Bypass)
    return global_fault(arch::FaultKind::InvalidContext, access, true);

  precondition(access, mapping.s2cr);
  return in_bank(tbu, index, access);
}

Translation Smmu::bypass(const arch::Access& access) {
  ++statistics_.bypassed;
  Translation result;
  result.source = Translation::Source::Bypass;
  result.output = access.address & low_bits(config_.output_bits);  // §1.6.2: truncated
  return result;
}

Translation Smmu::global_fault(arch::FaultKind kind, const arch::Access& access, bool nested) {
  Translation result;
  result.action = cr0_.is_set<sCR0::GFRE>() ? Translation::Action::Abort : Translation::Action::Discard;
  result.fault = arch::Fault{.kind = kind, .nested = nested, .access = access};

  if (gfsr_.raw != 0) {  // §3.8.1
    gfsr_.set<sGFSR::MULTI>(1);
    ++statistics_.global_faults_multiple;
  } else {
    gfsr_.raw = global_fault_bit(kind);
    gfar_ = access.address & low_bits(config_.upstream_bits);
    gfsynr0_ = sGFSYNR0{}
                   .set<sGFSYNR0::Nested>(nested ? 1 : 0)
                   .set<sGFSYNR0::WNR>(access.write ? 1 : 0)
                   .set<sGFSYNR0::PNU>(access.privileged ? 1 : 0)
                   .set<sGFSYNR0::IND>(access.instruction ? 1 : 0);
    gfsynr1_ = sGFSYNR1{}.set<sGFSYNR1::StreamID>(access.stream_id);
    ++statistics_.global_faults_recorded;
  }
  update_interrupts();
  return result;
}

Translation Smmu::context_fault(unsigned index, const arch::Fault& fault, Translation so_far) {
  ContextBank& bank = banks_[index];
  BankStatistics& counters = statistics_.banks[index];
  switch (bank.record(fault)) {
    case ContextBank::Recorded::Fully:
      ++counters.faults_recorded;
      break;
    case ContextBank::Recorded::AsMultiple:
      ++counters.faults_multiple;
      break;
    case ContextBank::Recorded::NotAtAll:
      ++counters.terminated_behind;
      break;
  }
  so_far.action = bank.reports_aborts() ? Translation::Action::Abort : Translation::Action::Discard;
  so_far.fault = fault;
  update_interrupts();
  return so_far;
}

Translation Smmu::in_bank(unsigned tbu, unsigned index, const arch::Access& access) {
  ContextBank& bank = banks_[index];
  BankStatistics& counters = statistics_.banks[index];
  ++counters.translations;

  Translation result;
  result.bank = static_cast<std::uint8_t>(index);

  // CheckForFaultsInBank: with HUPCF 0, what comes behind a fault is terminated unseen, even where it would
  // hit.
  if (bank.fault_pending() && !bank.hit_under_fault()) {
    ++counters.terminated_behind;
    result.action = bank.reports_aborts() ? Translation::Action::Abort : Translation::Action::Discard;
    return result;
  }

  const auto fault = [&](arch::FaultKind kind, std::uint8_t level) {
    return context_fault(index, {.kind = kind, .level = level, .access = access}, result);
  };
  if ((access.address & ~low_bits(config_.upstream_bits)) != 0)
    return fault(arch::FaultKind::UnsupportedUpstream, 0);

  if (!bank.enabled()) {
    // Table 3-3: the IPA that comes out must fit the effective IPA size.
    if ((access.address & ~low_bits(config_.output_bits)) != 0) return fault(arch::FaultKind::AddressSize, 0);
    Translation passed = bypass(access);
    passed.bank = result.bank;
    return passed;
  }

  std::uint64_t address = access.address;
  if (!bank.extend(address)) return fault(arch::FaultKind::Translation, 0);

  const arch::TlbTag tag = bank.tag();
  arch::Tlb& micro = micro_tlbs_[tbu];
  ++statistics_.micro_tlb_lookups;
  if (const arch::Mapping* mapping = micro.lookup(tag, address)) {
    ++statistics_.micro_tlb_hits;
    result.source = Translation::Source::MicroTlb;
    return hit(*mapping, index, access, address, result);
  }

  ++statistics_.tlb_lookups;
  if (const arch::Mapping* mapping = tlb_.lookup(tag, address)) {
    ++statistics_.tlb_hits;
    micro.insert(tag, address, *mapping);
    result.source = Translation::Source::MainTlb;
    return hit(*mapping, index, access, address, result);
  }

  walk_log_.clear();
  arch::Access extended = access;
  extended.address = address;
  const arch::Outcome walk = arch::translate(&bank.regime(), nullptr, extended, false,
                                             {.memory = memory_, .log = &walk_log_, .tag = tag});
  result.source = Translation::Source::Walk;
  result.accesses = walk_log_.kept();
  ++statistics_.walks;
  statistics_.walk_reads += result.accesses.size();
  if (walk.mapped) {
    tlb_.insert(tag, address, walk.mapping);
    micro.insert(tag, address, walk.mapping);
  }
  if (!walk.ok) return fault(walk.fault.kind, walk.fault.level);
  return use(walk.mapping, address, result);
}

Translation Smmu::hit(const arch::Mapping& mapping, unsigned index, const arch::Access& access,
                      std::uint64_t address, const Translation& so_far) {
  if (arch::check_hit(mapping, &banks_[index].regime(), nullptr, access) != arch::HitCheck::Allowed)
    return context_fault(
        index, {.kind = arch::FaultKind::Permission, .level = mapping.first.level, .access = access}, so_far);
  return use(mapping, address, so_far);
}

Translation Smmu::use(const arch::Mapping& mapping, std::uint64_t address, Translation so_far) {
  so_far.output = mapping.output | (address & low_bits(mapping.size_shift));
  so_far.same_page_shift = mapping.size_shift;
  so_far.attributes = mapping.first.attributes;
  so_far.shareability = mapping.first.shareability;
  return so_far;
}

}  // namespace sidewinder::smmuv2
