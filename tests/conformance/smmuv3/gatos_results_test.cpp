// SPDX-License-Identifier: Apache-2.0
//
// PAR with FAULT == 0: address and size, attributes, and HTTU on the way to them (IHI 0070 §6.3.40, §9.1.4,
// chapter 9).

#include "tests/conformance/smmuv3/gatos_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t access_flag = 1U << 10, dirty_modifier = std::uint64_t{1} << 51;
constexpr std::uint64_t contiguous = std::uint64_t{1} << 52;
constexpr std::uint64_t to_pa = 0xff00'0007'6543'2300, to_ipa = 0xff00'0012'3456'7300;

/// ATTR and SH of a PAR without a fault.
unsigned attr(std::uint64_t par) {
  REQUIRE((par & 1) == 0);
  return static_cast<unsigned>(par >> 56);
}
unsigned sh(std::uint64_t par) {
  return static_cast<unsigned>(par >> 8 & 3);
}

std::uint64_t with_sh(std::uint64_t leaf, std::uint64_t shareability) {
  return (leaf & ~std::uint64_t{3U << 8}) | shareability << 8;
}

std::uint64_t with_mem_attr(std::uint64_t leaf, std::uint64_t mem_attr) {
  return (leaf & ~std::uint64_t{15U << 2}) | mem_attr << 2;
}

}  // namespace

