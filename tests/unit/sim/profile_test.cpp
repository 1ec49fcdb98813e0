// SPDX-License-Identifier: Apache-2.0
#include "sim/profile.h"

#include <catch2/catch.hpp>

#include "tests/unit/sim/input_files.h"

using namespace sidewinder;
using sim::BufferFunction;

namespace {

constexpr const char* sample = R"(name = "sample"

[smmu]
stream_match_groups = 79
context_banks = 61

[[device]]
node = "/soc@0/video-codec@aa00000"
clock_mhz = 533.33
pipes = 4
dma_mask = 0xdabfffff

[[device.stream]]
name = "low"
sid = 0x1944
window = ["16MiB", "600MiB"]
functions = ["bitstream", "pixel"]

[[device.stream]]
name = "high"
sid = 0x1940
window = ["600MiB", 0xdac00000]
functions = ["non-pixel"]

[[device.owner]]
range = ["600MiB", "3500MiB"]
stream = "high"

[[device.owner]]
range = ["16MiB", "600MiB"]
stream = "low"
)";

sim::SocProfile load(const std::string& text) {
  const test::Folder folder;
  return sim::load_profile(folder.write("p.toml", text));
}

/// The error that `sample` causes with `what` replaced by `by`.
std::string error_with(std::string_view what, std::string_view by) {
  const test::Folder folder;
  const auto file = folder.write("p.toml", test::replaced(sample, what, by));
  return test::input_error(folder, [&] { static_cast<void>(sim::load_profile(file)); });
}

std::string error_with_added(std::string_view text) {
  return error_with("[[device.owner]]\nrange = [\"600MiB\"",
                    std::string(text) + "[[device.owner]]\nrange = [\"600MiB\"");
}

}  // namespace

