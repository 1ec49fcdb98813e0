// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/gatos.h"

#include <algorithm>

#include "iommu/layout/bits.h"
#include "iommu/smmuv3/event_record.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;
using layout::low_bits;
using layout::mask_of;

constexpr unsigned page_shift = 12;

std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32);
}
std::uint64_t with_low(std::uint64_t before, std::uint32_t value) {
  return (before & ~low_bits(32)) | value;
}
std::uint64_t with_high(std::uint64_t before, std::uint32_t value) {
  return (before & low_bits(32)) | std::uint64_t{value} << 32;
}

/// What a fault is to someone who asked of stage 1 alone (§9.1.4): stage 2's are those of a fetch.
std::uint8_t code_for_stage1(const arch::Fault& fault) {
  if (fault.stage != 2) return static_cast<std::uint8_t>(event_type(fault.kind));
  return static_cast<std::uint8_t>(fault.cls == arch::FaultClass::Cd ? EventType::F_CD_FETCH
                                                                     : EventType::F_WALK_EABT);
}

AtosReason reason_of(const arch::Fault& fault) {
  if (fault.stage != 2) return AtosReason::Stage1;
  switch (fault.cls) {
    case arch::FaultClass::Cd:
      return AtosReason::ContextFetch;
    case arch::FaultClass::Table:
      return AtosReason::TableFetch;
    case arch::FaultClass::Input:
      break;
  }
  return AtosReason::Input;
}

}  // namespace

std::uint64_t Gatos::sid_fields() const {
  const bool secure = state_ == SecurityState::Secure;
  const unsigned bits = std::max(config_->stream_id_bits, secure ? config_->secure_stream_id_bits : 0);
  std::uint64_t fields = low_bits(bits);
  fields |= low_bits(config_->substream_id_bits) << GATOS_SID::SUBSTREAMID::shift;
  if (config_->substream_id_bits != 0) fields |= GATOS_SID::SSID_VALID::mask;
  if (secure) fields |= GATOS_SID::SSEC::mask;
  return fields;
}

std::uint64_t Gatos::address_fields() const {
  std::uint64_t fields = mask_of<GATOS_ADDR::ADDR, GATOS_ADDR::TYPE, GATOS_ADDR::PnU, GATOS_ADDR::RnW,
                                 GATOS_ADDR::InD, GATOS_ADDR::HTTUI>;
  if (state_ == SecurityState::Secure && config_->secure_el2) fields |= GATOS_ADDR::NS::mask;
  return fields;
}

std::uint32_t Gatos::read(std::uint32_t offset) const {
  switch (offset) {
    case page0::GATOS_SID:
      return low(sid_.raw);
    case page0::GATOS_SID + 4:
      return high(sid_.raw);
    case page0::GATOS_ADDR:
      return low(addr_.raw);
    case page0::GATOS_ADDR + 4:
      return high(addr_.raw);
    case page0::GATOS_PAR:
      return low(par_);
    case page0::GATOS_PAR + 4:
      return high(par_);
    default:
      return 0;
  }
}

bool Gatos::write(std::uint32_t offset, std::uint32_t value) {
  if (!config_->address_translation_operations) return false;
  switch (offset) {
    case page0::GATOS_CTRL:
      return GATOS_CTRL::of(value).is_set<GATOS_CTRL::RUN>();
    case page0::GATOS_SID:
      sid_.raw = with_low(sid_.raw, value) & sid_fields();
      return false;
    case page0::GATOS_SID + 4:
      sid_.raw = with_high(sid_.raw, value) & sid_fields();
      return false;
    case page0::GATOS_ADDR:
      addr_.raw = with_low(addr_.raw, value) & address_fields();
      return false;
    case page0::GATOS_ADDR + 4:
      addr_.raw = with_high(addr_.raw, value) & address_fields();
      return false;
    default:
      return false;
  }
}

AtosType Gatos::type() const {
  return static_cast<AtosType>(addr_.get<GATOS_ADDR::TYPE>());
}

