// SPDX-License-Identifier: Apache-2.0
#include "tests/support/dts_text.h"

#include <unistd.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>

namespace sidewinder::test {
namespace {

class SourceFile {
 public:
  explicit SourceFile(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "sidewinder-XXXXXX").string();
    const int descriptor = mkstemp(name.data());
    if (descriptor < 0) throw std::runtime_error("mkstemp " + name);
    path_ = name;
    const auto written = write(descriptor, text.data(), text.size());
    close(descriptor);
    if (written != static_cast<ssize_t>(text.size())) throw std::runtime_error("write " + name);
  }
  ~SourceFile() { unlink(path_.c_str()); }
  SourceFile(const SourceFile&) = delete;
  SourceFile& operator=(const SourceFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

kernel::DeviceTree device_tree(const std::string& source) {
  const SourceFile file("/dts-v1/;\n" + source);
  const std::string command = "dtc -q -I dts -O dtb -o - " + file.path();
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen " + command);
  std::vector<std::byte> blob;
  std::array<std::byte, 4096> piece{};
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), pipe))
    blob.insert(blob.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
  if (pclose(pipe) != 0) throw std::runtime_error("dtc does not take:\n" + source);
  return kernel::DeviceTree(std::move(blob));
}

}  // namespace sidewinder::test
