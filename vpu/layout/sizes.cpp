// SPDX-License-Identifier: Apache-2.0

#include "vpu/layout/sizes.h"

#include <algorithm>

namespace sidewinder::vpu {
namespace {

using Bytes = std::uint64_t;

constexpr Bytes dma_alignment = 256;
constexpr Bytes page = 4096;
constexpr Bytes hw_picture_buffers = 32;
constexpr Bytes sei_userdata = 4096;
constexpr Bytes hw_picture = 2048;
constexpr Bytes hdr10_histogram = 4096;
constexpr Bytes vpp_command_limit = 1 << 20;
constexpr Bytes max_tile_columns = 32;

constexpr Bytes align(Bytes value, Bytes to) {
  return (value + to - 1) / to * to;
}
constexpr Bytes dma_align(Bytes value) {
  return align(value, dma_alignment);
}
constexpr Bytes units(Bytes value, Bytes unit) {
  return (value + unit - 1) / unit;
}

/// Bytes of a 4:2:0 picture in whole macroblocks, and of 720p at least: what the bins are budgeted from.
Bytes bin_picture(const Picture& picture) {
  const Bytes pixels = align(picture.width, 16) * align(picture.height, 16);
  return std::max(pixels, Bytes{1280} * 736) * 3 / 2;
}

/// 16-pixel steps in the picture rounded up to whole 64x64 coding units.
Bytes coding_unit_steps(const Picture& picture) {
  return align(picture.width, 64) / 16 * (align(picture.height, 64) / 16);
}

Bytes hevc_commands(const Picture& picture, Bytes alignment) {
  const Bytes slices = dma_align(coding_unit_steps(picture) * hw_picture_buffers);
  return align(std::min<Bytes>(slices, 1200 + 1), alignment);
}

Bytes h264_commands(const Picture& picture) {
  return std::min<Bytes>(align(picture.height, 32) / 16 * 48, 1800);
}

Bytes qp_size(const Picture& picture) {
  return units(picture.width, 64) * units(picture.height, 64) * 128;
}

/// The line buffers of the output scaler, there when output is separate from the references.
Bytes vpss_line_size(const Picture& picture) {
  const Bytes height = align(picture.height, 8);
  const Bytes top = std::max<Bytes>(
      dma_align(align(picture.width, 32) / 32 * 256) + (max_tile_columns - 1) * 256, 32 * height);
  const Bytes left = align(height / 2 * 64, 32);
  return 2 * top + 2 * left;
}

Bytes h264_line_size(const Picture& picture, Bytes pipes) {
  const Bytes columns = units(picture.width, 16);
  const Bytes rows = units(picture.height, 16);
  const Bytes fe_top_data = dma_align(640 * align(picture.width, 16) * 3);
  const Bytes fe_top_ctrl = dma_align(64 * columns);
  const Bytes fe_left_ctrl = dma_align(64 * rows) * pipes;
  const Bytes se_top_ctrl = dma_align(16 * columns);
  const Bytes se_left_ctrl = dma_align(16 * rows) * pipes;
  const Bytes pe_top_data = dma_align(384 * columns);
  const Bytes vsp_top = dma_align(128 * columns);
  const Bytes recon_metadata = dma_align(align(picture.height, 16) * 32) * 2;
  return fe_top_data + fe_top_ctrl + fe_left_ctrl + se_top_ctrl + se_left_ctrl + pe_top_data + vsp_top +
         recon_metadata + dma_align(qp_size(picture));
}

Bytes hevc_line_size(const Picture& picture, Bytes pipes) {
  const Bytes columns = units(picture.width, 16);
  const Bytes fe_top_data = dma_align(640 * (align(picture.width, 64) + 8) * 2);
  const Bytes fe_top_ctrl = dma_align(64 * (align(picture.width, 64) / 16));
  const Bytes fe_left_ctrl = dma_align(64 * (align(picture.height, 64) / 16)) * pipes;
  const Bytes se_left =
      std::max({(picture.height + Bytes{15}) / 8 * 16, (picture.height + Bytes{31}) / 8 * 16,
                (picture.height + Bytes{63}) / 8 * 16});
  const Bytes se_left_ctrl = dma_align(se_left) * pipes;
  const Bytes se_top_ctrl = dma_align(Bytes{64 / 8} * (128 / 8) * columns);
  const Bytes pe_top_data = dma_align(384 * columns);
  const Bytes vsp_top = dma_align(units(picture.width, 64) * 128);
  const Bytes vsp_left = dma_align(units(picture.height, 64) * 128) * pipes;
  const Bytes recon_metadata = dma_align(align(picture.height, 16) * 32) * 4;
  return fe_top_data + fe_top_ctrl + fe_left_ctrl + se_left_ctrl + se_top_ctrl + pe_top_data + vsp_top +
         vsp_left + recon_metadata + dma_align(qp_size(picture));
}

Bytes vp9_line_size(const Picture& picture, Bytes pipes) {
  const Bytes wide = align(picture.width, 64);
  const Bytes fe_left_ctrl = dma_align(units(picture.height, 16) * 64) * pipes;
  const Bytes se_left_ctrl = dma_align(units(picture.height, 16) * 16) * pipes;
  const Bytes vsp_top = dma_align(wide / 64 * 64 * 8 + 256);
  const Bytes fe_top_ctrl = dma_align((wide + 8) * 10 * 2);
  const Bytes recon_metadata = dma_align(align(align(picture.height, 8) / 2 * 64, 32)) * 2;
  const Bytes se_top_ctrl = dma_align(units(picture.width, 16) * 64);
  const Bytes pe_top_data = dma_align(wide / 64 * 176);
  const Bytes fe_top_data = dma_align((wide + 8) * 10 * 2);
  return fe_left_ctrl + se_left_ctrl + vsp_top + fe_top_ctrl + recon_metadata + se_top_ctrl + pe_top_data +
         fe_top_data + dma_align(qp_size(picture));
}

}  // namespace

const char* to_string(Codec codec) {
  switch (codec) {
    case Codec::H264:
      return "h264";
    case Codec::Hevc:
      return "hevc";
    case Codec::Vp9:
      return "vp9";
  }
  return "unknown";
}

std::optional<Codec> codec_from(std::uint32_t value) {
  if (value > static_cast<std::uint32_t>(Codec::Vp9)) return std::nullopt;
  return static_cast<Codec>(value);
}

std::uint32_t macroblocks(const Picture& picture) {
  return static_cast<std::uint32_t>(units(picture.width, 16) * units(picture.height, 16));
}

bool supported(const Picture& picture) {
  const auto in_range = [](std::uint32_t pixels) {
    return pixels >= min_dimension && pixels <= max_dimension;
  };
  return in_range(picture.width) && in_range(picture.height) && macroblocks(picture) <= max_macroblocks;
}

std::uint64_t bitstream_size(const Picture& picture) {
  constexpr Bytes macroblocks_4k = Bytes{4096 / 16} * (2304 / 16);
  Bytes base = macroblocks_4k;
  Bytes divisor = picture.codec == Codec::Vp9 ? 1 : 2;
  if (macroblocks(picture) > macroblocks_4k) {
    base = max_macroblocks;
    divisor = 4;
  }
  return align(base * 256 * 3 / 2 / divisor, page);
}

std::uint64_t nv12_size(const Picture& picture) {
  const Bytes stride = align(picture.width, 128);
  return align(stride * align(picture.height, 32) + stride * align(units(picture.height, 2), 16), page);
}

std::uint64_t qc08c_size(const Picture& picture) {
  const Bytes stride = align(picture.width, 128);
  const Bytes y_meta = align(align(units(picture.width, 32), 64) * align(units(picture.height, 8), 16), page);
  const Bytes y = align(stride * align(picture.height, 32), page);
  const Bytes uv_meta =
      align(align(units(picture.width / 2, 16), 64) * align(units(picture.height / 2, 8), 16), page);
  const Bytes uv = align(stride * align(picture.height / 2, 32), page);
  return y_meta + y + uv_meta + uv;
}

std::uint64_t bin_size(const Picture& picture, std::uint32_t pipes) {
  const Bytes yuv = bin_picture(picture);
  const auto split = [pipes](Bytes header, Bytes residual) {
    return (dma_align(header / pipes) + dma_align(residual / pipes)) * pipes;
  };
  switch (picture.codec) {
    case Codec::H264:
      return split(yuv, 3 * yuv);
    case Codec::Hevc:
      return split(2 * yuv, 2 * yuv);
    case Codec::Vp9:
      return split(yuv / 2 * 2, 3 * yuv / 2 * 2);
  }
  return 0;
}

std::uint64_t line_size(const Picture& picture, std::uint32_t pipes) {
  switch (picture.codec) {
    case Codec::H264:
      return dma_align(h264_line_size(picture, pipes) + vpss_line_size(picture));
    case Codec::Hevc:
      return dma_align(hevc_line_size(picture, pipes) + vpss_line_size(picture));
    case Codec::Vp9:
      return vp9_line_size(picture, pipes) + vpss_line_size(picture) + 4096;
  }
  return 0;
}

std::uint64_t comv_slot_size(const Picture& picture) {
  const Bytes columns = units(picture.width, 16);
  const Bytes rows = units(picture.height, 16);
  switch (picture.codec) {
    case Codec::H264: {
      const auto half = [rows](Bytes row) { return align(2 * align(row * ((rows + 1) / 2), 64), 512); };
      constexpr Bytes buffer_table = 256;
      return half(align(columns * 128, 16)) + half(align(columns * 4, 16)) + 2 * buffer_table;
    }
    case Codec::Hevc:
      return align(columns * rows * 256, 512);
    case Codec::Vp9:
      return 0;  // part of PERSIST
  }
  return 0;
}

std::uint64_t comv_size(const Picture& picture) {
  const Bytes slot = comv_slot_size(picture);
  return slot == 0 ? 0 : slot * comv_slots + 512;
}

std::uint64_t non_comv_size(const Picture& picture) {
  const Bytes pictures = dma_align(hw_picture_buffers * hw_picture);
  switch (picture.codec) {
    case Codec::H264: {
      const Bytes commands = h264_commands(picture);
      return dma_align(commands * 128) + dma_align(std::min(commands * 512, vpp_command_limit)) + pictures;
    }
    case Codec::Hevc: {
      const Bytes bse = 2 * hevc_commands(picture, 1) * 64;
      const Bytes vpp = std::min(2 * hevc_commands(picture, 4) * 256, vpp_command_limit);
      return dma_align(bse) + dma_align(vpp) + dma_align(hw_picture_buffers * 20 * 22 * 4) +
             dma_align(4 * coding_unit_steps(picture)) + pictures + hdr10_histogram;
    }
    case Codec::Vp9:
      return 0;
  }
  return 0;
}

std::uint64_t persist_size(const Picture& picture) {
  switch (picture.codec) {
    case Codec::H264:
      return dma_align(512 * (256 + 32) + 3328 * 66 + hw_picture_buffers * sei_userdata);
    case Codec::Hevc:
      return dma_align(1024 * (80 + 20) + 48 * 3072 + (128 * 32 + 1) * 4 + hw_picture_buffers * sei_userdata);
    case Codec::Vp9: {
      constexpr Bytes frames = 32;
      constexpr Bytes motion_vectors = Bytes{8192 / 64} * ((4320 + 63) / 64) * 8 * 8 * 2 * 8;
      return dma_align((frames + 4) * 3840) + dma_align(motion_vectors) + dma_align(34) + dma_align(384) +
             dma_align(frames * 512) + dma_align(frames * 6144) + hdr10_histogram;
    }
  }
  return 0;
}

}  // namespace sidewinder::vpu
