// SPDX-License-Identifier: Apache-2.0
//
// The results' directory appears whole or not at all.

#ifndef SIDEWINDER_SIM_OUTPUT_DIRECTORY_H
#define SIDEWINDER_SIM_OUTPUT_DIRECTORY_H

#include <filesystem>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace sidewinder::sim {

struct OutputFile {
  std::string name;  ///< one of output_file_names, perhaps with a folder before it: "none-6.1/faults.log"
  std::string content;
};

/// What an earlier run may have left, and a new one may replace, there or in the folders of a comparison's
/// runs (is_run_folder).
[[nodiscard]] const std::vector<std::string>& output_file_names();

/// Whether results can go there: a new directory in one that exists, an empty one, or an earlier
/// run's or comparison's.
/// The error is a sentence that names the directory.
[[nodiscard]] tl::expected<void, std::string> check_output_directory(const std::filesystem::path& directory);

/// Writes beside the directory, then renames into its place; on an error nothing is left and nothing is
/// changed. Does what check_output_directory does first.
[[nodiscard]] tl::expected<void, std::string> write_output_directory(const std::filesystem::path& directory,
                                                                     const std::vector<OutputFile>& files);

}  // namespace sidewinder::sim

#endif
