// SPDX-License-Identifier: Apache-2.0
//
// Which StreamID an access leaves with. The VPU chooses by address: a block's own inside its window, and
// outside it the one of the address's owner, so a misplaced buffer is reached in another block's address
// space.

#ifndef SIDEWINDER_VPU_HW_STREAM_SELECTOR_H
#define SIDEWINDER_VPU_HW_STREAM_SELECTOR_H

#include <cstddef>
#include <cstdint>
#include <optional>

#include "vpu/hw/config.h"

namespace sidewinder::vpu {

/// The index of the stream whose StreamID an access of `bytes` at `iova` by stream `block` carries: `block`
/// when every byte lies in its window, else the owner of the first byte, else nothing: it is aborted inside
/// the VPU.
[[nodiscard]] std::optional<std::size_t> emitted_stream(const VpuConfig& config, std::size_t block,
                                                        std::uint64_t iova, std::uint64_t bytes);

}  // namespace sidewinder::vpu

#endif
