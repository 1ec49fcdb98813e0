// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/smmu.h"

#include "iommu/layout/smmuv3_id_regs.h"
#include "iommu/smmuv3/attributes.h"
#include "iommu/smmuv3/event_record.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;
using layout::low_bits;

constexpr std::uint32_t first_plain_register = 0x0020;  ///< below it are the ID registers
constexpr std::uint32_t idr0_offset = 0x00, idr1_offset = 0x04, idr2_offset = 0x08, idr3_offset = 0x0c,
                        idr4_offset = 0x10, idr5_offset = 0x14, iidr_offset = 0x18, aidr_offset = 0x1c;

/// PROD and CONS of the queues that the SMMU writes are in page 1, at the offsets that would be theirs in
/// page 0. Page 0 is no alias of them (§6.2.2).
bool in_page1(std::uint32_t offset) {
  switch (offset + page1::base) {
    case page1::EVENTQ_PROD:
    case page1::EVENTQ_CONS:
    case page1::PRIQ_PROD:
    case page1::PRIQ_CONS:
      return true;
    default:
      return false;
  }
}

}  // namespace

Smmu::Smmu(const Config& config, unsigned tbus, arch::MemoryPort& memory, SmmuListener& listener)
    : translator_(config, tbus, memory),
      memory_(&memory),
      listener_(&listener),
      interfaces_{Interface(translator_.config(), SecurityState::NonSecure),
                  Interface(translator_.config(), SecurityState::Secure)},
      gatos_{Gatos(translator_.config(), SecurityState::NonSecure),
             Gatos(translator_.config(), SecurityState::Secure)},
      stalls_(config.stall_max) {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    translator_.control(state) = interface(state).control();
}

void Smmu::set_power(bool on) {
  const bool lost = powered_ && !on;
  powered_ = on;
  if (lost) reset();
}

/// What is stalled ends as when SMMUEN goes to 0 (§6.3.9.6): nobody could answer it any more.
void Smmu::reset() {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    interface(state) = Interface(config(), state);
    gatos_[static_cast<std::size_t>(state)] = Gatos(config(), state);
    atc(state) = {};
    translator_.control(state) = interface(state).control();
  }
  translator_.invalidate_all();
  listener_->invalidated_all();
  abort_stalled([](const StalledTransaction&) { return true; });
}

std::uint64_t Smmu::read(std::uint64_t offset, unsigned size, bool secure) const {
  if (!powered_) {
    ++counters_.register_accesses_without_power;
    return 0;
  }
  if ((size != 4 && size != 8) || offset % size != 0 || offset >= frame_size) return 0;
  const auto at = static_cast<std::uint32_t>(offset);
  const std::uint64_t low = read32(at, secure);
  return size == 4 ? low : low | std::uint64_t{read32(at + 4, secure)} << 32;
}

void Smmu::write(std::uint64_t offset, std::uint64_t value, unsigned size, bool secure) {
  if (!powered_) {
    ++counters_.register_accesses_without_power;
    return;
  }
  if ((size != 4 && size != 8) || offset % size != 0 || offset >= frame_size) return;
  const auto at = static_cast<std::uint32_t>(offset);
  write32(at, static_cast<std::uint32_t>(value), secure);
  if (size == 8) write32(at + 4, static_cast<std::uint32_t>(value >> 32), secure);
}

std::uint32_t Smmu::id_register(std::uint32_t offset) const {
  switch (offset) {
    case idr0_offset: {
      const bool nsstalld = interface(SecurityState::Secure).control().non_secure_stall_disabled;
      const StallModel model = stall_model(config(), SecurityState::NonSecure, nsstalld);
      return idr0(config()).set<IDR0::STALL_MODEL>(static_cast<std::uint32_t>(model)).raw;
    }
    case idr1_offset:
      return idr1(config()).raw;
    case idr2_offset:
      return idr2().raw;
    case idr3_offset:
      return idr3(config()).raw;
    case idr4_offset:
      return idr4().raw;
    case idr5_offset:
      return idr5(config()).raw;
    case iidr_offset:
      return iidr(config()).raw;
    case aidr_offset:
      return aidr(config()).raw;
    default:
      return 0;
  }
}

std::uint32_t Smmu::secure_id_register(std::uint32_t offset) const {
  switch (offset) {
    case idr0_offset:
      return s_idr0(config()).raw;
    case idr1_offset:
      return s_idr1(config()).raw;
    case idr2_offset:
      return s_idr2().raw;
    case idr3_offset:
      return s_idr3(config()).raw;
    case idr4_offset:
      return s_idr4().raw;
    default:
      return 0;
  }
}

