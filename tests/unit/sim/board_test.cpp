// SPDX-License-Identifier: Apache-2.0
#include "sim/board.h"

#include <catch2/catch.hpp>

#include "sim/dts.h"
#include "sim/platform.h"
#include "tests/unit/sim/input_files.h"

using namespace sidewinder;

namespace {

constexpr const char* tree = R"(/dts-v1/;
/ {
  #address-cells = <1>;
  #size-cells = <1>;
  interrupt-parent = <&gic>;
  gic: interrupt-controller@1000 {
    compatible = "arm,gic-v3";
    reg = <0x1000 0x1000>;
    interrupt-controller;
    #interrupt-cells = <3>;
  };
  smmu: iommu@100000 {
    compatible = "qcom,sdm845-smmu-500", "arm,mmu-500";
    reg = <0x100000 0x10000>;
    #iommu-cells = <2>;
    #global-interrupts = <1>;
    interrupts = <0 1 4>, <0 2 4>, <0 3 4>, <0 4 4>;
  };
  venus: video-codec@200000 {
    compatible = "qcom,sdm845-venus-v2";
    reg = <0x200000 0x1000>;
    interrupts = <0 10 4>;
    iommus = <&smmu 0x10a0 0x8>, <&smmu 0x10b0 0x0>;
    video-firmware { iommus = <&smmu 0x10b2 0x0>; };
  };
  display@300000 {
    compatible = "vendor,display";
    reg = <0x300000 0x1000>;
    interrupts = <0 11 4>;
    iommus = <&smmu 0x900 0x0>;
  };
};
)";

constexpr const char* profile = R"(name = "board"
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

constexpr const char* scenario = R"(platform = "p.dts"
profile = "p.toml"
[policy]
name = "device-tree"
[memory]
range = ["2GiB", "3GiB"]
[[session]]
codec = "h264"
width = 96
height = 96
)";

struct Texts {
  std::string tree = ::tree;
  std::string profile = ::profile;
  std::string scenario = ::scenario;
};

class Board {
 public:
  explicit Board(const Texts& texts = {}) {
    folder_.write("p.dts", texts.tree);
    folder_.write("p.toml", texts.profile);
    scenario_ = sim::load_scenario(folder_.write("s.toml", texts.scenario));
  }
  [[nodiscard]] sim::BoardFit fit() const {
    return sim::fit_to_board(scenario_, sim::load_device_tree(scenario_.platform));
  }
  [[nodiscard]] sim::PlatformDescription description() const { return sim::describe_platform(scenario_); }
  [[nodiscard]] std::string error() const {
    return test::input_error(folder_, [&] { static_cast<void>(description()); });
  }

 private:
  test::Folder folder_;
  sim::Scenario scenario_;
};

Board with_tree(std::string_view what, std::string_view by) {
  return Board({.tree = test::replaced(tree, what, by)});
}
Board with_profile(std::string_view what, std::string_view by) {
  return Board({.profile = test::replaced(profile, what, by)});
}

constexpr const char* disabled_tree_node = "iommus = <&smmu 0x10a0 0x8>,";
constexpr const char* disabled = "status = \"disabled\"; iommus = <&smmu 0x10a0 0x8>,";

}  // namespace

TEST_CASE("a board's video unit is found and its StreamIDs are read") {
  const sim::BoardFit fit = Board().fit();
  REQUIRE(fit.profile.devices.size() == 1);
  CHECK(fit.profile.devices[0].node == "/video-codec@200000");
  REQUIRE(fit.profile.devices[0].streams.size() == 2);
  CHECK(fit.profile.devices[0].streams[0].sid == 0x10a0);
  CHECK(fit.profile.devices[0].streams[1].sid == 0x10b2);
  REQUIRE(fit.used.devices.size() == 1);
  CHECK(fit.used.devices[0].node == "/video-codec@200000");
  CHECK(fit.used.devices[0].compatible == "qcom,sdm845-venus-v2");
  CHECK_FALSE(fit.used.devices[0].enabled);
  CHECK_FALSE(fit.used.smmu_enabled);
  REQUIRE(fit.used.devices[0].stream_ids.size() == 2);
  CHECK(fit.used.devices[0].stream_ids[0].sid == 0x10a0);
  CHECK(fit.used.devices[0].stream_ids[0].mask == 0x8);
  CHECK(fit.used.devices[0].stream_ids[1].sid == 0x10b0);
}

TEST_CASE("without a video-firmware child there is no firmware stream") {
  const sim::BoardFit fit = with_tree("video-firmware { iommus = <&smmu 0x10b2 0x0>; };", "").fit();
  REQUIRE(fit.profile.devices[0].streams.size() == 1);
  CHECK(fit.profile.devices[0].streams[0].name == "video");
  CHECK(with_tree("video-firmware {", "other-child {").fit().profile.devices[0].streams.size() == 1);
}

