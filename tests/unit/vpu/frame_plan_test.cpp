// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/frame_plan.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace sidewinder::vpu {
namespace {

FrameShape shape(std::uint32_t sequence, std::uint32_t dpb_count) {
  FrameShape made;
  made.picture = {Codec::H264, 1920, 1080};
  made.dpb_count = dpb_count;
  made.sequence = sequence;
  made.input = 3;
  made.output = 7;
  return made;
}

std::vector<FramePass> only(const std::vector<FramePass>& passes, BufferType type, bool write) {
  std::vector<FramePass> some;
  std::copy_if(passes.begin(), passes.end(), std::back_inserter(some),
               [&](const FramePass& pass) { return pass.type == type && pass.write == write; });
  return some;
}

std::vector<std::uint32_t> indices(const std::vector<FramePass>& passes) {
  std::vector<std::uint32_t> all;
  for (const FramePass& pass : passes) all.push_back(pass.index);
  return all;
}

using Indices = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("A frame reads its input whole and writes its output whole") {
  const auto passes = plan_frame(shape(5, 9));
  const auto input = only(passes, BufferType::Input, false);
  REQUIRE(input.size() == 1);
  CHECK(input[0].index == 3);
  CHECK(input[0].bytes == bitstream_size({Codec::H264, 1920, 1080}));
  CHECK(only(passes, BufferType::Input, true).empty());
  const auto output = only(passes, BufferType::Output, true);
  REQUIRE(output.size() == 1);
  CHECK(output[0].index == 7);
  CHECK(output[0].bytes == nv12_size({Codec::H264, 1920, 1080}));
  CHECK(only(passes, BufferType::Output, false).empty());
}

TEST_CASE("A frame is predicted from the two before it, as far as there are any") {
  CHECK(only(plan_frame(shape(0, 9)), BufferType::Dpb, false).empty());
  CHECK(indices(only(plan_frame(shape(1, 9)), BufferType::Dpb, false)) == Indices{0});
  CHECK(indices(only(plan_frame(shape(2, 9)), BufferType::Dpb, false)) == Indices{1, 0});
  CHECK(indices(only(plan_frame(shape(9, 9)), BufferType::Dpb, false)) == Indices{8, 7});
  CHECK(indices(only(plan_frame(shape(10, 9)), BufferType::Dpb, false)) == Indices{0, 8});
}

TEST_CASE("A frame never reads the picture it writes") {
  for (std::uint32_t count = 1; count <= 4; ++count) {
    for (std::uint32_t sequence = 0; sequence < 12; ++sequence) {
      const auto passes = plan_frame(shape(sequence, count));
      const auto written = only(passes, BufferType::Dpb, true);
      REQUIRE(indices(written) == Indices{sequence % count});
      const auto read = only(passes, BufferType::Dpb, false);
      CHECK(read.size() == std::min({2U, sequence, count - 1}));
      for (const FramePass& pass : read) CHECK(pass.index != written[0].index);
    }
  }
}

TEST_CASE("Motion vectors have a slot a picture, and the one before is read") {
  const Picture picture{Codec::H264, 1920, 1080};
  const std::uint64_t slot = comv_slot_size(picture);
  const auto passes = plan_frame(shape(10, 9));
  const auto written = only(passes, BufferType::Comv, true);
  REQUIRE(written.size() == 1);
  CHECK(written[0].offset == slot);
  CHECK(written[0].bytes == slot);
  const auto read = only(passes, BufferType::Comv, false);
  REQUIRE(read.size() == 1);
  CHECK(read[0].offset == 0);
  CHECK(only(plan_frame(shape(0, 9)), BufferType::Comv, false).empty());
}

TEST_CASE(
    "Bins, lines and command lists are written before they are read, PERSIST read before it is written") {
  const auto passes = plan_frame(shape(3, 9));
  const auto position = [&](BufferType type, bool write) {
    return std::find_if(passes.begin(), passes.end(),
                        [&](const FramePass& pass) { return pass.type == type && pass.write == write; });
  };
  for (const BufferType type : {BufferType::Bin, BufferType::Line, BufferType::NonComv}) {
    REQUIRE(position(type, false) != passes.end());
    CHECK(position(type, true) < position(type, false));
  }
  REQUIRE(position(BufferType::Persist, true) != passes.end());
  CHECK(position(BufferType::Persist, false) < position(BufferType::Persist, true));
}

TEST_CASE("Every pass stays inside the buffer the driver would allocate") {
  const Codec codec = GENERATE(Codec::H264, Codec::Hevc, Codec::Vp9);
  const BufferCounts counts{4, 9, 32};
  FrameShape made = shape(0, counts.dpb);
  made.picture.codec = codec;
  const auto buffers = decoder_buffers(made.picture, counts, made.pipes);
  for (made.sequence = 0; made.sequence < 70; ++made.sequence) {
    for (const FramePass& pass : plan_frame(made)) {
      const auto buffer = std::find_if(buffers.begin(), buffers.end(), [&](const BufferRequirement& needed) {
        return needed.type == pass.type;
      });
      REQUIRE(buffer != buffers.end());
      CHECK(pass.index < buffer->count);
      CHECK(pass.bytes > 0);
      CHECK(pass.offset + pass.bytes <= buffer->size);
    }
  }
}

}  // namespace sidewinder::vpu
