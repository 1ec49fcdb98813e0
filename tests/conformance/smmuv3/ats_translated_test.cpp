// SPDX-License-Identifier: Apache-2.0
//
// ATS Translated transactions, and CMD_ATC_INV with the CMD_SYNC that waits for it.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/ats_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t sync = 0x46;

void check_forbidden(AtsBench& bench, const Translation& translation) {
  CHECK(translation.action == Action::Abort);
  REQUIRE(bench.events_recorded() == 1);
  CHECK(bench.event(0)[0] == 0x0000'0003'0000'0007);
  CHECK(bench.event(0)[1] == std::uint64_t{1} << 35);  // RnW
  CHECK(bench.event(0)[2] == AtsBench::pa);
  CHECK(bench.event(0)[3] == 0);
}

std::uint32_t error_of(const AtsBench& bench) {
  return bench.r32(0x9c) >> 24;
}

}  // namespace

TEST_CASE("IHI 0070 §3.9.1.3: without ATSCHK Translated transactions pass, and no structure is read") {
  AtsBench bench;
  bench.w32(0x20, 0xf);
  for (const std::uint32_t stream : {3U, 0x12345U}) {
    const Translation translation = bench.translated(AtsBench::pa, stream);
    CHECK(translation.action == Action::Forward);
    CHECK(translation.output == AtsBench::pa);
  }
  CHECK(bench.memory.reads.empty());
  CHECK(bench.smmu.translator().statistics().ats_translated == 2);
}

TEST_CASE("IHI 0070 §3.9.1.1: a Translated transaction beyond the OAS is aborted, without an event") {
  AtsBench bench;
  bench.stage1_only();
  for (const std::uint32_t cr0 : {0xfU, 0x1fU}) {
    bench.w32(0x20, cr0);
    CHECK(bench.translated((std::uint64_t{1} << 48) - 8).action == Action::Forward);
    CHECK(bench.translated(std::uint64_t{1} << 48).action == Action::Abort);
  }
  CHECK(bench.events_recorded() == 0);
}

TEST_CASE("IHI 0070 §3.9.1.3: Translated transactions are forbidden where ATS is not enabled") {
  AtsBench bench;
  bench.stage1_only();
  SECTION("SMMUEN is 0, whatever GBPA says") {
    bench.w32(0x20, 0x1e);
    check_forbidden(bench, bench.translated(AtsBench::pa));
  }
  SECTION("STE.Config is 0b100") {
    bench.set_ste(3, ste(4).put(92, 1));
    check_forbidden(bench, bench.translated(AtsBench::pa));
  }
  SECTION("EATS is 0") {
    bench.set_ste(3, stage1_ste(AtsBench::cd_at));
    check_forbidden(bench, bench.translated(AtsBench::pa));
  }
  SECTION("a write") {
    bench.set_ste(3, stage1_ste(AtsBench::cd_at));
    bench.translated(AtsBench::pa + 0xabc, 3, true);
    CHECK(bench.event(0)[1] == 0);
    CHECK(bench.event(0)[2] == AtsBench::pa + 0xabc);
  }
}

