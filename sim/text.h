// SPDX-License-Identifier: Apache-2.0
//
// Figures as people read them, and columns that line up.

#ifndef SIDEWINDER_SIM_TEXT_H
#define SIDEWINDER_SIM_TEXT_H

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace sidewinder::sim {

[[nodiscard]] std::string hex(std::uint64_t value);        ///< "0x1940"
[[nodiscard]] std::string thousands(std::uint64_t value);  ///< "31,204"
[[nodiscard]] std::string mebibytes(std::uint64_t bytes);  ///< one decimal: "131.5"
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view singular,
                                  std::string_view plural);  ///< "1 fault", "1,204 faults"

[[nodiscard]] std::string or_dash(std::uint64_t count);  ///< "-" for 0
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view between = ", ");

/// Broken at spaces into lines of at most `width`, where words allow; no newline at the end.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width);

/// For where a literal comes before a temporary: g++ 12 warns of `"(" + f()` falsely (-Wrestrict).
[[nodiscard]] std::string concat(std::initializer_list<std::string_view> parts);

enum class Align : std::uint8_t { Left, Right };

/// Columns two spaces apart, each as wide as its widest cell; no trailing spaces.
class TextTable {
 public:
  struct Column {
    std::string header;
    Align align = Align::Right;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Missing cells are empty; cells past the last column are dropped.
  void add_row(std::vector<std::string> cells) { rows_.push_back({std::move(cells), false}); }

  /// The last cell runs on over the columns right of it, from where its own begins.
  void add_open_row(std::vector<std::string> cells) { rows_.push_back({std::move(cells), true}); }

  /// The header and the rows, each indented and ended by a newline.
  [[nodiscard]] std::string render(std::size_t indent) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    bool open = false;
  };

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace sidewinder::sim

#endif