std::uint32_t Smmu::read32(std::uint32_t offset, bool secure) const {
  if (offset >= page1::base) {
    const std::uint32_t place = offset - page1::base;
    return in_page1(place) ? interface(SecurityState::NonSecure).read(place) : 0;
  }
  if (offset >= page0::secure) {
    if (!secure || !config().secure) return 0;
    const std::uint32_t place = offset - page0::secure;
    return place < first_plain_register ? secure_id_register(place)
                                        : read_plain(SecurityState::Secure, place);
  }
  if (offset < first_plain_register) return id_register(offset);
  if (offset >= page0::PIDR4 && offset <= page0::CIDR3) return id_regs(config(), offset);
  return in_page1(offset) ? 0 : read_plain(SecurityState::NonSecure, offset);
}

std::uint32_t Smmu::read_plain(SecurityState state, std::uint32_t offset) const {
  return Gatos::holds(offset) ? gatos_[static_cast<std::size_t>(state)].read(offset)
                              : interface(state).read(offset);
}

void Smmu::write32(std::uint32_t offset, std::uint32_t value, bool secure) {
  SecurityState state = SecurityState::NonSecure;
  if (offset >= page1::base) {
    offset -= page1::base;
    if (!in_page1(offset)) return;
  } else if (offset >= page0::secure) {
    if (!secure || !config().secure) return;
    if (offset == page0::S_INIT) {
      if ((value & S_INIT::INV_ALL::mask) != 0) {
        translator_.invalidate_all();
        listener_->invalidated_all();
      }
      return;
    }
    offset -= page0::secure;
    state = SecurityState::Secure;
  } else if (in_page1(offset)) {
    return;
  }
  if (Gatos::holds(offset)) {
    write_gatos(state, offset, value);
    return;
  }
  const bool translated = interface(state).translates();
  interface(state).write(offset, value);
  after_write(state, translated);
}

/// RUN is guarded by the interface's own SMMUEN, and ignored without, in every version (§6.3.37).
void Smmu::write_gatos(SecurityState state, std::uint32_t offset, std::uint32_t value) {
  Gatos& own = gatos_[static_cast<std::size_t>(state)];
  if (!own.write(offset, value) || !interface(state).translates()) return;
  ++counters_.address_translations;
  std::optional<AtosResult> result;
  if (const auto request = own.request()) result = translator_.look_up(*request);
  own.complete(result);
}

void Smmu::after_write(SecurityState state, bool translated) {
  const Control control = interface(state).control();
  if (!(control == translator().control(state))) {
    listener_->invalidated_all();
    translator_.control(state) = control;
  }
  // There may be another command where the CMD_SYNC was.
  atc(state).sync_waits = false;
  if (translated && !interface(state).translates())  // §6.3.9.6
    abort_stalled([&](const StalledTransaction& s) { return s.security == state; });
  retry_unrecorded();
}

Translation Smmu::translate(unsigned tbu, const Transaction& transaction, std::uint64_t token) {
  if (!powered_) {
    ++counters_.requests_without_power;
    return {};
  }
  Translation translation = translator_.translate(tbu, transaction);
  if (!translation.fault) return translation;
  if (translation.action == Translation::Action::Stall)
    stall(transaction, translation, token);
  else if (translation.recorded)
    record(translation.fault->secure_stream ? SecurityState::Secure : SecurityState::NonSecure,
           event_record(*translation.fault, std::nullopt, config()));
  return translation;
}

/// A tag is taken only with a record of it, so that what software cannot answer holds none.
void Smmu::stall(const Transaction& transaction, const Translation& translation, std::uint64_t token) {
  ++counters_.stalls;
  const SecurityState state =
      translation.fault->secure_stream ? SecurityState::Secure : SecurityState::NonSecure;
  const StalledTransaction stalled{.token = token, .stream_id = transaction.stream_id, .security = state};
  if (event_queue_writable(state)) {
    if (const auto stag = stalls_.add(stalled)) {
      if (record(state, event_record(*translation.fault, stag, config()))) return;
      static_cast<void>(stalls_.take(state, stalled.stream_id, *stag));
    }
  }
  unrecorded_.push_back(stalled);
}

/// §7.2.1: stalled transactions whose event found no place are tried again when there may be one.
void Smmu::retry_unrecorded() {
  if (unrecorded_.empty()) return;
  std::deque<StalledTransaction> held;
  held.swap(unrecorded_);
  for (const StalledTransaction& stalled : held) {
    if (!stalls_.full() && event_queue_writable(stalled.security))
      listener_->resume(stalled.token, Resumption::Retry);
    else
      unrecorded_.push_back(stalled);
  }
}

bool Smmu::event_queue_writable(SecurityState state) const {
  const Interface& own = interface(state);
  return own.events_on() && !own.active<GERROR::EVENTQ_ABT_ERR>() &&
         !own.event_queue().full(own.eventq_prod.raw, own.eventq_cons.raw);
}

