// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

struct Register {
  std::uint64_t offset = 0;
  std::uint32_t writable = 0;  ///< keeps what is written
  std::uint32_t fixed = 0;     ///< reads as one
};

void check_masks(Bench& bench, const Register& reg) {
  INFO("offset 0x" << std::hex << reg.offset);
  bench.w32(reg.offset, 0xffff'ffff);
  CHECK(bench.r32(reg.offset) == (reg.writable | reg.fixed));
  bench.w32(reg.offset, 0);
  CHECK(bench.r32(reg.offset) == reg.fixed);
  for (unsigned bit = 0; bit < 32; ++bit) {
    bench.w32(reg.offset, 1U << bit);
    CHECK(bench.r32(reg.offset) == ((1U << bit & reg.writable) | reg.fixed));
  }
}

}  // namespace

TEST_CASE("IHI 0062 §9.2: reset values") {
  Bench bench;
  CHECK(bench.r32(0x000) == 0x0020'1001);  // CLIENTPD; PTM and SMCFCFG read as one
  CHECK(bench.r32(0x074) == 0);            // sTLBGSTATUS
  CHECK(bench.global() == GlobalSyndrome{});
  for (unsigned bank : {0U, 63U}) {
    CHECK(bench.r32(Bench::cb(bank, 0x00)) == 0);  // SCTLR: M, CFRE and CFIE among them
    CHECK(bench.context(bank) == ContextSyndrome{});
    CHECK(bench.r32(0x1800 + 4 * bank) == 1);  // CBA2R.VA64
    CHECK(bench.r32(Bench::cb(bank, 0x7f4)) == 0);
  }
  CHECK(bench.lines.changes == 0);
}

TEST_CASE("IHI 0062 §9.6.1: ID registers say what the configuration has") {
  smmuv2::Config config;
  SECTION("as by default") {
    Bench bench(config);
    // S1TS, SMS, ATOSNS, no AArch32, 1 interrupt a bank, CTTW, 15 StreamID bits, 128 groups.
    CHECK(bench.r32(0x20) == 0x4e01'5e80);
    CHECK(bench.r32(0x24) == 0x6000'8040);  // NUMPAGENDXB 6, SMCD, 64 banks
    CHECK(bench.r32(0x28) == 0x0000'7111);  // 4, 16 and 64 KiB; 36 bits everywhere
    CHECK(bench.r32(0x3c) == 0x24);         // r2p4
  }
  SECTION("each field follows its parameter") {
    config.stream_match_groups = 17;
    config.context_banks = 5;
    config.page_index_bits = 3;
    config.coherent_walk = false;
    config.upstream_bits = 49;
    config.output_bits = 44;
    Bench bench(config);
    CHECK(bench.r32(0x20) == 0x4e01'1e11);
    CHECK(bench.r32(0x24) == 0x3000'8005);
    CHECK(bench.r32(0x28) == 0x0000'7544);
  }
  SECTION("the sizes' encodings") {
    const unsigned bits[] = {32, 36, 40, 42, 44, 48};
    for (std::uint32_t code = 0; code < 6; ++code) {
      config.output_bits = bits[code];
      config.upstream_bits = bits[code] == 48 ? 49 : bits[code];
      Bench bench(config);
      CHECK(bench.r32(0x28) == (0x7000 | code << 8 | code << 4 | code));
    }
  }
  SECTION("they are read-only, and IDR3-6 are reserved") {
    Bench bench(config);
    for (std::uint64_t offset = 0x20; offset <= 0x3c; offset += 4) {
      const std::uint32_t before = bench.r32(offset);
      bench.w32(offset, ~before);
      CHECK(bench.r32(offset) == before);
    }
    for (std::uint64_t offset = 0x2c; offset <= 0x38; offset += 4) CHECK(bench.r32(offset) == 0);
  }
}

TEST_CASE("IHI 0062 §9.6: fields of the global registers that are not implemented are RAZ/WI") {
  Bench bench;
  // CLIENTPD, GFRE, GFIE, USFCFG, VMIDPNE. Not EXIDENABLE, GCFGFRE, GCFGFIE, TRANSIENTCFG, STALLD, GSE, FB,
  // BSU, MemAttr, MTCFG, SHCFG, RACFG, WACFG, HYPMODE, VMID16EN.
  check_masks(bench, {0x000, 0x0000'0c07, 0x0020'1000});
  check_masks(bench, {0x010, 0x0400'0500, 0});  // sACR: CACHE_LOCK, S2CRB_TLBEN, SMTNMB_TLBEN (DDI 0517)
  check_masks(bench, {0x050, 0x0000'000f, 0});  // sGFSYNR0: Nested, WNR, PNU, IND
  check_masks(bench, {0x054, 0x0000'ffff, 0});  // sGFSYNR1: StreamID
  check_masks(bench, {0x058, 0, 0});            // sGFSYNR2
  for (unsigned group : {0U, 127U}) {
    check_masks(bench, {0x800 + 4 * group, 0xffff'7fff, 0});  // SMR: all but bit 15
    check_masks(bench, {0xc00 + 4 * group, 0x0f03'00ff, 0});  // S2CR: INSTCFG, PRIVCFG, TYPE, CBNDX
  }
  for (unsigned bank : {0U, 63U}) {
    check_masks(bench, {0x1000 + 4 * bank, 0x0003'f3ff, 0});  // CBAR: TYPE, MemAttr, BPSHCFG, VMID
    check_masks(bench, {0x1400 + 4 * bank, 0x0000'ffff, 0});  // CBFRSYNRA
    check_masks(bench, {0x1800 + 4 * bank, 0, 1});            // CBA2R: VA64 reads as one
  }
}

TEST_CASE("IHI 0062 §16.5: fields of a context bank that are not implemented are RAZ/WI") {
  Bench bench;
  for (unsigned bank : {0U, 63U}) {
    // M, TRE, AFE, AFFD, E, CFRE, CFIE, HUPCF, WXN, ASIDPNE. Not CFCFG, UWXN, TRANSIENTCFG, MemAttr, UCI.
    check_masks(bench, {Bench::cb(bank, 0x00), 0x0000'137f, 0});
    check_masks(bench, {Bench::cb(bank, 0x10), 0x0003'8077, 0});  // TCR2: SEP, TBI1, TBI0, AS, PASize
    for (std::uint64_t offset : {0x20U, 0x24U, 0x28U, 0x2cU, 0x30U, 0x34U, 0x38U, 0x3cU, 0x60U, 0x64U})
      check_masks(bench, {Bench::cb(bank, offset), 0xffff'ffff, 0});
    check_masks(bench, {Bench::cb(bank, 0x68), 0x0000'0c73, 0});  // FSYNR0: AFR, PTWF, IND, PNU, WNR, PLVL
    for (std::uint64_t offset :
         {0x08U, 0x6cU, 0x7f4U, 0x800U, 0xf00U})  // RESUME, FSYNR1, TLBSTATUS, ATS, PMU
      check_masks(bench, {Bench::cb(bank, offset), 0, 0});
  }
}

TEST_CASE("DDI 0517: a context bank's ACTLR changes only while sACR.CACHE_LOCK is 0") {
  Bench bench;
  CHECK(bench.r32(0x010) == 0x0400'0000);
  CHECK(bench.r32(Bench::cb(3, 0x04)) == 3);
  bench.w32(Bench::cb(3, 0x04), 0);
  CHECK(bench.r32(Bench::cb(3, 0x04)) == 3);
  bench.w32(0x010, 0);
  bench.w32(Bench::cb(3, 0x04), 0xffff'fffe);
  CHECK(bench.r32(Bench::cb(3, 0x04)) == 2);
}

TEST_CASE("IHI 0062 §8.1, §8.3: where the spaces lie, and RAZ/WI beyond what is implemented") {
  smmuv2::Config config;
  config.stream_match_groups = 16;
  config.context_banks = 8;
  config.page_index_bits = 3;  // 16 pages each: the banks begin at 0x10000
  Bench bench(config);

  bench.w32(0x10000 + 7 * 0x1000 + 0x30, 0x1234);
  CHECK(bench.r32(0x17030) == 0x1234);
  const std::uint64_t nowhere[] = {
      0x18000,                  // bank 8
      0x1f000,                  // the last page of the frame
      0x800 + 4 * 16,           // SMR16
      0xc00 + 4 * 16,           // S2CR16
      0xa00,          0xe00,    // behind the tables
      0x1000 + 4 * 8,           // CBAR8
      0x1400 + 4 * 8,           // CBFRSYNRA8
      0x1800 + 4 * 8,           // CBA2R8
      0x1200,         0x1a00,   // behind the tables
      0x2000,         0x3000,   // IMPLEMENTATION DEFINED space, performance monitors
      0x4000,         0xf000,   //
      0x20000,        0x80030,  // beyond the frame
  };
  for (const std::uint64_t offset : nowhere) check_masks(bench, {offset, 0, 0});
  CHECK(bench.r32(0x17030) == 0x1234);
  CHECK(bench.global() == GlobalSyndrome{});  // and no configuration access fault
}

TEST_CASE("IHI 0062 §9.1, §16.1: a 64-bit register in one access or in two") {
  Bench bench;
  for (const std::uint64_t offset :
       {Bench::cb(3, 0x20), Bench::cb(3, 0x28), Bench::cb(3, 0x60), std::uint64_t{0x40}}) {
    INFO("offset 0x" << std::hex << offset);
    bench.w64(offset, 0x0000'2345'6789'abcd);
    CHECK(bench.r64(offset) == 0x0000'2345'6789'abcd);
    CHECK(bench.r32(offset) == 0x6789'abcd);
    CHECK(bench.r32(offset + 4) == 0x2345);
    bench.w32(offset + 4, 0x1fed);
    CHECK(bench.r64(offset) == 0x0000'1fed'6789'abcd);
    bench.w32(offset, 0x1111'2222);
    CHECK(bench.r64(offset) == 0x0000'1fed'1111'2222);
  }
  bench.w64(Bench::cb(3, 0x20), 0xfedc'ba98'7654'3210);  // TTBR0 has its ASID in bits 63:48
  CHECK(bench.r64(Bench::cb(3, 0x20)) == 0xfedc'ba98'7654'3210);
}

TEST_CASE("IHI 0062 §9.6.14: sGFAR has as many bits as the upstream bus") {
  smmuv2::Config config;  // 36 bits
  Bench bench(config);
  bench.w64(0x40, 0xffff'ffff'ffff'ffff);
  CHECK(bench.r64(0x40) == 0xf'ffff'ffff);
  bench.enable();
  bench.access(0x12'3456'7890, false, false, false, 1);  // 37 bits, unmatched
  CHECK(bench.global() == GlobalSyndrome{2, 0x2'3456'7890, 0, 1});
}

TEST_CASE("IHI 0062 §9.1: accesses that are misaligned or of other sizes are RAZ/WI") {
  Bench bench;
  bench.w64(Bench::cb(3, 0x20), 0x1111'2222'3333'4000);
  bench.smmu.write(Bench::cb(3, 0x24), 0xffff'ffff'ffff'ffff, 8);
  bench.smmu.write(Bench::cb(3, 0x22), 0xffff'ffff, 4);
  bench.smmu.write(Bench::cb(3, 0x20), 0xff, 1);
  bench.smmu.write(Bench::cb(3, 0x20), 0xffff, 2);
  CHECK(bench.r64(Bench::cb(3, 0x20)) == 0x1111'2222'3333'4000);
  CHECK(bench.smmu.read(Bench::cb(3, 0x24), 8) == 0);
  CHECK(bench.smmu.read(Bench::cb(3, 0x22), 4) == 0);
  CHECK(bench.smmu.read(Bench::cb(3, 0x20), 1) == 0);
  CHECK(bench.smmu.read(Bench::cb(3, 0x20), 2) == 0);
}

TEST_CASE("IHI 0062 §9.6.21, §16.5.36: an invalidation is complete when its status is read") {
  Bench bench;
  for (const std::uint64_t offset : {std::uint64_t{0x70}, Bench::cb(3, 0x7f0)}) {
    bench.w32(offset, 0xffff'ffff);
    CHECK(bench.r32(offset) == 0);
    CHECK(bench.r32(offset + 4) == 0);
  }
}

}  // namespace sidewinder::test
