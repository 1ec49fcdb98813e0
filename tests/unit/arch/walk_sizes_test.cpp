// SPDX-License-Identifier: Apache-2.0
//
// Sizes of input, output, tables and blocks: start levels, concatenation, small tables, 52-bit addresses,
// contiguous runs (DDI 0487 D8.2, D8.3, D8.7).

#include <catch2/catch.hpp>

#include "iommu/arch/walk.h"
#include "tests/support/stage_tables.h"
#include "tests/support/tables.h"

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Granule;
using test::StageTables;
using test::WordMemory;

constexpr std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

Granule granule_of(unsigned page_bits) {
  return static_cast<Granule>(page_bits);
}

struct Walked : Outcome {
  AccessLog log;
};

Walked walk1(const Stage1& regime, std::uint64_t address, WordMemory& memory) {
  Walked walked;
  static_cast<Outcome&>(walked) = translate(&regime, nullptr, {.address = address, .privileged = true}, false,
                                            {.memory = &memory, .log = &walked.log});
  return walked;
}

Walked walk2(const Stage2& regime, std::uint64_t address, WordMemory& memory) {
  Walked walked;
  static_cast<Outcome&>(walked) = translate(nullptr, &regime, {.address = address, .privileged = true}, false,
                                            {.memory = &memory, .log = &walked.log});
  return walked;
}

Stage1 stage1(unsigned page_bits, unsigned input_bits, std::uint64_t root) {
  Stage1 regime;
  regime.ttb[0] = {
      .base = root, .tsz = static_cast<std::uint8_t>(64 - input_bits), .granule = granule_of(page_bits)};
  regime.ttb[1].walk_disabled = true;
  regime.min_tsz = 12;
  regime.max_tsz = 48;
  return regime;
}

Stage2 stage2(unsigned page_bits, unsigned input_bits, int start_level, std::uint64_t root) {
  Stage2 regime;
  regime.non_secure_ipa = {.base = root,
                           .tsz = static_cast<std::uint8_t>(64 - input_bits),
                           .start_level = static_cast<std::int8_t>(start_level),
                           .granule = granule_of(page_bits)};
  return regime;
}

std::uint64_t output_of(const Outcome& outcome, std::uint64_t address) {
  return outcome.mapping.output | (address & layout::low_bits(outcome.mapping.size_shift));
}

}  // namespace

