// SPDX-License-Identifier: Apache-2.0
//
// Transactions that stall: their tags, their events, and what ends their waiting.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t cd_at = 0x2000'0000;
constexpr std::uint64_t root = 0x3000'0000;

using Resumed = std::vector<std::pair<std::uint64_t, Resumption>>;

/// Streams 3 and 4 with nothing mapped, and CD.S.
void stalling(InterfaceBench& bench) {
  bench.set_ste(3, stage1_ste(cd_at));
  bench.set_ste(4, stage1_ste(cd_at));
  bench.set_cd(cd_at, cd(root).put(44, 1));
}

std::uint64_t stag_of(const InterfaceBench& bench, unsigned event) {
  return bench.event(event)[1] & 0xffff;
}

/// CMD_RESUME: `action` is Ac in bit 0 and Ab in bit 1.
void resume(InterfaceBench& bench, std::uint64_t stream, std::uint64_t stag, std::uint64_t action) {
  bench.command(0x44 | action << 12 | stream << 32, stag);
}

}  // namespace

TEST_CASE("IHI 0070 §3.12.2: a stalled transaction's event has a tag of its own") {
  InterfaceBench bench;
  stalling(bench);
  CHECK(bench.read(3, 0x1000, 11).action == Action::Stall);
  CHECK(bench.read(3, 0x2000, 12).action == Action::Stall);
  CHECK(bench.smmu.stalled() == 2);
  CHECK(bench.event(0)[0] == 0x0000'0003'0000'0010);
  CHECK((bench.event(0)[1] & 0x8000'0000) != 0);
  CHECK((bench.event(1)[1] & 0x8000'0000) != 0);
  CHECK(stag_of(bench, 0) != stag_of(bench, 1));
  CHECK(bench.log.resumed.empty());
}

TEST_CASE("IHI 0070 §4.7.1: CMD_RESUME retries, aborts or completes as RAZ/WI") {
  InterfaceBench bench;
  stalling(bench);
  for (const std::uint64_t token : {1U, 2U, 3U, 4U}) bench.read(3, 0x1000, token);
  resume(bench, 3, stag_of(bench, 2), 1);
  resume(bench, 3, stag_of(bench, 0), 2);
  resume(bench, 3, stag_of(bench, 1), 0);
  resume(bench, 3, stag_of(bench, 3), 3);  // Ab is IGNORED with Retry
  CHECK(bench.log.resumed ==
        Resumed{
            {3, Resumption::Retry}, {1, Resumption::Abort}, {2, Resumption::RazWi}, {4, Resumption::Retry}});
  CHECK(bench.smmu.stalled() == 0);
}

TEST_CASE("IHI 0070 §4.7.1: with TERM_MODEL 1 Ab is IGNORED, and a terminated transaction aborts") {
  smmuv3::Config config = full();
  config.always_abort = true;
  InterfaceBench bench(config);
  stalling(bench);
  bench.read(3, 0x1000, 7);
  resume(bench, 3, stag_of(bench, 0), 0);
  CHECK(bench.log.resumed == Resumed{{7, Resumption::Abort}});
}

TEST_CASE("IHI 0070 §4.7.1: a tag that is not the stream's, was answered, or never was, changes nothing") {
  InterfaceBench bench;
  stalling(bench);
  bench.read(3, 0x1000, 7);
  const std::uint64_t stag = stag_of(bench, 0);
  resume(bench, 4, stag, 1);
  resume(bench, 3, stag + 1, 1);
  resume(bench, 3, 0xffff, 1);
  CHECK(bench.log.resumed.empty());
  CHECK(bench.r32(0x9c) == 3);  // and is no error
  resume(bench, 3, stag, 1);
  resume(bench, 3, stag, 1);
  CHECK(bench.log.resumed.size() == 1);
}

TEST_CASE("IHI 0070 §4.7.1: a Non-secure CMD_RESUME does not reach a Secure stream's transaction") {
  InterfaceBench bench;
  bench.set_secure_ste(3, stage1_ste(cd_at));
  for (unsigned word = 0; word < 8; ++word)
    bench.memory.secure_words[cd_at + 8 * word] = cd(root).put(44, 1).words[word];
  bench.send({.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure}, 5);
  REQUIRE(bench.smmu.stalled() == 1);
  const std::uint64_t stag = bench.event(0, true)[1] & 0xffff;
  resume(bench, 3, stag, 1);
  bench.command(0x45 | std::uint64_t{3} << 32);
  bench.command(0x44 | 1 << 12 | std::uint64_t{3} << 32, stag, SecurityState::Secure);  // SSec 0
  CHECK(bench.log.resumed.empty());
  bench.command(0x44 | 1 << 10 | 1 << 12 | std::uint64_t{3} << 32, stag, SecurityState::Secure);
  CHECK(bench.log.resumed == Resumed{{5, Resumption::Retry}});
}

TEST_CASE("IHI 0070 §4.7.1, §4.7.2: from the Secure queue SSec says whose stalled transaction is answered") {
  for (const bool terminates : {false, true})
    for (const std::uint64_t ssec : {0U, 1U}) {
      INFO((terminates ? "CMD_STALL_TERM" : "CMD_RESUME") << ", SSec " << ssec);
      InterfaceBench bench;
      stalling(bench);
      bench.set_secure_ste(3, stage1_ste(cd_at));
      for (unsigned word = 0; word < 8; ++word)
        bench.memory.secure_words[cd_at + 8 * word] = cd(root).put(44, 1).words[word];
      bench.read(3, 0x1000, 1);
      bench.send({.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure}, 2);
      REQUIRE(bench.smmu.stalled() == 2);
      const std::uint64_t stag = bench.event(0, ssec == 1)[1] & 0xffff;
      const std::uint64_t whose = ssec << 10 | std::uint64_t{3} << 32;
      if (terminates)
        bench.command(0x45 | whose, 0, SecurityState::Secure);
      else
        bench.command(0x44 | 1 << 12 | whose, stag, SecurityState::Secure);
      CHECK(bench.log.resumed == Resumed{{ssec + 1, terminates ? Resumption::Abort : Resumption::Retry}});
      CHECK(bench.smmu.stalled() == 1);
    }
}

TEST_CASE("IHI 0070 §4.7.2: CMD_STALL_TERM aborts all of a stream, and no other") {
  InterfaceBench bench;
  stalling(bench);
  bench.read(3, 0x1000, 1);
  bench.read(4, 0x1000, 2);
  bench.read(3, 0x2000, 3);
  bench.command(0x45 | std::uint64_t{3} << 32);
  CHECK(bench.log.resumed == Resumed{{1, Resumption::Abort}, {3, Resumption::Abort}});
  CHECK(bench.smmu.stalled() == 1);
}

TEST_CASE("IHI 0070 §4.7: without the stall model CMD_RESUME and CMD_STALL_TERM are CERROR_ILL") {
  smmuv3::Config config = full();
  config.stall_model = smmuv3::StallModel::NoStall;
  config.stall_max = 0;
  for (const std::uint64_t opcode : {0x44U, 0x45U}) {
    InterfaceBench bench(config);
    bench.command(opcode);
    CHECK(bench.r32(0x9c) >> 24 == 1);
  }
  InterfaceBench bench;
  bench.w32(0x8020, 0x20d);  // NSSTALLD
  CHECK((bench.r32(0) >> 24 & 3) == 1);
  bench.command(0x44);
  CHECK(bench.r32(0x9c) >> 24 == 1);
  bench.memory.words[InterfaceBench::commands] = 0x45;
  bench.w32(0x64, 1);
  bench.run();
  CHECK(bench.r32(0x9c) >> 24 == 1);
  bench.command(0x44, 0, SecurityState::Secure);
  CHECK(bench.r32(0x809c) == 1);
}

TEST_CASE("IHI 0070 §6.3.9.6: SMMUEN to 0 aborts what is stalled in that Security state") {
  InterfaceBench bench;
  stalling(bench);
  bench.read(3, 0x1000, 1);
  bench.w32(0x8020, 0xc);
  CHECK(bench.log.resumed.empty());
  bench.w32(0x20, 0xc);
  CHECK(bench.log.resumed == Resumed{{1, Resumption::Abort}});
  CHECK(bench.smmu.stalled() == 0);
}

TEST_CASE(
    "IHI 0070 §7.2.1: a stall whose event finds no room is tried again when there is some, with no "
    "overflow") {
  InterfaceBench bench;
  stalling(bench);
  for (std::uint32_t stream = 16; stream < 32; ++stream) bench.read(stream, 0x1000);
  REQUIRE(bench.eventq_prod() == 0x10);
  CHECK(bench.read(3, 0x1000, 9).action == Action::Stall);
  CHECK(bench.eventq_prod() == 0x10);  // OVFLG as before
  CHECK(bench.log.resumed.empty());
  bench.w32(0x100ac, 1);
  CHECK(bench.log.resumed == Resumed{{9, Resumption::Retry}});
  CHECK(bench.smmu.stalled() == 0);
}

TEST_CASE("IHI 0070 §6.3.6: more than STALL_MAX wait without a tag, and all try when one comes free") {
  smmuv3::Config config = full();
  config.stall_max = 2;
  InterfaceBench bench(config);
  stalling(bench);
  for (const std::uint64_t token : {1U, 2U, 3U, 4U})
    CHECK(bench.read(3, 0x1000 * token, token).action == Action::Stall);
  CHECK(bench.smmu.stalled() == 4);
  CHECK(bench.eventq_prod() == 2);
  resume(bench, 3, stag_of(bench, 0), 2);
  CHECK(bench.log.resumed == Resumed{{1, Resumption::Abort}, {3, Resumption::Retry}, {4, Resumption::Retry}});
  bench.log.resumed.clear();
  for (const std::uint64_t token : {3U, 4U})
    CHECK(bench.read(3, 0x1000 * token, token).action == Action::Stall);
  CHECK(bench.eventq_prod() == 3);
  bench.w32(0x20, 0xc);
  CHECK(bench.log.resumed == Resumed{{2, Resumption::Abort}, {3, Resumption::Abort}, {4, Resumption::Abort}});
  CHECK(bench.smmu.stalled() == 0);
}

TEST_CASE("IHI 0070 §3.12.2: no stall is forgotten when those before it go on") {
  smmuv3::Config config = full();
  config.stall_max = 1;
  InterfaceBench bench(config);
  stalling(bench);
  for (const std::uint64_t token : {1U, 2U, 3U}) bench.read(3, 0x1000, token);
  Tables(bench.memory, 12, 39, root).at(0x1000, 3) = 0x4000'0f43;
  resume(bench, 3, stag_of(bench, 0), 1);
  CHECK(bench.log.resumed == Resumed{{1, Resumption::Retry}, {2, Resumption::Retry}, {3, Resumption::Retry}});
  for (const std::uint64_t token : {1U, 2U, 3U})
    CHECK(bench.read(3, 0x1000, token).action == Action::Forward);
  CHECK(bench.smmu.stalled() == 0);
}

TEST_CASE("IHI 0070 §7.2.1: what stalls without EVENTQEN keeps no tag from the other Security state") {
  smmuv3::Config config = full();
  config.stall_max = 1;
  InterfaceBench bench(config);
  stalling(bench);
  bench.set_secure_ste(3, stage1_ste(cd_at));
  for (unsigned word = 0; word < 8; ++word)
    bench.memory.secure_words[cd_at + 8 * word] = cd(root).put(44, 1).words[word];
  bench.w32(0x20, 0x9);
  bench.read(3, 0x1000, 1);
  bench.send({.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure}, 2);
  CHECK(bench.r32(0x80a8) == 1);
  CHECK(bench.eventq_prod() == 0);
  bench.command(0x44 | 1 << 10 | 2 << 12 | std::uint64_t{3} << 32, bench.event(0, true)[1] & 0xffff,
                SecurityState::Secure);
  bench.w32(0x20, 0xd);
  CHECK(bench.log.resumed == Resumed{{2, Resumption::Abort}, {1, Resumption::Retry}});
}

TEST_CASE("IHI 0070 §7.2.2: a stall whose record aborts is tried again once the error is acknowledged") {
  InterfaceBench bench;
  stalling(bench);
  bench.memory.aborting.insert(InterfaceBench::events);
  CHECK(bench.read(3, 0x1000, 5).action == Action::Stall);
  CHECK(bench.r32(0x60) == 4);
  CHECK(bench.log.resumed.empty());
  bench.memory.aborting.clear();
  bench.w32(0x64, 4);
  CHECK(bench.log.resumed == Resumed{{5, Resumption::Retry}});
}

}  // namespace sidewinder::test