/// §9.1.3.
std::optional<AtosRequest> Gatos::request() const {
  AtosRequest request{
      .address = addr_.get<GATOS_ADDR::ADDR>() << GATOS_ADDR::ADDR::shift,
      .stream_id = static_cast<std::uint32_t>(sid_.get<GATOS_SID::STREAMID>()),
      .substream_id = static_cast<std::uint32_t>(sid_.get<GATOS_SID::SUBSTREAMID>()),
      .ssv = sid_.is_set<GATOS_SID::SSID_VALID>(),
      .stream = sid_.is_set<GATOS_SID::SSEC>() ? SecurityState::Secure : SecurityState::NonSecure,
      .stage1 = type() == AtosType::Stage1 || type() == AtosType::Stage1And2,
      .stage2 = type() == AtosType::Stage2 || type() == AtosType::Stage1And2,
      .write = !addr_.is_set<GATOS_ADDR::RnW>(),
      .instruction = addr_.is_set<GATOS_ADDR::InD>(),
      .privileged = addr_.is_set<GATOS_ADDR::PnU>(),
      .non_secure_ipa = addr_.is_set<GATOS_ADDR::NS>(),
      .inhibit_update = addr_.is_set<GATOS_ADDR::HTTUI>()};
  if (type() == AtosType::Reserved) return std::nullopt;
  if ((request.stage1 && !config_->stage1) || (request.stage2 && !config_->stage2)) return std::nullopt;
  if (!request.stage1 && request.ssv) return std::nullopt;
  return request;
}

void Gatos::complete(const std::optional<AtosResult>& result) {
  // INTERNAL_ERR is one of MISC in the table of §9.1.4, where a stage 2 request has them as the input's.
  const AtosReason misc = type() == AtosType::Stage2 ? AtosReason::Input : AtosReason::Stage1;
  if (!result) {
    par_ = failed(static_cast<std::uint8_t>(AtosFault::INV_REQ), AtosReason::Stage1).raw;
    return;
  }
  switch (result->status) {
    case AtosResult::Status::Translated:
      par_ = translated(*result).raw;
      break;
    case AtosResult::Status::Faulted:
      par_ = faulted(result->fault).raw;
      break;
    case AtosResult::Status::NoStage:
      par_ = failed(static_cast<std::uint8_t>(AtosFault::INV_STAGE), AtosReason::Stage1).raw;
      break;
    case AtosResult::Status::Terminated:
      par_ = failed(static_cast<std::uint8_t>(AtosFault::INTERNAL_ERR), misc).raw;
      break;
  }
}

GATOS_PAR Gatos::translated(const AtosResult& result) const {
  std::uint64_t address = result.output;
  const bool larger = result.size_shift > page_shift;
  if (larger) address |= std::uint64_t{1} << (result.size_shift - 1);
  GATOS_PAR par;
  par.set<GATOS_PAR::ADDR>((address & low_bits(config_->output_bits)) >> page_shift)
      .set<GATOS_PAR::Size>(larger ? 1 : 0)
      .set<GATOS_PAR::SH>(static_cast<std::uint64_t>(result.memory.shareability))
      .set<GATOS_PAR::ATTR>(arch::to_mair(result.memory));
  if (state_ == SecurityState::Secure) par.set<GATOS_PAR::NS>(result.secure ? 0 : 1);
  return par;
}

GATOS_PAR_FAULT Gatos::failed(std::uint8_t code, AtosReason reason) const {
  return GATOS_PAR_FAULT{}
      .set<GATOS_PAR_FAULT::FAULT>(1)
      .set<GATOS_PAR_FAULT::REASON>(static_cast<std::uint64_t>(reason))
      .set<GATOS_PAR_FAULT::FAULTCODE>(code);
}

/// The table of §9.1.4.
GATOS_PAR_FAULT Gatos::faulted(const arch::Fault& fault) const {
  if (type() == AtosType::Stage1) return failed(code_for_stage1(fault), AtosReason::Stage1);
  const auto code = static_cast<std::uint8_t>(event_type(fault.kind));
  if (type() == AtosType::Stage2) {
    const bool input_too_big = fault.kind == arch::FaultKind::AddressSize && fault.stage == 1;
    return failed(code, input_too_big ? AtosReason::Stage1 : AtosReason::Input);
  }
  GATOS_PAR_FAULT par = failed(code, reason_of(fault));
  if (fault.stage == 2 && arch::is_translation_related(fault.kind))
    par.set<GATOS_PAR_FAULT::FADDR>((fault.ipa & low_bits(config_->output_bits)) >> page_shift)
        .set<GATOS_PAR_FAULT::NSIPA>(fault.secure_stream && fault.ipa_non_secure ? 1 : 0);
  return par;
}

}  // namespace sidewinder::smmuv3
