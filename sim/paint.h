// SPDX-License-Identifier: Apache-2.0
//
// Bold and red for a terminal.

#ifndef SIDEWINDER_SIM_PAINT_H
#define SIDEWINDER_SIM_PAINT_H

#include <string>

namespace sidewinder::sim {

class Paint {
 public:
  /// Without colour, text stays as it is.
  explicit Paint(bool colour) : colour_(colour) {}

  [[nodiscard]] std::string bold(const std::string& text) const { return wrap("\x1b[1m", text); }
  [[nodiscard]] std::string alarm(const std::string& text) const { return wrap("\x1b[1;31m", text); }

 private:
  [[nodiscard]] std::string wrap(const char* code, const std::string& text) const {
    return colour_ ? code + text + "\x1b[0m" : text;
  }

  bool colour_;
};

}  // namespace sidewinder::sim

#endif
