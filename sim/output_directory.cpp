// SPDX-License-Identifier: Apache-2.0

#include "sim/output_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>

#include "sim/comparison.h"
#include "sim/text.h"

namespace sidewinder::sim {

namespace {

namespace fs = std::filesystem;

using Done = tl::expected<void, std::string>;

Done refuse(const fs::path& directory, const std::string& why) {
  return tl::unexpected<std::string>("output directory " + directory.string() + ": " + why);
}

Done refuse(const fs::path& directory, const std::string& what, const std::error_code& error) {
  return refuse(directory, what + ": " + error.message());
}

// Absolute, without a trailing slash, and through a symbolic link to what it names, so that the rename
// replaces the directory and not the link.
fs::path resolved(const fs::path& directory, std::error_code& error) {
  fs::path path = fs::weakly_canonical(fs::absolute(directory, error), error);
  if (!error && path.filename().empty() && path.has_relative_path()) path = path.parent_path();
  return path;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory(const fs::path& beside, std::error_code& error) {
    const std::string name = beside.filename().string();
    const std::string prefix = concat({".", name, ".partial-", std::to_string(getpid())});
    for (int attempt = 0; attempt < 100; ++attempt) {
      const fs::path candidate = beside.parent_path() / (prefix + "-" + std::to_string(attempt));
      if (fs::create_directory(candidate, error)) {
        path_ = candidate;
        return;
      }
      if (error) return;
    }
    error = std::make_error_code(std::errc::file_exists);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::error_code write_file(const fs::path& path, const std::string& content) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (out) return {};
  return {errno == 0 ? EIO : errno, std::generic_category()};
}

// Adds what no run left. A comparison's folders hold files only.
void find_foreign(const fs::directory_entry& entry, bool folders, const std::string& folder,
                  std::vector<std::string>& foreign) {
  const std::string name = entry.path().filename().string();
  std::error_code error;
  if (folders && is_run_folder(name) && fs::is_directory(entry.symlink_status(error))) {
    const fs::directory_iterator inside(entry.path(), error);
    if (error) foreign.push_back(name);
    for (const fs::directory_entry& file : inside) find_foreign(file, false, name + "/", foreign);
    return;
  }
  const auto& ours = output_file_names();
  const bool known = std::find(ours.begin(), ours.end(), name) != ours.end();
  if (!known || !entry.is_regular_file(error)) foreign.push_back(folder + name);
}

std::error_code make_folder_of(const fs::path& file, const fs::path& below) {
  std::error_code error;
  const fs::path folder = file.parent_path();
  if (folder != below) fs::create_directory(folder, error);
  return error;
}

// Afterwards `temporary` is gone, or holds what `target` held.
std::error_code put_in_place(const fs::path& temporary, const fs::path& target) {
  if (std::rename(temporary.c_str(), target.c_str()) == 0) return {};  // a new or an empty directory
  if (errno != ENOTEMPTY && errno != EEXIST) return {errno, std::generic_category()};
  if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return {};

  // A file system without the exchange: the old results step aside, and come back should the new ones not fit
  // in.
  const fs::path aside = temporary.string() + "-old";
  std::error_code error;
  fs::rename(target, aside, error);
  if (error) return error;
  fs::rename(temporary, target, error);
  std::error_code ignored;
  if (error) {
    fs::rename(aside, target, ignored);
  } else {
    fs::remove_all(aside, ignored);
  }
  return error;
}

}  // namespace

const std::vector<std::string>& output_file_names() {
  static const std::vector<std::string> names{"comparison.json", "faults.log", "summary.json"};
  return names;
}

Done check_output_directory(const fs::path& directory) {
  if (directory.empty()) return refuse("\"\"", "the name is empty");
  std::error_code error;
  const fs::path path = resolved(directory, error);
  if (error) return refuse(directory, "cannot be reached", error);

  const fs::path parent = path.parent_path();
  if (!fs::is_directory(parent, error)) {
    return refuse(directory,
                  "its parent " + parent.string() + " is not an existing directory; create it first");
  }
  if (access(parent.c_str(), W_OK | X_OK) != 0) {
    return refuse(directory, "its parent " + parent.string() + " cannot be written to");
  }
  const fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status)) return {};
  if (!fs::is_directory(status)) return refuse(directory, "exists and is not a directory; name another");
  if (fs::equivalent(path, fs::current_path(error), error)) {
    return refuse(directory,
                  "is the current directory, and results replace a directory as a whole; name one in it");
  }
  const fs::directory_iterator entries(path, error);
  if (error) return refuse(directory, "cannot be read", error);
  std::vector<std::string> foreign;
  for (const fs::directory_entry& entry : entries) find_foreign(entry, true, "", foreign);
  if (foreign.empty()) return {};
  return refuse(directory, "exists and holds " + *std::min_element(foreign.begin(), foreign.end()) +
                               ", which no run wrote; name a new or an empty directory");
}

Done write_output_directory(const fs::path& directory, const std::vector<OutputFile>& files) {
  if (Done checked = check_output_directory(directory); !checked) return checked;
  std::error_code error;
  const fs::path target = resolved(directory, error);
  if (error) return refuse(directory, "cannot be reached", error);

  const TemporaryDirectory temporary(target, error);
  if (error) return refuse(directory, "cannot be made", error);
  for (const OutputFile& file : files) {
    const fs::path path = temporary.path() / file.name;
    error = make_folder_of(path, temporary.path());
    if (!error) error = write_file(path, file.content);
    if (error) return refuse(directory, file.name + " cannot be written", error);
  }
  error = put_in_place(temporary.path(), target);
  if (error) return refuse(directory, "cannot be put in place", error);
  return {};
}

}  // namespace sidewinder::sim
