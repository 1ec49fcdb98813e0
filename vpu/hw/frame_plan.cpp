// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/frame_plan.h"

namespace sidewinder::vpu {

std::vector<FramePass> plan_frame(const FrameShape& shape) {
  std::vector<FramePass> passes;
  const auto pass = [&](BufferType type, std::uint32_t index, std::uint64_t offset, std::uint64_t bytes,
                        bool write) {
    if (bytes != 0) passes.push_back({type, index, offset, bytes, write});
  };
  constexpr bool read = false;
  constexpr bool write = true;
  const Picture& picture = shape.picture;
  const std::uint32_t current = shape.sequence % shape.dpb_count;

  pass(BufferType::Input, shape.input, 0, bitstream_size(picture), read);

  pass(BufferType::Persist, 0, 0, persist_size(picture), read);
  const std::uint64_t non_comv = non_comv_size(picture);
  pass(BufferType::NonComv, 0, 0, non_comv, write);
  pass(BufferType::NonComv, 0, 0, non_comv, read);
  const std::uint64_t bin = bin_size(picture, shape.pipes);
  pass(BufferType::Bin, 0, 0, bin, write);
  pass(BufferType::Bin, 0, 0, bin, read);
  const std::uint64_t line = line_size(picture, shape.pipes);
  pass(BufferType::Line, 0, 0, line, write);
  pass(BufferType::Line, 0, 0, line, read);
  const std::uint64_t slot = comv_slot_size(picture);
  pass(BufferType::Comv, 0, current * slot, slot, write);
  pass(BufferType::Persist, 0, 0, persist_size(picture), write);

  const std::uint64_t reference = qc08c_size(picture);
  for (std::uint32_t back = 1; back <= 2 && back <= shape.sequence && back < shape.dpb_count; ++back) {
    const std::uint32_t earlier = (shape.sequence - back) % shape.dpb_count;
    if (back == 1) pass(BufferType::Comv, 0, earlier * slot, slot, read);
    pass(BufferType::Dpb, earlier, 0, reference, read);
  }
  pass(BufferType::Dpb, current, 0, reference, write);
  pass(BufferType::Output, shape.output, 0, nv12_size(picture), write);
  return passes;
}

}  // namespace sidewinder::vpu
