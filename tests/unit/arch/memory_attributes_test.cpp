// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/memory_attributes.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/attribute_text.h"

namespace sidewinder::arch {
namespace {

using test::attributes;
using test::text;

std::uint8_t byte(unsigned value) {
  return static_cast<std::uint8_t>(value);
}

/// Every attribute that MAIR and SH can say, once.
std::vector<MemoryAttributes> every_stage1() {
  std::set<std::string> seen;
  std::vector<MemoryAttributes> all;
  for (unsigned code = 0; code < 1024; ++code) {
    const MemoryAttributes made = from_mair(byte(code & 255), byte(code >> 8));
    if (seen.insert(text(made)).second) all.push_back(made);
  }
  return all;
}

}  // namespace

TEST_CASE("MAIR and SH say four Device types, Non-cacheable memory, and all cacheable ones thrice") {
  // A level is NC, WB with 4 + 3 hints or WT with 4 + 3; NC on both levels has but one shareability.
  CHECK(every_stage1().size() == 4 + 1 + (15 * 15 - 1) * 3);
}

TEST_CASE("attributes as a byte of MAIR mean the same again") {
  for (const MemoryAttributes& any : every_stage1())
    CHECK(from_mair(to_mair(any), byte(static_cast<unsigned>(any.shareability))) == any);
  for (const unsigned code : {0x00U, 0x04U, 0x08U, 0x0cU, 0x44U, 0xffU, 0xbbU, 0x77U, 0x33U, 0x88U, 0xccU,
                              0x4fU, 0xf4U, 0xe5U, 0x1dU, 0xd2U, 0xa6U})
    CHECK(to_mair(from_mair(byte(code), 3)) == code);
}

TEST_CASE("the reserved SH of 1 is non-shareable, and bits above SH[1:0] mean nothing") {
  CHECK(shareability_of(0) == Shareability::NonShareable);
  CHECK(shareability_of(1) == Shareability::NonShareable);
  CHECK(shareability_of(2) == Shareability::OuterShareable);
  CHECK(shareability_of(3) == Shareability::InnerShareable);
  CHECK(shareability_of(6) == Shareability::OuterShareable);
  CHECK(from_stage2(0x1f, 3) == from_stage2(0xf, 3));
  CHECK(from_table_region(5, 6, 3) == from_table_region(1, 2, 3));
}

TEST_CASE("all four Device types are Device, and no Normal type is") {
  for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
    CHECK(is_device(from_stage2(byte(mem_attr), 3)) == (text(from_stage2(byte(mem_attr), 3))[0] == 'D'));
  CHECK(is_device(attributes("Device-GRE-OSH")));
  CHECK_FALSE(is_device(normal_non_cacheable));
  CHECK(text(normal_non_cacheable) == "Normal-iNC-oNC-OSH");
}

TEST_CASE("what the encodings say is consistent already") {
  for (const MemoryAttributes& any : every_stage1()) CHECK(consistent(any) == any);
  for (unsigned code = 0; code < 64; ++code) {
    const MemoryAttributes second = from_stage2(byte(code & 15), byte(code >> 4));
    CHECK(consistent(second) == second);
  }
}

TEST_CASE("combining has no order, and what is combined with itself or with all of it stays") {
  const std::vector<MemoryAttributes> all = every_stage1();
  const MemoryAttributes weakest = attributes("Normal-iWB/RAWAnTR-oWB/RAWAnTR-NSH");
  for (const MemoryAttributes& a : all) {
    REQUIRE(combine(a, a) == a);
    REQUIRE(combine(a, weakest) == a);
    for (const MemoryAttributes& b : all) {
      const MemoryAttributes both = combine(a, b);
      if (both != combine(b, a) || consistent(both) != both || combine(both, a) != both) {
        CAPTURE(text(a), text(b), text(both));
        FAIL();
      }
    }
  }
}

TEST_CASE("MemAttr 15 leaves stage 1's attributes, and so does 7 with forced write-back") {
  for (const MemoryAttributes& any : every_stage1())
    for (const bool fwb : {false, true}) CHECK(through_stage2(any, fwb ? 7 : 15, 0, fwb) == any);
}

TEST_CASE("inconsistent attributes come out of stage 2 as consistent ones would") {
  MemoryAttributes device = attributes("Device-GRE-OSH"), non_cacheable = normal_non_cacheable;
  device.shareability = non_cacheable.shareability = Shareability::NonShareable;
  device.inner = {Cacheability::WriteThrough, false, false, true};
  non_cacheable.inner = non_cacheable.outer = {Cacheability::NonCacheable, false, true, true};
  for (const MemoryAttributes& odd : {device, non_cacheable})
    for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr)
      for (const bool fwb : {false, true})
        CHECK(through_stage2(odd, byte(mem_attr), 3, fwb) ==
              through_stage2(consistent(odd), byte(mem_attr), 3, fwb));
}

TEST_CASE("a Device input gives stage 1 no hints, whatever stands in its policies") {
  MemoryAttributes device = attributes("Device-GRE-OSH");
  device.inner = device.outer = {Cacheability::WriteBack, false, false, false};
  const MemoryAttributes stage1 = attributes("Normal-iWB/RAWAnTR-oWT/RAnWATR-ISH");
  CHECK(through_stage1(device, stage1) == stage1);
  device.type = MemoryType::Normal;
  CHECK(text(through_stage1(device, stage1)) == "Normal-iWB/nRAnWAnTR-oWT/nRAnWAnTR-ISH");
}

}  // namespace sidewinder::arch
