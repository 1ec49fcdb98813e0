// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/memory_initiator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace sidewinder::tlm_shell {
namespace {

constexpr double picoseconds_per_second = 1e12;

std::uint32_t picoseconds(const sc_core::sc_time& time) {
  const double value = std::round(time.to_seconds() * picoseconds_per_second);
  return static_cast<std::uint32_t>(std::min<double>(value, std::numeric_limits<std::uint32_t>::max()));
}

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
  payload_.set_extension(&attributes_);
}

MemoryInitiator::~MemoryInitiator() {
  payload_.clear_extension(&attributes_);
}

arch::PortResponse MemoryInitiator::send(tlm::tlm_command command, const arch::PortAccess& access,
                                         unsigned char* data, unsigned length) {
  attributes_.value = own_access(access);
  prepare(payload_, command, access.address, data, length);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket_->b_transport(payload_, delay);
  arch::PortResponse response{.data = 0, .ok = payload_.is_response_ok()};
  response.latency_ps = picoseconds(delay);
  spent_ps_ += response.latency_ps;
  return response;
}

arch::PortResponse MemoryInitiator::read64(const arch::PortAccess& access) {
  std::uint64_t word = 0;
  arch::PortResponse response =
      send(tlm::TLM_READ_COMMAND, access, reinterpret_cast<unsigned char*>(&word), sizeof word);
  response.data = word;
  return response;
}

arch::PortResponse MemoryInitiator::compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                                       std::uint64_t desired) {
  arch::PortResponse response = read64(access);
  if (!response.ok || response.data != expected) return response;
  const arch::PortResponse written =
      send(tlm::TLM_WRITE_COMMAND, access, reinterpret_cast<unsigned char*>(&desired), sizeof desired);
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
  return send(tlm::TLM_WRITE_COMMAND, access, reinterpret_cast<unsigned char*>(copy.data()),
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
