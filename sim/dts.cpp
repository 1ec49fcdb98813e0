// SPDX-License-Identifier: Apache-2.0
#include "sim/dts.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace sidewinder::sim {
namespace {

using Arguments = std::vector<std::string>;

std::system_error system_failure(const char* what) {
  return {errno, std::generic_category(), what};
}

/// A file without a name, so that nothing is left behind however the program ends.
class AnonymousFile {
 public:
  AnonymousFile() : descriptor_(memfd_create("sidewinder", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw system_failure("memfd_create");
  }
  ~AnonymousFile() { close(descriptor_); }
  AnonymousFile(const AnonymousFile&) = delete;
  AnonymousFile& operator=(const AnonymousFile&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

  void rewind() const {
    if (lseek(descriptor_, 0, SEEK_SET) < 0) throw system_failure("lseek");
  }

  [[nodiscard]] std::string contents() const {
    rewind();
    std::string contents;
    std::array<char, 65536> piece{};
    while (true) {
      const ssize_t count = read(descriptor_, piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw system_failure("read");
      if (count == 0) return contents;
      contents.append(piece.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  int descriptor_;
};

constexpr int most_seconds = 20;
constexpr int not_found = 127;  // as timeout(1) and the shell say it
constexpr int killed = 137;

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  void redirect(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
  void open_null(int to) { posix_spawn_file_actions_addopen(&actions_, to, "/dev/null", O_RDONLY, 0); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

std::vector<char*> pointers(Arguments& strings) {
  std::vector<char*> list;
  for (std::string& string : strings) list.push_back(string.data());
  list.push_back(nullptr);
  return list;
}

/// The environment with messages in English, which is what error_line() understands.
Arguments english_environment() {
  Arguments environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "LC_ALL=", 7) != 0) environment.emplace_back(*variable);
  }
  environment.emplace_back("LC_ALL=C");
  return environment;
}

struct ProgramResult {
  bool succeeded = false;
  std::string errors;
};

/// Runs a program with `input` (null: nothing) as its standard input and its standard output to `output`.
ProgramResult run(const std::filesystem::path& file, Arguments arguments, const AnonymousFile* input,
                  const AnonymousFile& output, const char* package) {
  const AnonymousFile errors;
  SpawnActions actions;
  if (input != nullptr) {
    input->rewind();
    actions.redirect(input->descriptor(), STDIN_FILENO);
  } else {
    actions.open_null(STDIN_FILENO);
  }
  actions.redirect(output.descriptor(), STDOUT_FILENO);
  actions.redirect(errors.descriptor(), STDERR_FILENO);

  // Endless input (an #include of a device, a macro that doubles itself) ends with `timeout`, children
  // included.
  const std::string program = arguments.front();
  arguments.insert(arguments.begin(), {"timeout", "--signal=KILL", std::to_string(most_seconds)});
  Arguments environment = english_environment();
  pid_t process = 0;
  const int spawned = posix_spawnp(&process, arguments.front().c_str(), actions.get(), nullptr,
                                   pointers(arguments).data(), pointers(environment).data());
  if (spawned != 0) {
    throw InputError({file.string()}, "needs the program " + program + ", which cannot be run (" +
                                          std::generic_category().message(spawned) +
                                          "): install the package " + package + ", or give a .dtb");
  }
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) throw system_failure("waitpid");
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : killed;
  if (code == killed) {
    throw InputError({file.string()}, program + " did not end within " + std::to_string(most_seconds) + " s");
  }
  if (code == not_found) {
    throw InputError({file.string()}, "needs the program " + program +
                                          ", which is not installed: install the package " + package +
                                          ", or give a .dtb");
  }
  return {code == 0, errors.contents()};
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// The first complaint of cpp (`file:line:column: error: message`) or dtc (`Error: file:line.columns
/// message`, `file:line.columns: ERROR (check): message`, `FATAL ERROR: message`); the file given where it
/// names none.
InputError first_error(const std::filesystem::path& file, const std::string& program,
                       const std::string& errors) {
  std::istringstream lines(errors);
  std::string fallback;
  for (std::string text; std::getline(lines, text);) {
    std::string_view line = text;
    take_prefix(line, "Error: ");
    for (std::size_t colon = line.find(':'); colon != std::string_view::npos;
         colon = line.find(':', colon + 1)) {
      SourceLine where{std::string(line.substr(0, colon))};
      const char* const end = line.data() + line.size();
      const auto [after, status] = std::from_chars(line.data() + colon + 1, end, where.line);
      if (status != std::errc{} || after == end || (*after != ':' && *after != '.')) continue;
      std::string_view message(after, static_cast<std::size_t>(end - after));
      message.remove_prefix(std::min(message.find_first_not_of(":.-0123456789"), message.size()));
      take_prefix(message, " ");
      return {where, program + ": " + std::string(message)};
    }
    if (fallback.empty()) fallback = line;
  }
  return {{file.string()}, program + ": " + (fallback.empty() ? "failed without a message" : fallback)};
}

std::vector<std::byte> to_bytes(const std::string& text) {
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

std::vector<std::byte> compile(const std::filesystem::path& file) {
  const std::string folder = file.has_parent_path() ? file.parent_path().string() : ".";
  // A file called "-x.dts" must not be taken for an option.
  const std::string name = file.string().front() == '-' ? "./" + file.string() : file.string();

  const AnonymousFile source;
  const ProgramResult preprocessed = run(file,
                                         {"cpp", "-nostdinc", "-undef", "-x", "assembler-with-cpp", "-I",
                                          folder, "-I", folder + "/include", name},
                                         nullptr, source, "cpp");
  if (!preprocessed.succeeded) throw first_error(file, "cpp", preprocessed.errors);

  const AnonymousFile blob;
  const ProgramResult compiled =
      run(file, {"dtc", "-q", "-I", "dts", "-O", "dtb", "-i", folder, "-o", "-", "-"}, &source, blob,
          "device-tree-compiler");
  if (!compiled.succeeded) throw first_error(file, "dtc", compiled.errors);
  return to_bytes(blob.contents());
}

}  // namespace

std::vector<std::byte> load_device_tree(const std::filesystem::path& file) {
  const std::filesystem::path extension = file.extension();
  if (extension != ".dts" && extension != ".dtb") {
    throw InputError({file.string()}, "is not a device tree by its name: it must end in .dts or .dtb");
  }
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    throw InputError({file.string()}, "is a directory: a device tree is wanted");
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw InputError({file.string()}, "cannot be read: " + std::generic_category().message(errno));
  if (extension == ".dts") return compile(file);
  return to_bytes({std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()});
}

InputError to_input_error(const std::filesystem::path& file, const kernel::DeviceTreeError& error) {
  return {{file.string()}, error.what()};
}

}  // namespace sidewinder::sim
