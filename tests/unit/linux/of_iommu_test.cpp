// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/support/dts_text.h"

using namespace sidewinder::kernel;
using sidewinder::test::device_tree;
using sidewinder::test::device_tree_error;

namespace {

constexpr const char* smmu_path = "/soc/iommu@1000";
constexpr const char* video = "/soc/video@4000";

DeviceTree board(const std::string& compatible, const std::string& smmu = "", const std::string& soc = "") {
  return device_tree(
      "/ { #address-cells = <1>; #size-cells = <1>; interrupt-parent = <1>; soc { #address-cells = <1>; "
      "#size-cells = <1>; ranges; gic@0 { phandle = <1>; interrupt-controller; #interrupt-cells = <3>; }; "
      "iommu@1000 { compatible = " +
      compatible +
      "; phandle = <2>; reg = <0x1000 0x1000>; #iommu-cells = <1>; #global-interrupts = <1>; interrupts = <0 "
      "1 4>, "
      "<0 2 4>; " +
      smmu + " }; video@4000 { reg = <0x4000 0x100>; iommus = <2 0x10>; }; " + soc + " }; };");
}

SmmuNode smmu_of(const std::string& compatible) {
  const std::vector<std::string> devices{video};
  return board(compatible).smmu(devices);
}

void check_kind(const std::string& compatible, SmmuModel model, SmmuImplementation implementation,
                const std::string& by) {
  const SmmuNode smmu = smmu_of(compatible);
  CHECK(smmu.model == model);
  CHECK(smmu.implementation == implementation);
  CHECK(smmu.compatible == by);
}

}  // namespace

TEST_CASE("What an SMMUv2 is follows from the first compatible string that the driver knows") {
  const auto arm = SmmuImplementation::Arm;
  const auto qualcomm = SmmuImplementation::Qualcomm;
  check_kind(R"("arm,mmu-500")", SmmuModel::Mmu500, arm, "arm,mmu-500");
  check_kind(R"("arm,smmu-v2")", SmmuModel::Smmuv2, arm, "arm,smmu-v2");
  check_kind(R"("qcom,smmu-v2")", SmmuModel::Smmuv2, arm, "qcom,smmu-v2");
  check_kind(R"("qcom,sm8550-smmu-500", "qcom,smmu-500", "arm,mmu-500")", SmmuModel::Mmu500, qualcomm,
             "arm,mmu-500");
  check_kind(R"("qcom,sdm845-smmu-500", "arm,mmu-500")", SmmuModel::Mmu500, qualcomm, "arm,mmu-500");
  check_kind(R"("qcom,sc7180-smmu-v2", "qcom,adreno-smmu", "qcom,smmu-v2")", SmmuModel::Smmuv2, qualcomm,
             "qcom,smmu-v2");
  check_kind(R"("arm,smmu-v2", "arm,mmu-500")", SmmuModel::Smmuv2, arm, "arm,smmu-v2");
}

TEST_CASE("On msm8996 only the GPU's SMMU has Qualcomm's implementation") {
  check_kind(R"("qcom,msm8996-smmu-v2", "qcom,smmu-v2")", SmmuModel::Smmuv2, SmmuImplementation::Arm,
             "qcom,smmu-v2");
  check_kind(R"("qcom,msm8996-smmu-v2", "qcom,adreno-smmu", "qcom,smmu-v2")", SmmuModel::Smmuv2,
             SmmuImplementation::Qualcomm, "qcom,smmu-v2");
}

