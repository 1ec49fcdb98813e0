// SPDX-License-Identifier: Apache-2.0
#include "sim/table_reader.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <utility>

#include "sim/text.h"
#include "sim/units.h"

namespace sidewinder::sim {
namespace {

using Kind = TomlNode::Kind;

/// Insertions, deletions and replacements that make one string the other (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string joined(Names names) {
  std::string list;
  for (const std::string_view name : names) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// Addresses read best in the unit they were written in, where one fits.
std::string address_text(std::uint64_t bytes) {
  const std::string size = size_text(bytes);
  return size.back() == 'B' ? size : hex(bytes);
}

}  // namespace

std::string name_hint(std::string_view wrong, Names names) {
  std::string_view nearest;
  std::size_t least = wrong.size() / 3 + 2;  // further away, a suggestion is a guess
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(wrong, name);
    if (distance < std::min(least, name.size())) {
      nearest = name;
      least = distance;
    }
  }
  const std::string suggestion = nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?";
  return suggestion + (suggestion.empty() ? "; known: " : " Known: ") + joined(names);
}

TableReader::TableReader(const TomlNode& table, std::string name, Names keys)
    : table_(&table), name_(std::move(name)) {
  if (table.kind != Kind::Table) {
    throw InputError(table.where,
                     name_ + " is " + std::string(kind_name(table.kind)) + ": it must be a table");
  }
  for (const TomlNode& item : table.items) {
    if (std::find(keys.begin(), keys.end(), item.key) != keys.end()) continue;
    throw InputError(item.where, "unknown key '" + item.key + "'" + (name_.empty() ? "" : " in " + name_) +
                                     name_hint(item.key, keys));
  }
}

