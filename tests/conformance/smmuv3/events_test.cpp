// SPDX-License-Identifier: Apache-2.0
//
// Event records bit for bit, and the event queue they go to.

#include <catch2/catch.hpp>

#include "iommu/smmuv3/event_record.h"
#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

using Record = std::array<std::uint64_t, 4>;

/// A fault of everything: each field has a value that no other field has.
arch::Fault fault(FaultKind kind) {
  arch::Fault made;
  made.kind = kind;
  made.stage = 2;
  made.cls = FaultClass::Table;
  made.secure_stream = true;
  made.ssv = true;
  made.substream_id = 0xabcde;
  made.ipa_non_secure = true;
  made.ipa = 0x1234'5678'9abc;
  made.fetch_address = 0xfedc'ba98'765f;  // of which bits 2:0 have no place
  made.access = {.address = 0x8000'7654'3210'0123,
                 .stream_id = 0x1234,
                 .write = false,
                 .privileged = true,
                 .instruction = true};
  return made;
}

Record record(const arch::Fault& made, std::optional<std::uint16_t> stag = std::nullopt) {
  return smmuv3::event_record(made, stag, full()).words;
}

constexpr std::uint64_t who = 0x0000'1234'abcd'e800;
constexpr std::uint64_t input = 0x8000'7654'3210'0123;

}  // namespace