TEST_CASE("stage 1: every size of input from one level to five starts where DDI 0487 D8.2 says") {
  struct Case {
    unsigned page_bits, input_bits;
    int start_level;
    bool lpa2 = false;
  };
  // Tables D8-18 to D8-22 ("implications of the effective minimum"): the first and last size of each level.
  const Case cases[] = {{12, 52, -1, true}, {12, 49, -1, true}, {12, 48, 0, true}, {12, 48, 0}, {12, 40, 0},
                        {12, 39, 1},        {12, 31, 1},        {12, 30, 2},       {12, 22, 2}, {12, 21, 3},
                        {12, 16, 3},        {14, 52, 0, true},  {14, 48, 0, true}, {14, 48, 0}, {14, 47, 1},
                        {14, 37, 1},        {14, 36, 2},        {14, 26, 2},       {14, 25, 3}, {14, 16, 3},
                        {16, 52, 1},        {16, 43, 1},        {16, 42, 2},       {16, 30, 2}, {16, 29, 3},
                        {16, 17, 3}};
  for (const Case& c : cases) {
    INFO("page bits " << c.page_bits << " input bits " << c.input_bits);
    for (const std::uint64_t address : {std::uint64_t{0}, bit(c.input_bits) - 1, bit(c.input_bits - 1)}) {
      WordMemory memory;
      StageTables tables(memory.words, c.page_bits, c.input_bits, c.start_level, 0x10'0000, 0x20'0000);
      tables.at(address, 3) = 0x8000'0403 | bit(c.page_bits == 12 ? 12 : 16);
      Stage1 regime = stage1(c.page_bits, c.input_bits, 0x10'0000);
      regime.lpa2 = c.lpa2;
      const Walked walk = walk1(regime, address, memory);
      REQUIRE(walk.ok);
      REQUIRE(walk.log.kept().size() == static_cast<std::size_t>(4 - c.start_level));
      int level = c.start_level;
      for (const WalkAccess& access : walk.log.kept()) {
        CHECK(access.level == level);
        CHECK(access.purpose == AccessPurpose::Stage1Table);
        CHECK_FALSE(access.write);
        CHECK(access.address == tables.slot(address, level++));
      }
      CHECK(walk.mapping.output == (0x8000'0000 | bit(c.page_bits == 12 ? 12 : 16)));
      const Walked outside = walk1(regime, bit(c.input_bits), memory);
      CHECK_FALSE(outside.ok);
      CHECK(outside.fault.kind == FaultKind::Translation);
      CHECK(outside.fault.level == 0);
      CHECK(outside.log.kept().empty());
    }
  }
}

TEST_CASE("stage 1: sizes that no table can resolve, or that the regime excludes, map nothing") {
  WordMemory memory;
  for (const unsigned page_bits : {12U, 14U, 16U}) {
    for (unsigned tsz = 0; tsz < 64; ++tsz) {
      Stage1 regime = stage1(page_bits, 48, 0x10'0000);
      regime.ttb[0].tsz = static_cast<std::uint8_t>(tsz);
      memory.reads.clear();
      const Walked walk = walk1(regime, 0, memory);
      INFO("page bits " << page_bits << " TSZ " << tsz);
      CHECK_FALSE(walk.ok);
      CHECK(walk.fault.kind == FaultKind::Translation);
      CHECK(memory.reads.empty() == (tsz < 12 || tsz > 48 || (page_bits == 16 && tsz == 48)));
      regime.min_tsz = 16;
      regime.max_tsz = 39;
      memory.reads.clear();
      CHECK_FALSE(walk1(regime, 0, memory).ok);
      CHECK(memory.reads.empty() == (tsz < 16 || tsz > 39));
    }
  }
}

TEST_CASE("stage 2: start levels, and up to sixteen concatenated tables at the first") {
  struct Case {
    unsigned page_bits, input_bits;
    int start_level;
    bool lpa2 = false;
  };
  // DDI 0487 D8.2.2: n more bits of input make 2^n tables, 16 at most.
  const Case cases[] = {{12, 52, -1, true}, {12, 52, 0, true}, {12, 48, 0}, {12, 43, 1}, {12, 40, 1},
                        {12, 39, 1},        {12, 34, 2},       {12, 30, 2}, {12, 25, 3}, {14, 52, 1, true},
                        {14, 48, 1},        {14, 40, 2},       {14, 36, 2}, {14, 29, 3}, {16, 52, 1},
                        {16, 46, 2},        {16, 42, 2},       {16, 33, 3}, {16, 29, 3}};
  for (const Case& c : cases) {
    INFO("page bits " << c.page_bits << " input bits " << c.input_bits << " start " << c.start_level);
    for (const std::uint64_t ipa : {std::uint64_t{0}, bit(c.input_bits) - 1, bit(c.input_bits - 1)}) {
      WordMemory memory;
      StageTables tables(memory.words, c.page_bits, c.input_bits, c.start_level, 0x40'0000, 0x80'0000);
      tables.at(ipa, 3) = 0x8001'07ff;
      Stage2 regime = stage2(c.page_bits, c.input_bits, c.start_level, 0x40'0000);
      regime.lpa2 = c.lpa2;
      if (c.lpa2) regime.output_bits = 52;
      const Walked walk = walk2(regime, ipa, memory);
      REQUIRE(walk.ok);
      CHECK(walk.mapping.output == (c.lpa2 ? 0x000c'0000'8001'0000 : 0x8001'0000));
      CHECK(walk.mapping.ipa == (ipa & ~layout::low_bits(c.page_bits)));
      CHECK(walk.mapping.second.granule == granule_of(c.page_bits));
      REQUIRE(walk.log.kept().size() == static_cast<std::size_t>(4 - c.start_level));
      CHECK(walk.log.kept()[0].level == c.start_level);
      CHECK(walk.log.kept()[0].purpose == AccessPurpose::Stage2Table);
    }
    WordMemory memory;
    const Walked outside =
        walk2(stage2(c.page_bits, c.input_bits, c.start_level, 0x40'0000), bit(c.input_bits), memory);
    CHECK(outside.fault.kind == FaultKind::Translation);
    CHECK(outside.fault.stage == 2);
    CHECK(outside.fault.level == 0);
    CHECK(outside.fault.ipa == bit(c.input_bits));
    CHECK(outside.fault.cls == FaultClass::Input);
    CHECK(memory.reads.empty());
  }
}

TEST_CASE("a start level that cannot resolve the input maps nothing, and reads nothing") {
  WordMemory memory;
  for (const unsigned page_bits : {12U, 14U, 16U})
    for (unsigned tsz = 0; tsz < 64; ++tsz)
      for (int level = -1; level <= 3; ++level) {
        Stage2 regime = stage2(page_bits, 40, level, 0);
        regime.non_secure_ipa.tsz = static_cast<std::uint8_t>(tsz);
        const Walked walk = walk2(regime, 0, memory);
        REQUIRE_FALSE(walk.ok);
        REQUIRE(walk.fault.kind == FaultKind::Translation);
        const unsigned root_bits = page_bits + static_cast<unsigned>(3 - level) * (page_bits - 3);
        REQUIRE(walk.log.kept().empty() == (root_bits >= 64 - tsz));
      }
}

TEST_CASE("the first table is aligned to its size, and to 64 bytes at least where the output has 52 bits") {
  WordMemory memory;
  // 4 KiB, 25 bits: level 2 with 16 entries, 128 bytes. The low bits of the base are ignored.
  memory.words[0x1'0000 + 8 * 15] = 0x8000'0401;
  CHECK(walk1(stage1(12, 25, 0x1'007f), 0x1ff'ffff, memory).mapping.output == 0x8000'0000);
  CHECK_FALSE(walk1(stage1(12, 25, 0x1'0080), 0x1ff'ffff, memory).ok);
  // 64 KiB, 18 bits: level 3 with 4 entries, 32 bytes.
  memory.words[0x2'0020] = 0x9000'0403;
  memory.words[0x2'0000] = 0xa000'0403;
  Stage1 regime = stage1(16, 18, 0x2'0020);
  CHECK(walk1(regime, 0, memory).mapping.output == 0x9000'0000);
  regime.output_bits = 52;
  CHECK(walk1(regime, 0, memory).mapping.output == 0xa000'0000);
  // Stage 2: two concatenated tables of 4 KiB; and 8 bytes to 64.
  memory.words[0x4'1ff8] = 0xc000'04fd;
  CHECK(walk2(stage2(12, 40, 1, 0x4'1000), 0xff'ffff'ffff, memory).mapping.output == 0xc000'0000);
  memory.words[0x5'0030] = 0xb000'04ff;
  memory.words[0x5'0000] = 0xd000'04ff;
  Stage2 small = stage2(14, 15, 3, 0x5'0030);
  CHECK(walk2(small, 0, memory).mapping.output == 0xb000'0000);
  small.output_bits = 52;
  CHECK(walk2(small, 0, memory).mapping.output == 0xd000'0000);
}

TEST_CASE("64 KiB with LPA: bits 15:12 of a descriptor are address bits 51:48, in tables and leaves") {
  WordMemory memory;
  memory.words[0x1'0000] = 0x0000'0000'1235'a003;            // level 1: the table at 0xa'0000'1235'0000
  memory.words[0xa'0000'1235'0000] = 0x0000'0000'4567'7003;  // level 2: at 0x7'0000'4567'0000
  memory.words[0x7'0000'4567'0000] = 0x0000'0000'89ab'f403;  // level 3: page 0xf'0000'89ab'0000
  Stage1 regime = stage1(16, 52, 0x1'0000);
  regime.output_bits = 52;
  regime.lpa = true;
  const Walked walk = walk1(regime, 0x1234, memory);
  REQUIRE(walk.ok);
  CHECK(output_of(walk, 0x1234) == 0xf'0000'89ab'1234);
  CHECK(walk.mapping.first.shareability == 0);

  // With a smaller IPS they make the address too big (IHI 0070 §5.4); a part without LPA ignores them.
  regime.output_bits = 48;
  const Walked too_big = walk1(regime, 0, memory);
  CHECK(too_big.fault.kind == FaultKind::AddressSize);
  CHECK(too_big.fault.level == 1);
  regime.lpa = false;
  memory.words[0x1235'0000] = 0x4567'7003;
  memory.words[0x4567'0000] = 0x89ab'f403;
  CHECK(walk1(regime, 0, memory).mapping.output == 0x89ab'0000);

  Stage2 second = stage2(16, 52, 1, 0x1'0000);
  second.output_bits = 52;
  second.lpa = true;
  memory.words[0x7'0000'4567'0000] |= 0xc0;
  CHECK(walk2(second, 0, memory).mapping.output == 0xf'0000'89ab'0000);
  second.output_bits = 51;
  CHECK(walk2(second, 0, memory).fault.kind == FaultKind::AddressSize);
}

TEST_CASE("4 and 16 KiB with LPA2: bits 9:8 are address bits 51:50, and shareability is the table's") {
  for (const unsigned page_bits : {12U, 14U}) {
    INFO("page bits " << page_bits);
    WordMemory memory;
    memory.words[0x1'0000] = 0x0001'0000'1234'c203;               // address bits 51, 48
    memory.words[0x0009'0000'1234'c000] = 0x0002'0000'5678'4103;  // 50, 49
    memory.words[0x0006'0000'5678'4000] = 0x0003'0000'9abc'c703;  // 51:48
    const unsigned input_bits = page_bits == 12 ? 39 : 47;
    Stage1 regime = stage1(page_bits, input_bits, 0x1'0000);
    regime.output_bits = 52;
    regime.lpa2 = true;
    regime.ttb[0].shareability = 2;
    const Walked walk = walk1(regime, 0x123, memory);
    REQUIRE(walk.ok);
    CHECK(output_of(walk, 0x123) == 0x000f'0000'9abc'c123);
    CHECK(walk.mapping.first.shareability == 2);

    memory.words[0x0006'0000'5678'4000] |= 0xc0;
    Stage2 second = stage2(page_bits, input_bits, 1, 0x1'0000);
    second.output_bits = 52;
    second.lpa2 = true;
    second.shareability = 2;
    const Walked mapped = walk2(second, 0x123, memory);
    REQUIRE(mapped.ok);
    CHECK(output_of(mapped, 0x123) == 0x000f'0000'9abc'c123);
    CHECK(mapped.mapping.second.shareability == 2);

    // Without DS the same words are 48-bit addresses with SH of their own.
    regime.lpa2 = false;
    memory.words[0x1234'c000] = 0x0002'0000'5678'4103;
    memory.words[0x5678'4000] = 0x0003'0000'9abc'c703;
    const Walked plain = walk1(regime, 0x123, memory);
    REQUIRE(plain.ok);
    CHECK(output_of(plain, 0x123) == 0x9abc'c123);
    CHECK(plain.mapping.first.shareability == 3);
  }
}

TEST_CASE("DS says nothing of the 64 KiB granule, and LPA nothing of the others") {
  WordMemory memory;
  memory.words[0x1'0000] = 0x0000'0000'8001'0703;
  Stage1 regime = stage1(16, 29, 0x1'0000);
  regime.lpa2 = true;
  regime.ttb[0].shareability = 1;
  CHECK(walk1(regime, 0, memory).mapping.output == 0x8001'0000);
  CHECK(walk1(regime, 0, memory).mapping.first.shareability == 3);
  regime = stage1(12, 21, 0x1'0000);
  regime.lpa = true;
  memory.words[0x1'0000] = 0x0000'0000'8001'f403;
  CHECK(walk1(regime, 0, memory).mapping.output == 0x8001'f000);
}

TEST_CASE("blocks: which levels have them, with and without 52-bit addresses") {
  struct Case {
    unsigned page_bits;
    int level;
    bool plain, large;
  };
  const Case cases[] = {{12, -1, false, false}, {12, 0, false, true},  {12, 1, true, true},
                        {12, 2, true, true},    {12, 3, false, false}, {14, 0, false, false},
                        {14, 1, false, true},   {14, 2, true, true},   {14, 3, false, false},
                        {16, 1, false, true},   {16, 2, true, true},   {16, 3, false, false}};
  for (const Case& c : cases) {
    for (const bool large : {false, true}) {
      INFO("page bits " << c.page_bits << " level " << c.level << " large " << large);
      WordMemory memory;
      const unsigned shift = c.page_bits + static_cast<unsigned>(3 - c.level) * (c.page_bits - 3);
      StageTables tables(memory.words, c.page_bits, 52,
                         c.page_bits == 12   ? -1
                         : c.page_bits == 14 ? 0
                                             : 1,
                         0x10'0000, 0x20'0000);
      const std::uint64_t block = shift < 48 ? bit(shift) : 0;
      tables.at(0x123'4567, c.level) =
          block | 0x4fd;  // below the block's size the address is RES0, here and there not 0
      Stage1 regime = stage1(c.page_bits, 52, 0x10'0000);
      regime.output_bits = 52;
      regime.lpa = regime.lpa2 = large;
      Stage2 second = stage2(c.page_bits, 52, c.page_bits == 12 ? -1 : c.page_bits == 14 ? 0 : 1, 0x10'0000);
      second.output_bits = 52;
      second.lpa = second.lpa2 = large;
      const Walked below = walk2(second, 0x123'4567, memory);
      CHECK(below.ok == (large ? c.large : c.plain));
      if (!below.ok) CHECK(below.fault.level == std::max(c.level, 0));
      const Walked walk = walk1(regime, 0x123'4567, memory);
      REQUIRE(walk.ok == (large ? c.large : c.plain));
      if (walk.ok) {
        CHECK(walk.mapping.size_shift == shift);
        CHECK(walk.mapping.first.level == c.level);
        CHECK(output_of(walk, 0x123'4567) == (block | (0x123'4567 & layout::low_bits(shift))));
      } else {
        CHECK(walk.fault.kind == FaultKind::Translation);
        CHECK(walk.fault.level == std::max(c.level, 0));  // level -1 counts as 0
      }
    }
  }
}

TEST_CASE("output sizes: tables and leaves beyond IPS or PS are Address Size faults at their level") {
  for (const unsigned bits : {32U, 36U, 40U, 42U, 44U}) {
    INFO("output bits " << bits);
    WordMemory memory;
    StageTables tables(memory.words, 12, 48, 0, 0x10'0000, 0x20'0000);
    tables.at(0, 3) = (bit(bits) - 0x1000) | 0x4c3;
    Stage1 first = stage1(12, 48, 0x10'0000);
    Stage2 second = stage2(12, 48, 0, 0x10'0000);
    first.output_bits = second.output_bits = static_cast<std::uint8_t>(bits);
    CHECK(walk1(first, 0, memory).ok);
    CHECK(walk2(second, 0, memory).ok);
    for (int level = 0; level <= 3; ++level) {
      for (const std::uint64_t high : {bit(bits), bit(47)}) {
        std::uint64_t& word = tables.at(0, level);
        word |= high;
        for (const Walked& walk : {walk1(first, 0, memory), walk2(second, 0, memory)}) {
          CHECK(walk.fault.kind == FaultKind::AddressSize);
          CHECK(walk.fault.level == level);
          CHECK_FALSE(walk.mapped);
          CHECK(walk.log.kept().size() == static_cast<std::size_t>(level + 1));
        }
        word &= ~high;
      }
    }
    first.ttb[0].base |= bit(bits);  // an SMMUv2's; an SMMUv3's CD would be invalid
    CHECK(walk1(first, 0, memory).fault.kind == FaultKind::AddressSize);
    CHECK(walk1(first, 0, memory).fault.level == 0);
    CHECK(walk1(first, 0, memory).log.kept().empty());
  }
}

TEST_CASE("contiguous runs: where the hint counts, and where the pages are mapped by themselves") {
  struct Case {
    unsigned page_bits;
    int level;
    unsigned run_bits;  // beyond the single size
  };
  const Case cases[] = {{12, 3, 4}, {12, 2, 4}, {12, 1, 4}, {12, 0, 0}, {14, 3, 7},
                        {14, 2, 5}, {14, 1, 0}, {16, 3, 5}, {16, 2, 5}, {16, 1, 0}};
  for (const Case& c : cases) {
    INFO("page bits " << c.page_bits << " level " << c.level);
    const unsigned shift = c.page_bits + static_cast<unsigned>(3 - c.level) * (c.page_bits - 3);
    const std::uint64_t single = bit(shift), run = single << c.run_bits;
    const int start = c.page_bits == 12 ? -1 : c.page_bits == 14 ? 0 : 1;
    // The third of the run, at the second run of the input: input and output alike in the run.
    const std::uint64_t address = run + (c.run_bits == 0 ? 0 : 2 * single) + 0x123;
    const std::uint64_t output = (c.run_bits == 0 ? run : run * 2 + 2 * single) & layout::low_bits(48);
    WordMemory memory;
    StageTables tables(memory.words, c.page_bits, 52, start, 0x10'0000, 0x20'0000);
    tables.at(address, c.level) = output | bit(52) | (c.level == 3 ? 0x4c3 : 0x4c1);
    Stage1 first = stage1(c.page_bits, 52, 0x10'0000);
    first.output_bits = 52;
    first.lpa = first.lpa2 = true;
    Stage2 second = stage2(c.page_bits, 52, start, 0x10'0000);
    second.output_bits = 52;
    second.lpa = second.lpa2 = true;
    const auto sizes = [&](unsigned expected) {
      const Walked one = walk1(first, address, memory), two = walk2(second, address, memory);
      REQUIRE(one.ok);
      REQUIRE(two.ok);
      CHECK(one.mapping.size_shift == expected);
      CHECK(two.mapping.size_shift == expected);
      const std::uint64_t word =
          tables.at(address, c.level) & layout::low_bits(48) & ~layout::low_bits(shift);
      CHECK(output_of(one, address) == (word | 0x123));
      CHECK(output_of(two, address) == (word | 0x123));
      CHECK(one.mapping.output % bit(expected) == 0);
      CHECK(two.mapping.ipa == (address & ~layout::low_bits(expected)));
    };
    sizes(shift + c.run_bits);
    first.contiguous_hint = second.contiguous_hint = false;
    sizes(shift);
    first.contiguous_hint = second.contiguous_hint = true;
    first.update.access_flag = second.update.access_flag = true;
    sizes(shift);
    first.update = second.update = {};
    tables.at(address, c.level) ^= bit(52);
    sizes(shift);
    if (c.run_bits == 0) continue;
    tables.at(address, c.level) ^= bit(52) | single;  // not where the run has it
    sizes(shift);
    tables.at(address, c.level) ^= single | (single << (c.run_bits - 1));
    sizes(shift);
  }
  // A run that is longer than the half: 4 KiB, 16 bits, run of 64 KiB fits; of 16 KiB pages 2 MiB does not.
  WordMemory memory;
  memory.words[0x1'0000] = 0x8000'0403 | bit(52);
  CHECK(walk1(stage1(12, 16, 0x1'0000), 0, memory).mapping.size_shift == 16);
  CHECK(walk1(stage1(14, 20, 0x1'0000), 0, memory).mapping.size_shift == 14);
  CHECK(walk1(stage1(14, 21, 0x1'0000), 0, memory).mapping.size_shift == 21);
  memory.words[0x1'0000] |= 0xc0;
  CHECK(walk2(stage2(14, 20, 3, 0x1'0000), 0, memory).mapping.size_shift == 14);
}

}  // namespace sidewinder::arch
