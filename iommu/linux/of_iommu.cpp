// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/of_iommu.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace sidewinder::kernel::of {
namespace {

struct KnownSmmu {
  std::string_view compatible;
  SmmuModel model;
};

/// Of arm_smmu_of_match of both drivers, the SMMUs that are not another vendor's.
constexpr std::array<KnownSmmu, 4> known_smmus{{
    {"arm,mmu-500", SmmuModel::Mmu500},
    {"arm,smmu-v2", SmmuModel::Smmuv2},
    {"qcom,smmu-v2", SmmuModel::Smmuv2},
    {"arm,smmu-v3", SmmuModel::Smmuv3},
}};

/// qcom_smmu_impl_of_match, but for msm8996: there the GPU's alone gets an implementation.
constexpr std::array<std::string_view, 24> qualcomm_smmus{
    "qcom,msm8998-smmu-v2", "qcom,qcm2290-smmu-500", "qcom,qdu1000-smmu-500", "qcom,sc7180-smmu-500",
    "qcom,sc7180-smmu-v2",  "qcom,sc7280-smmu-500",  "qcom,sc8180x-smmu-500", "qcom,sc8280xp-smmu-500",
    "qcom,sdm630-smmu-v2",  "qcom,sdm670-smmu-v2",   "qcom,sdm845-smmu-v2",   "qcom,sdm845-smmu-500",
    "qcom,sm6115-smmu-500", "qcom,sm6125-smmu-500",  "qcom,sm6350-smmu-v2",   "qcom,sm6350-smmu-500",
    "qcom,sm6375-smmu-v2",  "qcom,sm6375-smmu-500",  "qcom,sm7150-smmu-v2",   "qcom,sm8150-smmu-500",
    "qcom,sm8250-smmu-500", "qcom,sm8350-smmu-500",  "qcom,sm8450-smmu-500",  "qcom,smmu-500"};

SmmuImplementation implementation_of(const std::vector<std::string>& names) {
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool listed = std::any_of(qualcomm_smmus.begin(), qualcomm_smmus.end(), has) ||
                      (has("qcom,msm8996-smmu-v2") && has("qcom,adreno-smmu"));
  return listed ? SmmuImplementation::Qualcomm : SmmuImplementation::Arm;
}

std::uint16_t sixteen_bits(const Node& node, std::uint32_t value, const char* what) {
  if (value > 0xffff)
    throw node.error(std::string(what) + " 0x" + hex(value) + " is too large: it has 16 bits");
  return static_cast<std::uint16_t>(value);
}

bool is_smmuv3(const Node& smmu) {
  const std::optional<SmmuMatch> match = smmu_match(smmu);
  return match && match->model == SmmuModel::Smmuv3;
}

/// arm_smmu_of_xlate(): of an SMMUv2 with a mask cell of its own, or the controller's; of an SMMUv3 with
/// none.
IommuSpecifier xlate(const Node& node, const Node& smmu, std::uint32_t phandle, std::uint32_t id,
                     std::optional<std::uint32_t> mask) {
  if (is_smmuv3(smmu)) return {phandle, id, 0};
  return {phandle, sixteen_bits(node, id, "StreamID"),
          mask ? sixteen_bits(node, *mask, "StreamID mask") : stream_match_mask(smmu)};
}

/// One entry of `iommus`, at `at`, which moves past it.
IommuSpecifier iommu_specifier(const Node& node, const Cells& cells, std::size_t& at) {
  const std::uint32_t phandle = cells[at];
  const Node target = node.referenced(phandle, "iommus");
  if (!smmu_match(target))
    throw node.error("iommus refers to " + target.path() + ", which is " + not_an_smmu(target));
  if (!target.available()) throw node.error("iommus refers to " + target.path() + ", which is disabled");
  const std::uint32_t count = iommu_cells(target);
  if (cells.size() - at - 1 < count) {
    throw node.error("iommus ends inside an entry: " + target.path() + " takes " + std::to_string(count) +
                     " cells after its phandle");
  }
  const std::uint32_t* const entry = &cells[at];
  at += 1 + count;
  return xlate(node, target, phandle, entry[1], count == 2 ? std::optional(entry[2]) : std::nullopt);
}

}  // namespace

std::optional<SmmuMatch> smmu_match(const Node& node) {
  const std::vector<std::string> names = node.compatible();
  for (const std::string& name : names) {  // the first string that the driver knows decides (of_match_node())
    for (const KnownSmmu& known : known_smmus)
      if (name == known.compatible) return SmmuMatch{known.model, implementation_of(names), name};
  }
  return std::nullopt;
}

std::string not_an_smmu(const Node& node) {
  std::string list;
  for (const std::string& name : node.compatible()) list += (list.empty() ? "" : ", ") + name;
  return "not an SMMU (" + smmu_compatibles() + ") but " +
         (list.empty() ? "a node without compatible" : list);
}

std::string smmu_compatibles() {
  std::string list;
  for (const KnownSmmu& known : known_smmus) {
    if (!list.empty()) list += &known == &known_smmus.back() ? " or " : ", ";
    list += known.compatible;
  }
  return list;
}

std::uint32_t iommu_cells(const Node& smmu) {
  const std::optional<std::uint32_t> cells = smmu.cell("#iommu-cells");
  const bool smmuv3 = is_smmuv3(smmu);
  const char* const right = smmuv3 ? ": it must be 1" : ": it must be 1 or 2";
  if (!cells) throw smmu.error(std::string("#iommu-cells is missing") + right);
  if (*cells != 1 && (smmuv3 || *cells != 2))
    throw smmu.error("#iommu-cells is " + std::to_string(*cells) + right);
  return *cells;
}

std::uint16_t stream_match_mask(const Node& smmu) {
  return sixteen_bits(smmu, smmu.cell("stream-match-mask").value_or(0), "stream-match-mask");
}

std::vector<IommuSpecifier> iommus_of(const Node& node) {
  std::vector<IommuSpecifier> specifiers;
  const Cells cells = node.cells("iommus").value_or(Cells{});
  for (std::size_t at = 0; at < cells.size();) {
    const IommuSpecifier next = iommu_specifier(node, cells, at);
    for (const IommuSpecifier& earlier : specifiers) {
      if (earlier.phandle != next.phandle || earlier.sid != next.sid) continue;
      throw node.error("iommus has StreamID 0x" + hex(next.sid) + " twice: each must be there once");
    }
    specifiers.push_back(next);
  }
  return specifiers;
}

std::optional<IommuSpecifier> map_specifier(const Node& node, std::uint32_t phandle, std::uint32_t offset,
                                            const Cells& output) {
  const Node target = node.referenced(phandle, "iommu-map");
  // An older kernel takes cells of a newer form for a phandle; of_iommu_xlate() finds no driver for it.
  if (!target.available() || !smmu_match(target)) return std::nullopt;
  if (output.empty() || output.size() > 2)
    throw target.error("#iommu-cells is " + std::to_string(output.size()) + ": it must be 1 or 2");
  if (output.size() == 2 && is_smmuv3(target)) throw target.error("#iommu-cells is 2: it must be 1");
  return xlate(node, target, phandle, output[0] + offset,
               output.size() == 2 ? std::optional(output[1] + offset) : std::nullopt);
}

}  // namespace sidewinder::kernel::of
