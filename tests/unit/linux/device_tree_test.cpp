// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/device_tree.h"

#include <libfdt.h>
#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/dts_text.h"

using namespace sidewinder::kernel;

namespace {

using Cells = std::vector<std::uint32_t>;

constexpr std::uint32_t gic_phandle = 1;
constexpr std::uint32_t smmu_phandle = 2;
constexpr std::uint32_t gpu_smmu_phandle = 3;
constexpr std::uint32_t timer_phandle = 4;

const std::string smmu_path = "/soc@0/iommu@15000000";
const std::string video_path = "/soc@0/video-codec@aa00000";
const std::string gpu_smmu_path = "/soc@0/iommu@3da0000";

/// A small board, to be changed one property at a time.
class Board {
 public:
  Board() : blob_(16384) {
    REQUIRE(fdt_create_empty_tree(data(), static_cast<int>(blob_.size())) == 0);
    set("/", "#address-cells", {2});
    set("/", "#size-cells", {2});
    set("/", "interrupt-parent", {gic_phandle});
    add("/", "memory@80000000");
    set_text("/memory@80000000", "device_type", "memory");
    set("/memory@80000000", "reg", {1, 0, 0, 0x8000'0000, 0, 0x8000'0000, 0, 0x8000'0000});
    add("/", "soc@0");
    set("/soc@0", "#address-cells", {1});
    set("/soc@0", "#size-cells", {1});
    set("/soc@0", "ranges", {});
    add("/soc@0", "interrupt-controller@17100000");
    const std::string gic = "/soc@0/interrupt-controller@17100000";
    set(gic, "phandle", {gic_phandle});
    set(gic, "interrupt-controller", {});
    set(gic, "#interrupt-cells", {3});
    add("/soc@0", "timer@1");
    set("/soc@0/timer@1", "phandle", {timer_phandle});
    add_smmu("iommu@15000000", smmu_phandle, 0x1500'0000);
    add("/soc@0", "video-codec@aa00000");
    set(video_path, "reg", {0x0aa0'0000, 0xf'0000});
    set(video_path, "interrupts", {0, 174, 4});
    set(video_path, "iommus", {smmu_phandle, 0x1940, 0x0, smmu_phandle, 0x1947, 0x7});
  }

  void add_smmu(const std::string& name, std::uint32_t phandle, std::uint32_t base) {
    add("/soc@0", name);
    const std::string path = "/soc@0/" + name;
    const char compatible[] = "vendor,part-smmu-500\0arm,mmu-500";
    REQUIRE(fdt_setprop(data(), node(path), "compatible", compatible, sizeof compatible) == 0);
    set(path, "phandle", {phandle});
    set(path, "reg", {base, 0x10'0000});
    set(path, "#iommu-cells", {2});
    set(path, "#global-interrupts", {1});
    set(path, "interrupts", {0, 65, 4, 0, 97, 4, 1, 3, 1});
  }

  void add(const std::string& parent, const std::string& name) {
    REQUIRE(fdt_add_subnode(data(), node(parent), name.c_str()) >= 0);
  }
  void set(const std::string& path, const char* property, const Cells& cells) {
    std::vector<fdt32_t> bytes;
    for (const std::uint32_t cell : cells) bytes.push_back(cpu_to_fdt32(cell));
    REQUIRE(fdt_setprop(data(), node(path), property, bytes.data(), static_cast<int>(bytes.size() * 4)) == 0);
  }
  void set_text(const std::string& path, const char* property, const char* text) {
    set_raw(path, property, std::string(text, std::strlen(text) + 1));
  }
  void set_raw(const std::string& path, const char* property, const std::string& bytes) {
    REQUIRE(fdt_setprop(data(), node(path), property, bytes.data(), static_cast<int>(bytes.size())) == 0);
  }
  void remove(const std::string& path, const char* property) {
    REQUIRE(fdt_delprop(data(), node(path), property) == 0);
  }
  void remove_node(const std::string& path) { REQUIRE(fdt_del_node(data(), node(path)) == 0); }

  [[nodiscard]] const std::vector<std::byte>& blob() const { return blob_; }
  [[nodiscard]] DeviceTree tree() const { return DeviceTree(blob_); }

 private:
  void* data() { return blob_.data(); }
  int node(const std::string& path) {
    const int offset = fdt_path_offset(data(), path.c_str());
    REQUIRE(offset >= 0);
    return offset;
  }

  std::vector<std::byte> blob_;
};

template <typename Action>
std::string error_of(Action action) {
  try {
    static_cast<void>(action());
  } catch (const DeviceTreeError& error) {
    CHECK(error.what() == error.path() + ": " + error.message());
    return error.what();
  }
  return {};
}

const std::vector<std::string> video_only{video_path};

std::string smmu_error(const Board& board) {
  return error_of([&] { return board.tree().smmu(video_only); });
}
std::string video_error(const Board& board) {
  return error_of([&] { return board.tree().device(video_path); });
}
std::string memory_error(const Board& board) {
  return error_of([&] { return board.tree().memory(); });
}

}  // namespace

TEST_CASE("a blob must be a well-formed tree") {
  CHECK(error_of([] { return DeviceTree({}); }) ==
        "/: is not a well-formed flattened device tree: FDT_ERR_TRUNCATED");
  CHECK(error_of([] { return DeviceTree(std::vector<std::byte>(100)); }) ==
        "/: is not a well-formed flattened device tree: FDT_ERR_BADMAGIC");
  std::vector<std::byte> cut = Board().blob();
  cut.resize(1000);
  CHECK(error_of([&] { return DeviceTree(cut); }).rfind("/: is not a well-formed flattened device tree", 0) ==
        0);
  CHECK(error_of([] { return DeviceTree(Board().blob()); }).empty());
}

TEST_CASE("memory is all of it, sorted") {
  Board board;
  board.add("/", "memory@0");
  board.set_text("/memory@0", "device_type", "memory");
  board.set("/memory@0", "reg", {0, 0x1000, 0, 0x2000, 0, 0x9000, 0, 0});
  const std::vector<PhysRange> memory = board.tree().memory();
  REQUIRE(memory.size() == 3);
  CHECK(memory[0].base == 0x1000);
  CHECK(memory[0].size == 0x2000);
  CHECK(memory[1].base == 0x8000'0000);
  CHECK(memory[2].base == 0x1'0000'0000);
  CHECK(memory[2].size == 0x8000'0000);
}

TEST_CASE("memory is counted in the root's cells") {
  Board board;
  board.set("/", "#address-cells", {1});
  board.set("/", "#size-cells", {1});
  board.set("/memory@80000000", "reg", {0x4000'0000, 0x1000'0000});
  CHECK(board.tree().memory()[0].base == 0x4000'0000);
  CHECK(board.tree().memory()[0].size == 0x1000'0000);
  board.remove("/", "#address-cells");
  board.remove("/", "#size-cells");
  CHECK(board.tree().memory()[0].base == 0x4000'0000);  // 1 and 1 without the properties
  board.set("/memory@80000000", "reg", {0x1, 0x4000'0000, 0x1000'0000});
  CHECK(memory_error(board) ==
        "/memory@80000000: reg has 3 cells: its parent makes each entry 1 of address and 1 of size");
}

TEST_CASE("memory that cannot be used") {
  Board board;
  board.set("/memory@80000000", "reg", {0, 0, 0, 0x2000, 0, 0x1fff, 0, 1});
  CHECK(memory_error(board) ==
        "/memory@80000000: reg 0x1fff + 0x1 overlaps 0x0 + 0x2000: memory must be described once");
  board.set("/memory@80000000", "reg", {0, 0, 0, 0x2000, 0, 0x2000, 0, 1});
  CHECK(memory_error(board).empty());
  board.set("/memory@80000000", "reg", {0, 0, 0});
  CHECK(memory_error(board) ==
        "/memory@80000000: reg has 3 cells: its parent makes each entry 2 of address and 2 of size");
  board.set("/memory@80000000", "reg", {0xffff'ffff, 0xffff'f000, 0, 0x1001});
  CHECK(memory_error(board) == "/memory@80000000: reg runs past 2^64: 0xfffffffffffff000 + 0x1001");
  board.set("/memory@80000000", "reg", {0xffff'ffff, 0xffff'f000, 0, 0x1000});
  CHECK(memory_error(board).empty());
  board.set_text("/memory@80000000", "status", "disabled");
  CHECK(board.tree().memory().empty());
  board.set_text("/memory@80000000", "status", "ok");
  board.set_text("/memory@80000000", "device_type", "cpu");
  CHECK(board.tree().memory().empty());
}

TEST_CASE("reserved memory is counted") {
  Board board;
  CHECK(board.tree().reserved_memory_count() == 0);
  board.add("/", "reserved-memory");
  CHECK(board.tree().reserved_memory_count() == 0);
  board.add("/reserved-memory", "a@1");
  board.add("/reserved-memory", "b@2");
  CHECK(board.tree().reserved_memory_count() == 2);
}

TEST_CASE("the SMMU's node") {
  const SmmuNode smmu = Board().tree().smmu(video_only);
  CHECK(smmu.path == smmu_path);
  CHECK(smmu.dev_name == "15000000.iommu");
  CHECK(smmu.phandle == smmu_phandle);
  CHECK(smmu.reg.base == 0x1500'0000);
  CHECK(smmu.reg.size == 0x10'0000);
  CHECK(smmu.iommu_cells == 2);
  CHECK(smmu.stream_match_mask == 0);
  CHECK_FALSE(smmu.dma_coherent);
  REQUIRE(smmu.global_interrupts.size() == 1);
  CHECK(smmu.global_interrupts[0].type == InterruptType::Spi);
  CHECK(smmu.global_interrupts[0].number == 65);
  CHECK(smmu.global_interrupts[0].flags == 4);
  CHECK(smmu.global_interrupts[0].intid == 97);
  REQUIRE(smmu.context_interrupts.size() == 2);
  CHECK(smmu.context_interrupts[0].intid == 129);
  CHECK(smmu.context_interrupts[1].type == InterruptType::Ppi);
  CHECK(smmu.context_interrupts[1].intid == 19);
}

TEST_CASE("the SMMU is the one that the devices refer to") {
  Board board;
  board.add_smmu("iommu@3da0000", gpu_smmu_phandle, 0x03da'0000);
  board.add("/soc@0", "gpu@3d00000");
  const std::string gpu_path = "/soc@0/gpu@3d00000";
  board.set(gpu_path, "reg", {0x03d0'0000, 0x1000});
  board.set(gpu_path, "iommus", {gpu_smmu_phandle, 0, 0});

  CHECK(board.tree().smmu(video_only).path == smmu_path);
  CHECK(board.tree().smmu(std::vector{gpu_path}).path == gpu_smmu_path);
  CHECK(error_of([&] {
          return board.tree().smmu(std::vector{video_path, gpu_path});
        }) == gpu_path + ": iommus refers to " + gpu_smmu_path + ", but also " + smmu_path +
                  " is in use: all devices must be behind one SMMU");
  board.remove(video_path, "iommus");
  CHECK_THAT(smmu_error(board), Catch::StartsWith("/: has several SMMUs, "));
  board.set_text(gpu_smmu_path, "status", "disabled");
  CHECK(board.tree().smmu(video_only).path == smmu_path);
}

TEST_CASE("a tree without an SMMU") {
  Board board;
  board.remove(video_path, "iommus");
  CHECK(board.tree().smmu({}).path == smmu_path);
  const std::string none =
      "/: has no SMMU: there must be an available node compatible with arm,mmu-500, "
      "arm,smmu-v2, qcom,smmu-v2 or arm,smmu-v3";
  board.set_text(smmu_path, "status", "disabled");
  CHECK(smmu_error(board) == none);
  board.set_text(smmu_path, "status", "okay");
  board.set_text(smmu_path, "compatible", "arm,mmu-401");
  CHECK(smmu_error(board) == none);
  board.remove_node(smmu_path);
  CHECK(smmu_error(board) == none);
}

TEST_CASE("what an SMMU's node must have") {
  Board board;
  board.remove(smmu_path, "#global-interrupts");
  CHECK(smmu_error(board) ==
        smmu_path + ": #global-interrupts is missing: it must say how many of the interrupts are global");
  board.set(smmu_path, "#global-interrupts", {3});
  CHECK(smmu_error(board) ==
        smmu_path +
            ": has 3 interrupts, 3 of them global: it must have at least one more, for a context bank");
  board.set(smmu_path, "#global-interrupts", {2});
  CHECK(board.tree().smmu(video_only).context_interrupts.size() == 1);

  board.set(smmu_path, "#iommu-cells", {3});
  CHECK(smmu_error(board) == smmu_path + ": #iommu-cells is 3: it must be 1 or 2");
  board.set(smmu_path, "#iommu-cells", {1, 1});
  CHECK(smmu_error(board) == smmu_path + ": #iommu-cells has 2 cells: it must have one");
  board.set_raw(smmu_path, "#iommu-cells", "abc");
  CHECK(smmu_error(board) == smmu_path + ": #iommu-cells is 3 bytes long: it must be whole cells of 4");
  board.remove(smmu_path, "#iommu-cells");
  CHECK(smmu_error(board) == smmu_path + ": #iommu-cells is missing: it must be 1 or 2");
  board.set(smmu_path, "#iommu-cells", {2});

  board.set(smmu_path, "stream-match-mask", {0x1'0000});
  CHECK(smmu_error(board) == smmu_path + ": stream-match-mask 0x10000 is too large: it has 16 bits");
  board.remove(smmu_path, "stream-match-mask");
  board.remove(smmu_path, "reg");
  CHECK(smmu_error(board) == smmu_path + ": reg is missing: it must give the node's address and size");
}

TEST_CASE("a device's node") {
  const DeviceNode video = Board().tree().device(video_path);
  CHECK(video.path == video_path);
  CHECK(video.dev_name == "aa00000.video-codec");
  REQUIRE(video.reg.size() == 1);
  CHECK(video.reg[0].base == 0x0aa0'0000);
  CHECK(video.reg[0].size == 0xf'0000);
  REQUIRE(video.interrupts.size() == 1);
  CHECK(video.interrupts[0].intid == 206);
  REQUIRE(video.iommus.size() == 2);
  CHECK(video.iommus[0].phandle == smmu_phandle);
  CHECK(video.iommus[0].sid == 0x1940);
  CHECK(video.iommus[0].mask == 0);
  CHECK(video.iommus[1].sid == 0x1947);
  CHECK(video.iommus[1].mask == 7);
  CHECK_FALSE(video.dma_coherent);
  CHECK(video.status == "okay");
  CHECK(video.available());
}

TEST_CASE("status and coherence") {
  Board board;
  board.set_text(video_path, "status", "disabled");
  CHECK(board.tree().device(video_path).status == "disabled");
  CHECK_FALSE(board.tree().device(video_path).available());
  board.set_text(video_path, "status", "ok");
  CHECK(board.tree().device(video_path).available());
  board.set_raw(video_path, "status", "okay");
  CHECK(video_error(board) == video_path + ": status is not a string: it must end in a zero byte");
  board.remove(video_path, "status");

  board.set("/soc@0", "dma-coherent", {});
  CHECK(board.tree().device(video_path).dma_coherent);
  board.set(video_path, "dma-noncoherent", {});
  CHECK_FALSE(board.tree().device(video_path).dma_coherent);
  board.set(video_path, "dma-coherent", {});
  CHECK(board.tree().device(video_path).dma_coherent);
}

TEST_CASE("a node that is not there") {
  const DeviceTree tree = Board().tree();
  CHECK(error_of([&] { return tree.device("/soc@0/video-codec@1/core"); }) ==
        "/soc@0/video-codec@1/core: there is no such node: the nearest above it is /soc@0");
  CHECK(error_of([&] { return tree.device("/x"); }) ==
        "/x: there is no such node: the nearest above it is /");
  CHECK(error_of([&] { return tree.device("soc@0/x"); }) ==
        "soc@0/x: is not a full path: it must begin with /");
  CHECK(error_of([&] { return tree.device(""); }) == ": is not a full path: it must begin with /");
  CHECK(error_of([&] { return tree.device("/"); }) ==
        "/: is the root of the tree: a device must be below it");
}

TEST_CASE("an address is translated through every bus") {
  Board board;
  board.set("/soc@0", "ranges", {0x0, 0x1, 0x0, 0x1000'0000, 0x1000'0000, 0x0, 0x2000'0000, 0x1000'0000});
  const DeviceNode video = board.tree().device(video_path);
  CHECK(video.reg[0].base == 0x1'0aa0'0000);
  CHECK(video.dev_name == "10aa00000.video-codec");
  CHECK(board.tree().smmu(video_only).reg.base == 0x2500'0000);

  board.set("/soc@0", "ranges", {0x0aa0'0000, 0x0, 0x0, 0xf'0000});
  CHECK(board.tree().device(video_path).reg[0].base == 0);
  board.set("/soc@0", "ranges", {0x0aa0'0001, 0x0, 0x0, 0xf'0000});
  CHECK(video_error(board) ==
        video_path + ": reg cannot be translated: the ranges of its bus /soc@0 do not cover 0xaa00000");
  board.set("/soc@0", "ranges", {0x0, 0x0, 0x0, 0x0aa0'0000});
  CHECK_FALSE(video_error(board).empty());
  board.set("/soc@0", "ranges", {0x0, 0x0, 0x0});
  CHECK(video_error(board) == "/soc@0: ranges has 3 cells: each entry must have 1 + 2 + 1");
  board.remove("/soc@0", "ranges");
  CHECK(video_error(board) == video_path + ": reg cannot be translated: its bus /soc@0 has no ranges");
}

TEST_CASE("a register range that cannot be") {
  Board board;
  board.set(video_path, "reg", {0x0aa0'0000, 0x0});
  CHECK(video_error(board) == video_path + ": reg has a size of 0: it must not be empty");
  board.set(video_path, "reg", {0x0aa0'0000});
  CHECK(video_error(board) ==
        video_path + ": reg has 1 cells: its parent makes each entry 1 of address and 1 of size");
  board.set(video_path, "reg", {});
  CHECK(video_error(board) == video_path + ": reg is missing: it must give the node's address and size");
  board.set_raw(video_path, "reg", "12345");
  CHECK(video_error(board) == video_path + ": reg is 5 bytes long: it must be whole cells of 4");
  board.set("/soc@0", "#address-cells", {3});
  board.set(video_path, "reg", {0, 0, 1, 1});
  CHECK(video_error(board) ==
        "/soc@0: #address-cells is 3: it must be 1 or 2 for devices on it to have a CPU address");
  board.set("/soc@0", "#address-cells", {2});
  board.set(video_path, "reg", {0xffff'ffff, 0xffff'ffff, 2});
  CHECK(video_error(board) == video_path + ": reg runs past 2^64: 0xffffffffffffffff + 0x2");
}

TEST_CASE("interrupts follow the nearest parent") {
  Board board;
  board.add("/soc@0", "other@2");
  board.set("/soc@0/other@2", "phandle", {9});
  board.set("/soc@0/other@2", "interrupt-controller", {});
  board.set("/soc@0/other@2", "#interrupt-cells", {4});
  board.set(video_path, "interrupt-parent", {9});
  board.set(video_path, "interrupts", {0, 174, 4, 0, 1, 15, 8, 0});
  const DeviceNode video = board.tree().device(video_path);
  REQUIRE(video.interrupts.size() == 2);
  CHECK(video.interrupts[0].intid == 206);
  CHECK(video.interrupts[1].intid == 31);
  CHECK(video.interrupts[1].flags == 8);

  board.set(video_path, "interrupts-extended", {gic_phandle, 0, 5, 4, 9, 0, 6, 1, 0});
  REQUIRE(board.tree().device(video_path).interrupts.size() == 2);
  CHECK(board.tree().device(video_path).interrupts[0].intid == 37);
  CHECK(board.tree().device(video_path).interrupts[1].intid == 38);
  board.set(video_path, "interrupts-extended", {gic_phandle, 0, 5});
  CHECK(video_error(board) == video_path + ": interrupts-extended ends inside an entry");
}

TEST_CASE("interrupts that a GIC does not have") {
  Board board;
  board.set(video_path, "interrupts", {0, 987, 4});
  CHECK(board.tree().device(video_path).interrupts[0].intid == 1019);
  board.set(video_path, "interrupts", {0, 988, 4});
  CHECK(video_error(board) ==
        video_path + ": interrupt <0 988 4> has a number past the last: it must be at most 987");
  board.set(video_path, "interrupts", {1, 16, 4});
  CHECK(video_error(board) ==
        video_path + ": interrupt <1 16 4> has a number past the last: it must be at most 15");
  board.set(video_path, "interrupts", {2, 0, 4});
  CHECK(video_error(board) == video_path + ": interrupt <2 0 4> has a type other than 0 (SPI) or 1 (PPI)");
  board.set(video_path, "interrupts", {0, 1});
  CHECK(video_error(board) == video_path + ": interrupts has 2 cells: each interrupt takes 3");
  board.remove(video_path, "interrupts");
  CHECK(board.tree().device(video_path).interrupts.empty());
}

TEST_CASE("interrupts without a GIC to go to") {
  Board board;
  board.set(video_path, "interrupt-parent", {77});
  CHECK(video_error(board) == video_path + ": interrupt-parent refers to phandle 0x4d, which no node has");
  board.set(video_path, "interrupt-parent", {timer_phandle});
  CHECK(video_error(board).empty());  // the timer takes no specifiers, so its own parent's are meant

  board.set("/soc@0/timer@1", "#interrupt-cells", {3});
  CHECK(video_error(board) == video_path +
                                  ": has its interrupts at /soc@0/timer@1, which is not a GIC: an "
                                  "interrupt-controller with three or four "
                                  "#interrupt-cells");
  board.set("/soc@0/timer@1", "interrupt-controller", {});
  CHECK(video_error(board).empty());
  board.set("/soc@0/timer@1", "#interrupt-cells", {1});
  CHECK_FALSE(video_error(board).empty());

  board.remove("/", "interrupt-parent");
  board.remove(video_path, "interrupt-parent");
  CHECK(video_error(board) ==
        video_path + ": has interrupts but no interrupt-parent, nor has any node above it");
  board.remove("/soc@0/timer@1", "#interrupt-cells");
  board.set(video_path, "interrupt-parent", {timer_phandle});
  board.set("/soc@0/timer@1", "interrupt-parent", {timer_phandle});
  CHECK_FALSE(video_error(board).empty());
}

TEST_CASE("An entry covers the StreamIDs that differ from its own in masked bits only") {
  const IommuSpecifier exact{.phandle = 1, .sid = 0x1940, .mask = 0};
  CHECK(exact.covers(0x1940));
  CHECK_FALSE(exact.covers(0x1941));
  const IommuSpecifier eight{.phandle = 1, .sid = 0x1942, .mask = 7};
  CHECK(eight.covers(0x1940));
  CHECK(eight.covers(0x1947));
  CHECK_FALSE(eight.covers(0x1948));
  CHECK_FALSE(eight.covers(0x9942));
}

TEST_CASE("StreamIDs of one cell take the controller's mask") {
  Board board;
  board.set(smmu_path, "#iommu-cells", {1});
  board.set(smmu_path, "stream-match-mask", {0x7f80});
  board.set(video_path, "iommus", {smmu_phandle, 0x1940, smmu_phandle, 0x1943});
  const DeviceNode video = board.tree().device(video_path);
  REQUIRE(video.iommus.size() == 2);
  CHECK(video.iommus[1].sid == 0x1943);
  CHECK(video.iommus[1].mask == 0x7f80);
  CHECK(board.tree().smmu(video_only).stream_match_mask == 0x7f80);
  CHECK(board.tree().smmu(video_only).iommu_cells == 1);

  board.set(smmu_path, "#iommu-cells", {2});
  board.set(video_path, "iommus", {smmu_phandle, 0x1940, 0x3});
  CHECK(board.tree().device(video_path).iommus[0].mask == 0x3);
}

TEST_CASE("iommus that cannot be used") {
  Board board;
  board.set(video_path, "iommus", {smmu_phandle, 0x1940, 0, smmu_phandle, 0x1940, 7});
  CHECK(video_error(board) == video_path + ": iommus has StreamID 0x1940 twice: each must be there once");
  CHECK(smmu_error(board) == video_error(board));
  board.set(video_path, "iommus", {timer_phandle, 0x1940, 0});
  CHECK(video_error(board) == video_path +
                                  ": iommus refers to /soc@0/timer@1, which is not an SMMU (arm,mmu-500, "
                                  "arm,smmu-v2, qcom,smmu-v2 or arm,smmu-v3) but a node without compatible");
  board.set(video_path, "iommus", {77, 0x1940, 0});
  CHECK(video_error(board) == video_path + ": iommus refers to phandle 0x4d, which no node has");
  board.set(video_path, "iommus", {smmu_phandle, 0x1940});
  CHECK(video_error(board) ==
        video_path + ": iommus ends inside an entry: " + smmu_path + " takes 2 cells after its phandle");
  board.set(video_path, "iommus", {smmu_phandle, 0xffff, 0xffff});
  CHECK(video_error(board).empty());
  board.set(video_path, "iommus", {smmu_phandle, 0x1'0000, 0});
  CHECK(video_error(board) == video_path + ": StreamID 0x10000 is too large: it has 16 bits");
  board.set(video_path, "iommus", {smmu_phandle, 1, 0x1'0000});
  CHECK(video_error(board) == video_path + ": StreamID mask 0x10000 is too large: it has 16 bits");
  board.set_raw(video_path, "iommus", "abcdef");
  CHECK(video_error(board) == video_path + ": iommus is 6 bytes long: it must be whole cells of 4");
  board.set(video_path, "iommus", {});
  CHECK(board.tree().device(video_path).iommus.empty());
  board.set(video_path, "iommus", {smmu_phandle, 1, 0});
  board.set_text(smmu_path, "status", "disabled");
  CHECK(video_error(board) == video_path + ": iommus refers to " + smmu_path + ", which is disabled");
}

TEST_CASE("reserved memory as the kernel sets it aside") {
  const DeviceTree tree = sidewinder::test::device_tree(R"(/ {
    #address-cells = <2>; #size-cells = <2>;
    reserved-memory {
      #address-cells = <2>; #size-cells = <2>; ranges;
      video@8a000000 { reg = <0 0x8a000000 0 0x700000>; no-map; };
      pool { size = <0x1 0x400000>; };
      two@1000 { reg = <0 0x1000 0 0x100>, <1 0 0 0x200>; };
      off@2000 { reg = <0 0x2000 0 0x100>; status = "disabled"; };
      label {};
    };
  };)");
  const ReservedMemory reserved = tree.reserved_memory();
  CHECK(reserved.log.empty());
  CHECK(tree.reserved_memory_count() == 5);
  REQUIRE(reserved.nodes.size() == 3);
  CHECK(reserved.nodes[0].path == "/reserved-memory/video@8a000000");
  REQUIRE(reserved.nodes[0].reg.size() == 1);
  CHECK(reserved.nodes[0].reg[0].base == 0x8a00'0000);
  CHECK(reserved.nodes[0].reg[0].size == 0x70'0000);
  CHECK(reserved.nodes[0].no_map);
  CHECK(reserved.nodes[0].size == 0);
  CHECK(reserved.nodes[1].reg.empty());
  CHECK(reserved.nodes[1].size == 0x1'0040'0000);
  CHECK_FALSE(reserved.nodes[1].no_map);
  REQUIRE(reserved.nodes[2].reg.size() == 2);
  CHECK(reserved.nodes[2].reg[1].base == 0x1'0000'0000);
  CHECK(reserved.nodes[2].reg[1].size == 0x200);
  CHECK(Board().tree().reserved_memory().nodes.empty());
  CHECK(Board().tree().reserved_memory().log.empty());
}

TEST_CASE("reserved memory in another form than the root's is ignored whole") {
  const auto read = [](const char* properties) {
    return sidewinder::test::device_tree(std::string("/ { #address-cells = <2>; #size-cells = <2>; "
                                                     "reserved-memory { ") +
                                         properties + " a { size = <0 0x1000>; }; }; };")
        .reserved_memory();
  };
  CHECK(read("#address-cells = <2>; #size-cells = <2>; ranges;").nodes.size() == 1);
  for (const char* properties :
       {"#address-cells = <2>; #size-cells = <2>;", "#address-cells = <1>; #size-cells = <2>; ranges;",
        "#address-cells = <2>; #size-cells = <1>; ranges;", "ranges;"}) {
    const ReservedMemory ignored = read(properties);
    CHECK(ignored.nodes.empty());
    CHECK(ignored.log ==
          std::vector<std::string>{"OF: fdt: Reserved memory: unsupported node format, ignoring"});
  }
}

TEST_CASE("usable addresses are pairs in the cells of the device's parent") {
  Board board;
  CHECK_FALSE(board.tree().iommu_ranges(video_path));
  board.set(video_path, "iommu-ranges", {0x2580'0000, 0xba80'0000, 0x1000, 0x1000});
  const auto windows = board.tree().iommu_ranges(video_path);
  REQUIRE(windows);
  REQUIRE(windows->size() == 2);
  CHECK((*windows)[0].start == 0x2580'0000);
  CHECK((*windows)[0].size == 0xba80'0000);
  CHECK((*windows)[1].start == 0x1000);

  const auto error = [&] { return error_of([&] { return board.tree().iommu_ranges(video_path); }); };
  board.set(video_path, "iommu-ranges", {0x2580'0000});
  CHECK(error() ==
        video_path + ": iommu-ranges has 1 cells: its parent makes each entry 1 of address and 1 of size");
  board.set(video_path, "iommu-ranges", {0x2580'0000, 0});
  CHECK(error() == video_path + ": iommu-ranges has a size of 0: it must not be empty");
  board.set(video_path, "iommu-ranges", {});
  CHECK_FALSE(error().empty());
  board.set("/soc@0", "#address-cells", {2});
  board.set(video_path, "iommu-ranges", {0xffff'ffff, 0xffff'f000, 0x1001});
  CHECK(error() == video_path + ": iommu-ranges runs past 2^64: 0xfffffffffffff000 + 0x1001");
  board.set(video_path, "iommu-ranges", {0xffff'ffff, 0xffff'f000, 0x1000});
  CHECK(error().empty());
  board.set("/", "iommu-ranges", {0, 1});
  CHECK_FALSE(error_of([&] { return board.tree().iommu_ranges("/"); }).empty());
}

TEST_CASE("video nodes are found by their drivers' compatible strings, disabled ones too") {
  const DeviceTree tree = sidewinder::test::device_tree(R"(/ {
    a { compatible = "qcom,sm8550-iris"; };
    bus { b { compatible = "qcom,sc7280-new", "qcom,sc7280-venus"; status = "disabled"; }; };
    c { compatible = "qcom,sm8550-videocc"; };
    d { compatible = "venus-decoder"; };
    e { compatible = "qcom,msm8916-venus"; status = "ok"; };
  };)");
  const std::vector<VideoNode> nodes = tree.video_nodes();
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[0].path == "/a");
  CHECK(nodes[0].compatible == "qcom,sm8550-iris");
  CHECK(nodes[0].available);
  CHECK(nodes[1].path == "/bus/b");
  CHECK(nodes[1].compatible == "qcom,sc7280-venus");
  CHECK_FALSE(nodes[1].available);
  CHECK(nodes[2].available);
  CHECK(Board().tree().video_nodes().empty());
}
