// SPDX-License-Identifier: Apache-2.0
//
// What a decoder does to memory for one frame: which part of which buffer is read and written, in which
// order.

#ifndef SIDEWINDER_VPU_HW_FRAME_PLAN_H
#define SIDEWINDER_VPU_HW_FRAME_PLAN_H

#include <cstdint>
#include <vector>

#include "vpu/layout/buffers.h"

namespace sidewinder::vpu {

/// One pass over bytes [offset, offset + bytes) of a buffer.
struct FramePass {
  BufferType type = BufferType::Input;
  std::uint32_t index = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  bool write = false;
};

struct FrameShape {
  Picture picture;
  std::uint32_t pipes = 4;
  std::uint32_t dpb_count = 1;  ///< 1 to max_buffers_of_a_type
  std::uint32_t sequence = 0;   ///< frames this session has decoded before
  std::uint32_t input = 0;      ///< buffer index
  std::uint32_t output = 0;
};

/// Passes of one function are done in this order; functions work side by side. A frame is predicted from the
/// two before it, as far as the DPB holds them, and its motion vectors from the one before; the session's
/// first frame is intra-coded.
[[nodiscard]] std::vector<FramePass> plan_frame(const FrameShape& shape);

}  // namespace sidewinder::vpu

#endif