TEST_CASE("a node is chosen by compatible strings") {
  const auto by = [](const char* names) { return with_profile("\"any\"", names); };
  CHECK(by("[\"vendor,x\", \"vendor,display\"]").fit().used.devices[0].node == "/display@300000");
  CHECK(by("[\"vendor,x\", \"vendor,display\"]").fit().used.devices[0].compatible == "vendor,display");
  CHECK(by("[\"vendor,x\", \"vendor,y\"]").error() ==
        "p.toml:5: no node of p.dts is compatible with vendor,x, vendor,y: it has /video-codec@200000 "
        "(qcom,sdm845-venus-v2)");
  CHECK(with_tree("qcom,sdm845-venus-v2", "vendor,x").error() ==
        "p.toml:5: no node of p.dts is compatible with a Qualcomm video driver: it has no node of a Qualcomm "
        "video unit at all");
}

TEST_CASE("an available node is chosen before one that is disabled") {
  const std::string second =
      "video-codec@400000 { compatible = \"qcom,sm8250-venus\"; reg = <0x400000 0x1000>; "
      "interrupts = <0 12 4>; iommus = <&smmu 0x2100 0x400>; }; display@300000 {";
  CHECK(with_tree("display@300000 {", second).fit().used.devices[0].node == "/video-codec@200000");
  const std::string both =
      test::replaced(test::replaced(tree, "display@300000 {", second), disabled_tree_node, disabled);
  CHECK(Board({.tree = both}).fit().used.devices[0].node == "/video-codec@400000");
}

TEST_CASE("a disabled device is used only where the profile enables it, and its SMMU with it") {
  CHECK(with_tree(disabled_tree_node, disabled).error() ==
        "p.dts: /video-codec@200000: has status \"disabled\": Linux would not probe it; enable = true in the "
        "profile uses it all the same");
  Texts texts;
  texts.tree = test::replaced(tree, disabled_tree_node, disabled);
  texts.profile = test::replaced(profile, "pipes = 1", "pipes = 1\nenable = true");
  const sim::PlatformDescription device_only = Board(texts).description();
  CHECK(device_only.used.devices[0].enabled);
  CHECK_FALSE(device_only.used.smmu_enabled);
  CHECK(device_only.devices[0].available());

  texts.tree =
      test::replaced(texts.tree, "#iommu-cells = <2>;", "#iommu-cells = <2>; status = \"disabled\";");
  const sim::PlatformDescription both = Board(texts).description();
  CHECK(both.used.devices[0].enabled);
  CHECK(both.used.smmu_enabled);
  CHECK(both.used.enabled_power_domain.empty());

  const std::string without_domain = texts.tree;
  texts.tree =
      test::replaced(texts.tree, "#iommu-cells = <2>;", "#iommu-cells = <2>; power-domains = <&mmcc 3>;");
  texts.tree = test::replaced(
      texts.tree, "display@300000 {",
      "mmcc: clock-controller { #power-domain-cells = <1>; status = \"disabled\"; }; display@300000 {");
  const sim::PlatformDescription powered = Board(texts).description();
  CHECK(powered.used.smmu_enabled);
  CHECK(powered.used.enabled_power_domain == "/clock-controller");
  CHECK(powered.smmu.power_domain);
  texts.tree = without_domain;
  texts.profile = profile;
  texts.tree = test::replaced(texts.tree, disabled, disabled_tree_node);
  CHECK(Board(texts).error() ==
        "p.dts: /video-codec@200000: iommus refers to /iommu@100000, which is disabled");
}

TEST_CASE("two devices cannot be at one node") {
  const std::string second =
      "[[device]]\ncompatible = [\"qcom,sdm845-venus-v2\"]\nclock_mhz = 1\npipes = 1\n"
      "[[device.stream]]\nname = \"v\"\nsid = \"iommus\"\nwindow = [0, \"1GiB\"]\n"
      "functions = [\"bitstream\", \"non-pixel\", \"pixel\"]\n";
  CHECK(Board({.profile = profile + second}).error() ==
        "p.toml:19: device /video-codec@200000 is at /video-codec@200000, as is the one at line 5: each must "
        "have a node of its own");
}

TEST_CASE("all StreamIDs of a device are one stream, which some policies cannot have") {
  const auto with_policy = [](const char* policy) {
    return Board({.scenario = test::replaced(test::replaced(scenario, "device-tree", policy), "[memory]",
                                             "[kernel]\nbackport = true\n[memory]")});
  };
  CHECK(with_policy("shared").error().empty());
  CHECK(with_policy("shared").description().devices[0].iommus.size() == 2);
  for (const char* policy : {"none", "unbundled"})
    CHECK(with_policy(policy).error() ==
          std::string("p.toml:9: stream 'video' has all StreamIDs of `iommus`, but the policy ") + policy +
              " tells streams apart: with this profile it must be shared or device-tree");
  CHECK(with_tree("iommus = <&smmu 0x10a0 0x8>, <&smmu 0x10b0 0x0>;", "").error() ==
        "p.dts: /video-codec@200000: has no `iommus`, from which stream 'video' takes its StreamIDs");
}

