// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/config.h"

#include <catch2/catch.hpp>

#include "vpu/hw/frame_plan.h"

namespace sidewinder::vpu {
namespace {

VpuConfig good() {
  VpuConfig config;
  config.streams = {{"a", 1, {0x1000, 0x1fff}}, {"b", 2, {0x2000, 0x2fff}}};
  config.owners = {{{0, 0xfff}, 0}};
  config.functions = {0, 0, 1, std::nullopt};
  return config;
}

}  // namespace

TEST_CASE("A sound configuration has no problem") {
  CHECK_FALSE(problem(good()));
  VpuConfig config = good();
  config.functions[3] = 1;
  config.streams[0].window = {5, 5};
  CHECK_FALSE(problem(config));
}

TEST_CASE("Each problem of a configuration is named") {
  VpuConfig config = good();
  std::string expected;
  SECTION("no stream") {
    config.streams.clear();
    expected = "1 to 255 streams";
  }
  SECTION("empty window") {
    config.streams[1].window = {2, 1};
    expected = "window of stream 'b' is empty";
  }
  SECTION("StreamID twice") {
    config.streams[1].stream_id = 1;
    expected = "'a' and 'b' have the same StreamID 1";
  }
  SECTION("no pixel stream") {
    config.functions[2].reset();
    expected = "pixel function has no stream";
  }
  SECTION("no such stream") {
    config.functions[3] = 2;
    expected = "firmware function is routed to stream 2";
  }
  SECTION("no such owner") {
    config.owners[0].stream = 2;
    expected = "owned by stream 2";
  }
  SECTION("empty owned range") {
    config.owners[0].range = {9, 8};
    expected = "range of stream 'a' is empty";
  }
  SECTION("pipes") {
    config.pipes = 3;
    expected = "1, 2 or 4 pipes, not 3";
  }
  SECTION("clock") {
    config.clock_khz = 0;
    expected = "0 kHz";
  }
  SECTION("burst not a power of two") {
    config.burst_bytes = 96;
    expected = "not 96";
  }
  SECTION("burst too long") {
    config.burst_bytes = 8192;
    expected = "not 8192";
  }
  SECTION("burst too short") {
    config.burst_bytes = 2;
    expected = "not 2";
  }
  SECTION("stride shorter than a burst") {
    config.stride_bytes = 128;
    expected = "multiple of the burst";
  }
  SECTION("stride zero") {
    config.stride_bytes = 0;
    expected = "multiple of the burst";
  }
  const auto found = problem(config);
  REQUIRE(found);
  CHECK_THAT(*found, Catch::Contains(expected));
}

TEST_CASE("A macroblock takes 200 cycles, shared by the pipes") {
  VpuConfig config = good();
  config.clock_khz = 400'000;
  config.pipes = 4;
  const Picture uhd{Codec::H264, 3840, 2160};
  CHECK(frame_time_ps(config, uhd) == 32'400ULL * 200 * 2500 / 4);
  config.pipes = 1;
  CHECK(frame_time_ps(config, uhd) == 32'400ULL * 200 * 2500);
}

TEST_CASE("sm8550 decodes 8K at 60 frames a second at its highest clock, and not at its lowest") {
  VpuConfig config = good();
  const Picture picture{Codec::H264, 7680, 4320};
  constexpr std::uint64_t frame_ps = 1'000'000'000'000 / 60;
  CHECK(frame_time_ps(config, picture) <= frame_ps);
  config.clock_khz = 240'000;
  CHECK(frame_time_ps(config, picture) > frame_ps);
}

// The bus vote of the Iris driver for 3840x2160 at 60 frames a second is 1608000 kB/s.
TEST_CASE("A burst of 256 bytes every 2048 loads the bus about as the driver votes") {
  FrameShape shape;
  shape.picture = {Codec::H264, 3840, 2160};
  shape.dpb_count = 9;
  shape.sequence = 2;
  std::uint64_t bytes = 0;
  for (const FramePass& pass : plan_frame(shape)) bytes += pass.bytes;
  const double kilobytes_a_second = static_cast<double>(bytes) * 256 / 2048 * 60 / 1000;
  CHECK(kilobytes_a_second > 1'608'000 * 0.75);
  CHECK(kilobytes_a_second < 1'608'000 * 1.25);
}

}  // namespace sidewinder::vpu
