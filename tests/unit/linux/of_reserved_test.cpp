// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/support/dts_text.h"

using namespace sidewinder::kernel;
using sidewinder::test::device_tree;
using sidewinder::test::device_tree_error;

namespace {

constexpr const char* video = "/soc/video@1000";

/// The video node (phandle 0x20) with the memory-regions given, another device (0x21), and the regions.
DeviceTree board(const std::string& regions, const std::string& references, const std::string& soc = "") {
  return device_tree(
      "/ { #address-cells = <2>; #size-cells = <2>; reserved-memory { #address-cells = <2>; #size-cells = "
      "<2>; "
      "ranges; " +
      regions + " }; soc { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0 0xffffffff>; " + soc +
      " video@1000 { phandle = <0x20>; reg = <0x1000 0x100>; memory-region = " + references +
      "; }; gpu@2000 { phandle = <0x21>; reg = <0x2000 0x100>; memory-region = " + references + "; }; }; };");
}

IovaReservations read(const std::string& regions, const std::string& references = "<0x30>",
                      const std::string& soc = "") {
  return board(regions, references, soc).iova_reservations(video);
}

void check_region(const IovaReservation& region, std::uint64_t start, std::uint64_t size, bool direct) {
  CHECK(region.start == start);
  CHECK(region.size == size);
  CHECK(region.direct == direct);
}

}  // namespace

