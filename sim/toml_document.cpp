// SPDX-License-Identifier: Apache-2.0
#include "sim/toml_document.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>

#include "sim/text.h"
#include "sim/units.h"

namespace sidewinder::sim {
namespace {

using Kind = TomlNode::Kind;

TomlNode convert(const toml::node& source, const std::string& file) {
  TomlNode node;
  node.where = {file, source.source().begin.line};
  if (const toml::table* table = source.as_table()) {
    node.kind = Kind::Table;
    for (const auto& [key, value] : *table) {
      TomlNode member = convert(value, file);
      member.key = std::string(key.str());
      member.where.line = key.source().begin.line;
      node.items.push_back(std::move(member));
    }
    // The library keeps tables sorted by name; the first mistake to report is the first in the file.
    std::stable_sort(node.items.begin(), node.items.end(),
                     [](const TomlNode& a, const TomlNode& b) { return a.where.line < b.where.line; });
  } else if (const toml::array* array = source.as_array()) {
    node.kind = Kind::Array;
    for (const toml::node& value : *array) node.items.push_back(convert(value, file));
  } else if (const auto* text = source.as_string()) {
    node.kind = Kind::String;
    node.text = text->get();
  } else if (const auto* integer = source.as_integer()) {
    node.kind = Kind::Integer;
    node.integer = integer->get();
  } else if (const auto* number = source.as_floating_point()) {
    node.kind = Kind::Float;
    node.number = number->get();
  } else if (const auto* boolean = source.as_boolean()) {
    node.kind = Kind::Boolean;
    node.boolean = boolean->get();
  } else {
    node.kind = Kind::DateTime;
  }
  return node;
}

void mark_overridden(TomlNode& node, const SourceLine& where) {
  node.overridden = true;
  node.where = where;
  for (TomlNode& item : node.items) mark_overridden(item, where);
}

TomlNode parse_value(const std::string& text, const SourceLine& where) {
  TomlNode value;
  value.kind = Kind::String;
  value.text = text;
  try {
    const toml::table document = toml::parse("value = " + text);
    if (document.size() == 1) value = convert(*document.get("value"), where.file);
  } catch (const toml::parse_error&) {
    // Not a TOML value: the string it already is, so that words need no quotes on a command line.
  }
  mark_overridden(value, where);
  return value;
}

struct Step {
  std::string key;
  std::optional<std::size_t> index;
};

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// The steps of `session[0].count`, or nothing when it is not such a path.
std::optional<std::vector<Step>> parse_path(std::string_view path) {
  std::vector<Step> steps;
  while (true) {
    const auto key_end = std::find_if_not(path.begin(), path.end(), is_key_character);
    Step step;
    step.key.assign(path.begin(), key_end);
    if (step.key.empty()) return std::nullopt;
    path.remove_prefix(step.key.size());
    if (!path.empty() && path.front() == '[') {
      const char* const end = path.data() + path.size();
      std::size_t index = 0;
      const auto [after, status] = std::from_chars(path.data() + 1, end, index);
      if (status != std::errc{} || after == end || *after != ']') return std::nullopt;
      step.index = index;
      path.remove_prefix(static_cast<std::size_t>(after + 1 - path.data()));
    }
    steps.push_back(std::move(step));
    if (path.empty()) return steps;
    if (path.front() != '.') return std::nullopt;
    path.remove_prefix(1);
  }
}

TomlNode& find_or_add(TomlNode& table, const std::string& key, const SourceLine& where) {
  const auto found = std::find_if(table.items.begin(), table.items.end(),
                                  [&key](const TomlNode& item) { return item.key == key; });
  if (found != table.items.end()) return *found;
  TomlNode member;
  member.key = key;
  member.overridden = true;
  member.where = where;
  table.items.push_back(std::move(member));
  return table.items.back();
}

}  // namespace

std::string_view kind_name(TomlNode::Kind kind) {
  switch (kind) {
    case Kind::Table:
      return "a table";
    case Kind::Array:
      return "an array";
    case Kind::String:
      return "a string";
    case Kind::Integer:
      return "an integer";
    case Kind::Float:
      return "a fraction";
    case Kind::Boolean:
      return "a boolean";
    case Kind::DateTime:
      return "a date or time";
  }
  return "a value";
}

const TomlNode* find_member(const TomlNode& table, std::string_view key) {
  for (const TomlNode& item : table.items) {
    if (item.key == key) return &item;
  }
  return nullptr;
}

namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20;
constexpr std::size_t longest_line = 4096;

/// Keys of very many parts would exhaust the stack, here and in toml++: no line is long enough for one.
void check_lines(const std::filesystem::path& file, std::string_view text) {
  for (std::uint32_t line = 1; !text.empty(); ++line) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    if (length > longest_line) {
      throw InputError({file.string(), line},
                       "is longer than " + std::to_string(longest_line) + " characters: break the line");
    }
    text.remove_prefix(std::min(length + 1, text.size()));
  }
}

}  // namespace

TomlNode load_toml(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    throw InputError({file.string()}, "is a directory: a TOML file is wanted");
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw InputError({file.string()}, "cannot be read: " + std::generic_category().message(errno));
  }
  std::string text(most_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > most_bytes) {
    throw InputError({file.string()},
                     "is longer than " + size_text(most_bytes) + ": that is no file of ours");
  }
  check_lines(file, text);
  try {
    const toml::table document = toml::parse(text, file.string());
    TomlNode root = convert(document, file.string());
    root.where.line = 1;
    return root;
  } catch (const toml::parse_error& failure) {
    throw InputError({file.string(), failure.source().begin.line},
                     "is not TOML: " + std::string(failure.description()));
  }
}

void apply_override(TomlNode& root, const std::string& setting) {
  const SourceLine where{"--set " + setting};
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos) throw InputError(where, "has no '=': write --set KEY=VALUE");
  const auto path = parse_path(std::string_view(setting).substr(0, equals));
  if (!path) {
    throw InputError(where, "has no valid key before the '=': write it as policy.name or session[0].count");
  }

  TomlNode* node = &root;
  std::string walked;
  for (const Step& step : *path) {
    if (node->kind != Kind::Table) {
      throw InputError(where, walked + " is " + std::string(kind_name(node->kind)) + ", so it has no key " +
                                  step.key +
                                  (node->kind == Kind::Array ? ": write " + walked + "[0]." + step.key : ""));
    }
    node = &find_or_add(*node, step.key, where);
    walked += (walked.empty() ? "" : ".") + step.key;
    if (!step.index) continue;
    const std::size_t count = node->kind == Kind::Array ? node->items.size() : 0;
    if (*step.index >= count) {
      throw InputError(where, walked + " has " + counted(count, "element", "elements") +
                                  (count == 0 ? "" : ": write 0 to " + std::to_string(count - 1)));
    }
    node = &node->items[*step.index];
    walked.append("[").append(std::to_string(*step.index)).append("]");
  }
  TomlNode value = parse_value(setting.substr(equals + 1), where);
  value.key = node->key;
  *node = std::move(value);
}

}  // namespace sidewinder::sim
