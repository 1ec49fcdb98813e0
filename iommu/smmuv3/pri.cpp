// SPDX-License-Identifier: Apache-2.0
//
// Page requests: the PRI queue, its overflow, and the answers that the SMMU gives by itself (IHI 0070 chapter
// 8) or for CMD_PRI_RESP (§4.5.2).

#include "iommu/layout/bits.h"
#include "iommu/smmuv3/event_record.h"
#include "iommu/smmuv3/smmu.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;
using layout::low_bits;

bool stop_marker(const PageRequest& request) {
  return request.ssv && request.last && !request.read && !request.write;
}

PageRequestRecord record_of(const PageRequest& request) {
  PageRequestRecord record;
  record.set<PageRequestRecord::StreamID>(request.stream_id)
      .set<PageRequestRecord::R>(request.read ? 1 : 0)
      .set<PageRequestRecord::W>(request.write ? 1 : 0)
      .set<PageRequestRecord::Last>(request.last ? 1 : 0)
      .set<PageRequestRecord::PRGIndex>(request.group)
      .set_address<PageRequestRecord::PageAddress>(request.address);
  if (request.ssv)
    record.set<PageRequestRecord::SSV>(1)
        .set<PageRequestRecord::SubstreamID>(request.substream_id)
        .set<PageRequestRecord::X>(request.execute ? 1 : 0)
        .set<PageRequestRecord::Priv>(request.privileged ? 1 : 0);
  return record;
}

}  // namespace

AtsCompletion Smmu::translate_for_ats(const AtsRequest& request) {
  if (!powered_) {
    ++counters_.requests_without_power;
    return {};  // UR, as with SMMUEN 0 (§3.9.1.2)
  }
  AtsCompletion completion = translator_.translate_for_ats(request);
  if (completion.recorded)
    record(completion.fault->secure_stream ? SecurityState::Secure : SecurityState::NonSecure,
           event_record(*completion.fault, std::nullopt, config()));
  return completion;
}

void Smmu::answer(const PageRequest& request, PrgResponseCode code, bool with_pasid) {
  if (root_complex_ == nullptr || stop_marker(request)) return;
  root_complex_->respond({.stream_id = request.stream_id,
                          .substream_id = with_pasid ? request.substream_id : 0,
                          .ssv = with_pasid,
                          .group = request.group,
                          .code = code});
}

/// §8.1: the endpoint is to ask again.
void Smmu::answer_overflow(const PageRequest& request) {
  if (!request.last || stop_marker(request)) return;
  if (!request.ssv || config().pasid_in_auto_response)
    return answer(request, PrgResponseCode::Success, request.ssv);
  const PparLookup ppar = translator_.find_ppar(request.stream_id);
  if (ppar.recorded) record(SecurityState::NonSecure, event_record(*ppar.fault, std::nullopt, config()));
  answer(request, ppar.fault ? PrgResponseCode::Failure : PrgResponseCode::Success, ppar.pasid_required);
}

void Smmu::page_request(const PageRequest& incoming) {
  if (!powered_) {
    ++counters_.requests_without_power;
    return;
  }
  PageRequest request = incoming;
  request.ssv = incoming.ssv && config().substream_id_bits != 0;
  Interface& own = interface(SecurityState::NonSecure);
  const auto discard = [&] { ++counters_.page_requests_discarded; };

  const bool secure = config().secure && request.security == SecurityState::Secure;
  const bool on = own.pages_on() && own.translates();  // the effective PRIQEN
  if (secure || !on || own.active<GERROR::PRIQ_ABT_ERR>()) {
    discard();
    return answer(request, PrgResponseCode::Failure, false);
  }

  const bool interrupts = own.irq_ctrl.is_set<IRQ_CTRL::PRIQ_IRQEN>();
  const bool last_only = own.page_msi.cfg2.is_set<IRQ_CFG2::LO>();
  const Queue queue = own.page_queue();
  const bool overflowed =
      own.priq_prod.get<EVENTQ_PROD::OVFLG>() != own.priq_cons.get<EVENTQ_CONS::OVACKFLG>();
  if (overflowed || queue.full(own.priq_prod.raw, own.priq_cons.raw)) {
    discard();
    if (!overflowed) own.priq_prod.raw ^= EVENTQ_PROD::OVFLG::mask;
    answer_overflow(request);
    if (interrupts && last_only && request.last)
      signal(SecurityState::NonSecure, Interrupt::PageRequestQueue, own.page_msi);
    return;
  }

  const PageRequestRecord entry = record_of(request);
  std::array<std::uint32_t, 4> words{};
  for (std::size_t word = 0; word < words.size(); ++word)
    words[word] = static_cast<std::uint32_t>(entry.words[word / 2] >> (32 * (word % 2)));
  const arch::PortAccess access{
      .address = queue.address(own.priq_prod.raw) & low_bits(config().output_bits),
      .attributes = own.queue_attributes(false, own.priq_base.is_set<QUEUE_BASE::WA>())};
  if (!memory_->write_words(access, words).ok) {
    discard();
    raise<GERROR::PRIQ_ABT_ERR>(SecurityState::NonSecure);
    return answer(request, PrgResponseCode::Failure, false);
  }
  const bool was_empty = queue.empty(own.priq_prod.raw, own.priq_cons.raw);
  own.priq_prod.set<EVENTQ_PROD::WR>(queue.next(own.priq_prod.raw));
  ++counters_.page_requests;
  if (interrupts && (last_only ? request.last : was_empty))
    signal(SecurityState::NonSecure, Interrupt::PageRequestQueue, own.page_msi);
}

/// §4.5.2.
Cerror Smmu::respond_to_pages(const Command& command, SecurityState queue) {
  constexpr std::array codes{PrgResponseCode::Failure, PrgResponseCode::InvalidRequest,
                             PrgResponseCode::Success};
  const bool secure = queue == SecurityState::Secure;
  if (!config().pri || (secure && config().no_secure_ats_commands)) return Cerror::Ill;
  const std::uint64_t code = command.get<Command::Resp>();
  if (code >= codes.size()) return Cerror::Ill;
  if (!interface(queue).translates() || root_complex_ == nullptr) return Cerror::None;
  const bool ssv = command.is_set<Command::SSV>() && config().substream_id_bits != 0;
  root_complex_->respond(
      {.stream_id = static_cast<std::uint32_t>(command.get<Command::StreamID>()),
       .substream_id = ssv ? static_cast<std::uint32_t>(command.get<Command::SubstreamID>()) : 0,
       .ssv = ssv,
       .group = static_cast<std::uint16_t>(command.get<Command::PRGIndex>()),
       .code = codes[code]});
  return Cerror::None;
}

}  // namespace sidewinder::smmuv3
