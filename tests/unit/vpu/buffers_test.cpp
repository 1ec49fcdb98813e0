// SPDX-License-Identifier: Apache-2.0

#include "vpu/layout/buffers.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

namespace sidewinder::vpu {

TEST_CASE("A decoder's compressed input is bitstream, its pictures are pixel, all else is non-pixel") {
  CHECK(function_of(BufferType::Input) == Function::Bitstream);
  for (const BufferType type : {BufferType::Output, BufferType::Dpb, BufferType::Partial,
                                BufferType::Scratch1, BufferType::Scratch2, BufferType::Vpss}) {
    CHECK(function_of(type) == Function::Pixel);
  }
  for (const BufferType type :
       {BufferType::Bin, BufferType::Arp, BufferType::Comv, BufferType::NonComv, BufferType::Line,
        BufferType::Persist, BufferType::HfiQueues, BufferType::Sfr}) {
    CHECK(function_of(type) == Function::NonPixel);
  }
  CHECK(function_of(BufferType::Firmware) == Function::Firmware);
}

TEST_CASE("Every buffer type has a name of its own, and no value beyond the last is one") {
  std::set<std::string> names;
  for (std::uint32_t value = 0; value < buffer_type_count; ++value) {
    const auto type = buffer_type_from(value);
    REQUIRE(type);
    names.insert(to_string(*type));
  }
  CHECK(names.size() == buffer_type_count);
  CHECK(names.count("UNKNOWN") == 0);
  CHECK_FALSE(buffer_type_from(buffer_type_count));
}

TEST_CASE("A decoder's buffers come in the driver's order") {
  const Picture picture{Codec::H264, 1920, 1080};
  const auto buffers = decoder_buffers(picture, {4, 5, 6}, 4);
  const std::vector<std::pair<BufferType, std::uint32_t>> expected{
      {BufferType::Input, 4},   {BufferType::Persist, 1}, {BufferType::Bin, 1},    {BufferType::Comv, 1},
      {BufferType::NonComv, 1}, {BufferType::Line, 1},    {BufferType::Output, 5}, {BufferType::Dpb, 6}};
  REQUIRE(buffers.size() == expected.size());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(buffers[i].type == expected[i].first);
    CHECK(buffers[i].count == expected[i].second);
    CHECK(buffers[i].size > 0);
    sum += buffers[i].count * buffers[i].size;
  }
  CHECK(buffers[6].size == nv12_size(picture));
  CHECK(buffers[7].size == qc08c_size(picture));
  CHECK(decoder_bytes(picture, {4, 5, 6}, 4) == sum);
}

TEST_CASE("What a codec or a session does not use is left out") {
  const auto buffers = decoder_buffers({Codec::Vp9, 1920, 1080}, {4, 9, 0}, 4);
  CHECK(buffers.size() == 5);
  for (const BufferRequirement& buffer : buffers) {
    CHECK(buffer.type != BufferType::Comv);
    CHECK(buffer.type != BufferType::NonComv);
    CHECK(buffer.type != BufferType::Dpb);
  }
}

}  // namespace sidewinder::vpu
