// SPDX-License-Identifier: Apache-2.0
//
// How large a decoder's buffers are: Linux's drivers/media/platform/qcom/iris/iris_vpu_buffer.[ch] and
// iris_buffer.c for VPU3 parts (sm8550, sm8650), with separate linear output (OPB) and compressed references.
// All sizes are in bytes; 0 means that the codec has no such buffer.

#ifndef SIDEWINDER_VPU_LAYOUT_SIZES_H
#define SIDEWINDER_VPU_LAYOUT_SIZES_H

#include <cstdint>
#include <optional>

namespace sidewinder::vpu {

enum class Codec : std::uint8_t { H264, Hevc, Vp9 };

[[nodiscard]] const char* to_string(Codec codec);
[[nodiscard]] std::optional<Codec> codec_from(std::uint32_t value);

struct Picture {
  Codec codec = Codec::H264;
  std::uint32_t width = 0;   ///< pixels
  std::uint32_t height = 0;  ///< pixels

  friend bool operator==(const Picture&, const Picture&) = default;
};

inline constexpr std::uint32_t min_dimension = 96;
inline constexpr std::uint32_t max_dimension = 8192;
inline constexpr std::uint32_t max_macroblocks = 8192 * 4352 / 256;

/// 16x16 blocks in a picture.
[[nodiscard]] std::uint32_t macroblocks(const Picture& picture);

/// Within min_dimension and max_dimension each way, and within max_macroblocks.
[[nodiscard]] bool supported(const Picture& picture);

/// Pipes the VPP can have.
[[nodiscard]] constexpr bool valid_pipes(std::uint32_t pipes) {
  return pipes == 1 || pipes == 2 || pipes == 4;
}

[[nodiscard]] std::uint64_t bitstream_size(const Picture& picture);
[[nodiscard]] std::uint64_t nv12_size(const Picture& picture);
[[nodiscard]] std::uint64_t qc08c_size(const Picture& picture);

/// `pipes` must be valid_pipes().
[[nodiscard]] std::uint64_t bin_size(const Picture& picture, std::uint32_t pipes);
[[nodiscard]] std::uint64_t line_size(const Picture& picture, std::uint32_t pipes);

[[nodiscard]] std::uint64_t comv_size(const Picture& picture);
[[nodiscard]] std::uint64_t non_comv_size(const Picture& picture);
[[nodiscard]] std::uint64_t persist_size(const Picture& picture);

/// COMV is comv_slots slots of this size, and a trailer.
inline constexpr std::uint32_t comv_slots = 32;  // VIDEO_MAX_FRAME
[[nodiscard]] std::uint64_t comv_slot_size(const Picture& picture);

}  // namespace sidewinder::vpu

#endif
