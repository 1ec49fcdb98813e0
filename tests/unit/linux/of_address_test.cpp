// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/support/dts_text.h"

using namespace sidewinder::kernel;
using sidewinder::test::device_tree;
using sidewinder::test::device_tree_error;

namespace {

constexpr const char* video = "/soc@0/video-codec@aa00000";

/// A video node whose bus is at 0x1_00000000 for the CPU, with the children given.
DeviceTree board(const std::string& children, const std::string& soc = "") {
  return device_tree(
      "/ { #address-cells = <2>; #size-cells = <2>; soc@0 { #address-cells = <1>; #size-cells = <1>; "
      "ranges = <0x0 0x1 0x0 0x20000000>; " +
      soc + " video-codec@aa00000 { reg = <0xaa00000 0xf0000>; " + children + " }; }; };");
}

std::vector<std::string> names(const DeviceTree& tree) {
  std::vector<std::string> all;
  for (const DeviceNode& child : tree.children(video)) all.push_back(child.dev_name);
  return all;
}

}  // namespace

TEST_CASE("A child without an address is named after its parent's") {
  const DeviceTree tree = board("bitstream {}; pixel@1 {};");
  CHECK(names(tree) ==
        std::vector<std::string>{"10aa00000.video-codec:bitstream", "10aa00000.video-codec:pixel@1"});
  CHECK(tree.children(video)[1].path == "/soc@0/video-codec@aa00000/pixel@1");
  CHECK(tree.children(video)[1].reg.empty());
}

TEST_CASE("A child's reg names it where it is an address for the CPU") {
  // No ranges in the device: what is in reg is an index.
  const DeviceTree indices = board("#address-cells = <1>; #size-cells = <1>; pixel@1 { reg = <1 1>; };");
  CHECK(names(indices) == std::vector<std::string>{"10aa00000.video-codec:pixel@1"});
  CHECK(indices.children(video)[0].reg.empty());
  const DeviceTree mapped = board(
      "#address-cells = <1>; #size-cells = <1>; ranges = <0x0 0xaa00000 0x1000>; pixel@10 { reg = <0x10 4>; "
      "};");
  CHECK(names(mapped) == std::vector<std::string>{"10aa00010.pixel"});
  REQUIRE(mapped.children(video)[0].reg.size() == 1);
  CHECK(mapped.children(video)[0].reg[0].base == 0x1'0aa0'0010);
  CHECK(mapped.children(video)[0].reg[0].size == 4);
}

TEST_CASE("A bus of devices without sizes gives no addresses for the CPU") {
  const DeviceTree tree = board("#address-cells = <1>; #size-cells = <0>; ranges; pixel@1 { reg = <1>; };");
  CHECK(names(tree) == std::vector<std::string>{"10aa00000.video-codec:pixel@1"});
}

TEST_CASE("Cells of a node that says none are those of the nearest above it") {
  const DeviceTree tree = board("ranges; pixel@b000000 { reg = <0xb000000 4>; };");
  CHECK(names(tree) == std::vector<std::string>{"10b000000.pixel"});
  CHECK(device_tree("/ { video@5 { reg = <5 6>; }; };").device("/video@5").reg[0].size == 6);
  const PhysRange wide =
      device_tree(
          "/ { #address-cells = <2>; #size-cells = <2>; bus { ranges; video@5 { reg = <1 5 2 6>; "
          "}; }; };")
          .device("/bus/video@5")
          .reg[0];
  CHECK(wide.base == 0x1'0000'0005);
  CHECK(wide.size == 0x2'0000'0006);
}

TEST_CASE("Children are the available ones, with what ties them to their IOMMU") {
  const DeviceTree tree = board(
      "a { iommus = <1 0x1940 0>; compatible = \"qcom,cb\", \"x\"; }; b { status = \"disabled\"; }; c { "
      "dma-coherent; interrupt-parent = <1>; interrupts = <0 9 4>; };",
      "iommu@0 { compatible = \"arm,mmu-500\"; phandle = <1>; #iommu-cells = <2>; interrupt-controller; "
      "#interrupt-cells = <3>; };");
  const std::vector<DeviceNode> children = tree.children(video);
  REQUIRE(children.size() == 2);
  CHECK(children[0].compatible == std::vector<std::string>{"qcom,cb", "x"});
  REQUIRE(children[0].iommus.size() == 1);
  CHECK(children[0].iommus[0].sid == 0x1940);
  CHECK_FALSE(children[0].dma_coherent);
  CHECK(children[1].path == "/soc@0/video-codec@aa00000/c");
  CHECK(children[1].compatible.empty());
  CHECK(children[1].dma_coherent);
  REQUIRE(children[1].interrupts.size() == 1);
  CHECK(children[1].interrupts[0].intid == 41);
  CHECK(board("").children(video).empty());
  CHECK_FALSE(device_tree_error([&] { return tree.children("/nowhere"); }).empty());
}

TEST_CASE("A tree deeper than Linux reads is refused") {
  std::string nested;
  for (int depth = 0; depth < 70; ++depth)
    nested += "bus { #address-cells = <1>; #size-cells = <1>; ranges; ";
  nested += "leaf@1 { reg = <1 1>; };";
  for (int depth = 0; depth < 70; ++depth) nested += " };";
  std::string path;
  for (int depth = 0; depth < 70; ++depth) path += "/bus";
  const DeviceTree tree = device_tree("/ { #address-cells = <1>; #size-cells = <1>; " + nested + " };");
  CHECK(device_tree_error([&] { return tree.device(path + "/leaf@1"); }) ==
        path + "/leaf@1: is below more than 64 buses: parents or interconnects lead in a circle");
}
