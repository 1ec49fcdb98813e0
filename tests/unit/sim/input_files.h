// SPDX-License-Identifier: Apache-2.0
//
// Input files that a test writes, and the messages of the errors they cause.

#ifndef SIDEWINDER_TESTS_UNIT_SIM_INPUT_FILES_H
#define SIDEWINDER_TESTS_UNIT_SIM_INPUT_FILES_H

#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sim/input_error.h"

namespace sidewinder::test {

/// A folder of its own that goes when the test ends.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sidewinder-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view contents) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << contents;
    return file;
  }

 private:
  std::filesystem::path path_;
};

/// The message of the InputError that `action` throws, without the folder; "" when it throws none.
template <typename Action>
std::string input_error(const Folder& folder, Action action) {
  try {
    action();
  } catch (const sim::InputError& error) {
    std::string message = error.what();
    const std::string prefix = folder.path().string() + "/";
    for (std::size_t at = message.find(prefix); at != std::string::npos; at = message.find(prefix)) {
      message.erase(at, prefix.size());
    }
    return message;
  }
  return {};
}

/// `text` with its only occurrence of `what` replaced.
inline std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  if (at == std::string::npos || text.find(what, at + 1) != std::string::npos) {
    throw std::runtime_error("not exactly once in the text: " + std::string(what));
  }
  return text.replace(at, what.size(), by);
}

}  // namespace sidewinder::test

#endif
