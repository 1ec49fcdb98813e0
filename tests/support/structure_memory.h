// SPDX-License-Identifier: Apache-2.0
//
// A memory of single words in two physical address spaces, which remembers what was read and how.

#ifndef SIDEWINDER_TESTS_SUPPORT_STRUCTURE_MEMORY_H
#define SIDEWINDER_TESTS_SUPPORT_STRUCTURE_MEMORY_H

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "iommu/arch/memory_port.h"

namespace sidewinder::test {

class StructureMemory : public arch::MemoryPort {
 public:
  std::map<std::uint64_t, std::uint64_t> words;         ///< Non-secure; what was not written is 0
  std::map<std::uint64_t, std::uint64_t> secure_words;  ///< Secure
  std::set<std::uint64_t> aborts;                       ///< addresses, in either space
  std::map<std::uint64_t, std::uint32_t> latencies_ps;
  std::vector<arch::PortAccess> reads;

  void put(std::uint64_t address, const std::array<std::uint64_t, 8>& structure, bool secure = false) {
    for (const std::uint64_t word : structure) {
      (secure ? secure_words : words)[address] = word;
      address += 8;
    }
  }

  arch::PortResponse read64(const arch::PortAccess& access) override {
    reads.push_back(access);
    auto& space = access.secure ? secure_words : words;
    return {space[access.address], aborts.count(access.address) == 0, latencies_ps[access.address]};
  }
};

}  // namespace sidewinder::test

#endif
