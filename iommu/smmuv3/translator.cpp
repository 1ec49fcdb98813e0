// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/translator.h"

#include "iommu/layout/bits.h"
#include "iommu/smmuv3/context_table.h"
#include "iommu/smmuv3/stream_table.h"

namespace sidewinder::smmuv3 {
namespace {

using layout::low_bits;
using Action = Translation::Action;
using Source = Translation::Source;

/// Stage 2 for the fetch of a CD (§3.3.2).
class ContextThroughStage2 final : public ContextFetchTranslator {
 public:
  ContextThroughStage2(const arch::Stage2& stage2, const arch::WalkContext& context)
      : stage2_(stage2), context_(context) {}

  Result translate(const arch::PortAccess& fetch) override {
    const arch::Outcome outcome =
        arch::translate_context_fetch(stage2_, fetch.address, fetch.secure, context_);
    if (!outcome.ok) return {.ok = false, .access = {}, .fault = outcome.fault};
    const arch::Mapping& mapping = outcome.mapping;
    return {.ok = true,
            .access = {.address = mapping.output | (fetch.address & low_bits(mapping.size_shift)),
                       .secure = mapping.output_secure,
                       .attributes = arch::walk_through_stage2(
                           fetch.attributes, mapping.second.attributes, mapping.second.shareability,
                           stage2_.forced_write_back, stage2_.walk_device_as_normal)},
            .fault = {}};
  }

