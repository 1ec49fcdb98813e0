// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/stream_selector.h"

namespace sidewinder::vpu {

std::optional<std::size_t> emitted_stream(const VpuConfig& config, std::size_t block, std::uint64_t iova,
                                          std::uint64_t bytes) {
  const AddressRange& window = config.streams[block].window;
  const std::uint64_t last = bytes == 0 ? iova : iova + (bytes - 1);
  const bool wraps = last < iova;
  if (!wraps && window.contains(iova) && window.contains(last)) return block;
  for (const AddressOwner& owner : config.owners) {
    if (owner.range.contains(iova)) return owner.stream;
  }
  return std::nullopt;
}

}  // namespace sidewinder::vpu
