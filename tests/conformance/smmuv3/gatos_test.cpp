// SPDX-License-Identifier: Apache-2.0
//
// What an address translation operation may ask, of which streams, and that it leaves nothing but its answer
// (IHI 0070 chapter 9, §9.1.2, §9.1.3).

#include <algorithm>
#include <vector>

#include "tests/conformance/smmuv3/gatos_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t to_pa = 0xff00'0007'6543'2300, to_ipa = 0xff00'0012'3456'7300;
constexpr std::uint64_t inv_req = 0xff1, inv_stage = 0xfe1;

}  // namespace

TEST_CASE("IHI 0070 §9.1.3: each TYPE of each stream, and INV_STAGE where the STE has not the stages") {
  GatosBench bench;
  bench.set_ste(4, ste(4));  // bypass
  bench.set_ste(5, ste(0));  // abort
  struct Case {
    std::uint64_t stream, of1, of2, of3;
  };
  for (const auto& [stream, of1, of2, of3] : {Case{1, to_pa, inv_stage, inv_stage},
                                              {2, inv_stage, to_pa, inv_stage},
                                              {3, to_ipa, to_pa, to_pa},
                                              {4, inv_stage, inv_stage, inv_stage},
                                              {5, inv_stage, inv_stage, inv_stage}}) {
    INFO("stream " << stream);
    for (int cached = 0; cached < 2; ++cached) {
      CHECK(bench.gatos(stream, GatosBench::va | type1 | rnw) == of1);
      CHECK(bench.gatos(stream, GatosBench::ipa | type2 | rnw) == of2);
      CHECK(bench.gatos(stream, GatosBench::va | type3 | rnw) == of3);
      CHECK(bench.gatos(stream, GatosBench::va | rnw) == inv_req);  // TYPE 0b00 is reserved
      bench.read(static_cast<std::uint32_t>(stream), GatosBench::va);
    }
  }
}

TEST_CASE("IHI 0070 §9.1.3: INV_REQ for stages that the SMMU has not, ahead of all that is in memory") {
  smmuv3::Config only1 = with_gatos(), only2 = with_gatos();
  only1.stage2 = only1.hypervisor = only1.secure_el2 = only1.xnx = only1.walk_device_as_normal = false;
  only2.stage1 = only2.hypervisor = only2.secure_el2 = only2.secure = only2.hierarchy_disable = false;
  REQUIRE(validate(only1) == "");
  REQUIRE(validate(only2) == "");
  GatosBench with1(only1), with2(only2);
  CHECK(with1.gatos(1, GatosBench::va | type1) == to_pa);
  CHECK(with1.gatos(9, GatosBench::va | type2) == inv_req);
  CHECK(with1.gatos(9, GatosBench::va | type3) == inv_req);
  CHECK(with2.gatos(9, GatosBench::va | type1) == inv_req);
  CHECK(with2.gatos(2, GatosBench::ipa | type2) == to_pa);
  CHECK(with2.gatos(9, GatosBench::va | type3) == inv_req);
}

TEST_CASE("IHI 0070 §9.1.3: a stage 2 request with a SubstreamID is INV_REQ") {
  GatosBench bench;
  bench.memory.accesses.clear();
  CHECK(bench.gatos(2 | ssid_valid, GatosBench::ipa | type2) == inv_req);
  CHECK(bench.gatos(999 | ssid_valid, GatosBench::ipa | type2) == inv_req);
  CHECK(bench.memory.accesses.empty());
  CHECK(bench.gatos(2 | std::uint64_t{5} << 32, GatosBench::ipa | type2) ==
        to_pa);  // none without SSID_VALID
}

