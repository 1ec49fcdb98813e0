// SPDX-License-Identifier: Apache-2.0

#include "sim/text.h"

#include <catch2/catch.hpp>

using namespace sidewinder::sim;

TEST_CASE("hexadecimal figures have a prefix and no padding") {
  CHECK(hex(0) == "0x0");
  CHECK(hex(0x1940) == "0x1940");
  CHECK(hex(~std::uint64_t{0}) == "0xffffffffffffffff");
}

TEST_CASE("thousands are separated from the right") {
  CHECK(thousands(0) == "0");
  CHECK(thousands(999) == "999");
  CHECK(thousands(1000) == "1,000");
  CHECK(thousands(31204) == "31,204");
  CHECK(thousands(1234567890) == "1,234,567,890");
}

TEST_CASE("mebibytes are rounded to one decimal") {
  constexpr std::uint64_t mebi = 1U << 20;
  CHECK(mebibytes(0) == "0.0");
  CHECK(mebibytes(mebi / 2) == "0.5");
  CHECK(mebibytes(137887744) == "131.5");
  CHECK(mebibytes(mebi - 1) == "1.0");
  CHECK(mebibytes(2048 * mebi) == "2,048.0");
  CHECK(mebibytes(~std::uint64_t{0}) == "17,592,186,044,416.0");
}

TEST_CASE("one is singular, none and many are plural") {
  CHECK(counted(0, "fault", "faults") == "0 faults");
  CHECK(counted(1, "fault", "faults") == "1 fault");
  CHECK(counted(1200, "fault", "faults") == "1,200 faults");
}

TEST_CASE("columns are as wide as their widest cell") {
  TextTable table({{"name", Align::Left}, {"n"}, {"what", Align::Left}});
  table.add_row({"a", "1,000", "x"});
  table.add_row({"longer", "2"});
  CHECK(table.render(1) ==
        " name        n  what\n"
        " a       1,000  x\n"
        " longer      2\n");
}

TEST_CASE("cells past the last column are dropped") {
  TextTable table({{"a", Align::Left}});
  table.add_row({"1", "2"});
  CHECK(table.render(0) == "a\n1\n");
}
