// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/of_device.h"

#include <catch2/catch.hpp>

#include "tests/support/dts_text.h"
#include "tests/support/plain_machine.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using test::device_tree;

namespace {

constexpr std::uint64_t MiB = 0x10'0000;

/// A video node with the properties given, and a child of it with others.
DeviceTree board(const std::string& device, const std::string& child = "", const std::string& reserved = "") {
  return device_tree(
      "/ { #address-cells = <2>; #size-cells = <2>;"
      " reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; " +
      reserved +
      " };"
      " soc { #address-cells = <2>; #size-cells = <2>; ranges; dma-ranges = <0 0 0 0 0x10 0>;"
      " smmu: iommu@15000000 { compatible = \"arm,mmu-500\"; reg = <0 0x15000000 0 0x100000>;"
      " #iommu-cells = <2>; #global-interrupts = <1>; };"
      " video: video@1000 { reg = <0 0x1000 0 0x100>; #address-cells = <2>; #size-cells = <2>; " +
      device + " block: block { " + child + " }; }; }; };");
}

constexpr const char* video = "/soc/video@1000";
constexpr const char* block = "/soc/video@1000/block";

struct Bench {
  test::PlainMachine machine{test::small_machine()};
  test::SmmuHost host{machine, machine.config()};

  Device configured(const DeviceTree& tree, const std::string& path, const OfBindings& bindings,
                    std::optional<std::uint32_t> function = std::nullopt) {
    Device device;
    device.name = "aa.video";
    REQUIRE(configure_device(device, tree, path, function, bindings, host.log));
    return device;
  }
};

/// Without the software's MSI window, which every device behind an arm-smmu has.
std::vector<ReservedRegion> own_regions(const Device& device) {
  REQUIRE_FALSE(device.reserved_regions.empty());
  CHECK(device.reserved_regions[0].type == ReservedRegion::Type::SwMsi);
  CHECK(device.reserved_regions[0].start == 0x800'0000);
  CHECK(device.reserved_regions[0].length == MiB);
  return {device.reserved_regions.begin() + 1, device.reserved_regions.end()};
}

}  // namespace

TEST_CASE("which bindings a release reads") {
  const OfBindings oldest = bindings_of({6, 1}, false);
  CHECK_FALSE(oldest.iommu_addresses);
  CHECK_FALSE(oldest.iommu_map_cells);
  CHECK_FALSE(oldest.iommu_ranges);
  CHECK(oldest.lower_dma_bound);
  CHECK_FALSE(bindings_of({6, 2}, false).iommu_addresses);
  CHECK(bindings_of({6, 3}, false).iommu_addresses);
  CHECK(bindings_of({6, 9}, false).lower_dma_bound);
  CHECK_FALSE(bindings_of({6, 10}, false).lower_dma_bound);
  CHECK_FALSE(bindings_of({6, 19}, false).iommu_map_cells);
  CHECK(bindings_of({7, 0}, false).iommu_map_cells);

  const OfBindings backported = bindings_of({6, 1}, true);
  CHECK(backported.iommu_addresses);
  CHECK(backported.iommu_map_cells);
  CHECK(backported.iommu_ranges);
  CHECK(backported.lower_dma_bound);
}

TEST_CASE("a device's streams are its iommus, its limits those of its bus") {
  Bench bench;
  const DeviceTree tree = board("iommus = <&smmu 0x1940 0x1>, <&smmu 0x1943 0>; dma-coherent;");
  const Device device = bench.configured(tree, video, {});
  REQUIRE(device.streams.size() == 2);
  CHECK(device.streams[0].id == 0x1940);
  CHECK(device.streams[0].mask == 1);
  CHECK(device.streams[1].id == 0x1943);
  CHECK(device.dma_coherent);
  CHECK(device.bus_dma_limit == 0xf'ffff'ffff);
  CHECK(device.dma_base == 0);
  CHECK(device.coherent_dma_mask == 0xffff'ffff);
  CHECK(own_regions(device).empty());
}

TEST_CASE("a device says whether it can stall, and how wide its SubstreamIDs are") {
  Bench bench;
  const Device can = bench.configured(board("dma-can-stall; pasid-num-bits = <10>;"), video, {});
  CHECK(can.dma_can_stall);
  CHECK(can.pasid_bits == 10);
  const Device cannot = bench.configured(board(""), video, {});
  CHECK_FALSE(cannot.dma_can_stall);
  CHECK(cannot.pasid_bits == 0);
}

TEST_CASE("a synthetic child has the streams of its function, and no reserved regions") {
  Bench bench;
  const DeviceTree tree =
      board("iommu-map = <0 &smmu 0x1940 0 1>, <1 &smmu 0x1943 0 1>; memory-region = <&low>;", "",
            "low: low { iommu-addresses = <&video 0 0 0 0x1000000>; };");
  const OfBindings all = bindings_of({6, 1}, true);
  const Device second = bench.configured(tree, video, all, 1);
  REQUIRE(second.streams.size() == 1);
  CHECK(second.streams[0].id == 0x1943);
  CHECK(own_regions(second).empty());
  CHECK(bench.configured(tree, video, all, 2).streams.empty());  // no match: no IOMMU, and no error
  CHECK(own_regions(bench.configured(tree, video, all)).size() == 1);
  CHECK(bench.configured(tree, video, all).streams.empty());  // the node's own device has no iommus

  bench.host.lines.clear();
  CHECK(bench.configured(tree, video, bindings_of({6, 1}, false), 0).streams.empty());
  REQUIRE(bench.host.lines.size() == 1);
  CHECK_THAT(bench.host.lines[0], Catch::EndsWith("/soc/video@1000: Error: Bad iommu-map length: 40"));
}

TEST_CASE("iommu-addresses is read where the kernel knows it, for the node's own device") {
  Bench bench;
  const std::string reserved = "low: low { iommu-addresses = <&block 0 0 0 0x25800000>; };";
  const DeviceTree tree = board("", "iommus = <&smmu 1 0>; memory-region = <&low>;", reserved);
  CHECK(own_regions(bench.configured(tree, block, bindings_of({6, 2}, false))).empty());
  const std::vector<ReservedRegion> regions =
      own_regions(bench.configured(tree, block, bindings_of({6, 3}, false)));
  REQUIRE(regions.size() == 1);
  CHECK(regions[0].start == 0);
  CHECK(regions[0].length == 600 * MiB);
  CHECK(regions[0].type == ReservedRegion::Type::Reserved);
}

TEST_CASE("iommu-ranges reserves all that it leaves out") {
  Bench bench;
  const DeviceTree tree = board(
      "", "iommus = <&smmu 1 0>; iommu-ranges = <0 0x40000000 0 0x10000000>, <0 0x1000000 0 0x1000000>;");
  CHECK(own_regions(bench.configured(tree, block, {})).empty());
  const std::vector<ReservedRegion> regions =
      own_regions(bench.configured(tree, block, {.iommu_ranges = true}));
  REQUIRE(regions.size() == 3);
  CHECK(regions[0].start == 0);
  CHECK(regions[0].length == 16 * MiB);
  CHECK(regions[1].start == 32 * MiB);
  CHECK(regions[1].length == 992 * MiB);
  CHECK(regions[2].start == 0x5000'0000);
  CHECK(regions[2].start + regions[2].length - 1 == ~std::uint64_t{0});
}

TEST_CASE("unusable dma-ranges end the probe, up to Linux 6.9") {
  Bench bench;
  const DeviceTree tree = device_tree(
      "/ { #address-cells = <2>; #size-cells = <2>; soc { #address-cells = <2>; #size-cells = <2>; ranges;"
      " dma-ranges = <0 0 0 0 0xffffffff 0xffffffff>; video@1000 { reg = <0 0x1000 0 0x100>; }; }; };");
  Device device;
  const Status before =
      configure_device(device, tree, video, std::nullopt, bindings_of({6, 9}, false), bench.host.log);
  REQUIRE_FALSE(before);
  CHECK(before.error() == Errno::EINVAL_);
  CHECK(configure_device(device, tree, video, std::nullopt, bindings_of({6, 10}, false), bench.host.log));
}
