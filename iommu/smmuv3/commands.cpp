// SPDX-License-Identifier: Apache-2.0
//
// What each command does (IHI 0070 chapter 4). Reserved fields are ignored, which §4.1.5 permits.

#include <utility>

#include "iommu/layout/bits.h"
#include "iommu/smmuv3/config_cache.h"
#include "iommu/smmuv3/invalidation.h"
#include "iommu/smmuv3/smmu.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;

template <typename F>
std::uint8_t byte(const Command& command) {
  return static_cast<std::uint8_t>(command.get<F>());
}

bool has_ssec(Opcode opcode) {
  switch (opcode) {
    case Opcode::PREFETCH_CONFIG:
    case Opcode::PREFETCH_ADDR:
    case Opcode::CFGI_STE:
    case Opcode::CFGI_STE_RANGE:
    case Opcode::CFGI_CD:
    case Opcode::CFGI_CD_ALL:
    case Opcode::RESUME:
    case Opcode::STALL_TERM:
      return true;
    default:
      return false;
  }
}

}  // namespace

Cerror Smmu::execute(const Command& command, SecurityState queue) {
  const auto opcode = static_cast<Opcode>(command.get<Command::OP>());
  const bool ssec = has_ssec(opcode) && command.is_set<Command::SSec>();
  if (ssec && queue == SecurityState::NonSecure) return Cerror::Ill;  // §4.1.6
  const SecurityState stream = ssec ? SecurityState::Secure : SecurityState::NonSecure;

  switch (opcode) {
    case Opcode::PREFETCH_CONFIG:
    case Opcode::PREFETCH_ADDR:
      return Cerror::None;  // §4.2: nothing has to be fetched, and nothing is
    case Opcode::CFGI_STE:
    case Opcode::CFGI_STE_RANGE:
    case Opcode::CFGI_CD:
    case Opcode::CFGI_CD_ALL:
      return invalidate_configuration(command, stream);
    case Opcode::RESUME:
    case Opcode::STALL_TERM: {
      const bool nsstalld = interface(SecurityState::Secure).control().non_secure_stall_disabled;
      if (stall_model(config(), queue, nsstalld) == StallModel::NoStall) return Cerror::Ill;
      resume(command, stream);
      return Cerror::None;
    }
    case Opcode::ATC_INV:
      return invalidate_atc(command, queue);
    case Opcode::PRI_RESP:
      return respond_to_pages(command, queue);
    case Opcode::SYNC:
      if (command.get<Command::CS>() > static_cast<std::uint64_t>(CompletionSignal::Sev)) return Cerror::Ill;
      if (std::exchange(atc(queue).timed_out, false)) return Cerror::AtcInvSync;
      ++counters_.syncs;
      return Cerror::None;
    default:
      return invalidate_tlbs(command, queue);
  }
}

Cerror Smmu::invalidate_tlbs(const Command& command, SecurityState queue) {
  const auto scope = tlbi({.opcode = static_cast<Tlbi>(command.get<Command::OP>()),
                           .vmid = static_cast<std::uint16_t>(command.get<Command::VMID>()),
                           .asid = static_cast<std::uint16_t>(command.get<Command::ASID>()),
                           .address = command.get<Command::Address>() << 12,
                           .leaf = command.is_set<Command::Leaf>(),
                           .non_secure_ipa = command.is_set<Command::NS>(),
                           .num = byte<Command::NUM>(command),
                           .scale = byte<Command::SCALE>(command),
                           .tg = byte<Command::TG>(command),
                           .ttl = byte<Command::TTL>(command)},
                          {.queue = queue,
                           .stage1 = config().stage1,
                           .stage2 = config().stage2,
                           .hyp = config().hypervisor,
                           .secure_stage2 = config().secure_el2,
                           .range_invalidation = config().range_invalidation,
                           .lpa2 = config().ds,
                           .e2h = interface(SecurityState::NonSecure).control().e2h,
                           .secure_e2h = interface(SecurityState::Secure).control().e2h});
  if (!scope) return Cerror::Ill;
  ++counters_.invalidations;
  translator_.invalidate(*scope);
  listener_->invalidated(*scope);
  return Cerror::None;
}