TEST_CASE("Other IOMMUs are refused by name") {
  const std::string begin = std::string(video) + ": iommus refers to " + smmu_path + ", which is ";
  const auto refusal = [](const std::string& compatible) {
    return device_tree_error([&] { return board(compatible).device(video); });
  };
  CHECK(refusal(R"("qcom,msm8916-iommu", "qcom,msm-iommu-v1")") ==
        begin +
            "not an SMMU (arm,mmu-500, arm,smmu-v2, qcom,smmu-v2 or arm,smmu-v3) but qcom,msm8916-iommu, "
            "qcom,msm-iommu-v1");
  // The driver's own table has no such entry: the string only chooses the implementation.
  CHECK(refusal(R"("qcom,smmu-500")") ==
        begin + "not an SMMU (arm,mmu-500, arm,smmu-v2, qcom,smmu-v2 or arm,smmu-v3) but qcom,smmu-500");
  CHECK_FALSE(refusal(R"("arm,mmu-400")").empty());
}

TEST_CASE("An SMMUv3 without a reference to it counts only where there is no SMMUv2") {
  const std::vector<std::string> none;
  CHECK(board(R"("arm,smmu-v3")").smmu(none).model == SmmuModel::Smmuv3);
  CHECK(device_tree_error([&] { return board(R"("arm,smmu-v3")", "status = \"disabled\";").smmu(none); }) ==
        "/: has no SMMU: there must be an available node compatible with arm,mmu-500, arm,smmu-v2, "
        "qcom,smmu-v2 or arm,smmu-v3");
  const std::string v3 =
      "iommu@9000 { compatible = \"arm,smmu-v3\"; phandle = <3>; reg = <0x9000 0x100>; #iommu-cells = <1>; };"
      "pcie@a000 { reg = <0xa000 0x100>; iommus = <3 0x10>; };";
  CHECK(board(R"("arm,mmu-500")", "", v3).smmu(none).path == smmu_path);
  const std::vector<std::string> pcie{"/soc/pcie@a000"};
  CHECK(board(R"("arm,mmu-500")", "", v3).smmu(pcie).path == "/soc/iommu@9000");
}

namespace {

/// An SMMUv3 beside the board's SMMU, and what is behind it.
SmmuNode smmuv3_with(const std::string& properties) {
  const std::vector<std::string> devices{"/soc/nvme@a000"};
  const std::string soc = "iommu@9000 { compatible = \"arm,smmu-v3\"; phandle = <3>; reg = <0x9000 0x100>; " +
                          properties + " }; nvme@a000 { reg = <0xa000 0x100>; iommus = <3 0x10>; };";
  return board(R"("arm,mmu-500")", "", soc).smmu(devices);
}

}  // namespace

TEST_CASE("An SMMUv3's interrupts go by their names, its quirks by properties") {
  const SmmuNode plain = smmu_of(R"("arm,smmu-v3")");
  CHECK(plain.model == SmmuModel::Smmuv3);
  CHECK(plain.compatible == "arm,smmu-v3");
  CHECK(plain.dev_name == "1000.iommu");
  CHECK(plain.reg.size == 0x1000);
  CHECK(plain.context_interrupts.empty());
  CHECK_FALSE(plain.v3.eventq);  // two interrupts without a name
  CHECK_FALSE(plain.v3.combined);
  CHECK_FALSE(plain.v3.broken_prefetch);
  CHECK_FALSE(plain.v3.page0_only);
  CHECK_FALSE(plain.dma_coherent);

  const SmmuNode named = smmuv3_with(
      "#iommu-cells = <1>; interrupts = <0 74 1>, <0 75 1>, <0 77 1>, <0 79 1>; "
      "interrupt-names = \"eventq\", \"priq\", \"cmdq-sync\", \"gerror\"; dma-coherent; "
      "hisilicon,broken-prefetch-cmd; cavium,cn9900-broken-page1-regspace;");
  REQUIRE((named.v3.eventq && named.v3.priq && named.v3.cmdq_sync && named.v3.gerror));
  CHECK(named.v3.eventq->intid == 106);
  CHECK(named.v3.priq->intid == 107);
  CHECK(named.v3.cmdq_sync->intid == 109);
  CHECK(named.v3.gerror->intid == 111);
  CHECK_FALSE(named.v3.combined);
  CHECK(named.dma_coherent);
  CHECK(named.v3.broken_prefetch);
  CHECK(named.v3.page0_only);

  const SmmuNode combined = smmuv3_with(
      "#iommu-cells = <1>; interrupts = <0 1 1>, <0 2 1>; interrupt-names = \"other\", \"combined\";");
  REQUIRE(combined.v3.combined);
  CHECK(combined.v3.combined->intid == 34);
}

