// SPDX-License-Identifier: Apache-2.0

#include "iommu/layout/structure.h"

#include <catch2/catch.hpp>

namespace sidewinder::layout {
namespace {

struct Three : Structure<Three, 3> {
  using Low = Field<0>;
  using Whole = Field<127, 64>;
  using Address = Field<179, 132>;
  using Top = Field<191, 190>;
};

}  // namespace

TEST_CASE("a field of a structure is bits of one of its words") {
  const auto three = Three::of({0x1, 0x0123'4567'89ab'cdef, 0x4000'1234'5678'9abf});
  CHECK(three.is_set<Three::Low>());
  CHECK(three.get<Three::Whole>() == 0x0123'4567'89ab'cdef);
  CHECK(three.get<Three::Address>() == 0x1234'5678'9ab);
  CHECK(three.address<Three::Address>() == 0x1234'5678'9ab0);
  CHECK(three.get<Three::Top>() == 1);
  CHECK_FALSE(Three::of({0xffff'ffff'ffff'fffe, 0, 0}).is_set<Three::Low>());
}

TEST_CASE("setting a structure's field leaves the others, and drops what does not fit") {
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  auto three = Three::of({ones, ones, ones});
  three.set<Three::Low>(2).set<Three::Top>(5).set_address<Three::Address>(0xffff'0000'0001'234f);
  CHECK(three.words == std::array<std::uint64_t, 3>{0xffff'ffff'ffff'fffe, ones, 0x7fff'0000'0001'234f});
  three.set<Three::Address>(0x1'0000'0000'0001);
  CHECK(three.words[2] == 0x7ff0'0000'0000'001f);
  three.set<Three::Whole>(0x42);
  CHECK(three.words[1] == 0x42);
}

TEST_CASE("a structure's shape is known when compiling") {
  static_assert(Three::size == 24);
  static_assert(Three::Address::word == 2 && Three::Address::shift == 4 && Three::Address::width == 48);
  static_assert(Three::Whole::mask == ~std::uint64_t{0} && Three::Whole::max == ~std::uint64_t{0});
  static_assert(Three::of({0, 7, 0}).get<Three::Whole>() == 7);
  CHECK(Three{}.words == std::array<std::uint64_t, 3>{});
}

}  // namespace sidewinder::layout
