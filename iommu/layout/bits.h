// SPDX-License-Identifier: Apache-2.0
//
// Registers and in-memory structures as values with named bit fields.

#ifndef SIDEWINDER_IOMMU_LAYOUT_BITS_H
#define SIDEWINDER_IOMMU_LAYOUT_BITS_H

#include <cstdint>
#include <type_traits>

namespace sidewinder::layout {

/// A register of type `Self`; its fields are member types, so that one register's field cannot be used on
/// another:
///
///     struct Sctlr : Bits<Sctlr, std::uint32_t> { using M = Field<0>; using MemAttr = Field<19, 16>; };
///     Sctlr::of(raw).get<Sctlr::M>()
template <typename Self, typename WordType>
struct Bits {
  using Word = WordType;
  static_assert(std::is_unsigned_v<Word> && sizeof(Word) >= 4);

  template <unsigned Hi, unsigned Lo = Hi>
  struct Field {
    static_assert(Hi >= Lo && Hi < sizeof(Word) * 8);
    using Owner = Self;
    static constexpr unsigned shift = Lo;
    static constexpr unsigned width = Hi - Lo + 1;
    static constexpr Word max = static_cast<Word>(~Word{0}) >> (sizeof(Word) * 8 - width);
    static constexpr Word mask = max << shift;
  };

  Word raw = 0;

  friend constexpr bool operator==(const Bits&, const Bits&) = default;

  [[nodiscard]] static constexpr Self of(Word value) {
    Self self;
    self.raw = value;
    return self;
  }

  template <typename F>
  [[nodiscard]] constexpr Word get() const {
    static_assert(std::is_same_v<typename F::Owner, Self>);
    return (raw & F::mask) >> F::shift;
  }

  template <typename F>
  [[nodiscard]] constexpr bool is_set() const {
    static_assert(F::width == 1);
    return get<F>() != 0;
  }

  /// Bits of `value` that do not fit the field are dropped.
  template <typename F>
  constexpr Self& set(Word value) {
    static_assert(std::is_same_v<typename F::Owner, Self>);
    raw = (raw & ~F::mask) | ((value << F::shift) & F::mask);
    return static_cast<Self&>(*this);
  }
};

/// Ones in the low `count` bits, 0 to 64.
[[nodiscard]] constexpr std::uint64_t low_bits(unsigned count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// The union of some fields' masks.
template <typename... F>
inline constexpr auto mask_of = (F::mask | ...);

}  // namespace sidewinder::layout

#endif
