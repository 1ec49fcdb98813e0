// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

/// Page 0 is read-only, page 1 is read-write, page 2 is unmapped, page 3 has AF 0.
void map_pages(Bench& bench) {
  bench.memory.words[0x12000] = 0x8000'07c3;
  bench.memory.words[0x12008] = 0x8000'1743;
  bench.memory.words[0x12018] = 0x8000'3343;
}

}  // namespace

TEST_CASE("IHI 0062 §3.7.2: FSR, FAR, FSYNR0 and CBFRSYNRA hold the fault, bit for bit") {
  Bench bench;
  bench.usual();
  map_pages(bench);
  bench.access(0x2abc, true, true);
  CHECK(bench.context() == ContextSyndrome{0x402, 0x2abc, 0x33, 0x42});
  bench.clear();
  bench.access(0x0def, true);
  CHECK(bench.context() == ContextSyndrome{0x408, 0x0def, 0x13, 0x42});
  bench.clear();
  bench.access(0x3000, false, false, true);
  CHECK(bench.context() == ContextSyndrome{0x404, 0x3000, 0x43, 0x42});
  bench.clear();
  bench.access(0x1'2345'6789'abcd, false);  // more than 32 bits of address
  CHECK(bench.context() == ContextSyndrome{0x402, 0x1'2345'6789'abcd, 0, 0x42});
  CHECK(bench.context(2) == ContextSyndrome{});
  CHECK(bench.global() == GlobalSyndrome{});
}

TEST_CASE("IHI 0062 §10.2.3: CBFRSYNRA names the stream that faulted, of several in the bank") {
  Bench bench;
  bench.usual();
  bench.w32(0x80c, 0x8fff'0000);  // StreamIDs 0-0xfff to bank 3
  bench.access(0x2000, false, false, false, 0xabc);
  CHECK(bench.context() == ContextSyndrome{0x402, 0x2000, 3, 0xabc});
}

TEST_CASE("IHI 0062 §3.7.3: with HUPCF 0 what comes behind a fault is terminated and leaves no trace") {
  Bench bench;
  bench.usual();
  map_pages(bench);
  CHECK(bench.access(0x1000).action == Action::Forward);  // in the TLB from now on
  bench.access(0x2000);
  const ContextSyndrome first{0x402, 0x2000, 3, 0x42};
  CHECK(bench.context() == first);
  bench.memory.reads.clear();
  for (const std::uint64_t address : {0x1000U, 0x2004U, 0x3000U}) {
    const auto behind = bench.access(address, true);
    CHECK(behind.action == Action::Abort);
    CHECK_FALSE(behind.fault);
    CHECK(bench.context() == first);
  }
  CHECK(bench.memory.reads.empty());
  bench.clear();
  CHECK(bench.access(0x1000).action == Action::Forward);
}

TEST_CASE("IHI 0062 §3.7.3: with HUPCF 1 transactions go on, and a further fault sets only MULTI") {
  Bench bench;
  bench.usual(0x161);
  map_pages(bench);
  bench.access(0x2000);
  CHECK(bench.access(0x1234).output == 0x8000'1234);
  CHECK(bench.context() == ContextSyndrome{0x402, 0x2000, 3, 0x42});
  const auto second = bench.access(0x0040, true, true);
  CHECK(second.action == Action::Abort);
  CHECK(second.fault->kind == arch::FaultKind::Permission);
  CHECK(bench.context() == ContextSyndrome{0x8000'0402, 0x2000, 3, 0x42});
  bench.w32(Bench::cb(3, 0x58), 0x2);  // TF acknowledged, MULTI not: still a fault
  bench.access(0x3000);
  CHECK(bench.context() == ContextSyndrome{0x8000'0400, 0x2000, 3, 0x42});
  bench.clear();
  bench.access(0x3000);
  CHECK(bench.context() == ContextSyndrome{0x404, 0x3000, 3, 0x42});
}

TEST_CASE("IHI 0062 §3.7.3: a fault holds up its own bank and no other") {
  Bench bench;
  bench.usual();
  map_pages(bench);
  bench.attach(0x43, 4);
  bench.regime(4, 0x0080'0019, 0x0003'8015, 0x0001'0000'0001'0000);  // the same tables, ASID 1
  bench.access(0x2000);
  CHECK(bench.access(0x1000, false, false, false, 0x43).output == 0x8000'1000);
  CHECK(bench.access(0x1000).action == Action::Abort);
  bench.access(0x3000, false, false, false, 0x43);
  CHECK(bench.context(3) == ContextSyndrome{0x402, 0x2000, 3, 0x42});
  CHECK(bench.context(4) == ContextSyndrome{0x404, 0x3000, 3, 0x43});
}

TEST_CASE("IHI 0062 §3.7.4: CFRE chooses between an abort and RAZ/WI, the fault is recorded all the same") {
  for (const bool cfre : {false, true}) {
    Bench bench;
    bench.usual(cfre ? 0x61 : 0x41);
    const Action expected = cfre ? Action::Abort : Action::Discard;
    CHECK(bench.access(0x2000).action == expected);
    CHECK(bench.context() == ContextSyndrome{0x402, 0x2000, 3, 0x42});
    CHECK(bench.access(0x2000).action == expected);  // behind the fault
  }
}

TEST_CASE("IHI 0062 §3.8.3: GFRE chooses between an abort and RAZ/WI for a global fault") {
  for (const bool gfre : {false, true}) {
    Bench bench;
    bench.usual();
    bench.w32(0x000, gfre ? 0x406 : 0x404);
    CHECK(bench.access(0x2000, false, false, false, 1).action == (gfre ? Action::Abort : Action::Discard));
    CHECK(bench.global() == GlobalSyndrome{2, 0x2000, 0, 1});
  }
}

TEST_CASE("IHI 0062 §3.6.3: a context interrupt is the level of FSR and CFIE") {
  Bench bench;
  bench.usual(0x21);  // CFRE, not CFIE
  bench.access(0x2000);
  CHECK(bench.lines.changes == 0);
  bench.w32(Bench::cb(3, 0x00), 0x61);
  CHECK(bench.lines.context == std::map<unsigned, bool>{{3, true}});
  bench.w32(Bench::cb(3, 0x00), 0x21);
  CHECK_FALSE(bench.lines.context[3]);
  bench.w32(Bench::cb(3, 0x00), 0x61);
  CHECK(bench.lines.context[3]);
  bench.w32(Bench::cb(3, 0x58), 0x8);  // another bit: still pending
  CHECK(bench.lines.context[3]);
  bench.w32(Bench::cb(3, 0x58), 0x2);
  CHECK_FALSE(bench.lines.context[3]);
  bench.w32(Bench::cb(3, 0x5c), 0x8000'0000);  // a restored MULTI is a fault too
  CHECK(bench.lines.context[3]);
  bench.w32(Bench::cb(3, 0x5c), 0x4000'0600);  // SS and Format are none
  CHECK_FALSE(bench.lines.context[3]);
  CHECK_FALSE(bench.lines.global);
  CHECK(bench.lines.context.size() == 1);
}

TEST_CASE("IHI 0062 §3.6.3: the global interrupt is the level of sGFSR and GFIE") {
  Bench bench;
  bench.usual();
  bench.w32(0x000, 0x402);  // not GFIE
  bench.access(0, false, false, false, 1);
  CHECK(bench.lines.changes == 0);
  bench.w32(0x000, 0x406);
  CHECK(bench.lines.global);
  bench.w32(0x48, 0x1);
  CHECK(bench.lines.global);
  bench.w32(0x48, 0x2);
  CHECK_FALSE(bench.lines.global);
  bench.w32(0x4c, 0x8000'0000);
  CHECK(bench.lines.global);
  bench.w32(0x000, 0x402);
  CHECK_FALSE(bench.lines.global);
  CHECK(bench.lines.context.empty());
}

TEST_CASE("IHI 0062 §16.5.9, §16.5.10: FSR is cleared by ones and restored by FSRRESTORE") {
  Bench bench;
  CHECK(bench.r32(Bench::cb(3, 0x5c)) == 0);
  bench.w32(Bench::cb(3, 0x5c), 0xffff'ffff);
  CHECK(bench.r32(Bench::cb(3, 0x58)) == 0x8000'059e);  // MULTI, UUT, ASF, EF, PF, AFF, TF and Format
  bench.w32(Bench::cb(3, 0x58), 0);
  CHECK(bench.r32(Bench::cb(3, 0x58)) == 0x8000'059e);
  std::uint32_t left = 0x8000'019e;
  for (const unsigned bit : {1U, 2U, 3U, 4U, 7U, 8U, 9U, 10U, 30U, 31U}) {
    bench.w32(Bench::cb(3, 0x58), 1U << bit);
    left &= ~(1U << bit);
    CHECK(bench.r32(Bench::cb(3, 0x58)) == (left | 0x400));
  }
  bench.w32(Bench::cb(3, 0x5c), 0x4);
  bench.w32(Bench::cb(3, 0x5c), 0x8);  // it overwrites
  CHECK(bench.r32(Bench::cb(3, 0x58)) == 0x408);
}

TEST_CASE("IHI 0062 §9.6.15, §9.6.16: sGFSR is cleared by ones and restored by sGFSRRESTORE") {
  Bench bench;
  bench.w32(0x4c, 0xffff'ffff);
  CHECK(bench.r32(0x4c) == 0);
  CHECK(bench.r32(0x48) == 0x8000'000f);  // MULTI, UCBF, SMCF, USF, ICF
  std::uint32_t left = 0x8000'000f;
  for (unsigned bit = 0; bit < 32; ++bit) {
    bench.w32(0x48, 1U << bit);
    left &= ~(1U << bit);
    CHECK(bench.r32(0x48) == left);
  }
  bench.w32(0x4c, 0x4);
  bench.w32(0x4c, 0x8);
  CHECK(bench.r32(0x48) == 0x8);
}

TEST_CASE("IHI 0062 §3.8.1: a second global fault sets MULTI and nothing else") {
  Bench bench;
  bench.usual();
  bench.access(0x1000, true, false, false, 1);
  bench.w32(0xc0c, 0x0002'0000);
  CHECK(bench.access(0x2000, false, true).action == Action::Abort);
  CHECK(bench.global() == GlobalSyndrome{0x8000'0002, 0x1000, 0x2, 1});
  bench.w32(0x48, 0x2);  // MULTI alone still counts as one
  bench.access(0x3000);
  CHECK(bench.global() == GlobalSyndrome{0x8000'0000, 0x1000, 0x2, 1});
  bench.w32(0x48, 0x8000'0000);
  bench.access(0x3000);
  CHECK(bench.global() == GlobalSyndrome{0x1, 0x3000, 0, 0x42});
}

TEST_CASE("IHI 0062 §16.5.8, §16.5.11: software writes FAR, FSYNR0 and CBFRSYNRA") {
  Bench bench;
  bench.w64(Bench::cb(3, 0x60), 0x1'2345'6789'abcd);
  bench.w32(Bench::cb(3, 0x68), 0xffff'ffff);
  bench.w32(0x140c, 0xffff'1940);
  CHECK(bench.context() == ContextSyndrome{0x400, 0x1'2345'6789'abcd, 0xc73, 0x1940});
}

}  // namespace sidewinder::test