TEST_CASE("IHI 0070 §6.3.40: ADDR is that of the page, whatever bits the request has below it") {
  GatosBench bench;
  bench.leaf() = 0x0000'fedc'ba98'7000 | page_leaf;
  CHECK(bench.gatos(1, GatosBench::va | type1) == 0xff00'fedc'ba98'7300);
  CHECK(bench.gatos(1, GatosBench::va | type1 | rnw | pnu | httui) == 0xff00'fedc'ba98'7300);
}

TEST_CASE("IHI 0070 §6.3.40: Size, and the lowest bit of ADDR, say how much is mapped") {
  struct Case {
    unsigned page_bits, tg0, level, run;  // `run`: log2 of the entries of a contiguous run, or 0
    std::uint64_t par;
  };
  constexpr std::uint64_t output = 0x0000'a5a5'a5a5'a000;
  for (const auto& [page_bits, tg0, level, run, par] : {Case{12, 0, 3, 0, 0xff00'a5a5'a5a5'a300},
                                                        {14, 2, 3, 0, 0xff00'a5a5'a5a5'ab00},
                                                        {12, 0, 3, 4, 0xff00'a5a5'a5a5'8b00},
                                                        {16, 1, 3, 0, 0xff00'a5a5'a5a5'8b00},
                                                        {14, 2, 3, 7, 0xff00'a5a5'a5b0'0b00},
                                                        {12, 0, 2, 0, 0xff00'a5a5'a5b0'0b00},
                                                        {14, 2, 2, 0, 0xff00'a5a5'a500'0b00},
                                                        {12, 0, 2, 4, 0xff00'a5a5'a500'0b00},
                                                        {16, 1, 2, 0, 0xff00'a5a5'b000'0b00},
                                                        {12, 0, 1, 0, 0xff00'a5a5'a000'0b00},
                                                        {12, 0, 1, 4, 0xff00'a5a6'0000'0b00}}) {
    const unsigned shift = page_bits + (3 - level) * (page_bits - 3);
    INFO("2^" << page_bits << " level " << level << " run " << run);
    GatosBench bench;
    bench.cd1.replace(5, 0, 16).replace(7, 6, tg0);
    // Anywhere in what is mapped: the last page of it.
    const std::uint64_t mapped = std::uint64_t{1} << (shift + run);
    const std::uint64_t address = (GatosBench::va & ~(mapped - 1)) + mapped - 0x1000;
    Tables tables(bench.memory, page_bits, 48, 0x3500'0000);
    bench.cd1.words[1] = 0x3500'0000;
    tables.at(address, level) =
        (output & ~(mapped - 1)) | (page_leaf & ~(level == 3 ? 0 : block_bit)) | (run == 0 ? 0 : contiguous);
    if (run != 0) tables.at(address, level) += mapped - (std::uint64_t{1} << shift);
    bench.apply();
    CHECK(bench.gatos(1, address | type1) == par);
  }
}

TEST_CASE("IHI 0070 §6.3.40: an address of 52 bits") {
  smmuv3::Config config = with_gatos();
  config.output_bits = 52;
  config.vax = true;
  GatosBench bench(config);
  bench.cd1.replace(5, 0, 16).replace(7, 6, 1).replace(34, 32, 6);  // 64 KiB granule
  bench.cd1.words[1] = 0x3500'0000;
  Tables tables(bench.memory, 16, 48, 0x3500'0000);
  tables.at(GatosBench::va, 3) = 0x0fed'cba9'0000 | 0xaU << 12 | page_leaf;  // bits 51:48 are in 15:12
  bench.apply();
  CHECK(bench.gatos(1, GatosBench::va | type1) == 0xff0a'0fed'cba9'8b00);
}

TEST_CASE("IHI 0070 §6.3.40: of both stages the size is the smaller one's, of one stage its own") {
  GatosBench bench;
  constexpr std::uint64_t block_ipa = 0x12'3440'0000, block_pa = 0x7'6540'0000;
  bench.nested.at(GatosBench::va, 2) = block_ipa | (page_leaf & ~block_bit);
  bench.stage2.at(block_ipa + 0x18'9000, 3) = GatosBench::pa | stage2_leaf;
  CHECK(bench.gatos(3, GatosBench::va | type1) == 0xff00'0012'3450'0b00);
  CHECK(bench.gatos(3, GatosBench::va | type3) == to_pa);
  bench.nested.at(GatosBench::va, 2) = 0;
  GatosBench other;
  other.stage2.at(GatosBench::ipa, 2) = block_pa | (stage2_leaf & ~block_bit);
  CHECK(other.gatos(3, GatosBench::ipa | type2) == 0xff00'0007'6550'0b00);
  CHECK(other.gatos(3, GatosBench::va | type3) == (0xff00'0000'0000'0300 | (block_pa + 0x16'7000)));
}

TEST_CASE("IHI 0070 §6.3.40: stage 1's ATTR is the byte of MAIR, made consistent, and SH the descriptor's") {
  struct Case {
    unsigned mair, attr;
    bool outer;  // always Outer Shareable
  };
  GatosBench bench;
  for (const auto& [mair, expected, outer] : {Case{0x00, 0x00, true},
                                              {0x04, 0x04, true},
                                              {0x08, 0x08, true},
                                              {0x0c, 0x0c, true},
                                              {0x44, 0x44, true},
                                              {0xff, 0xff, false},
                                              {0xbb, 0xbb, false},
                                              {0x77, 0x77, false},
                                              {0x33, 0x33, false},
                                              {0xcc, 0xcc, false},
                                              {0x88, 0x88, false},
                                              {0x4f, 0x4f, false},
                                              {0xf4, 0xf4, false},
                                              {0xe5, 0xe5, false},
                                              {0xa6, 0xa6, false},
                                              {0x1d, 0x1d, false},
                                              {0xd2, 0xd2, false}}) {
    bench.cd1.replace(199, 192, mair);
    for (const unsigned shareability : {0U, 2U, 3U}) {
      INFO("MAIR " << std::hex << mair << " SH " << shareability);
      bench.leaf() = with_sh(bench.leaf(), shareability);
      bench.apply();
      const std::uint64_t par = bench.gatos(1, GatosBench::va | type1);
      CHECK(attr(par) == expected);
      CHECK(sh(par) == (outer ? 2 : shareability));
    }
  }
}

TEST_CASE("IHI 0070 §6.3.40: stage 2's ATTR is MemAttr, allocating and not transient, with its own SH") {
  struct Case {
    unsigned mem_attr, attr;
    bool outer;
  };
  GatosBench bench;
  for (const auto& [mem_attr, expected, outer] : {Case{0x0, 0x00, true},
                                                  {0x1, 0x04, true},
                                                  {0x2, 0x08, true},
                                                  {0x3, 0x0c, true},
                                                  {0x5, 0x44, true},
                                                  {0x6, 0x4b, false},
                                                  {0x7, 0x4f, false},
                                                  {0x9, 0xb4, false},
                                                  {0xa, 0xbb, false},
                                                  {0xb, 0xbf, false},
                                                  {0xd, 0xf4, false},
                                                  {0xf, 0xff, false}})
    for (const unsigned shareability : {0U, 2U, 3U}) {
      INFO("MemAttr " << std::hex << mem_attr << " SH " << shareability);
      bench.leaf2() = with_sh(with_mem_attr(bench.leaf2(), mem_attr), shareability);
      for (const std::uint64_t stream : {2U, 3U}) {
        const std::uint64_t par = bench.gatos_again(stream, GatosBench::ipa | type2);
        CHECK(attr(par) == expected);
        CHECK(sh(par) == (outer ? 2 : shareability));
      }
    }
}

TEST_CASE("IHI 0070 §6.3.40, §13.1.5: of both stages the attributes are combined, hints are stage 1's") {
  struct Case {
    unsigned mair, sh1, mem_attr, sh2, attr, sh;
  };
  GatosBench bench;
  for (const auto& [mair, sh1, mem_attr, sh2, expected, shareability] : {Case{0xe5, 3, 0xf, 0, 0xe5, 3},
                                                                         {0xe5, 0, 0xa, 3, 0xa1, 3},
                                                                         {0xff, 0, 0xf, 0, 0xff, 0},
                                                                         {0xff, 2, 0xf, 3, 0xff, 2},
                                                                         {0xbb, 3, 0x7, 3, 0x4b, 3},
                                                                         {0x04, 3, 0xf, 3, 0x04, 2},
                                                                         {0xff, 3, 0x1, 3, 0x04, 2},
                                                                         {0x04, 3, 0x2, 3, 0x04, 2},
                                                                         {0xff, 3, 0x5, 3, 0x44, 2}}) {
    INFO("MAIR " << std::hex << mair << " MemAttr " << mem_attr);
    bench.cd3.replace(199, 192, mair);
    bench.nested_leaf() = with_sh(bench.nested_leaf(), sh1);
    bench.leaf2() = with_sh(with_mem_attr(bench.leaf2(), mem_attr), sh2);
    bench.apply();
    const std::uint64_t par = bench.gatos(3, GatosBench::va | type3);
    CHECK(attr(par) == expected);
    CHECK(sh(par) == shareability);
  }
}

TEST_CASE("IHI 0070 §13.1.6: S2FWB affects what is returned of stage 2, alone and with stage 1") {
  struct Case {
    unsigned mem_attr, alone, with_device, with_normal;
  };
  GatosBench bench;
  bench.ste2.put(89, 1);
  bench.ste3.put(89, 1);
  for (const auto& [mem_attr, alone, with_device, with_normal] : {Case{0x1, 0x04, 0x00, 0x04},
                                                                  {0x5, 0x44, 0x00, 0x44},
                                                                  {0x6, 0xff, 0xff, 0xfe},
                                                                  {0x7, 0xff, 0x00, 0xbe}}) {
    INFO("MemAttr " << mem_attr);
    bench.leaf2() = with_mem_attr(bench.leaf2(), mem_attr);
    bench.apply();
    CHECK(attr(bench.gatos(2, GatosBench::ipa | type2)) == alone);
    CHECK(attr(bench.gatos(3, GatosBench::ipa | type2)) == alone);
    bench.cd3.replace(199, 192, 0x00);
    bench.apply();
    CHECK(attr(bench.gatos(3, GatosBench::va | type3)) == with_device);
    bench.cd3.replace(199, 192, 0xbe);
    bench.apply();
    CHECK(attr(bench.gatos(3, GatosBench::va | type3)) == with_normal);
  }
}

TEST_CASE("IHI 0070 Table 13.5: the STE's overrides do nothing to a result") {
  GatosBench bench;
  for (Structure* made :
       {&bench.ste1, &bench.ste2, &bench.ste3})  // MTCFG, MemAttr 0, ALLOCCFG, SHCFG 0, NSCFG
    made->put(100, 1).put(101, 8).replace(109, 108, 0).put(110, 2);
  bench.apply();
  CHECK(bench.gatos(1, GatosBench::va | type1) == to_pa);
  CHECK(bench.gatos(2, GatosBench::ipa | type2) == to_pa);
  CHECK(bench.gatos(3, GatosBench::va | type3) == to_pa);
}

TEST_CASE("IHI 0070 §6.3.40: ADDR has no bit at or above the OAS") {
  smmuv3::Config config = with_gatos();
  config.output_bits = 36;
  GatosBench bench(config);
  bench.cd3.replace(41, 41, 0).replace(5, 0, 0).replace(32, 32, 0).replace(34, 34,
                                                                           0);  // VMSAv8-32: 40-bit IPAs
  bench.ste3.replace(178, 176, 1);
  Tables tables(bench.memory, 12, 32, GatosBench::nested_root);
  tables.at(0x1234'5000, 3) = 0xa5'1234'5000 | page_leaf;
  for (const std::uint64_t own : {0x0000U, 0x1000U, 0x2000U, 0x3000U, 0x4000U})
    bench.stage2.at(GatosBench::nested_root + own, 3) = (GatosBench::nested_root + own) | stage2_leaf;
  bench.apply();
  CHECK(bench.gatos(3, 0x1234'5000 | type1) == 0xff00'0005'1234'5300);
  CHECK(bench.gatos(3, 0x1234'5000 | type3) == fault_par(0x10, 3, 0x05'1234'5000));
}

TEST_CASE("IHI 0070 chapter 9: without HTTUI an operation updates flags as a transaction would") {
  GatosBench bench;
  bench.cd1.put(42, 1).put(43, 1);  // HD, HA
  bench.leaf() = GatosBench::pa | dirty_modifier | 1U << 7 | (page_leaf & ~access_flag);
  const std::uint64_t clean = bench.leaf();
  bench.apply();
  CHECK(bench.gatos(1, GatosBench::va | type1 | rnw) == to_pa);
  CHECK(bench.leaf() == (clean | access_flag));
  CHECK(bench.gatos(1, GatosBench::va | type1) == to_pa);
  CHECK(bench.leaf() == ((clean | access_flag) & ~std::uint64_t{1U << 7}));
  CHECK(bench.memory.writes == 2);
}

TEST_CASE("IHI 0070 chapter 9: HTTUI takes flags for set and clean pages for writable, and changes nothing") {
  struct Case {
    std::uint64_t stream, request, par;
  };
  for (const auto& [stream, request, par] : {Case{1, GatosBench::va | type1, to_pa},
                                             {2, GatosBench::ipa | type2, to_pa},
                                             {3, GatosBench::va | type1, to_ipa},
                                             {3, GatosBench::ipa | type2, to_pa},
                                             {3, GatosBench::va | type3, to_pa}}) {
    INFO("stream " << stream << " request " << std::hex << request);
    GatosBench bench;
    for (Structure* made : {&bench.cd1, &bench.cd3}) made->put(42, 1).put(43, 1);
    for (Structure* made : {&bench.ste2, &bench.ste3}) made->put(183, 1).put(184, 1);  // S2HD, S2HA
    for (std::uint64_t* leaf : {&bench.leaf(), &bench.nested_leaf()})
      *leaf = (*leaf | dirty_modifier | 1U << 7) & ~access_flag;
    bench.leaf2() = (bench.leaf2() | dirty_modifier) & ~std::uint64_t{1U << 7} & ~access_flag;
    // Neither are the pages of CD and tables accessed, or writable.
    for (const std::uint64_t own : {0x2100'0000U, 0x3400'0000U, 0x3400'1000U, 0x3400'2000U})
      bench.stage2.at(own, 3) =
          (bench.stage2.at(own, 3) | dirty_modifier) & ~std::uint64_t{1U << 7} & ~access_flag;
    bench.apply();
    const auto words = bench.memory.words;
    CHECK(bench.gatos(stream, request | httui) == par);
    CHECK(bench.gatos(stream, request | httui | rnw) == par);
    CHECK(bench.memory.words == words);
    CHECK(bench.memory.writes == 0);
    // And the transaction that comes after does all that is due: nothing was cached that would keep it from
    // that.
    bench.write_transaction(stream, stream == 2 ? GatosBench::ipa : GatosBench::va);
    GatosBench fresh;
    fresh.memory.words = words;
    fresh.write_transaction(stream, stream == 2 ? GatosBench::ipa : GatosBench::va);
    CHECK(bench.memory.writes == fresh.memory.writes);
    for (const auto& [address, word] : fresh.memory.words) {
      INFO("at " << std::hex << address);
      CHECK(bench.memory.words[address] == word);
    }
    CHECK(bench.memory.writes >= 1);
  }
}

TEST_CASE("IHI 0070 chapter 9: HTTUI does nothing where updates are disabled") {
  GatosBench bench;
  bench.leaf() &= ~access_flag;
  bench.leaf2() &= ~access_flag;
  for (const std::uint64_t inhibit : {std::uint64_t{0}, httui}) {
    CHECK(bench.gatos_again(1, GatosBench::va | type1 | inhibit) == fault_par(0x12));
    CHECK(bench.gatos_again(2, GatosBench::ipa | type2 | inhibit) == fault_par(0x12, 3));
  }
  bench.leaf() |= access_flag | dirty_modifier | 1U << 7;
  bench.leaf2() = (bench.leaf2() | access_flag | dirty_modifier) & ~std::uint64_t{1U << 7};
  for (const std::uint64_t inhibit : {std::uint64_t{0}, httui}) {
    CHECK(bench.gatos_again(1, GatosBench::va | type1 | inhibit) == fault_par(0x13));
    CHECK(bench.gatos_again(2, GatosBench::ipa | type2 | inhibit) == fault_par(0x13, 3));
  }
}

TEST_CASE("IHI 0070 chapter 9: HTTUI makes up for no permission but that of clean pages") {
  GatosBench bench;
  bench.cd1.put(42, 1).put(43, 1);
  bench.leaf() = (bench.leaf() | 1U << 7) & ~access_flag;  // read-only without DBM
  bench.apply();
  CHECK(bench.gatos(1, GatosBench::va | type1 | httui) == fault_par(0x13));
  CHECK(bench.gatos(1, GatosBench::va | type1 | httui | rnw) == to_pa);
}

TEST_CASE("IHI 0070 chapter 9: stage 1 of a nested stream marks its own leaf, and not the page of the IPA") {
  GatosBench bench;
  bench.cd3.put(42, 1).put(43, 1);
  bench.ste3.put(183, 1).put(184, 1);
  bench.nested_leaf() = (bench.nested_leaf() | dirty_modifier | 1U << 7) & ~access_flag;
  bench.leaf2() = (bench.leaf2() | dirty_modifier) & ~std::uint64_t{1U << 7} & ~access_flag;
  const std::uint64_t page = bench.leaf2(), clean = bench.nested_leaf();
  bench.apply();
  CHECK(bench.gatos(3, GatosBench::va | type1) == to_ipa);
  CHECK(bench.nested_leaf() == ((clean | access_flag) & ~std::uint64_t{1U << 7}));
  CHECK(bench.leaf2() == page);
  CHECK(bench.gatos(3, GatosBench::va | type3) == to_pa);
  CHECK(bench.leaf2() == (page | access_flag | 1U << 7));
}

}  // namespace sidewinder::test
