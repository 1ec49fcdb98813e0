// SPDX-License-Identifier: Apache-2.0

#include "sim/text.h"

#include <algorithm>
#include <charconv>

namespace sidewinder::sim {

std::string hex(std::uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

std::string thousands(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t from_right = 3; from_right < text.size(); from_right += 4) {
    text.insert(text.size() - from_right, 1, ',');
  }
  return text;
}

std::string mebibytes(std::uint64_t bytes) {
  constexpr std::uint64_t mebi = 1U << 20;
  std::uint64_t whole = bytes / mebi;
  std::uint64_t tenths = ((bytes % mebi) * 10 + mebi / 2) / mebi;
  if (tenths == 10) {
    ++whole;
    tenths = 0;
  }
  return thousands(whole) + "." + std::to_string(tenths);
}

std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural) {
  return thousands(n) + " " + std::string(n == 1 ? singular : plural);
}

std::string or_dash(std::uint64_t count) {
  return count == 0 ? "-" : thousands(count);
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) text += text.empty() ? part : concat({between, part});
  return text;
}

std::string wrapped(std::string_view text, std::size_t width) {
  std::string lines;
  while (text.size() > width) {
    std::size_t space = text.find_last_of(' ', width);
    if (space == std::string_view::npos) space = text.find(' ');
    if (space == std::string_view::npos) break;
    lines += concat({text.substr(0, space), "\n"});
    text.remove_prefix(space + 1);
  }
  return lines + std::string(text);
}

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

std::string TextTable::render(std::size_t indent) const {
  const auto sized = [](const Row& row) {
    return row.cells.size() - (row.open && !row.cells.empty() ? 1 : 0);
  };
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = columns_[c].header.size();
    for (const Row& row : rows_) {
      if (c < sized(row)) width = std::max(width, row.cells[c].size());
    }
    widths.push_back(width);
  }

  std::string text;
  const auto put_line = [&](std::size_t cells, bool open, const auto& cell_of) {
    std::string line(indent, ' ');
    for (std::size_t c = 0; c < std::min(cells, columns_.size()); ++c) {
      const std::string& cell = cell_of(c);
      const bool last = open && c + 1 == cells;
      const std::string padding(last ? 0 : widths[c] - cell.size(), ' ');
      if (c != 0) line += "  ";
      line += columns_[c].align == Align::Right ? padding + cell : cell + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };

  put_line(columns_.size(), false, [&](std::size_t c) -> const std::string& { return columns_[c].header; });
  for (const Row& row : rows_)
    put_line(row.cells.size(), row.open, [&](std::size_t c) -> const std::string& { return row.cells[c]; });
  return text;
}

}  // namespace sidewinder::sim
