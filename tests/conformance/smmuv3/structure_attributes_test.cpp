// SPDX-License-Identifier: Apache-2.0
//
// Memory attributes of the SMMU's own accesses.

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "iommu/smmuv3/attributes.h"
#include "tests/conformance/smmuv3/attribute_tables.h"
#include "tests/support/attribute_text.h"

namespace sidewinder::test {
namespace {

using tables::Level;
using tables::Row;

std::uint8_t byte(unsigned value) {
  return static_cast<std::uint8_t>(value);
}

/// Calls `check(inner, outer, sh)` for all values of three fields of two bits.
template <typename Check>
void for_all_codes(Check check) {
  for (unsigned code = 0; code < 64; ++code) check(code & 3, code >> 2 & 3, code >> 4);
}

}  // namespace

TEST_CASE("IHI 0070 §5.4 IRn, ORn, SHn: what tables are read with") {
  const std::array<Level, 4> region{
      {{"NC"}, {"WB", true, true, false}, {"WT", true, false, false}, {"WB", true, false, false}}};
  for_all_codes([&](unsigned inner, unsigned outer, unsigned sh) {
    CHECK(text(arch::from_table_region(byte(inner), byte(outer), byte(sh))) ==
          tables::words(
              Row{.inner = region.at(inner), .outer = region.at(outer), .sh = tables::shareability.at(sh)}));
  });
  CHECK(text(arch::from_table_region(1, 1, 3)) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(text(arch::from_table_region(0, 0, 3)) == "Normal-iNC-oNC-OSH");
}

TEST_CASE("IHI 0070 §5.2 S1CIR, S1COR, S1CSH: what context descriptors are read with") {
  const std::array<Level, 4> region{
      {{"NC"}, {"WB", true, false, false}, {"WT", true, false, false}, {"WB", false, false, false}}};
  for_all_codes([&](unsigned inner, unsigned outer, unsigned sh) {
    CHECK(text(smmuv3::context_attributes(byte(inner), byte(outer), byte(sh))) ==
          tables::words(
              Row{.inner = region.at(inner), .outer = region.at(outer), .sh = tables::shareability.at(sh)}));
  });
}

TEST_CASE("IHI 0070 §6.3.11 CR1: what the Stream table and the queues are accessed with") {
  const std::array<std::string, 4> kinds{"NC", "WB", "WT", "NC" /* reserved */};
  for (const bool ra : {false, true})
    for (const bool wa : {false, true})
      for_all_codes([&](unsigned inner, unsigned outer, unsigned sh) {
        CHECK(text(smmuv3::structure_attributes(byte(inner), byte(outer), byte(sh), ra, wa)) ==
              tables::words(Row{.inner = {kinds.at(inner), ra, wa, false},
                                .outer = {kinds.at(outer), ra, wa, false},
                                .sh = tables::shareability.at(sh)}));
      });
}

TEST_CASE("IHI 0070 §4.7.3 MSIAttr, MSH: MSIs have STE.MemAttr's encoding") {
  for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
    for (unsigned sh = 0; sh < 4; ++sh)
      CHECK(text(smmuv3::msi_attributes(byte(mem_attr), byte(sh))) ==
            tables::words(tables::stage2(mem_attr, sh)));
}

TEST_CASE("IHI 0070 §13.8: a stage 1 table's or CD's attributes combine with stage 2's, S2FWB included") {
  for_all_codes([](unsigned inner, unsigned outer, unsigned sh1) {
    const arch::MemoryAttributes own = arch::from_table_region(byte(inner), byte(outer), byte(sh1));
    for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
      for (unsigned sh2 = 0; sh2 < 4; ++sh2)
        for (const bool fwb : {false, true}) {
          const auto through = arch::through_stage2(own, byte(mem_attr), byte(sh2), fwb);
          CHECK(arch::walk_through_stage2(own, byte(mem_attr), byte(sh2), fwb, false) == through);
          const auto pulled = arch::walk_through_stage2(own, byte(mem_attr), byte(sh2), fwb, true);
          CHECK(pulled == (arch::is_device(through) ? attributes("Normal-iNC-oNC-OSH") : through));
        }
  });
  const auto own = attributes("Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(text(arch::walk_through_stage2(own, 1, 3, false, false)) == "Device-nGnRE-OSH");
  CHECK(text(arch::walk_through_stage2(own, 1, 3, true, false)) == "Device-nGnRE-OSH");
  CHECK(text(arch::walk_through_stage2(own, 10, 0, false, false)) == "Normal-iWT/RAWAnTR-oWT/RAWAnTR-ISH");
  CHECK(text(arch::walk_through_stage2(attributes("Normal-iNC-oNC-OSH"), 6, 3, true, false)) ==
        "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
}

TEST_CASE("IHI 0070 §5.2 S2PTW, IDR3.PTWNNC: walks access what stage 2 maps as Device as Non-cacheable") {
  const auto own = attributes("Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  for (const bool fwb : {false, true})
    for (unsigned device = 0; device < 4; ++device) {
      CHECK(text(arch::walk_through_stage2(own, byte(device), 0, fwb, true)) == "Normal-iNC-oNC-OSH");
      CHECK(text(arch::walk_through_stage2(own, byte(device), 0, fwb, false)) ==
            tables::device.at(device) + "-OSH");
      CHECK(text(arch::walk_through_stage2(own, 7, 3, true, fwb)) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
    }
}

}  // namespace sidewinder::test
