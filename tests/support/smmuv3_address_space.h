// SPDX-License-Identifier: Apache-2.0
//
// Three levels of translation tables, of either stage, at few addresses that differ at every level: what
// random tests map, change and look up.

#ifndef SIDEWINDER_TESTS_SUPPORT_SMMUV3_ADDRESS_SPACE_H
#define SIDEWINDER_TESTS_SUPPORT_SMMUV3_ADDRESS_SPACE_H

#include <array>
#include <cstdint>
#include <functional>
#include <utility>

#include "iommu/layout/vmsa64.h"

namespace sidewinder::test {

/// The index of an entry, and whether it is one of a contiguous run, all of which are written together.
struct EntryChoice {
  unsigned index = 0;
  bool run = false;
};

class AddressSpace {
 public:
  using Granule = layout::vmsa64::Granule;
  using Write = std::function<void(std::uint64_t address, std::uint64_t word)>;
  using Read = std::function<std::uint64_t(std::uint64_t address)>;

  /// What changed, and what of it a TLB or walk cache may have known.
  struct Change {
    std::uint64_t first = 0;      ///< input address
    std::uint64_t bytes = 0;      ///< of input addresses
    unsigned level = 3;           ///< of the entries
    unsigned entries = 1;         ///< of a run
    bool was_leaf = false;        ///< with the access flag set: TLBs may know it
    bool was_unaccessed = false;  ///< a leaf without it: only where that is no fault
    bool was_table = false;       ///< walk caches, and TLBs what is below it
  };

  /// Tables are linked by the addresses they are given, from `root` on, and written through `write`, which
  /// takes the same.
  AddressSpace(Granule granule, std::uint64_t root, Read read, Write write)
      : granule_(granule), root_(root), read_(std::move(read)), write_(std::move(write)) {
    for (unsigned one = 0; one < 2; ++one) {
      write_(entry(1, {0, one}), table(1 + one) | table_bits);
      for (unsigned two = 0; two < 2; ++two)
        write_(entry(2, {0, one, two}), table(3 + 2 * one + two) | table_bits);
    }
  }

  [[nodiscard]] Granule granule() const { return granule_; }
  [[nodiscard]] std::uint64_t root() const { return root_; }
  /// Of input address: 39, 47 or 48, so that level 1 is the first.
  [[nodiscard]] unsigned input_bits() const {
    return granule_ == Granule::Size4K ? 39 : granule_ == Granule::Size16K ? 47 : 48;
  }
  [[nodiscard]] std::uint64_t bytes_of_tables() const { return std::uint64_t{8} << page_shift(); }
  [[nodiscard]] unsigned page_shift() const { return layout::vmsa64::page_shift(granule_); }
  [[nodiscard]] unsigned shift(unsigned level) const {
    return layout::vmsa64::level_shift(granule_, static_cast<int>(level));
  }

  /// Any of the addresses: the start of one of 2 x 4 x 5 pages, or of a 4 KiB part of it.
  [[nodiscard]] std::uint64_t address(std::uint32_t choice) const {
    const Path path = this->path(choice);
    const std::uint64_t part = choice >> 12 & (layout::low_bits(page_shift() - 12));
    return std::uint64_t{path[1]} << shift(1) | std::uint64_t{path[2]} << shift(2) |
           std::uint64_t{path[3]} << shift(3) | part << 12;
  }

