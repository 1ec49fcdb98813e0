// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/of_power.h"

#include <catch2/catch.hpp>

#include "tests/support/dts_text.h"

using namespace sidewinder::kernel;
using sidewinder::test::device_tree;
using sidewinder::test::device_tree_error;

namespace {

SmmuNode smmu_with(const std::string& property, const std::string& providers) {
  return device_tree(
             "/ { #address-cells = <1>; #size-cells = <1>; interrupt-parent = <1>; gic { phandle = <1>; "
             "interrupt-controller; #interrupt-cells = <3>; }; " +
             providers +
             " iommu@1000 { compatible = \"arm,mmu-500\"; reg = <0x1000 0x1000>; #iommu-cells = <1>; "
             "#global-interrupts = <1>; interrupts = <0 1 4>, <0 2 4>; " +
             property + " }; };")
      .smmu({});
}

std::optional<PowerDomain> domain_of(const std::string& property, const std::string& providers = "") {
  return smmu_with(property, providers).power_domain;
}

constexpr const char* one_cell = "gdsc { phandle = <7>; #power-domain-cells = <1>; };";
constexpr const char* no_cell = "pd { phandle = <8>; #power-domain-cells = <0>; };";
constexpr const char* two_cells = "scp { phandle = <9>; #power-domain-cells = <2>; };";

}  // namespace

TEST_CASE("an SMMU's power domain is its provider and that provider's cells") {
  CHECK_FALSE(domain_of(""));
  CHECK(domain_of("power-domains = <7 3>;", one_cell) == PowerDomain{7, {3}});
  CHECK(domain_of("power-domains = <8>;", no_cell) == PowerDomain{8, {}});
  CHECK(domain_of("power-domains = <9 1 2>;", two_cells) == PowerDomain{9, {1, 2}});
}

TEST_CASE("with several domains, or none, it is attached to none") {
  CHECK_FALSE(domain_of("power-domains = <7 3>, <8>;", std::string(one_cell) + no_cell));
  CHECK_FALSE(domain_of("power-domains = <7 3>, <7 3>;", one_cell));
  CHECK_FALSE(domain_of("power-domains = <7 3>, <0>;", one_cell));
  CHECK_FALSE(domain_of("power-domains;"));
}

TEST_CASE("a malformed list of power domains is none") {
  CHECK_FALSE(domain_of("power-domains = <6 3>;", one_cell));  // nobody's phandle
  CHECK_FALSE(domain_of("power-domains = <7>;", one_cell));    // a cell is missing
  CHECK_FALSE(domain_of("power-domains = <7 3>, <9 1>;", std::string(one_cell) + two_cells));
  CHECK_FALSE(domain_of("power-domains = <5>;", "no-provider { phandle = <5>; };"));
}

TEST_CASE("an SMMU whose power domain Linux waits for in vain is refused") {
  CHECK(device_tree_error([] { return smmu_with("power-domains = <0>;", ""); }) ==
        "/iommu@1000: power-domains has an empty entry: Linux would not probe it");
  CHECK(device_tree_error([] {
          return smmu_with("power-domains = <7 3>;",
                           "gdsc { phandle = <7>; #power-domain-cells = <1>; status = \"disabled\"; };");
        }) == "/iommu@1000: power-domains refers to /gdsc, which is disabled: Linux would not probe it");
}
