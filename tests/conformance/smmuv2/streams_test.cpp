// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint32_t group(unsigned index) {
  return 0x800 + 4 * index;
}
constexpr std::uint32_t s2cr(unsigned index) {
  return 0xc00 + 4 * index;
}

}  // namespace

TEST_CASE("IHI 0062 §2.1.1: with CLIENTPD 1 a transaction bypasses the SMMU") {
  Bench bench;
  bench.usual();
  bench.w32(0x000, 0x407);
  for (const std::uint32_t sid : {0x42U, 0x999U}) {
    const auto result = bench.access(0x1234'5678, true, true, false, sid);
    CHECK(result.action == Action::Forward);
    CHECK(result.source == Source::Bypass);
    CHECK(result.output == 0x1234'5678);
    CHECK_FALSE(result.bank);
  }
  CHECK(bench.global() == GlobalSyndrome{});
  CHECK(bench.context() == ContextSyndrome{});
  CHECK(bench.memory.reads.empty());

  bench.w32(0x000, 0x406);
  CHECK(bench.access(0x1234'5678).action == Action::Abort);
}

TEST_CASE("IHI 0062 §1.6.2: an address that bypasses is truncated to the output size") {
  smmuv2::Config config = wide();
  config.output_bits = 36;
  Bench bench(config);
  CHECK(bench.access(0x1f3'4567'89ab).output == 0x3'4567'89ab);  // CLIENTPD
  bench.w32(0x000, 0);
  CHECK(bench.access(0x1f3'4567'89ab, false, false, false, 7).output == 0x3'4567'89ab);  // unmatched
  bench.w32(group(0), 0x8000'0042);
  bench.w32(s2cr(0), 0x0001'0000);
  CHECK(bench.access(0x1f3'4567'89ab).output == 0x3'4567'89ab);  // S2CR bypass
}

TEST_CASE("IHI 0062 §2.3.6: an unmatched stream passes with USFCFG 0 and faults with USFCFG 1") {
  Bench bench;
  bench.usual();
  bench.w32(0x000, 0x006);
  const auto passed = bench.access(0xabcd, true, false, false, 0x43);
  CHECK(passed.action == Action::Forward);
  CHECK(passed.output == 0xabcd);
  CHECK(bench.global() == GlobalSyndrome{});

  bench.w32(0x000, 0x406);
  const auto faulted = bench.access(0xabcd, true, true, false, 0x43);
  CHECK(faulted.action == Action::Abort);
  CHECK(faulted.fault->kind == arch::FaultKind::UnidentifiedStream);
  CHECK(bench.global() == GlobalSyndrome{0x2, 0xabcd, 0x6, 0x43});  // USF; PNU, WNR
}

TEST_CASE("IHI 0062 §2.3.7: MASK bits do not take part, VALID 0 takes the group out") {
  Bench bench;
  bench.enable();
  bench.w32(group(5), 0x8000'0000 | 0x00ff'0000 | 0x1900);
  bench.w32(s2cr(5), 0x0001'0000);  // bypass
  for (const std::uint32_t sid : {0x1900U, 0x1940U, 0x19ffU})
    CHECK(bench.access(0, false, false, false, sid).action == Action::Forward);
  for (const std::uint32_t sid : {0x1800U, 0x1a00U, 0x0900U, 0x5900U, 0x9900U})
    CHECK(bench.access(0, false, false, false, sid).action == Action::Abort);
  bench.w32(group(5), 0x00ff'1900);
  CHECK(bench.access(0, false, false, false, 0x1940).action == Action::Abort);
  bench.w32(group(5), 0xffff'0000);  // every StreamID of 15 bits
  CHECK(bench.access(0, false, false, false, 0x7fff).action == Action::Forward);
  CHECK(bench.access(0, false, false, false, 0).action == Action::Forward);
  CHECK(bench.access(0, false, false, false, 0x8000).action == Action::Abort);
}

TEST_CASE("IHI 0062 §2.3.7: a StreamID that several groups match is a conflict fault") {
  Bench bench;
  bench.usual();
  bench.memory.words[0x12000] = 0x80000743;
  CHECK(bench.access(0).action == Action::Forward);
  bench.w32(group(127), 0x8001'0043);  // 0x42 and 0x43
  const auto result = bench.access(0x10, false, false, true);
  CHECK(result.action == Action::Abort);
  CHECK(result.fault->kind == arch::FaultKind::StreamMatchConflict);
  CHECK(bench.global() == GlobalSyndrome{0x4, 0x10, 0x8, 0x42});  // SMCF; IND

  bench.w32(0x48, 0xffff'ffff);
  bench.w32(0x000, 0x006);  // SMCFCFG reads as one: USFCFG does not help
  CHECK(bench.access(0x10).action == Action::Abort);
  CHECK(bench.global() == GlobalSyndrome{0x4, 0x10, 0, 0x42});
  bench.w32(group(127), 0x0001'0043);
  CHECK(bench.access(0).output == 0x80000000);
}

TEST_CASE("IHI 0062 §9.6.23: S2CR.TYPE selects translation, bypass or fault") {
  Bench bench;
  bench.usual();
  bench.memory.words[0x12000] = 0x80000743;
  CHECK(bench.access(0x5).output == 0x80000005);
  CHECK(bench.access(0x5).bank == std::uint8_t{3});

  bench.w32(s2cr(3), 0x0001'0003);
  const auto passed = bench.access(0x5);
  CHECK(passed.output == 0x5);
  CHECK(passed.source == Source::Bypass);
  CHECK_FALSE(passed.bank);

  for (const std::uint32_t type : {0x0002'0003U, 0x0003'0003U}) {  // 3 is treated as a fault context
    bench.w32(s2cr(3), type);
    const auto result = bench.access(0x5, true);
    CHECK(result.action == Action::Abort);
    CHECK(result.fault->kind == arch::FaultKind::InvalidContext);
    CHECK_FALSE(result.bank);
    CHECK(bench.global() == GlobalSyndrome{0x1, 0x5, 0x2, 0x42});  // ICF; WNR, not Nested
    bench.w32(0x48, 0xffff'ffff);
  }
  CHECK(bench.context() == ContextSyndrome{});
}

TEST_CASE("IHI 0062 §3.8.4: a bank that does not exist is an unimplemented context bank fault") {
  Bench bench;
  bench.usual();
  for (const std::uint32_t bank : {64U, 255U}) {
    bench.w32(s2cr(3), bank);
    CHECK(bench.access(0x77).fault->kind == arch::FaultKind::UnimplementedContextBank);
    CHECK(bench.global() == GlobalSyndrome{0x8, 0x77, 0, 0x42});  // UCBF, not Nested
    bench.w32(0x48, 0xffff'ffff);
  }
  bench.w32(s2cr(3), 63);
  bench.w32(0x1000 + 4 * 63, 0x0001'0000);
  CHECK(bench.access(0x77).output == 0x77);  // SCTLR.M is 0 there
}

TEST_CASE("IHI 0062 §3.8.4: only CBAR.TYPE 1 is a context here, any other is an invalid one") {
  Bench bench;
  bench.usual();
  bench.memory.words[0x12000] = 0x80000743;
  for (const std::uint32_t type : {0U, 2U, 3U}) {  // stage 2; stage 2 fault; nested
    bench.w32(0x100c, type << 16);
    const auto result = bench.access(0x77);
    CHECK(result.action == Action::Abort);
    CHECK(result.fault->kind == arch::FaultKind::InvalidContext);
    CHECK(bench.global() == GlobalSyndrome{0x1, 0x77, 0x1, 0x42});  // ICF; Nested
    bench.w32(0x48, 0xffff'ffff);
  }
  CHECK(bench.context() == ContextSyndrome{});
  bench.w32(0x100c, 0x0001'0000);
  CHECK(bench.access(0x77).output == 0x80000077);
}

TEST_CASE("IHI 0062 §9.6.23, §3.4: PRIVCFG and INSTCFG replace the attributes, and FSYNR0 has the result") {
  Bench bench;
  bench.usual();  // nothing is mapped: every access faults and shows its attributes
  for (std::uint32_t privcfg = 0; privcfg < 4; ++privcfg) {
    for (std::uint32_t instcfg = 0; instcfg < 4; ++instcfg) {
      bench.w32(s2cr(3), privcfg << 24 | instcfg << 26 | 3);
      for (unsigned in = 0; in < 8; ++in) {
        const bool write = (in & 1) != 0, privileged = (in & 2) != 0, instruction = (in & 4) != 0;
        bench.access(0, write, privileged, instruction);
        const bool pnu = privcfg == 3 || (privcfg != 2 && privileged);
        const bool ind = !write && (instcfg == 3 || (instcfg != 2 && instruction));  // writes are data
        const std::uint32_t fsynr0 = 3U | (write ? 0x10U : 0) | (pnu ? 0x20U : 0) | (ind ? 0x40U : 0);
        INFO("PRIVCFG " << privcfg << " INSTCFG " << instcfg << " in " << in);
        CHECK(bench.context() == ContextSyndrome{0x402, 0, fsynr0, 0x42});
        bench.clear();
      }
    }
  }
}

TEST_CASE("IHI 0062 §3.4: a global fault records the attributes as they came in") {
  Bench bench;
  bench.usual();
  bench.w32(0x100c, 0x0002'0000);
  bench.w32(s2cr(3), 0x0f00'0003);  // privileged, instruction
  bench.access(0x10, false, false, false);
  CHECK(bench.global() == GlobalSyndrome{0x1, 0x10, 0x1, 0x42});
  bench.w32(0x48, 0xffff'ffff);
  bench.w32(s2cr(3), 0x0a00'0003);  // unprivileged, data
  bench.access(0x10, false, true, true);
  CHECK(bench.global() == GlobalSyndrome{0x1, 0x10, 0xd, 0x42});
}

TEST_CASE("IHI 0062 §2.1.1, §3.7.2: with SCTLR.M 0 the address goes out as it came in, if it fits") {
  smmuv2::Config config = wide();
  config.output_bits = 40;
  Bench bench(config);
  bench.usual(0x60);                           // CFRE, CFIE
  bench.w32(Bench::cb(3, 0x10), 0x0000'0000);  // SEP bit 31 and PASize 32 bits: both are for M 1
  const auto passed = bench.access(0xff'8000'0123, true, false, false);
  CHECK(passed.action == Action::Forward);
  CHECK(passed.source == Source::Bypass);
  CHECK(passed.output == 0xff'8000'0123);
  CHECK(passed.bank == std::uint8_t{3});
  CHECK(bench.memory.reads.empty());

  CHECK(bench.access(0x100'0000'0000, true).action == Action::Abort);  // table 3-3
  CHECK(bench.context() == ContextSyndrome{0x480, 0x100'0000'0000, 0x10, 0x42});
}

}  // namespace sidewinder::test
