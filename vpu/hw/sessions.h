// SPDX-License-Identifier: Apache-2.0
//
// The firmware's table of sessions, and the rules by which it accepts commands. No time, no SystemC.

#ifndef SIDEWINDER_VPU_HW_SESSIONS_H
#define SIDEWINDER_VPU_HW_SESSIONS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "vpu/hw/frame_plan.h"
#include "vpu/layout/hfi.h"

namespace sidewinder::vpu {

struct FirmwareBuffer {
  std::uint64_t iova = 0;
  std::uint64_t size = 0;  ///< 0: not set
};

struct FirmwareSession {
  hfi::SessionId id = hfi::no_session;
  bool open = false;
  bool ending = false;
  bool error = false;  ///< no further frame is taken
  Picture picture;
  BufferCounts counts;
  std::array<BufferRequirement, buffer_type_count> required;
  std::array<std::array<FirmwareBuffer, max_buffers_of_a_type>, buffer_type_count> buffers;

  std::deque<hfi::SessionFrame> pending;  ///< decoded one after the other
  bool decoding = false;
  hfi::SessionFrame current;
  std::uint32_t sequence = 0;     ///< frames finished
  std::uint32_t items_open = 0;   ///< of the current frame
  bool failed = false;            ///< the current frame
  std::uint32_t error_block = 0;  ///< its first failed access
  std::uint64_t error_iova = 0;

  [[nodiscard]] const FirmwareBuffer& buffer(BufferType type, std::uint32_t index) const {
    return buffers[static_cast<std::size_t>(type)][index];
  }
};

class SessionTable {
 public:
  explicit SessionTable(std::uint32_t pipes) : pipes_(pipes) {}

  void clear();

  // Each returns why a command was refused; nothing when it was taken. A refusal that concerns an open
  // session puts that session into error state.
  [[nodiscard]] std::optional<hfi::SessionErrorCode> init(const hfi::SessionInit& command);
  [[nodiscard]] std::optional<hfi::SessionErrorCode> set_buffer(const hfi::SessionSetBuffer& command);
  [[nodiscard]] std::optional<hfi::SessionErrorCode> queue_frame(const hfi::SessionFrame& command);
  [[nodiscard]] std::optional<hfi::SessionErrorCode> end(const hfi::SessionEnd& command);

  [[nodiscard]] std::optional<std::size_t> find(hfi::SessionId id) const;
  [[nodiscard]] FirmwareSession& at(std::size_t slot) { return sessions_[slot]; }

  /// Takes the session's next frame as its current one and plans it; empty when it has none or is still
  /// decoding.
  [[nodiscard]] std::vector<FramePass> begin_frame(std::size_t slot);

  /// Ends the current frame and says what to report.
  [[nodiscard]] hfi::FrameDone end_frame(std::size_t slot);

  void close(std::size_t slot) { sessions_[slot] = FirmwareSession{}; }

 private:
  std::uint32_t pipes_;
  std::array<FirmwareSession, hfi::max_sessions> sessions_;
};

}  // namespace sidewinder::vpu

#endif
