// SPDX-License-Identifier: Apache-2.0
//
// What kind of VPU it is: its streams, which address belongs to which, and how fast it runs. All of it is
// data.

#ifndef SIDEWINDER_VPU_HW_CONFIG_H
#define SIDEWINDER_VPU_HW_CONFIG_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vpu/layout/buffers.h"

namespace sidewinder::vpu {

/// IOVAs, both ends included.
struct AddressRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  [[nodiscard]] constexpr bool contains(std::uint64_t iova) const { return iova >= first && iova <= last; }
};

/// A block of the VPU with a StreamID of its own; DMA works as meant only inside its window.
struct VpuStream {
  std::string name;
  std::uint32_t stream_id = 0;
  AddressRange window;
};

/// Whose StreamID an access carries that left its block's window and starts in `range`.
struct AddressOwner {
  AddressRange range;
  std::size_t stream = 0;  ///< index into VpuConfig::streams
};

struct VpuConfig {
  std::vector<VpuStream> streams;
  std::vector<AddressOwner> owners;  ///< the first that contains an address owns it

  /// Index into streams for each Function. Only Firmware may be empty: then the VPU boots without reading an
  /// image.
  std::array<std::optional<std::size_t>, function_count> functions;

  std::uint32_t clock_khz = 533'330;  // sm8550's highest step
  std::uint32_t pipes = 4;            // sm8550
  std::uint32_t burst_bytes = 256;    ///< an access; a power of two, 4 to 4096
  std::uint32_t stride_bytes =
      4096;  ///< from one access to the next: as it is, every 4 KiB page is touched once
};

/// VPP cycles a macroblock (Linux: iris_vpu3x_calc_freq).
inline constexpr std::uint64_t cycles_per_macroblock = 200;

/// What is wrong with a configuration, and what would be right; nothing when it can be built.
[[nodiscard]] std::optional<std::string> problem(const VpuConfig& config);

/// Picoseconds of VPP work in a picture.
[[nodiscard]] std::uint64_t frame_time_ps(const VpuConfig& config, const Picture& picture);

}  // namespace sidewinder::vpu

#endif
