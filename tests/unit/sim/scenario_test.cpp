// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario.h"

#include <catch2/catch.hpp>

#include "tests/unit/sim/input_files.h"

using namespace sidewinder;

namespace {

constexpr const char* profile = R"(name = "two"
[smmu]
stream_match_groups = 79
context_banks = 61
[[device]]
node = "/soc@0/a@1"
clock_mhz = 100
pipes = 1
[[device.stream]]
name = "all"
sid = 1
window = [0, "1GiB"]
functions = ["bitstream", "non-pixel", "pixel"]
[[device]]
node = "/soc@0/b@2"
clock_mhz = 100
pipes = 1
[[device.stream]]
name = "all"
sid = 2
window = [0, "1GiB"]
functions = ["bitstream", "non-pixel", "pixel"]
)";

constexpr const char* least = R"(platform = "../platforms/p.dts"
profile = "../profiles/p.toml"
[[session]]
codec = "h264"
width = 1920
height = 1080
)";

constexpr const char* full = R"(platform = "../platforms/p.dts"
profile = "../profiles/p.toml"
description = "everything said"
seed = 7
duration_ms = 250
[kernel]
version = "6.12"
backport = true
default_domain = "dma-fq"
disable_bypass = false
iova = "best-fit"
[policy]
name = "uniform"
uniform_size = "600MiB"
mask = "device"
queues = "node"
[memory]
fragmentation = 0.5
[host]
interrupt_latency_us = 9
[traffic]
stride = "64KiB"
burst = 128
[[session]]
device = "/soc@0/b@2"
codec = "vp9"
width = 96
height = 8192
count = 3
start_ms = 10
interval_ms = 20
frames = 30
input_buffers = 5
output_buffers = 6
dpb_buffers = 1
)";

class Inputs {
 public:
  explicit Inputs(std::string_view scenario) : file_(folder_.write("scenarios/s.toml", scenario)) {
    folder_.write("platforms/p.dts", "");
    folder_.write("profiles/p.toml", profile);
  }

  [[nodiscard]] sim::Scenario load(const std::vector<std::string>& overrides = {}) const {
    return sim::load_scenario(file_, overrides);
  }
  [[nodiscard]] std::string error(const std::vector<std::string>& overrides = {}) const {
    return test::input_error(folder_, [&] { static_cast<void>(load(overrides)); });
  }
  [[nodiscard]] const test::Folder& folder() const { return folder_; }

 private:
  test::Folder folder_;
  std::filesystem::path file_;
};

std::string error_with(std::string_view what, std::string_view by) {
  return Inputs(test::replaced(full, what, by)).error();
}

sim::Scenario load_with(std::string_view what, std::string_view by) {
  return Inputs(test::replaced(full, what, by)).load();
}

}  // namespace