TEST_CASE("A region without reg is reserved") {
  const IovaReservations read_back =
      read("pixel { phandle = <0x30>; iommu-addresses = <0x20 0x0 0x25800000>; };");
  REQUIRE(read_back.regions.size() == 1);
  check_region(read_back.regions[0], 0, 0x2580'0000, false);
  CHECK(read_back.regions[0].region == "/reserved-memory/pixel");
  CHECK(read_back.log.empty());
}

TEST_CASE("A region at its own address and of its own size is mapped one to one") {
  const IovaReservations same = read(
      "fw@90000000 { phandle = <0x30>; reg = <0 0x90000000 0 0x500000>; iommu-addresses = <0x20 0x90000000 "
      "0x500000>; };");
  REQUIRE(same.regions.size() == 1);
  check_region(same.regions[0], 0x9000'0000, 0x50'0000, true);
  CHECK(same.log.empty());
}

TEST_CASE("A region at another address or of another size is reserved with a warning") {
  const std::string region = "fw@90000000 { phandle = <0x30>; reg = <0 0x90000000 0 0x500000>; ";
  const IovaReservations moved = read(region + "iommu-addresses = <0x20 0x100000 0x500000>; };");
  REQUIRE(moved.regions.size() == 1);
  check_region(moved.regions[0], 0x10'0000, 0x50'0000, false);
  CHECK(moved.log ==
        std::vector<std::string>{"treating non-direct mapping [[mem 0x90000000-0x904fffff flags 0x200]] -> "
                                 "[0x0000000000100000-0x00000000005fffff] as reservation"});
  const IovaReservations shorter = read(region + "iommu-addresses = <0x20 0x90000000 0x400000>; };");
  REQUIRE(shorter.regions.size() == 1);
  CHECK_FALSE(shorter.regions[0].direct);
  CHECK(shorter.log.size() == 1);
}

TEST_CASE("A region of at most one byte counts as none") {
  for (const char* reg : {"reg = <0 0x90000000 0 1>;", "reg = <0 0x90000000 0 0>;"}) {
    const IovaReservations tiny =
        read(std::string("a { phandle = <0x30>; ") + reg + " iommu-addresses = <0x20 0x1000 0x1000>; };");
    REQUIRE(tiny.regions.size() == 1);
    CHECK_FALSE(tiny.regions[0].direct);
    CHECK(tiny.log.empty());
  }
}

TEST_CASE("Size 0 is skipped with a warning") {
  const IovaReservations empty =
      read("a { phandle = <0x30>; iommu-addresses = <0x20 0x1000 0x0>, <0x20 0x5000 0x1000>; };");
  REQUIRE(empty.regions.size() == 1);
  check_region(empty.regions[0], 0x5000, 0x1000, false);
  CHECK(empty.log == std::vector<std::string>{"Cannot reserve IOVA region of 0 size"});
}

TEST_CASE("Only entries with the device's own phandle count") {
  const std::string regions =
      "a { phandle = <0x30>; iommu-addresses = <0x21 0x1000 0x100>, <0x20 0x5000 0x1000>, <0x77 0x1 0x2>; };";
  const DeviceTree tree = board(regions, "<0x30>");
  REQUIRE(tree.iova_reservations(video).regions.size() == 1);
  check_region(tree.iova_reservations(video).regions[0], 0x5000, 0x1000, false);
  REQUIRE(tree.iova_reservations("/soc/gpu@2000").regions.size() == 1);
  check_region(tree.iova_reservations("/soc/gpu@2000").regions[0], 0x1000, 0x100, false);
}

TEST_CASE("Cells of another device's entry are taken for phandles") {
  // The other device's address 0x20 is this device's phandle, so that its size begins an entry of this one.
  const IovaReservations misread =
      read("a { phandle = <0x30>; iommu-addresses = <0x21 0x20 0x100>, <0x21 0x0 0x1000>; };");
  REQUIRE(misread.regions.size() == 1);
  check_region(misread.regions[0], 0x100, 0x21, false);
}

TEST_CASE("All regions are read in the order of memory-region, those that are nobody's are passed over") {
  const IovaReservations all = read(
      "a { phandle = <0x30>; iommu-addresses = <0x20 0x1000 0x1000>, <0x20 0x9000 0x1000>; }; b { phandle = "
      "<0x31>; "
      "iommu-addresses = <0x20 0x4000 0x1000>; }; c { phandle = <0x32>; };",
      "<0x31 0 0x99 0x32 0x30>");
  REQUIRE(all.regions.size() == 3);
  check_region(all.regions[0], 0x4000, 0x1000, false);
  check_region(all.regions[1], 0x1000, 0x1000, false);
  check_region(all.regions[2], 0x9000, 0x1000, false);
  CHECK(all.log.empty());
}

TEST_CASE("A region that the device does not name is not its own") {
  CHECK(read("a { phandle = <0x30>; iommu-addresses = <0x20 0x1000 0x1000>; }; b { phandle = <0x31>; };",
             "<0x31>")
            .regions.empty());
}

TEST_CASE("A region whose reg has no CPU address is passed over with the kernel's line") {
  const IovaReservations unreadable =
      read("a { phandle = <0x30>; iommu-addresses = <0x20 0x1000 0x1000>; };", "<0x40 0x30>",
           "island { #address-cells = <1>; #size-cells = <1>; r@1 { phandle = <0x40>; reg = <1 2>; "
           "iommu-addresses = "
           "<0x20 0x8000 0x1000>; }; };");
  REQUIRE(unreadable.regions.size() == 1);
  check_region(unreadable.regions[0], 0x1000, 0x1000, false);
  CHECK(unreadable.log == std::vector<std::string>{"failed to parse memory region /soc/island/r@1: -22"});
}

TEST_CASE("Addresses are in the cells of the device's parent and go through dma-ranges") {
  const std::string region = "a { phandle = <0x30>; iommu-addresses = <0x20 0x1000 0x2000>; };";
  const IovaReservations moved = read(region, "<0x30>", "dma-ranges = <0x0 0x1 0x0 0x10000>;");
  REQUIRE(moved.regions.size() == 1);
  check_region(moved.regions[0], 0x1'0000'1000, 0x2000, false);
  CHECK(device_tree_error([&] { return read(region, "<0x30>", "dma-ranges = <0x8000 0x1 0x0 0x1000>;"); }) ==
        "/reserved-memory/a: iommu-addresses 0x1000 of /soc/video@1000 cannot be translated through "
        "dma-ranges: Linux "
        "dereferences NULL here");
  const DeviceTree wide = device_tree(
      "/ { #address-cells = <2>; #size-cells = <2>; a { phandle = <0x30>; iommu-addresses = <0x20 0x1 0x2 "
      "0x3 0x4>; "
      "}; video { phandle = <0x20>; memory-region = <0x30>; }; };");
  REQUIRE(wide.iova_reservations("/video").regions.size() == 1);
  check_region(wide.iova_reservations("/video").regions[0], 0x1'0000'0002, 0x3'0000'0004, false);
}

TEST_CASE("An entry that is cut short is refused") {
  CHECK(device_tree_error([] { return read("a { phandle = <0x30>; iommu-addresses = <0x20 0x1000>; };"); }) ==
        "/reserved-memory/a: iommu-addresses ends inside an entry: /soc/video@1000 takes 1 cells of address "
        "and 1 of "
        "size after its phandle");
}
