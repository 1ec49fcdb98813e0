// SPDX-License-Identifier: Apache-2.0
//
// What is thrown for bad user input, and nothing else is.

#ifndef SIDEWINDER_SIM_INPUT_ERROR_H
#define SIDEWINDER_SIM_INPUT_ERROR_H

#include <cstdint>
#include <stdexcept>
#include <string>

namespace sidewinder::sim {

/// Where a piece of input was written. `file` may also be "--set KEY=VALUE", which has no lines.
struct SourceLine {
  std::string file;
  std::uint32_t line = 0;  ///< counted from 1; 0: the file as a whole
};

[[nodiscard]] inline std::string to_string(const SourceLine& where) {
  return where.line == 0 ? where.file : where.file + ":" + std::to_string(where.line);
}

/// what() is `file:line: what is wrong and what would be right`.
class InputError : public std::runtime_error {
 public:
  InputError(const SourceLine& where, const std::string& message)
      : std::runtime_error(to_string(where) + ": " + message) {}
  /// Of another one's what().
  explicit InputError(const std::string& whole) : std::runtime_error(whole) {}
};

}  // namespace sidewinder::sim

#endif
