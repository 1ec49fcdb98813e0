// SPDX-License-Identifier: Apache-2.0
//
// ATS Translation Requests and their completions.

#include <catch2/catch.hpp>

#include <functional>

#include "tests/conformance/smmuv3/ats_bench.h"

namespace sidewinder::test {
namespace {

/// R, W, Exe and Priv of a Success, as a number of four bits; no Success is 16.
unsigned granted(const AtsCompletion& completion) {
  if (completion.status != Status::Success) return 16;
  return (completion.read ? 8U : 0) | (completion.write ? 4U : 0) | (completion.execute ? 2U : 0) |
         (completion.privileged ? 1U : 0);
}

void check_refused(AtsBench& bench, const AtsCompletion& completion) {
  CHECK(completion.status == Status::UnsupportedRequest);
  REQUIRE(bench.events_recorded() == 1);
  CHECK(bench.event(0)[0] == 0x0000'0003'0000'0005);
  CHECK(bench.event(0)[1] == 0);
  CHECK(bench.event(0)[2] == AtsBench::va);
  CHECK(bench.event(0)[3] == 0);
}

/// A stream with PASIDs: CD 5 is the usual one, of a linear table of 8 CDs.
Structure with_pasids(AtsBench& bench, Structure ste, std::uint64_t s1dss) {
  bench.set_cd(AtsBench::cd_at + 5 * 64, cd(AtsBench::root));
  return ste.put(59, 3).put(64, s1dss);
}

AtsRequest of_pasid(bool no_write, bool execute, bool privileged) {
  return {.address = AtsBench::va,
          .stream_id = 3,
          .substream_id = 5,
          .ssv = true,
          .no_write = no_write,
          .execute = execute,
          .privileged = privileged};
}

}  // namespace

TEST_CASE("IHI 0070 §3.9.1.2: ATS that is not enabled is an Unsupported Request and F_BAD_ATS_TREQ") {
  AtsBench bench;
  bench.stage1_only();
  SECTION("SMMUEN is 0") {
    bench.w32(0x20, 0xc);
    check_refused(bench, bench.ask());
  }
  SECTION("STE.Config is 0b100") {
    bench.set_ste(3, ste(4).put(92, 1));
    check_refused(bench, bench.ask());
  }
  SECTION("EATS is 0, and the CD is not looked at") {
    bench.set_ste(3, stage1_ste(AtsBench::cd_at));
    bench.set_cd(AtsBench::cd_at, {});
    bench.read(3, AtsBench::va);
    bench.w32(0x100ac, bench.eventq_prod());
    REQUIRE(bench.event(0)[0] == 0x0000'0003'0000'000a);
    CHECK(bench.ask().status == Status::UnsupportedRequest);
    CHECK(bench.event(1)[0] == 0x0000'0003'0000'0005);
  }
  SECTION("EATS is 0b10 without ATSCHK") {
    bench.nested(2);
    bench.w32(0x20, 0xf);
    check_refused(bench, bench.ask());
  }
  SECTION("EATS is 0b11, for which there is no DPT") {
    bench.set_ste(3, stage1_ste(AtsBench::cd_at).put(92, 3));
    check_refused(bench, bench.ask(AtsBench::va + 0x123));
  }
}

TEST_CASE("IHI 0070 §7.3.6: F_BAD_ATS_TREQ has the SubstreamID of the request") {
  AtsBench bench;
  bench.set_ste(3, stage1_ste(AtsBench::cd_at));
  CHECK_FALSE(bench.ask(of_pasid(false, false, true)).privileged);
  CHECK(bench.event(0)[0] == 0x0000'0003'0000'5805);
}

TEST_CASE(
    "IHI 0070 §3.9.1: a Secure stream's Translation Request is refused before its StreamID is looked at") {
  AtsBench bench;
  const AtsCompletion completion =
      bench.ask({.address = AtsBench::va, .stream_id = 0xffff, .security = SecurityState::Secure});
  CHECK(completion.status == Status::UnsupportedRequest);
  CHECK(bench.events_recorded() == 0);
  CHECK(bench.r32(0x80a8) == 1);
  CHECK(bench.event(0, true)[0] == 0x0000'ffff'0000'0005);
  CHECK(bench.memory.reads.empty());
}

TEST_CASE("IHI 0070 §3.9.1.2: STE.Config 0b000 is an Unsupported Request without an event") {
  AtsBench bench;
  bench.set_ste(3, Structure().put(0, 1).put(92, 1));
  CHECK(bench.ask().status == Status::UnsupportedRequest);
  CHECK(bench.events_recorded() == 0);
}

TEST_CASE("IHI 0070 §5.2, EATS: without IDR0.ATS no request is made, and none is recorded") {
  AtsBench bench(full());
  bench.stage1_only();
  CHECK(bench.ask().status == Status::UnsupportedRequest);
  CHECK(bench.translated(AtsBench::pa).action == Action::Abort);
  CHECK(bench.events_recorded() == 0);
  CHECK((bench.r32(0x20) & 0x12) == 0);
}

TEST_CASE("IHI 0070 §3.9.1.2: configuration errors are a Completer Abort, recorded with REC_CFG_ATS") {
  struct Error {
    const char* name;
    std::uint64_t event;
    std::function<void(AtsBench&)> make;
    AtsRequest request{.address = AtsBench::va, .stream_id = 3};
  };
  const std::vector<Error> errors{
      {"StreamID", 0x02, [](AtsBench&) {}, {.address = AtsBench::va, .stream_id = 0x100}},
      {"STE fetch", 0x03, [](AtsBench& b) { b.memory.aborting.insert(AtsBench::stream_table + 0xc0); }},
      {"STE", 0x04, [](AtsBench& b) { b.set_ste(3, {}); }},
      {"SubstreamID", 0x08, [](AtsBench&) {}, of_pasid(false, false, false)},
      {"stream disabled", 0x06,
       [](AtsBench& b) { b.set_ste(3, stage1_ste(AtsBench::cd_at).put(92, 1).put(59, 3)); }},
      {"CD fetch", 0x09, [](AtsBench& b) { b.memory.aborting.insert(AtsBench::cd_at); }},
      {"CD", 0x0a, [](AtsBench& b) { b.set_cd(AtsBench::cd_at, {}); }},
      {"walk", 0x0b,
       [](AtsBench& b) { b.memory.aborting.insert(AtsBench::root + 8 * (AtsBench::va >> 30)); }},
  };
  for (const Error& error : errors) {
    for (const std::uint32_t cr2 : {0x0U, 0x2U, 0x8U, 0xaU}) {
      INFO(error.name << ", CR2 " << cr2);
      AtsBench bench;
      bench.stage1_only();
      error.make(bench);
      bench.record_errors(cr2);
      CHECK(bench.ask(error.request).status == Status::CompleterAbort);
      const bool recorded = (cr2 & 8) != 0 && (error.event != 0x02 || (cr2 & 2) != 0);
      REQUIRE(bench.events_recorded() == (recorded ? 1 : 0));
      if (recorded) CHECK((bench.event(0)[0] & 0xff) == error.event);
    }
  }
}

TEST_CASE("IHI 0070 §6.3.12: REC_CFG_ATS is there with ATSRECERR, and not in S_CR2") {
  AtsBench bench;
  bench.w32(0x20, 0);
  bench.w32(0x8020, 0);
  bench.w32(0x2c, 0xffff'ffff);
  bench.w32(0x802c, 0xffff'ffff);
  CHECK(bench.r32(0x2c) == 0xb);
  CHECK(bench.r32(0x802c) == 0x3);
  smmuv3::Config config = with_ats();
  config.ats_error_records = false;
  AtsBench without(config);
  without.w32(0x20, 0);
  without.w32(0x2c, 0xffff'ffff);
  CHECK(without.r32(0x2c) == 0x3);
}

TEST_CASE("IHI 0070 §3.9.1.2: translation-related faults are a Success that grants nothing, and no event") {
  const std::vector<std::pair<const char*, std::function<void(AtsBench&)>>> faults{
      {"F_TRANSLATION", [](AtsBench& b) { b.stage1.at(AtsBench::va, 3) = 0; }},
      {"F_ADDR_SIZE", [](AtsBench& b) { b.set_cd(AtsBench::cd_at, cd(AtsBench::root).replace(34, 32, 0)); }},
      {"F_ACCESS", [](AtsBench& b) { b.stage1.at(AtsBench::va, 3) &= ~0x400ULL; }},
      {"F_PERMISSION", [](AtsBench& b) { b.stage1.at(AtsBench::va, 3) &= ~0x40ULL; }},
      {"stage 2 F_TRANSLATION", [](AtsBench& b) { b.stage2.at(AtsBench::ipa, 3) = 0; }},
      {"stage 2 F_ACCESS", [](AtsBench& b) { b.stage2.at(AtsBench::ipa, 3) &= ~0x400ULL; }},
      {"stage 2 F_PERMISSION", [](AtsBench& b) { b.stage2.at(AtsBench::ipa, 3) &= ~0xc0ULL; }},
      {"stage 2, for the CD", [](AtsBench& b) { b.stage2.at(AtsBench::cd_at, 3) = 0; }},
      {"stage 2 F_PERMISSION, for the CD", [](AtsBench& b) { b.stage2.at(AtsBench::cd_at, 3) &= ~0xc0ULL; }},
      {"stage 2, for a table", [](AtsBench& b) { b.stage2.at(AtsBench::root, 3) = 0; }},
      {"stage 2 F_PERMISSION, for a table", [](AtsBench& b) { b.stage2.at(AtsBench::root, 3) &= ~0xc0ULL; }},
  };
  for (const auto& [name, spoil] : faults) {
    INFO(name);
    AtsBench bench;
    bench.nested();
    REQUIRE(granted(bench.ask()) == 0xc);
    bench.forget();
    spoil(bench);
    bench.record_errors();
    const AtsCompletion completion = bench.ask();
    CHECK(granted(completion) == 0);
    CHECK(completion.size_shift == 12);
    CHECK(bench.events_recorded() == 0);
    CHECK(bench.smmu.stalled() == 0);
  }
}

TEST_CASE("IHI 0070 §3.9.1.2: a CD that stalls or ends as RAZ/WI makes no difference to a request") {
  for (const unsigned bit : {44U, 46U}) {  // CD.S, CD.A
    AtsBench bench;
    bench.stage1_only();
    bench.set_cd(AtsBench::cd_at,
                 bit == 44 ? cd(AtsBench::root).put(44, 1) : cd(AtsBench::root).replace(46, 46, 0));
    const AtsCompletion completion = bench.ask(0x1000);
    CHECK(granted(completion) == 0);
    CHECK(bench.smmu.stalled() == 0);
    CHECK(bench.events_recorded() == 0);
  }
}

TEST_CASE("IHI 0070 §3.9.1: a denial has the size of the smallest granule, the STU") {
  const auto denied_size = [](bool has_16k) {
    smmuv3::Config config = with_ats();
    config.granule_4k = config.aarch32 = false;
    config.granule_16k = has_16k;
    AtsBench bench(config);
    bench.set_ste(3, stage1_ste(AtsBench::cd_at).put(92, 1));
    bench.set_cd(AtsBench::cd_at, cd(AtsBench::root).put(6, has_16k ? 2 : 1));
    const AtsCompletion completion = bench.ask();
    CHECK(granted(completion) == 0);
    return unsigned{completion.size_shift};
  };
  CHECK(denied_size(true) == 14);
  CHECK(denied_size(false) == 16);
}

TEST_CASE("IHI 0070 §13.7: what each request is granted by each page") {
  constexpr std::uint64_t xn = std::uint64_t{1} << 54, pxn = std::uint64_t{1} << 53;
  struct Page {
    const char* name;
    std::uint64_t leaf;
    unsigned user;        ///< granted to NW 0, Exe 1, Priv 0
    unsigned privileged;  ///< granted to NW 0, Exe 1, Priv 1
  };
  const std::vector<Page> pages{
      {"RW for both, executable for both but what EL0 can write", 0xf43, 0xe, 0xd},
      {"RW for both, XN for both", 0xf43 | xn | pxn, 0xc, 0xd},
      {"RO for both", 0xfc3, 0xa, 0xb},
      {"RO for both, UXN", 0xfc3 | xn, 0x8, 0xb},
      {"RO for both, PXN", 0xfc3 | pxn, 0xa, 0x9},
      {"EL1 alone RW, UXN", 0xf03 | xn, 0x0, 0xf},
      {"EL1 alone RW, EL0 executes only", 0xf03, 0x0, 0xf},
      {"EL1 alone RO, UXN", 0xf83 | xn, 0x0, 0xb},
  };
  for (const Page& page : pages) {
    INFO(page.name);
    AtsBench bench;
    bench.stage1_only();
    bench.set_ste(3, with_pasids(bench, stage1_ste(AtsBench::cd_at).put(92, 1), 0));
    bench.stage1.at(AtsBench::va, 3) = AtsBench::pa | page.leaf;
    // Twice: from a walk, and from what the TLB kept.
    for (unsigned round = 0; round < 2; ++round) {
      INFO("round " << round);
      CHECK(granted(bench.ask(of_pasid(false, true, false))) == page.user);
      CHECK(granted(bench.ask(of_pasid(false, true, true))) == (page.privileged == 0 ? 1 : page.privileged));
      // Exe is granted where it was asked for; W to NW too, since the page is not to be marked.
      CHECK(granted(bench.ask(of_pasid(false, false, false))) == (page.user & ~2U));
      CHECK(granted(bench.ask(of_pasid(true, true, false))) == page.user);
    }
    // Without a PASID, Priv and Exe mean nothing: the request is of EL0, for data.
    bench.set_ste(3, stage1_ste(AtsBench::cd_at).put(92, 1));
    bench.forget();
    CHECK(
        granted(bench.ask({.address = AtsBench::va, .stream_id = 3, .execute = true, .privileged = true})) ==
        (page.user & ~2U));
  }
}

TEST_CASE("IHI 0070 §13.7.1: PRIVCFG says whose permissions count, and Priv comes back as it was asked") {
  AtsBench bench;
  bench.stage1_only();
  bench.stage1.at(AtsBench::va, 3) = AtsBench::pa | 0xf03 | std::uint64_t{1} << 54;  // EL1 alone
  const auto with_privcfg = [&](std::uint64_t privcfg, bool privileged) {
    bench.set_ste(3, with_pasids(bench, stage1_ste(AtsBench::cd_at).put(92, 1), 0).put(112, privcfg));
    bench.forget();
    return granted(bench.ask(of_pasid(false, false, privileged)));
  };
  CHECK(with_privcfg(0, false) == 0x0);
  CHECK(with_privcfg(0, true) == 0xd);
  CHECK(with_privcfg(2, true) == 0x1);   // unprivileged
  CHECK(with_privcfg(3, false) == 0xc);  // privileged
}

TEST_CASE("IHI 0070 §13.7.1: INSTCFG says what counts as leave to read, and what as leave to execute") {
  constexpr std::uint64_t xn = std::uint64_t{1} << 54;
  struct Case {
    std::uint64_t instcfg, leaf;
    unsigned granted;
  };
  // EL0: executes only; reads only; reads and executes.
  for (const Case& each : {Case{0, 0xf83, 0x0}, Case{2, 0xf83, 0x0}, Case{3, 0xf83, 0xa},
                           Case{0, 0xfc3 | xn, 0x8}, Case{2, 0xfc3 | xn, 0xa}, Case{3, 0xfc3 | xn, 0x0},
                           Case{0, 0xfc3, 0xa}, Case{2, 0xfc3, 0xa}, Case{3, 0xfc3, 0xa}}) {
    INFO("INSTCFG " << each.instcfg << ", leaf " << std::hex << each.leaf);
    AtsBench bench;
    bench.stage1_only();
    bench.stage1.at(AtsBench::va, 3) = AtsBench::pa | each.leaf;
    bench.set_ste(3, with_pasids(bench, stage1_ste(AtsBench::cd_at).put(92, 1), 0).put(114, each.instcfg));
    CHECK(granted(bench.ask(of_pasid(true, true, false))) == each.granted);
    CHECK(granted(bench.ask(of_pasid(true, false, false))) == (each.granted & ~2U));
  }
}

TEST_CASE("IHI 0070 §13.7.1: with INSTCFG leave to write is still that of data") {
  AtsBench bench;
  bench.stage1_only();
  bench.stage1.at(AtsBench::va, 3) = AtsBench::pa | 0xf43 | std::uint64_t{1} << 54;  // EL0 executes nothing
  bench.set_ste(3, with_pasids(bench, stage1_ste(AtsBench::cd_at).put(92, 1), 0).put(114, 3));
  CHECK(granted(bench.ask(of_pasid(false, true, false))) == 0x4);
}

TEST_CASE("IHI 0070 §13.7: stage 2's permissions take away from stage 1's") {
  for (const auto& [s2ap, expected] :
       {std::pair(0U, 0x0U), std::pair(1U, 0x8U), std::pair(2U, 0x4U), std::pair(3U, 0xcU)}) {
    INFO("S2AP " << s2ap);
    AtsBench bench;
    bench.nested();
    bench.stage2.at(AtsBench::ipa, 3) = AtsBench::pa | (AtsBench::leaf2 & ~0xc0ULL) | s2ap << 6;
    CHECK(granted(bench.ask()) == expected);
    CHECK(granted(bench.ask()) == expected);
  }
}

TEST_CASE("IHI 0070 §13.7.1: leave to execute is granted with leave to read alone") {
  AtsBench bench;
  bench.nested();
  bench.set_cd(AtsBench::cd_at + 5 * 64, cd(AtsBench::root));
  bench.set_ste(3, with_pasids(bench, nested_ste(AtsBench::cd_at, AtsBench::root2).put(92, 1), 0));
  bench.stage1.at(AtsBench::va, 3) = AtsBench::ipa | 0xf43;
  for (const unsigned s2ap : {2U, 3U}) {
    bench.stage2.at(AtsBench::ipa, 3) = AtsBench::pa | (AtsBench::leaf2 & ~0xc0ULL) | s2ap << 6;
    bench.forget();
    CHECK(granted(bench.ask(of_pasid(false, true, false))) == (s2ap == 2 ? 0x4 : 0xe));
  }
}

TEST_CASE("IHI 0070 §3.13.7: the access flag is set where something is granted, and by nothing else") {
  AtsBench bench;
  bench.stage1_only();
  bench.set_cd(AtsBench::cd_at, cd(AtsBench::root).put(43, 1));  // HA
  std::uint64_t& leaf = bench.stage1.at(AtsBench::va, 3);
  leaf &= ~0x400ULL;
  CHECK(granted(bench.ask({.address = AtsBench::va, .stream_id = 3, .no_write = true})) == 0xc);
  CHECK((leaf & 0x400) != 0);
  bench.forget();
  leaf = AtsBench::pa | (AtsBench::leaf & ~0x440ULL);  // EL1 alone
  CHECK(granted(bench.ask()) == 0);
  CHECK((leaf & 0x400) == 0);
}

TEST_CASE("IHI 0070 §3.13.7: a page is marked dirty where writing was asked for and is granted") {
  constexpr std::uint64_t dbm = std::uint64_t{1} << 51;
  AtsBench bench;
  bench.stage1_only();
  bench.set_cd(AtsBench::cd_at, cd(AtsBench::root).put(42, 1).put(43, 1));  // HD, HA
  std::uint64_t& leaf = bench.stage1.at(AtsBench::va, 3);
  leaf |= dbm | 0x80;  // writable-clean
  const AtsRequest no_write{.address = AtsBench::va, .stream_id = 3, .no_write = true};
  CHECK(granted(bench.ask(no_write)) == 0x8);
  CHECK(granted(bench.ask(no_write)) == 0x8);  // from the TLB
  CHECK((leaf & 0x80) != 0);
  CHECK(granted(bench.ask()) == 0xc);  // after a hit on the clean page
  CHECK((leaf & 0x80) == 0);
  CHECK(granted(bench.ask(no_write)) == 0xc);

  bench.forget();
  leaf |= 0x80;
  CHECK(granted(bench.ask()) == 0xc);  // without one
  CHECK((leaf & 0x80) == 0);

  bench.set_cd(AtsBench::cd_at, cd(AtsBench::root).put(43, 1));
  bench.forget();
  leaf |= 0x80;
  CHECK(granted(bench.ask()) == 0x8);  // HTTU of the access flag alone
  CHECK((leaf & 0x80) != 0);
}

TEST_CASE("IHI 0070 §3.13.7.1: stage 2 stays clean where stage 1 gives no leave to write") {
  constexpr std::uint64_t dbm = std::uint64_t{1} << 51;
  for (const bool writable : {false, true}) {
    AtsBench bench;
    bench.nested();
    bench.set_ste(3, nested_ste(AtsBench::cd_at, AtsBench::root2).put(92, 1).put(183, 1).put(184, 1));
    std::uint64_t& leaf2 = bench.stage2.at(AtsBench::ipa, 3);
    leaf2 = (leaf2 & ~0x80ULL) | dbm;
    if (!writable) bench.stage1.at(AtsBench::va, 3) |= 0x80;
    CHECK(granted(bench.ask()) == (writable ? 0xc : 0x8));
    CHECK(((leaf2 & 0x80) != 0) == writable);
  }
}

TEST_CASE("IHI 0070 §13.7: a request with NW marks nothing, where there is no leave to read either") {
  AtsBench bench;
  bench.nested();
  bench.set_ste(3, nested_ste(AtsBench::cd_at, AtsBench::root2).put(92, 1).put(183, 1).put(184, 1));
  std::uint64_t& leaf2 = bench.stage2.at(AtsBench::ipa, 3);
  leaf2 = (leaf2 & ~0xc0ULL) | std::uint64_t{1} << 51;  // no leave to read, writable-clean
  const std::uint64_t clean = leaf2;
  CHECK(granted(bench.ask({.address = AtsBench::va, .stream_id = 3, .no_write = true})) == 0);
  CHECK(leaf2 == clean);
  CHECK(granted(bench.ask()) == 0x4);
  CHECK(leaf2 != clean);
}

TEST_CASE("IHI 0070 §3.9.1.2: an external abort while a page is marked dirty is a Completer Abort") {
  AtsBench bench;
  bench.stage1_only();
  bench.set_cd(AtsBench::cd_at, cd(AtsBench::root).put(42, 1).put(43, 1));
  std::uint64_t& leaf = bench.stage1.at(AtsBench::va, 3);
  leaf |= std::uint64_t{1} << 51 | 0x80;
  for (const auto& [address, word] : bench.memory.words)
    if (&word == &leaf) bench.memory.aborting_writes.insert(address);
  CHECK(bench.ask({.address = AtsBench::va, .stream_id = 3, .no_write = true}).status == Status::Success);
  CHECK(bench.ask().status == Status::CompleterAbort);
}

TEST_CASE("IHI 0070 §3.9.1: a completion has the address and size of what was translated") {
  AtsBench bench;
  SECTION("a page of stage 1") {
    bench.stage1_only();
    const AtsCompletion completion = bench.ask(AtsBench::va + 0xabc);
    CHECK(completion.address == AtsBench::pa);
    CHECK(completion.size_shift == 12);
  }
  SECTION("a block of stage 1, and its tag byte with TBI") {
    bench.stage1_only();
    bench.set_cd(AtsBench::cd_at, cd(AtsBench::root).put(38, 1));  // TBI0
    bench.stage1.at(0x4000'0000, 2) = 0x8020'0000 | (AtsBench::leaf & ~2ULL);
    const AtsCompletion completion = bench.ask(0xab00'0000'4012'3456);
    CHECK(granted(completion) == 0xc);
    CHECK(completion.address == 0x8020'0000);
    CHECK(completion.size_shift == 21);
  }
  SECTION("stage 2 alone") {
    bench.stage2_only();
    CHECK(bench.ask(AtsBench::ipa).address == AtsBench::pa);
  }
  SECTION("both stages: the smaller") {
    bench.nested();
    bench.stage1.at(0x4000'0000, 2) = 0x5000'0000 | (AtsBench::leaf & ~2ULL);
    bench.stage2.at(AtsBench::root + 0x3000, 3) = (AtsBench::root + 0x3000) | AtsBench::leaf2;
    bench.stage2.at(0x5012'3000, 3) = AtsBench::pa | AtsBench::leaf2;
    const AtsCompletion completion = bench.ask(0x4012'3456);
    CHECK(completion.address == AtsBench::pa);
    CHECK(completion.size_shift == 12);
  }
}

TEST_CASE(
    "IHI 0070 §13.6.3: with Split-stage ATS the address is the IPA, the permissions those of both stages") {
  AtsBench bench;
  bench.nested(2);
  bench.stage2.at(AtsBench::ipa, 3) &= ~0x80ULL;
  const AtsCompletion completion = bench.ask();
  CHECK(granted(completion) == 0x8);
  CHECK(completion.address == AtsBench::ipa);
  CHECK(completion.size_shift == 12);
  bench.stage2.at(AtsBench::ipa, 3) = 0;
  bench.forget();
  CHECK(granted(bench.ask()) == 0);
}

TEST_CASE(
    "IHI 0070 §13.6.4: what S1DSS lets skip the only stage is the same address, all of the OAS at once") {
  AtsBench bench;
  bench.set_ste(3, with_pasids(bench, stage1_ste(AtsBench::cd_at).put(92, 1), 1));
  const AtsCompletion completion = bench.ask(0x1234'5678);
  CHECK(granted(completion) == 0xc);
  CHECK(completion.address == 0);
  CHECK(completion.size_shift == 48);
  CHECK(granted(bench.ask({.address = 0x1000, .stream_id = 3, .execute = true, .privileged = true})) == 0xc);
  CHECK(granted(bench.ask(std::uint64_t{1} << 48)) == 0);
  CHECK(bench.events_recorded() == 0);
  bench.stage1.at(AtsBench::va, 3) = AtsBench::pa | AtsBench::leaf;
  CHECK(bench.ask(of_pasid(true, false, false)).address == AtsBench::pa);
}

TEST_CASE("IHI 0070 §13.6.4, §13.6.5: what S1DSS lets skip stage 1 is stage 2's to translate, or to permit") {
  for (const std::uint64_t eats : {1U, 2U}) {
    INFO("EATS " << eats);
    AtsBench bench;
    bench.nested(eats);
    bench.set_ste(3, with_pasids(bench, nested_ste(AtsBench::cd_at, AtsBench::root2).put(92, eats), 1));
    bench.stage2.at(AtsBench::ipa, 3) &= ~0x80ULL;
    const AtsCompletion completion = bench.ask(AtsBench::ipa + 0x123);
    CHECK(granted(completion) == 0x8);
    CHECK(completion.address == (eats == 1 ? AtsBench::pa : AtsBench::ipa));
    CHECK(completion.size_shift == 12);
    const AtsCompletion beyond = bench.ask(std::uint64_t{1} << 48);  // the IAS
    CHECK(granted(beyond) == 0);
    CHECK(beyond.fault->kind == FaultKind::AddressSize);
    CHECK(beyond.fault->stage == 1);
    CHECK(bench.events_recorded() == 0);
  }
}

TEST_CASE("IHI 0070 §3.9.1: requests use the main TLB and fill it, until a TLBI") {
  AtsBench bench;
  bench.stage1_only();
  CHECK_FALSE(bench.ask().accesses.empty());
  CHECK(bench.ask().accesses.empty());
  CHECK(bench.read(3, AtsBench::va).source == Source::MainTlb);
  bench.stage1.at(AtsBench::va, 3) = 0x1234'5000 | AtsBench::leaf;
  CHECK(bench.ask().address == AtsBench::pa);
  bench.command(0x30);
  CHECK(bench.ask().address == 0x1234'5000);
  CHECK(bench.smmu.translator().statistics().ats_requests == 4);
}

}  // namespace sidewinder::test