TEST_CASE("IHI 0070 §7.3.13 to §7.3.16: records of the four translation-related faults") {
  // RnW 99, InD 98, PnU 97, S2 103, NSIPA 102, CLASS 105:104.
  constexpr std::uint64_t flags = 0x0000'01ce'0000'0000;
  CHECK(record(fault(FaultKind::Translation)) == Record{who | 0x10, flags, input, 0x1234'5678'9000});
  CHECK(record(fault(FaultKind::AddressSize)) == Record{who | 0x11, flags, input, 0x1234'5678'9000});
  CHECK(record(fault(FaultKind::AccessFlag)) == Record{who | 0x12, flags, input, 0x1234'5678'9000});
  // TTRnW 108.
  CHECK(record(fault(FaultKind::Permission)) ==
        Record{who | 0x13, flags | 0x1000'0000'0000, input, 0x1234'5678'9000});

  arch::Fault update = fault(FaultKind::Permission);
  update.table_write = true;
  CHECK(record(update)[1] == flags);
  update.cls = FaultClass::Input;
  CHECK(record(update)[1] == 0x0000'02ce'0000'0000);
  update.table_write = false;  // what was read there was no table of stage 1
  CHECK(record(update)[1] == 0x0000'02ce'0000'0000);
  update.cls = FaultClass::Cd;
  CHECK(record(update)[1] == 0x0000'00ce'0000'0000);
}

TEST_CASE("IHI 0070 §7.3.13: what says read, data, unprivileged, stage 1, no SubstreamID") {
  arch::Fault plain = fault(FaultKind::Translation);
  plain.access.write = true;
  plain.access.privileged = plain.access.instruction = false;
  plain.stage = 1;
  plain.cls = FaultClass::Input;
  plain.ssv = false;
  plain.secure_stream = false;
  CHECK(record(plain) == Record{0x0000'1234'0000'0010, 0x0000'0200'0000'0000, input, 0});
}

TEST_CASE("IHI 0070 §7.3.13: PnU is bit 97, InD bit 98 and RnW bit 99, each by itself") {
  constexpr std::uint64_t pnu = 1ULL << 33, ind = 1ULL << 34, rnw = 1ULL << 35;
  for (const FaultKind kind :
       {FaultKind::Translation, FaultKind::ExternalWalk, FaultKind::UnsupportedUpstream})
    for (const bool privileged : {false, true})
      for (const bool instruction : {false, true})
        for (const bool write : {false, true}) {
          arch::Fault made = fault(kind);
          made.access.privileged = privileged;
          made.access.instruction = instruction;
          made.access.write = write;
          CHECK((record(made)[1] & (pnu | ind | rnw)) ==
                ((privileged ? pnu : 0) | (instruction ? ind : 0) | (write ? 0 : rnw)));
        }
}

TEST_CASE("IHI 0070 §7.3: NSIPA is of stage 2 faults in the Secure event queue") {
  arch::Fault made = fault(FaultKind::Translation);
  made.secure_stream = false;
  CHECK((record(made)[1] >> 38 & 1) == 0);
  made.secure_stream = true;
  made.ipa_non_secure = false;
  CHECK((record(made)[1] >> 38 & 1) == 0);
  made.ipa_non_secure = true;
  CHECK((record(made)[1] >> 38 & 1) == 1);
  made.stage = 1;
  CHECK((record(made)[1] >> 38 & 1) == 0);
}

TEST_CASE("IHI 0070 §7.3.13, §3.12.2: a stalled transaction's record has STALL and its STAG") {
  CHECK(record(fault(FaultKind::Translation), 0xbeef)[1] == 0x0000'01ce'8000'beef);
  CHECK(record(fault(FaultKind::Translation), 0)[1] == 0x0000'01ce'8000'0000);
}

TEST_CASE("IHI 0070 §7.3: an IPA or fetch address has no bits above the OAS") {
  smmuv3::Config config = full();
  config.output_bits = 40;
  CHECK(smmuv3::event_record(fault(FaultKind::Translation), std::nullopt, config).words[3] == 0x34'5678'9000);
  for (const FaultKind kind : {FaultKind::ExternalWalk, FaultKind::SteFetch, FaultKind::CdFetch})
    CHECK(smmuv3::event_record(fault(kind), std::nullopt, config).words[3] == 0xdc'ba98'7658);
}

TEST_CASE("IHI 0070 §7.3.12: F_WALK_EABT has the address that was fetched, and no IPA") {
  CHECK(record(fault(FaultKind::ExternalWalk)) ==
        Record{who | 0x0b, 0x0000'01ce'0000'0000, input, 0xfedc'ba98'7658});
}

TEST_CASE("IHI 0070 §7.3.3 to §7.3.11: records of configuration errors") {
  CHECK(record(fault(FaultKind::BadStreamId)) == Record{who | 0x02, 0, 0, 0});
  CHECK(record(fault(FaultKind::SteFetch)) == Record{who | 0x03, 0, 0, 0xfedc'ba98'7658});
  CHECK(record(fault(FaultKind::BadSte)) == Record{who | 0x04, 0, 0, 0});
  CHECK(record(fault(FaultKind::StreamDisabled)) == Record{0x0000'1234'0000'0006, 0, 0, 0});
  CHECK(record(fault(FaultKind::CdFetch)) == Record{who | 0x09, 0, 0, 0xfedc'ba98'7658});
  CHECK(record(fault(FaultKind::BadCd)) == Record{who | 0x0a, 0, 0, 0});
}

TEST_CASE(
    "IHI 0070 §7.3.2, §7.3.8: records of what is unsupported, and of what is forbidden to be translated") {
  CHECK(record(fault(FaultKind::UnsupportedUpstream)) == Record{who | 0x01, 0x0000'000e'0000'0000, input, 0});
  arch::Fault forbidden = fault(FaultKind::TranslForbidden);
  CHECK(record(forbidden) == Record{0x0000'1234'0000'0007, 0x0000'0008'0000'0000, input, 0});
  forbidden.access.write = true;
  CHECK(record(forbidden) == Record{0x0000'1234'0000'0007, 0, input, 0});
}

TEST_CASE("IHI 0070 §7.3.9: C_BAD_SUBSTREAMID has no SSV, and SubstreamID 0 where there was none") {
  CHECK(record(fault(FaultKind::BadSubstreamId)) == Record{0x0000'1234'abcd'e008, 0, 0, 0});
  arch::Fault without = fault(FaultKind::BadSubstreamId);
  without.ssv = false;
  CHECK(record(without) == Record{0x0000'1234'0000'0008, 0, 0, 0});
}

TEST_CASE("IHI 0070 §7.2: an event is written at PROD, PROD moves on, and the first one is signalled") {
  InterfaceBench bench;
  CHECK(bench.eventq_prod() == 0);
  bench.read(3, 0x1000);  // V 0
  CHECK(bench.eventq_prod() == 1);
  CHECK(bench.event(0) == Record{0x0000'0003'0000'0004, 0, 0, 0});
  REQUIRE(bench.log.interrupts.size() == 1);
  CHECK(bench.log.interrupts[0] == std::pair(SecurityState::NonSecure, Interrupt::EventQueue));
  bench.read(5, 0x1000);
  CHECK(bench.eventq_prod() == 2);
  CHECK(bench.event(1) == Record{0x0000'0005'0000'0004, 0, 0, 0});
  CHECK(bench.log.interrupts.size() == 1);  // it was not empty
  bench.w32(0x100ac, 2);
  bench.read(5, 0x1000);
  CHECK(bench.log.interrupts.size() == 2);
}

TEST_CASE("IHI 0070 §7.2.3: a Secure stream's events go to the Secure queue, in Secure memory") {
  InterfaceBench bench;
  bench.send({.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure});
  CHECK(bench.eventq_prod() == 0);
  CHECK(bench.r32(0x80a8) == 1);
  CHECK(bench.event(0, true) == Record{0x0000'0003'0000'0004, 0, 0, 0});
  CHECK(bench.event(0) == Record{});
  REQUIRE(bench.log.interrupts.size() == 1);
  CHECK(bench.log.interrupts[0] == std::pair(SecurityState::Secure, Interrupt::EventQueue));
}

TEST_CASE("IHI 0070 §7.3.16: a permission fault on a hit has the record that a walk's has") {
  constexpr std::uint64_t cd_at = 0x2000'0000, root = 0x3000'0000, read_only = 0x4000'0fc3;
  InterfaceBench bench;
  bench.set_ste(3, stage1_ste(cd_at));
  bench.set_cd(cd_at, cd(root));
  Tables(bench.memory, 12, 39, root).at(0x1000, 3) = read_only;
  Transaction write{.address = 0x1234, .stream_id = 3};
  write.attributes.write = true;
  CHECK(bench.send(write).source == Source::Walk);
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
  for (unsigned hits = 1; hits <= 2; ++hits) {
    const Translation hit = bench.send(write);
    CHECK(hit.source == Source::MicroTlb);
    CHECK(hit.action == Action::Abort);
    REQUIRE(bench.eventq_prod() == 1 + hits);
    CHECK(bench.event(hits) == bench.event(0));
  }
  CHECK(bench.event(0) == Record{0x0000'0003'0000'0013, 0x0000'0200'0000'0000, 0x1234, 0});
}

TEST_CASE("IHI 0070 §7.4: a full queue discards, toggles OVFLG once, and is no global error") {
  InterfaceBench bench;
  for (std::uint32_t stream = 0; stream < 16; ++stream) bench.read(stream, 0x1000);
  CHECK(bench.eventq_prod() == 0x10);  // full: the wrap flag differs
  bench.read(17, 0x1000);
  CHECK(bench.eventq_prod() == 0x8000'0010);
  bench.read(18, 0x1000);
  CHECK(bench.eventq_prod() == 0x8000'0010);
  CHECK(bench.r32(0x60) == 0);
  CHECK(bench.event(0)[0] == 0x0000'0000'0000'0004);

  bench.w32(0x100ac, 0x8000'0010);  // all read, overflow acknowledged
  bench.read(19, 0x1000);
  CHECK(bench.eventq_prod() == 0x8000'0011);
  CHECK(bench.event(0)[0] == 0x0000'0013'0000'0004);
  for (std::uint32_t stream = 0; stream < 16; ++stream) bench.read(stream, 0x1000);
  CHECK(bench.eventq_prod() == 0x0000'0000);  // full and overflown again: both flags toggled
}

TEST_CASE("IHI 0070 §7.2.1: without EVENTQEN events are discarded, and that is no overflow") {
  InterfaceBench bench;
  bench.w32(0x20, 0x9);
  bench.read(3, 0x1000);
  CHECK(bench.eventq_prod() == 0);
  CHECK(bench.event(0) == Record{});
}

TEST_CASE("IHI 0070 §7.2.2: an aborted write of an event is EVENTQ_ABT_ERR, and PROD stays") {
  InterfaceBench bench;
  bench.memory.aborting.insert(InterfaceBench::events + 8);
  bench.read(3, 0x1000);
  CHECK(bench.eventq_prod() == 0);
  CHECK(bench.r32(0x60) == 0x4);
  REQUIRE(bench.log.interrupts.size() == 1);
  CHECK(bench.log.interrupts[0].second == Interrupt::GlobalError);
  bench.memory.aborting.clear();
  bench.read(3, 0x1000);  // the queue is not writable while the error is active
  CHECK(bench.eventq_prod() == 0);
  bench.w32(0x64, 0x4);
  bench.read(3, 0x1000);
  CHECK(bench.eventq_prod() == 1);
}

TEST_CASE("IHI 0070 §3.18: the event queue's MSI goes where its registers say, one that aborts is an error") {
  InterfaceBench bench;
  bench.w32(0x50, 0);
  bench.w64(0xb0, 0x1a00'0044);
  bench.w32(0xb8, 0xcafe);
  bench.w32(0xbc, 0x35);
  bench.w32(0x50, 0x5);
  bench.read(3, 0x1000);
  CHECK(bench.memory.words[0x1a00'0040] == 0x0000'cafe'0000'0000);
  CHECK(bench.memory.accesses.back().attributes == arch::from_stage2(5, 3));

  bench.w32(0x100ac, 1);
  bench.memory.aborting.insert(0x1a00'0040);
  bench.read(3, 0x1000);
  CHECK(bench.r32(0x60) == 0x20);
  CHECK(bench.eventq_prod() == 2);
}

}  // namespace sidewinder::test