TEST_CASE("IHI 0070 §3.9.1: a Secure stream's Translated transaction is forbidden") {
  AtsBench bench;
  const Translation translation = bench.send(
      {.address = AtsBench::pa, .stream_id = 3, .security = SecurityState::Secure, .translated = true});
  CHECK(translation.action == Action::Abort);
  CHECK(bench.events_recorded() == 0);
  CHECK(bench.event(0, true)[0] == 0x0000'0003'0000'0007);
}

TEST_CASE("IHI 0070 §3.9.1.3: STE.Config 0b000 aborts a Translated transaction without an event") {
  AtsBench bench;
  bench.set_ste(3, Structure().put(0, 1).put(92, 1));
  CHECK(bench.translated(AtsBench::pa).action == Action::Abort);
  CHECK(bench.events_recorded() == 0);
}

TEST_CASE(
    "IHI 0070 §3.9.1.3: configuration errors of Translated transactions are recorded with REC_CFG_ATS") {
  // RECINVSID makes no difference to C_BAD_STREAMID here.
  for (const std::uint32_t cr2 : {0x0U, 0x2U, 0x8U, 0xaU}) {
    for (const unsigned event : {0x02U, 0x03U, 0x04U}) {
      INFO("event " << event << ", CR2 " << cr2);
      AtsBench bench;
      bench.stage1_only();
      if (event == 0x03) bench.memory.aborting.insert(AtsBench::stream_table + 0xc0);
      if (event == 0x04) bench.set_ste(3, {});
      bench.record_errors(cr2);
      CHECK(bench.translated(AtsBench::pa, event == 0x02 ? 0x100 : 3).action == Action::Abort);
      REQUIRE(bench.events_recorded() == ((cr2 & 8) != 0 ? 1 : 0));
      if ((cr2 & 8) != 0) CHECK((bench.event(0)[0] & 0xff) == event);
    }
  }
}

TEST_CASE("IHI 0070 §3.9.1.3: the SubstreamID of a Translated transaction is in no record of it") {
  AtsBench bench;
  bench.record_errors();
  bench.set_ste(3, {});
  bench.send({.address = AtsBench::pa, .stream_id = 3, .substream_id = 7, .ssv = true, .translated = true});
  CHECK(bench.event(0)[0] == 0x0000'0003'0000'0004);
}

TEST_CASE("IHI 0070 §3.9.1.3: Full ATS lets a Translated transaction pass as it is, whatever the CD is") {
  AtsBench bench;
  bench.stage1_only();
  bench.set_cd(AtsBench::cd_at, {});
  for (unsigned round = 0; round < 2; ++round) {
    const Translation translation = bench.translated(AtsBench::pa + 8);
    CHECK(translation.action == Action::Forward);
    CHECK(translation.output == AtsBench::pa + 8);
  }
  CHECK(bench.smmu.translator().statistics().stream_fetches == 1);  // the STE is cached
  CHECK(bench.smmu.translator().statistics().context_fetches == 0);
  // An ordinary transaction wants the CD, and what it finds is nothing to a Translated one.
  CHECK(bench.read(3, AtsBench::va).action == Action::Abort);
  CHECK((bench.event(0)[0] & 0xff) == 0x0a);
  CHECK(bench.translated(AtsBench::pa).action == Action::Forward);
  CHECK(bench.smmu.translator().statistics().stream_fetches == 2);
}

TEST_CASE("IHI 0070 chapter 9: GATOS reads the CD that a Translated transaction had no use for") {
  smmuv3::Config config = with_ats();
  config.address_translation_operations = true;
  AtsBench bench(config);
  bench.stage1_only();
  REQUIRE(bench.translated(AtsBench::pa).action == Action::Forward);
  bench.w64(0x108, 3);
  bench.w64(0x110, AtsBench::va | 1 << 10 | 1 << 8);  // stage 1, a read
  bench.w32(0x100, 1);
  CHECK((bench.r64(0x118) & 0x00ff'ffff'ffff'f001) == AtsBench::pa);
}

TEST_CASE("IHI 0070 §13.1.4, table 13.5: a Translated transaction keeps its memory type") {
  AtsBench bench;
  bench.set_ste(
      3, stage1_ste(AtsBench::cd_at).put(92, 1).put(100, 1).put(96, 0).replace(109, 108, 2).put(112, 3));
  Transaction transaction{
      .address = AtsBench::pa, .stream_id = 3, .substream_id = 7, .ssv = true, .translated = true};
  transaction.attributes.instruction = true;
  const Translation translation = bench.send(transaction);
  REQUIRE(translation.action == Action::Forward);
  CHECK(translation.attributes.memory == smmuv3::default_memory);
  CHECK(translation.attributes.privileged);         // PRIVCFG, as Arm recommends
  CHECK_FALSE(translation.attributes.instruction);  // IDR3.PASIDTT is 0
}

TEST_CASE("IHI 0070 §13.6.3: with Split-stage ATS a Translated address is an IPA, for stage 2") {
  AtsBench bench;
  bench.nested(2);
  REQUIRE(bench.read(3, AtsBench::va).output == AtsBench::pa);  // the configuration is cached, CD and all
  const Translation translation = bench.translated(AtsBench::ipa + 0x18);
  REQUIRE(translation.action == Action::Forward);
  CHECK(translation.output == AtsBench::pa + 0x18);

  bench.stage2.at(AtsBench::ipa, 3) &= ~0x80ULL;
  bench.forget();
  CHECK(bench.translated(AtsBench::ipa, 3, true).action == Action::Abort);
  REQUIRE(bench.events_recorded() == 1);
  CHECK(bench.event(0)[0] == 0x0000'0003'0000'0013);
  CHECK(bench.event(0)[1] == (std::uint64_t{1} << 39 | std::uint64_t{2} << 40));  // S2, IN, a write
  CHECK(bench.event(0)[2] == AtsBench::ipa);
  CHECK(bench.event(0)[3] == AtsBench::ipa);

  CHECK(bench.translated(std::uint64_t{1} << 48).action == Action::Abort);  // beyond the IAS
  REQUIRE(bench.events_recorded() == 2);
  CHECK((bench.event(1)[0] & 0xff) == 0x11);
  CHECK((bench.event(1)[1] & std::uint64_t{1} << 39) == 0);  // of stage 1
}

TEST_CASE("IHI 0070 §13.7: stage 2 looks at a Split-stage Translated transaction after PRIVCFG and INSTCFG") {
  AtsBench bench;
  bench.nested(2);
  bench.stage2.at(AtsBench::ipa, 3) |= std::uint64_t{1} << 53;  // executable by EL0 alone
  bench.set_ste(3, nested_ste(AtsBench::cd_at, AtsBench::root2).put(92, 2).put(114, 3));
  CHECK(bench.translated(AtsBench::ipa).action == Action::Forward);
  bench.set_ste(3, nested_ste(AtsBench::cd_at, AtsBench::root2).put(92, 2).put(114, 3).put(112, 3));
  bench.forget();
  CHECK(bench.translated(AtsBench::ipa).action == Action::Abort);
}

TEST_CASE("IHI 0070 §6.3.9: ATSCHK is there with ATS, PRIQEN with PRI, and neither in S_CR0") {
  AtsBench bench;
  bench.w32(0x20, 0xffff'ffff);
  bench.w32(0x8020, 0xffff'ffff);
  CHECK(bench.r32(0x20) == 0x1f);
  CHECK(bench.r32(0x24) == 0x1f);
  CHECK((bench.r32(0x8020) & 0x12) == 0);
  smmuv3::Config config = with_ats();
  config.pri = false;
  AtsBench without(config);
  without.w32(0x20, 0xffff'ffff);
  CHECK(without.r32(0x20) == 0x1d);
}

TEST_CASE("IHI 0070 §4.5.1: CMD_ATC_INV goes out with what it names") {
  AtsBench bench;
  bench.command(0x40 | 1 << 9 | 1 << 11 | 0xabcdeULL << 12 | 0x12345ULL << 32, 0xffff'8765'4321'0000 | 3);
  REQUIRE(bench.root_complex.invalidations.size() == 1);
  const smmuv3::AtcInvalidation what = bench.root_complex.invalidations[0];
  CHECK(what.queue == SecurityState::NonSecure);
  CHECK(what.stream_id == 0x12345);
  CHECK(what.ssv);
  CHECK(what.substream_id == 0xabcde);
  CHECK(what.global);
  CHECK(what.address == 0xffff'8765'4321'0000);
  CHECK(what.span_shift == 15);
  CHECK(bench.smmu.counters().atc_invalidations == 1);
}

TEST_CASE("IHI 0070 §4.5.1: Address is aligned to the span, which is 4 KiB to everything") {
  for (const auto& [size, expected] :
       {std::pair(0ULL, 0xfedc'ba98'7654'3000ULL), std::pair(1ULL, 0xfedc'ba98'7654'2000ULL),
        std::pair(20ULL, 0xfedc'ba98'0000'0000ULL), std::pair(51ULL, 0x8000'0000'0000'0000ULL),
        std::pair(52ULL, 0ULL)}) {
    AtsBench bench;
    bench.command(0x40, 0xfedc'ba98'7654'3000 | size);
    REQUIRE(bench.root_complex.invalidations.size() == 1);
    CHECK(bench.root_complex.invalidations[0].address == expected);
    CHECK(bench.root_complex.invalidations[0].span_shift == 12 + size);
  }
  AtsBench bench;
  bench.command(0x40, 53);
  CHECK(error_of(bench) == 1);
}

TEST_CASE(
    "IHI 0070 §4.5.1: Global and SubstreamID mean nothing without SSV, and SSV nothing without PASIDs") {
  AtsBench bench;
  bench.command(0x40 | 1 << 9 | 0xabcdeULL << 12);
  smmuv3::Config config = with_ats();
  config.substream_id_bits = 0;
  AtsBench without(config);
  without.command(0x40 | 1 << 9 | 1 << 11 | 0xabcdeULL << 12);
  for (const AtsBench* each : {&bench, &without}) {
    REQUIRE(each->root_complex.invalidations.size() == 1);
    CHECK_FALSE(each->root_complex.invalidations[0].ssv);
    CHECK_FALSE(each->root_complex.invalidations[0].global);
    CHECK(each->root_complex.invalidations[0].substream_id == 0);
  }
}

TEST_CASE("IHI 0070 §4.5: which queue may give ATS and PRI commands, and when they are ignored") {
  for (const std::uint64_t opcode : {0x40U, 0x41U}) {
    INFO("opcode " << opcode);
    const auto heard = [&](AtsBench& bench) {
      return bench.root_complex.invalidations.size() + bench.root_complex.responses.size();
    };
    AtsBench bench;
    bench.command(opcode, 0, SecurityState::Secure);
    CHECK(heard(bench) == 1);
    bench.w32(0x20, 0x1e);  // SMMUEN 0
    bench.command(opcode);
    CHECK(error_of(bench) == 0);
    CHECK(heard(bench) == 1);
    bench.command(opcode, 0, SecurityState::Secure);  // the Secure SMMUEN is still 1
    CHECK(heard(bench) == 2);

    smmuv3::Config config = with_ats();
    config.no_secure_ats_commands = true;
    AtsBench sams(config);
    sams.command(opcode, 0, SecurityState::Secure);
    CHECK(sams.r32(0x809c) >> 24 == 1);
    sams.command(opcode);
    CHECK(error_of(sams) == 0);
    CHECK(heard(sams) == 1);

    config = with_ats();
    config.pri = false;
    if (opcode == 0x40) config.ats = config.ats_error_records = false;
    AtsBench absent(config);
    absent.command(opcode);
    CHECK(error_of(absent) == 1);

    InterfaceBench alone(with_ats());  // the rest of the system has no ATS
    alone.command(opcode);
    CHECK(alone.r32(0x9c) == 1);
  }
}

TEST_CASE("IHI 0070 §4.7.3: a CMD_SYNC waits for the ATC invalidations before it, of its own queue") {
  AtsBench bench;
  bench.root_complex.progress = Progress::Pending;
  bench.command(0x40);
  bench.command(0x40);
  CHECK(bench.r32(0x9c) == 2);  // consumed, but not complete
  bench.command(sync | 1 << 12);
  CHECK(bench.r32(0x9c) == 2);
  CHECK_FALSE(bench.smmu.commands_pending(SecurityState::NonSecure));
  CHECK(bench.log.interrupts.empty());

  bench.command(sync, 0, SecurityState::Secure);
  CHECK(bench.r32(0x809c) == 1);

  bench.smmu.end_atc_invalidation(SecurityState::NonSecure, false);
  CHECK_FALSE(bench.smmu.commands_pending(SecurityState::NonSecure));
  bench.w32(0x2c, 0);  // a register write makes it be looked at again, and wait again
  bench.run();
  CHECK(bench.r32(0x9c) == 2);
  bench.smmu.end_atc_invalidation(SecurityState::NonSecure, false);
  CHECK(bench.smmu.commands_pending(SecurityState::NonSecure));
  bench.run();
  CHECK(bench.r32(0x9c) == 3);
  CHECK(bench.log.interrupts.size() == 1);
  bench.smmu.end_atc_invalidation(SecurityState::NonSecure, true);  // of none: nothing
  bench.command(sync);
  CHECK(bench.r32(0x9c) == 4);
}

TEST_CASE("IHI 0070 §4.7.3: a queue that is set up anew is not held up by the CMD_SYNC that was in it") {
  AtsBench bench;
  bench.root_complex.progress = Progress::Pending;
  bench.command(0x40);
  bench.command(sync);
  bench.w32(0x20, 0x17);  // CMDQEN 0
  bench.w32(0x9c, 2);
  bench.w32(0x20, 0x1f);
  bench.command(0x30);
  CHECK(bench.r32(0x9c) == 3);
}

TEST_CASE("IHI 0070 §3.9.1.4, §7.1: after a timeout CMD_SYNC is CERROR_ATC_INV_SYNC, once") {
  for (const bool at_once : {true, false}) {
    AtsBench bench;
    bench.root_complex.progress = at_once ? Progress::TimedOut : Progress::Pending;
    bench.command(0x40);
    if (!at_once) bench.smmu.end_atc_invalidation(SecurityState::NonSecure, true);
    CHECK(bench.r32(0x9c) == 1);
    CHECK((bench.r32(0x60) & 1) == 0);
    bench.command(sync, 0, SecurityState::Secure);
    CHECK(bench.r32(0x809c) == 1);
    bench.command(sync);
    CHECK(bench.r32(0x9c) == 0x0300'0001);
    CHECK((bench.r32(0x60) & 1) == 1);
    bench.w32(0x64, 1);
    bench.run();
    CHECK((bench.r32(0x9c) & 0xfffff) == 2);
  }
}

}  // namespace sidewinder::test