/// §7.2, §7.4. False: the record was discarded. Aborts of the write are synchronous.
bool Smmu::record(SecurityState state, const Event& event) {
  Interface& own = interface(state);
  const Queue queue = own.event_queue();
  if (!event_queue_writable(state)) {
    ++counters_.events_discarded;
    const bool overflow = own.events_on() && !own.active<GERROR::EVENTQ_ABT_ERR>();
    const bool acknowledged =
        own.eventq_prod.get<EVENTQ_PROD::OVFLG>() == own.eventq_cons.get<EVENTQ_CONS::OVACKFLG>();
    if (overflow && acknowledged) own.eventq_prod.raw ^= EVENTQ_PROD::OVFLG::mask;
    return false;
  }
  std::array<std::uint32_t, 8> words{};
  for (std::size_t word = 0; word < words.size(); ++word)
    words[word] = static_cast<std::uint32_t>(event.words[word / 2] >> (32 * (word % 2)));
  const bool was_empty = queue.empty(own.eventq_prod.raw, own.eventq_cons.raw);
  const arch::PortAccess access{
      .address = queue.address(own.eventq_prod.raw) & low_bits(config().output_bits),
      .secure = state == SecurityState::Secure,
      .attributes = own.queue_attributes(false, own.eventq_base.is_set<QUEUE_BASE::WA>())};
  if (!memory_->write_words(access, words).ok) {
    ++counters_.events_discarded;
    raise<GERROR::EVENTQ_ABT_ERR>(state);
    return false;
  }
  own.eventq_prod.set<EVENTQ_PROD::WR>(queue.next(own.eventq_prod.raw));
  ++counters_.events;
  if (was_empty && own.irq_ctrl.is_set<IRQ_CTRL::EVENTQ_IRQEN>())
    signal(state, Interrupt::EventQueue, own.event_msi);
  return true;
}

/// Both ways of §3.18.2, the MSI where it has an address.
void Smmu::signal(SecurityState state, Interrupt source, const MsiRegisters& msi) {
  listener_->interrupt(state, source);
  const std::uint64_t address = msi.cfg0.get<IRQ_CFG0::ADDR>() << IRQ_CFG0::ADDR::shift;
  if (!config().msi || address == 0) return;
  if (send_msi(state, address, msi.data, static_cast<std::uint8_t>(msi.cfg2.get<IRQ_CFG2::MemAttr>()),
               static_cast<std::uint8_t>(msi.cfg2.get<IRQ_CFG2::SH>())))
    return;
  if (source == Interrupt::EventQueue)
    raise<GERROR::MSI_EVENTQ_ABT_ERR>(state);
  else if (source == Interrupt::PageRequestQueue)
    raise<GERROR::MSI_PRIQ_ABT_ERR>(state);
  else
    raise<GERROR::MSI_GERROR_ABT_ERR>(state);
}

bool Smmu::send_msi(SecurityState state, std::uint64_t address, std::uint32_t data, std::uint8_t mem_attr,
                    std::uint8_t sh) {
  ++counters_.msis;
  const arch::PortAccess access{.address = address & low_bits(config().output_bits),
                                .secure = state == SecurityState::Secure,
                                .attributes = msi_attributes(mem_attr, sh)};
  return memory_->write_words(access, std::span(&data, 1)).ok;
}

bool Smmu::commands_pending(SecurityState state) const {
  const Interface& own = interface(state);
  return own.commands_on() && !own.active<GERROR::CMDQ_ERR>() && !atc(state).sync_waits &&
         !own.command_queue().empty(own.cmdq_prod, own.cmdq_cons.raw);
}

bool Smmu::process_command(SecurityState state) {
  if (!commands_pending(state)) return false;
  Interface& own = interface(state);
  const Queue queue = own.command_queue();
  arch::PortAccess access{.address = queue.address(own.cmdq_cons.raw) & low_bits(config().output_bits),
                          .secure = state == SecurityState::Secure,
                          .attributes = own.queue_attributes(own.cmdq_base.is_set<QUEUE_BASE::RA>(), false)};
  Command command;
  Cerror error = Cerror::None;
  for (std::uint64_t& word : command.words) {
    const arch::PortResponse response = memory_->read64(access);
    if (!response.ok) error = Cerror::Abt;
    word = response.data;
    access.address += sizeof word;
  }
  const bool sync = static_cast<Opcode>(command.get<Command::OP>()) == Opcode::SYNC;
  if (error == Cerror::None && sync && atc(state).pending != 0) {
    atc(state).sync_waits = true;
    return false;
  }
  if (error == Cerror::None) error = execute(command, state);
  if (error != Cerror::None) {  // §7.1: RD stays on it
    ++counters_.command_errors;
    own.cmdq_cons.set<CMDQ_CONS::ERR>(static_cast<std::uint32_t>(error));
    raise<GERROR::CMDQ_ERR>(state);
    return false;
  }
  ++counters_.commands;
  const bool was_full = queue.full(own.cmdq_prod, own.cmdq_cons.raw);
  own.cmdq_cons.set<CMDQ_CONS::RD>(queue.next(own.cmdq_cons.raw));
  if (was_full && config().wake_up_events) listener_->wake_up();
  if (sync) complete_sync(command, state);
  return true;
}

}  // namespace sidewinder::smmuv3
