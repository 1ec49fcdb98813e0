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

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

std::string TextTable::render(std::size_t indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = columns_[c].header.size();
    for (const auto& row : rows_) {
      if (c < row.size()) width = std::max(width, row[c].size());
    }
    widths.push_back(width);
  }

  std::string text;
  const auto put_line = [&](const auto& cell_of) {
    std::string line(indent, ' ');
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string& cell = cell_of(c);
      const std::string padding(widths[c] - cell.size(), ' ');
      if (c != 0) line += "  ";
      line += columns_[c].align == Align::Right ? padding + cell : cell + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };

  static const std::string empty;
  put_line([&](std::size_t c) -> const std::string& { return columns_[c].header; });
  for (const auto& row : rows_) {
    put_line([&](std::size_t c) -> const std::string& { return c < row.size() ? row[c] : empty; });
  }
  return text;
}

}  // namespace sidewinder::sim
