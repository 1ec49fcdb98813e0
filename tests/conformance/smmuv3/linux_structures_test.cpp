// SPDX-License-Identifier: Apache-2.0
//
// The CDs and STEs of tests/data/linux-page-tables.txt.xz on an SMMU that is no wider than their tables.

#include <catch2/catch.hpp>

#include "iommu/smmuv3/cd.h"
#include "iommu/smmuv3/ste.h"
#include "iommu/smmuv3/table_fields.h"
#include "tests/conformance/smmuv3/structure_bits.h"
#include "tests/support/linux_page_tables.h"

namespace sidewinder::test {
namespace {

using layout::smmuv3::Cd;
using layout::smmuv3::Ste;
using smmuv3::Config;
using smmuv3::SecurityState;

/// The output size and the granule of the case, and no other.
Config exact(const LinuxPageTables& c) {
  Config config;
  config.output_bits = static_cast<unsigned>(c.number("oas"));
  config.vax = c.number("ias") > 48;
  const std::uint64_t granule = c.number("granule");
  config.granule_4k = granule == 0x1000;
  config.granule_16k = granule == 0x4000;
  config.granule_64k = granule == 0x1'0000;
  config.aarch32 = c.configuration.at("fmt") == "s2_32";
  config.small_tables = false;
  REQUIRE(validate(config) == "");
  return config;
}

Ste stage2_entry(const LinuxPageTables& c) {
  Words words{0xd, 0, c.ste.at("ste2_vtcr") << 32, c.ste.at("ste3"), 0, 0, 0, 0};
  return Ste::of(with(words, ste_bits::s2aa64, c.configuration.at("fmt") == "s2" ? 1 : 0));
}

}  // namespace

TEST_CASE("Linux io-pgtable: each CD is legal on an SMMU of its own sizes, and not on a narrower one") {
  unsigned count = 0;
  for (const auto& c : read_linux_page_tables()) {
    if (c.cd.empty()) continue;
    INFO(c.name);
    const auto cd = Cd::of({c.cd.at("cd0"), c.cd.at("cd1"), c.cd.at("cd2"), c.cd.at("cd3"), 0, 0, 0, 0});
    const auto ste = Ste::of({0x10'000b, 0, 0, 0, 0, 0, 0, 0});
    const auto illegal_on = [&](const Config& config) {
      return illegal(cd, ste, config, smmuv3::StreamWorld::El1, config.stall_model);
    };
    Config config = exact(c);
    CHECK_FALSE(illegal_on(config));
    if (c.number("ias") > 48) {
      config.vax = false;
      CHECK(illegal_on(config));
    }
    config = exact(c);
    (config.granule_4k ? config.granule_16k : config.granule_4k) = true;
    (c.number("granule") == 0x1000   ? config.granule_4k
     : c.number("granule") == 0x4000 ? config.granule_16k
                                     : config.granule_64k) = false;
    CHECK(illegal_on(config));
    ++count;
  }
  CHECK(count > 20);
}

TEST_CASE(
    "Linux io-pgtable: each stage 2 STE is legal on an SMMU of its own sizes, and starts where Linux does") {
  unsigned count = 0;
  unsigned too_high = 0;
  for (const auto& c : read_linux_page_tables()) {
    if (c.ste.empty()) continue;
    INFO(c.name);
    const auto ste = stage2_entry(c);
    Config config = exact(c);
    // With an OAS of 40 bits and 16 KiB the start is level 2 with 16 tables, always (DDI 0487 R_SRKBC), which
    // this io-pgtable does not know.
    if (config.granule_16k && config.output_bits == 40 && c.number("start_level") == 1) {
      CHECK(illegal(ste, config, SecurityState::NonSecure, false));
      config.output_bits = 42;
      ++too_high;
    }
    CHECK_FALSE(illegal(ste, config, SecurityState::NonSecure, false));
    const auto fields = stage2_fields(ste, config);
    const auto level = ste.is_set<Ste::S2AA64>() ? stage2_start_level(fields, false, config)
                                                 : lpae_stage2_start_level(fields);
    CHECK(level == static_cast<int>(c.number("start_level")));
    ++count;
  }
  CHECK(count > 10);
  CHECK(too_high > 0);
}

}  // namespace sidewinder::test
