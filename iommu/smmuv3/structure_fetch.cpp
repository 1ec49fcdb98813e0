// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/structure_fetch.h"

#include <algorithm>

namespace sidewinder::smmuv3 {

std::optional<std::uint64_t> read_word(const StructurePort& port, const arch::PortAccess& access,
                                       std::int8_t level) {
  const auto response = port.memory.read64(access);
  port.log.add({access.address, response.latency_ps, level, port.purpose, false});
  if (!response.ok) return std::nullopt;
  return response.data;
}

std::optional<std::array<std::uint64_t, 8>> read_structure(const StructurePort& port,
                                                           const arch::PortAccess& access,
                                                           std::int8_t level) {
  std::array<std::uint64_t, 8> words{};
  std::uint32_t latency_ps = 0;
  bool ok = true;
  arch::PortAccess word = access;
  for (auto& value : words) {
    const auto response = port.memory.read64(word);
    value = response.data;
    ok = ok && response.ok;
    latency_ps = std::max(latency_ps, response.latency_ps);
    word.address += sizeof value;
  }
  port.log.add({access.address, latency_ps, level, port.purpose, false});
  if (!ok) return std::nullopt;
  return words;
}

}  // namespace sidewinder::smmuv3
