// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "iommu/smmuv3/stream_table.h"
#include "tests/support/structure_memory.h"

namespace sidewinder::test {
namespace {

using arch::FaultKind;
using smmuv3::Config;
using smmuv3::SecurityState;

constexpr std::uint32_t two_level = 0x1'0000;

struct Bench {
  Config config;
  smmuv3::StreamTable table;
  StructureMemory memory;
  arch::AccessLog log;

  void registers(std::uint64_t base, std::uint32_t format) {
    table.base.raw = base;
    table.format.raw = format;
  }

  void ste(std::uint64_t address, std::uint64_t mark) { memory.put(address, {mark, 1, 2, 3, 4, 5, 6, 7}); }

  smmuv3::SteLookup find(std::uint32_t stream_id) {
    memory.reads.clear();
    log.clear();
    return find_ste(table, config, stream_id, memory, log);
  }

  void check_found(std::uint32_t stream_id, std::uint64_t mark) {
    INFO("StreamID " << stream_id);
    const auto lookup = find(stream_id);
    REQUIRE(lookup.ok);
    CHECK(lookup.ste.words == std::array<std::uint64_t, 8>{mark, 1, 2, 3, 4, 5, 6, 7});
  }

  void check_bad(std::uint32_t stream_id) {
    INFO("StreamID " << stream_id);
    const auto lookup = find(stream_id);
    CHECK_FALSE(lookup.ok);
    CHECK(lookup.fault.kind == FaultKind::BadStreamId);
  }

