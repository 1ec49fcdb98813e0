// SPDX-License-Identifier: Apache-2.0
//
// The kinds of buffer a video session has, and the function of the VPU each goes through
// (Linux: drivers/media/platform/qcom/iris/iris_buffer.h, iris_platform_*.c).

#ifndef SIDEWINDER_VPU_LAYOUT_BUFFERS_H
#define SIDEWINDER_VPU_LAYOUT_BUFFERS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vpu/layout/sizes.h"

namespace sidewinder::vpu {

/// What a stream of the VPU is for. A part without a bitstream stream routes Bitstream to its non-pixel
/// stream.
enum class Function : std::uint8_t { Bitstream, NonPixel, Pixel, Firmware };
inline constexpr std::size_t function_count = 4;

enum class BufferType : std::uint8_t {
  Input,    ///< compressed picture data
  Output,   ///< the decoded picture, linear
  Dpb,      ///< decoded picture buffer: reference pictures, compressed
  Bin,      ///< entropy-decoded bins between the bitstream and the pixel engines
  Arp,      ///< encoder's adaptive rate parameters
  Comv,     ///< collocated motion vectors, a slot a picture
  NonComv,  ///< command lists of the bitstream and pixel engines
  Line,     ///< neighbour lines
  Persist,  ///< what lives as long as the session
  Partial,
  Scratch1,
  Scratch2,
  Vpss,
  HfiQueues,  ///< command and message rings
  Sfr,        ///< subsystem failure reason, a text
  Firmware,
};
inline constexpr std::size_t buffer_type_count = 16;

[[nodiscard]] const char* to_string(Function function);
[[nodiscard]] const char* to_string(BufferType type);

/// The function a decoder's buffer goes through.
[[nodiscard]] Function function_of(BufferType type);

/// A value as a guest wrote it; nothing when it names no type.
[[nodiscard]] std::optional<BufferType> buffer_type_from(std::uint32_t value);

struct BufferCounts {
  std::uint32_t input = 4;   // MIN_BUFFERS
  std::uint32_t output = 9;  // what firmware commonly asks for; the driver's floor is 4
  std::uint32_t dpb = 9;

  friend bool operator==(const BufferCounts&, const BufferCounts&) = default;
};

/// No more of one type in a session (VIDEO_MAX_FRAME).
inline constexpr std::uint32_t max_buffers_of_a_type = 32;

/// `count` buffers of `size` bytes each.
struct BufferRequirement {
  BufferType type = BufferType::Input;
  std::uint32_t count = 0;
  std::uint64_t size = 0;
};

/// A decode session's buffers, in the order the driver allocates them: the client's input buffers, at input
/// stream-on PERSIST and the internal input table, then the client's output buffers, at output stream-on the
/// DPB. Types the codec does not use are left out.
[[nodiscard]] std::vector<BufferRequirement> decoder_buffers(const Picture& picture,
                                                             const BufferCounts& counts, std::uint32_t pipes);

/// Sum of decoder_buffers(), in bytes.
[[nodiscard]] std::uint64_t decoder_bytes(const Picture& picture, const BufferCounts& counts,
                                          std::uint32_t pipes);

}  // namespace sidewinder::vpu

#endif