TEST_CASE("memory is the tree's, or else the scenario's") {
  const sim::PlatformDescription filled_in = Board().description();
  CHECK(filled_in.used.memory_from_scenario);
  REQUIRE(filled_in.memory.size() == 1);
  CHECK(filled_in.memory[0].base == 0x8000'0000);
  CHECK(filled_in.memory[0].size == 0x4000'0000);
  const sim::PlatformDescription own =
      with_tree(
          "display@300000 {",
          "memory@40000000 { device_type = \"memory\"; reg = <0x40000000 0x10000000>; }; display@300000 {")
          .description();
  CHECK_FALSE(own.used.memory_from_scenario);
  CHECK(own.memory[0].base == 0x4000'0000);
  CHECK(Board({.scenario = test::replaced(scenario, "range = [\"2GiB\", \"3GiB\"]", "")}).error() ==
        "p.dts: /: has no memory, which the boot loader fills in: write memory.range in the scenario");
}

TEST_CASE("what the description says of the SMMU") {
  const sim::PlatformDescription description = Board().description();
  CHECK(description.used.smmu == "/iommu@100000");
  CHECK(description.used.smmu_compatible == "arm,mmu-500");
  CHECK(description.smmu_config.context_banks == 3);
  CHECK(description.smmu_config.page_index_bits == 2);
  CHECK(with_profile("\"interrupts\"", "2").description().smmu_config.context_banks == 2);
  CHECK(
      with_profile("\"interrupts\"", "4").error() ==
      "p.toml: [smmu]: 4 context banks, but /iommu@100000 in p.dts has 3 context interrupts; Linux needs one "
      "for each");
  CHECK(with_tree("<0x100000 0x10000>", "<0x100000 0x4000>").error() ==
        "p.toml: [smmu]: the register frame has fewer pages than there are context banks");
  CHECK(with_tree("<0x100000 0x10000>", "<0x100000 0x3000>").error() ==
        "p.dts: /iommu@100000: `reg` has 0x3000 bytes; an SMMUv2's frame is a power of two from 0x4000 to "
        "0x200000");
  CHECK(with_tree("<0x200000 0x1000>", "<0x200000 0xfff>").error() ==
        "p.dts: /video-codec@200000: `reg` has 0xfff bytes; the VPU's registers need 0x1000");
}

TEST_CASE("an SMMUv3 in the tree makes an SMMUv3 of the platform, with the profile's TLBs") {
  constexpr const char* smmuv2 = R"(compatible = "qcom,sdm845-smmu-500", "arm,mmu-500";
    reg = <0x100000 0x10000>;
    #iommu-cells = <2>;
    #global-interrupts = <1>;
    interrupts = <0 1 4>, <0 2 4>, <0 3 4>, <0 4 4>;)";
  const auto with_smmuv3 = [&](const char* size) {
    std::string made =
        test::replaced(tree, smmuv2,
                       std::string("compatible = \"arm,smmu-v3\"; reg = <0x100000 ") + size +
                           ">; #iommu-cells = <1>; dma-coherent; interrupts = <0 1 1>, <0 2 1>; "
                           "interrupt-names = \"eventq\", \"gerror\";");
    made = test::replaced(made, "<&smmu 0x10a0 0x8>, <&smmu 0x10b0 0x0>", "<&smmu 0x10a0>, <&smmu 0x10b0>");
    made = test::replaced(made, "<&smmu 0x10b2 0x0>", "<&smmu 0x10b2>");
    made = test::replaced(made, "<&smmu 0x900 0x0>", "<&smmu 0x900>");
    Texts texts;
    texts.tree = made;
    texts.profile = test::replaced(profile, "context_banks = \"interrupts\"",
                                   "context_banks = \"interrupts\"\ntlb_entries = 512\ntlb_ways = 2\n"
                                   "micro_tlb_entries = 16");
    return Board(texts);
  };
  const sim::PlatformDescription description = with_smmuv3("0x20000").description();
  CHECK(description.used.smmu_compatible == "arm,smmu-v3");
  REQUIRE(description.smmuv3_config);
  CHECK(description.smmuv3_config->coherent);
  CHECK(description.smmuv3_config->caches.tlb.entries == 512);
  CHECK(description.smmuv3_config->caches.tlb.ways == 2);
  CHECK(description.smmuv3_config->caches.micro_tlb.entries == 16);
  CHECK(description.output_bits() == 48);
  CHECK(with_smmuv3("0x10000").error() ==
        "p.dts: /iommu@100000: `reg` has 0x10000 bytes; an SMMUv3's two pages need 0x20000");
  CHECK_FALSE(Board().description().smmuv3_config);
}
