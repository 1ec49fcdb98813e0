// SPDX-License-Identifier: Apache-2.0
//
// A tap on every DMA access of the VPU.

#ifndef SIDEWINDER_VPU_HW_OBSERVER_H
#define SIDEWINDER_VPU_HW_OBSERVER_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vpu/layout/buffers.h"
#include "vpu/layout/hfi.h"

namespace sidewinder::vpu {

struct VpuAccess {
  std::size_t block = 0;  ///< index into VpuConfig::streams
  std::uint32_t own_stream_id = 0;
  std::optional<std::uint32_t> stream_id;  ///< the one emitted; nothing: aborted inside the VPU
  std::uint64_t iova = 0;
  std::uint32_t bytes = 0;
  bool write = false;
  bool ok = false;                           ///< false: answered with an error, or aborted inside
  hfi::SessionId session = hfi::no_session;  ///< no_session: the control processor's own access
  BufferType type = BufferType::Input;       ///< the buffer that was meant
  std::uint32_t index = 0;
};

class VpuObserver {
 public:
  virtual ~VpuObserver() = default;

  /// When the access was answered, before its time passes and so before any other initiator's. Must not wait.
  virtual void access(const VpuAccess& access) = 0;
};

struct BlockCounters {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t other_stream = 0;  ///< left with another block's StreamID
  std::uint64_t aborted = 0;       ///< never left
  std::uint64_t errors = 0;        ///< answered with an error
};

struct VpuCounters {
  std::vector<BlockCounters> blocks;  ///< one for each of VpuConfig::streams
  std::uint64_t frames = 0;           ///< finished, with or without error
  std::uint64_t failed_frames = 0;
};

}  // namespace sidewinder::vpu

#endif
