// SPDX-License-Identifier: Apache-2.0
//
// The memory attributes that stage 1's tables are read with behind stage 2 (IHI 0070 §13.8).

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "iommu/arch/access_log.h"
#include "iommu/arch/walk.h"
#include "tests/support/attribute_text.h"

namespace sidewinder::arch {
namespace {

constexpr std::uint64_t stage2_table = 0x1000, stage1_table = 0x20'0000, block_size = 0x20'0000;

/// One table a stage, of 2 MiB blocks; stage 1's lies in stage 2's second block.
struct Nested : MemoryPort {
  std::map<std::uint64_t, std::uint64_t> words;
  MemoryAttributes of_stage1_table{}, of_stage2_table{};
  Stage1 stage1;
  Stage2 stage2;

  Nested() {
    stage1.ttb[0].base = stage1_table;
    stage1.ttb[0].tsz = 34;
    stage1.ttb[0].table_attributes = test::attributes("Normal-iWB/RAWAnTR-oWB/RAWAnTR-NSH");
    stage1.ttb[1].walk_disabled = true;
    stage1.mair = 0xff;
    stage2.non_secure_ipa.base = stage2_table;
    stage2.non_secure_ipa.tsz = 34;
    stage2.non_secure_ipa.start_level = 2;
    stage2.table_attributes = test::attributes("Normal-iNC-oWT/RAnWAnTR-ISH");
    words[stage1_table] = 2 * block_size | 0x741;                 // AF, SH 3, AP 1
    words[stage2_table + 16] = 2 * block_size | 0x7c1 | 15 << 2;  // AF, SH 3, S2AP 3
    map_tables(15, 3);
  }

  void map_tables(unsigned mem_attr, unsigned sh) {
    words[stage2_table + 8] = block_size | 0x4c1 | mem_attr << 2 | sh << 8;
  }

  PortResponse read64(const PortAccess& access) override {
    if (access.address == stage1_table) of_stage1_table = access.attributes;
    if (access.address < stage1_table) of_stage2_table = access.attributes;
    return {.data = words[access.address], .ok = true};
  }

  [[nodiscard]] Outcome read() {
    AccessLog log;
    WalkContext context;
    context.memory = this;
    context.log = &log;
    return translate(&stage1, &stage2, Access{}, false, context);
  }
};

}  // namespace

TEST_CASE("IHI 0070 §13.8: a stage 1 table is read with its own attributes combined with stage 2's") {
  const auto read_with = [](unsigned mem_attr, unsigned sh, bool fwb, bool device_as_normal) {
    Nested nested;
    nested.map_tables(mem_attr, sh);
    nested.stage2.forced_write_back = fwb;
    nested.stage2.walk_device_as_normal = device_as_normal;
    if (fwb) nested.words[stage2_table + 16] ^= 8 << 2;
    REQUIRE(nested.read().ok);
    CHECK(nested.of_stage2_table == nested.stage2.table_attributes);
    return test::text(nested.of_stage1_table);
  };
  CHECK(read_with(15, 0, false, false) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-NSH");
  CHECK(read_with(15, 3, false, false) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(read_with(5, 3, false, false) == "Normal-iNC-oNC-OSH");
  CHECK(read_with(10, 2, false, true) == "Normal-iWT/RAWAnTR-oWT/RAWAnTR-OSH");
  CHECK(read_with(1, 3, false, false) == "Device-nGnRE-OSH");
  CHECK(read_with(1, 3, false, true) == "Normal-iNC-oNC-OSH");
  CHECK(read_with(4, 3, false, false) == "Device-nGnRnE-OSH");
  CHECK(read_with(5, 3, true, false) == "Normal-iNC-oNC-OSH");
  CHECK(read_with(6, 3, true, false) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(read_with(3, 3, true, false) == "Device-GRE-OSH");
}

TEST_CASE(
    "IHI 0070 §5.2 S2PTW: a stage 1 table in what stage 2 maps as Device is a Permission fault of stage 2") {
  for (const bool fwb : {false, true})
    for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
      for (const bool protected_walk : {false, true}) {
        Nested nested;
        nested.map_tables(mem_attr, 3);
        nested.stage2.forced_write_back = fwb;
        nested.stage2.protected_walk = protected_walk;
        const bool device = fwb ? (mem_attr & 4) == 0 : mem_attr < 4 || mem_attr % 4 == 0;
        const Outcome outcome = nested.read();
        CHECK(outcome.ok == !(device && protected_walk));
        if (outcome.ok) continue;
        CHECK(outcome.fault.kind == FaultKind::Permission);
        CHECK(outcome.fault.stage == 2);
        CHECK(outcome.fault.cls == FaultClass::Table);
      }
}

}  // namespace sidewinder::arch
