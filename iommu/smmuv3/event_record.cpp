// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/event_record.h"

#include "iommu/layout/bits.h"

namespace sidewinder::smmuv3 {
namespace {

using arch::FaultKind;
using layout::smmuv3::Event;
using layout::smmuv3::EventType;

/// Of two records only the StreamID says whose they are (§7.3.7, §7.3.8).
bool has_substream(FaultKind kind) {
  return kind != FaultKind::StreamDisabled && kind != FaultKind::TranslForbidden;
}

void set_access(Event& record, const arch::Access& access) {
  record.set<Event::PnU>(access.privileged ? 1 : 0)
      .set<Event::InD>(access.instruction ? 1 : 0)
      .set<Event::RnW>(access.write ? 0 : 1)
      .set<Event::InputAddr>(access.address);
}

void set_stage(Event& record, const arch::Fault& fault) {
  record.set<Event::S2>(fault.stage == 2 ? 1 : 0).set<Event::CLASS>(static_cast<std::uint64_t>(fault.cls));
  record.set<Event::NSIPA>(fault.stage == 2 && fault.secure_stream && fault.ipa_non_secure ? 1 : 0);
}

/// §7.3.13 to §7.3.16.
void set_translation_related(Event& record, const arch::Fault& fault, std::optional<std::uint16_t> stag,
                             const Config& config) {
  set_access(record, fault.access);
  set_stage(record, fault);
  if (stag) record.set<Event::STALL>(1).set<Event::STAG>(*stag);
  if (fault.stage == 2) record.set_address<Event::IPA>(fault.ipa & layout::low_bits(config.output_bits));
  if (fault.kind == FaultKind::Permission && fault.cls == arch::FaultClass::Table)
    record.set<Event::TTRnW>(fault.table_write ? 0 : 1);
}

}  // namespace

EventType event_type(FaultKind kind) {
  switch (kind) {
    case FaultKind::Translation:
      return EventType::F_TRANSLATION;
    case FaultKind::AddressSize:
      return EventType::F_ADDR_SIZE;
    case FaultKind::AccessFlag:
      return EventType::F_ACCESS;
    case FaultKind::Permission:
      return EventType::F_PERMISSION;
    case FaultKind::ExternalWalk:
      return EventType::F_WALK_EABT;
    case FaultKind::BadStreamId:
      return EventType::C_BAD_STREAMID;
    case FaultKind::SteFetch:
      return EventType::F_STE_FETCH;
    case FaultKind::BadSte:
      return EventType::C_BAD_STE;
    case FaultKind::BadAtsRequest:
      return EventType::F_BAD_ATS_TREQ;
    case FaultKind::StreamDisabled:
      return EventType::F_STREAM_DISABLED;
    case FaultKind::TranslForbidden:
      return EventType::F_TRANSL_FORBIDDEN;
    case FaultKind::BadSubstreamId:
      return EventType::C_BAD_SUBSTREAMID;
    case FaultKind::CdFetch:
      return EventType::F_CD_FETCH;
    case FaultKind::BadCd:
      return EventType::C_BAD_CD;
    case FaultKind::UnsupportedUpstream:
    case FaultKind::UnidentifiedStream:
    case FaultKind::StreamMatchConflict:
    case FaultKind::InvalidContext:
    case FaultKind::UnimplementedContextBank:
      break;
  }
  return EventType::F_UUT;
}

Event event_record(const arch::Fault& fault, std::optional<std::uint16_t> stag, const Config& config) {
  Event record;
  record.set<Event::Type>(static_cast<std::uint64_t>(event_type(fault.kind)))
      .set<Event::StreamID>(fault.access.stream_id);
  if (fault.ssv && has_substream(fault.kind)) record.set<Event::SubstreamID>(fault.substream_id);
  // C_BAD_SUBSTREAMID has no SSV: its SubstreamID is always valid, 0 where CD 0 stood in for none (§7.3.9).
  if (fault.ssv && has_substream(fault.kind) && fault.kind != FaultKind::BadSubstreamId)
    record.set<Event::SSV>(1);

  switch (fault.kind) {
    case FaultKind::Translation:
    case FaultKind::AddressSize:
    case FaultKind::AccessFlag:
    case FaultKind::Permission:
      set_translation_related(record, fault, stag, config);
      break;
    case FaultKind::ExternalWalk:
      set_access(record, fault.access);
      set_stage(record, fault);
      record.set_address<Event::FetchAddr>(fault.fetch_address & layout::low_bits(config.output_bits));
      break;
    case FaultKind::SteFetch:
    case FaultKind::CdFetch:
      record.set_address<Event::FetchAddr>(fault.fetch_address & layout::low_bits(config.output_bits));
      break;
    case FaultKind::UnsupportedUpstream:
      set_access(record, fault.access);
      break;
    case FaultKind::BadAtsRequest:  // no figure says where R, W, X, PRIV and Span are
      record.set<Event::InputAddr>(fault.access.address & ~layout::low_bits(12));
      break;
    case FaultKind::TranslForbidden:
      record.set<Event::RnW>(fault.access.write ? 0 : 1).set<Event::InputAddr>(fault.access.address);
      break;
    default:
      break;
  }
  return record;
}

}  // namespace sidewinder::smmuv3
