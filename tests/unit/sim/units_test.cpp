// SPDX-License-Identifier: Apache-2.0
#include "sim/units.h"

#include <catch2/catch.hpp>

using sidewinder::sim::parse_size;
using sidewinder::sim::size_text;

namespace {

std::string refusal(std::string_view text) {
  const auto size = parse_size(text);
  return size ? "" : size.error();
}

}  // namespace

TEST_CASE("sizes in binary units") {
  CHECK(parse_size("0").value() == 0);
  CHECK(parse_size("4096").value() == 4096);
  CHECK(parse_size("16KiB").value() == 0x4000);
  CHECK(parse_size("600MiB").value() == 0x2580'0000);
  CHECK(parse_size("600 MiB").value() == 0x2580'0000);
  CHECK(parse_size("4GiB").value() == 0x1'0000'0000);
  CHECK(parse_size("2TiB").value() == 0x200'0000'0000);
}

TEST_CASE("the largest size is 2^64 - 1") {
  CHECK(parse_size("18446744073709551615").value() == UINT64_MAX);
  CHECK(refusal("18446744073709551616") == "\"18446744073709551616\" is more than 2^64 - 1 bytes");
  CHECK(parse_size("16777215TiB").value() == UINT64_MAX - ((std::uint64_t{1} << 40) - 1));
  CHECK(refusal("16777216TiB") == "\"16777216TiB\" is more than 2^64 - 1 bytes");
}

TEST_CASE("decimal units are refused with what to write instead") {
  CHECK(refusal("600MB") ==
        "\"600MB\" has the unit \"MB\", which is ambiguous: write \"600MiB\", in powers of 1024");
  CHECK(refusal("4 GB") ==
        "\"4 GB\" has the unit \"GB\", which is ambiguous: write \"4GiB\", in powers of 1024");
  CHECK(refusal("16k") ==
        "\"16k\" has the unit \"k\", which is ambiguous: write \"16KiB\", in powers of 1024");
  CHECK(refusal("1mib") ==
        "\"1mib\" has the unit \"mib\", which is ambiguous: write \"1MiB\", in powers of 1024");
}

TEST_CASE("what is no size is refused") {
  CHECK(refusal("") == "\"\" is not a size: write a number and a unit, as in \"600MiB\"");
  CHECK(refusal("-1MiB") == "\"-1MiB\" is not a size: write a number and a unit, as in \"600MiB\"");
  CHECK(refusal("MiB") == "\"MiB\" is not a size: write a number and a unit, as in \"600MiB\"");
  CHECK(refusal("1.5GiB") == "\"1.5GiB\" has a fraction: write whole units, as in \"1536MiB\" for 1.5 GiB");
  CHECK(refusal("0x1000") == "\"0x1000\" is a number in quotes: write 0x1000 without them");
  CHECK(refusal("7 pages") == "\"7 pages\" has the unknown unit \"pages\": write KiB, MiB, GiB or TiB");
  CHECK(refusal("1MiBs") == "\"1MiBs\" has the unknown unit \"MiBs\": write KiB, MiB, GiB or TiB");
}

TEST_CASE("sizes are shown in the largest unit that keeps them whole") {
  CHECK(size_text(0) == "0");
  CHECK(size_text(1023) == "1023");
  CHECK(size_text(1024) == "1KiB");
  CHECK(size_text(0x2580'0000) == "600MiB");
  CHECK(size_text(0x1'0000'0000) == "4GiB");
  CHECK(size_text(0x1'0000'1000) == "4194308KiB");
}
