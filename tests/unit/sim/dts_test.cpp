// SPDX-License-Identifier: Apache-2.0
#include "sim/dts.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "sim/profile.h"
#include "tests/unit/sim/input_files.h"

using namespace sidewinder;

namespace {

constexpr std::string_view sample =
    "/dts-v1/;\n#include \"here.h\"\n#include \"beside.h\"\n/ { a = <A>; b = <B>; };\n";

std::string load_error(const test::Folder& folder, const std::filesystem::path& file) {
  return test::input_error(folder, [&] { static_cast<void>(sim::load_device_tree(file)); });
}

/// An environment variable set to another value for a while.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    REQUIRE(setenv(name, value.c_str(), 1) == 0);
  }
  ~Variable() {
    if (old_) {
      setenv(name_, old_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace

TEST_CASE("a source is preprocessed and compiled") {
  const test::Folder folder;
  folder.write("here.h", "#define A 0x11223344\n");
  folder.write("include/beside.h", "#define B 2\n");
  const auto file = folder.write("t.dts", sample);
  const std::vector<std::byte> blob = sim::load_device_tree(file);
  REQUIRE(blob.size() > 4);
  const std::vector<std::byte> magic{std::byte{0xd0}, std::byte{0x0d}, std::byte{0xfe}, std::byte{0xed}};
  CHECK(std::equal(magic.begin(), magic.end(), blob.begin()));
  const std::vector<std::byte> a{std::byte{0x11}, std::byte{0x22}, std::byte{0x33}, std::byte{0x44}};
  CHECK(std::search(blob.begin(), blob.end(), a.begin(), a.end()) != blob.end());
  CHECK(sim::load_device_tree(file) == blob);
}

TEST_CASE("dtc's own includes are found beside the source") {
  const test::Folder folder;
  folder.write("part.dtsi", "/ { part; };\n");
  CHECK_FALSE(sim::load_device_tree(folder.write("t.dts", "/dts-v1/;\n/include/ \"part.dtsi\"\n")).empty());
}

TEST_CASE("a blob is read as it is") {
  const test::Folder folder;
  const std::vector<std::byte> blob =
      sim::load_device_tree(folder.write("t.dtb", std::string_view("ab\0\xff", 4)));
  CHECK(blob == std::vector<std::byte>{std::byte{'a'}, std::byte{'b'}, std::byte{0}, std::byte{0xff}});
}

TEST_CASE("the preprocessor's complaint keeps its line") {
  const test::Folder folder;
  CHECK(load_error(folder, folder.write("t.dts", "/dts-v1/;\n\n#include \"none.h\"\n")) ==
        "t.dts:3: cpp: fatal error: none.h: No such file or directory");
}

TEST_CASE("dtc's complaint keeps its file and line") {
  const test::Folder folder;
  CHECK(load_error(folder, folder.write("t.dts", "/dts-v1/;\n/ {\n  a = ;\n};\n")) ==
        "t.dts:3: dtc: syntax error");
  CHECK(load_error(folder, folder.write("t.dts", "/dts-v1/;\n/ {\n  a = <&none>;\n};\n")) ==
        "t.dts:2: dtc: ERROR (phandle_references): /: Reference to non-existent node or label \"none\"");
  folder.write("inner.dtsi", "\n\n\n/ { a = ; };\n");
  CHECK(load_error(folder, folder.write("t.dts", "/dts-v1/;\n#include \"inner.dtsi\"\n")) ==
        "inner.dtsi:4: dtc: syntax error");
  CHECK(load_error(folder, folder.write("t.dts", "/dts-v1/;\n/include/ \"none.dtsi\"\n")) ==
        "t.dts: dtc: FATAL ERROR: Couldn't open \"none.dtsi\": No such file or directory");
}

TEST_CASE("files that are no device tree") {
  const test::Folder folder;
  CHECK(load_error(folder, folder.path() / "none.dts") ==
        "none.dts: cannot be read: No such file or directory");
  CHECK(load_error(folder, folder.path() / "none.dtb") ==
        "none.dtb: cannot be read: No such file or directory");
  CHECK(load_error(folder, folder.write("t.txt", "")) ==
        "t.txt: is not a device tree by its name: it must end in .dts or .dtb");
  std::filesystem::create_directory(folder.path() / "dir.dts");
  CHECK(load_error(folder, folder.path() / "dir.dts") == "dir.dts: is a directory: a device tree is wanted");
}

TEST_CASE("a missing program is named with its package") {
  const test::Folder folder;
  const auto file = folder.write("t.dts", "/dts-v1/;\n/ { };\n");
  const Variable path("PATH", folder.path().string());
  CHECK(load_error(folder, file) ==
        "t.dts: needs the program cpp, which cannot be run (No such file or directory): install the package "
        "cpp, or "
        "give a .dtb");
}

TEST_CASE("nothing is left open or on disk") {
  const test::Folder folder;
  const auto good = folder.write("good.dts", "/dts-v1/;\n/ { };\n");
  const auto bad = folder.write("bad.dts", "/dts-v1/;\n/ { a = ; };\n");
  const auto worse = folder.write("worse.dts", "#include \"none.h\"\n");
  const Variable temporary("TMPDIR", folder.path().string());
  const std::size_t before = open_descriptors();
  static_cast<void>(sim::load_device_tree(good));
  CHECK_FALSE(load_error(folder, bad).empty());
  CHECK_FALSE(load_error(folder, worse).empty());
  CHECK(open_descriptors() == before);
  const std::filesystem::directory_iterator entries(folder.path());
  CHECK(std::distance(begin(entries), end(entries)) == 3);
}

TEST_CASE("a device tree's error becomes the file's") {
  const kernel::DeviceTreeError error("/soc@0/iommu@1", "reg is missing");
  CHECK(std::string(sim::to_input_error("p.dts", error).what()) == "p.dts: /soc@0/iommu@1: reg is missing");
}

TEST_CASE("the platforms that ship say what their profiles need") {
  const std::filesystem::path configs = SIDEWINDER_CONFIGS;
  for (const std::string name : {"thread-vpu", "thread-abc"}) {
    const kernel::DeviceTree tree(sim::load_device_tree(configs / "platforms" / (name + ".dts")));
    const sim::SocProfile profile = sim::load_profile(configs / "profiles" / (name + ".toml"));

    std::uint64_t memory = 0;
    for (const kernel::PhysRange& range : tree.memory()) memory += range.size;
    CHECK(tree.memory().front().base == 0x8000'0000);
    CHECK(memory == std::uint64_t{8} << 30);

    std::vector<std::string> paths;
    for (const sim::DeviceProfile& device : profile.devices) {
      paths.push_back(device.node);
      const kernel::DeviceNode node = tree.device(device.node);
      CHECK(node.available());
      CHECK(node.dma_coherent);
      CHECK(node.iommus.size() == device.streams.size());
      for (const sim::StreamProfile& stream : device.streams) {
        CHECK(std::count_if(node.iommus.begin(), node.iommus.end(),
                            [&stream](const kernel::IommuSpecifier& specifier) {
                              return specifier.sid == stream.sid && specifier.mask == 0;
                            }) == 1);
      }
    }
    const kernel::SmmuNode smmu = tree.smmu(paths);
    CHECK(smmu.dev_name == "15000000.iommu");
    CHECK(smmu.reg.size == 0x10'0000);
    CHECK(smmu.iommu_cells == 2);
    CHECK(smmu.dma_coherent);
    REQUIRE(smmu.global_interrupts.size() == 1);
    CHECK(smmu.global_interrupts[0].intid == 97);
    REQUIRE(smmu.context_interrupts.size() == 96);
    CHECK(smmu.context_interrupts[0].intid == 32 + 512);
    CHECK(smmu.context_interrupts[95].intid == 32 + 607);
    CHECK(smmu.context_interrupts.size() >= profile.smmu.context_banks);
  }
  const kernel::DeviceTree tree(sim::load_device_tree(configs / "platforms/thread-vpu.dts"));
  const kernel::DeviceNode vpu = tree.device("/soc@0/video-codec@aa00000");
  CHECK(vpu.dev_name == "aa00000.video-codec");
  CHECK(vpu.reg[0].size == 0xf'0000);
  CHECK(vpu.interrupts[0].intid == 32 + 174);
}