TEST_CASE("a profile as values") {
  const test::Folder folder;
  const auto file = folder.write("p.toml", sample);
  const sim::SocProfile profile = sim::load_profile(file);
  CHECK(profile.file == file);
  CHECK(profile.name == "sample");
  CHECK(profile.smmu.stream_match_groups == 79);
  CHECK(profile.smmu.context_banks == 61);
  CHECK(profile.smmu.tlb_entries == 2048);
  CHECK(profile.smmu.tlb_ways == 4);
  CHECK(profile.smmu.micro_tlb_entries == 32);

  REQUIRE(profile.devices.size() == 1);
  const sim::DeviceProfile& device = profile.devices[0];
  CHECK(device.node == "/soc@0/video-codec@aa00000");
  CHECK(device.clock_hz == 533'330'000);
  CHECK(device.pipes == 4);
  CHECK(device.dma_mask == 0xdabf'ffff);
  CHECK(device.where.line == 7);
  REQUIRE(device.streams.size() == 2);
  CHECK(device.streams[0].name == "low");
  CHECK(device.streams[0].sid == 0x1944);
  CHECK(device.streams[0].window == sim::AddressRange{0x100'0000, 0x2580'0000});
  CHECK(device.streams[0].functions == std::vector{BufferFunction::Bitstream, BufferFunction::Pixel});
  CHECK(sim::to_string(device.streams[1].where) == file.string() + ":19");
}

TEST_CASE("a buffer's function selects its stream") {
  const sim::DeviceProfile device = load(sample).devices[0];
  CHECK(device.stream_for(BufferFunction::Bitstream) == &device.streams[0]);
  CHECK(device.stream_for(BufferFunction::Pixel) == &device.streams[0]);
  CHECK(device.stream_for(BufferFunction::NonPixel) == &device.streams[1]);
  CHECK(device.stream_for(BufferFunction::Firmware) == nullptr);
}

TEST_CASE("a profile's names are those of vpu::Function") {
  for (const BufferFunction function : {BufferFunction::Bitstream, BufferFunction::NonPixel,
                                        BufferFunction::Pixel, BufferFunction::Firmware}) {
    const std::string name = to_string(function);
    CHECK(error_with("[\"non-pixel\"]", "[\"" + name + "\", \"" + name + "\"]") ==
          "p.toml:23: device[0].stream[1].functions names " + name + " twice: once is enough");
  }
}

TEST_CASE("an address has one owner or none") {
  const sim::DeviceProfile device = load(sample).devices[0];
  CHECK(device.owner_of(0xff'ffff) == nullptr);
  CHECK(device.owner_of(0x100'0000) == &device.streams[0]);
  CHECK(device.owner_of(0x257f'ffff) == &device.streams[0]);
  CHECK(device.owner_of(0x2580'0000) == &device.streams[1]);
  CHECK(device.owner_of(0xdabf'ffff) == &device.streams[1]);
  CHECK(device.owner_of(0xdac0'0000) == nullptr);
  CHECK(device.owners[0].range.lo == 0x100'0000);
}

TEST_CASE("the SMMU's sizes") {
  CHECK(load(test::replaced(sample, "= 79", "= 128")).smmu.stream_match_groups == 128);
  CHECK(error_with("= 79", "= 129") == "p.toml:4: smmu.stream_match_groups is 129: it must be 1 to 128");
  CHECK(error_with("= 61", "= 0") == "p.toml:5: smmu.context_banks is 0: it must be 1 to 128");
  CHECK(error_with("context_banks = 61", "") == "p.toml:3: smmu.context_banks is missing: smmu must have it");
  CHECK(error_with("[smmu]\nstream_match_groups = 79\ncontext_banks = 61", "") ==
        "p.toml:1: smmu is missing: write a table [smmu]");
  CHECK(load(test::replaced(sample, "= 61", "= 61\ntlb_entries = 48\ntlb_ways = 3")).smmu.tlb_ways == 3);
  CHECK(error_with("= 61", "= 61\ntlb_ways = 3") ==
        "p.toml:6: smmu.tlb_ways makes 2048 entries in 3 ways: entries must be ways times a power of two, "
        "such as "
        "2048 in 4");
  CHECK(error_with("= 61", "= 61\ntlb_ways = 4\ntlb_entries = 12") ==
        "p.toml:7: smmu.tlb_entries makes 12 entries in 4 ways: entries must be ways times a power of two, "
        "such as "
        "2048 in 4");
}

TEST_CASE("a device's fields") {
  CHECK(error_with("\"/soc@0/", "\"soc@0/") ==
        "p.toml:8: device[0].node is 'soc@0/video-codec@aa00000': it must be a full path, such as "
        "/soc@0/video-codec@aa00000");
  CHECK(error_with("533.33", "0.5") == "p.toml:9: device[0].clock_mhz is 0.5: it must be 1 to 10000");
  CHECK(load(test::replaced(sample, "pipes = 4", "pipes = 2")).devices[0].pipes == 2);
  CHECK(error_with("pipes = 4", "pipes = 3") == "p.toml:10: device[0].pipes is 3: it must be 1, 2 or 4");
  CHECK(error_with("pipes = 4", "pipes = 5") == "p.toml:10: device[0].pipes is 5: it must be 1, 2 or 4");
  CHECK(load(test::replaced(sample, "0xdabfffff", "4095")).devices[0].dma_mask == 4095);
  CHECK_THAT(error_with("0xdabfffff", "4094"), Catch::StartsWith("p.toml:11: device[0].dma_mask is 4094: "));
  CHECK(load(test::replaced(sample, "dma_mask = 0xdabfffff", "")).devices[0].dma_mask == 0xffff'ffff);
  CHECK(error_with("pipes", "pipe") ==
        "p.toml:10: unknown key 'pipe' in device[0]; did you mean 'pipes'? Known: node, compatible, "
        "enable, clock_mhz, pipes, dma_mask, stream, owner");
}

TEST_CASE("a device is found by its node, or by what it is compatible with") {
  constexpr const char* node = "node = \"/soc@0/video-codec@aa00000\"";
  const auto chosen = [&](const char* by) { return load(test::replaced(sample, node, by)).devices[0]; };
  CHECK(load(sample).devices[0].label() == "/soc@0/video-codec@aa00000");
  CHECK(load(sample).devices[0].compatible.empty());
  CHECK(chosen("compatible = \"any\"").node.empty());
  CHECK(chosen("compatible = \"any\"").compatible.empty());
  CHECK(chosen("compatible = \"any\"").label() == "any");
  const sim::DeviceProfile two = chosen("compatible = [\"qcom,sm8250-venus\", \"qcom,sm8550-iris\"]");
  CHECK(two.compatible == std::vector<std::string>{"qcom,sm8250-venus", "qcom,sm8550-iris"});
  CHECK(two.label() == "qcom,sm8250-venus");

  CHECK(error_with(node, "") == "p.toml:7: device[0].node is missing: write node or compatible");
  CHECK(error_with(node, std::string(node) + "\ncompatible = \"any\"") ==
        "p.toml:8: device[0].node is set beside compatible: it must be one of the two");
  CHECK(error_with(node, "compatible = \"all\"") ==
        "p.toml:8: device[0].compatible is 'all': it must be \"any\" or an array, such as "
        "[\"qcom,sm8250-venus\"]");
  CHECK(error_with(node, "compatible = []") ==
        "p.toml:8: device[0].compatible is empty: it must have at least one string");
}

TEST_CASE("a device may be enabled") {
  CHECK_FALSE(load(sample).devices[0].enable);
  CHECK(load(test::replaced(sample, "pipes = 4", "pipes = 4\nenable = true")).devices[0].enable);
  CHECK(error_with("pipes = 4", "pipes = 4\nenable = 1") ==
        "p.toml:11: device[0].enable is an integer: it must be true or false");
}

TEST_CASE("context banks may be as many as the device tree has interrupts for") {
  CHECK(load(test::replaced(sample, "= 61", "= \"interrupts\"")).smmu.context_banks == 0);
  CHECK(
      error_with("= 61", "= \"all\"") ==
      "p.toml:5: smmu.context_banks is 'all': it must be 1 to 128, or \"interrupts\", which is one for each "
      "context interrupt in the device tree");
}

TEST_CASE("a stream's StreamIDs may be in the device tree") {
  constexpr const char* board = R"(name = "board"
[smmu]
stream_match_groups = 128
context_banks = "interrupts"
[[device]]
compatible = "any"
clock_mhz = 444
pipes = 1
[[device.stream]]
name = "video"
sid = "iommus"
window = [0, "3GiB"]
functions = ["bitstream", "non-pixel", "pixel"]
[[device.stream]]
name = "firmware"
sid = "video-firmware"
window = [0, "16MiB"]
functions = ["firmware"]
)";
  const auto board_error = [&](const char* what, const char* by) {
    const test::Folder folder;
    const auto file = folder.write("p.toml", test::replaced(board, what, by));
    return test::input_error(folder, [&] { static_cast<void>(sim::load_profile(file)); });
  };
  const sim::DeviceProfile device = load(board).devices[0];
  CHECK(device.streams[0].sid_source == sim::SidSource::Iommus);
  CHECK(device.streams[1].sid_source == sim::SidSource::VideoFirmware);
  CHECK(load(sample).devices[0].streams[0].sid_source == sim::SidSource::Profile);

  CHECK(board_error("\"iommus\"", "\"iommu\"") ==
        "p.toml:11: device[0].stream[0].sid has the unknown value 'iommu'; did you mean 'iommus'? Known: "
        "iommus, video-firmware");
  CHECK(
      board_error("\"video-firmware\"", "7") ==
      "p.toml:14: stream 'firmware' is beside 'video', which has all StreamIDs of `iommus`: that one must be "
      "alone, but for a firmware stream with sid = \"video-firmware\"");
  CHECK(board_error("\"iommus\"", "\"video-firmware\"") ==
        "p.toml:11: device[0].stream[0].sid is \"video-firmware\": only the stream of the function firmware "
        "can have it");
}

TEST_CASE("a stream that is dropped takes what it owns with it") {
  sim::DeviceProfile device = load(sample).devices[0];
  sim::drop_stream(device, 0);
  REQUIRE(device.streams.size() == 1);
  CHECK(device.streams[0].name == "high");
  REQUIRE(device.owners.size() == 1);
  CHECK(device.owners[0].stream == 0);
  CHECK(device.owner_of(0x2580'0000) == &device.streams[0]);
  CHECK(device.owner_of(0x100'0000) == nullptr);
}

TEST_CASE("devices and streams must be there") {
  CHECK(error_with("[[device]]", "[[other]]") == "p.toml:7: unknown key 'other'; known: name, smmu, device");
  const test::Folder folder;
  const auto bare =
      folder.write("p.toml", "name = \"n\"\n[smmu]\nstream_match_groups = 1\ncontext_banks = 1\n");
  CHECK(test::input_error(folder, [&] { static_cast<void>(sim::load_profile(bare)); }) ==
        "p.toml:1: device is missing: write a [[device]] for each device behind the SMMU");
  const auto streamless = folder.write("p.toml",
                                       "name = \"n\"\n[smmu]\nstream_match_groups = 1\ncontext_banks = 1\n"
                                       "[[device]]\nnode = \"/d\"\nclock_mhz = 1\npipes = 1\n");
  CHECK(test::input_error(folder, [&] { static_cast<void>(sim::load_profile(streamless)); }) ==
        "p.toml:5: device[0].stream is missing: write a [[device.stream]] for each DMA stream");
}

TEST_CASE("windows are whole pages and not empty") {
  CHECK(error_with("window = [\"16MiB\", \"600MiB\"]", "window = [\"16MiB\", \"16MiB\"]") ==
        "p.toml:16: device[0].stream[0].window is empty, from 16MiB up to 16MiB: the first address must be "
        "below "
        "the second");
  CHECK(error_with("window = [\"16MiB\", \"600MiB\"]", "window = [0x1001, \"600MiB\"]") ==
        "p.toml:16: device[0].stream[0].window has 0x1001, which is not on a page: it must be a multiple of "
        "4KiB");
  CHECK(load(test::replaced(sample, "0xdac00000]", "\"256TiB\"]")).devices[0].streams[1].window.hi ==
        std::uint64_t{1} << 48);
  CHECK(error_with("0xdac00000]", "\"257TiB\"]") ==
        "p.toml:22: device[0].stream[1].window is 257TiB: it must be 0x0 to 256TiB");
}

TEST_CASE("StreamIDs fit their register and are used once") {
  CHECK(load(test::replaced(sample, "0x1944", "0x7fff")).devices[0].streams[0].sid == 0x7fff);
  CHECK(error_with("0x1944", "0x8000") ==
        "p.toml:15: device[0].stream[0].sid is 32768: it must be 0 to 32767");
  CHECK(error_with("0x1944", "0x1940") ==
        "p.toml:19: StreamID 0x1940 is used twice, first by stream 'low' at line 13: each stream must have "
        "its own");

  const std::string second = R"(
[[device]]
node = "/soc@0/other@1"
clock_mhz = 1
pipes = 1
[[device.stream]]
name = "low"
sid = 0x1
window = [0, 4096]
functions = ["bitstream", "pixel", "non-pixel"]
)";
  CHECK(load(sample + second).devices.size() == 2);
  const test::Folder folder;
  const auto same_sid =
      folder.write("p.toml", sample + test::replaced(second, "sid = 0x1\n", "sid = 0x1940\n"));
  CHECK(test::input_error(folder, [&] { static_cast<void>(sim::load_profile(same_sid)); }) ==
        "p.toml:37: StreamID 0x1940 is used twice, first by stream 'high' at line 19: each stream must have "
        "its own");
  const auto same_node =
      folder.write("p.toml", sample + test::replaced(second, "other@1", "video-codec@aa00000"));
  CHECK(test::input_error(folder, [&] { static_cast<void>(sim::load_profile(same_node)); }) ==
        "p.toml:33: device /soc@0/video-codec@aa00000 is described twice, first at line 7: once is enough");
}

TEST_CASE("every function has exactly one stream") {
  CHECK(error_with("[\"non-pixel\"]", "[\"non-pixel\", \"pixel\"]") ==
        "p.toml:19: streams 'low' and 'high' both have the function pixel: exactly one must");
  CHECK(error_with("[\"bitstream\", \"pixel\"]", "[\"bitstream\"]") ==
        "p.toml:7: no stream of device[0] has the function pixel: exactly one must");
  CHECK(error_with("[\"bitstream\", \"pixel\"]", "[\"bitstream\", \"pixel\", \"pixel\"]") ==
        "p.toml:17: device[0].stream[0].functions names pixel twice: once is enough");
  CHECK(
      error_with("[\"non-pixel\"]", "[\"nonpixel\"]") ==
      "p.toml:23: device[0].stream[1].functions has the unknown value 'nonpixel'; did you mean 'non-pixel'? "
      "Known: bitstream, non-pixel, pixel, firmware");
  CHECK(error_with("name = \"low\"", "name = \"high\"") ==
        "p.toml:19: stream name 'high' is used twice, first at line 13: each must be different");
}

TEST_CASE("firmware may have a stream, but of its own") {
  const std::string firmware =
      "[[device.stream]]\nname = \"fw\"\nsid = 1\nwindow = [0, \"16MiB\"]\nfunctions = [\"firmware\"]\n";
  CHECK(error_with_added(firmware).empty());
  CHECK(error_with("[\"non-pixel\"]", "[\"non-pixel\", \"firmware\"]") ==
        "p.toml:23: device[0].stream[1].functions has firmware beside others: firmware must have a stream of "
        "its own");
}

TEST_CASE("owner ranges do not overlap and name streams") {
  CHECK(error_with("range = [\"16MiB\", \"600MiB\"]", "range = [\"16MiB\", \"601MiB\"]") ==
        "p.toml:29: owner range [0x1000000, 0x25900000) overlaps [0x25800000, 0xdac00000) at line 25: each "
        "address "
        "must have one owner");
  CHECK(error_with("range = [\"600MiB\", \"3500MiB\"]", "range = [\"17MiB\", \"18MiB\"]") ==
        "p.toml:29: owner range [0x1000000, 0x25800000) overlaps [0x1100000, 0x1200000) at line 25: each "
        "address "
        "must have one owner");
  CHECK(error_with("range = [\"16MiB\", \"600MiB\"]", "range = [1, 2]") ==
        "p.toml:30: device[0].owner[1].range has 0x1, which is not on a page: it must be a multiple of 4KiB");
  CHECK(error_with("stream = \"low\"", "stream = \"lo\"") ==
        "p.toml:31: device[0].owner[1].stream has the unknown value 'lo'; did you mean 'low'? Known: low, "
        "high");
}

TEST_CASE("the profiles that ship") {
  const std::filesystem::path profiles = std::filesystem::path(SIDEWINDER_CONFIGS) / "profiles";
  const sim::SocProfile vpu = sim::load_profile(profiles / "thread-vpu.toml");
  REQUIRE(vpu.devices.size() == 1);
  const sim::DeviceProfile& device = vpu.devices[0];
  CHECK(device.stream_for(BufferFunction::NonPixel)->window == sim::AddressRange{0x2580'0000, 0xdac0'0000});
  CHECK(device.stream_for(BufferFunction::Pixel)->window == sim::AddressRange{0, 0xdac0'0000});
  CHECK(device.stream_for(BufferFunction::Bitstream)->window == sim::AddressRange{0x100'0000, 0x2580'0000});
  CHECK(device.stream_for(BufferFunction::Firmware)->sid == 0x1a22);
  CHECK(device.owner_of(0xff'ffff)->name == "firmware");
  CHECK(device.owner_of(0x100'0000)->name == "bitstream");
  CHECK(device.owner_of(0x2580'0000)->name == "non-pixel");
  CHECK(device.owner_of(0xdac0'0000) == nullptr);

  const sim::SocProfile abc = sim::load_profile(profiles / "thread-abc.toml");
  REQUIRE(abc.devices.size() == 3);
  CHECK(abc.devices[0].streams[0].window.lo == std::uint64_t{256} << 20);
  CHECK(abc.devices[1].streams[0].window.lo == std::uint64_t{512} << 20);
  CHECK(abc.devices[2].streams[0].window.lo == std::uint64_t{600} << 20);
}
