// SPDX-License-Identifier: Apache-2.0
//
// A TOML file as a plain tree whose every node knows its line.

#ifndef SIDEWINDER_SIM_TOML_DOCUMENT_H
#define SIDEWINDER_SIM_TOML_DOCUMENT_H

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sim/input_error.h"

namespace sidewinder::sim {

/// One value. Only the member that `kind` names is meaningful.
struct TomlNode {
  enum class Kind : std::uint8_t { Table, Array, String, Integer, Float, Boolean, DateTime };

  Kind kind = Kind::Table;
  bool overridden = false;  ///< written by --set
  std::string key;          ///< its name in the table that holds it; empty in an array
  SourceLine where;
  std::vector<TomlNode> items;  ///< Array: in order; Table: in the order of their lines
  std::string text;
  std::int64_t integer = 0;
  double number = 0;
  bool boolean = false;
};

/// "a string", "an integer" and so on.
[[nodiscard]] std::string_view kind_name(TomlNode::Kind kind);

/// The member called `key`, or null.
[[nodiscard]] const TomlNode* find_member(const TomlNode& table, std::string_view key);

/// Throws InputError when the file cannot be read or is not TOML.
[[nodiscard]] TomlNode load_toml(const std::filesystem::path& file);

/// Applies one `KEY=VALUE`, such as `seed=7` or `session[0].count=3`: VALUE is a TOML value, or else a
/// string. Tables on the way are made when absent, array elements are not; whether a key means anything is
/// for the reader to say. Throws InputError, its file being "--set KEY=VALUE".
void apply_override(TomlNode& root, const std::string& setting);

}  // namespace sidewinder::sim

#endif
