// SPDX-License-Identifier: Apache-2.0
//
// Tables of any stage, granule and start level, written a descriptor at a time: the tables above it are made
// where they are missing.

#ifndef SIDEWINDER_TESTS_SUPPORT_STAGE_TABLES_H
#define SIDEWINDER_TESTS_SUPPORT_STAGE_TABLES_H

#include <cstdint>
#include <map>

namespace sidewinder::test {

class StageTables {
 public:
  using Words = std::map<std::uint64_t, std::uint64_t>;

  /// A walk of an address of `input_bits` that begins at `start_level` in the table at `root`, with pages of
  /// 2^`page_bits`. Further tables lie from `next` upwards.
  StageTables(Words& words, unsigned page_bits, unsigned input_bits, int start_level, std::uint64_t root,
              std::uint64_t next)
      : words_(&words),
        page_bits_(page_bits),
        input_bits_(input_bits),
        start_level_(start_level),
        root_(root),
        next_(next) {}

  [[nodiscard]] unsigned shift(int level) const {
    return page_bits_ + static_cast<unsigned>(3 - level) * (page_bits_ - 3);
  }

  /// Where the descriptor of `address` at `level` is.
  std::uint64_t slot(std::uint64_t address, int level) {
    std::uint64_t table = root_;
    address &= input_bits_ == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << input_bits_) - 1;
    for (int at = start_level_;; ++at) {
      std::uint64_t index = address >> shift(at);
      if (at != start_level_) index &= (std::uint64_t{1} << (page_bits_ - 3)) - 1;
      const std::uint64_t place = table + 8 * index;
      if (at == level) return place;
      std::uint64_t& word = (*words_)[place];
      if (word == 0) {
        word = next_ | 3;
        next_ += std::uint64_t{1} << page_bits_;
      }
      table = word & 0x0000'ffff'ffff'f000 & ~((std::uint64_t{1} << page_bits_) - 1);
    }
  }

  std::uint64_t& at(std::uint64_t address, int level) { return (*words_)[slot(address, level)]; }

 private:
  Words* words_;
  unsigned page_bits_;
  unsigned input_bits_;
  int start_level_;
  std::uint64_t root_;
  std::uint64_t next_;
};

}  // namespace sidewinder::test

#endif