 private:
  const arch::Stage2& stage2_;
  const arch::WalkContext& context_;
};

}  // namespace

Translator::Translator(const Config& config, unsigned tbus, arch::MemoryPort& memory)
    : config_(config),
      memory_(&memory),
      configurations_(config.caches.configuration),
      tlb_(config.caches.tlb),
      micro_tlbs_(tbus, arch::Tlb(config.caches.micro_tlb)),
      epochs_(tbus, 1),
      stage1_tables_(config.caches.stage1_walk),
      stage2_tables_(config.caches.stage2_walk) {}

void Translator::invalidate(const arch::TlbInvalidation& scope) {
  forget_hits();
  tlb_.invalidate(scope);
  for (arch::Tlb& micro : micro_tlbs_) micro.invalidate(scope);
  stage1_tables_.invalidate(scope);
  stage2_tables_.invalidate(scope);
}

void Translator::invalidate(const ConfigInvalidation& scope) {
  forget_hits();
  configurations_.invalidate(scope);
}

void Translator::invalidate_all() {
  tlb_.invalidate_all();
  for (arch::Tlb& micro : micro_tlbs_) micro.invalidate_all();
  stage1_tables_.invalidate_all();
  stage2_tables_.invalidate_all();
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    invalidate(cfgi_all(state));
}

Translation Translator::translate(unsigned tbu, const Transaction& transaction) {
  ++statistics_.transactions;
  log_.clear();
  if (transaction.translated) return translated(tbu, transaction);
  Request request{.transaction = transaction,
                  .security = config_.secure ? transaction.security : SecurityState::NonSecure,
                  .attributes = transaction.attributes};
  if (!control_of(request.security).enabled) return disabled(request);

  std::optional<arch::Fault> fault;
  if (!find_configuration(request, fault)) {
    if (!fault) {  // STE.Config == 0b0xx
      ++statistics_.disabled;
      Translation result;
      result.accesses = log_.kept();
      return result;
    }
    return arch::is_translation_related(fault->kind)
               ? translation_fault(request, *fault, Source::Configuration)
               : terminated(request, *fault, Source::Configuration);
  }
  return request.substream == nullptr && !request.stream->stage2 ? bypass(request)
                                                                 : through_stages(tbu, request);
}

/// SMMUEN == 0 (§3.4, §3.11, §6.3.14, §13.2).
Translation Translator::disabled(Request& request) {
  const Control& own = control_of(request.security);
  const layout::smmuv3::S_GBPA gbpa = own.gbpa;
  using Gbpa = layout::smmuv3::S_GBPA;
  request.attributes =
      replace(request.transaction.attributes,
              overrides_of({.mtcfg = gbpa.is_set<Gbpa::MTCFG>(),
                            .mem_attr = static_cast<std::uint8_t>(gbpa.get<Gbpa::MemAttr>()),
                            .alloccfg = static_cast<std::uint8_t>(gbpa.get<Gbpa::ALLOCCFG>()),
                            .shcfg = static_cast<std::uint8_t>(gbpa.get<Gbpa::SHCFG>()),
                            .nscfg = static_cast<std::uint8_t>(gbpa.get<Gbpa::NSCFG>()),
                            .privcfg = static_cast<std::uint8_t>(gbpa.get<Gbpa::PRIVCFG>()),
                            .instcfg = static_cast<std::uint8_t>(gbpa.get<Gbpa::INSTCFG>())},
                           config_.override_types, config_.override_permissions),
              request.security);

  const bool too_wide = (request.transaction.address & ~low_bits(config_.output_bits)) != 0;
  if (gbpa.is_set<Gbpa::ABORT>() || too_wide || fetches_non_secure(request)) {
    ++statistics_.disabled;
    Translation result;
    result.source = Source::Disabled;
    return result;
  }
  ++statistics_.bypassed;
  Translation result;
  result.action = Action::Forward;
  result.source = Source::Disabled;
  result.output = request.transaction.address;
  result.attributes = output_attributes(request.attributes, nullptr, false, request.security, config_.minor);
  return result;
}

/// S_CR0.SIF, of what no stage 1 translates (§6.3.57.2).
bool Translator::fetches_non_secure(const Request& request) const {
  return request.security == SecurityState::Secure &&
         control_[static_cast<std::size_t>(SecurityState::Secure)].secure_instruction_fetch &&
         request.attributes.instruction && !request.attributes.write && !request.attributes.secure;
}

/// Neither stage translates: STE.Config == 0b100, or S1DSS without stage 2 (§3.4).
Translation Translator::bypass(const Request& request) {
  arch::Fault fault;
  if ((request.transaction.address & ~low_bits(config_.output_bits)) != 0) {
    fault.kind = arch::FaultKind::AddressSize;
    return terminated(request, fault, Source::Bypass);
  }
  if (fetches_non_secure(request)) {
    fault.kind = arch::FaultKind::Permission;
    return terminated(request, fault, Source::Bypass);
  }
  ++statistics_.bypassed;
  Translation result;
  result.action = Action::Forward;
  result.source = Source::Bypass;
  result.output = request.transaction.address;
  result.attributes = output_attributes(request.attributes, nullptr, false, request.security, config_.minor);
  result.accesses = log_.kept();
  return result;
}

Translation Translator::through_stages(unsigned tbu, const Request& request) {
  const arch::Stage1* stage1 = request.substream == nullptr ? nullptr : &request.substream->regime;
  const arch::Stage2* stage2 = request.stream->stage2 ? &request.stream->stage2_regime : nullptr;

  if (stage1 == nullptr) {
    // §3.4: what bypasses stage 1 must fit the IAS, else it is a stage 1 fault that is always an abort.
    arch::Fault fault;
    if ((request.transaction.address & ~low_bits(intermediate_bits(config_))) != 0) {
      fault.kind = arch::FaultKind::AddressSize;
      return terminated(request, fault, Source::Bypass);
    }
    if (fetches_non_secure(request)) {
      fault.kind = arch::FaultKind::Permission;
      return terminated(request, fault, Source::Bypass);
    }
  }

  const std::uint64_t address = stage1 == nullptr ? request.transaction.address
                                                  : arch::canonical_va(*stage1, request.transaction.address);
  const arch::TlbTag tag = tag_of(request);
  const arch::Access access = access_of(request);

  arch::Tlb& micro = micro_tlbs_[tbu];
  Source source = Source::MicroTlb;
  const arch::Mapping* mapping = micro.lookup(tag, address);
  if (mapping == nullptr) {
    source = Source::MainTlb;
    mapping = tlb_.lookup(tag, address);
    if (mapping != nullptr) {
      ++epochs_[tbu];
      micro.insert_missed(tag, address, *mapping);
    }
  }
  if (mapping != nullptr) {
    const arch::HitCheck check = arch::check_hit(*mapping, stage1, stage2, access);
    if (check != arch::HitCheck::Walk)
      ++(source == Source::MicroTlb ? statistics_.micro_tlb_hits : statistics_.tlb_hits);
    if (check == arch::HitCheck::Allowed) {
      Translation result = forward(request, tag, *mapping, address, source);
      if (source == Source::MicroTlb && request.cached != nullptr)
        result.hit = {.epoch = epochs_[tbu],
                      .mapping = micro.index_of(*mapping),
                      .configuration = configurations_.index_of(*request.cached)};
      return result;
    }
    if (check != arch::HitCheck::Walk)
      return translation_fault(request, fault_on_hit(request, *mapping, address, check), source);
  }

  ++statistics_.walks;
  const arch::Outcome outcome =
      arch::translate(stage1, stage2, access, request.attributes.secure, walk_context(request, tag));
  if (!outcome.ok) {
    return arch::is_translation_related(outcome.fault.kind)
               ? translation_fault(request, outcome.fault, Source::Walk)
               : terminated(request, outcome.fault, Source::Walk);
  }
  ++epochs_[tbu];
  if (mapping == nullptr) {
    tlb_.insert_missed(tag, address, outcome.mapping);
    micro.insert_missed(tag, address, outcome.mapping);
  } else {
    tlb_.insert(tag, address, outcome.mapping);
    micro.insert(tag, address, outcome.mapping);
  }
  return forward(request, tag, outcome.mapping, address, Source::Walk);
}

Translation Translator::forward(const Request& request, const arch::TlbTag& tag, const arch::Mapping& mapping,
                                std::uint64_t address, Source source) const {
  Translation result;
  result.action = Action::Forward;
  result.source = source;
  result.same_page_shift = mapping.size_shift;
  result.span_shift = static_cast<std::uint8_t>(arch::span_shift(mapping));
  result.tag = tag;
  result.output = mapping.output | (address & low_bits(mapping.size_shift));
  result.attributes = output_attributes(request.attributes, &mapping, mapping.second.forced_write_back,
                                        request.security, config_.minor);
  result.accesses = log_.kept();
  return result;
}

arch::Fault Translator::fault_on_hit(const Request& request, const arch::Mapping& mapping,
                                     std::uint64_t address, arch::HitCheck check) const {
  arch::Fault fault;
  fault.access = access_of(request);
  fault.kind =
      check == arch::HitCheck::Translation ? arch::FaultKind::Translation : arch::FaultKind::Permission;
  fault.stage = check == arch::HitCheck::Stage2Permission ? 2 : 1;
  fault.level = check == arch::HitCheck::Translation ? std::uint8_t{0}
                : fault.stage == 2                   ? mapping.second.level
                                                     : mapping.first.level;
  if (fault.stage == 2) {
    fault.ipa = mapping.ipa | (address & low_bits(mapping.size_shift));
    fault.ipa_non_secure = !mapping.ipa_secure;
  }
  return fault;
}

/// What the event record says of the transaction, whatever went wrong.
arch::Fault Translator::of_request(const Request& request, arch::Fault fault) const {
  fault.access = access_of(request);
  fault.secure_stream = request.security == SecurityState::Secure;
  fault.ssv = request.transaction.ssv;
  fault.substream_id = request.transaction.ssv ? request.transaction.substream_id : 0;
  if (!fault.secure_stream || fault.stage != 2) fault.ipa_non_secure = false;  // NSIPA, §7.3
  return fault;
}

/// Faults that are always an abort, whatever CD and STE say (§5.5).
Translation Translator::terminated(const Request& request, arch::Fault fault, Source source) {
  ++(fault.kind == arch::FaultKind::ExternalWalk ? statistics_.aborted_walks
     : arch::is_translation_related(fault.kind)  ? statistics_.stage1_faults
                                                 : statistics_.configuration_faults);
  Translation result;
  result.source = source;
  result.fault = of_request(request, fault);
  result.recorded =
      fault.kind != arch::FaultKind::BadStreamId || control_of(request.security).record_bad_stream_ids;
  result.accesses = log_.kept();
  return result;
}

/// The four that can stall, or be silent (§3.12, §5.5).
Translation Translator::translation_fault(const Request& request, arch::Fault fault, Source source) {
  ++(fault.stage == 2 ? statistics_.stage2_faults : statistics_.stage1_faults);
  Translation result;
  result.source = source;
  result.fault = of_request(request, fault);
  if (fault.stage == 2) {
    using layout::smmuv3::Ste;
    const bool stall = request.stream->ste.is_set<Ste::S2S>();
    result.action = stall ? Action::Stall : Action::Abort;
    result.recorded = stall || request.stream->ste.is_set<Ste::S2R>();
  } else {
    const SubstreamContext& context = *request.substream;
    result.action = context.stall ? Action::Stall : context.abort ? Action::Abort : Action::RazWi;
    result.recorded = context.stall || context.record;
  }
  result.accesses = log_.kept();
  return result;
}

bool Translator::find_configuration(Request& request, std::optional<arch::Fault>& fault) {
  const ConfigKey key = key_of(request);
  const Configuration* const known = configurations_.lookup(key);
  if (known != nullptr) use(request, *known);
  const bool enough = known != nullptr && (known->complete || !needs_cd(request));
  if (enough)
    request.cached = known;
  else if (!fetch_configuration(request, key, fault))
    return false;

  const auto bad = [&](arch::FaultKind kind) {
    fault = arch::Fault{.kind = kind};
    return false;
  };
  if (request.stream->illegal) return bad(arch::FaultKind::BadSte);
  if (needs_cd(request) && request.substream != nullptr && request.substream->illegal)
    return bad(arch::FaultKind::BadCd);
  return request.stream->passes;
}

ConfigKey Translator::key_of(const Request& request) {
  const Transaction& transaction = request.transaction;
  return {.stream_id = transaction.stream_id,
          .substream_id = transaction.ssv ? transaction.substream_id : 0,
          .security = request.security,
          .ssv = transaction.ssv};
}

void Translator::use(Request& request, const Configuration& configuration) const {
  request.stream = &configuration.stream;
  request.substream = configuration.stage1 ? &configuration.substream : nullptr;
  request.attributes =
      replace(request.transaction.attributes, configuration.stream.overrides, request.security);
}

/// What an STE says of ATS is looked at before any CD, and a Translated transaction has no use for one.
bool Translator::needs_cd(const Request& request) {
  if (request.purpose == Purpose::Translated) return false;
  return request.purpose == Purpose::Untranslated || request.stream->eats != layout::smmuv3::Eats::None;
}

/// Structures that were read are kept, invalid ones too. What a SubstreamID that is none leads to is not.
bool Translator::fetch_configuration(Request& request, const ConfigKey& key,
                                     std::optional<arch::Fault>& fault) {
  return fetch_stream(request, key, fault) && fetch_substream(request, key, fault);
}

bool Translator::fetch_stream(Request& request, const ConfigKey& key, std::optional<arch::Fault>& fault) {
  const Control& own = control_of(request.security);
  const Control& secure = control_of(SecurityState::Secure);
  ++statistics_.stream_fetches;
  const SteLookup ste = find_ste(
      {.state = request.security, .base = own.strtab_base, .format = own.strtab_base_cfg, .cr1 = own.cr1},
      config_, key.stream_id, *memory_, log_);
  if (!ste.ok) {
    fault = ste.fault;
    return false;
  }
  fetched_.stream = decode(ste.ste, request.security, own, secure, config_);
  fetched_.stage1 = false;
  use(request, fetched_);
  fetched_.complete = !fetched_.stream.passes || needs_cd(request);
  return true;
}

/// Of the stream that fetch_stream() found.
bool Translator::fetch_substream(Request& request, const ConfigKey& key, std::optional<arch::Fault>& fault) {
  const layout::smmuv3::Ste& ste = fetched_.stream.ste;
  if (fetched_.stream.passes && fetched_.complete) {
    const SubstreamChoice choice =
        choose_cd(ste, config_, key.ssv ? std::optional(key.substream_id) : std::nullopt);
    if (choice.action == SubstreamChoice::Action::Terminate) {
      fault = arch::Fault{.kind = choice.fault};
      return false;
    }
    if (choice.action == SubstreamChoice::Action::UseCd) {
      ++statistics_.context_fetches;
      const arch::WalkContext context = walk_context(request, tag_of(request));
      ContextThroughStage2 stage2(fetched_.stream.stage2_regime, context);
      const CdLookup cd = find_cd(ste, config_, request.security, choice.cd_index,
                                  fetched_.stream.stage2 ? &stage2 : nullptr, *memory_, log_);
      if (!cd.ok) {
        fault = cd.fault;
        return false;
      }
      fetched_.substream =
          decode(cd.cd, fetched_.stream, request.security, control_of(SecurityState::Secure), config_);
      fetched_.stage1 = true;
      request.substream = &fetched_.substream;
    }
  }
  if (!request.inhibit_update) {
    forget_hits();
    configurations_.insert(key, fetched_, fetched_.stage1);
  }
  return true;
}

/// §3.17.
arch::TlbTag Translator::tag_of(const Request& request) const {
  arch::TlbTag tag{.vmid = request.stream->vmid, .world = request.stream->world};
  if (request.substream != nullptr) {
    tag.asid = request.substream->asid;
    tag.aset = request.substream->aset;
    tag.stages = request.stream->stage2 ? arch::Stages::Both : arch::Stages::One;
  } else {
    tag.stages = arch::Stages::Two;
    tag.secure_ipa = request.attributes.secure;
  }
  return tag;
}

arch::WalkContext Translator::walk_context(const Request& request, const arch::TlbTag& tag) {
  arch::WalkContext context{.memory = memory_, .log = &log_, .tag = tag};
  if (request.inhibit_update) {
    // What goes through a stage 2 page that is not marked must not be found by those who would mark it.
    context.inhibit_update = true;
  } else {
    context.stage1_tables = &stage1_tables_;
    context.stage2_tables = &stage2_tables_;
    context.tlb = &tlb_;
  }
  return context;
}

arch::Access Translator::access_of(const Request& request) const {
  return {.address = request.transaction.address,
          .stream_id = request.transaction.stream_id,
          .write = request.attributes.write,
          .privileged = request.attributes.privileged,
          .instruction = request.attributes.instruction};
}

}  // namespace sidewinder::smmuv3
