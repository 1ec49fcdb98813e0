// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv2/config.h"

#include <catch2/catch.hpp>

namespace sidewinder::smmuv2 {
namespace {

template <typename Change>
std::string after(Change change) {
  Config config;
  change(config);
  return validate(config);
}

}  // namespace

TEST_CASE("the configuration by default is valid") {
  CHECK(validate(Config{}).empty());
}

TEST_CASE("each parameter has its bounds") {
  for (const unsigned good : {1U, 128U}) {
    CHECK(after([&](Config& c) { c.stream_match_groups = good; }).empty());
    CHECK(after([&](Config& c) {
            c.context_banks = good;
            c.page_index_bits = 7;
          }).empty());
  }
  for (const unsigned bad : {0U, 129U}) {
    CHECK_FALSE(after([&](Config& c) { c.stream_match_groups = bad; }).empty());
    CHECK_FALSE(after([&](Config& c) {
                  c.context_banks = bad;
                  c.page_index_bits = 7;
                }).empty());
  }
  CHECK(after([](Config& c) { c.tbus = 32; }).empty());
  CHECK_FALSE(after([](Config& c) { c.tbus = 33; }).empty());
  CHECK_FALSE(after([](Config& c) { c.tbus = 0; }).empty());
  CHECK_FALSE(after([](Config& c) { c.page_index_bits = 8; }).empty());
}

TEST_CASE("the frame must have a page for each bank") {
  CHECK(after([](Config& c) {
          c.page_index_bits = 5;
          c.context_banks = 64;
        }).empty());
  CHECK_FALSE(after([](Config& c) {
                c.page_index_bits = 5;
                c.context_banks = 65;
              }).empty());
}

TEST_CASE("bus and output sizes are those that IDR2 can say") {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const bool size = bits == 32 || bits == 36 || bits == 40 || bits == 42 || bits == 44;
    INFO(bits << " bits");
    CHECK(after([&](Config& c) { c.upstream_bits = bits; }).empty() == (size || bits == 49));
    CHECK(after([&](Config& c) { c.output_bits = bits; }).empty() == (size || bits == 48));
  }
}

TEST_CASE("TLBs have powers of two of entries and ways, and no more ways than entries") {
  struct Shape {
    unsigned entries, ways;
    bool valid;
  };
  for (const Shape& shape :
       {Shape{1, 1, true}, Shape{64, 64, true}, Shape{64, 4, true}, Shape{0, 1, false}, Shape{64, 0, false},
        Shape{48, 4, false}, Shape{64, 3, false}, Shape{4, 8, false}}) {
    CHECK(after([&](Config& c) {
            c.tlb_entries = shape.entries;
            c.tlb_ways = shape.ways;
          }).empty() == shape.valid);
    CHECK(after([&](Config& c) {
            c.micro_tlb_entries = shape.entries;
            c.micro_tlb_ways = shape.ways;
          }).empty() == shape.valid);
  }
}

TEST_CASE("the frame's size follows NUMPAGENDXB") {
  Config config;
  CHECK(frame_size(config) == 0x10'0000);
  config.page_index_bits = 0;
  CHECK(frame_size(config) == 0x4000);
  config.page_index_bits = 7;
  CHECK(frame_size(config) == 0x20'0000);
}

TEST_CASE("identification registers are computed from the configuration") {
  Config config;
  config.stream_match_groups = 48;
  config.context_banks = 12;
  config.page_index_bits = 4;
  config.coherent_walk = false;
  config.upstream_bits = 40;
  config.output_bits = 44;
  CHECK(idr0(config).get<layout::smmuv2::IDR0::NUMSMRG>() == 48);
  CHECK_FALSE(idr0(config).is_set<layout::smmuv2::IDR0::CTTW>());
  CHECK_FALSE(idr0(config).is_set<layout::smmuv2::IDR0::S2TS>());
  CHECK_FALSE(idr0(config).is_set<layout::smmuv2::IDR0::NTS>());
  CHECK(idr1(config).get<layout::smmuv2::IDR1::NUMCB>() == 12);
  CHECK(idr1(config).get<layout::smmuv2::IDR1::NUMPAGENDXB>() == 4);
  CHECK(idr2(config).get<layout::smmuv2::IDR2::UBS>() == 2);
  CHECK(idr2(config).get<layout::smmuv2::IDR2::OAS>() == 4);
  CHECK(idr2(config).get<layout::smmuv2::IDR2::IAS>() == 4);
  CHECK(idr7().raw == 0x24);
}

}  // namespace sidewinder::smmuv2
