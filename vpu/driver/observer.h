// SPDX-License-Identifier: Apache-2.0
//
// What the driver tells about its buffers and sessions as it works.

#ifndef SIDEWINDER_VPU_DRIVER_OBSERVER_H
#define SIDEWINDER_VPU_DRIVER_OBSERVER_H

#include <cstdint>
#include <optional>
#include <string>

#include "iommu/linux/dma.h"
#include "vpu/layout/buffers.h"
#include "vpu/layout/hfi.h"

namespace sidewinder::vpu {

struct SessionSpec {
  Picture picture;
  std::uint32_t frames = 0;  ///< to decode; 0: until the session is stopped
  BufferCounts counts;
};

enum class SessionState : std::uint8_t {
  Starting,
  Running,
  Idle,      ///< decoded all its frames, holds its buffers
  Error,     ///< decodes no more, holds its buffers
  CoreLost,  ///< as Error, because the whole core is gone
  Stopping,
  Stopped,        ///< buffers freed
  FailedToStart,  ///< buffers freed
};

enum class SessionOutcome : std::uint8_t {
  Open,       ///< still starting or running
  Completed,  ///< every frame asked for, or stopped without an error
  FailedToStart,
  DecodeError,
  CoreLost,
};

[[nodiscard]] const char* to_string(SessionState state);
[[nodiscard]] const char* to_string(SessionOutcome outcome);

/// A buffer, and the device whose address space it is in.
struct BufferUse {
  hfi::SessionId session = hfi::no_session;  ///< no_session: the driver's own
  BufferType type = BufferType::Input;
  std::uint32_t index = 0;
  Function function = Function::NonPixel;
  const kernel::Device* device = nullptr;
};

struct FailedAllocation {
  BufferUse use;
  std::uint64_t size = 0;
  kernel::Errno error = kernel::Errno::ENOMEM_;
};

struct FailedAccess {
  std::uint32_t frame = 0;
  std::uint32_t block = 0;  ///< stream of the VPU whose access failed first
  std::uint64_t iova = 0;
};

struct SessionResult {
  hfi::SessionId id = hfi::no_session;
  SessionSpec spec;
  SessionState state = SessionState::Starting;
  SessionOutcome outcome = SessionOutcome::Open;
  std::uint32_t frames_done = 0;  ///< without error
  std::uint64_t bytes = 0;        ///< mapped for it at most at one time
  std::optional<FailedAllocation>
      failed_allocation;                      ///< with FailedToStart, unless it was refused before that
  std::optional<FailedAccess> failed_access;  ///< with DecodeError, unless the firmware refused a command
  std::string reason;                         ///< why not Completed
};

class DriverObserver {
 public:
  virtual ~DriverObserver() = default;
  virtual void buffer_mapped(const BufferUse&, const kernel::DmaBuffer&) {}
  virtual void buffer_unmapped(const BufferUse&, const kernel::DmaBuffer&) {}
  virtual void allocation_failed(const FailedAllocation&) {}
  virtual void session_state(const SessionResult&) {}  ///< at every change of state
};

}  // namespace sidewinder::vpu

#endif
