// SPDX-License-Identifier: Apache-2.0
//
// ATS in the translating half: Translation Requests and Translated transactions (IHI 0070 §3.9.1, §13.6,
// §13.7). IDR3.PASIDTT is 0.

#include "iommu/smmuv3/ats.h"

#include "iommu/layout/bits.h"
#include "iommu/smmuv3/translator.h"

namespace sidewinder::smmuv3 {
namespace {

using layout::low_bits;
using layout::smmuv3::Eats;
using Action = Translation::Action;
using Source = Translation::Source;
using Status = AtsCompletion::Status;

/// The transaction that a Translation Request asks about. Without a PASID it is Data and unprivileged
/// (§13.7).
Transaction transaction_of(const AtsRequest& ats) {
  Transaction transaction{.address = ats.address,
                          .stream_id = ats.stream_id,
                          .substream_id = ats.substream_id,
                          .ssv = ats.ssv,
                          .security = ats.security};
  transaction.attributes.privileged = ats.ssv && ats.privileged;
  return transaction;
}

}  // namespace

AtsCompletion Translator::translate_for_ats(const AtsRequest& ats) {
  ++statistics_.ats_requests;
  log_.clear();
  const Transaction transaction = transaction_of(ats);
  Request request{.transaction = transaction,
                  .purpose = Purpose::TranslationRequest,
                  .security = config_.secure ? transaction.security : SecurityState::NonSecure,
                  .attributes = transaction.attributes};
  const auto refused = [&] {
    return ats_failed(Status::UnsupportedRequest, request, {.kind = arch::FaultKind::BadAtsRequest}, true);
  };
  if (!config_.ats) return {};
  if (request.security == SecurityState::Secure || !control_of(request.security).enabled) return refused();

  AtsCompletion completion;
  std::optional<arch::Fault> fault;
  if (!find_configuration(request, fault)) {
    if (fault) {
      completion = ats_fault(request, *fault);
    } else {  // STE.Config == 0b000
      ++statistics_.disabled;
      completion.accesses = log_.kept();
    }
  } else if (request.stream->eats == Eats::None) {
    completion = refused();
  } else if (request.substream == nullptr && !request.stream->stage2) {
    completion = ats_identity(request);
  } else {
    completion = ats_through_stages(request, ats);
  }
  completion.privileged = completion.status == Status::Success && transaction.attributes.privileged;
  return completion;
}

AtsCompletion Translator::ats_failed(Status status, const Request& request, const arch::Fault& fault,
                                     bool recorded) {
  ++(fault.kind == arch::FaultKind::ExternalWalk ? statistics_.aborted_walks
                                                 : statistics_.configuration_faults);
  AtsCompletion completion;
  completion.status = status;
  completion.fault = of_request(request, fault);
  completion.recorded = recorded;
  completion.accesses = log_.kept();
  return completion;
}

/// R == W == 0: the endpoint may ask for the page by PRI. Nothing is recorded.
AtsCompletion Translator::ats_denied(const Request& request, const arch::Fault& fault) {
  ++(fault.stage == 2 ? statistics_.stage2_faults : statistics_.stage1_faults);
  AtsCompletion completion;
  completion.status = Status::Success;
  completion.size_shift = static_cast<std::uint8_t>(smallest_granule_shift(config_));  // STU (§3.9.1)
  completion.fault = of_request(request, fault);
  completion.accesses = log_.kept();
  return completion;
}

AtsCompletion Translator::ats_fault(const Request& request, const arch::Fault& fault) {
  if (arch::is_translation_related(fault.kind)) return ats_denied(request, fault);
  const Control& own = control_of(request.security);
  const bool recorded =
      own.record_ats_errors && (fault.kind != arch::FaultKind::BadStreamId || own.record_bad_stream_ids);
  return ats_failed(Status::CompleterAbort, request, fault, recorded);
}

/// S1DSS skips the only stage (§13.6.4): one answer for all of the physical address space.
AtsCompletion Translator::ats_identity(const Request& request) {
  if ((request.transaction.address & ~low_bits(config_.output_bits)) != 0)
    return ats_denied(request, {.kind = arch::FaultKind::AddressSize});
  ++statistics_.bypassed;
  AtsCompletion completion;
  completion.status = Status::Success;
  completion.read = completion.write = true;
  completion.size_shift = static_cast<std::uint8_t>(config_.output_bits);
  completion.accesses = log_.kept();
  return completion;
}

AtsCompletion Translator::ats_through_stages(const Request& request, const AtsRequest& ats) {
  const arch::Stage1* stage1 = request.substream == nullptr ? nullptr : &request.substream->regime;
  const arch::Stage2* stage2 = request.stream->stage2 ? &request.stream->stage2_regime : nullptr;
  if (stage1 == nullptr && (ats.address & ~low_bits(intermediate_bits(config_))) != 0)
    return ats_denied(request, {.kind = arch::FaultKind::AddressSize});

  const std::uint64_t address = stage1 == nullptr ? ats.address : arch::canonical_va(*stage1, ats.address);
  const arch::TlbTag tag = tag_of(request);
  const std::optional<bool> instruction = request.stream->overrides.instruction;
  arch::Access read = access_of(request);
  read.instruction = instruction.value_or(false);
  arch::Access write = read;
  write.write = true;
  write.instruction = false;
  arch::Access execute = read;
  execute.instruction = true;

  arch::Mapping mapping;
  const auto walk = [&](const arch::Access& access) {
    ++statistics_.walks;
    const arch::Outcome outcome =
        arch::translate(stage1, stage2, access, request.attributes.secure, walk_context(request, tag));
    if (outcome.ok) {
      mapping = outcome.mapping;
      tlb_.insert(tag, address, mapping);
    }
    return outcome;
  };

  if (const arch::Mapping* known = tlb_.lookup(tag, address)) {
    ++statistics_.tlb_hits;
    mapping = *known;
  } else {
    arch::Outcome outcome = walk(read);
    const bool permission = outcome.fault.kind == arch::FaultKind::Permission;
    // There may be leave to write what may not be read.
    if (!outcome.ok && permission && !ats.no_write) outcome = walk(write);
    if (!outcome.ok) return ats_fault(request, outcome.fault);
  }

  const auto allowed = [&](const arch::Access& access) {
    return arch::check_hit(mapping, stage1, stage2, access);
  };
  // A page that is to be marked dirty is so only where the request is for writing (§13.7).
  if (!ats.no_write && allowed(write) == arch::HitCheck::Walk) {
    const arch::Outcome outcome = walk(write);
    if (!outcome.ok && !arch::is_translation_related(outcome.fault.kind))
      return ats_fault(request, outcome.fault);
  }
  const bool readable = allowed(read) == arch::HitCheck::Allowed;
  const bool writable = allowed(write) == arch::HitCheck::Allowed;
  const bool executable = allowed(execute) == arch::HitCheck::Allowed;
  if (!readable && !writable) {
    arch::Fault fault{.kind = arch::FaultKind::Permission};
    fault.stage = allowed(read) == arch::HitCheck::Stage2Permission ? 2 : 1;
    return ats_denied(request, fault);
  }

  AtsCompletion completion;
  completion.status = Status::Success;
  completion.read = readable;
  completion.write = writable;
  // With INSTCFG all reads are fetches, or none is; as they come in, execution needs both.
  completion.execute = ats.ssv && ats.execute && readable && (instruction.has_value() || executable);
  const bool split = request.stream->eats == Eats::SplitStage;
  completion.address = split ? mapping.ipa : mapping.output;
  completion.size_shift = mapping.size_shift;
  completion.accesses = log_.kept();
  return completion;
}

PparLookup Translator::find_ppar(std::uint32_t stream_id) {
  log_.clear();
  const Transaction transaction{.stream_id = stream_id};
  Request request{.transaction = transaction, .purpose = Purpose::Translated};  // which needs the STE alone
  PparLookup result;
  std::optional<arch::Fault> fault;
  static_cast<void>(find_configuration(request, fault));
  if (fault) {
    ++statistics_.configuration_faults;
    const Control& own = control_of(SecurityState::NonSecure);
    result.fault = of_request(request, *fault);
    result.recorded =
        own.record_ats_errors && (fault->kind != arch::FaultKind::BadStreamId || own.record_bad_stream_ids);
  } else {
    result.pasid_required = request.stream->ste.is_set<layout::smmuv3::Ste::PPAR>();
  }
  return result;
}

/// §3.9.1.3.
Translation Translator::translated(unsigned tbu, const Transaction& transaction) {
  ++statistics_.ats_translated;
  Transaction plain = transaction;
  plain.ssv = false;
  plain.attributes.instruction = plain.attributes.privileged = false;
  Request request{.transaction = plain,
                  .purpose = Purpose::Translated,
                  .security = config_.secure ? transaction.security : SecurityState::NonSecure,
                  .attributes = plain.attributes};
  Translation aborted;
  if (!config_.ats) {  // F_UUT would be the event, but of a Translated transaction is not recorded
    ++statistics_.disabled;
    return aborted;
  }
  const Control& own = control_of(request.security);
  if (request.security == SecurityState::Secure || !own.enabled) return forbidden(request);
  if (!own.ats_check) return pass_translated(request);

  std::optional<arch::Fault> fault;
  if (!find_configuration(request, fault)) {
    if (fault) {
      aborted = terminated(request, *fault, Source::Configuration);
      aborted.recorded = own.record_ats_errors;  // RECINVSID has no say
      return aborted;
    }
    ++statistics_.disabled;
    aborted.accesses = log_.kept();
    return aborted;
  }
  request.substream = nullptr;
  request.attributes.memory = plain.attributes.memory;  // table 13.5: MTCFG, MemAttr and SHCFG are ignored
  if (request.stream->eats == Eats::None) return forbidden(request);
  return request.stream->eats == Eats::SplitStage ? through_stages(tbu, request) : pass_translated(request);
}

Translation Translator::forbidden(const Request& request) {
  arch::Fault fault;
  fault.kind = arch::FaultKind::TranslForbidden;
  return terminated(request, fault, Source::Configuration);
}

/// Of an address that is too wide, §3.9.1.1 lets it be aborted without an event.
Translation Translator::pass_translated(const Request& request) {
  Translation result;
  result.source = Source::Bypass;
  result.accesses = log_.kept();
  if ((request.transaction.address & ~low_bits(config_.output_bits)) != 0) {
    ++statistics_.disabled;
    return result;
  }
  ++statistics_.bypassed;
  result.action = Action::Forward;
  result.output = request.transaction.address;
  result.attributes = output_attributes(request.attributes, nullptr, false, request.security, config_.minor);
  return result;
}

}  // namespace sidewinder::smmuv3
