// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/walk.h"

#include <catch2/catch.hpp>

#include "tests/support/tables.h"

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Granule;
using test::Tables;
using test::WordMemory;

constexpr std::uint64_t upper_39 = 0xffff'ff80'0000'0000;

/// 39 bits in each half, 4 KiB pages, roots at 0x10000 and 0x20000.
Stage1 two_halves() {
  Stage1 regime;
  regime.ttb[0] = {.base = 0x1'0000, .tsz = 25};
  regime.ttb[1] = {.base = 0x2'0000, .tsz = 25};
  regime.mair = 0x8877'6655'4433'2211;
  return regime;
}

struct Walked : Outcome {
  AccessLog log;
};

/// A privileged read.
Walked walk_stage1(const Stage1& regime, std::uint64_t address, WordMemory& memory) {
  Walked walked;
  static_cast<Outcome&>(walked) = translate(&regime, nullptr, {.address = address, .privileged = true}, false,
                                            {.memory = &memory, .log = &walked.log});
  return walked;
}

}  // namespace

TEST_CASE("a walk gives the leaf, and lists its accesses with their levels and latencies") {
  WordMemory memory;
  memory.latency_ps = 1'500;
  memory.words = {{0x1'0000, 0x3'0003}, {0x3'0000, 0x4'0003}, {0x4'0008, 0x8000'0f4f}};
  const Walked walk = walk_stage1(two_halves(), 0x1abc, memory);
  REQUIRE(walk.ok);
  CHECK(walk.mapping.output == 0x8000'0000);
  CHECK(walk.mapping.size_shift == 12);
  CHECK(walk.mapping.first.level == 3);
  CHECK(walk.mapping.first.attributes == 0x44);
  CHECK(walk.mapping.first.shareability == 3);
  CHECK_FALSE(walk.mapping.first.global);
  CHECK(walk.mapping.first.permissions.unprivileged);
  CHECK_FALSE(walk.mapping.first.permissions.read_only);
  REQUIRE(walk.log.kept().size() == 3);
  const std::uint64_t places[] = {0x1'0000, 0x3'0000, 0x4'0008};
  for (std::uint8_t i = 0; i < 3; ++i) {
    CHECK(walk.log.kept()[i].address == places[i]);
    CHECK(walk.log.kept()[i].level == i + 1);
    CHECK(walk.log.kept()[i].latency_ps == 1'500);
  }
}

TEST_CASE("bit 63 down to the half's size chooses the half, between them nothing is mapped") {
  WordMemory memory;
  memory.words[0x1'0000] = 0x4000'0741;
  memory.words[0x1'0ff8] = 0x8000'0741;
  memory.words[0x2'0000] = 0xc000'0741;
  const Stage1 regime = two_halves();
  CHECK(walk_stage1(regime, 0, memory).mapping.output == 0x4000'0000);
  CHECK(walk_stage1(regime, 0x7f'ffff'ffff, memory).mapping.output == 0x8000'0000);
  CHECK(walk_stage1(regime, upper_39, memory).mapping.output == 0xc000'0000);
  for (const std::uint64_t hole :
       {std::uint64_t{0x80'0000'0000}, upper_39 - 1, std::uint64_t{1} << 63, std::uint64_t{1} << 56,
        ~(std::uint64_t{1} << 62), ~(std::uint64_t{1} << 55)}) {
    memory.reads.clear();
    const Walked walk = walk_stage1(regime, hole, memory);
    INFO(std::hex << hole);
    CHECK_FALSE(walk.ok);
    CHECK(walk.fault.kind == FaultKind::Translation);
    CHECK(walk.fault.level == 0);
    CHECK(memory.reads.empty());
  }
}

TEST_CASE("TBI: bits 63:56 are ignored in the half that has it, and bit 55 chooses") {
  WordMemory memory;
  memory.words[0x1'0000] = 0x4000'0741;
  memory.words[0x2'0000] = 0xc000'0741;
  Stage1 regime = two_halves();
  const std::uint64_t tagged_low = 0xa500'0000'0000'0123;
  const std::uint64_t tagged_high = 0x5aff'ff80'0000'0123;
  CHECK_FALSE(walk_stage1(regime, tagged_low, memory).ok);
  CHECK_FALSE(walk_stage1(regime, tagged_high, memory).ok);
  regime.ttb[0].top_byte_ignored = true;
  CHECK(walk_stage1(regime, tagged_low, memory).mapping.output == 0x4000'0000);
  CHECK_FALSE(walk_stage1(regime, tagged_high, memory).ok);
  CHECK_FALSE(walk_stage1(regime, 0xa540'0000'0000'0123, memory).ok);  // bits 55:39 still count
  regime.ttb[0].top_byte_ignored = false;
  regime.ttb[1].top_byte_ignored = true;
  CHECK(walk_stage1(regime, tagged_high, memory).mapping.output == 0xc000'0000);
  CHECK_FALSE(walk_stage1(regime, tagged_low, memory).ok);
}

TEST_CASE("a walk that is disabled faults at level 0 and reads nothing") {
  WordMemory memory;
  memory.words = {{0x1'0000, 0x4000'0741}, {0x2'0000, 0xc000'0741}};
  for (const unsigned off : {0U, 1U}) {
    Stage1 regime = two_halves();
    regime.ttb[off].walk_disabled = true;
    memory.reads.clear();
    const Walked walk = walk_stage1(regime, off == 0 ? 0 : upper_39, memory);
    CHECK_FALSE(walk.ok);
    CHECK(walk.fault.level == 0);
    CHECK(memory.reads.empty());
    CHECK(walk_stage1(regime, off == 0 ? upper_39 : 0, memory).ok);
  }
}

TEST_CASE("each granule starts at the level its size needs") {
  struct Case {
    Granule granule;
    unsigned page_bits, input_bits, start_level;
  };
  const Case cases[] = {
      {Granule::Size4K, 12, 48, 0},  {Granule::Size4K, 12, 40, 0},  {Granule::Size4K, 12, 39, 1},
      {Granule::Size4K, 12, 31, 1},  {Granule::Size4K, 12, 30, 2},  {Granule::Size4K, 12, 25, 2},
      {Granule::Size16K, 14, 48, 0}, {Granule::Size16K, 14, 47, 1}, {Granule::Size16K, 14, 37, 1},
      {Granule::Size16K, 14, 36, 2}, {Granule::Size16K, 14, 25, 3}, {Granule::Size64K, 16, 48, 1},
      {Granule::Size64K, 16, 43, 1}, {Granule::Size64K, 16, 42, 2}, {Granule::Size64K, 16, 30, 2},
      {Granule::Size64K, 16, 29, 3}};
  for (const Case& c : cases) {
    WordMemory memory;
    Tables tables(memory, c.page_bits, c.input_bits, 0x100000);
    const std::uint64_t last = (std::uint64_t{1} << c.input_bits) - 1;
    tables.at(last, 3) = 0x8000'0743;
    Stage1 regime;
    regime.ttb[0] = {
        .base = 0x100000, .tsz = static_cast<std::uint8_t>(64 - c.input_bits), .granule = c.granule};
    const Walked walk = walk_stage1(regime, last, memory);
    INFO("page bits " << c.page_bits << " input bits " << c.input_bits);
    REQUIRE(walk.ok);
    CHECK(walk.log.kept()[0].level == static_cast<int>(c.start_level));
    CHECK(walk.log.kept().size() == 4 - c.start_level);
    CHECK(walk.mapping.output == 0x8000'0000);
  }
}

TEST_CASE("faults name their kind and level, and the accesses made until then") {
  WordMemory memory;
  memory.words = {{0x1'0000, 0x3'0003}, {0x3'0000, 0x4'0003}, {0x4'0000, 0x8000'0343}};
  Stage1 regime = two_halves();
  Walked walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault.kind == FaultKind::AccessFlag);
  CHECK(walk.fault.level == 3);
  CHECK(walk.log.kept().size() == 3);

  regime.access_flag_fault_disabled = true;
  CHECK(walk_stage1(regime, 0, memory).ok);

  regime.output_bits = 31;
  walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault.kind == FaultKind::AddressSize);
  CHECK(walk.fault.level == 3);

  memory.aborting = {0x3'0000};
  walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault.kind == FaultKind::ExternalWalk);
  CHECK(walk.fault.level == 2);
  CHECK(walk.log.kept().size() == 2);

  regime.big_endian = true;  // 0x30003 read so has bit 0 clear
  walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault.kind == FaultKind::Translation);
  CHECK(walk.fault.level == 1);
}

TEST_CASE("which faults belong to a context bank") {
  for (const FaultKind kind :
       {FaultKind::Translation, FaultKind::AddressSize, FaultKind::AccessFlag, FaultKind::Permission,
        FaultKind::ExternalWalk, FaultKind::UnsupportedUpstream})
    CHECK(is_context_fault(kind));
  for (const FaultKind kind : {FaultKind::UnidentifiedStream, FaultKind::StreamMatchConflict,
                               FaultKind::InvalidContext, FaultKind::UnimplementedContextBank})
    CHECK_FALSE(is_context_fault(kind));
}

}  // namespace sidewinder::arch
