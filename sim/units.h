// SPDX-License-Identifier: Apache-2.0
//
// Sizes as people write them.

#ifndef SIDEWINDER_SIM_UNITS_H
#define SIDEWINDER_SIM_UNITS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace sidewinder::sim {

/// Bytes from "64", "16KiB", "600 MiB", "4GiB" or "1TiB". The error says what would be right; decimal units
/// are refused, since "600 MB" has meant both 600,000,000 and 0x25800000 bytes.
[[nodiscard]] tl::expected<std::uint64_t, std::string> parse_size(std::string_view text);

/// The largest unit that keeps the number whole: "600MiB", "4GiB", "100" (bytes).
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace sidewinder::sim

#endif
