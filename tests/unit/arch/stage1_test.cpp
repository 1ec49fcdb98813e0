// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/stage1.h"

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

}  // namespace

TEST_CASE("a walk gives the leaf, and lists its accesses with their levels and latencies") {
  WordMemory memory;
  memory.latency_ps = 1'500;
  memory.words = {{0x1'0000, 0x3'0003}, {0x3'0000, 0x4'0003}, {0x4'0008, 0x8000'0f4f}};
  const Walk walk = walk_stage1(two_halves(), 0x1abc, memory);
  REQUIRE(walk.ok);
  CHECK(walk.leaf.output == 0x8000'0000);
  CHECK(walk.leaf.size_shift == 12);
  CHECK(walk.leaf.level == 3);
  CHECK(walk.leaf.attributes == 0x44);
  CHECK(walk.leaf.shareability == 3);
  CHECK_FALSE(walk.leaf.global);
  CHECK(walk.leaf.permissions.unprivileged);
  CHECK_FALSE(walk.leaf.permissions.read_only);
  REQUIRE(walk.access_count == 3);
  const std::uint64_t places[] = {0x1'0000, 0x3'0000, 0x4'0008};
  for (std::uint8_t i = 0; i < 3; ++i) {
    CHECK(walk.accesses[i].address == places[i]);
    CHECK(walk.accesses[i].level == i + 1);
    CHECK(walk.accesses[i].latency_ps == 1'500);
  }
}

TEST_CASE("bit 63 down to the half's size chooses the half; between them nothing is mapped") {
  WordMemory memory;
  memory.words[0x1'0000] = 0x4000'0741;
  memory.words[0x1'0ff8] = 0x8000'0741;
  memory.words[0x2'0000] = 0xc000'0741;
  const Stage1 regime = two_halves();
  CHECK(walk_stage1(regime, 0, memory).leaf.output == 0x4000'0000);
  CHECK(walk_stage1(regime, 0x7f'ffff'ffff, memory).leaf.output == 0x8000'0000);
  CHECK(walk_stage1(regime, upper_39, memory).leaf.output == 0xc000'0000);
  for (const std::uint64_t hole :
       {std::uint64_t{0x80'0000'0000}, upper_39 - 1, std::uint64_t{1} << 63, std::uint64_t{1} << 56,
        ~(std::uint64_t{1} << 62), ~(std::uint64_t{1} << 55)}) {
    memory.reads.clear();
    const Walk walk = walk_stage1(regime, hole, memory);
    INFO(std::hex << hole);
    CHECK_FALSE(walk.ok);
    CHECK(walk.fault == FaultKind::Translation);
    CHECK(walk.level == 0);
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
  CHECK(walk_stage1(regime, tagged_low, memory).leaf.output == 0x4000'0000);
  CHECK_FALSE(walk_stage1(regime, tagged_high, memory).ok);
  CHECK_FALSE(walk_stage1(regime, 0xa540'0000'0000'0123, memory).ok);  // bits 55:39 still count
  regime.ttb[0].top_byte_ignored = false;
  regime.ttb[1].top_byte_ignored = true;
  CHECK(walk_stage1(regime, tagged_high, memory).leaf.output == 0xc000'0000);
  CHECK_FALSE(walk_stage1(regime, tagged_low, memory).ok);
}

TEST_CASE("a walk that is disabled faults at level 0 and reads nothing") {
  WordMemory memory;
  memory.words = {{0x1'0000, 0x4000'0741}, {0x2'0000, 0xc000'0741}};
  for (const unsigned off : {0U, 1U}) {
    Stage1 regime = two_halves();
    regime.ttb[off].walk_disabled = true;
    memory.reads.clear();
    const Walk walk = walk_stage1(regime, off == 0 ? 0 : upper_39, memory);
    CHECK_FALSE(walk.ok);
    CHECK(walk.level == 0);
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
    const Walk walk = walk_stage1(regime, last, memory);
    INFO("page bits " << c.page_bits << " input bits " << c.input_bits);
    REQUIRE(walk.ok);
    CHECK(walk.accesses[0].level == c.start_level);
    CHECK(walk.access_count == 4 - c.start_level);
    CHECK(walk.leaf.output == 0x8000'0000);
  }
}

TEST_CASE("faults name their kind and level, and the accesses made until then") {
  WordMemory memory;
  memory.words = {{0x1'0000, 0x3'0003}, {0x3'0000, 0x4'0003}, {0x4'0000, 0x8000'0343}};
  Stage1 regime = two_halves();
  Walk walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault == FaultKind::AccessFlag);
  CHECK(walk.level == 3);
  CHECK(walk.access_count == 3);

  regime.access_flag_fault_disabled = true;
  CHECK(walk_stage1(regime, 0, memory).ok);

  regime.output_bits = 31;
  walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault == FaultKind::AddressSize);
  CHECK(walk.level == 3);

  memory.aborting = {0x3'0000};
  walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault == FaultKind::ExternalWalk);
  CHECK(walk.level == 2);
  CHECK(walk.access_count == 2);

  regime.big_endian = true;  // 0x30003 read so has bit 0 clear
  walk = walk_stage1(regime, 0, memory);
  CHECK(walk.fault == FaultKind::Translation);
  CHECK(walk.level == 1);
}

TEST_CASE("permissions: what the pseudocode's EL1&0 regime allows") {
  const auto allowed = [](Permissions permissions, bool privileged, char kind, bool wxn = false) {
    return permitted(
        permissions,
        {.address = 0, .write = kind == 'w', .privileged = privileged, .instruction = kind == 'x'}, wxn);
  };
  const Permissions el1_rw{};
  CHECK(allowed(el1_rw, true, 'r'));
  CHECK(allowed(el1_rw, true, 'w'));
  CHECK(allowed(el1_rw, true, 'x'));
  CHECK_FALSE(allowed(el1_rw, true, 'x', true));
  CHECK_FALSE(allowed(el1_rw, false, 'r'));
  CHECK_FALSE(allowed(el1_rw, false, 'w'));
  CHECK(allowed(el1_rw, false, 'x'));  // execute-only: fetches look at UXN alone
  const Permissions all_rw{.unprivileged = true};
  CHECK(allowed(all_rw, false, 'w'));
  CHECK_FALSE(allowed(all_rw, true, 'x'));  // writable by EL0
  CHECK(allowed(all_rw, false, 'x'));
  CHECK_FALSE(allowed(all_rw, false, 'x', true));
  const Permissions all_ro{.unprivileged = true, .read_only = true};
  CHECK(allowed(all_ro, false, 'r'));
  CHECK_FALSE(allowed(all_ro, false, 'w'));
  CHECK_FALSE(allowed(all_ro, true, 'w'));
  CHECK(allowed(all_ro, true, 'x', true));
  CHECK_FALSE(allowed({.read_only = true, .pxn = true}, true, 'x'));
  CHECK_FALSE(allowed({.read_only = true, .uxn = true}, false, 'x'));
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
