// SPDX-License-Identifier: Apache-2.0
//
// Typed, checked access to one table of a user's file: whatever does not fit becomes an InputError with its
// line.

#ifndef SIDEWINDER_SIM_TABLE_READER_H
#define SIDEWINDER_SIM_TABLE_READER_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/toml_document.h"

namespace sidewinder::sim {

/// Addresses [lo, hi).
struct AddressRange {
  std::uint64_t lo = 0;
  std::uint64_t hi = 0;

  [[nodiscard]] bool contains(std::uint64_t address) const { return lo <= address && address < hi; }
  [[nodiscard]] bool overlaps(const AddressRange& other) const { return lo < other.hi && other.lo < hi; }
  [[nodiscard]] bool operator==(const AddressRange&) const = default;
};

/// Inclusive bounds of a number.
struct Bounds {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

using Names = std::span<const std::string_view>;

/// "; did you mean 'x'?" for the name most like `wrong`, then "; known: a, b, c".
[[nodiscard]] std::string name_hint(std::string_view wrong, Names names);

class TableReader {
 public:
  /// `keys` are all keys the table may have. Throws InputError for any other, or when `table` is no table.
  /// `name` is what messages call the table: "host", "session[0]", or "" for the whole file.
  TableReader(const TomlNode& table, std::string name, Names keys);

  [[nodiscard]] bool has(std::string_view key) const { return find_member(*table_, key) != nullptr; }
  [[nodiscard]] const SourceLine& where() const { return table_->where; }
  [[nodiscard]] bool overridden(std::string_view key) const;

  /// Whether the value is a string, of a key that may have a value of another type too.
  [[nodiscard]] bool is_text(std::string_view key) const;

  /// The error at `key`'s line (the table's, when it is absent): "`name.key` `message`".
  [[nodiscard]] InputError error(std::string_view key, const std::string& message) const;

  // Each gives the fallback when the key is absent, and throws InputError when there is no fallback, the type
  // is wrong or the value is out of bounds.
  [[nodiscard]] std::string text(std::string_view key,
                                 const std::optional<std::string>& fallback = std::nullopt) const;
  [[nodiscard]] std::uint64_t integer(std::string_view key, Bounds bounds,
                                      std::optional<std::uint64_t> fallback = std::nullopt) const;
  [[nodiscard]] double number(std::string_view key, double least, double most,
                              std::optional<double> fallback = std::nullopt) const;
  [[nodiscard]] bool boolean(std::string_view key, std::optional<bool> fallback = std::nullopt) const;
  [[nodiscard]] std::size_t choice(
      std::string_view key, Names names,
      std::optional<std::size_t> fallback = std::nullopt) const;  ///< index in names
  [[nodiscard]] std::uint64_t size(std::string_view key, Bounds bounds,
                                   std::optional<std::uint64_t> fallback = std::nullopt) const;  ///< bytes
  [[nodiscard]] AddressRange address_range(std::string_view key, Bounds bounds) const;  ///< never empty
  [[nodiscard]] AddressRange page_range(std::string_view key, Bounds bounds) const;  ///< of whole 4 KiB pages
  [[nodiscard]] std::vector<std::size_t> choices(std::string_view key, Names names) const;  ///< at least one

  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;  ///< at least one, none empty

  /// The table under `key`; an empty one, at this table's line, when absent.
  [[nodiscard]] TomlNode table(std::string_view key) const;
  /// The tables written as [[key]]; none when absent.
  [[nodiscard]] std::vector<TomlNode> tables(std::string_view key) const;

 private:
  [[nodiscard]] const TomlNode* find(std::string_view key, bool optional) const;
  [[nodiscard]] std::string full_name(std::string_view key) const;
  [[nodiscard]] InputError type_error(std::string_view key, const TomlNode& node,
                                      std::string_view wanted) const;
  [[nodiscard]] std::uint64_t size_of(std::string_view key, const TomlNode& node, Bounds bounds) const;
  [[nodiscard]] std::size_t choice_of(std::string_view key, const TomlNode& node, Names names) const;

  const TomlNode* table_;
  std::string name_;
};

}  // namespace sidewinder::sim

#endif