  /// Writes the entry, or run, that a choice names at `level`: 0, a leaf of `attributes` to about `output`,
  /// or (not at level 3 or in a run) the table that was there at first, with `attributes` of its own.
  enum class Kind { Nothing, Leaf, Table };
  Change set(std::uint32_t choice, unsigned level, Kind kind, std::uint64_t output,
             std::uint64_t attributes) {
    Path path = this->path(choice);
    const unsigned run_bits = layout::vmsa64::contiguous_bits(granule_, static_cast<int>(level));
    if (level == 3) path[2] &= 1U;  // only these lead there
    const bool run = level != 1 && path[level] >> run_bits == 1 && run_bits != 0;
    if (run) path[level] = 1U << run_bits;
    if (level == 1 && !layout::vmsa64::block_allowed(granule_, 1) && kind == Kind::Leaf) kind = Kind::Table;
    if (kind == Kind::Table && (level == 3 || run || path[level] > 1)) kind = Kind::Nothing;
    const unsigned entries = run ? 1U << run_bits : 1;
    Change change{.first = first_of(path, level),
                  .bytes = std::uint64_t{entries} << shift(level),
                  .level = level,
                  .entries = entries};
    for (unsigned at = 0; at < entries; ++at) {
      const std::uint64_t place = entry(level, path) + 8 * at;
      note(change, read_(place));
      write_(place, word(kind, level, path,
                         (output & ~layout::low_bits(shift(level) + (run ? run_bits : 0))) +
                             (std::uint64_t{at} << shift(level)),
                         attributes | (run ? contiguous : 0)));
    }
    return change;
  }

  /// The entry of level 2 that none of the addresses goes through, and the first of those it covers.
  [[nodiscard]] std::uint64_t spare_entry() const { return table(1) + 8 * spare_index; }
  [[nodiscard]] std::uint64_t spare_address() const { return spare_index << shift(2); }
  [[nodiscard]] std::uint64_t spare_table() const { return table(7); }

 private:
  using Path = std::array<unsigned, 4>;  ///< an index for each level; there is no level 0

  static constexpr std::uint64_t spare_index = 2;
  static constexpr std::uint64_t table_bits = 3, contiguous = std::uint64_t{1} << 52, access_flag = 0x400;

  [[nodiscard]] std::uint64_t table(unsigned number) const {
    return root_ + (std::uint64_t{number} << page_shift());
  }

  [[nodiscard]] Path path(std::uint32_t choice) const {
    const unsigned two = 1U << layout::vmsa64::contiguous_bits(granule_, 2);
    const unsigned three = 1U << layout::vmsa64::contiguous_bits(granule_, 3);
    const std::array<unsigned, 4> second{0, 1, two, 2 * two - 1};
    const std::array<unsigned, 8> third{0, 1, 0, 1, 2, three, three + 1, 2 * three - 1};
    return {0, choice & 1U, second[choice >> 1 & 3U], third[choice >> 3 & 7U]};
  }

  /// Where an entry is: only the first two of a table lead to further tables.
  [[nodiscard]] std::uint64_t entry(unsigned level, const Path& path) const {
    if (level == 1) return table(0) + 8 * std::uint64_t{path[1]};
    if (level == 2) return table(1 + path[1]) + 8 * std::uint64_t{path[2]};
    return table(3 + 2 * path[1] + (path[2] & 1U)) + 8 * std::uint64_t{path[3]};
  }

  [[nodiscard]] std::uint64_t first_of(const Path& path, unsigned level) const {
    std::uint64_t first = 0;
    for (unsigned at = 1; at <= level; ++at) first |= std::uint64_t{path[at]} << shift(at);
    return first;
  }

  [[nodiscard]] std::uint64_t word(Kind kind, unsigned level, const Path& path, std::uint64_t output,
                                   std::uint64_t attributes) const {
    constexpr std::uint64_t table_attributes = std::uint64_t{0x1f} << 59;
    if (kind == Kind::Nothing) return 0;
    if (kind == Kind::Leaf) return output | (attributes & ~table_attributes) | (level == 3 ? 3U : 1U);
    const unsigned number = level == 1 ? 1 + path[1] : 3 + 2 * path[1] + path[2];
    return table(number) | table_bits | (attributes & table_attributes & ~(std::uint64_t{1} << 63));
  }

  static void note(Change& change, std::uint64_t word) {
    if ((word & 1) == 0) return;
    const bool table = change.level != 3 && (word & 2) != 0;
    const bool accessed = (word & access_flag) != 0;
    (table ? change.was_table : accessed ? change.was_leaf : change.was_unaccessed) = true;
  }

  Granule granule_;
  std::uint64_t root_;
  Read read_;
  Write write_;
};

}  // namespace sidewinder::test

#endif
