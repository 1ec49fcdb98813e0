// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/stalls.h"

#include <algorithm>

namespace sidewinder::smmuv3 {

std::optional<std::uint16_t> Stalls::add(const StalledTransaction& transaction) {
  if (full()) return std::nullopt;
  while (slots_[next_]) next_ = static_cast<std::uint16_t>((next_ + 1U) % slots_.size());
  const std::uint16_t stag = next_;
  next_ = static_cast<std::uint16_t>((next_ + 1U) % slots_.size());
  slots_[stag] = transaction;
  order_.push_back(stag);
  ++count_;
  return stag;
}

std::optional<StalledTransaction> Stalls::take(SecurityState security, std::uint32_t stream_id,
                                               std::uint16_t stag) {
  if (stag >= slots_.size() || !slots_[stag]) return std::nullopt;
  const StalledTransaction found = *slots_[stag];
  if (found.security != security || found.stream_id != stream_id) return std::nullopt;
  free(stag);
  return found;
}

void Stalls::free(std::uint16_t stag) {
  slots_[stag].reset();
  order_.erase(std::find(order_.begin(), order_.end(), stag));
  --count_;
}

}  // namespace sidewinder::smmuv3
