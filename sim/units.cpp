// SPDX-License-Identifier: Apache-2.0
#include "sim/units.h"

#include <array>
#include <charconv>
#include <limits>

namespace sidewinder::sim {
namespace {

struct Unit {
  std::string_view name;
  unsigned shift;
};

constexpr std::array<Unit, 4> units{{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}}};

std::string quoted(std::string_view text) {
  std::string quoted(1, '"');
  quoted += text;
  return quoted += '"';
}

tl::unexpected<std::string> refuse(std::string_view text, const std::string& why) {
  return tl::unexpected<std::string>(quoted(text) + " " + why);
}

/// "MiB" for "MB", "mb", "M" and the like; empty when the unit resembles none.
std::string_view binary_unit_like(std::string_view unit) {
  if (unit.empty() || unit.size() > 3) return {};
  for (const Unit& candidate : units) {
    if ((unit.front() | 0x20) == (candidate.name.front() | 0x20)) return candidate.name;
  }
  return {};
}

}  // namespace

tl::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [after, status] = std::from_chars(text.data(), end, count);
  if (status == std::errc::result_out_of_range) return refuse(text, "is more than 2^64 - 1 bytes");
  if (status != std::errc{})
    return refuse(text, "is not a size: write a number and a unit, as in \"600MiB\"");

  std::string_view unit(after, static_cast<std::size_t>(end - after));
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (unit.empty()) return count;
  for (const Unit& candidate : units) {
    if (unit != candidate.name) continue;
    if (count > std::numeric_limits<std::uint64_t>::max() >> candidate.shift) {
      return refuse(text, "is more than 2^64 - 1 bytes");
    }
    return count << candidate.shift;
  }

  const std::string number = std::to_string(count);
  if (unit.front() == '.')
    return refuse(text, "has a fraction: write whole units, as in \"1536MiB\" for 1.5 GiB");
  if (count == 0 && (unit.front() == 'x' || unit.front() == 'X')) {
    return refuse(text, "is a number in quotes: write " + std::string(text) + " without them");
  }
  if (const std::string_view binary = binary_unit_like(unit); !binary.empty()) {
    return refuse(text, "has the unit " + quoted(unit) + ", which is ambiguous: write " +
                            quoted(number + std::string(binary)) + ", in powers of 1024");
  }
  return refuse(text, "has the unknown unit " + quoted(unit) + ": write KiB, MiB, GiB or TiB");
}

std::string size_text(std::uint64_t bytes) {
  for (const Unit& unit : units) {
    const std::uint64_t count = bytes >> unit.shift;
    if (count != 0 && count << unit.shift == bytes) return std::to_string(count) + std::string(unit.name);
  }
  return std::to_string(bytes);
}

}  // namespace sidewinder::sim
