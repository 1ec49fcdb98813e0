// SPDX-License-Identifier: Apache-2.0
//
// What one or two stages make of a transaction's memory attributes.

#include "iommu/smmuv3/attributes.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/conformance/smmuv3/attribute_tables.h"
#include "tests/support/attribute_text.h"

namespace sidewinder::test {
namespace {

using smmuv3::InputAttributes;
using smmuv3::SecurityState;

std::uint8_t byte(unsigned value) {
  return static_cast<std::uint8_t>(value);
}

/// A mapping with what its leaves say, of those stages that are not negative.
arch::Mapping mapping(int mair, unsigned sh1, int mem_attr, unsigned sh2) {
  arch::Mapping made;
  made.stage1 = mair >= 0;
  made.stage2 = mem_attr >= 0;
  made.first.attributes = byte(static_cast<unsigned>(mair));
  made.first.shareability = byte(sh1);
  made.second.attributes = byte(static_cast<unsigned>(mem_attr));
  made.second.shareability = byte(sh2);
  return made;
}

arch::MemoryAttributes out(const arch::MemoryAttributes& input, const arch::Mapping* mapping,
                           bool fwb = false) {
  InputAttributes in;
  in.memory = input;
  return smmuv3::output_attributes(in, mapping, fwb, SecurityState::NonSecure, 4).memory;
}

/// Comparing in words is too slow for a million of them.
void require_same(const arch::MemoryAttributes& got, const std::string& expected) {
  if (text(got) == expected) return;
  REQUIRE(text(got) == expected);
}

/// The rows of one kind of input: what Table 13.1.1 can say with equal hints at both levels, and mixed ones.
std::vector<tables::Row> inputs() {
  std::vector<tables::Row> rows;
  for (const std::string& type : tables::device) rows.push_back({.type = type});
  for (const std::string inner : {"NC", "WT", "WB"})
    for (const std::string outer : {"NC", "WT", "WB"})
      for (unsigned hints = 0; hints < 8; ++hints)
        for (const std::string sh : {"NSH", "ISH", "OSH"}) {
          const bool ra = (hints & 4) != 0, wa = (hints & 2) != 0, tr = (hints & 1) != 0;
          rows.push_back({.inner = {inner, ra, wa, tr}, .outer = {outer, wa, tr, ra}, .sh = sh});
        }
  return rows;
}

}  // namespace

TEST_CASE("IHI 0070 §5.4: every byte of MAIR with every SH, reserved ones included") {
  for (unsigned attr = 0; attr < 256; ++attr)
    for (unsigned sh = 0; sh < 4; ++sh)
      REQUIRE(text(arch::from_mair(byte(attr), byte(sh))) == tables::words(tables::mair(attr, sh)));

  CHECK(text(arch::from_mair(0xff, 3)) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(text(arch::from_mair(0x44, 3)) == "Normal-iNC-oNC-OSH");
  CHECK(text(arch::from_mair(0x4f, 3)) == "Normal-iWB/RAWAnTR-oNC-ISH");
  CHECK(text(arch::from_mair(0x04, 0)) == "Device-nGnRE-OSH");
  CHECK(text(arch::from_mair(0x09, 0)) == "Device-nGRE-OSH");                    // reserved
  CHECK(text(arch::from_mair(0xf0, 2)) == "Normal-iWT/RAWATR-oWB/RAWAnTR-OSH");  // no Tagged Normal memory
}

TEST_CASE("IHI 0070 §5.2: every MemAttr, whose reserved values are Device-nGnRnE") {
  for (unsigned attr = 0; attr < 16; ++attr)
    for (unsigned sh = 0; sh < 4; ++sh)
      REQUIRE(text(arch::from_stage2(byte(attr), byte(sh))) == tables::words(tables::stage2(attr, sh)));
  for (const unsigned attr : {4U, 8U, 12U})
    CHECK(text(arch::from_stage2(byte(attr), 3)) == "Device-nGnRnE-OSH");
}

TEST_CASE("IHI 0070 §13.1.5: the examples of combinations") {
  const auto combined = [](const char* a, const char* b) {
    REQUIRE(arch::combine(attributes(b), attributes(a)) == arch::combine(attributes(a), attributes(b)));
    return text(arch::combine(attributes(a), attributes(b)));
  };
  CHECK(combined("Normal-iWB/RAWAnTR-oNC-ISH", "Device-nGnRE-OSH") == "Device-nGnRE-OSH");
  CHECK(combined("Device-nGnRE-OSH", "Device-nGnRnE-OSH") == "Device-nGnRnE-OSH");
  CHECK(combined("Normal-iWB/RAWAnTR-oNC-ISH", "Normal-iWT/RAWAnTR-oWT/RAnWATR-OSH") ==
        "Normal-iWT/RAWAnTR-oNC-OSH");
}

TEST_CASE("IHI 0070 §13.1.5, §13.4.3: every stage 1 attribute combined with every stage 2 attribute") {
  for (unsigned attr = 0; attr < 256; ++attr)
    for (unsigned sh1 = 0; sh1 < 4; ++sh1) {
      const tables::Row first = tables::mair(attr, sh1);
      for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
        for (unsigned sh2 = 0; sh2 < 4; ++sh2) {
          const arch::Mapping both = mapping(static_cast<int>(attr), sh1, static_cast<int>(mem_attr), sh2);
          require_same(out(smmuv3::default_memory, &both),
                       tables::words(tables::combine(first, tables::stage2(mem_attr, sh2))));
        }
    }
}

TEST_CASE("IHI 0070 §13.1.6, DDI 0487 D8.6.6: every stage 1 attribute through every stage 2 with S2FWB") {
  for (unsigned attr = 0; attr < 256; ++attr)
    for (unsigned sh1 = 0; sh1 < 4; ++sh1) {
      const tables::Row first = tables::mair(attr, sh1);
      for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
        for (unsigned sh2 = 0; sh2 < 4; ++sh2) {
          const arch::Mapping both = mapping(static_cast<int>(attr), sh1, static_cast<int>(mem_attr), sh2);
          require_same(out(smmuv3::default_memory, &both, true),
                       tables::words(tables::forced(first, mem_attr, sh2)));
        }
    }
}

TEST_CASE("DDI 0487 Table D8-101: what S2FWB makes of each kind of stage 1 attribute") {
  const auto forced = [](unsigned mair, unsigned mem_attr) {
    const arch::Mapping both = mapping(static_cast<int>(mair), 3, static_cast<int>(mem_attr), 0);
    return text(out(smmuv3::default_memory, &both, true));
  };
  CHECK(forced(0x04, 5) == "Device-nGnRE-OSH");
  CHECK(forced(0x44, 5) == "Normal-iNC-oNC-OSH");
  CHECK(forced(0xbb, 5) == "Normal-iNC-oNC-OSH");
  CHECK(forced(0xff, 5) == "Normal-iNC-oNC-OSH");
  CHECK(forced(0x04, 6) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
  CHECK(forced(0x44, 6) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
  CHECK(forced(0xaa, 6) == "Normal-iWB/RAnWAnTR-oWB/RAnWAnTR-ISH");
  CHECK(forced(0x56, 6) == "Normal-iWB/RAnWATR-oWB/nRAWATR-ISH");
  CHECK(forced(0x04, 7) == "Device-nGnRE-OSH");
  CHECK(forced(0x44, 7) == "Normal-iNC-oNC-OSH");
  CHECK(forced(0xbb, 7) == "Normal-iWT/RAWAnTR-oWT/RAWAnTR-ISH");
  CHECK(forced(0xff, 7) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(forced(0xff, 1) == "Device-nGnRE-OSH");
  CHECK(forced(0x08, 1) == "Device-nGnRE-OSH");
  CHECK(forced(0x00, 1) == "Device-nGnRnE-OSH");
  CHECK(forced(0x4f, 6) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");  // the outer level had no hints of its own
  CHECK(forced(0x44, 14) == forced(0x44, 6));                      // MemAttr[3] is RES0
  CHECK(forced(0xff, 4) == forced(0xff, 5));                       // reserved
}

TEST_CASE("IHI 0070 §13.1.6: S2FWB changes what MemAttr means, and nothing without stage 2") {
  const arch::Mapping both = mapping(0x44, 3, 6, 3), first = mapping(0x44, 3, -1, 3);
  CHECK(text(out(smmuv3::default_memory, &both, true)) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
  CHECK(text(out(smmuv3::default_memory, &both, false)) == "Normal-iNC-oNC-OSH");
  CHECK(text(out(smmuv3::default_memory, &first, true)) == "Normal-iNC-oNC-OSH");
  CHECK(text(out(attributes("Device-GRE-OSH"), nullptr, true)) == "Device-GRE-OSH");
}

TEST_CASE("IHI 0070 §13.4.2: stage 1 replaces type and shareability, and hints combine") {
  for (const tables::Row& input : inputs())
    for (unsigned attr = 0; attr < 256; ++attr)
      for (unsigned sh = 0; sh < 4; ++sh) {
        const arch::Mapping first = mapping(static_cast<int>(attr), sh, -1, 0);
        require_same(out(attributes(tables::words(input)), &first),
                     tables::words(tables::stage1_for(input, tables::mair(attr, sh))));
      }
}

TEST_CASE("IHI 0070 §13.4.2: only a Normal cacheable input has hints that stage 1's are combined with") {
  const arch::Mapping first = mapping(0xff, 3, -1, 0);
  const auto passed = [&](const char* input) { return text(out(attributes(input), &first)); };
  CHECK(passed("Normal-iWB/nRAWATR-oWT/RAnWAnTR-NSH") == "Normal-iWB/nRAWATR-oWB/RAnWAnTR-ISH");
  CHECK(passed("Normal-iNC-oNC-OSH") == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(passed("Device-nGnRnE-OSH") == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
  CHECK(passed("Normal-iNC-oWB/nRAnWAnTR-OSH") == "Normal-iWB/RAWAnTR-oWB/nRAnWAnTR-ISH");
}

TEST_CASE("IHI 0070 §13.4.3: stage 2 alone combines with the transaction's attributes and leaves its hints") {
  for (const tables::Row& input : inputs())
    for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
      for (unsigned sh = 0; sh < 4; ++sh) {
        const arch::Mapping second = mapping(-1, 0, static_cast<int>(mem_attr), sh);
        const auto in = attributes(tables::words(input));
        require_same(out(in, &second), tables::words(tables::combine(input, tables::stage2(mem_attr, sh))));
        require_same(out(in, &second, true), tables::words(tables::forced(input, mem_attr, sh)));
      }
}

TEST_CASE("IHI 0070 §13.4.3: stage 1's hints, with the transaction's, go through stage 2 unchanged") {
  for (const bool fwb : {false, true}) {
    const arch::Mapping both = mapping(0xee, 3, 15, 3);  // stage 1: RAnWA
    CHECK(text(out(attributes("Normal-iWB/RAWATR-oWB/nRAWAnTR-NSH"), &both, fwb)) ==
          "Normal-iWB/RAnWATR-oWB/nRAnWAnTR-ISH");
  }
}

TEST_CASE("IHI 0070 §13.4.2, §13.4.3: every pair of stages for transactions with hints of their own") {
  for (const char* in :
       {"Normal-iWB/nRAnWAnTR-oWB/nRAWATR-NSH", "Normal-iWT/RAnWATR-oNC-ISH", "Device-GRE-OSH"}) {
    const auto input = attributes(in);
    const tables::Row row{
        std::string{type_names.at(static_cast<std::size_t>(input.type))},
        {std::string{cacheability_names.at(static_cast<std::size_t>(input.inner.cacheability))},
         input.inner.read_allocate, input.inner.write_allocate, input.inner.transient},
        {std::string{cacheability_names.at(static_cast<std::size_t>(input.outer.cacheability))},
         input.outer.read_allocate, input.outer.write_allocate, input.outer.transient},
        "NSH"};
    for (unsigned attr = 0; attr < 256; ++attr) {
      const tables::Row first = tables::stage1_for(row, tables::mair(attr, 3));
      for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr) {
        const arch::Mapping both = mapping(static_cast<int>(attr), 3, static_cast<int>(mem_attr), 0);
        require_same(out(input, &both), tables::words(tables::combine(first, tables::stage2(mem_attr, 0))));
        require_same(out(input, &both, true), tables::words(tables::forced(first, mem_attr, 0)));
      }
    }
  }
  // Stage 1's Non-cacheable level has no hints, not the transaction's either.
  const arch::Mapping both = mapping(0x44, 3, 6, 3);
  CHECK(text(out(attributes("Normal-iWB/nRAnWAnTR-oWB/nRAWATR-NSH"), &both, true)) ==
        "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
}

TEST_CASE("IHI 0070 §13.4.3: with both stages each has its say, whichever is the stronger") {
  const auto nested = [](unsigned mair, unsigned mem_attr) {
    const arch::Mapping both = mapping(static_cast<int>(mair), 0, static_cast<int>(mem_attr), 0);
    return text(out(smmuv3::default_memory, &both));
  };
  CHECK(nested(0x00, 15) == "Device-nGnRnE-OSH");
  CHECK(nested(0xff, 0) == "Device-nGnRnE-OSH");
  CHECK(nested(0x44, 15) == "Normal-iNC-oNC-OSH");
  CHECK(nested(0xff, 5) == "Normal-iNC-oNC-OSH");
  CHECK(nested(0xff, 15) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-NSH");
}

TEST_CASE("IHI 0070 §13.4.3: what stage 1 makes goes out as it is where stage 2 bypasses") {
  const arch::Mapping first = mapping(0x77, 2, -1, 3);
  CHECK(text(out(smmuv3::default_memory, &first)) == "Normal-iWB/RAWATR-oWB/RAWATR-OSH");
}

TEST_CASE("IHI 0070 §5.2 S1DSS, §13.3: a stage that is bypassed has no say") {
  arch::Mapping second = mapping(-1, 0, 15, 0);
  second.first.attributes = 0;  // what it held of another kind of mapping
  const auto input = attributes("Normal-iWT/RAnWATR-oWB/nRAWAnTR-ISH");
  CHECK(out(input, &second) == input);
  CHECK(out(input, nullptr) == input);
}

TEST_CASE("IHI 0070 §13.1.7: what goes out is consistent, whatever came in") {
  for (const std::string inner : {"NC", "WT", "WB"})
    for (const std::string outer : {"NC", "WT", "WB"})
      for (unsigned hints = 0; hints < 64; ++hints)
        for (unsigned sh = 0; sh < 4; ++sh)
          for (std::size_t type = 0; type < type_names.size(); ++type) {
            if (sh == 1) continue;
            const auto bit = [&](unsigned n) { return (hints >> n & 1U) != 0; };
            const tables::Row row{std::string{type_names.at(type)},
                                  {inner, bit(0), bit(1), bit(2)},
                                  {outer, bit(3), bit(4), bit(5)},
                                  tables::shareability.at(sh)};
            const auto kind = [](const std::string& name) {
              return policy(name == "NC" ? "NC" : name + "/nRAnWAnTR").cacheability;
            };
            const arch::MemoryAttributes any{static_cast<arch::MemoryType>(type),
                                             {kind(inner), bit(0), bit(1), bit(2)},
                                             {kind(outer), bit(3), bit(4), bit(5)},
                                             static_cast<arch::Shareability>(sh)};
            require_same(arch::consistent(any), tables::words(row));
            require_same(out(any, nullptr), tables::words(row));
            InputAttributes input;
            input.memory = any;
            const auto inner_shareable = smmuv3::overrides_of({.shcfg = 3}, true, true);
            tables::Row shared = row;
            shared.sh = "ISH";
            require_same(smmuv3::replace(input, inner_shareable, SecurityState::NonSecure).memory,
                         tables::words(shared));
            if (sh != 0) continue;
            const arch::Mapping second = mapping(-1, 0, 15, 0);
            require_same(out(any, &second), tables::words(row));
            require_same(out(any, &second, true), tables::words(tables::forced(row, 15, 0)));
          }
  CHECK(text(arch::consistent({arch::MemoryType::Normal,
                               {arch::Cacheability::WriteBack, false, false, true},
                               {arch::Cacheability::NonCacheable, true, true, true},
                               arch::Shareability::InnerShareable})) == "Normal-iWB/nRAnWAnTR-oNC-ISH");
}

}  // namespace sidewinder::test
