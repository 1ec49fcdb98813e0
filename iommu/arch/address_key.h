// SPDX-License-Identifier: Apache-2.0
//
// What an entry of a TLB or walk cache is of: whose, where and how large, in two words.

#ifndef SIDEWINDER_IOMMU_ARCH_ADDRESS_KEY_H
#define SIDEWINDER_IOMMU_ARCH_ADDRESS_KEY_H

#include <bit>
#include <cstdint>

#include "iommu/arch/tlb_tag.h"
#include "iommu/layout/bits.h"

namespace sidewinder::arch {

/// What an entry is of. 12 <= size_shift <= 63; span_shift is that of the page or block whose part the entry
/// is, size_shift <= span_shift <= size_shift + 31.
struct AddressEntry {
  TlbTag tag{};
  std::uint64_t address = 0;  ///< any that it covers
  unsigned size_shift = 12;
  unsigned span_shift = 12;
  bool global = false;
};

/// The same in two words: the address of the first byte, and below it, in bits that are 0 there, the sizes
/// and whether it is global. The tag is without what does not take part: a global entry's ASID, another's
/// ASET, and both of an IPA.
class AddressKey {
 public:
  AddressKey() = default;
  explicit AddressKey(const AddressEntry& entry)
      : place_(place(entry.address, entry.size_shift, entry.global) |
               std::uint64_t{entry.span_shift - entry.size_shift} << span_lsb),
        tag_(word(entry.tag, entry.global)) {}

  [[nodiscard]] TlbTag tag() const { return std::bit_cast<TlbTag>(tag_); }
  [[nodiscard]] bool global() const { return (place_ & global_bit) != 0; }
  [[nodiscard]] unsigned size_shift() const { return place_ & 63; }
  [[nodiscard]] unsigned span_shift() const { return size_shift() + (place_ >> span_lsb & 31); }
  /// Of the page or block whose part the entry is.
  [[nodiscard]] std::uint64_t span_first() const { return place_ & ~layout::low_bits(span_shift()); }
  [[nodiscard]] std::uint64_t span_last() const { return place_ | layout::low_bits(span_shift()); }

  [[nodiscard]] std::uint64_t hash() const { return hash(tag_, place_, size_shift()); }
  [[nodiscard]] std::uint64_t group() const { return group(place_, size_shift()); }

  /// What a lookup compares and where it looks, for entries of one size, global or not.
  [[nodiscard]] static std::uint64_t word(const TlbTag& tag, bool global) {
    const auto all = std::bit_cast<std::uint64_t>(tag);
    if (tag.stages == Stages::Two) return all & ~(asid_bits | aset_bit);
    return all & ~(global ? asid_bits : aset_bit);
  }
  [[nodiscard]] static std::uint64_t place(std::uint64_t address, unsigned size_shift, bool global) {
    return (address >> size_shift << size_shift) | size_shift | (global ? global_bit : 0);
  }
  [[nodiscard]] bool matches(std::uint64_t looked_up_word, std::uint64_t looked_up_place) const {
    return tag_ == looked_up_word && (place_ & place_bits) == looked_up_place;
  }
  /// Whether the entry is what a lookup of an address would find, be it global or not.
  [[nodiscard]] bool matches(const TlbTag& tag, std::uint64_t address) const {
    return matches(word(tag, global()), place(address, size_shift(), global()));
  }

  /// The tag keeps apart the same addresses of many ASIDs. Mixing in the size keeps the first blocks of a
  /// buffer out of its first pages' sets.
  [[nodiscard]] static std::uint64_t hash(std::uint64_t word, std::uint64_t address, unsigned size_shift) {
    return group(address, size_shift) ^ (word * 0x9e37'79b9'7f4a'7c15) >> 40;
  }
  [[nodiscard]] static std::uint64_t group(std::uint64_t address, unsigned size_shift) {
    const std::uint64_t page = address >> size_shift;
    return page ^ page >> 9 ^ size_shift;
  }

 private:
  static constexpr std::uint64_t global_bit = 1U << 6;
  static constexpr unsigned span_lsb = 7;
  static constexpr std::uint64_t place_bits = ~layout::low_bits(12) | layout::low_bits(span_lsb);
  static constexpr auto no_bits = std::bit_cast<std::uint64_t>(TlbTag{});
  static constexpr auto asid_bits = std::bit_cast<std::uint64_t>(TlbTag{.asid = 0xffff}) ^ no_bits;
  static constexpr auto aset_bit = std::bit_cast<std::uint64_t>(TlbTag{.aset = true}) ^ no_bits;

  std::uint64_t place_ = 0;
  std::uint64_t tag_ = 0;  ///< never 0 of an entry, as Stages is not
};

}  // namespace sidewinder::arch

#endif