TEST_CASE("a scenario that says everything") {
  const Inputs inputs(full);
  const sim::Scenario s = inputs.load();
  CHECK(s.file == inputs.folder().path() / "scenarios/s.toml");
  CHECK(s.platform == inputs.folder().path() / "platforms/p.dts");
  CHECK(s.profile.file == inputs.folder().path() / "profiles/p.toml");
  CHECK(s.profile.name == "two");
  CHECK(s.description == "everything said");
  CHECK(s.seed == 7);
  CHECK(s.duration_ms == 250);
  CHECK(s.kernel.version == kernel::KernelVersion{6, 12});
  CHECK(s.kernel.backport);
  CHECK(s.kernel.default_domain == kernel::DomainType::DmaFq);
  CHECK_FALSE(s.kernel.disable_bypass);
  CHECK(s.kernel.iova == kernel::IovaStrategy::BestFit);
  CHECK(s.policy == sim::Policy::Uniform);
  CHECK(s.uniform_size == 0x2580'0000);
  CHECK(s.mask == sim::MaskRule::Device);
  CHECK(s.queues == sim::QueueOwner::Node);
  CHECK(s.fragmentation == 0.5);
  CHECK(s.interrupt_latency_us == 9);
  CHECK(s.traffic.stride == 65536);
  CHECK(s.traffic.burst == 128);
  REQUIRE(s.sessions.size() == 1);
  CHECK(s.sessions[0].device == 1);
  CHECK(s.sessions[0].codec == vpu::Codec::Vp9);
  CHECK(s.sessions[0].width == 96);
  CHECK(s.sessions[0].height == 8192);
  CHECK(s.sessions[0].count == 3);
  CHECK(s.sessions[0].start_ms == 10);
  CHECK(s.sessions[0].interval_ms == 20);
  CHECK(s.sessions[0].frames == 30);
  CHECK(s.sessions[0].input_buffers == 5);
  CHECK(s.sessions[0].output_buffers == 6);
  CHECK(s.sessions[0].dpb_buffers == 1);
  CHECK(s.sessions[0].where.line == 24);
}

TEST_CASE("a scenario that says the least") {
  const sim::Scenario s = Inputs(least).load();
  CHECK(s.description.empty());
  CHECK(s.seed == 1);
  CHECK(s.duration_ms == 400);
  CHECK(s.kernel.version == kernel::KernelVersion{6, 1});
  CHECK_FALSE(s.kernel.backport);
  CHECK_FALSE(s.kernel.smmuv3_runtime_pm);
  CHECK(s.kernel.default_domain == kernel::DomainType::Dma);
  CHECK(s.kernel.disable_bypass);
  CHECK(s.kernel.iova == kernel::IovaStrategy::Linux);
  CHECK(s.policy == sim::Policy::None);
  CHECK(s.uniform_size == 0);
  CHECK(s.mask == sim::MaskRule::Stream);
  CHECK(s.queues == sim::QueueOwner::Stream);
  CHECK(s.fragmentation == 0);
  CHECK(s.interrupt_latency_us == 5);
  CHECK(s.traffic.stride == 16384);
  CHECK(s.traffic.burst == 64);
  REQUIRE(s.sessions.size() == 1);
  CHECK(s.sessions[0].device == 0);
  CHECK(s.sessions[0].codec == vpu::Codec::H264);
  CHECK(s.sessions[0].count == 1);
  CHECK(s.sessions[0].start_ms == 0);
  CHECK(s.sessions[0].interval_ms == 0);
  CHECK(s.sessions[0].frames == 0);
  CHECK(s.sessions[0].input_buffers == 4);
  CHECK(s.sessions[0].output_buffers == 9);
  CHECK(s.sessions[0].dpb_buffers == 9);
}

TEST_CASE("a scenario's codecs are those of vpu::Codec") {
  for (const vpu::Codec codec : {vpu::Codec::H264, vpu::Codec::Hevc, vpu::Codec::Vp9}) {
    const std::string scenario = test::replaced(full, "vp9", to_string(codec));
    CHECK(Inputs(scenario).load().sessions[0].codec == codec);
  }
}

TEST_CASE("the files a scenario names") {
  CHECK(
      error_with("platforms/p.dts", "platforms/q.dts") ==
      "scenarios/s.toml:1: platform names platforms/q.dts, which is not a file: write a path relative to the "
      "scenario");
  CHECK(error_with("profiles/p.toml", "profiles") ==
        "scenarios/s.toml:2: profile names profiles, which is not a file: write a path relative to the "
        "scenario");
  CHECK(error_with("platform = \"../platforms/p.dts\"\n", "") == "scenarios/s.toml:1: platform is missing");
  CHECK(Inputs(least).error({"platform=none.dts"}) ==
        "--set platform=none.dts: platform names scenarios/none.dts, which is not a file: write a path "
        "relative to "
        "the scenario");

  const test::Folder folder;
  CHECK(test::input_error(folder, [&] {
          static_cast<void>(sim::load_scenario(folder.path() / "no.toml"));
        }) == "no.toml: cannot be read: No such file or directory");
}

TEST_CASE("an error in the profile is at the profile's line") {
  const Inputs inputs(least);
  inputs.folder().write("profiles/p.toml", test::replaced(profile, "sid = 2", "sid = 1"));
  CHECK(inputs.error() ==
        "profiles/p.toml:18: StreamID 0x1 is used twice, first by stream 'all' at line 9: each stream must "
        "have its "
        "own");
}

TEST_CASE("a scenario's own fields") {
  CHECK(error_with("seed = 7", "sede = 7") ==
        "scenarios/s.toml:4: unknown key 'sede'; did you mean 'seed'? Known: platform, profile, description, "
        "seed, "
        "duration_ms, kernel, policy, memory, host, traffic, session");
  CHECK(error_with("everything said", "one\\ntwo") ==
        "scenarios/s.toml:3: description has several lines: it must be one");
  CHECK(load_with("seed = 7", "seed = 0").seed == 0);
  CHECK_THAT(error_with("seed = 7", "seed = -1"),
             Catch::StartsWith("scenarios/s.toml:4: seed is -1: it must be 0 to"));
  CHECK(error_with("= 250", "= 0") == "scenarios/s.toml:5: duration_ms is 0: it must be 1 to 600000");
  CHECK(error_with("= 250", "= 600001") ==
        "scenarios/s.toml:5: duration_ms is 600001: it must be 1 to 600000");
  CHECK(load_with("= 0.5", "= 1").fragmentation == 1);
  CHECK(error_with("= 0.5", "= 1.01") ==
        "scenarios/s.toml:18: memory.fragmentation is 1.01: it must be 0 to 1");
  CHECK(error_with("_us = 9", "_us = 1000001") ==
        "scenarios/s.toml:20: host.interrupt_latency_us is 1000001: it must be 0 to 1000000");
  CHECK(error_with("_us = 9", "_ms = 9") ==
        "scenarios/s.toml:20: unknown key 'interrupt_latency_ms' in host; did you mean "
        "'interrupt_latency_us'? Known: "
        "interrupt_latency_us");
  CHECK_THAT(error_with("[traffic]", "[traffic"), Catch::StartsWith("scenarios/s.toml:21: is not TOML: "));
}

TEST_CASE("a kernel's release and command line") {
  CHECK(load_with("\"6.12\"", "\"v6.1\"").kernel.version == kernel::KernelVersion{6, 1});
  CHECK(load_with("\"6.12\"", "\"7.0\"").kernel.version == kernel::KernelVersion{7, 0});
  for (const char* text : {"6.0", "6.20", "7.1", "6", "six", "vv6.1", "6.12-rc1", "6.01", "06.1"}) {
    CAPTURE(text);
    CHECK(error_with("6.12", text) == "scenarios/s.toml:7: kernel.version is '" + std::string(text) +
                                          "': it must be a release from 6.1 to 7.0");
  }
  CHECK(error_with("\"6.12\"", "6.12") ==
        "scenarios/s.toml:7: kernel.version is a fraction: it must be a string");
  CHECK(Inputs(least).load({"kernel.smmuv3_runtime_pm=true"}).kernel.smmuv3_runtime_pm);
  CHECK(Inputs(least).load({"kernel.version=v6.10"}).kernel.version == kernel::KernelVersion{6, 10});
  CHECK(error_with("backport = true", "backport = 1") ==
        "scenarios/s.toml:8: kernel.backport is an integer: it must be true or false");
  CHECK(load_with("\"dma-fq\"", "\"identity\"").kernel.default_domain == kernel::DomainType::Identity);
  CHECK(
      error_with("\"dma-fq\"", "\"lazy\"") ==
      "scenarios/s.toml:9: kernel.default_domain has the unknown value 'lazy'; known: dma, dma-fq, identity");
}

TEST_CASE("a policy that the kernel lacks the means for must be asked for") {
  const Inputs inputs(least);
  for (const std::string_view name : sim::policy_names()) {
    CAPTURE(std::string(name));
    const std::string setting = "policy.name=" + std::string(name);
    const std::string size = "policy.uniform_size=4096";
    std::vector<std::string> overrides{"kernel.backport=true", setting};
    if (name == "uniform") overrides.push_back(size);
    CHECK(sim::to_string(inputs.load(overrides).policy) == name);
  }
  CHECK(inputs.error({"policy.name=runtime", "kernel.version=v7.0"}) ==
        "--set policy.name=runtime: policy.name is runtime, but Linux 7.0 lacks dma_iova_set_resv_region(): "
        "proposed, in no release; kernel.backport = true runs it all the same");
  CHECK(
      inputs.error({"policy.name=child-nodes"}) ==
      "--set policy.name=child-nodes: policy.name is child-nodes, but Linux 6.1 lacks iommu-addresses (from "
      "6.3); kernel.backport = true runs it all the same");
  CHECK(inputs.load({"policy.name=child-nodes", "kernel.version=v6.3"}).policy == sim::Policy::ChildNodes);
  CHECK(inputs.error({"policy.name=nun"}) ==
        "--set policy.name=nun: policy.name has the unknown value 'nun'; did you mean 'none'? Known: none, "
        "shared, unbundled, runtime, runtime-hardened, iommu-map, child-nodes, dma-ranges, uniform, "
        "iommu-ranges, device-tree");
}

TEST_CASE("a uniform size goes with the uniform policy, and with no other") {
  CHECK(error_with("uniform_size = \"600MiB\"\n", "") ==
        "scenarios/s.toml:13: policy.name is uniform, but uniform_size is missing, and no stream of the "
        "profile has a lower bound to take it from: write how much, such as \"600MiB\"");
  CHECK(error_with("name = \"uniform\"", "name = \"none\"") ==
        "scenarios/s.toml:14: policy.uniform_size is set, but the policy is none: remove it, or set name = "
        "\"uniform\"");
  CHECK_THAT(error_with("name = \"uniform\"\n", ""),
             Catch::StartsWith("scenarios/s.toml:13: policy.uniform_size is set, but the policy is none"));
  CHECK(error_with("600MiB", "600MB") ==
        "scenarios/s.toml:14: policy.uniform_size: \"600MB\" has the unit \"MB\", which is ambiguous: write "
        "\"600MiB\", in powers of 1024");
  CHECK(error_with("\"600MiB\"", "5000") ==
        "scenarios/s.toml:14: policy.uniform_size is not whole pages: it must be a multiple of 4KiB");
  CHECK(load_with("\"600MiB\"", "4096").uniform_size == 4096);
  CHECK(error_with("\"600MiB\"", "0") ==
        "scenarios/s.toml:14: policy.uniform_size is 0x0: it must be 4KiB to 256TiB");
}

TEST_CASE("without a uniform size, the highest lower bound of a block is taken") {
  const Inputs inputs(test::replaced(full, "uniform_size = \"600MiB\"\n", ""));
  inputs.folder().write("profiles/p.toml",
                        test::replaced(profile, "sid = 2\nwindow = [0,", "sid = 2\nwindow = [\"8MiB\","));
  CHECK(inputs.load().uniform_size == 8 << 20);
}

TEST_CASE("a policy from the command line silences the file's uniform size, not its own") {
  const Inputs inputs(full);
  const sim::Scenario s = inputs.load({"policy.name=shared"});
  CHECK(s.policy == sim::Policy::Shared);
  CHECK(s.uniform_size == 0);
  CHECK(inputs.error({"policy.name=none", "policy.uniform_size=4096"}) ==
        "--set policy.uniform_size=4096: policy.uniform_size is set, but the policy is none: remove it, or "
        "set name = \"uniform\"");
}

TEST_CASE("memory that the boot loader would fill in") {
  CHECK_FALSE(Inputs(full).load().memory);
  CHECK(load_with("fragmentation = 0.5", "range = [\"2GiB\", \"4GiB\"]").memory ==
        sim::AddressRange{0x8000'0000, 0x1'0000'0000});
  CHECK(load_with("fragmentation = 0.5", "range = [\"2GiB\", \"4GiB\"]").fragmentation == 0);
  CHECK(
      error_with("fragmentation = 0.5", "range = [0, 0x1234]") ==
      "scenarios/s.toml:18: memory.range has 0x1234, which is not on a page: it must be a multiple of 4KiB");
  CHECK(
      error_with("fragmentation = 0.5", "range = [\"4GiB\", \"2GiB\"]") ==
      "scenarios/s.toml:18: memory.range is empty, from 4GiB up to 2GiB: the first address must be below the "
      "second");
}

TEST_CASE("a session names a device that is chosen on the board by how it is chosen") {
  const test::Folder folder;
  folder.write("platforms/p.dts", "");
  folder.write("profiles/p.toml", test::replaced(profile, "node = \"/soc@0/b@2\"", "compatible = \"any\""));
  const auto file =
      folder.write("scenarios/s.toml", test::replaced(least, "[[session]]", "[[session]]\ndevice = \"any\""));
  CHECK(sim::load_scenario(file).sessions[0].device == 1);
}

TEST_CASE("traffic is in powers of two") {
  CHECK(load_with("burst = 128", "burst = 8").traffic.burst == 8);
  CHECK(load_with("burst = 128", "burst = 4096").traffic.burst == 4096);
  CHECK(error_with("burst = 128", "burst = 4") ==
        "scenarios/s.toml:23: traffic.burst is 4: it must be 8 to 4096");
  CHECK(error_with("burst = 128", "burst = 96") ==
        "scenarios/s.toml:23: traffic.burst is 96: it must be a power of two");
  CHECK(error_with("\"64KiB\"", "\"65KiB\"") ==
        "scenarios/s.toml:22: traffic.stride is 66560: it must be a power of two");
  CHECK(load_with("\"64KiB\"", "128").traffic.stride == 128);
  CHECK(error_with("\"64KiB\"", "64") ==
        "scenarios/s.toml:22: traffic.stride makes a stride of 64 for bursts of 128: the stride must be at "
        "least the "
        "burst");
}

TEST_CASE("a session's fields") {
  CHECK(Inputs(test::replaced(full, "[[session]]", "[[sessions]]")).error().find("did you mean 'session'?") !=
        std::string::npos);
  CHECK(error_with("\"/soc@0/b@2\"", "\"/soc@0/c@3\"") ==
        "scenarios/s.toml:25: session[0].device has the unknown value '/soc@0/c@3'; did you mean "
        "'/soc@0/a@1'? Known: "
        "/soc@0/a@1, /soc@0/b@2");
  CHECK(error_with("\"vp9\"", "\"av1\"") ==
        "scenarios/s.toml:26: session[0].codec has the unknown value 'av1'; known: h264, hevc, vp9");
  CHECK(load_with("\"vp9\"", "\"hevc\"").sessions[0].codec == vpu::Codec::Hevc);
  CHECK(error_with("width = 96", "width = 95") ==
        "scenarios/s.toml:27: session[0].width is 95: it must be 96 to 8192");
  CHECK(error_with("height = 8192", "height = 8193") ==
        "scenarios/s.toml:28: session[0].height is 8193: it must be 96 to 8192");
  CHECK(load_with("width = 96", "width = 4352").sessions[0].width == 4352);
  CHECK(error_with("width = 96", "width = 4353") ==
        "scenarios/s.toml:28: session[0].height makes 139776 macroblocks a frame: it must be at most 139264, "
        "as in "
        "8192 x 4352");
  CHECK(error_with("count = 3", "count = 0") ==
        "scenarios/s.toml:29: session[0].count is 0: it must be 1 to 1000");
  CHECK(error_with("start_ms = 10", "start_ms = -1") ==
        "scenarios/s.toml:30: session[0].start_ms is -1: it must be 0 to 600000");
  CHECK(error_with("interval_ms = 20", "interval_ms = 600001") ==
        "scenarios/s.toml:31: session[0].interval_ms is 600001: it must be 0 to 600000");
  CHECK(error_with("frames = 30", "frames = true") ==
        "scenarios/s.toml:32: session[0].frames is a boolean: it must be an integer");
  CHECK(error_with("input_buffers = 5", "input_buffers = 0") ==
        "scenarios/s.toml:33: session[0].input_buffers is 0: it must be 1 to 32");
  CHECK(error_with("output_buffers = 6", "output_buffers = 33") ==
        "scenarios/s.toml:34: session[0].output_buffers is 33: it must be 1 to 32");
  CHECK(error_with("dpb_buffers = 1", "dpb_buffers = 33") ==
        "scenarios/s.toml:35: session[0].dpb_buffers is 33: it must be 1 to 32");
  CHECK(error_with("codec = \"vp9\"\n", "") ==
        "scenarios/s.toml:24: session[0].codec is missing: session[0] must have it");
  CHECK(Inputs("platform = \"../platforms/p.dts\"\nprofile = \"../profiles/p.toml\"\n").error() ==
        "scenarios/s.toml:1: session is missing: write at least one [[session]]");
}

TEST_CASE("overrides are applied in turn and checked as the file is") {
  const Inputs inputs(least);
  const sim::Scenario s = inputs.load({"seed=3", "session[0].count=3", "policy.name=shared", "seed=0x10"});
  CHECK(s.overrides ==
        std::vector<std::string>{"seed=3", "session[0].count=3", "policy.name=shared", "seed=0x10"});
  CHECK(s.seed == 16);
  CHECK(s.sessions[0].count == 3);
  CHECK(s.policy == sim::Policy::Shared);
  CHECK(inputs.error({"policy.nam=none"}) ==
        "--set policy.nam=none: unknown key 'nam' in policy; did you mean 'name'? Known: name, uniform_size, "
        "mask, queues");
  CHECK(inputs.error({"session[0].count=many"}) ==
        "--set session[0].count=many: session[0].count is a string: it must be an integer");
  CHECK(inputs.error({"session[1].count=2"}) ==
        "--set session[1].count=2: session has 1 element: write 0 to 0");
  CHECK(inputs.error({"seed"}) == "--set seed: has no '=': write --set KEY=VALUE");
}

TEST_CASE("the scenarios that ship") {
  const std::filesystem::path scenarios = std::filesystem::path(SIDEWINDER_CONFIGS) / "scenarios";
  const auto load = [&scenarios](const char* name) { return sim::load_scenario(scenarios / name); };
  CHECK(load("thread-unreserved.toml").policy == sim::Policy::None);
  CHECK(load("thread-reserved.toml").policy == sim::Policy::Runtime);
  CHECK(load("thread-shared-domain.toml").policy == sim::Policy::Shared);
  CHECK(load("thread-uniform-reservation.toml").uniform_size == 0x2580'0000);
  CHECK(load("thread-abc.toml").sessions[2].device == 2);
  CHECK(load("thread-abc-uniform.toml").uniform_size == 0x2580'0000);
}
