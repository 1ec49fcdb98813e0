// SPDX-License-Identifier: Apache-2.0
//
// The fields of commands, bit for bit, each by what it does (IHI 0070 chapter 4).

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t cd_at = 0x2000'0000, root = 0x3000'0000;
constexpr std::uint64_t page = 0x7'0000'0000, moved = 0x1'0000'0000;
constexpr std::uint64_t page_leaf = 0xf43;
constexpr std::uint64_t nh_va = 0x12, nh_vaa = 0x13;

constexpr std::uint64_t vmid(std::uint64_t value) {
  return value << 32;
}
constexpr std::uint64_t asid(std::uint64_t value) {
  return value << 48;
}

/// Stream 3 with stage 1 of one ASID and VMID.
struct Stage1 : InterfaceBench {
  Tables tables{memory, 12, 39, root};

  explicit Stage1(std::uint64_t its_asid = 1, std::uint64_t its_vmid = 9,
                  const smmuv3::Config& config = full())
      : InterfaceBench(config) {
    set_ste(3, stage1_ste(cd_at).put(128, its_vmid));
    set_cd(cd_at, cd(root, its_asid));
  }

  void map(std::uint64_t va) { tables.at(va, 3) = (page + va) | page_leaf; }
  /// Maps and caches `va`, and then maps it elsewhere.
  void cache(std::uint64_t va) {
    map(va);
    REQUIRE(read(3, va).output == page + va);
    tables.at(va, 3) += moved;
  }
  /// What was cached is not any more.
  bool gone(std::uint64_t va) { return read(3, va).output == page + moved + va; }
};

}  // namespace

