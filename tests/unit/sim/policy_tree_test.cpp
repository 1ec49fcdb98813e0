// SPDX-License-Identifier: Apache-2.0
#include "sim/policy_tree.h"

#include <catch2/catch.hpp>

#include "iommu/linux/device_tree.h"
#include "sim/dts.h"

using namespace sidewinder;
using kernel::DeviceTree;

namespace {

constexpr const char* video = "/soc@0/video-codec@aa00000";
constexpr std::uint64_t MiB = 0x10'0000;

std::filesystem::path configs() {
  return SIDEWINDER_CONFIGS;
}

sim::SocProfile thread_profile() {
  return sim::load_profile(configs() / "profiles/thread-vpu.toml");
}

std::vector<std::byte> thread_tree() {
  return sim::load_device_tree(configs() / "platforms/thread-vpu.dts");
}

DeviceTree with(sim::Policy policy) {
  return DeviceTree(sim::apply_policy(thread_tree(), policy, thread_profile(), 600 * MiB));
}

std::vector<std::uint32_t> sids(const kernel::DeviceNode& node) {
  std::vector<std::uint32_t> ids;
  for (const kernel::IommuSpecifier& specifier : node.iommus) ids.push_back(specifier.sid);
  return ids;
}

std::vector<std::string> names_below(const DeviceTree& tree, const std::string& path) {
  std::vector<std::string> names;
  for (const kernel::DeviceNode& child : tree.children(path))
    names.push_back(child.path.substr(path.size() + 1));
  return names;
}

std::string child(const std::string& name) {
  return std::string(video) + "/" + name;
}

using Names = std::vector<std::string>;
using Ids = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("a tree that is taken as it is") {
  CHECK(sim::apply_policy(thread_tree(), sim::Policy::DeviceTree, thread_profile(), 0) == thread_tree());
}

TEST_CASE("one node for all blocks, and one for the firmware") {
  for (const sim::Policy policy : {sim::Policy::Shared, sim::Policy::Unbundled}) {
    const DeviceTree tree = with(policy);
    CHECK(sids(tree.device(video)) == Ids{0x1940, 0x1943, 0x1944});
    CHECK(names_below(tree, video) == Names{"video-firmware"});
    CHECK(sids(tree.node(child("video-firmware"))) == Ids{0x1a22});
  }
}

TEST_CASE("child nodes take the device's streams over, one each") {
  for (const sim::Policy policy : {sim::Policy::None, sim::Policy::Runtime, sim::Policy::RuntimeHardened}) {
    const DeviceTree tree = with(policy);
    CHECK(tree.device(video).iommus.empty());
    CHECK(names_below(tree, video) == Names{"non-pixel", "pixel", "bitstream", "video-firmware"});
    CHECK(sids(tree.node(child("pixel"))) == Ids{0x1943});
    CHECK(tree.node(child("pixel")).dev_name == "aa00000.video-codec:pixel");
    CHECK(tree.iova_reservations(child("non-pixel")).regions.empty());
    CHECK_FALSE(tree.iommu_ranges(child("non-pixel")));
    CHECK(tree.reserved_memory_count() == 0);
  }
}

TEST_CASE("child nodes keep what lies below their windows by iommu-addresses") {
  const DeviceTree tree = with(sim::Policy::ChildNodes);
  const auto below = [&](const char* name) {
    const kernel::IovaReservations found = tree.iova_reservations(child(name));
    CHECK(found.log.empty());
    return found.regions;
  };
  REQUIRE(below("non-pixel").size() == 1);
  CHECK(below("non-pixel")[0].start == 0);
  CHECK(below("non-pixel")[0].size == 600 * MiB);
  CHECK_FALSE(below("non-pixel")[0].direct);
  REQUIRE(below("bitstream").size() == 1);
  CHECK(below("bitstream")[0].size == 16 * MiB);
  CHECK(below("pixel").empty());
  CHECK(below("video-firmware").empty());
}

TEST_CASE("a uniform reservation is the same for every block") {
  const DeviceTree tree = with(sim::Policy::Uniform);
  for (const char* name : {"non-pixel", "pixel", "bitstream"}) {
    const kernel::IovaReservations found = tree.iova_reservations(child(name));
    REQUIRE(found.regions.size() == 1);
    CHECK(found.regions[0].size == 600 * MiB);
  }
  CHECK(tree.iova_reservations(child("video-firmware")).regions.empty());
}

TEST_CASE("iommu-ranges lists each block's window") {
  const DeviceTree tree = with(sim::Policy::IommuRanges);
  const auto ranges = tree.iommu_ranges(child("bitstream"));
  REQUIRE(ranges);
  REQUIRE(ranges->size() == 1);
  CHECK((*ranges)[0].start == 16 * MiB);
  CHECK((*ranges)[0].size == 584 * MiB);
}

TEST_CASE("each block under a bus of its own has its window as dma-ranges") {
  const DeviceTree tree = with(sim::Policy::DmaRanges);
  CHECK(names_below(tree, video) == Names{"non-pixel-bus", "pixel-bus", "bitstream-bus", "video-firmware"});
  const std::string node = child("non-pixel-bus/non-pixel");
  CHECK(sids(tree.node(node)) == Ids{0x1940});
  const kernel::DmaLimits limits =
      tree.dma_limits(node, kernel::DmaOwner::Node, kernel::DmaBounds::StartAndSize);
  CHECK(limits.log.empty());
  CHECK(limits.start == 600 * MiB);
  CHECK(limits.bus_dma_limit == 3500 * MiB - 1);
}

TEST_CASE("iommu-map has a function for each stream of the profile, and the node no stream of its own") {
  const DeviceTree tree = with(sim::Policy::IommuMap);
  CHECK(tree.device(video).iommus.empty());
  CHECK(names_below(tree, video).empty());
  const Ids expected{0x1940, 0x1943, 0x1944, 0x1a22};
  for (std::uint32_t function = 0; function < 4; ++function) {
    const kernel::IommuMapAnswer answer =
        tree.map_iommu_id(video, function, kernel::IommuMapRule::TargetCells);
    REQUIRE(answer.specifiers);
    REQUIRE(answer.specifiers->size() == 1);
    CHECK(answer.specifiers->front().sid == expected[function]);
    CHECK(answer.specifiers->front().mask == 0);
  }
  const kernel::IommuMapAnswer beyond = tree.map_iommu_id(video, 4, kernel::IommuMapRule::TargetCells);
  REQUIRE(beyond.specifiers);
  CHECK(beyond.specifiers->empty());
}

TEST_CASE("what is not a node's name is numbered") {
  sim::DeviceProfile device = thread_profile().devices[0];
  CHECK(sim::stream_node_name(device, 1) == "pixel");
  CHECK(sim::stream_node_name(device, 3) == "video-firmware");
  for (const char* name : {"two words", "ümlaut", "a/b", "27-characters-and-one-more-x"}) {
    device.streams[1].name = name;
    CHECK(sim::stream_node_name(device, 1) == "stream-1");
  }
  device.streams[1].name = "exactly-twenty-seven-chars";
  CHECK(sim::stream_node_name(device, 1) == "exactly-twenty-seven-chars");
}