Cerror Smmu::invalidate_configuration(const Command& command, SecurityState stream) {
  const auto stream_id = static_cast<std::uint32_t>(command.get<Command::StreamID>());
  const auto opcode = static_cast<Opcode>(command.get<Command::OP>());
  const bool of_cds = opcode == Opcode::CFGI_CD || opcode == Opcode::CFGI_CD_ALL;
  if (of_cds && !config().stage1) return Cerror::Ill;  // §4.3.3
  ++counters_.invalidations;
  ConfigInvalidation what = cfgi_ste(stream, stream_id);
  if (opcode == Opcode::CFGI_STE_RANGE)
    what = cfgi_ste_range(stream, stream_id, static_cast<unsigned>(command.get<Command::Range>()));
  if (opcode == Opcode::CFGI_CD)
    what = cfgi_cd(stream, stream_id, static_cast<std::uint32_t>(command.get<Command::SubstreamID>()));
  if (opcode == Opcode::CFGI_CD_ALL) what = cfgi_cd_all(stream, stream_id);
  translator_.invalidate(what);
  listener_->invalidated(what);
  return Cerror::None;
}

/// CMD_RESUME and CMD_STALL_TERM (§4.7.1, §4.7.2). A tag that is not the stream's changes nothing.
void Smmu::resume(const Command& command, SecurityState stream) {
  const auto stream_id = static_cast<std::uint32_t>(command.get<Command::StreamID>());
  if (static_cast<Opcode>(command.get<Command::OP>()) == Opcode::STALL_TERM) {
    abort_stalled(
        [&](const StalledTransaction& s) { return s.security == stream && s.stream_id == stream_id; });
  } else {
    const auto stalled =
        stalls_.take(stream, stream_id, static_cast<std::uint16_t>(command.get<Command::STAG>()));
    if (!stalled) return;
    Resumption how = Resumption::Retry;
    if (!command.is_set<Command::Ac>())
      how = command.is_set<Command::Ab>() || config().always_abort ? Resumption::Abort : Resumption::RazWi;
    listener_->resume(stalled->token, how);
  }
  retry_unrecorded();
}

/// §4.5.1. What §4.5.1 leaves open: Sizes above 52 are CERROR_ILL, and without PASIDs SSV is taken as 0.
Cerror Smmu::invalidate_atc(const Command& command, SecurityState queue) {
  constexpr std::uint64_t everything = 52;
  const bool secure = queue == SecurityState::Secure;
  if (!config().ats || (secure && config().no_secure_ats_commands)) return Cerror::Ill;
  const std::uint64_t size = command.get<Command::AtcSize>();
  if (size > everything) return Cerror::Ill;
  if (!interface(queue).translates() || root_complex_ == nullptr) return Cerror::None;

  AtcInvalidation what{.queue = queue,
                       .stream_id = static_cast<std::uint32_t>(command.get<Command::StreamID>()),
                       .ssv = command.is_set<Command::SSV>() && config().substream_id_bits != 0,
                       .span_shift = static_cast<std::uint8_t>(12 + size)};
  if (what.ssv) {
    what.substream_id = static_cast<std::uint32_t>(command.get<Command::SubstreamID>());
    what.global = command.is_set<Command::Global>();
  }
  what.address = command.address<Command::Address>() & ~layout::low_bits(what.span_shift);
  ++counters_.atc_invalidations;
  switch (root_complex_->invalidate(what)) {
    case RootComplex::Progress::Complete:
      break;
    case RootComplex::Progress::Pending:
      ++atc(queue).pending;
      break;
    case RootComplex::Progress::TimedOut:
      atc(queue).timed_out = true;
      break;
  }
  return Cerror::None;
}

void Smmu::end_atc_invalidation(SecurityState queue, bool timed_out) {
  AtcProgress& own = atc(queue);
  if (own.pending == 0) return;
  own.timed_out = own.timed_out || timed_out;
  if (--own.pending == 0) own.sync_waits = false;
}

/// §4.7.3. All that came before is complete, since commands take effect as they are consumed; CONS shows it
/// before any signal does.
void Smmu::complete_sync(const Command& command, SecurityState queue) {
  switch (static_cast<CompletionSignal>(command.get<Command::CS>())) {
    case CompletionSignal::Irq: {
      listener_->interrupt(queue, Interrupt::CommandSync);
      const std::uint64_t address = command.address<Command::MSIAddress>();
      if (!config().msi || address == 0) break;
      if (!send_msi(queue, address, static_cast<std::uint32_t>(command.get<Command::MSIData>()),
                    byte<Command::MSIAttr>(command), byte<Command::MSH>(command)))
        raise<GERROR::MSI_CMDQ_ABT_ERR>(queue);
      break;
    }
    case CompletionSignal::Sev:
      if (config().wake_up_events) listener_->wake_up();
      break;
    case CompletionSignal::None:
      break;
  }
}

}  // namespace sidewinder::smmuv3
