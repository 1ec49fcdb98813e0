// SPDX-License-Identifier: Apache-2.0
//
// Device trees written as text in a test.

#ifndef SIDEWINDER_TESTS_SUPPORT_DTS_TEXT_H
#define SIDEWINDER_TESTS_SUPPORT_DTS_TEXT_H

#include <string>

#include "iommu/linux/device_tree.h"

namespace sidewinder::test {

/// What dtc makes of `source`, which lacks only the version line. Throws std::runtime_error where dtc does
/// not take it.
[[nodiscard]] kernel::DeviceTree device_tree(const std::string& source);

/// What the action throws as a DeviceTreeError; empty when it throws nothing.
template <typename Action>
[[nodiscard]] std::string device_tree_error(Action action) {
  try {
    static_cast<void>(action());
  } catch (const kernel::DeviceTreeError& error) {
    return error.what();
  }
  return {};
}

}  // namespace sidewinder::test

#endif
