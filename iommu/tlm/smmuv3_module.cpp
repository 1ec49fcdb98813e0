// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/smmuv3_module.h"

#include <algorithm>
#include <cstring>

#include "iommu/tlm/register_payload.h"
#include "iommu/tlm/smmuv3_payload.h"

namespace sidewinder::tlm_shell {
namespace {

using smmuv3::Interrupt;
using smmuv3::SecurityState;
using smmuv3::Translation;

constexpr std::size_t stack_bytes = 1 << 20;  ///< enough with AddressSanitizer too

/// As it is now: sc_time_stamp() is a reference to what goes on.
sc_core::sc_time now() {
  return sc_core::sc_time_stamp();
}

bool is_external(const arch::Fault& fault) {
  return fault.kind == arch::FaultKind::ExternalWalk || fault.kind == arch::FaultKind::SteFetch ||
         fault.kind == arch::FaultKind::CdFetch;
}

}  // namespace

Smmuv3Module::Verdict Smmuv3Module::verdict_of(const Translation& translation) {
  switch (translation.action) {
    case Translation::Action::Forward:
      return Verdict::Forward;
    case Translation::Action::RazWi:
      return Verdict::RazWi;
    case Translation::Action::Stall:
      return Verdict::Stall;
    case Translation::Action::Abort:
      break;
  }
  return translation.fault && is_external(*translation.fault) ? Verdict::ExternalAbort : Verdict::Abort;
}

Smmuv3Module::Smmuv3Module(const sc_core::sc_module_name& name, const smmuv3::Config& config, unsigned tbus,
                           const Smmuv3Timing& timing)
    : sc_module(name),
      regs("regs"),
      client("client", tbus),
      out("out", tbus),
      walk("walk"),
      event_queue_irq("event_queue_irq"),
      command_sync_irq("command_sync_irq"),
      global_error_irq("global_error_irq"),
      page_request_queue_irq("page_request_queue_irq"),
      secure_event_queue_irq("secure_event_queue_irq"),
      secure_command_sync_irq("secure_command_sync_irq"),
      secure_global_error_irq("secure_global_error_irq"),
      combined_irq("combined_irq"),
      wake_up_event("wake_up_event"),
      default_attributes(tbus),
      only_default_attributes(tbus),
      timing_(timing),
      memory_(walk),
      core_(config, tbus, memory_, *this),
      debug_memory_(walk),
      probe_(core_.config(), debug_memory_),
      timer_(timing, tbus),
      hits_(tbus),
      slots_(tbus, std::max(timing.stall_slots, 1U)),
      event_queue_line_("event_queue_line", event_queue_irq, timing.interrupt_pulse),
      command_sync_line_("command_sync_line", command_sync_irq, timing.interrupt_pulse),
      global_error_line_("global_error_line", global_error_irq, timing.interrupt_pulse),
      page_request_queue_line_("page_request_queue_line", page_request_queue_irq, timing.interrupt_pulse),
      secure_event_queue_line_("secure_event_queue_line", secure_event_queue_irq, timing.interrupt_pulse),
      secure_command_sync_line_("secure_command_sync_line", secure_command_sync_irq, timing.interrupt_pulse),
      secure_global_error_line_("secure_global_error_line", secure_global_error_irq, timing.interrupt_pulse),
      combined_line_("combined_line", combined_irq, timing.interrupt_pulse),
      wake_up_line_("wake_up_line", wake_up_event, timing.interrupt_pulse) {
  SC_HAS_PROCESS(Smmuv3Module);
  SC_THREAD(process_commands);
  set_stack_size(stack_bytes);
  regs.register_b_transport(this, &Smmuv3Module::register_transport);
  regs.register_transport_dbg(this, &Smmuv3Module::register_debug);
  for (std::size_t tbu = 0; tbu < client.size(); ++tbu) {
    const auto tag = static_cast<int>(tbu);
    client[tbu].register_b_transport(this, &Smmuv3Module::client_transport, tag);
    client[tbu].register_transport_dbg(this, &Smmuv3Module::client_debug, tag);
    client[tbu].register_get_direct_mem_ptr(this, &Smmuv3Module::client_dmi, tag);
    out[tbu].register_invalidate_direct_mem_ptr(this, &Smmuv3Module::downstream_withdraws, tag);
  }
}

void Smmuv3Module::end_of_elaboration() {
  next_.resize(out.size());
  for (std::size_t tbu = 0; tbu < out.size(); ++tbu) next_[tbu] = out[tbu].operator->();
}

/// `read` is where a platform's reader puts them.
[[gnu::always_inline]] inline const models::AccessAttributes& Smmuv3Module::find_attributes(
    unsigned tbu, const tlm::tlm_generic_payload& payload, const models::AccessAttributes& defaults,
    models::AccessAttributes& read) const {
  if (read_attributes) {
    read = defaults;
    read_attributes(tbu, payload, read);
    return read;
  }
  const models::AttributesExtension* extension = nullptr;
  payload.get_extension(extension);
  return extension != nullptr ? extension->value : defaults;
}

models::AccessAttributes Smmuv3Module::attributes_of(unsigned tbu, const tlm::tlm_generic_payload& payload,
                                                     const models::AccessAttributes& defaults) const {
  models::AccessAttributes read;
  return find_attributes(tbu, payload, defaults, read);
}

void Smmuv3Module::register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (!register_payload_ok(payload)) return;
  const bool secure = attributes_of(register_access, payload, default_register_attributes).secure;
  const unsigned size = payload.get_data_length();
  const CoreLock::Hold hold(lock_);
  interrupts_after_ = delay;
  const bool powered = core_.powered();
  std::uint64_t value = 0;
  if (payload.is_read()) {
    value = core_.read(payload.get_address(), size, secure);
    if (powered) std::memcpy(payload.get_data_ptr(), &value, size);
  } else if (payload.is_write()) {
    std::memcpy(&value, payload.get_data_ptr(), size);
    core_.write(payload.get_address(), value, size, secure);
    ring_doorbell(delay);
  }
  payload.set_response_status(powered ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

Translation Smmuv3Module::translate(unsigned tbu, const smmuv3::Transaction& transaction, unsigned bytes,
                                    sc_core::sc_time& delay, std::uint64_t& token) {
  for (;;) {
    slots_.wait_for_room(tbu);
    const CoreLock::Hold hold(lock_);
    if (slots_.full(tbu)) continue;  // it filled up while this one waited for the lock
    token = slots_.next(tbu);
    interrupts_after_ = delay;
    Translation translation = core_.translate(tbu, transaction, token);
    const sc_core::sc_time& begin = sc_core::sc_time_stamp();
    if (core_.powered())
      delay = timer_.charge(tbu, translation, transaction.attributes.write, bytes, begin + delay) - begin;
    if (observer_ != nullptr) observer_->translated(tbu, transaction, translation);
    return translation;
  }
}

/// Verdict::Stall: it is to be tried again. Its time is no earlier than that of the answer.
Smmuv3Module::Verdict Smmuv3Module::after_stall(unsigned tbu, std::uint64_t token, sc_core::sc_time& delay) {
  const sc_core::sc_time begin = now(), reached = begin + delay;
  const smmuv3::Resumption how = slots_.wait_in(tbu, token);
  timer_.statistics().stalled += now() - begin;
  delay = reached > now() ? reached - now() : sc_core::SC_ZERO_TIME;
  switch (how) {
    case smmuv3::Resumption::Retry:
      return Verdict::Stall;
    case smmuv3::Resumption::RazWi:
      return Verdict::RazWi;
    case smmuv3::Resumption::Abort:
      break;
  }
  return Verdict::Abort;
}

[[gnu::always_inline]] inline void Smmuv3Module::forward(unsigned tbu, std::uint64_t output,
                                                         const OutputAttributes& attributes,
                                                         tlm::tlm_generic_payload& payload,
                                                         sc_core::sc_time& delay) {
  {
    const InFlight::Flight flight(in_flight_);
    const ScopedOutput sent(payload, attributes);
    const SavedAddress saved(payload);
    payload.set_address(output);
    next_[tbu]->b_transport(payload, delay);
  }
  if (payload.is_dmi_allowed() && !may_have_dmi(tbu, attributes_of(tbu, payload, default_attributes[tbu])))
    payload.set_dmi_allowed(false);
}

/// Answers for a transaction that does not go on.
void Smmuv3Module::terminate(Verdict verdict, tlm::tlm_generic_payload& payload) {
  payload.set_dmi_allowed(false);
  if (verdict == Verdict::RazWi) {
    if (payload.is_read()) clear_data(payload);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  } else {
    payload.set_response_status(verdict == Verdict::ExternalAbort ? tlm::TLM_GENERIC_ERROR_RESPONSE
                                                                  : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }
}

/// A transaction like one before that hit goes on without a translation, where it changes nothing that it
/// does not go through the SMMU: none is in there, and what it takes does not depend on others.
void Smmuv3Module::client_transport(int port, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const auto tbu = static_cast<unsigned>(port);
  models::AccessAttributes read;
  const models::AccessAttributes& attributes = find_attributes(tbu, payload, default_attributes[tbu], read);
  const std::uint64_t address = payload.get_address();
  const bool write = payload.is_write();
  const HitTable::Entry* const known = hits_[tbu].find(attributes, address, write);
  if (known == nullptr || crosses_page(payload) || observer_ != nullptr || lock_.busy() ||
      slots_.any_full() || !timer_.hits_are_alike(write, payload.get_data_length()) ||
      !core_.translate_again(tbu, known->hit))
    return translate_and_send(tbu, attributes, payload, delay);
  delay += timer_.charge_hit(tbu, write);
  forward(tbu, known->page | address % page_bytes, known->attributes, payload, delay);
}

void Smmuv3Module::translate_and_send(unsigned tbu, models::AccessAttributes attributes,
                                      tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (attributes.address_type == models::AddressType::TranslationRequest)
    return terminate(Verdict::Abort, payload);  // it is a call of its own
  if (crosses_page(payload)) return split_transport(tbu, attributes, payload, delay);
  const smmuv3::Transaction transaction = transaction_of(attributes, payload);
  for (;;) {
    std::uint64_t token = 0;
    const Translation translation = translate(tbu, transaction, payload.get_data_length(), delay, token);
    Verdict verdict = verdict_of(translation);
    if (verdict == Verdict::Forward) {
      const OutputAttributes sent = sent_with(translation);
      if (translation.hit.epoch != 0)
        hits_[tbu].put(attributes, transaction.address, transaction.attributes.write,
                       {translation.hit, translation.output & ~(page_bytes - 1), sent});
      return forward(tbu, translation.output, sent, payload, delay);
    }
    if (verdict == Verdict::Stall) verdict = after_stall(tbu, token, delay);
    if (verdict != Verdict::Stall) return terminate(verdict, payload);
  }
}

/// All is translated again after a stall: what the first pieces went to may have been invalidated meanwhile.
void Smmuv3Module::split_transport(unsigned tbu, const models::AccessAttributes& attributes,
                                   tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (payload.get_byte_enable_ptr() != nullptr && payload.get_byte_enable_length() == 0) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return;
  }
  const BurstPool::Lease burst(bursts_);
  burst->split(payload);
  smmuv3::Transaction transaction = transaction_of(attributes, payload);
  Verdict verdict = Verdict::Stall;
  while (verdict == Verdict::Stall) {
    for (Burst::Piece& piece : burst->pieces()) {
      std::uint64_t token = 0;
      transaction.address = piece.input;
      const Translation translation = translate(tbu, transaction, piece.length, delay, token);
      verdict = verdict_of(translation);
      piece.output = translation.output;
      piece.attributes = sent_with(translation);
      if (verdict == Verdict::Stall) verdict = after_stall(tbu, token, delay);
      if (verdict != Verdict::Forward) break;
    }
  }
  if (verdict != Verdict::Forward) return terminate(verdict, payload);

  const InFlight::Flight flight(in_flight_);
  ScopedOutput sent(payload);
  burst->send(payload, [&](const Burst::Piece& piece) {
    sent.attributes() = piece.attributes;
    next_[tbu]->b_transport(payload, delay);
    return !payload.is_response_error();
  });
  payload.set_dmi_allowed(false);
}

void Smmuv3Module::ring_doorbell(const sc_core::sc_time& after) {
  if (core_.commands_pending(SecurityState::NonSecure) || core_.commands_pending(SecurityState::Secure))
    doorbell_.notify(after);
}

/// The queues take turns.
std::optional<SecurityState> Smmuv3Module::next_queue() {
  const SecurityState other =
      last_queue_ == SecurityState::Secure ? SecurityState::NonSecure : SecurityState::Secure;
  if (core_.commands_pending(other)) return last_queue_ = other;
  if (core_.commands_pending(last_queue_)) return last_queue_;
  return std::nullopt;
}

void Smmuv3Module::process_commands() {
  for (;;) {
    const std::optional<SecurityState> state = next_queue();
    if (!state) {
      sc_core::wait(doorbell_);
      continue;
    }
    sc_core::wait(timing_.command);
    const std::uint64_t invalidations = core_.counters().invalidations;
    std::uint64_t memory_ps = 0;
    {
      const CoreLock::Hold hold(lock_);
      const std::uint64_t spent_ps = memory_.spent_ps();
      interrupts_after_ = sc_core::SC_ZERO_TIME;
      static_cast<void>(core_.process_command(*state));
      memory_ps = memory_.spent_ps() - spent_ps;
    }
    const sc_core::sc_time begin = now();
    sc_core::sc_time after(static_cast<double>(memory_ps), sc_core::SC_PS);
    if (core_.counters().invalidations != invalidations) {
      in_flight_.drain();
      after += timing_.invalidation;
    }
    if (after != sc_core::SC_ZERO_TIME) sc_core::wait(after);
    if (core_.counters().invalidations != invalidations) timer_.statistics().invalidating += now() - begin;
  }
}

void Smmuv3Module::interrupt(SecurityState state, Interrupt source) {
  const bool secure = state == SecurityState::Secure;
  switch (source) {
    case Interrupt::EventQueue:
      (secure ? secure_event_queue_line_ : event_queue_line_).raise(interrupts_after_);
      break;
    case Interrupt::CommandSync:
      (secure ? secure_command_sync_line_ : command_sync_line_).raise(interrupts_after_);
      break;
    case Interrupt::PageRequestQueue:
      page_request_queue_line_.raise(interrupts_after_);
      break;
    case Interrupt::GlobalError:
      (secure ? secure_global_error_line_ : global_error_line_).raise(interrupts_after_);
      break;
  }
  combined_line_.raise(interrupts_after_);
}

Smmuv3Statistics Smmuv3Module::statistics() const {
  Smmuv3Statistics all = timer_.snapshot();
  const smmuv3::Translator& translator = core_.translator();
  for (unsigned tbu = 0; tbu < all.tbus.size(); ++tbu) {
    const arch::Tlb& micro = translator.micro_tlb(tbu);
    all.tbus[tbu].micro_tlb = {micro.statistics(), micro.occupancy()};
    all.tbus[tbu].stalled = slots_.stalled(tbu);
    all.tbus[tbu].most_stalled = slots_.most_stalled(tbu);
  }
  all.main_tlb = {translator.tlb().statistics(), translator.tlb().occupancy()};
  all.configuration_cache = {translator.configurations().statistics(),
                             translator.configurations().occupancy()};
  for (unsigned level = 0; level < all.stage1_walk_cache.size(); ++level) {
    all.stage1_walk_cache[level] = {translator.stage1_tables().statistics(level),
                                    translator.stage1_tables().occupancy(level)};
    all.stage2_walk_cache[level] = {translator.stage2_tables().statistics(level),
                                    translator.stage2_tables().occupancy(level)};
  }
  all.translations = translator.statistics();
  all.counters = core_.counters();
  return all;
}

void Smmuv3Module::wake_up() {
  wake_up_line_.raise(interrupts_after_);
}

void Smmuv3Module::resume(std::uint64_t token, smmuv3::Resumption how) {
  slots_.resume(token, how);
}

}  // namespace sidewinder::tlm_shell
