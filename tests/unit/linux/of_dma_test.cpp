// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/support/dts_text.h"

using namespace sidewinder::kernel;
using sidewinder::test::device_tree;
using sidewinder::test::device_tree_error;

namespace {

constexpr const char* video = "/soc/bus@0/video@1000";
constexpr auto old_bounds = DmaBounds::StartAndSize;
constexpr auto new_bounds = DmaBounds::HighestEnd;

/// root (two cells), soc (one cell), a bus, the video node: each with the properties given.
DeviceTree board(const std::string& root, const std::string& soc, const std::string& bus,
                 const std::string& device = "") {
  return device_tree("/ { #address-cells = <2>; #size-cells = <2>; " + root +
                     " soc { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0 0xffffffff>; " + soc +
                     " bus@0 { #address-cells = <1>; #size-cells = <1>; ranges; " + bus +
                     " video@1000 { reg = <0x1000 0x100>; " + device + " }; }; }; };");
}

DmaLimits limits_of(const DeviceTree& tree, DmaBounds bounds, DmaOwner owner = DmaOwner::Node) {
  return tree.dma_limits(video, owner, bounds);
}

void check_range(const DmaRange& range, std::uint64_t bus, std::uint64_t cpu, std::uint64_t size) {
  CHECK(range.bus == bus);
  CHECK(range.cpu == cpu);
  CHECK(range.size == size);
}

void check_unlimited(const DmaLimits& limits) {
  CHECK(limits.map.empty());
  CHECK(limits.start == 0);
  CHECK(limits.mask == 0xffff'ffff);
  CHECK(limits.bus_dma_limit == 0);
  CHECK(limits.status.has_value());
}

}  // namespace

TEST_CASE("Without dma-ranges there is no limit beyond the device's own mask") {
  const DeviceTree tree = board("", "", "");
  for (const DmaBounds bounds : {old_bounds, new_bounds}) {
    check_unlimited(limits_of(tree, bounds));
    CHECK(tree.dma_limits(video, DmaOwner::Node, bounds, 0xfff'ffff).mask == 0xfff'ffff);
    CHECK(tree.dma_limits(video, DmaOwner::Node, bounds, 0).mask == 0xffff'ffff);
    CHECK(tree.dma_limits(video, DmaOwner::Node, bounds, ~std::uint64_t{0}).mask == ~std::uint64_t{0});
  }
}

TEST_CASE("The bus's dma-ranges bounds the device, from below before 6.10 only") {
  const DeviceTree tree = board("", "dma-ranges;", "dma-ranges = <0x25800000 0x25800000 0xba800000>;");
  const DmaLimits before = limits_of(tree, old_bounds);
  REQUIRE(before.map.size() == 1);
  check_range(before.map[0], 0x2580'0000, 0x2580'0000, 0xba80'0000);
  CHECK(before.start == 0x2580'0000);
  CHECK(before.bus_dma_limit == 0xdfff'ffff);
  CHECK(before.mask == 0xffff'ffff);
  CHECK(before.log.empty());
  CHECK(before.status.has_value());
  const DmaLimits since = limits_of(tree, new_bounds);
  CHECK(since.start == 0x2580'0000);
  CHECK(since.bus_dma_limit == 0xdfff'ffff);
  CHECK(since.mask == 0xffff'ffff);
}

TEST_CASE("The mask has all bits up to the limit's highest") {
  const DeviceTree tree = board("", "dma-ranges;", "dma-ranges = <0x0 0x0 0x20000000>;");
  CHECK(limits_of(tree, new_bounds).mask == 0x1fff'ffff);
  CHECK(limits_of(tree, new_bounds).bus_dma_limit == 0x1fff'ffff);
  const DeviceTree odd = board("", "dma-ranges;", "dma-ranges = <0x0 0x0 0x20000002>;");
  CHECK(limits_of(odd, old_bounds).mask == 0x3fff'ffff);
  CHECK(limits_of(odd, old_bounds).bus_dma_limit == 0x2000'0001);
}

TEST_CASE("The search begins at the device's bus, or at the node itself for a device without a node") {
  const std::string own =
      "#address-cells = <1>; #size-cells = <1>; dma-ranges = <0x100000 0x100000 0x100000>;";
  const DeviceTree tree = board("", "dma-ranges;", "dma-ranges = <0x0 0x0 0x40000000>;", own);
  CHECK(limits_of(tree, new_bounds).bus_dma_limit == 0x3fff'ffff);
  const DmaLimits child = limits_of(tree, new_bounds, DmaOwner::SyntheticChild);
  CHECK(child.bus_dma_limit == 0x1f'ffff);
  CHECK(child.start == 0x10'0000);
}

TEST_CASE(
    "The nearest dma-ranges that is not empty counts, a second bus without the property ends the search") {
  const std::string range = "dma-ranges = <0x0 0x0 0x0 0x10000000>;";
  CHECK(limits_of(board("", range, "dma-ranges;"), new_bounds).bus_dma_limit == 0xfff'ffff);
  CHECK(limits_of(board("", range, ""), new_bounds).bus_dma_limit == 0xfff'ffff);  // the first may lack it
  // For a synthetic child the bus is the second node on the way.
  check_unlimited(limits_of(board("", range, ""), new_bounds, DmaOwner::SyntheticChild));
  CHECK(limits_of(board("", range, "dma-ranges;"), new_bounds, DmaOwner::SyntheticChild).bus_dma_limit ==
        0xfff'ffff);
  check_unlimited(limits_of(board("", "dma-ranges;", "dma-ranges;"), new_bounds));
}

TEST_CASE("The parent's side is translated on to the CPU through every dma-ranges above") {
  const DeviceTree tree = board("", "dma-ranges = <0x80000000 0x4 0x0 0x10000000>;",
                                "dma-ranges = <0x1000 0x80200000 0x2000>, <0x100000 0x85000000 0x1000>;");
  const DmaLimits limits = limits_of(tree, new_bounds);
  REQUIRE(limits.map.size() == 2);
  check_range(limits.map[0], 0x1000, 0x4'0020'0000, 0x2000);
  check_range(limits.map[1], 0x10'0000, 0x4'0500'0000, 0x1000);
  CHECK(limits.start == 0x1000);
  CHECK(limits.bus_dma_limit == 0x10'0fff);
}

TEST_CASE("A range with no CPU address is left out with the kernel's line") {
  const std::string above = "dma-ranges = <0x80000000 0x4 0x0 0x10000000>;";
  const DmaLimits limits =
      limits_of(board("", above, "dma-ranges = <0x0 0x1000 0x100>, <0x5000 0x80000000 0x1000>;"), new_bounds);
  REQUIRE(limits.map.size() == 1);
  check_range(limits.map[0], 0x5000, 0x4'0000'0000, 0x1000);
  CHECK(limits.log ==
        std::vector<std::string>{"OF: translation of DMA address(0) to CPU address failed node(/soc/bus@0)"});
  const DmaLimits none = limits_of(board("", above, "dma-ranges = <0x4000 0x1000 0x100>;"), new_bounds);
  check_unlimited(none);
  CHECK(none.log == std::vector<std::string>{
                        "OF: translation of DMA address(4000) to CPU address failed node(/soc/bus@0)"});
}

TEST_CASE("Ranges that continue each other on both sides are one") {
  const DmaLimits limits = limits_of(board("", "dma-ranges;",
                                           "dma-ranges = <0x1000 0x1000 0x1000>, <0x2000 0x2000 0x1000>, "
                                           "<0x3000 0x9000 0x1000>, <0x5000 0xa000 "
                                           "0x1000>;"),
                                     new_bounds);
  REQUIRE(limits.map.size() == 3);
  check_range(limits.map[0], 0x1000, 0x1000, 0x2000);
  check_range(limits.map[1], 0x3000, 0x9000, 0x1000);
  check_range(limits.map[2], 0x5000, 0xa000, 0x1000);
}

TEST_CASE("An odd size was rounded up with a warning before 6.10") {
  const DeviceTree tree = board("", "dma-ranges;", "dma-ranges = <0x0 0x0 0xffffffff>;");
  const DmaLimits before = limits_of(tree, old_bounds);
  CHECK(before.log == std::vector<std::string>{"Invalid size 0xffffffff for dma-range(s)"});
  CHECK(before.bus_dma_limit == 0xffff'ffff);
  const DmaLimits since = limits_of(tree, new_bounds);
  CHECK(since.log.empty());
  CHECK(since.bus_dma_limit == 0xffff'fffe);
  CHECK(since.mask == 0xffff'ffff);
}

TEST_CASE("Before 6.10 a span of 2^64 - 1 kept the device from its driver") {
  const auto spanning = [](const std::string& ranges) {
    return device_tree(
        "/ { #address-cells = <2>; #size-cells = <2>; soc { #address-cells = <2>; #size-cells = <2>; ranges; "
        "dma-ranges = " +
        ranges + "; video@1000 { reg = <0 0x1000 0 0x100>; }; }; };");
  };
  const DeviceTree tree = spanning("<0 0 0 0 0xffffffff 0xffffffff>");
  const DmaLimits before = tree.dma_limits("/soc/video@1000", DmaOwner::Node, old_bounds);
  REQUIRE_FALSE(before.status.has_value());
  CHECK(before.status.error() == Errno::EINVAL_);
  CHECK(before.log == std::vector<std::string>{"Invalid size 0xffffffffffffffff for dma-range(s)",
                                               "Adjusted size 0x0 invalid"});
  const DmaLimits since = tree.dma_limits("/soc/video@1000", DmaOwner::Node, new_bounds);
  CHECK(since.status.has_value());
  CHECK(since.bus_dma_limit == 0xffff'ffff'ffff'fffe);
  CHECK(since.mask == ~std::uint64_t{0});
  // Two halves are one range whose size wraps to 0: the list ends before it.
  const DeviceTree halves = spanning("<0 0 0 0 0x80000000 0>, <0x80000000 0 0x80000000 0 0x80000000 0>");
  const DmaLimits wrapped = halves.dma_limits("/soc/video@1000", DmaOwner::Node, old_bounds);
  CHECK(wrapped.log == std::vector<std::string>{"Invalid size 0x1 for dma-range(s)"});
  CHECK(wrapped.mask == 0);
}

TEST_CASE("An entry of size 0 ends the kernel's list") {
  const DeviceTree tree = board(
      "", "dma-ranges;", "dma-ranges = <0x1000 0x1000 0x1000>, <0x5000 0x5000 0>, <0x9000 0x9000 0x1000>;");
  CHECK(limits_of(tree, new_bounds).bus_dma_limit == 0x1fff);
  CHECK(limits_of(tree, old_bounds).bus_dma_limit == 0x1fff);
  const DmaLimits only = limits_of(board("", "dma-ranges;", "dma-ranges = <0x1000 0x1000 0>;"), new_bounds);
  CHECK(only.bus_dma_limit == 0xffff'ffff);
  CHECK(only.mask == 0xffff'ffff);
}

TEST_CASE("dma-ranges in other than whole entries is refused") {
  CHECK(device_tree_error([] {
          return limits_of(board("", "dma-ranges;", "dma-ranges = <0x0 0x0>;"), new_bounds);
        }) == "/soc/bus@0: dma-ranges has 2 cells: each entry must have 1 + 1 + 1");
  CHECK(device_tree_error([] {
          return limits_of(board("", "dma-ranges = <1 2 3>;", "dma-ranges = <0x0 0x0 0x1000>;"), new_bounds);
        }) == "/soc: dma-ranges has 3 cells: each entry must have 1 + 2 + 1");
}

TEST_CASE("The interconnect named dma-mem is the DMA parent") {
  const std::string memory =
      "memory-controller { phandle = <5>; #interconnect-cells = <1>; #address-cells = <1>; #size-cells = "
      "<1>; "
      "dma-ranges = <0x0 0x0 0x0 0x4000000>; };";
  const std::string other = "noc { phandle = <6>; #interconnect-cells = <2>; };";
  const auto limit = [&](const std::string& device) {
    return limits_of(board(memory + other, "dma-ranges;", "dma-ranges = <0x0 0x0 0x8000000>;", device),
                     new_bounds)
        .bus_dma_limit;
  };
  CHECK(limit("") == 0x7ff'ffff);
  CHECK(limit("interconnects = <5 1>; interconnect-names = \"dma-mem\";") == 0x3ff'ffff);
  CHECK(limit("interconnects = <6 1 2>, <5 1>; interconnect-names = \"cpu-cfg\", \"dma-mem\";") ==
        0x3ff'ffff);
  CHECK(limit("interconnects = <0>, <5 1>; interconnect-names = \"cpu-cfg\", \"dma-mem\";") == 0x3ff'ffff);
  // What cannot be parsed up to there leaves the parent.
  CHECK(limit("interconnects = <5 1>; interconnect-names = \"video-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnects = <5>; interconnect-names = \"dma-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnects = <9 1>; interconnect-names = \"dma-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnects = <9 1>, <5 1>; interconnect-names = \"a\", \"dma-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnects = <9>, <5 1>; interconnect-names = \"a\", \"dma-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnects = <0>; interconnect-names = \"dma-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnects = <6 1 2>; interconnect-names = \"a\", \"dma-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnect-names = \"dma-mem\";") == 0x7ff'ffff);
  CHECK(limit("interconnects = [00 00]; interconnect-names = \"dma-mem\";") == 0x7ff'ffff);
}

TEST_CASE("Interconnects that lead in a circle end") {
  const std::string circle =
      "a { phandle = <5>; #interconnect-cells = <0>; dma-ranges; interconnects = <6>; interconnect-names = "
      "\"dma-mem\"; }; b { phandle = <6>; #interconnect-cells = <0>; dma-ranges; interconnects = <5>; "
      "interconnect-names = \"dma-mem\"; };";
  const DeviceTree tree = board(circle, "", "", "interconnects = <5>; interconnect-names = \"dma-mem\";");
  check_unlimited(limits_of(tree, new_bounds));
  CHECK_FALSE(tree.device(video).dma_coherent);
}

TEST_CASE("Coherence is inherited along DMA parents") {
  const std::string memory = "mc { phandle = <5>; #interconnect-cells = <0>; dma-coherent; };";
  CHECK_FALSE(board(memory, "", "").device(video).dma_coherent);
  CHECK(board(memory, "", "", "interconnects = <5>; interconnect-names = \"dma-mem\";")
            .device(video)
            .dma_coherent);
}

TEST_CASE("A bus on the way up may have an interconnect for its parent too") {
  const std::string memory =
      "mc { phandle = <5>; #interconnect-cells = <0>; #address-cells = <1>; #size-cells = <1>; dma-ranges = "
      "<0x0 0x0 0x0 0x4000000>; };";
  const std::string soc = "dma-ranges = <0x0 0x0 0x0 0x8000000>;";
  CHECK(limits_of(board(memory, soc, "dma-ranges;"), new_bounds).bus_dma_limit == 0x7ff'ffff);
  CHECK(limits_of(board(memory, soc, "dma-ranges; interconnects = <5>; interconnect-names = \"dma-mem\";"),
                  new_bounds)
            .bus_dma_limit == 0x3ff'ffff);
}
