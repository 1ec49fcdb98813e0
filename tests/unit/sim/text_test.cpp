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

TEST_CASE("nothing is a dash") {
  CHECK(or_dash(0) == "-");
  CHECK(or_dash(1204) == "1,204");
}

TEST_CASE("parts are joined by what stands between them") {
  CHECK(join({}).empty());
  CHECK(join({"a"}) == "a");
  CHECK(join({"a", "b", "c"}) == "a, b, c");
  CHECK(join({"a", "b"}, "/") == "a/b");
}

TEST_CASE("long text is broken at spaces, and words stay whole") {
  CHECK(wrapped("", 5).empty());
  CHECK(wrapped("ab cd", 5) == "ab cd");
  CHECK(wrapped("ab cd ef", 5) == "ab cd\nef");
  CHECK(wrapped("ab cd ef", 6) == "ab cd\nef");
  CHECK(wrapped("abcdefgh ij", 4) == "abcdefgh\nij");
  CHECK(wrapped("abcdefgh", 4) == "abcdefgh");
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

TEST_CASE("an open row's last cell runs over the columns right of it and widens none") {
  TextTable table({{"name", Align::Left}, {"n", Align::Left}, {"m"}});
  table.add_row({"a", "1", "2"});
  table.add_open_row({"b", "not there at all"});
  CHECK(table.render(1) ==
        " name  n  m\n"
        " a     1  2\n"
        " b     not there at all\n");
}
