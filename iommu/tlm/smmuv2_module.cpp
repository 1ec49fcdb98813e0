// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/smmuv2_module.h"

#include <cstring>

#include "iommu/tlm/register_payload.h"

namespace sidewinder::tlm_shell {
namespace {

/// Answers for a transaction that does not go on.
void terminate(tlm::tlm_generic_payload& payload, const smmuv2::Translation& translation) {
  if (translation.action == smmuv2::Translation::Action::Abort) {
    const bool external = translation.fault && translation.fault->kind == arch::FaultKind::ExternalWalk;
    payload.set_response_status(external ? tlm::TLM_GENERIC_ERROR_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  if (payload.is_read()) clear_data(payload);
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

}  // namespace

Smmuv2Module::Smmuv2Module(const sc_core::sc_module_name& name, const smmuv2::Config& config,
                           const Smmuv2Timing& timing)
    : sc_module(name),
      regs("regs"),
      client("client", config.tbus),
      out("out", config.tbus),
      walk("walk"),
      global_interrupt_line("global_interrupt_line"),
      context_interrupt_line("context_interrupt_line", config.context_banks),
      timing_(timing),
      memory_(walk),
      core_(config, memory_, *this) {
  regs.register_b_transport(this, &Smmuv2Module::register_transport);
  for (std::size_t tbu = 0; tbu < client.size(); ++tbu)
    client[tbu].register_b_transport(this, &Smmuv2Module::client_transport, static_cast<int>(tbu));
}

void Smmuv2Module::register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& /*delay*/) {
  if (!register_payload_ok(payload)) return;
  const unsigned size = payload.get_data_length();
  std::uint64_t value = 0;
  const bool powered = core_.powered();
  if (payload.is_read() && !powered) {
    static_cast<void>(core_.read(payload.get_address(), size));  // it counts
  } else if (payload.is_read()) {
    value = core_.read(payload.get_address(), size);
    std::memcpy(payload.get_data_ptr(), &value, size);
  } else if (payload.is_write()) {
    std::memcpy(&value, payload.get_data_ptr(), size);
    core_.write(payload.get_address(), value, size);
  }
  payload.set_response_status(powered ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

smmuv2::Translation Smmuv2Module::translate(int tbu, const arch::Access& access, sc_core::sc_time& delay) {
  const smmuv2::Translation translation = core_.translate(static_cast<unsigned>(tbu), access);
  switch (translation.source) {
    case smmuv2::Translation::Source::MicroTlb:
      delay += timing_.micro_tlb_hit;
      break;
    case smmuv2::Translation::Source::MainTlb:
      delay += timing_.tlb_hit;
      break;
    case smmuv2::Translation::Source::Walk: {
      std::uint64_t memory_ps = 0;
      for (const arch::WalkAccess& read : translation.accesses) memory_ps += read.latency_ps;
      delay += timing_.walk + sc_core::sc_time(static_cast<double>(memory_ps), sc_core::SC_PS);
      break;
    }
    case smmuv2::Translation::Source::Bypass:
    case smmuv2::Translation::Source::Configuration:
      break;
  }
  if (observer_ != nullptr) observer_->translated(static_cast<unsigned>(tbu), access, translation);
  return translation;
}

void Smmuv2Module::client_transport(int tbu, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const models::AttributesExtension* extension = nullptr;
  payload.get_extension(extension);
  const models::AccessAttributes& attributes = extension != nullptr ? extension->value : default_attributes;
  const std::uint64_t address = payload.get_address();
  const arch::Access access{.address = address,
                            .stream_id = attributes.stream_id,
                            .write = payload.is_write(),
                            .privileged = attributes.privileged,
                            .instruction = attributes.instruction};

  if (crosses_page(payload)) return split_transport(tbu, payload, delay, access);

  const smmuv2::Translation translation = translate(tbu, access, delay);
  if (translation.action != smmuv2::Translation::Action::Forward) return terminate(payload, translation);
  payload.set_address(translation.output);
  out[static_cast<std::size_t>(tbu)]->b_transport(payload, delay);
  payload.set_address(address);
  payload.set_dmi_allowed(false);
}

void Smmuv2Module::split_transport(int tbu, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay,
                                   arch::Access access) {
  if (payload.get_byte_enable_ptr() != nullptr && payload.get_byte_enable_length() == 0) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return;
  }
  const BurstPool::Lease burst(bursts_);
  burst->split(payload);
  for (Burst::Piece& piece : burst->pieces()) {
    access.address = piece.input;
    const smmuv2::Translation translation = translate(tbu, access, delay);
    if (translation.action != smmuv2::Translation::Action::Forward) return terminate(payload, translation);
    piece.output = translation.output;
  }
  burst->send(payload, [&](const Burst::Piece& /*piece*/) {
    out[static_cast<std::size_t>(tbu)]->b_transport(payload, delay);
    return !payload.is_response_error();
  });
  payload.set_dmi_allowed(false);
}

void Smmuv2Module::global_interrupt(bool level) {
  if (global_interrupt_line.size() != 0) global_interrupt_line->write(level);
}

void Smmuv2Module::context_interrupt(unsigned bank, bool level) {
  InterruptPort& line = context_interrupt_line[bank];
  if (line.size() != 0) line->write(level);
}

}  // namespace sidewinder::tlm_shell
