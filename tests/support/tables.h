// SPDX-License-Identifier: Apache-2.0
//
// A memory of doublewords, and translation tables written into it as raw words.

#ifndef SIDEWINDER_TESTS_SUPPORT_TABLES_H
#define SIDEWINDER_TESTS_SUPPORT_TABLES_H

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "iommu/arch/memory_port.h"

namespace sidewinder::test {

/// Words that were never written are 0.
class WordMemory : public arch::MemoryPort {
 public:
  std::map<std::uint64_t, std::uint64_t> words;
  std::set<std::uint64_t> aborting;  ///< addresses that answer with an external abort
  std::uint32_t latency_ps = 0;
  std::vector<std::uint64_t> reads;  ///< in order

  arch::PortResponse read64(std::uint64_t address) override {
    reads.push_back(address);
    if (aborting.count(address) != 0) return {.data = 0, .ok = false, .latency_ps = latency_ps};
    const auto word = words.find(address);
    return {.data = word == words.end() ? 0 : word->second, .ok = true, .latency_ps = latency_ps};
  }
};

/// Tables of one half of the input address space. `page_bits` is 12, 14 or 16; the half has 2^`input_bits`
/// bytes.
class Tables {
 public:
  Tables(WordMemory& memory, unsigned page_bits, unsigned input_bits, std::uint64_t root)
      : memory_(&memory), page_bits_(page_bits), input_bits_(input_bits), root_(root) {
    next_ = root + (std::uint64_t{1} << page_bits);
  }

  [[nodiscard]] unsigned start_level() const {
    unsigned level = 3;
    for (unsigned resolved = page_bits_ + stride(); resolved < input_bits_; resolved += stride()) --level;
    return level;
  }

  /// Where the descriptor of `address` at `level` lies. Makes the tables above it, where nothing is yet.
  std::uint64_t slot(std::uint64_t address, unsigned level) {
    std::uint64_t table = root_;
    for (unsigned at = start_level();; ++at) {
      const unsigned shift = page_bits_ + (3 - at) * stride();
      const unsigned top = at == start_level() ? input_bits_ : shift + stride();
      const std::uint64_t index = (address & ((std::uint64_t{1} << top) - 1)) >> shift;
      const std::uint64_t place = table + 8 * index;
      if (at == level) return place;
      if (memory_->words[place] == 0) {
        memory_->words[place] = next_ | 3;
        next_ += std::uint64_t{1} << page_bits_;
      }
      table = memory_->words[place] & 0x0000'ffff'ffff'f000;
    }
  }

  std::uint64_t& at(std::uint64_t address, unsigned level) { return memory_->words[slot(address, level)]; }

 private:
  [[nodiscard]] unsigned stride() const { return page_bits_ - 3; }

  WordMemory* memory_;
  unsigned page_bits_;
  unsigned input_bits_;
  std::uint64_t root_;
  std::uint64_t next_;
};

}  // namespace sidewinder::test

#endif