TEST_CASE("IHI 0070 §9.1.2: STREAMID and SUBSTREAMID choose the STE and the CD") {
  GatosBench bench;
  bench.set_ste(7, stage1_ste(0x2200'0000).put(59, 2).put(64, 2));  // four CDs, S1DSS 0b10
  for (unsigned at = 0; at < 4; ++at)
    bench.set_cd(0x2200'0000 + 64 * at, cd(0x3100'0000 + 0x10'0000 * at, 8 + at));
  for (unsigned at = 0; at < 4; ++at)
    Tables(bench.memory, 12, 39, 0x3100'0000 + 0x10'0000 * at).at(GatosBench::va, 3) = at << 12 | page_leaf;
  constexpr std::uint64_t request = GatosBench::va | type1 | rnw;
  for (std::uint64_t at = 1; at < 4; ++at)
    CHECK(bench.gatos(7 | ssid_valid | at << 32, request) == (0xff00'0000'0000'0300 | at << 12));
  CHECK(bench.gatos(7 | std::uint64_t{3} << 32, request) == 0xff00'0000'0000'0300);  // CD 0
  CHECK(bench.gatos(7 | ssid_valid, request) == fault_par(0x06));
  CHECK(bench.gatos(7 | ssid_valid | std::uint64_t{4} << 32, request) == fault_par(0x08));
  CHECK(bench.gatos(1 | ssid_valid | std::uint64_t{1} << 32, request) == fault_par(0x08));
}

TEST_CASE("IHI 0070 §9.1.2: a StreamID of 32 bits, and a SubstreamID of 20") {
  smmuv3::Config config = with_gatos();
  config.stream_id_bits = 32;
  GatosBench bench(config);
  bench.w32(0x20, 0xc);
  bench.w32(0x88, 32);  // LOG2SIZE: the table is aligned to its own size, and so at 0
  bench.w32(0x20, 0xd);
  constexpr std::uint64_t stream = 0x8000'0001, substream = 0x8'0001, cds = 0x2400'0000;
  const Structure made = stage1_ste(cds).put(59, 20).put(64, 2);
  for (unsigned word = 0; word < 8; ++word) bench.memory.words[64 * stream + 8 * word] = made.words[word];
  bench.set_cd(cds + 64 * substream, bench.cd1);
  CHECK(bench.gatos(stream | ssid_valid | substream << 32, GatosBench::va | type1) == to_pa);
  CHECK(bench.gatos(1 | ssid_valid | substream << 32, GatosBench::va | type1) == fault_par(0x04));
  CHECK(bench.gatos(stream | ssid_valid | std::uint64_t{1} << 32, GatosBench::va | type1) == fault_par(0x0a));
}

TEST_CASE(
    "IHI 0070 §9.1.3: with S1DSS 0b01 and no SubstreamID stage 1 gives the address back, or its fault") {
  smmuv3::Config config = with_gatos();
  GatosBench bench(config);
  bench.ste1.put(59, 2).put(64, 1);
  bench.ste3.put(59, 2).put(64, 1);
  bench.apply();
  // Write-Back with hints, Non-shareable: as a transaction that says nothing (IMPLEMENTATION DEFINED).
  for (const std::uint64_t stream : {1U, 3U}) {
    CHECK(bench.gatos(stream, 0x0000'8765'4321'0000 | type1) == 0xff00'8765'4321'0000);
    CHECK(bench.gatos(stream, 0x0001'0000'0000'0000 | type1) == fault_par(0x11));
    CHECK(bench.gatos(stream, 0xff00'0000'0000'0000 | type1) == fault_par(0x11));  // and there is no TBI
  }
  CHECK(bench.gatos(3, GatosBench::ipa | type3) == to_pa);
  CHECK(bench.gatos(3, GatosBench::va | type3) == fault_par(0x10, 3, GatosBench::va));
  CHECK(bench.gatos(3, 0x0001'0000'0000'0000 | type3) == fault_par(0x11));
  CHECK(bench.gatos(1, GatosBench::ipa | type3) == inv_stage);  // by STE.Config, not by S1DSS
}

TEST_CASE("IHI 0070 §9.1.3: a bypassed stage 1 fits the OAS, or with stage 2 the IAS, and PAR has OAS bits") {
  smmuv3::Config config = with_gatos();
  config.output_bits = 36;
  GatosBench bench(config);
  bench.ste1.put(59, 2).put(64, 1);
  bench.ste3.put(59, 2).put(64, 1).replace(178, 176, 1);
  bench.apply();
  CHECK(bench.gatos(1, 0x000f'0000'0000 | type1) == 0xff00'000f'0000'0000);
  CHECK(bench.gatos(1, 0x0010'0000'0000 | type1) == fault_par(0x11));
  CHECK(bench.gatos(3, 0x00f1'0000'0000 | type1) == 0xff00'0001'0000'0000);  // the IAS is 40 bits
  CHECK(bench.gatos(3, 0x0100'0000'0000 | type1) == fault_par(0x11));
  CHECK(bench.gatos(3, 0x00f1'0000'0000 | type3) == fault_par(0x10, 3, 0x0001'0000'0000));
}

TEST_CASE("IHI 0070 §9.1.3: a bypassed stage 1 is of the smallest granule there is") {
  for (const auto& [small, middle, par] : {std::tuple{true, true, 0xff00'8765'4321'3000U},
                                           {false, true, 0xff00'8765'4321'2800U},
                                           {false, false, 0xff00'8765'4321'8800U}}) {
    smmuv3::Config config = with_gatos();
    config.aarch32 = false;
    config.granule_4k = small;
    config.granule_16k = middle;
    GatosBench bench(config);
    bench.ste1.put(59, 2).put(64, 1);
    bench.apply();
    CHECK(bench.gatos(1, 0x0000'8765'4321'3000 | type1) == par);
  }
}

TEST_CASE("IHI 0070 §9.1.3: a stage 2 request of a nested stream reads no CD") {
  GatosBench bench;
  bench.cd3.replace(31, 31, 0);
  bench.apply();
  bench.memory.aborting.insert(GatosBench::nested_cd_at);
  CHECK(bench.gatos(3, GatosBench::ipa | type2) == to_pa);
  CHECK(bench.gatos(3, GatosBench::va | type1) == fault_par(0x09));
  bench.memory.aborting.clear();
  CHECK(bench.gatos(3, GatosBench::va | type1) == fault_par(0x0a));
  bench.read(3, GatosBench::va);  // the bad CD is cached
  CHECK(bench.gatos(3, GatosBench::ipa | type2) == to_pa);
  CHECK(bench.gatos(3, GatosBench::va | type1) == fault_par(0x0a));
}

TEST_CASE("IHI 0070 §9.1.3: RnW, InD and PnU are those of the request, not of the STE") {
  struct Case {
    std::uint64_t leaf, addr;
    bool allowed;
  };
  constexpr std::uint64_t uxn = std::uint64_t{1} << 54, pxn = std::uint64_t{1} << 53;
  constexpr std::uint64_t base = page_leaf & ~std::uint64_t{3U << 6};
  constexpr std::uint64_t el0 = 1U << 6, read_only = 1U << 7;
  GatosBench bench;
  for (const std::uint64_t overrides : {0U, 0xaU, 0xbU, 0xeU, 0xfU}) {  // INSTCFG, PRIVCFG
    bench.ste1.replace(115, 112, overrides);
    for (const auto& [bits, addr, allowed] : {Case{base, rnw, false},
                                              {base, rnw | pnu, true},
                                              {base | el0, rnw, true},
                                              {base | el0, 0, true},
                                              {base | el0 | read_only, rnw, true},
                                              {base | el0 | read_only, 0, false},
                                              {base | el0 | read_only, pnu, false},
                                              {base | el0 | read_only | uxn, rnw | ind, false},
                                              {base | el0 | read_only | uxn, rnw | ind | pnu, true},
                                              {base | el0 | read_only | pxn, rnw | ind | pnu, false},
                                              {base | el0 | read_only | pxn, rnw | ind, true},
                                              {base | el0 | uxn, ind, true}}) {  // a write is data
      INFO("overrides " << overrides << " leaf " << std::hex << bits << " request " << addr);
      bench.leaf() = GatosBench::pa | bits;
      bench.apply();
      CHECK(bench.gatos(1, GatosBench::va | type1 | addr) == (allowed ? to_pa : fault_par(0x13)));
    }
  }
}

TEST_CASE("IHI 0070 chapter 9: of one stage's request the other's permissions do not count") {
  GatosBench bench;
  bench.nested_leaf() |= 1U << 7;            // stage 1 read-only
  bench.cd3.put(40, 1);                      // and CD.PAN
  bench.leaf2() &= ~std::uint64_t{1U << 6};  // stage 2 write-only
  bench.apply();
  CHECK(bench.gatos(3, GatosBench::va | type1 | rnw) == to_ipa);
  CHECK(bench.gatos(3, GatosBench::va | type1) == fault_par(0x13));
  CHECK(bench.gatos(3, GatosBench::va | type1 | rnw | pnu) == fault_par(0x13));
  CHECK(bench.gatos(3, GatosBench::ipa | type2 | pnu) == to_pa);
  CHECK(bench.gatos(3, GatosBench::ipa | type2 | rnw) == fault_par(0x13, 3));
  CHECK(bench.gatos(3, GatosBench::va | type3) == fault_par(0x13));
  CHECK(bench.gatos(3, GatosBench::va | type3 | rnw) == fault_par(0x13, 3, GatosBench::ipa));
}

TEST_CASE("IHI 0070 chapter 9: the input address is checked as a transaction's, all 64 bits of it") {
  GatosBench bench;
  CHECK(bench.gatos(1, GatosBench::va | std::uint64_t{1} << 39 | type1) == fault_par(0x10));
  CHECK(bench.gatos(1, GatosBench::va | std::uint64_t{1} << 63 | type1) == fault_par(0x10));
  bench.cd1.put(38, 1);  // TBI0
  bench.apply();
  CHECK(bench.gatos(1, GatosBench::va | std::uint64_t{0xa5} << 56 | type1) == to_pa);
  CHECK(bench.gatos(2, std::uint64_t{1} << 39 | type2) == fault_par(0x10, 3));  // S2T0SZ
}

TEST_CASE("IHI 0070 chapter 9: an operation records no event, stalls nothing and is none of the clients'") {
  GatosBench bench;
  bench.cd1.put(44, 1);  // CD.S
  bench.cd3.put(44, 1);
  bench.ste2.put(185, 1);  // S2S
  bench.ste3.put(185, 1);
  bench.apply();
  const smmuv3::Statistics before = bench.smmu.translator().statistics();
  for (const std::uint64_t request : {type1, type2, type3})
    for (const std::uint64_t stream : {0U, 1U, 2U, 3U, 0xffU, 0x100U})
      for (const std::uint64_t address : {std::uint64_t{0x5000}, GatosBench::va, ~std::uint64_t{0xfff}})
        bench.gatos_again(stream, address | request);
  CHECK(bench.smmu.counters().address_translations == 54);
  CHECK(bench.eventq_prod() == 0);
  CHECK(bench.r32(0x60) == 0);
  CHECK(bench.smmu.stalled() == 0);
  CHECK(bench.smmu.counters().events_discarded == 0);
  CHECK(bench.log.interrupts.empty());
  const smmuv3::Statistics& after = bench.smmu.translator().statistics();
  CHECK(after.transactions == before.transactions);
  CHECK(after.walks == before.walks);
  CHECK(after.disabled == before.disabled);
  CHECK(after.bypassed == before.bypassed);
  CHECK(after.stage1_faults == before.stage1_faults);
  CHECK(after.stage2_faults == before.stage2_faults);
  CHECK(after.aborted_walks == before.aborted_walks);
  CHECK(after.configuration_faults == before.configuration_faults);
}

TEST_CASE("IHI 0070 chapter 9: an operation uses no TLB entry of its address, and makes none") {
  GatosBench bench;
  bench.gatos(1, GatosBench::va | type1);
  const Translation walked = bench.read(1, GatosBench::va);
  CHECK(walked.source == Source::Walk);
  const std::vector<arch::WalkAccess> accesses(walked.accesses.begin(), walked.accesses.end());
  bench.gatos(3, GatosBench::va | type3);
  CHECK(std::equal(accesses.begin(), accesses.end(), walked.accesses.begin(),
                   [](const auto& a, const auto& b) { return a.address == b.address; }));
  CHECK(bench.read(1, GatosBench::va).source == Source::MicroTlb);
  bench.leaf() ^= 0x1000;
  CHECK(bench.read(1, GatosBench::va).output == GatosBench::pa);
  CHECK(bench.gatos(1, GatosBench::va | type1) == (to_pa ^ 0x1000));
}

TEST_CASE("IHI 0070 chapter 9: configuration and tables may be cached ones, until they are invalidated") {
  GatosBench bench;
  CHECK(bench.gatos(3, GatosBench::va | type3) == to_pa);
  bench.memory.accesses.clear();
  CHECK(bench.gatos(3, GatosBench::va | type3) == to_pa);
  CHECK(bench.memory.accesses.size() == 2);  // a leaf of each stage
  bench.set_cd(GatosBench::nested_cd_at, Structure());
  bench.nested.at(GatosBench::va, 2) = 0;
  CHECK(bench.gatos(3, GatosBench::va | type3) == to_pa);
  bench.command(0x05 | std::uint64_t{3} << 32, 1);  // CMD_CFGI_CD
  CHECK(bench.gatos(3, GatosBench::va | type3) == fault_par(0x0a));
  bench.set_cd(GatosBench::nested_cd_at, bench.cd3);
  bench.command(0x05 | std::uint64_t{3} << 32, 1);
  CHECK(bench.gatos(3, GatosBench::va | type3) == to_pa);
  bench.command(0x30);  // CMD_TLBI_NSNH_ALL
  CHECK(bench.gatos(3, GatosBench::va | type3) == fault_par(0x10));
}

}  // namespace sidewinder::test
