// SPDX-License-Identifier: Apache-2.0
//
// Device trees from files, as source or flattened.

#ifndef SIDEWINDER_SIM_DTS_H
#define SIDEWINDER_SIM_DTS_H

#include <cstddef>
#include <filesystem>
#include <vector>

#include "iommu/linux/device_tree.h"
#include "sim/input_error.h"

namespace sidewinder::sim {

/// The flattened tree of a `.dtb`, as it is, or of a `.dts`, through the C preprocessor (`#include` looks in
/// the file's folder and in `include` beside it) and dtc. Throws InputError, with the line cpp or dtc
/// complains of.
[[nodiscard]] std::vector<std::byte> load_device_tree(const std::filesystem::path& file);

/// "file: /node/path: message".
[[nodiscard]] InputError to_input_error(const std::filesystem::path& file,
                                        const kernel::DeviceTreeError& error);

}  // namespace sidewinder::sim

#endif
