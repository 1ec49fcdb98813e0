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
  CHECK(refusal(R"("arm,smmu-v3")") ==
        begin +
            "an SMMUv3 (arm,smmu-v3): the SMMU must be an SMMUv2 (arm,mmu-500, arm,smmu-v2 or qcom,smmu-v2)");
  CHECK(refusal(R"("qcom,msm8916-iommu", "qcom,msm-iommu-v1")") ==
        begin +
            "not an SMMUv2 (arm,mmu-500, arm,smmu-v2 or qcom,smmu-v2) but qcom,msm8916-iommu, "
            "qcom,msm-iommu-v1");
  // The driver's own table has no such entry: the string only chooses the implementation.
  CHECK(refusal(R"("qcom,smmu-500")") ==
        begin + "not an SMMUv2 (arm,mmu-500, arm,smmu-v2 or qcom,smmu-v2) but qcom,smmu-500");
  CHECK_FALSE(refusal(R"("arm,mmu-400")").empty());
}

TEST_CASE("A tree whose only SMMU is an SMMUv3 says so") {
  const std::vector<std::string> none;
  CHECK(device_tree_error([&] { return board(R"("arm,smmu-v3")").smmu(none); }) ==
        std::string(smmu_path) +
            ": is an SMMUv3 (arm,smmu-v3): the SMMU must be an SMMUv2 (arm,mmu-500, arm,smmu-v2 or "
            "qcom,smmu-v2)");
  CHECK(device_tree_error([&] { return board(R"("arm,smmu-v3")", "status = \"disabled\";").smmu(none); }) ==
        "/: has no SMMU: there must be an available node compatible with arm,mmu-500, arm,smmu-v2 or "
        "qcom,smmu-v2");
  const std::string v3 = "iommu@9000 { compatible = \"arm,smmu-v3\"; };";
  CHECK(board(R"("arm,mmu-500")", "", v3).smmu(none).path == smmu_path);
}

TEST_CASE("An SMMU by its phandle") {
  const SmmuNode smmu = board(R"("arm,mmu-500")").smmu_at(2);
  CHECK(smmu.path == smmu_path);
  CHECK(smmu.dev_name == "1000.iommu");
  CHECK(smmu.context_interrupts.size() == 1);
  CHECK(device_tree_error([] { return board(R"("arm,mmu-500")").smmu_at(7); }) ==
        "/: has no node with phandle 0x7");
  CHECK(device_tree_error([] { return board(R"("arm,mmu-500")").smmu_at(1); }) ==
        "/soc/gic@0: is not an SMMUv2 (arm,mmu-500, arm,smmu-v2 or qcom,smmu-v2) but a node without "
        "compatible");
  CHECK(device_tree_error([] { return board(R"("arm,mmu-500")", "status = \"disabled\";").smmu_at(2); }) ==
        std::string(smmu_path) + ": is disabled: an SMMU in use must be available");
}
