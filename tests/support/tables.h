// SPDX-License-Identifier: Apache-2.0
//
// A memory of doublewords, and translation tables written into it as raw words.

#ifndef SIDEWINDER_TESTS_SUPPORT_TABLES_H
#define SIDEWINDER_TESTS_SUPPORT_TABLES_H

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "iommu/arch/memory_port.h"

namespace sidewinder::test {

/// Words that were never written are 0. Tests that do not care for security use `words` alone: it is the
/// Non-secure physical address space.
class WordMemory : public arch::MemoryPort {
 public:
  std::map<std::uint64_t, std::uint64_t> words;
  std::map<std::uint64_t, std::uint64_t> secure_words;  ///< the Secure physical address space
  std::set<std::uint64_t> aborting;         ///< addresses that answer with an external abort, in both
  std::set<std::uint64_t> aborting_writes;  ///< the same, but of exchanges alone
  std::uint32_t latency_ps = 0;
  std::vector<std::uint64_t> reads;        ///< in order
  std::vector<arch::PortAccess> accesses;  ///< all of them, in order
  std::uint64_t writes = 0;                ///< exchanges that took place

  arch::PortResponse read64(const arch::PortAccess& access) override {
    reads.push_back(access.address);
    return respond(access);
  }

  arch::PortResponse compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                        std::uint64_t desired) override {
    const arch::PortResponse response = respond(access);
    if (aborting_writes.count(access.address) != 0) return {.latency_ps = latency_ps};
    if (response.ok && response.data == expected) {
      space(access.secure)[access.address] = desired;
      ++writes;
    }
    return response;
  }

  arch::PortResponse write_words(const arch::PortAccess& access,
                                 std::span<const std::uint32_t> data) override {
    accesses.push_back(access);
    for (std::uint64_t byte = 0; byte < 4 * data.size(); byte += 4)
      if (aborting.count((access.address + byte) & ~std::uint64_t{7}) != 0) return {};
    for (std::size_t index = 0; index < data.size(); ++index) {
      const std::uint64_t at = access.address + 4 * index;
      std::uint64_t& word = space(access.secure)[at & ~std::uint64_t{7}];
      const unsigned shift = at % 8 == 0 ? 0 : 32;
      word = (word & ~(std::uint64_t{0xffff'ffff} << shift)) | std::uint64_t{data[index]} << shift;
    }
    return {.data = 0, .ok = true, .latency_ps = latency_ps};
  }

 private:
  std::map<std::uint64_t, std::uint64_t>& space(bool secure) { return secure ? secure_words : words; }

  arch::PortResponse respond(const arch::PortAccess& access) {
    accesses.push_back(access);
    if (aborting.count(access.address) != 0) return {.data = 0, .ok = false, .latency_ps = latency_ps};
    const auto& here = space(access.secure);
    const auto word = here.find(access.address);
    return {.data = word == here.end() ? 0 : word->second, .ok = true, .latency_ps = latency_ps};
  }
};

/// Tables of one half of the input address space. `page_bits` is 12, 14 or 16; the half has 2^`input_bits`
/// bytes. In Non-secure memory, or else `secure`.
class Tables {
 public:
  Tables(WordMemory& memory, unsigned page_bits, unsigned input_bits, std::uint64_t root, bool secure = false)
      : words_(secure ? &memory.secure_words : &memory.words),
        page_bits_(page_bits),
        input_bits_(input_bits),
        root_(root) {
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
      if ((*words_)[place] == 0) {
        (*words_)[place] = next_ | 3;
        next_ += std::uint64_t{1} << page_bits_;
      }
      table = (*words_)[place] & 0x0000'ffff'ffff'f000;
    }
  }

  std::uint64_t& at(std::uint64_t address, unsigned level) { return (*words_)[slot(address, level)]; }

 private:
  [[nodiscard]] unsigned stride() const { return page_bits_ - 3; }

  std::map<std::uint64_t, std::uint64_t>* words_;
  unsigned page_bits_;
  unsigned input_bits_;
  std::uint64_t root_;
  std::uint64_t next_;
};

}  // namespace sidewinder::test

#endif
