// SPDX-License-Identifier: Apache-2.0

#include "iommu/layout/bits.h"

#include <catch2/catch.hpp>

namespace sidewinder::layout {
namespace {

struct Word : Bits<Word, std::uint32_t> {
  using Low = Field<0>;
  using Middle = Field<14, 4>;
  using Top = Field<31>;
  using All = Field<31, 0>;
};
struct Wide : Bits<Wide, std::uint64_t> {
  using Upper = Field<63, 48>;
  using All = Field<63, 0>;
};

}  // namespace

TEST_CASE("a field reads its bits and no other") {
  const auto word = Word::of(0x8000'7ff1);
  CHECK(word.get<Word::Middle>() == 0x7ff);
  CHECK(Word::of(~Word::Middle::mask).get<Word::Middle>() == 0);
  CHECK(word.is_set<Word::Low>());
  CHECK(word.is_set<Word::Top>());
  CHECK_FALSE(Word::of(0x7fff'ffff).is_set<Word::Top>());
  CHECK(word.get<Word::All>() == 0x8000'7ff1);
  CHECK(Wide::of(0x1234'0000'0000'0000).get<Wide::Upper>() == 0x1234);
}

TEST_CASE("setting a field leaves the others, and drops what does not fit") {
  CHECK(Word::of(0xffff'ffff).set<Word::Middle>(0).raw == 0xffff'800f);
  CHECK(Word{}.set<Word::Middle>(0xffff'ffff).raw == 0x7ff0);
  CHECK(Word{}.set<Word::Low>(2).raw == 0);
  CHECK(Word{}.set<Word::Top>(1).set<Word::Low>(1).raw == 0x8000'0001);
  CHECK(Wide::of(~std::uint64_t{0}).set<Wide::Upper>(0x1'0000).raw == 0x0000'ffff'ffff'ffff);
  CHECK(Wide{}.set<Wide::All>(~std::uint64_t{0}).raw == ~std::uint64_t{0});
}

TEST_CASE("a field's shape is known when compiling") {
  static_assert(Word::Middle::shift == 4 && Word::Middle::width == 11 && Word::Middle::max == 0x7ff);
  static_assert(Wide::Upper::mask == 0xffff'0000'0000'0000);
  static_assert(mask_of<Word::Low, Word::Top> == 0x8000'0001);
  static_assert(Word::of(0x10).get<Word::Middle>() == 1);
  CHECK(mask_of<Word::Middle, Word::Low> == 0x7ff1);
}

}  // namespace sidewinder::layout
