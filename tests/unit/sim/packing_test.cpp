// SPDX-License-Identifier: Apache-2.0

#include "sim/packing.h"

#include <catch2/catch.hpp>

using namespace sidewinder::sim;

namespace packing_test {

enum class Colour : std::uint8_t { Red, Green };

struct Inner {
  std::string text;
  std::optional<std::uint64_t> number;

  bool operator==(const Inner&) const = default;
};

struct Outer {
  bool flag = false;
  std::uint32_t small = 0;
  std::uint64_t large = 0;
  Colour colour = Colour::Red;
  std::vector<Inner> inners;
  std::vector<std::string> words;

  bool operator==(const Outer&) const = default;
};

template <typename Archive>
void fields(Archive& archive, Inner& inner) {
  archive(inner.text, inner.number);
}

template <typename Archive>
void fields(Archive& archive, Outer& outer) {
  archive(outer.flag, outer.small, outer.large, outer.colour, outer.inners, outer.words);
}

Outer sample() {
  return {
      true, 7, ~std::uint64_t{0}, Colour::Green, {{"a", 3}, {"", std::nullopt}}, {"x", std::string(2, '\0')}};
}

}  // namespace packing_test

using packing_test::Outer;
using packing_test::sample;

TEST_CASE("what is packed comes out the same") {
  CHECK(unpack<Outer>(pack(sample())) == sample());
  CHECK(unpack<Outer>(pack(Outer())) == Outer());
}

TEST_CASE("a number takes eight bytes, and a text its length before it") {
  CHECK(pack(std::uint32_t{1}) == std::string("\1\0\0\0\0\0\0\0", 8));
  CHECK(pack(std::string("ab")) == std::string("\2\0\0\0\0\0\0\0ab", 10));
}

TEST_CASE("bytes that are missing, and bytes too many, are errors") {
  const std::string bytes = pack(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CHECK_THROWS_WITH(unpack<Outer>(std::string_view(bytes).substr(0, length)),
                      "a simulation's results are cut short");
  }
  CHECK_THROWS_WITH(unpack<Outer>(bytes + "x"), "a simulation sent more than its results");
}