  void check_fetch_fault(std::uint32_t stream_id, std::uint64_t address) {
    const auto lookup = find(stream_id);
    CHECK_FALSE(lookup.ok);
    CHECK(lookup.fault.kind == FaultKind::SteFetch);
    CHECK(lookup.fault.fetch_address == address);
  }
};

}  // namespace

TEST_CASE("IHI 0070 §3.3.1.1: a linear Stream table is an array that the StreamID indexes") {
  Bench bench;
  bench.registers(0x8000'0000, 4);
  bench.ste(0x8000'0000, 0x100);
  bench.ste(0x8000'0040, 0x101);
  bench.ste(0x8000'03c0, 0x115);
  bench.check_found(0, 0x100);
  bench.check_found(1, 0x101);
  bench.check_found(15, 0x115);
  CHECK(bench.memory.reads.size() == 8);
  CHECK(bench.memory.reads.front().address == 0x8000'03c0);
  CHECK(bench.memory.reads.back().address == 0x8000'03f8);
  bench.check_bad(16);
  bench.check_bad(0xffff'ffff);
  CHECK(bench.memory.reads.empty());
}

TEST_CASE("IHI 0070 §6.3.25: the table is no longer than the SMMU's StreamIDs, of either state") {
  Bench bench;
  bench.registers(0x8000'0000, 10);
  bench.config.stream_id_bits = 3;
  bench.config.secure_stream_id_bits = 5;
  bench.ste(0x8000'01c0, 0x7);
  bench.check_found(7, 0x7);
  bench.check_bad(8);

  bench.table.state = SecurityState::Secure;
  bench.memory.put(0x8000'07c0, {0x1f, 1, 2, 3, 4, 5, 6, 7}, true);
  bench.check_found(31, 0x1f);
  bench.check_bad(32);
}

TEST_CASE("IHI 0070 §6.3.25: a table of 2^0 has one StreamID, one of 2^32 all of them") {
  Bench bench;
  bench.registers(0x40, 0);
  bench.ste(0x40, 0x99);
  bench.check_found(0, 0x99);
  bench.check_bad(1);

  bench.config.stream_id_bits = 32;
  bench.registers(0x40'0000'0000, 32);
  bench.ste(0x7f'ffff'ffc0, 0x77);
  bench.check_found(0xffff'ffff, 0x77);
}

TEST_CASE("IHI 0070 §6.3.24: a linear table is aligned to its size as LOG2SIZE has it") {
  Bench bench;
  bench.config.stream_id_bits = 2;
  bench.registers(0x1'ffff'ffc0, 8);  // 16 KiB, of which four STEs can be reached
  bench.ste(0x1'ffff'c040, 0x1);
  bench.check_found(1, 0x1);
  bench.registers(0x1'ffff'ffc0, 7);
  bench.ste(0x1'ffff'e040, 0x2);
  bench.check_found(1, 0x2);
  for (const std::uint32_t log2size : {57U, 58U, 63U}) {
    bench.registers(0xff'ffff'ffff'ffc0, log2size);
    bench.ste(0x40, 0x3);
    bench.check_found(1, 0x3);
  }
}

TEST_CASE("IHI 0070 §6.3.24: bits of STRTAB_BASE outside ADDR are no part of the address") {
  Bench bench;
  bench.registers(0xff00'0000'8000'003f, 4);
  bench.ste(0x8000'0040, 0x1);
  bench.check_found(1, 0x1);
}

TEST_CASE("IHI 0070 §3.3.1.2: a two-level Stream table, the specification's example") {
  Bench bench;
  bench.registers(0x9000, two_level | 8 << 6 | 10);
  bench.memory.words[0x9000] = 0x1'0000 | 9;
  bench.memory.words[0x9008] = 0x2'2f20 | 3;
  bench.memory.words[0x9010] = 0;
  bench.memory.words[0x9018] = 0x4'0000 | 1;
  bench.ste(0x1'0000, 0);
  bench.ste(0x1'3fc0, 255);
  bench.ste(0x2'2fc0, 259);
  bench.ste(0x4'0000, 768);
  bench.check_found(0, 0);
  bench.check_found(255, 255);
  bench.check_found(259, 259);
  bench.check_bad(260);
  bench.check_bad(511);
  bench.check_bad(512);
  bench.check_bad(767);
  bench.check_found(768, 768);
  bench.check_bad(769);
  bench.check_bad(1024);
}

TEST_CASE("IHI 0070 §6.3.25: SPLIT is 6, 8 or 10, and 6 for every other value") {
  for (std::uint32_t split = 0; split < 32; ++split) {
    const std::uint32_t effective = split == 8 || split == 10 ? split : 6;
    Bench bench;
    bench.registers(0x10'0000, two_level | split << 6 | 12);
    const std::uint32_t stream_id = (1U << effective) + 3;
    bench.memory.words[0x10'0008] = 0x20'0000 | (effective + 1);
    bench.ste(0x20'00c0, split);
    bench.check_found(stream_id, split);
    CHECK(bench.memory.reads.front().address == 0x10'0008);
  }
}

TEST_CASE("IHI 0070 §6.3.25: FMT chooses two levels by 0b01 alone, and where the SMMU has them") {
  Bench bench;
  bench.memory.words[0x10'0000] = 0x20'0000 | 7;
  bench.ste(0x20'0040, 0x2);
  bench.ste(0x10'0040, 0x1);
  for (const std::uint32_t format : {0U, 2U, 3U}) {
    bench.registers(0x10'0000, format << 16 | 6 << 6 | 6);
    bench.check_found(1, 0x1);
  }
  bench.registers(0x10'0000, two_level | 6 << 6 | 6);
  bench.check_found(1, 0x2);
  bench.config.two_level_stream_table = false;
  bench.config.stream_id_bits = 6;
  bench.check_found(1, 0x1);
}

TEST_CASE("IHI 0070 §5.1, §7.3.3: an L1STD's Span is at most 11, and at most SPLIT + 1") {
  for (const std::uint32_t split : {6U, 8U, 10U})
    for (std::uint32_t span = 0; span < 32; ++span) {
      Bench bench;
      bench.registers(0x10'0000, two_level | split << 6 | 16);
      bench.memory.words[0x10'0000] = 0x20'0000 | span;
      bench.ste(0x20'0000, span);
      INFO("SPLIT " << split << ", Span " << span);
      const bool valid = span >= 1 && span <= split + 1;
      CHECK(bench.find(0).ok == valid);
      if (!valid) {
        bench.check_bad(0);
        continue;
      }
      const std::uint32_t last = (1U << (span - 1)) - 1;
      CHECK(bench.find(last).ok);
      CHECK(bench.memory.reads.back().address == 0x20'0038 + last * std::uint64_t{64});
      if (span <= split) bench.check_bad(last + 1);
    }
}

TEST_CASE("IHI 0070 §5.1: a level 2 array is aligned to its own size") {
  Bench bench;
  bench.registers(0x10'0000, two_level | 8 << 6 | 16);
  bench.memory.words[0x10'0000] = 0x00ff'ffff'ffc0 | 9;
  bench.ste(0xff'ffff'c040, 0x1);
  bench.check_found(1, 0x1);
  bench.memory.words[0x10'0000] = 0x00ff'ffff'ffc0 | 1;
  bench.ste(0xff'ffff'ffc0, 0x2);
  bench.check_found(0, 0x2);
  bench.memory.words[0x10'0000] = 0xff00'0000'0020'0020 | 1;  // RES0 bits above and below L2Ptr
  bench.ste(0x20'0000, 0x3);
  bench.check_found(0, 0x3);
}

TEST_CASE("IHI 0070 §6.3.24: a level 1 table is aligned to its size, or 64 bytes") {
  Bench bench;
  bench.ste(0x20'0000, 0x1);
  bench.registers(0x1f'ffc0, two_level | 8 << 6 | 16);  // 2 KiB
  bench.memory.words[0x1f'f818] = 0x20'0000 | 9;
  bench.check_found(0x300, 0x1);
  bench.registers(0x1f'ffc0, two_level | 8 << 6 | 12);  // 128 bytes
  bench.memory.words[0x1f'ff98] = 0x20'0000 | 9;
  bench.check_found(0x300, 0x1);
  for (const std::uint32_t log2size : {11U, 10U, 8U, 6U}) {  // 64 bytes and less
    bench.registers(0x1f'ffc0, two_level | 8 << 6 | log2size);
    bench.memory.words[0x1f'ffc0] = 0x20'0000 | 9;
    bench.check_found(0, 0x1);
    CHECK(bench.memory.reads.front().address == 0x1f'ffc0);
  }
  bench.registers(0x1f'ffc0, two_level | 5 << 6 | 10);  // a reserved SPLIT counts as 6: 128 bytes
  bench.memory.words[0x1f'ff88] = 0x20'0000 | 7;
  bench.check_found(0x40, 0x1);
}

TEST_CASE("IHI 0070 §7.3.4: an external abort is an F_STE_FETCH with the structure's address") {
  Bench bench;
  bench.registers(0x10'0000, two_level | 6 << 6 | 16);
  bench.memory.words[0x10'0008] = 0x20'0000 | 7;
  for (std::uint64_t word = 0; word < 8; ++word) {
    bench.memory.aborts = {0x20'0040 + 8 * word};
    bench.check_fetch_fault(65, 0x20'0040);
  }
  bench.memory.aborts = {0x10'0008};
  bench.check_fetch_fault(65, 0x10'0008);
  bench.memory.aborts = {0x20'0038, 0x20'0080, 0x10'0000};
  CHECK(bench.find(65).ok);
}

TEST_CASE("IHI 0070 §3.4.3: an STE beyond the OAS is an F_STE_FETCH, and is not read") {
  Bench bench;
  bench.config.output_bits = 36;
  bench.registers(0x10'0000'0000, 4);
  bench.check_fetch_fault(3, 0x10'0000'00c0);
  CHECK(bench.memory.reads.empty());
  bench.registers(0xf'ffff'fc00, 4);
  CHECK(bench.find(15).ok);

  bench.registers(0x10'0000'0000, two_level | 6 << 6 | 16);
  bench.check_fetch_fault(65, 0x10'0000'0008);
  CHECK(bench.memory.reads.empty());
  bench.registers(0x10'0000, two_level | 6 << 6 | 16);
  bench.memory.words[0x10'0008] = 0x80'0010'0000'0000 | 7;
  bench.check_fetch_fault(66, 0x80'0010'0000'0080);
  CHECK(bench.memory.reads.size() == 1);
  bench.memory.words[0x10'0008] = 0xf'ffff'f000 | 7;
  CHECK(bench.find(127).ok);
}

TEST_CASE("IHI 0070 §3.10.2.1: the Secure Stream table is in Secure memory") {
  Bench bench;
  bench.config.secure = true;
  bench.registers(0x10'0000, two_level | 6 << 6 | 16);
  bench.memory.words[0x10'0000] = 0x20'0000 | 7;
  bench.memory.secure_words[0x10'0000] = 0x30'0000 | 7;
  bench.ste(0x20'0000, 0x1);
  bench.ste(0x30'0000, 0x2);
  bench.memory.put(0x30'0000, {0x3, 1, 2, 3, 4, 5, 6, 7}, true);
  bench.check_found(0, 0x1);
  for (const auto& read : bench.memory.reads) CHECK_FALSE(read.secure);
  bench.table.state = SecurityState::Secure;
  bench.check_found(0, 0x3);
  for (const auto& read : bench.memory.reads) CHECK(read.secure);
}

TEST_CASE("IHI 0070 §6.3.11: CR1.TABLE_* and STRTAB_BASE.RA are the attributes of all its reads") {
  using arch::Cacheability;
  using arch::Shareability;
  Bench bench;
  bench.registers(0x4000'0000'0010'0000, two_level | 6 << 6 | 16);
  bench.memory.words[0x10'0000] = 0x20'0000 | 7;
  bench.table.cr1.raw = 0xe40;  // IC write-back, OC write-through, inner shareable
  CHECK(bench.find(0).ok);
  const arch::MemoryAttributes expected{arch::MemoryType::Normal,
                                        {Cacheability::WriteBack, true, false, false},
                                        {Cacheability::WriteThrough, true, false, false},
                                        Shareability::InnerShareable};
  CHECK(bench.memory.reads.size() == 9);
  for (const auto& read : bench.memory.reads) CHECK(read.attributes == expected);

  struct Case {
    std::uint32_t cr1;
    Cacheability inner, outer;
    Shareability shareability;
  };
  const auto none = Cacheability::NonCacheable;
  const auto back = Cacheability::WriteBack;
  for (const auto& c :
       {Case{0x000, none, none, Shareability::OuterShareable},  // not cached: always so
        Case{0xc00, none, none, Shareability::OuterShareable},
        Case{0xfc0, none, none, Shareability::OuterShareable},  // 0b11 is Non-cacheable
        Case{0x140, back, back, Shareability::NonShareable},
        Case{0x540, back, back, Shareability::NonShareable},  // 0b01 is reserved
        Case{0x940, back, back, Shareability::OuterShareable},
        Case{0xd00, none, back, Shareability::InnerShareable},
        Case{0xcc0 | 0x3f, none, none, Shareability::OuterShareable},  // the queues' do not count
        Case{0xc80, Cacheability::WriteThrough, none, Shareability::InnerShareable}}) {
    INFO("CR1 " << std::hex << c.cr1);
    bench.table.cr1.raw = c.cr1;
    bench.table.base.raw = 0;
    const auto attributes = stream_table_attributes(bench.table);
    CHECK(attributes.type == arch::MemoryType::Normal);
    CHECK(attributes.inner == arch::CachePolicy{c.inner, false, false, false});
    CHECK(attributes.outer == arch::CachePolicy{c.outer, false, false, false});
    CHECK(attributes.shareability == c.shareability);
  }
}

}  // namespace sidewinder::test
