// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/burst.h"

namespace sidewinder::tlm_shell {
namespace {

unsigned span_of(const tlm::tlm_generic_payload& payload) {
  return std::min(payload.get_data_length(), payload.get_streaming_width());
}

}  // namespace

void clear_data(tlm::tlm_generic_payload& payload) {
  const unsigned char* enables = payload.get_byte_enable_ptr();
  const unsigned enables_length = payload.get_byte_enable_length();
  for (unsigned byte = 0; byte < payload.get_data_length(); ++byte) {
    if (enables != nullptr && enables_length != 0 && enables[byte % enables_length] != TLM_BYTE_ENABLED)
      continue;
    payload.get_data_ptr()[byte] = 0;
  }
}

void Burst::split(const tlm::tlm_generic_payload& payload) {
  const unsigned span = span_of(payload);
  pieces_.clear();
  for (unsigned begin = 0; begin < span;) {
    const std::uint64_t input = payload.get_address() + begin;
    const auto room = static_cast<unsigned>(page_bytes - input % page_bytes);
    const unsigned length = std::min(room, span - begin);
    pieces_.push_back({.input = input, .output = 0, .begin = begin, .length = length, .attributes = {}});
    begin += length;
  }
}

void Burst::cut(tlm::tlm_generic_payload& payload, const SavedPayload& whole, const Piece& piece,
                unsigned at) {
  const unsigned length = std::min(piece.length, whole.length() - at);
  payload.set_address(piece.output);
  payload.set_data_ptr(whole.data() + at);
  payload.set_data_length(length);
  payload.set_streaming_width(length);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  if (whole.enables() == nullptr || whole.enables_length() == 0) return;
  const unsigned pattern = whole.enables_length(), first = at % pattern;
  if (first == 0) {
    payload.set_byte_enable_ptr(whole.enables());
    payload.set_byte_enable_length(pattern);
  } else if (length <= pattern - first) {
    payload.set_byte_enable_ptr(whole.enables() + first);
    payload.set_byte_enable_length(length);
  } else {
    enables_.assign(whole.enables() + first, whole.enables() + pattern);
    enables_.insert(enables_.end(), whole.enables(), whole.enables() + first);
    payload.set_byte_enable_ptr(enables_.data());
    payload.set_byte_enable_length(pattern);
  }
}

Burst* BurstPool::take() {
  if (free_.empty()) return &all_.emplace_back();
  Burst* const burst = free_.back();
  free_.pop_back();
  return burst;
}

}  // namespace sidewinder::tlm_shell
