// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/memory_initiator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace sidewinder::tlm_shell {
namespace {

OutputAttributes own_access(const arch::PortAccess& access) {
  return {.memory = access.attributes, .secure = access.secure, .own = true};
}

void prepare(tlm::tlm_generic_payload& payload, tlm::tlm_command command, std::uint64_t address,
             unsigned char* data, unsigned length) {
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  payload.set_command(command);
  payload.set_address(address);
  payload.set_data_ptr(data);
  payload.set_data_length(length);
  payload.set_streaming_width(length);
  payload.set_dmi_allowed(false);
}

}  // namespace

MemoryInitiator::MemoryInitiator(Socket& socket) : socket_(socket) {
  for (tlm::tlm_generic_payload* payload : {&read_, &write_}) payload->set_extension(&attributes_);
  prepare(read_, tlm::TLM_READ_COMMAND, 0, word_.data(), static_cast<unsigned>(word_.size()));
}

MemoryInitiator::~MemoryInitiator() {
  for (tlm::tlm_generic_payload* payload : {&read_, &write_}) payload->clear_extension(&attributes_);
}

arch::PortResponse MemoryInitiator::send(const arch::PortAccess& access, tlm::tlm_generic_payload& payload) {
  attributes_.value = own_access(access);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket_->b_transport(payload, delay);
  arch::PortResponse response{.data = 0, .ok = payload.is_response_ok()};
  response.latency_ps = picoseconds_.of(delay);
  spent_ps_ += response.latency_ps;
  return response;
}

arch::PortResponse MemoryInitiator::read64(const arch::PortAccess& access) {
  read_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  read_.set_address(access.address);
  read_.set_dmi_allowed(false);
  word_.fill(0);
  arch::PortResponse response = send(access, read_);
  response.data = std::bit_cast<std::uint64_t>(word_);
  return response;
}

arch::PortResponse MemoryInitiator::write(const arch::PortAccess& access, unsigned char* data,
                                          unsigned length) {
  prepare(write_, tlm::TLM_WRITE_COMMAND, access.address, data, length);
  return send(access, write_);
}

arch::PortResponse MemoryInitiator::compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                                       std::uint64_t desired) {
  arch::PortResponse response = read64(access);
  if (!response.ok || response.data != expected) return response;
  const arch::PortResponse written =
      write(access, reinterpret_cast<unsigned char*>(&desired), sizeof desired);
  response.ok = written.ok;
  response.latency_ps += written.latency_ps;
  return response;
}

arch::PortResponse MemoryInitiator::write_words(const arch::PortAccess& access,
                                                std::span<const std::uint32_t> words) {
  constexpr std::size_t longest = 8;  // an event record
  std::array<std::uint32_t, longest> copy{};
  const std::size_t count = std::min(words.size(), longest);
  std::copy_n(words.begin(), count, copy.begin());
  return write(access, reinterpret_cast<unsigned char*>(copy.data()),
               static_cast<unsigned>(count * sizeof(std::uint32_t)));
}

DebugMemory::DebugMemory(MemoryInitiator::Socket& socket) : socket_(socket) {
  payload_.set_extension(&attributes_);
}

DebugMemory::~DebugMemory() {
  payload_.clear_extension(&attributes_);
}

arch::PortResponse DebugMemory::read64(const arch::PortAccess& access) {
  arch::PortResponse response;
  attributes_.value = own_access(access);
  prepare(payload_, tlm::TLM_READ_COMMAND, access.address, reinterpret_cast<unsigned char*>(&response.data),
          sizeof response.data);
  response.ok = socket_->transport_dbg(payload_) == sizeof response.data;
  return response;
}

arch::PortResponse DebugMemory::compare_exchange64(const arch::PortAccess& /*access*/, std::uint64_t expected,
                                                   std::uint64_t /*desired*/) {
  ++updates_;
  return {.data = expected, .ok = true};
}

}  // namespace sidewinder::tlm_shell
