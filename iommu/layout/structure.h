// SPDX-License-Identifier: Apache-2.0
//
// In-memory structures of several 64-bit words as values with named bit fields.

#ifndef SIDEWINDER_IOMMU_LAYOUT_STRUCTURE_H
#define SIDEWINDER_IOMMU_LAYOUT_STRUCTURE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace sidewinder::layout {

/// A structure of type `Self` of `word_count` words. Its fields are member types, named by the bits of the
/// whole structure as a specification counts them; none of them spans two words:
///
///     struct Cd : Structure<Cd, 8> { using T0SZ = Field<5, 0>; using TTB0 = Field<115, 68>; };
///     cd.get<Cd::T0SZ>(); cd.address<Cd::TTB0>();
template <typename Self, std::size_t word_count>
struct Structure {
  template <unsigned Hi, unsigned Lo = Hi>
  struct Field {
    static_assert(Hi >= Lo && Hi / 64 == Lo / 64 && Hi / 64 < word_count);
    using Owner = Self;
    static constexpr std::size_t word = Lo / 64;
    static constexpr unsigned shift = Lo % 64;
    static constexpr unsigned width = Hi - Lo + 1;
    static constexpr std::uint64_t max = ~std::uint64_t{0} >> (64 - width);
    static constexpr std::uint64_t mask = max << shift;
  };

  static constexpr std::size_t size = word_count * sizeof(std::uint64_t);  ///< bytes

  std::array<std::uint64_t, word_count> words{};

  [[nodiscard]] static constexpr Self of(const std::array<std::uint64_t, word_count>& raw) {
    Self self;
    self.words = raw;
    return self;
  }

  template <typename F>
  [[nodiscard]] constexpr std::uint64_t get() const {
    return address<F>() >> F::shift;
  }

  /// The field's bits where they lie in their word: an address, since those lie at their own weight.
  template <typename F>
  [[nodiscard]] constexpr std::uint64_t address() const {
    static_assert(std::is_same_v<typename F::Owner, Self>);
    return words[F::word] & F::mask;
  }

  template <typename F>
  [[nodiscard]] constexpr bool is_set() const {
    static_assert(F::width == 1);
    return get<F>() != 0;
  }

  /// Bits of `value` that do not fit the field are dropped.
  template <typename F>
  constexpr Self& set(std::uint64_t value) {
    return set_address<F>(value << F::shift);
  }

  /// As `set()`, of a value that is at its place: what of an address does not fit the field is dropped.
  template <typename F>
  constexpr Self& set_address(std::uint64_t value) {
    static_assert(std::is_same_v<typename F::Owner, Self>);
    words[F::word] = (words[F::word] & ~F::mask) | (value & F::mask);
    return static_cast<Self&>(*this);
  }
};

}  // namespace sidewinder::layout

#endif