TEST_CASE("What an SMMUv3's node must be") {
  const auto refusal = [&](const std::string& properties) {
    return device_tree_error([&] { return smmuv3_with(properties); });
  };
  CHECK(refusal("#iommu-cells = <1>; interrupts = <0 1 1>, <0 2 1>; "
                "interrupt-names = \"eventq\", \"priq\", \"gerror\";") ==
        "/soc/iommu@9000: interrupt-names has gerror at place 3, but there are 2 interrupts");
  CHECK(refusal("#iommu-cells = <2>;") == "/soc/iommu@9000: #iommu-cells is 2: it must be 1");
  CHECK(refusal("#iommu-cells = <0>;") == "/soc/iommu@9000: #iommu-cells is 0: it must be 1");
  CHECK(refusal("") == "/soc/iommu@9000: #iommu-cells is missing: it must be 1");
}

TEST_CASE("StreamIDs of an SMMUv3 have 32 bits, and no mask") {
  const std::string soc =
      "nvme@5000 { reg = <0x5000 0x100>; iommus = <2 0x12345678>; dma-can-stall; pasid-num-bits = <10>; };"
      "pci@6000 { reg = <0x6000 0x100>; iommu-map = <0x0 2 0x20000 0x100>; };";
  const DeviceTree tree = board(R"("arm,smmu-v3")", "stream-match-mask = <0xff>;", soc);
  const DeviceNode nvme = tree.device("/soc/nvme@5000");
  REQUIRE(nvme.iommus.size() == 1);
  CHECK(nvme.iommus[0].sid == 0x1234'5678);
  CHECK(nvme.iommus[0].mask == 0);
  CHECK(nvme.dma_can_stall);
  CHECK(nvme.pasid_bits == 10);
  const DeviceNode plain = tree.device(video);
  CHECK_FALSE(plain.dma_can_stall);
  CHECK(plain.pasid_bits == 0);
  const IommuMapAnswer mapped = tree.map_iommu_id("/soc/pci@6000", 0x18, IommuMapRule::FourCells);
  REQUIRE(mapped.specifiers);
  REQUIRE(mapped.specifiers->size() == 1);
  CHECK(mapped.specifiers->front().sid == 0x2'0018);
  CHECK(device_tree_error([&] { return board(R"("arm,mmu-500")", "", soc).device("/soc/nvme@5000"); }) ==
        "/soc/nvme@5000: StreamID 0x12345678 is too large: it has 16 bits");
}

TEST_CASE("An SMMU by its phandle") {
  const SmmuNode smmu = board(R"("arm,mmu-500")").smmu_at(2);
  CHECK(smmu.path == smmu_path);
  CHECK(smmu.dev_name == "1000.iommu");
  CHECK(smmu.context_interrupts.size() == 1);
  CHECK(device_tree_error([] { return board(R"("arm,mmu-500")").smmu_at(7); }) ==
        "/: has no node with phandle 0x7");
  CHECK(
      device_tree_error([] { return board(R"("arm,mmu-500")").smmu_at(1); }) ==
      "/soc/gic@0: is not an SMMU (arm,mmu-500, arm,smmu-v2, qcom,smmu-v2 or arm,smmu-v3) but a node without "
      "compatible");
  CHECK(device_tree_error([] { return board(R"("arm,mmu-500")", "status = \"disabled\";").smmu_at(2); }) ==
        std::string(smmu_path) + ": is disabled: an SMMU in use must be available");
}