std::string TableReader::full_name(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

bool TableReader::overridden(std::string_view key) const {
  const TomlNode* node = find_member(*table_, key);
  return node != nullptr && node->overridden;
}

bool TableReader::is_text(std::string_view key) const {
  const TomlNode* node = find_member(*table_, key);
  return node != nullptr && node->kind == Kind::String;
}

InputError TableReader::error(std::string_view key, const std::string& message) const {
  const TomlNode* node = find_member(*table_, key);
  return {node != nullptr ? node->where : table_->where, full_name(key) + " " + message};
}

InputError TableReader::type_error(std::string_view key, const TomlNode& node,
                                   std::string_view wanted) const {
  return {node.where, full_name(key) + " is " + std::string(kind_name(node.kind)) + ": it must be " +
                          std::string(wanted)};
}

const TomlNode* TableReader::find(std::string_view key, bool optional) const {
  const TomlNode* node = find_member(*table_, key);
  if (node == nullptr && !optional) {
    throw error(key, "is missing" + (name_.empty() ? std::string() : ": " + name_ + " must have it"));
  }
  return node;
}

std::string TableReader::text(std::string_view key, const std::optional<std::string>& fallback) const {
  const TomlNode* node = find(key, fallback.has_value());
  if (node == nullptr) return *fallback;
  if (node->kind != Kind::String) throw type_error(key, *node, "a string");
  if (node->text.empty() && !fallback)
    throw error(key, "is empty: it must be a string of at least one character");
  return node->text;
}

std::uint64_t TableReader::integer(std::string_view key, Bounds bounds,
                                   std::optional<std::uint64_t> fallback) const {
  const TomlNode* node = find(key, fallback.has_value());
  if (node == nullptr) return *fallback;
  if (node->kind != Kind::Integer) throw type_error(key, *node, "an integer");
  const auto value = static_cast<std::uint64_t>(node->integer);
  if (node->integer < 0 || value < bounds.least || value > bounds.most) {
    throw error(key, "is " + std::to_string(node->integer) + ": it must be " + std::to_string(bounds.least) +
                         " to " + std::to_string(bounds.most));
  }
  return value;
}

double TableReader::number(std::string_view key, double least, double most,
                           std::optional<double> fallback) const {
  const TomlNode* node = find(key, fallback.has_value());
  if (node == nullptr) return *fallback;
  if (node->kind != Kind::Float && node->kind != Kind::Integer) throw type_error(key, *node, "a number");
  const double value = node->kind == Kind::Float ? node->number : static_cast<double>(node->integer);
  if (!(value >= least && value <= most)) {  // not a number compares false with everything
    throw error(
        key, "is " + number_text(value) + ": it must be " + number_text(least) + " to " + number_text(most));
  }
  return value;
}

bool TableReader::boolean(std::string_view key, std::optional<bool> fallback) const {
  const TomlNode* node = find(key, fallback.has_value());
  if (node == nullptr) return *fallback;
  if (node->kind != Kind::Boolean) throw type_error(key, *node, "true or false");
  return node->boolean;
}

std::size_t TableReader::choice_of(std::string_view key, const TomlNode& node, Names names) const {
  if (node.kind != Kind::String) throw type_error(key, node, "a string, one of " + joined(names));
  const auto found = std::find(names.begin(), names.end(), node.text);
  if (found == names.end()) {
    throw InputError(node.where, full_name(key) + " has the unknown value '" + node.text + "'" +
                                     name_hint(node.text, names));
  }
  return static_cast<std::size_t>(found - names.begin());
}

std::size_t TableReader::choice(std::string_view key, Names names,
                                std::optional<std::size_t> fallback) const {
  const TomlNode* node = find(key, fallback.has_value());
  return node == nullptr ? *fallback : choice_of(key, *node, names);
}

std::vector<std::size_t> TableReader::choices(std::string_view key, Names names) const {
  const TomlNode* node = find(key, false);
  if (node->kind != Kind::Array) throw type_error(key, *node, "an array of strings");
  if (node->items.empty()) throw error(key, "is empty: it must name at least one of " + joined(names));
  std::vector<std::size_t> indices;
  for (const TomlNode& item : node->items) indices.push_back(choice_of(key, item, names));
  return indices;
}

std::vector<std::string> TableReader::texts(std::string_view key) const {
  const TomlNode* node = find(key, false);
  if (node->kind != Kind::Array) throw type_error(key, *node, "an array of strings");
  if (node->items.empty()) throw error(key, "is empty: it must have at least one string");
  std::vector<std::string> list;
  for (const TomlNode& item : node->items) {
    if (item.kind != Kind::String) throw type_error(key, item, "an array of strings alone");
    if (item.text.empty()) throw error(key, "has an empty string: each must have at least one character");
    list.push_back(item.text);
  }
  return list;
}

std::uint64_t TableReader::size_of(std::string_view key, const TomlNode& node, Bounds bounds) const {
  std::uint64_t bytes = 0;
  if (node.kind == Kind::Integer) {
    if (node.integer < 0) {
      throw InputError(node.where,
                       full_name(key) + " is " + std::to_string(node.integer) + ": it must not be negative");
    }
    bytes = static_cast<std::uint64_t>(node.integer);
  } else if (node.kind == Kind::String) {
    const auto parsed = parse_size(node.text);
    if (!parsed) throw InputError(node.where, full_name(key) + ": " + parsed.error());
    bytes = *parsed;
  } else {
    throw type_error(key, node, "bytes as an integer, or a string such as \"600MiB\"");
  }
  if (bytes < bounds.least || bytes > bounds.most) {
    throw InputError(node.where, full_name(key) + " is " + address_text(bytes) + ": it must be " +
                                     address_text(bounds.least) + " to " + address_text(bounds.most));
  }
  return bytes;
}

std::uint64_t TableReader::size(std::string_view key, Bounds bounds,
                                std::optional<std::uint64_t> fallback) const {
  const TomlNode* node = find(key, fallback.has_value());
  return node == nullptr ? *fallback : size_of(key, *node, bounds);
}

AddressRange TableReader::address_range(std::string_view key, Bounds bounds) const {
  const TomlNode* node = find(key, false);
  if (node->kind != Kind::Array) throw type_error(key, *node, "an array [lo, hi) of two addresses");
  if (node->items.size() != 2) {
    throw error(key,
                "has " + counted(node->items.size(), "element", "elements") + ": it must have two, [lo, hi)");
  }
  const AddressRange range{size_of(key, node->items[0], bounds), size_of(key, node->items[1], bounds)};
  if (range.lo >= range.hi) {
    throw error(key, "is empty, from " + address_text(range.lo) + " up to " + address_text(range.hi) +
                         ": the first address must be below the second");
  }
  return range;
}

AddressRange TableReader::page_range(std::string_view key, Bounds bounds) const {
  const AddressRange range = address_range(key, bounds);
  for (const std::uint64_t address : {range.lo, range.hi}) {
    if (address % 4096 == 0) continue;
    throw error(key, "has " + hex(address) + ", which is not on a page: it must be a multiple of 4KiB");
  }
  return range;
}

TomlNode TableReader::table(std::string_view key) const {
  const TomlNode* node = find(key, true);
  if (node != nullptr) return *node;
  TomlNode empty;
  empty.key = std::string(key);
  empty.where = table_->where;
  return empty;
}

std::vector<TomlNode> TableReader::tables(std::string_view key) const {
  const TomlNode* node = find(key, true);
  if (node == nullptr) return {};
  if (node->kind != Kind::Array) {
    throw type_error(key, *node, "written as [[" + full_name(key) + "]], once for each");
  }
  return node->items;
}

}  // namespace sidewinder::sim
