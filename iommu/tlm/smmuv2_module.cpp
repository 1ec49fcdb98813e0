// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/smmuv2_module.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace sidewinder::tlm_shell {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr double picoseconds_per_second = 1e12;

bool crosses_page(std::uint64_t address, unsigned length) {
  return length != 0 && address / page_bytes != (address + length - 1) / page_bytes;
}

/// What a read is given as zeros: its enabled bytes, the others stay as they are (IEEE 1666 §14.13).
void clear_data(tlm::tlm_generic_payload& payload) {
  const unsigned char* enables = payload.get_byte_enable_ptr();
  const unsigned enables_length = payload.get_byte_enable_length();
  for (unsigned byte = 0; byte < payload.get_data_length(); ++byte) {
    if (enables != nullptr && enables_length != 0 && enables[byte % enables_length] != TLM_BYTE_ENABLED)
      continue;
    payload.get_data_ptr()[byte] = 0;
  }
}

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
      core_(config, *this, *this) {
  regs.register_b_transport(this, &Smmuv2Module::register_transport);
  for (std::size_t tbu = 0; tbu < client.size(); ++tbu)
    client[tbu].register_b_transport(this, &Smmuv2Module::client_transport, static_cast<int>(tbu));
}

void Smmuv2Module::register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& /*delay*/) {
  const unsigned size = payload.get_data_length();
  if ((size != 4 && size != 8) || payload.get_address() % size != 0 || payload.get_streaming_width() < size) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }
  if (payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return;
  }
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

  const unsigned span = std::min(payload.get_data_length(), payload.get_streaming_width());
  if (crosses_page(address, span)) return split_transport(tbu, payload, delay, access);

  const smmuv2::Translation translation = translate(tbu, access, delay);
  if (translation.action != smmuv2::Translation::Action::Forward) return terminate(payload, translation);
  payload.set_address(translation.output);
  out[static_cast<std::size_t>(tbu)]->b_transport(payload, delay);
  payload.set_address(address);
  payload.set_dmi_allowed(false);
}

void Smmuv2Module::split_transport(int tbu, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay,
                                   arch::Access access) {
  const std::uint64_t address = payload.get_address();
  const unsigned length = payload.get_data_length();
  if (payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return;
  }
  if (payload.get_streaming_width() < length) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }

  struct Piece {
    std::uint64_t output = 0;
    unsigned begin = 0;
    unsigned length = 0;
  };
  std::vector<Piece> pieces;
  for (unsigned begin = 0; begin < length;) {
    access.address = address + begin;
    const auto room = static_cast<unsigned>(page_bytes - access.address % page_bytes);
    const unsigned piece = std::min(room, length - begin);
    const smmuv2::Translation translation = translate(tbu, access, delay);
    if (translation.action != smmuv2::Translation::Action::Forward) return terminate(payload, translation);
    pieces.push_back({translation.output, begin, piece});
    begin += piece;
  }

  unsigned char* const data = payload.get_data_ptr();
  const unsigned width = payload.get_streaming_width();
  for (const Piece& piece : pieces) {
    payload.set_address(piece.output);
    payload.set_data_ptr(data + piece.begin);
    payload.set_data_length(piece.length);
    payload.set_streaming_width(piece.length);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    out[static_cast<std::size_t>(tbu)]->b_transport(payload, delay);
    if (payload.is_response_error()) break;
  }
  payload.set_dmi_allowed(false);
  payload.set_address(address);
  payload.set_data_ptr(data);
  payload.set_data_length(length);
  payload.set_streaming_width(width);
}

arch::PortResponse Smmuv2Module::read64(const arch::PortAccess& access) {
  arch::PortResponse response;
  tlm::tlm_generic_payload& payload = walk_payload_;
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  payload.set_command(tlm::TLM_READ_COMMAND);
  payload.set_address(access.address);
  payload.set_data_ptr(reinterpret_cast<unsigned char*>(&response.data));
  payload.set_data_length(sizeof response.data);
  payload.set_streaming_width(sizeof response.data);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  walk->b_transport(payload, delay);
  response.ok = payload.is_response_ok();
  response.latency_ps = static_cast<std::uint32_t>(std::llround(delay.to_seconds() * picoseconds_per_second));
  return response;
}

void Smmuv2Module::global_interrupt(bool level) {
  if (global_interrupt_line.size() != 0) global_interrupt_line->write(level);
}

void Smmuv2Module::context_interrupt(unsigned bank, bool level) {
  InterruptPort& line = context_interrupt_line[bank];
  if (line.size() != 0) line->write(level);
}

}  // namespace sidewinder::tlm_shell
