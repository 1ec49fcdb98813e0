// SPDX-License-Identifier: Apache-2.0
//
// PAR with FAULT == 1: FAULTCODE, REASON and FADDR of each fault under each TYPE, and which of several comes
// first (IHI 0070 §9.1.4, §9.1.5).

#include "tests/conformance/smmuv3/gatos_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t va1 = GatosBench::va | type1, va3 = GatosBench::va | type3;
constexpr std::uint64_t ipa2 = GatosBench::ipa | type2;
constexpr unsigned cd_reason = 1, table_reason = 2, input_reason = 3;

unsigned code_of(FaultKind kind) {
  return kind == FaultKind::Translation   ? 0x10
         : kind == FaultKind::AddressSize ? 0x11
         : kind == FaultKind::AccessFlag  ? 0x12
                                          : 0x13;
}

/// Stages check against 44 bits, which 4 KiB descriptors exceed.
struct FaultBench : GatosBench {
  explicit FaultBench(const smmuv3::Config& config = with_gatos()) : GatosBench(config) {
    for (Structure* made : {&cd1, &cd3}) made->replace(34, 32, 4);
    for (Structure* made : {&ste2, &ste3}) made->replace(178, 176, 4);
    apply();
  }
};

}  // namespace

TEST_CASE("IHI 0070 §9.1.4: stage 1's own faults have REASON 0 and no FADDR, under either TYPE") {
  for (const FaultKind kind : translation_related) {
    FaultBench bench;
    spoil(bench.leaf(), kind);
    spoil(bench.nested_leaf(), kind);
    CHECK(bench.gatos(1, va1) == fault_par(code_of(kind)));
    CHECK(bench.gatos(3, va1) == fault_par(code_of(kind)));
    CHECK(bench.gatos(3, va3) == fault_par(code_of(kind)));
    CHECK(bench.gatos(3, ipa2) == 0xff00'0007'6543'2300);
  }
  for (const unsigned level : {1U, 2U, 3U}) {
    FaultBench bench;
    bench.memory.aborting = {bench.stage1.slot(GatosBench::va, level),
                             bench.nested.slot(GatosBench::va, level)};
    CHECK(bench.gatos(1, va1) == fault_par(0x0b));
    CHECK(bench.gatos(3, va1) == fault_par(0x0b));
    CHECK(bench.gatos(3, va3) == fault_par(0x0b));
  }
}

TEST_CASE("IHI 0070 §9.1.4: stage 2's faults on the input, FADDR with both stages alone") {
  for (const FaultKind kind : translation_related) {
    FaultBench bench;
    spoil2(bench.leaf2(), kind);
    CHECK(bench.gatos(2, ipa2) == fault_par(code_of(kind), input_reason));
    CHECK(bench.gatos(3, ipa2) == fault_par(code_of(kind), input_reason));
    CHECK(bench.gatos(3, va3) == fault_par(code_of(kind), input_reason, GatosBench::ipa));
    CHECK(bench.gatos(3, va1) == 0xff00'0012'3456'7300);  // the IPA is not looked at
  }
  for (const unsigned level : {1U, 2U, 3U}) {
    FaultBench bench;
    bench.ste3.words[3] = bench.ste3.words[3] + 0x40'0000;  // tables of its own: those of the CD are whole
    Tables own(bench.memory, 12, 39, GatosBench::root2 + 0x40'0000);
    own.at(GatosBench::ipa, 3) = GatosBench::pa | stage2_leaf;
    for (const std::uint64_t page : {GatosBench::nested_cd_at, GatosBench::nested_root,
                                     GatosBench::nested_root + 0x1000, GatosBench::nested_root + 0x2000})
      own.at(page, 3) = page | stage2_leaf;
    bench.apply();
    bench.memory.aborting = {bench.stage2.slot(GatosBench::ipa, level), own.slot(GatosBench::ipa, level)};
    CHECK(bench.gatos(2, ipa2) == fault_par(0x0b, input_reason));
    CHECK(bench.gatos(3, ipa2) == fault_par(0x0b, input_reason));
    CHECK(bench.gatos(3, va3) == fault_par(0x0b, input_reason));
  }
}

TEST_CASE("IHI 0070 §9.1.4: FADDR is the page of the IPA, bits 55:12 of it below the OAS") {
  FaultBench bench;
  bench.nested_leaf() = 0x0fed'cba9'8000 | page_leaf;
  CHECK(bench.gatos(3, va3) == fault_par(0x10, input_reason, 0x0fed'cba9'8000));
  smmuv3::Config config = with_gatos();
  config.output_bits = 52;
  config.vax = true;
  GatosBench wide(config);
  wide.cd3.replace(5, 0, 16).replace(7, 6, 1).replace(34, 32, 6);  // 64 KiB granule, 52-bit IPAs
  wide.cd3.words[1] = 0x3500'0000;
  Tables tables(wide.memory, 16, 48, 0x3500'0000);
  tables.at(GatosBench::va, 3) = 0x0fed'cba9'0000 | 0xfU << 12 | page_leaf;  // IPA bits 51:48 are in 15:12
  for (std::uint64_t own = 0x3500'0000; own < 0x3510'0000; own += 0x1000)
    wide.stage2.at(own, 3) = own | stage2_leaf;
  wide.apply();
  CHECK(wide.gatos(3, va3) == fault_par(0x10, input_reason, 0x000f'0fed'cba9'9000));
}

TEST_CASE("IHI 0070 §9.1.4: stage 2's faults on the fetch of the CD, of stage 1 alone are F_CD_FETCH") {
  for (const FaultKind kind : translation_related) {
    FaultBench bench;
    spoil2(bench.stage2.at(GatosBench::nested_cd_at, 3), kind);
    CHECK(bench.gatos(3, va1) == fault_par(0x09));
    CHECK(bench.gatos(3, va3) == fault_par(code_of(kind), cd_reason, GatosBench::nested_cd_at));
    CHECK(bench.gatos(3, ipa2) == 0xff00'0007'6543'2300);
  }
  FaultBench bench;
  bench.memory.aborting = {bench.stage2.slot(GatosBench::nested_cd_at, 3)};
  CHECK(bench.gatos(3, va1) == fault_par(0x09));
  CHECK(bench.gatos(3, va3) == fault_par(0x0b, cd_reason));
  bench.memory.aborting = {GatosBench::nested_cd_at, GatosBench::cd_at};
  CHECK(bench.gatos(3, va1) == fault_par(0x09));
  CHECK(bench.gatos(3, va3) == fault_par(0x09));
  CHECK(bench.gatos(1, va1) == fault_par(0x09));
}

TEST_CASE("IHI 0070 §9.1.4: stage 2's faults on stage 1's tables, of stage 1 alone are F_WALK_EABT") {
  const std::array tables{GatosBench::nested_root, GatosBench::nested_root + 0x1000,
                          GatosBench::nested_root + 0x2000};
  for (unsigned at = 0; at < 3; ++at) {
    for (const FaultKind kind : translation_related) {
      FaultBench bench;
      const std::uint64_t page = bench.nested.slot(GatosBench::va, at + 1) & ~std::uint64_t{0xfff};
      CHECK(page == tables[at]);
      spoil2(bench.stage2.at(page, 3), kind);
      CHECK(bench.gatos(3, va1) == fault_par(0x0b));
      CHECK(bench.gatos(3, va3) == fault_par(code_of(kind), table_reason, page));
    }
    FaultBench bench;
    bench.memory.aborting = {bench.stage2.slot(tables[at], 3)};
    CHECK(bench.gatos(3, va1) == fault_par(0x0b));
    CHECK(bench.gatos(3, va3) == fault_par(0x0b, table_reason));
  }
}

TEST_CASE("IHI 0070 §9.1.4: a stage 2 request beyond the IAS is stage 1's Address Size fault") {
  FaultBench bench;
  constexpr std::uint64_t beyond = std::uint64_t{1} << 48;
  CHECK(bench.gatos(2, beyond | type2) == fault_par(0x11));
  CHECK(bench.gatos(3, beyond | type2) == fault_par(0x11));
  CHECK(bench.gatos(2, (beyond - 0x1000) | type2) == fault_par(0x10, input_reason));
}

TEST_CASE("IHI 0070 §9.1.4, §9.1.5: configuration faults, which a stage 2 request has as the input's") {
  FaultBench bench;
  struct Case {
    std::uint64_t stream;
    unsigned code;
  };
  bench.set_ste(6, Structure());                                                         // V == 0
  bench.set_ste(7, nested_ste(GatosBench::nested_cd_at, GatosBench::root2).put(4, 3));   // S1Fmt 0b11 is
  bench.set_ste(8, nested_ste(GatosBench::nested_cd_at, GatosBench::root2).put(59, 2));  // ignored, S1DSS 0
  bench.set_ste(9, ste(4));
  bench.memory.aborting.insert(GatosBench::stream_table + 64 * 5);
  bench.memory.aborting.insert(GatosBench::stream_table + 64 * 9 + 56);
  for (const auto& [stream, code] :
       {Case{0x100, 0x02}, {0xffff, 0x02}, {5, 0x03}, {9, 0x03}, {6, 0x04}, {8, 0x06}}) {
    INFO("stream " << stream);
    CHECK(bench.gatos(stream, va1) == fault_par(code));
    CHECK(bench.gatos(stream, va3) == fault_par(code));
    CHECK(bench.gatos(stream, ipa2) == fault_par(code, input_reason));
  }
  CHECK(bench.gatos(7, va3) == 0xff00'0007'6543'2300);
  bench.cd3.replace(31, 31, 0);
  bench.apply();
  CHECK(bench.gatos(3, va1) == fault_par(0x0a));
  CHECK(bench.gatos(3, va3) == fault_par(0x0a));
}

TEST_CASE("IHI 0070 §9.1.5: C_BAD_STREAMID is reported, be it recorded of transactions or not") {
  FaultBench bench;
  bench.w32(0x20, 0xc);
  bench.w32(0x2c, 0);  // RECINVSID
  bench.w32(0x20, 0xd);
  CHECK(bench.gatos(0x100, va1) == fault_par(0x02));
}

TEST_CASE("IHI 0070 §9.1.4: CD and STE do not choose what becomes of a fault") {
  FaultBench bench;
  for (Structure* made : {&bench.cd1, &bench.cd3}) made->replace(46, 45, 0);      // A, R
  for (Structure* made : {&bench.ste2, &bench.ste3}) made->replace(186, 186, 0);  // S2R
  bench.apply();
  bench.leaf() = bench.nested_leaf() = bench.leaf2() = 0;
  CHECK(bench.gatos(1, va1) == fault_par(0x10));
  CHECK(bench.gatos(2, ipa2) == fault_par(0x10, input_reason));
  CHECK(bench.gatos(3, va3) == fault_par(0x10));
}

TEST_CASE("IHI 0070 §9.1.5: all is wrong at once, and what comes first is mended step by step") {
  FaultBench bench;
  auto& aborting = bench.memory.aborting;
  const std::uint64_t ste_at = GatosBench::stream_table + 64 * 3, cd_at = GatosBench::nested_cd_at;
  const Structure good = nested_ste(cd_at, GatosBench::root2).replace(178, 176, 4);
  bench.cd3.replace(31, 31, 0);
  bench.apply();
  bench.set_ste(3, Structure(good).replace(3, 0, 0xa).put(59, 2));  // stage 1 alone, V == 0, S1DSS 0b00
  bench.stage2.at(cd_at, 3) &= ~std::uint64_t{1};
  spoil(bench.nested_leaf(), FaultKind::Translation);
  aborting = {ste_at, cd_at};
  bench.w32(0x20, 0xc);
  bench.w32(0x88, 1);  // two STEs
  bench.w32(0x20, 0xd);

  constexpr std::uint64_t substream4 = ssid_valid | std::uint64_t{4} << 32;
  CHECK(bench.gatos_again(3 | substream4, GatosBench::va) == fault_par(0xff));
  CHECK(bench.gatos_again(3 | substream4, va3) == fault_par(0x02));
  bench.w32(0x20, 0xc);
  bench.w32(0x88, 8);
  bench.w32(0x20, 0xd);
  CHECK(bench.gatos_again(3 | substream4, va3) == fault_par(0x03));
  aborting.erase(ste_at);
  CHECK(bench.gatos_again(3 | substream4, va3) == fault_par(0x04));
  bench.set_ste(3, Structure(good).replace(3, 1, 5).put(59, 2));
  CHECK(bench.gatos_again(3 | substream4, va3) == fault_par(0xfe));
  bench.set_ste(3, Structure(good).put(59, 2));
  CHECK(bench.gatos_again(3 | substream4, va3) == fault_par(0x08));
  CHECK(bench.gatos_again(3, va3) == fault_par(0x06));
  bench.set_ste(3, Structure(good).put(59, 2).put(64, 2));
  CHECK(bench.gatos_again(3, va3) == fault_par(0x10, cd_reason, cd_at));
  bench.stage2.at(cd_at, 3) |= 1;
  CHECK(bench.gatos_again(3, va3) == fault_par(0x09));
  aborting.erase(cd_at);
  CHECK(bench.gatos_again(3, va3) == fault_par(0x0a));
  bench.set_cd(cd_at, Structure(bench.cd3).replace(31, 31, 1));
  CHECK(bench.gatos_again(3, va3) == fault_par(0x10));
  bench.nested_leaf() |= 1;
  CHECK(bench.gatos_again(3, va3) == 0xff00'0007'6543'2300);
}

TEST_CASE("IHI 0070 §9.1.4: an aborted update of a descriptor is F_WALK_EABT of its stage") {
  FaultBench bench;
  bench.cd1.put(43, 1);
  bench.ste2.put(184, 1);
  bench.ste3.put(184, 1);
  constexpr std::uint64_t access_flag = 1U << 10;
  bench.leaf() &= ~access_flag;
  bench.leaf2() &= ~access_flag;
  bench.apply();
  bench.memory.aborting_writes = {bench.stage1.slot(GatosBench::va, 3),
                                  bench.stage2.slot(GatosBench::ipa, 3)};
  CHECK(bench.gatos(1, va1) == fault_par(0x0b));
  CHECK(bench.gatos(2, ipa2) == fault_par(0x0b, input_reason));
  CHECK(bench.gatos(3, va3) == fault_par(0x0b, input_reason));
  CHECK(bench.gatos(1, va1 | httui) == 0xff00'0007'6543'2300);  // and there is none
  CHECK(bench.gatos(2, ipa2 | httui) == 0xff00'0007'6543'2300);
}

}  // namespace sidewinder::test