TEST_CASE(
    "IHI 0070 §4.4.1.1, NUM and SCALE: a range has (NUM + 1) << SCALE pages of its granule, and no more") {
  struct Case {
    std::uint64_t num, scale, pages;
  };
  for (const Case& c : {Case{0, 1, 2}, Case{2, 1, 6}, Case{1, 0, 2}, Case{4, 0, 5}, Case{8, 0, 9},
                        Case{16, 0, 17}, Case{31, 0, 32}, Case{21, 0, 22}, Case{0, 2, 4}, Case{0, 4, 16},
                        Case{0, 8, 256}, Case{2, 5, 96}, Case{0, 16, 0x1'0000}}) {
    INFO("NUM " << c.num << ", SCALE " << c.scale);
    Stage1 bench;
    constexpr std::uint64_t first = 0x20'0000;
    const std::uint64_t last = first + (c.pages - 1) * 0x1000, next = last + 0x1000;
    for (const std::uint64_t va : {first - 0x1000, first, last, next}) bench.cache(va);
    bench.command(nh_vaa | vmid(9) | c.num << 12 | c.scale << 20, first | 0x400);
    CHECK(bench.r32(0x9c) == 1);
    CHECK(bench.gone(first));
    CHECK(bench.gone(last));
    CHECK_FALSE(bench.gone(next));
    CHECK_FALSE(bench.gone(first - 0x1000));
  }
}

TEST_CASE("IHI 0070 §4.4.1.1, SCALE: it has 6 bits with LPA2, and 5 without") {
  for (const bool ds : {false, true}) {
    smmuv3::Config config = full();
    config.vax = config.ds = ds;
    Stage1 bench(1, 9, config);
    for (const std::uint64_t va : {0x20'0000U, 0x20'1000U, 0x4020'0000U}) bench.cache(va);
    bench.command(nh_vaa | vmid(9) | 1 << 12 | std::uint64_t{32} << 20, 0x20'0400);
    CHECK(bench.gone(0x20'1000));
    CHECK(bench.gone(0x4020'0000) == ds);
  }
}

TEST_CASE("IHI 0070 §4.4.1.1: without RIL neither NUM, SCALE, TG nor TTL means anything") {
  smmuv3::Config config = full();
  config.minor = 1;
  config.range_invalidation = false;
  Stage1 bench(1, 9, config);
  for (const std::uint64_t va : {0x20'0000U, 0x20'1000U}) bench.cache(va);
  bench.command(nh_vaa | vmid(9) | 1 << 12, 0x20'0000 | 0xa00);  // TG 2, TTL 2
  CHECK(bench.gone(0x20'0000));
  CHECK_FALSE(bench.gone(0x20'1000));
}

TEST_CASE("IHI 0070 §4.4.1.1, TG and TTL: only entries of that granule, and leaves of that level") {
  struct Case {
    std::uint64_t tg, ttl;
    bool removes_page, removes_block;
  };
  for (const Case& c : {Case{1, 0, true, true}, Case{1, 3, true, false}, Case{1, 2, false, true},
                        Case{1, 1, false, false}, Case{2, 0, false, false}, Case{2, 3, false, false},
                        Case{3, 0, false, false}, Case{3, 3, false, false}}) {
    INFO("TG " << c.tg << ", TTL " << c.ttl);
    Stage1 bench;
    bench.cache(0x20'0000);
    bench.tables.at(0x40'0000, 2) = page | 0xf41;
    REQUIRE(bench.read(3, 0x40'0000).output == page);
    bench.tables.at(0x40'0000, 2) += moved;
    bench.command(nh_vaa | vmid(9) | 31 << 12 | 5 << 20, 0x20'0000 | c.tg << 10 | c.ttl << 8);
    CHECK(bench.gone(0x20'0000) == c.removes_page);
    CHECK((bench.read(3, 0x40'0000).output == page + moved) == c.removes_block);
  }
}

TEST_CASE("IHI 0070 §4.4.2.3, Leaf: 1 leaves what is known of tables, 0 does not") {
  for (const std::uint64_t leaf : {0U, 1U}) {
    Stage1 bench;
    bench.map(0x20'0000);
    REQUIRE(bench.read(3, 0x20'0000).output == page + 0x20'0000);
    constexpr std::uint64_t other = 0x3800'0000;  // another table of level 3
    bench.memory.words[other] = page | page_leaf;
    bench.tables.at(0x20'0000, 2) = other | 3;
    bench.command(nh_va | vmid(9) | asid(1), 0x20'0000 | leaf);
    CHECK(bench.read(3, 0x20'0000).output == (leaf == 1 ? page + 0x20'0000 : page));
  }
}

TEST_CASE("IHI 0070 §4.4, ASID and VMID: all 16 bits of each") {
  for (unsigned bit = 0; bit < 16; ++bit) {
    INFO("bit " << bit);
    constexpr std::uint64_t its_asid = 0xa5c3, its_vmid = 0x3c5a;
    const std::uint64_t one = std::uint64_t{1} << bit;
    Stage1 bench(its_asid, its_vmid);
    bench.cache(0x1000);
    bench.command(nh_va | vmid(its_vmid ^ one) | asid(its_asid), 0x1000);
    bench.command(nh_va | vmid(its_vmid) | asid(its_asid ^ one), 0x1000);
    CHECK_FALSE(bench.gone(0x1000));
    bench.command(nh_va | vmid(its_vmid) | asid(its_asid), 0x1000);
    CHECK(bench.gone(0x1000));
  }
}

TEST_CASE("IHI 0070 §4.1.6, Address: every bit from 12 on") {
  constexpr std::uint64_t va = 0x25'a5a5'a000;
  for (unsigned bit = 12; bit < 64; ++bit) {
    INFO("bit " << bit);
    Stage1 bench;
    bench.cache(va);
    bench.command(nh_va | vmid(9) | asid(1), va ^ std::uint64_t{1} << bit);
    CHECK_FALSE(bench.gone(va));
    bench.command(nh_va | vmid(9) | asid(1), va | 0xfe);  // bits that are no address and no TG
    CHECK(bench.gone(va));
  }
}

TEST_CASE("IHI 0070 §4.3.3, SubstreamID: all 20 bits of it, and bit 11 below it is none of them") {
  constexpr std::uint64_t substream = 0xa5c3a;
  for (unsigned bit = 0; bit < 20; ++bit) {
    INFO("bit " << bit);
    InterfaceBench bench;
    bench.set_ste(3, stage1_ste(cd_at).put(59, 20));  // S1CDMax, a linear table
    const auto go = [&] {
      return bench.send({.address = 0x1000, .stream_id = 3, .substream_id = substream, .ssv = true}).output;
    };
    bench.set_cd(cd_at + 64 * substream, cd(root));
    Tables(bench.memory, 12, 39, root).at(0x1000, 3) = page | page_leaf;
    Tables(bench.memory, 12, 39, root + 0x10'0000).at(0x1000, 3) = (page + moved) | page_leaf;
    REQUIRE(go() == page);
    bench.set_cd(cd_at + 64 * substream, cd(root + 0x10'0000, 2));
    for (const std::uint64_t below : {0U, 0x800U})
      bench.command(0x05 | below | (substream ^ std::uint64_t{1} << bit) << 12 | std::uint64_t{3} << 32, 1);
    CHECK(go() == page);
    bench.command(0x05 | substream << 12 | std::uint64_t{3} << 32, 1);
    CHECK(go() == page + moved);
  }
}

TEST_CASE("IHI 0070 §4.3, §4.7, StreamID: all 32 bits of it") {
  smmuv3::Config config = full();
  config.stream_id_bits = 32;
  constexpr std::uint32_t stream = 0xa5c3'3c5a;
  for (unsigned bit = 0; bit < 32; ++bit) {
    INFO("bit " << bit);
    InterfaceBench bench(config);
    bench.w32(0x20, 0xc);
    bench.w32(0x88, 32);
    bench.w64(0x80, 0x100'0000'0000);
    bench.w32(0x20, 0xd);
    const auto set = [&](const Structure& made) {
      for (unsigned word = 0; word < 8; ++word)
        bench.memory.words[0x100'0000'0000 + 64 * std::uint64_t{stream} + 8 * word] = made.words[word];
    };
    set(ste(4));
    REQUIRE(bench.read(stream, 0x1000).action == Action::Forward);
    set(Structure{});
    bench.command(0x03 | std::uint64_t{stream ^ 1U << bit} << 32, 1);
    CHECK(bench.read(stream, 0x1000).action == Action::Forward);
    bench.command(0x03 | std::uint64_t{stream} << 32, 1);
    CHECK(bench.read(stream, 0x1000).action == Action::Abort);
    CHECK(bench.event(0)[0] == (std::uint64_t{stream} << 32 | 4));
  }
}

TEST_CASE("IHI 0070 §4.3.2, Range: 2^(Range + 1) streams, from where StreamID with its low bits 0 is") {
  smmuv3::Config config = full();
  config.stream_id_bits = 32;
  for (std::uint64_t range = 0; range < 31; ++range) {
    INFO("Range " << range);
    for (const bool inside : {false, true}) {
      const std::uint64_t last = (std::uint64_t{2} << range) - 1;
      const auto stream = static_cast<std::uint32_t>(inside ? last : last + 1);
      InterfaceBench bench(config);
      bench.w32(0x20, 0xc);
      bench.w32(0x88, 32);
      bench.w64(0x80, 0x100'0000'0000);
      bench.w32(0x20, 0xd);
      const std::uint64_t at = 0x100'0000'0000 + 64 * std::uint64_t{stream};
      for (unsigned word = 0; word < 8; ++word) bench.memory.words[at + 8 * word] = ste(4).words[word];
      REQUIRE(bench.read(stream, 0x1000).action == Action::Forward);
      bench.memory.words[at] = 0;
      bench.command(0x04 | std::uint64_t{1} << 32, range);
      CHECK((bench.read(stream, 0x1000).action == Action::Abort) == inside);
    }
  }
}

TEST_CASE("IHI 0070 §4.7.3, MSIAttr, MSH, MSIData and MSIAddress: each bit of each") {
  for (unsigned value = 0; value < 64; ++value) {
    InterfaceBench bench;
    const std::uint64_t attr = value & 0xf, sh = value >> 4;
    // The reserved bits around the two fields are ones where the fields are zeros.
    const std::uint64_t around = value % 2 == 0 ? 0xf030'0000 : 0;
    bench.command(0x46 | 1 << 12 | sh << 22 | attr << 24 | around | std::uint64_t{0xa5c3'3c5a} << 32,
                  0x1234'5678'9abc);
    CHECK(bench.memory.words[0x1234'5678'9ab8] == 0xa5c3'3c5a'0000'0000);
    CHECK(bench.memory.accesses.back().attributes ==
          arch::from_stage2(static_cast<std::uint8_t>(attr), static_cast<std::uint8_t>(sh)));
  }
}

TEST_CASE("IHI 0070 §4.7.1, STAG: all 16 bits of it") {
  InterfaceBench bench;
  bench.set_ste(3, stage1_ste(cd_at));
  bench.set_cd(cd_at, cd(root).put(44, 1));
  for (std::uint64_t token = 1; token <= 8; ++token) bench.read(3, 0x1000, token);
  const std::uint64_t stag = bench.event(4)[1] & 0xffff;
  for (unsigned bit = 0; bit < 16; ++bit) {
    const std::uint64_t other = stag ^ std::uint64_t{1} << bit;
    bool in_use = false;
    for (unsigned n = 0; n < 8; ++n) in_use |= (bench.event(n)[1] & 0xffff) == other;
    if (in_use) continue;
    bench.command(0x44 | 1 << 12 | std::uint64_t{3} << 32, other);
    CHECK(bench.log.resumed.empty());
  }
  bench.command(0x44 | 1 << 12 | std::uint64_t{3} << 32, stag | 0xffff'0000);
  CHECK(bench.log.resumed == std::vector<std::pair<std::uint64_t, Resumption>>{{5, Resumption::Retry}});
}

}  // namespace sidewinder::test
