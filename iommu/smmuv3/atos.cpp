// SPDX-License-Identifier: Apache-2.0
//
// An address translation operation is translated as a transaction is, but leaves no event, stalls nothing and
// counts as none (IHI 0070 chapter 9). It walks, whatever TLBs hold of its address, and puts nothing there.
// Its accesses are added to the log of the last transaction, whose own stay what they are.

#include "iommu/smmuv3/atos.h"

#include "iommu/arch/stage1_walk.h"
#include "iommu/layout/bits.h"
#include "iommu/smmuv3/context_table.h"
#include "iommu/smmuv3/translator.h"

namespace sidewinder::smmuv3 {
namespace {

using layout::low_bits;
using Status = AtosResult::Status;

/// Table 13.4 and Table 13.5: none of the STE's overrides apply.
InputAttributes attributes_of(const AtosRequest& asked) {
  return {.write = asked.write,
          .instruction = asked.instruction,
          .privileged = asked.privileged,
          .secure = asked.stream == SecurityState::Secure && !asked.non_secure_ipa};
}

}  // namespace

AtosResult Translator::look_up(const AtosRequest& asked) {
  if (!control_of(asked.stream).enabled) return {.status = Status::Terminated};
  const Transaction transaction{.address = asked.address,
                                .stream_id = asked.stream_id,
                                .substream_id = asked.substream_id,
                                .ssv = asked.ssv,
                                .security = asked.stream,
                                .attributes = attributes_of(asked)};
  Request request{
      .transaction = transaction, .security = asked.stream, .inhibit_update = asked.inhibit_update};
  const auto faulted = [&](const arch::Fault& fault) {
    return AtosResult{.status = Status::Faulted, .fault = of_request(request, fault)};
  };

  // In the order of §9.1.5.
  std::optional<arch::Fault> fault;
  const ConfigKey key = key_of(request);
  const Configuration* known = configurations_.lookup(key);
  if (known != nullptr && !known->complete && asked.stage1) known = nullptr;
  if (known != nullptr)
    use(request, *known);
  else if (!fetch_stream(request, key, fault))
    return faulted(*fault);
  const StreamContext& stream = *request.stream;
  if (stream.illegal) return faulted({.kind = arch::FaultKind::BadSte});
  if ((asked.stage1 && !stream.stage1) || (asked.stage2 && !stream.stage2))
    return {.status = Status::NoStage};
  if (asked.stage1) {
    if (known == nullptr && !fetch_substream(request, key, fault)) return faulted(*fault);
    if (request.substream != nullptr && request.substream->illegal)
      return faulted({.kind = arch::FaultKind::BadCd});
  } else {
    const SubstreamChoice choice = choose_cd(stream.ste, config_, std::nullopt);
    if (choice.action == SubstreamChoice::Action::Terminate) return faulted({.kind = choice.fault});
    request.substream = nullptr;
  }
  request.attributes = transaction.attributes;

  const arch::Outcome outcome = walk_for(asked, request);
  if (!outcome.ok) return faulted(outcome.fault);
  const arch::Mapping& mapping = outcome.mapping;
  const OutputAttributes attributes = output_attributes(
      request.attributes, &mapping, mapping.second.forced_write_back, asked.stream, config_.minor);
  return {.status = Status::Translated,
          .output = mapping.output,
          .size_shift = mapping.size_shift,
          .memory = attributes.memory,
          .secure = attributes.secure};
}

/// The stages asked of. Stage 1 alone of a nested configuration leaves its output an IPA.
arch::Outcome Translator::walk_for(const AtosRequest& asked, const Request& request) {
  const StreamContext& stream = *request.stream;
  const arch::Stage2* stage2 = stream.stage2 ? &stream.stage2_regime : nullptr;
  const arch::Access access = access_of(request);
  const arch::WalkContext context = walk_context(request, tag_of(request));

  if (request.substream != nullptr) {
    const arch::Stage1& stage1 = request.substream->regime;
    return asked.stage2 ? arch::translate(&stage1, stage2, access, false, context)
                        : arch::translate_va(stage1, stage2, access, context);
  }
  const unsigned bits = stage2 != nullptr ? intermediate_bits(config_) : config_.output_bits;
  if ((access.address & ~low_bits(bits)) != 0) return {.fault = {.kind = arch::FaultKind::AddressSize}};
  // S_CR0.SIF is stage 1's check (§6.3.57), and not made where nothing is asked of that.
  if (asked.stage1 && fetches_non_secure(request)) return {.fault = {.kind = arch::FaultKind::Permission}};
  if (asked.stage2) return arch::translate(nullptr, stage2, access, request.attributes.secure, context);
  // S1DSS == 0b01: the attributes are IMPLEMENTATION DEFINED (§9.1.3), and those of §13.1.3 here.
  const unsigned size = smallest_granule_shift(config_);
  return {.ok = true,
          .mapping = {.output = access.address & ~low_bits(size),
                      .size_shift = static_cast<std::uint8_t>(size),
                      .output_secure = request.attributes.secure}};
}

}  // namespace sidewinder::smmuv3
