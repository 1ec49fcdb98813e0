// SPDX-License-Identifier: Apache-2.0

#include "sim/output_directory.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

using namespace sidewinder::sim;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

class Workplace {
 public:
  Workplace() {
    char name[] = "/tmp/sidewinder-output-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root = name;
  }
  ~Workplace() { fs::remove_all(root); }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(root), fs::directory_iterator()));
  }

  fs::path root;
};

std::string content(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

const std::vector<OutputFile> first{{"faults.log", "one\n"}, {"summary.json", "{}\n"}};
const std::vector<OutputFile> second{{"faults.log", "two\n"}};

std::string error_of(const tl::expected<void, std::string>& done) {
  return done ? "no error" : done.error();
}

}  // namespace

TEST_CASE("a new directory appears with its files and nothing beside it") {
  const Workplace place;
  const fs::path out = place.root / "out";
  REQUIRE(write_output_directory(out, first));
  CHECK(content(out / "faults.log") == "one\n");
  CHECK(content(out / "summary.json") == "{}\n");
  CHECK(place.entries() == 1);
}

TEST_CASE("an empty directory is filled, with or without a trailing slash") {
  const Workplace place;
  const fs::path out = place.root / "out";
  fs::create_directory(out);
  REQUIRE(write_output_directory(out.string() + "/", first));
  CHECK(content(out / "faults.log") == "one\n");
  CHECK(place.entries() == 1);
}

TEST_CASE("a new directory may be named with a trailing slash") {
  const Workplace place;
  REQUIRE(write_output_directory((place.root / "out").string() + "/", first));
  CHECK(content(place.root / "out" / "faults.log") == "one\n");
}

TEST_CASE("an earlier run's directory is replaced as a whole") {
  const Workplace place;
  const fs::path out = place.root / "out";
  REQUIRE(write_output_directory(out, first));
  REQUIRE(write_output_directory(out, second));
  CHECK(content(out / "faults.log") == "two\n");
  CHECK_FALSE(fs::exists(out / "summary.json"));
  CHECK(place.entries() == 1);
}

TEST_CASE("a directory with anything else in it is refused and left alone") {
  const Workplace place;
  const fs::path out = place.root / "out";
  REQUIRE(write_output_directory(out, first));
  std::ofstream(out / "thesis.tex") << "mine";
  CHECK_THAT(error_of(check_output_directory(out)), Contains("out: exists and holds thesis.tex"));
  CHECK_THAT(error_of(write_output_directory(out, second)), Contains("holds thesis.tex"));
  CHECK(content(out / "faults.log") == "one\n");
  CHECK(content(out / "thesis.tex") == "mine");
  CHECK(place.entries() == 1);
}

TEST_CASE("a directory named like a file of ours is not ours") {
  const Workplace place;
  const fs::path out = place.root / "out";
  fs::create_directories(out / "faults.log");
  CHECK_THAT(error_of(check_output_directory(out)), Contains("holds faults.log"));
}

TEST_CASE("a missing parent, a file in the way and an empty name are refused") {
  const Workplace place;
  CHECK_THAT(error_of(check_output_directory(place.root / "a" / "b")),
             Contains("is not an existing directory"));
  std::ofstream(place.root / "file") << "x";
  CHECK_THAT(error_of(check_output_directory(place.root / "file")),
             Contains("is not a directory; name another"));
  CHECK_THAT(error_of(check_output_directory(place.root / "file" / "out")),
             Contains("is not an existing directory"));
  CHECK_THAT(error_of(check_output_directory("")), Contains("the name is empty"));
  CHECK_THAT(error_of(write_output_directory(place.root / "a" / "b", first)), Contains("is not an existing"));
  CHECK(place.entries() == 1);
}

TEST_CASE("the current directory is refused, even when empty") {
  const Workplace place;
  const fs::path before = fs::current_path();
  fs::current_path(place.root);
  const std::string error = error_of(check_output_directory("."));
  fs::current_path(before);
  CHECK_THAT(error, Contains("is the current directory"));
}

TEST_CASE("through a symbolic link, the directory it names is replaced and the link stays") {
  const Workplace place;
  REQUIRE(write_output_directory(place.root / "real", first));
  fs::create_directory_symlink(place.root / "real", place.root / "link");
  REQUIRE(write_output_directory(place.root / "link", second));
  CHECK(fs::is_symlink(place.root / "link"));
  CHECK(content(place.root / "real" / "faults.log") == "two\n");
  CHECK(place.entries() == 2);
}

TEST_CASE("a file that cannot be written leaves nothing behind and changes nothing") {
  const Workplace place;
  const fs::path out = place.root / "out";
  REQUIRE(write_output_directory(out, first));
  const std::string error =
      error_of(write_output_directory(out, {{"faults.log", "two\n"}, {"no/such/file", ""}}));
  CHECK_THAT(error, Contains("no/such/file cannot be written"));
  CHECK(content(out / "faults.log") == "one\n");
  CHECK(place.entries() == 1);

  CHECK_FALSE(write_output_directory(place.root / "new", {{"no/such/file", ""}}));
  CHECK(place.entries() == 1);
}

TEST_CASE("a comparison's folders are made, and replaced together") {
  const Workplace place;
  const fs::path out = place.root / "out";
  const std::vector<OutputFile> files{{"comparison.json", "{}\n"},
                                      {"none-6.1/summary.json", "1\n"},
                                      {"none-6.1/faults.log", "2\n"},
                                      {"child-nodes-6.19/faults.log", "3\n"}};
  REQUIRE(write_output_directory(out, files));
  CHECK(content(out / "comparison.json") == "{}\n");
  CHECK(content(out / "none-6.1" / "summary.json") == "1\n");
  CHECK(content(out / "none-6.1" / "faults.log") == "2\n");
  CHECK(content(out / "child-nodes-6.19" / "faults.log") == "3\n");
  REQUIRE(write_output_directory(out, {{"none-6.1/faults.log", "4\n"}}));
  CHECK(content(out / "none-6.1" / "faults.log") == "4\n");
  CHECK_FALSE(fs::exists(out / "comparison.json"));
  CHECK_FALSE(fs::exists(out / "child-nodes-6.19"));
  REQUIRE(write_output_directory(out, first));
  CHECK_FALSE(fs::exists(out / "none-6.1"));
  CHECK(place.entries() == 1);
}

TEST_CASE("what no comparison left in its folders is refused and left alone") {
  const Workplace place;
  const fs::path out = place.root / "out";
  const auto refused = [&](const std::string& what) {
    CHECK_THAT(error_of(check_output_directory(out)), Contains("exists and holds " + what + ", which"));
    CHECK_FALSE(write_output_directory(out, first));
    fs::remove_all(out / what);
    CHECK(check_output_directory(out));
  };
  REQUIRE(write_output_directory(out, {{"none-6.1/faults.log", "1\n"}}));
  std::ofstream(out / "none-6.1" / "thesis.tex") << "mine";
  refused("none-6.1/thesis.tex");
  fs::create_directories(out / "none-6.1" / "summary.json");
  refused("none-6.1/summary.json");
  fs::create_directories(out / "none-6.1" / "shared-6.1");
  refused("none-6.1/shared-6.1");
  fs::create_directory(out / "photos-6.1");
  refused("photos-6.1");
  std::ofstream(out / "shared-6.1") << "a file";
  refused("shared-6.1");
  fs::create_directory_symlink(place.root, out / "shared-6.1");
  refused("shared-6.1");
  CHECK(content(out / "none-6.1" / "faults.log") == "1\n");
}
