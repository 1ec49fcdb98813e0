// SPDX-License-Identifier: Apache-2.0

#include "vpu/layout/sizes.h"

#include <catch2/catch.hpp>

#include "vpu/layout/buffers.h"

namespace sidewinder::vpu {
namespace {

constexpr std::uint32_t pipes = 4;

double mib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

Picture h264(std::uint32_t width, std::uint32_t height) {
  return {Codec::H264, width, height};
}
Picture hevc(std::uint32_t width, std::uint32_t height) {
  return {Codec::Hevc, width, height};
}
Picture vp9(std::uint32_t width, std::uint32_t height) {
  return {Codec::Vp9, width, height};
}

struct Row {
  Picture picture;
  double bin, comv, line, persist, bitstream, nv12, qc08c;
};

}  // namespace

TEST_CASE("H.264 on four pipes has the sizes the Iris driver computes, in MiB") {
  const Row row = GENERATE(Row{h264(1280, 720), 5.39, 14.84, 2.56, 0.48, 6.75, 1.35, 1.38},
                           Row{h264(1920, 1080), 11.95, 32.89, 3.87, 0.48, 6.75, 2.99, 3.01},
                           Row{h264(3840, 2160), 47.5, 131.5, 7.85, 0.48, 6.75, 11.95, 12.01},
                           Row{h264(7680, 4320), 190, 522, 16, 0.48, 12.75, 47.5, 47.8});
  INFO(row.picture.width << "x" << row.picture.height);
  const auto near = [](double expected) { return Approx(expected).epsilon(0.002).margin(0.006); };
  CHECK(mib(bin_size(row.picture, pipes)) == near(row.bin));
  CHECK(mib(comv_size(row.picture)) == near(row.comv));
  CHECK(mib(line_size(row.picture, pipes)) == Approx(row.line).epsilon(0.015));
  CHECK(mib(persist_size(row.picture)) == near(row.persist));
  CHECK(mib(bitstream_size(row.picture)) == near(row.bitstream));
  CHECK(mib(nv12_size(row.picture)) == near(row.nv12));
  CHECK(mib(qc08c_size(row.picture)) == near(row.qc08c));
}

TEST_CASE("A whole H.264 session takes 131, 431 and 1638 MiB") {
  CHECK(mib(decoder_bytes(h264(1920, 1080), {4, 9, 9}, pipes)) == Approx(131).margin(0.5));
  CHECK(mib(decoder_bytes(h264(3840, 2160), {4, 9, 9}, pipes)) == Approx(431).margin(0.5));
  CHECK(mib(decoder_bytes(h264(7680, 4320), {4, 9, 9}, pipes)) == Approx(1638).margin(0.5));
}

TEST_CASE("HEVC's motion vectors take 63.75, 253 and 1012 MiB") {
  CHECK(mib(comv_size(hevc(1920, 1080))) == Approx(63.75).margin(0.01));
  CHECK(mib(comv_size(hevc(3840, 2160))) == Approx(253).margin(0.5));
  CHECK(mib(comv_size(hevc(7680, 4320))) == Approx(1012).margin(0.6));
}

// Exact bytes, worked out from the driver's formulas apart from this program.
TEST_CASE("Sizes are exact to the byte") {
  CHECK(bin_size(h264(1920, 1080), 4) == 12'533'760);
  CHECK(line_size(h264(1920, 1080), 4) == 4'053'248);
  CHECK(non_comv_size(h264(1920, 1080)) == 1'217'536);
  CHECK(non_comv_size(h264(96, 96)) == 249'856);
  CHECK(persist_size(h264(1920, 1080)) == 498'176);
  CHECK(line_size(hevc(1920, 1080), 4) == 2'919'424);
  CHECK(non_comv_size(hevc(1920, 1080)) == 929'024);
  CHECK(non_comv_size(hevc(96, 96)) == 896'512);
  CHECK(persist_size(hevc(1920, 1080)) == 397'568);
  CHECK(line_size(vp9(1920, 1080), 4) == 405'248);
  CHECK(persist_size(vp9(1920, 1080)) == 9'268'992);
  CHECK(bin_size(vp9(8192, 4352), 4) == 213'909'504);
}

TEST_CASE("VP9 keeps no motion vectors or command lists of its own") {
  CHECK(comv_size(vp9(3840, 2160)) == 0);
  CHECK(comv_slot_size(vp9(3840, 2160)) == 0);
  CHECK(non_comv_size(vp9(3840, 2160)) == 0);
}

TEST_CASE("Input buffers change at 36864 macroblocks, and VP9's are twice as large below") {
  CHECK(bitstream_size(h264(4096, 2304)) == 36864 * 384 / 2);
  CHECK(bitstream_size(vp9(4096, 2304)) == 36864 * 384);
  CHECK(bitstream_size(h264(4096, 2320)) == 139264 * 384 / 4);
  CHECK(bitstream_size(vp9(4096, 2320)) == 139264 * 384 / 4);
}

TEST_CASE("Fewer pipes round less, and never more than 256 bytes a pipe") {
  const Picture odd = GENERATE(h264(1928, 1090), hevc(1928, 1090), vp9(1928, 1090));
  const std::uint64_t one = bin_size(odd, 1);
  for (const std::uint32_t count : {2U, 4U}) {
    CHECK(bin_size(odd, count) >= one - 512);
    CHECK(bin_size(odd, count) <= one + 512 * count);
    CHECK(bin_size(odd, count) % (256 * count) == 0);
    CHECK(line_size(odd, count) > line_size(odd, 1));
  }
}

TEST_CASE("COMV is 32 slots and a trailer") {
  const Picture picture = GENERATE(h264(1920, 1080), hevc(1920, 1080), h264(96, 96));
  CHECK(comv_size(picture) == 32 * comv_slot_size(picture) + 512);
}

TEST_CASE("Pictures are supported from 96x96 to 8192 either way and 139264 macroblocks") {
  CHECK(supported(h264(96, 96)));
  CHECK_FALSE(supported(h264(95, 96)));
  CHECK_FALSE(supported(h264(96, 95)));
  CHECK(supported(h264(8192, 4352)));
  CHECK(supported(h264(4352, 8192)));
  CHECK_FALSE(supported(h264(8192, 4368)));
  CHECK(supported(h264(8192, 96)));
  CHECK_FALSE(supported(h264(8193, 96)));
  CHECK(macroblocks(h264(8192, 4352)) == max_macroblocks);
  CHECK(macroblocks(h264(1920, 1080)) == 120 * 68);
}

TEST_CASE("Every supported size gives sizes that grow with the picture") {
  const Codec codec = GENERATE(Codec::H264, Codec::Hevc, Codec::Vp9);
  Picture smaller{codec, 96, 96};
  for (std::uint32_t step = 96; step <= 4096; step += 80) {
    const Picture picture{codec, step * 2, step};
    CHECK(nv12_size(picture) >= nv12_size(smaller));
    CHECK(qc08c_size(picture) > nv12_size(picture));
    CHECK(bin_size(picture, pipes) >= bin_size(smaller, pipes));
    CHECK(line_size(picture, pipes) > line_size(smaller, pipes));
    CHECK(comv_size(picture) >= comv_size(smaller));
    smaller = picture;
  }
}

}  // namespace sidewinder::vpu
