// SPDX-License-Identifier: Apache-2.0
#include "sim/table_reader.h"

#include <array>
#include <catch2/catch.hpp>

#include "tests/unit/sim/input_files.h"

using namespace sidewinder;
using namespace std::string_view_literals;
using sim::TableReader;

namespace {

constexpr std::array keys{"x"sv, "yard"sv, "list"sv};
constexpr std::array colours{"red"sv, "green"sv};

/// Reads `text` through a reader called `name`; the error's message without its folder, or "".
template <typename Read>
std::string error_of(std::string_view text, Read read, const std::string& name = "") {
  const test::Folder folder;
  const auto file = folder.write("t.toml", text);
  return test::input_error(folder, [&] {
    const sim::TomlNode root = sim::load_toml(file);
    static_cast<void>(read(TableReader(root, name, keys)));
  });
}

template <typename Read>
auto value_of(std::string_view text, Read read) {
  const test::Folder folder;
  const sim::TomlNode root = sim::load_toml(folder.write("t.toml", text));
  return read(TableReader(root, "", keys));
}

const auto nothing = [](const TableReader&) { return 0; };
const auto text = [](const TableReader& r) { return r.text("x"); };
const auto integer = [](const TableReader& r) { return r.integer("x", {8, 10}); };
const auto number = [](const TableReader& r) { return r.number("x", 0, 1); };
const auto choice = [](const TableReader& r) { return r.choice("x", colours); };
const auto choices = [](const TableReader& r) { return r.choices("x", colours); };
const auto size = [](const TableReader& r) { return r.size("x", {16, 4096}); };
const auto range = [](const TableReader& r) { return r.address_range("x", {0, 1 << 20}); };
const auto tables = [](const TableReader& r) { return r.tables("list"); };

}  // namespace

TEST_CASE("unknown keys are errors that help") {
  CHECK(error_of("x = 1\nyard = 2", nothing).empty());
  CHECK(error_of("x = 1\nyarf = 2", nothing) ==
        "t.toml:2: unknown key 'yarf'; did you mean 'yard'? Known: x, yard, list");
  CHECK(error_of("\n\nquite_different = 2", nothing, "host") ==
        "t.toml:3: unknown key 'quite_different' in host; known: x, yard, list");
  CHECK(error_of("[x]\n[later]\n[earlier]\n", nothing) ==
        "t.toml:2: unknown key 'later'; known: x, yard, list");
}

TEST_CASE("a table must be one") {
  const auto nested = [](const TableReader& r) {
    const sim::TomlNode inner = r.table("x");
    return TableReader(inner, "x", keys).has("yard");
  };
  CHECK(value_of("[x]\nyard = 1", nested));
  CHECK_FALSE(value_of("", nested));
  const auto missing_inside = [](const TableReader& r) {
    const sim::TomlNode inner = r.table("x");
    return TableReader(inner, "x", keys).text("yard");
  };
  CHECK(error_of("", missing_inside) == "t.toml:1: x.yard is missing: x must have it");
  CHECK(error_of("\nx = 5", nested) == "t.toml:2: x is an integer: it must be a table");
}

TEST_CASE("a missing key is an error at its table") {
  CHECK(error_of("\nyard = 1", text) == "t.toml:1: x is missing");
  CHECK(error_of("\nyard = 1", text, "host") == "t.toml:1: host.x is missing: host must have it");
  CHECK(value_of("", [](const TableReader& r) { return r.text("x", "default"); }) == "default");
  CHECK(value_of("", [](const TableReader& r) { return r.integer("x", {8, 10}, 3); }) == 3);
  CHECK(value_of("", [](const TableReader& r) { return r.number("x", 0, 1, 0.25); }) == 0.25);
  CHECK(value_of("", [](const TableReader& r) { return r.choice("x", colours, 1); }) == 1);
  CHECK(value_of("", [](const TableReader& r) { return r.size("x", {16, 4096}, 5); }) == 5);
}

TEST_CASE("strings") {
  CHECK(value_of("x = \"hello\"", text) == "hello");
  CHECK(error_of("\nx = 5", text) == "t.toml:2: x is an integer: it must be a string");
  CHECK(error_of("x = \"\"", text) == "t.toml:1: x is empty: it must be a string of at least one character");
}

TEST_CASE("integers") {
  CHECK(value_of("x = 8", integer) == 8);
  CHECK(value_of("x = 0xa", integer) == 10);
  CHECK(error_of("x = 7", integer) == "t.toml:1: x is 7: it must be 8 to 10");
  CHECK(error_of("x = 11", integer, "host") == "t.toml:1: host.x is 11: it must be 8 to 10");
  CHECK(error_of("x = -9", integer) == "t.toml:1: x is -9: it must be 8 to 10");
  CHECK(error_of("x = 8.0", integer) == "t.toml:1: x is a fraction: it must be an integer");
}

TEST_CASE("numbers") {
  CHECK(value_of("x = 0", number) == 0);
  CHECK(value_of("x = 1.0", number) == 1);
  CHECK(error_of("x = 1.5", number) == "t.toml:1: x is 1.5: it must be 0 to 1");
  CHECK(error_of("x = -0.1", number) == "t.toml:1: x is -0.1: it must be 0 to 1");
  CHECK(error_of("x = nan", number) == "t.toml:1: x is nan: it must be 0 to 1");
  CHECK(error_of("x = true", number) == "t.toml:1: x is a boolean: it must be a number");
}

