// SPDX-License-Identifier: Apache-2.0
#include "sim/toml_document.h"

#include <catch2/catch.hpp>

#include "tests/unit/sim/input_files.h"

using namespace sidewinder;
using sim::TomlNode;
using Kind = TomlNode::Kind;

namespace {

const TomlNode& member(const TomlNode& table, std::string_view key) {
  const TomlNode* node = sim::find_member(table, key);
  REQUIRE(node != nullptr);
  return *node;
}

constexpr std::string_view sample = R"(zebra = 0x1940
apple = "text"
[table]
fraction = 0.5
yes = true
day = 1979-05-27

[[list]]
a = 1
[[list]]
a = [
  2,
  3,
]
)";

std::string override_error(const std::string& setting) {
  const test::Folder folder;
  TomlNode root = sim::load_toml(folder.write("a.toml", sample));
  return test::input_error(folder, [&] { sim::apply_override(root, setting); });
}

}  // namespace

TEST_CASE("a document is a tree in the order of its lines") {
  const test::Folder folder;
  const auto file = folder.write("a.toml", sample);
  const TomlNode root = sim::load_toml(file);

  REQUIRE(root.items.size() == 4);
  CHECK(root.items[0].key == "zebra");
  CHECK(root.items[0].kind == Kind::Integer);
  CHECK(root.items[0].integer == 0x1940);
  CHECK(root.items[1].key == "apple");
  CHECK(root.items[1].kind == Kind::String);
  CHECK(root.items[1].text == "text");
  CHECK(sim::to_string(root.items[1].where) == file.string() + ":2");

  const TomlNode& table = member(root, "table");
  CHECK(table.where.line == 3);
  CHECK(member(table, "fraction").kind == Kind::Float);
  CHECK(member(table, "fraction").number == 0.5);
  CHECK(member(table, "yes").kind == Kind::Boolean);
  CHECK(member(table, "yes").boolean);
  CHECK(member(table, "day").kind == Kind::DateTime);
  CHECK(sim::find_member(table, "night") == nullptr);

  const TomlNode& list = member(root, "list");
  CHECK(list.kind == Kind::Array);
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[0].where.line == 8);
  CHECK(list.items[1].where.line == 10);
  CHECK(member(list.items[1], "a").where.line == 11);
  CHECK(member(list.items[1], "a").items[1].where.line == 13);
  CHECK_FALSE(list.items[0].overridden);
}

TEST_CASE("what is not TOML is an error at its line") {
  const test::Folder folder;
  const auto message = [&folder](std::string_view text) {
    const auto file = folder.write("bad.toml", text);
    return test::input_error(folder, [&] { static_cast<void>(sim::load_toml(file)); });
  };
  CHECK_THAT(message("a = 1\nb = \n"), Catch::StartsWith("bad.toml:2: is not TOML: "));
  CHECK_THAT(message("a = 1\n\na = 2\n"), Catch::StartsWith("bad.toml:3: is not TOML: "));
  CHECK(message("a = 1\n").empty());
}

TEST_CASE("a file that cannot be read is an error") {
  const test::Folder folder;
  CHECK(test::input_error(folder, [&] { static_cast<void>(sim::load_toml(folder.path() / "none.toml")); }) ==
        "none.toml: cannot be read: No such file or directory");
  std::filesystem::create_directory(folder.path() / "dir.toml");
  CHECK(test::input_error(folder, [&] { static_cast<void>(sim::load_toml(folder.path() / "dir.toml")); }) ==
        "dir.toml: is a directory: a TOML file is wanted");
}

TEST_CASE("overrides replace, add, and know where they come from") {
  const test::Folder folder;
  TomlNode root = sim::load_toml(folder.write("a.toml", sample));
  sim::apply_override(root, "zebra=7");
  sim::apply_override(root, "apple=bare word");
  sim::apply_override(root, "table.fraction=1");
  sim::apply_override(root, "new.deep.key=\"quoted\"");
  sim::apply_override(root, "list[1].a=[\"x=y\", 0x10]");

  CHECK(member(root, "zebra").integer == 7);
  CHECK(member(root, "zebra").overridden);
  CHECK(sim::to_string(member(root, "zebra").where) == "--set zebra=7");
  CHECK(member(root, "apple").kind == Kind::String);
  CHECK(member(root, "apple").text == "bare word");
  CHECK(member(member(member(root, "new"), "deep"), "key").text == "quoted");
  const TomlNode& list = member(root, "list");
  CHECK(member(list.items[0], "a").integer == 1);
  CHECK_FALSE(member(list.items[0], "a").overridden);
  CHECK(member(list.items[1], "a").items[0].text == "x=y");
  CHECK(member(list.items[1], "a").items[1].integer == 16);
  CHECK(member(list.items[1], "a").items[1].overridden);
}

TEST_CASE("an override's value cannot bring further keys along") {
  const test::Folder folder;
  TomlNode root = sim::load_toml(folder.write("a.toml", sample));
  sim::apply_override(root, "zebra=1\nextra = 2");
  CHECK(member(root, "zebra").kind == Kind::String);
  CHECK(sim::find_member(root, "extra") == nullptr);
}

TEST_CASE("overrides that cannot be applied are errors") {
  CHECK(override_error("zebra=8").empty());
  CHECK(override_error("zebra") == "--set zebra: has no '=': write --set KEY=VALUE");
  const std::string no_key = ": has no valid key before the '=': write it as policy.name or session[0].count";
  for (const std::string key :
       {"", ".", "a.", "a..b", "list[", "list[x]", "list[-1]", "list[0", "list[0]a", "a b"}) {
    CHECK(override_error(key + "=1") == "--set " + key + "=1" + no_key);
  }
  CHECK(override_error("list[2].a=1") == "--set list[2].a=1: list has 2 elements: write 0 to 1");
  CHECK(override_error("other[0].a=1") == "--set other[0].a=1: other has 0 elements");
  CHECK(override_error("zebra.stripe=1") ==
        "--set zebra.stripe=1: zebra is an integer, so it has no key stripe");
  CHECK(override_error("list.a=1") ==
        "--set list.a=1: list is an array, so it has no key a: write list[0].a");
}
