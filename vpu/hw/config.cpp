// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/config.h"

#include <bit>

namespace sidewinder::vpu {
namespace {

std::optional<std::string> stream_problem(const VpuConfig& config) {
  if (config.streams.empty() || config.streams.size() > 255) return "a VPU needs 1 to 255 streams";
  for (std::size_t i = 0; i < config.streams.size(); ++i) {
    const VpuStream& stream = config.streams[i];
    if (stream.window.first > stream.window.last) {
      return "the window of stream '" + stream.name +
             "' is empty: its first address must not exceed its last";
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (config.streams[j].stream_id != stream.stream_id) continue;
      return "streams '" + config.streams[j].name + "' and '" + stream.name + "' have the same StreamID " +
             std::to_string(stream.stream_id) + ": each needs its own";
    }
  }
  return std::nullopt;
}

std::optional<std::string> routing_problem(const VpuConfig& config) {
  for (std::size_t i = 0; i < function_count; ++i) {
    const auto function = static_cast<Function>(i);
    const std::optional<std::size_t>& stream = config.functions[i];
    if (!stream && function != Function::Firmware) {
      return std::string("the ") + to_string(function) + " function has no stream";
    }
    if (stream && *stream >= config.streams.size()) {
      return std::string("the ") + to_string(function) + " function is routed to stream " +
             std::to_string(*stream) + ", but there are " + std::to_string(config.streams.size());
    }
  }
  for (const AddressOwner& owner : config.owners) {
    if (owner.stream >= config.streams.size()) {
      return "an address range is owned by stream " + std::to_string(owner.stream) + ", but there are " +
             std::to_string(config.streams.size());
    }
    if (owner.range.first > owner.range.last) {
      return "an address range of stream '" + config.streams[owner.stream].name +
             "' is empty: its first address must not exceed its last";
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> problem(const VpuConfig& config) {
  if (auto found = stream_problem(config)) return found;
  if (auto found = routing_problem(config)) return found;
  if (!valid_pipes(config.pipes)) return "a VPU has 1, 2 or 4 pipes, not " + std::to_string(config.pipes);
  if (config.clock_khz == 0) return "the clock must run: it is 0 kHz";
  if (!std::has_single_bit(config.burst_bytes) || config.burst_bytes < 4 || config.burst_bytes > 4096) {
    return "a burst is a power of two from 4 to 4096 bytes, not " + std::to_string(config.burst_bytes);
  }
  if (config.stride_bytes == 0 || config.stride_bytes % config.burst_bytes != 0) {
    return "the stride must be a multiple of the burst (" + std::to_string(config.burst_bytes) +
           " bytes), not " + std::to_string(config.stride_bytes);
  }
  return std::nullopt;
}

std::uint64_t frame_time_ps(const VpuConfig& config, const Picture& picture) {
  constexpr std::uint64_t ps_per_ms = 1'000'000'000;  // a kHz is a cycle a millisecond
  const std::uint64_t cycles = macroblocks(picture) * cycles_per_macroblock;
  return cycles * ps_per_ms / (std::uint64_t{config.clock_khz} * config.pipes);
}

}  // namespace sidewinder::vpu