TEST_CASE("choices") {
  CHECK(value_of("x = \"green\"", choice) == 1);
  CHECK(error_of("x = \"gren\"", choice) ==
        "t.toml:1: x has the unknown value 'gren'; did you mean 'green'? Known: red, green");
  CHECK(error_of("x = 1", choice) == "t.toml:1: x is an integer: it must be a string, one of red, green");
  CHECK(value_of("x = [\"green\", \"red\"]", choices) == std::vector<std::size_t>{1, 0});
  CHECK(error_of("x = []", choices) == "t.toml:1: x is empty: it must name at least one of red, green");
  CHECK(error_of("x = \"red\"", choices) == "t.toml:1: x is a string: it must be an array of strings");
  CHECK(error_of("x = [\n\"red\",\n\"blue\"]", choices) ==
        "t.toml:3: x has the unknown value 'blue'; known: red, green");
}

TEST_CASE("sizes") {
  CHECK(value_of("x = 16", size) == 16);
  CHECK(value_of("x = \"4KiB\"", size) == 4096);
  CHECK(error_of("x = 15", size) == "t.toml:1: x is 0xf: it must be 0x10 to 4KiB");
  CHECK(error_of("x = \"8KiB\"", size) == "t.toml:1: x is 8KiB: it must be 0x10 to 4KiB");
  CHECK(error_of("x = -1", size) == "t.toml:1: x is -1: it must not be negative");
  CHECK(error_of("x = 1.5", size) ==
        "t.toml:1: x is a fraction: it must be bytes as an integer, or a string such as \"600MiB\"");
  CHECK(error_of("\nx = \"1KB\"", size) ==
        "t.toml:2: x: \"1KB\" has the unit \"KB\", which is ambiguous: write \"1KiB\", in powers of 1024");
}

TEST_CASE("address ranges are half open and never empty") {
  CHECK(value_of("x = [0, \"1MiB\"]", range) == sim::AddressRange{0, 0x10'0000});
  CHECK(error_of("x = [4096, \"4KiB\"]", range) ==
        "t.toml:1: x is empty, from 4KiB up to 4KiB: the first address must be below the second");
  CHECK(error_of("x = [8192, 4096]", range) ==
        "t.toml:1: x is empty, from 8KiB up to 4KiB: the first address must be below the second");
  CHECK(error_of("x = [0]", range) == "t.toml:1: x has 1 element: it must have two, [lo, hi)");
  CHECK(error_of("x = 4", range) ==
        "t.toml:1: x is an integer: it must be an array [lo, hi) of two addresses");
  CHECK(error_of("x = [\n0,\n0x100001]", range) == "t.toml:3: x is 0x100001: it must be 0x0 to 1MiB");

  const sim::AddressRange r{0x1000, 0x2000};
  CHECK_FALSE(r.contains(0xfff));
  CHECK(r.contains(0x1000));
  CHECK(r.contains(0x1fff));
  CHECK_FALSE(r.contains(0x2000));
  CHECK(r.overlaps({0x1fff, 0x3000}));
  CHECK_FALSE(r.overlaps({0x2000, 0x3000}));
  CHECK_FALSE(r.overlaps({0, 0x1000}));
}

TEST_CASE("page ranges are whole pages") {
  const auto pages = [](const TableReader& r) { return r.page_range("x", {0, 0x10'0000}); };
  CHECK(value_of("x = [4096, \"1MiB\"]", pages) == sim::AddressRange{0x1000, 0x10'0000});
  CHECK(error_of("x = [1, \"1MiB\"]", pages) ==
        "t.toml:1: x has 0x1, which is not on a page: it must be a multiple of 4KiB");
  CHECK(error_of("x = [0, 4097]", pages) ==
        "t.toml:1: x has 0x1001, which is not on a page: it must be a multiple of 4KiB");
}

TEST_CASE("lists of strings") {
  const auto texts = [](const TableReader& r) { return r.texts("x"); };
  CHECK(value_of("x = [\"b\", \"a\"]", texts) == std::vector<std::string>{"b", "a"});
  CHECK(error_of("x = []", texts) == "t.toml:1: x is empty: it must have at least one string");
  CHECK(error_of("x = \"a\"", texts) == "t.toml:1: x is a string: it must be an array of strings");
  CHECK(error_of("x = [\"a\",\n1]", texts) ==
        "t.toml:2: x is an integer: it must be an array of strings alone");
  CHECK(error_of("x = [\"\"]", texts) ==
        "t.toml:1: x has an empty string: each must have at least one character");
  CHECK(error_of("", texts) == "t.toml:1: x is missing");
}

TEST_CASE("whether a value is a string") {
  const auto is_text = [](const TableReader& r) { return r.is_text("x"); };
  CHECK(value_of("x = \"\"", is_text));
  CHECK_FALSE(value_of("x = 1", is_text));
  CHECK_FALSE(value_of("", is_text));
}

TEST_CASE("lists of tables") {
  CHECK(value_of("[[list]]\n[[list]]", tables).size() == 2);
  CHECK(value_of("", tables).empty());
  CHECK(error_of("\n[list]", tables) ==
        "t.toml:2: list is a table: it must be written as [[list]], once for each");
}

TEST_CASE("hints are for likely mistakes only") {
  CHECK(sim::name_hint("grene", colours) == "; did you mean 'green'? Known: red, green");
  CHECK(sim::name_hint("purple", colours) == "; known: red, green");
  constexpr std::array letters{"a"sv};
  CHECK(sim::name_hint("b", letters) == "; known: a");
  CHECK(sim::name_hint("", colours) == "; known: red, green");
}
