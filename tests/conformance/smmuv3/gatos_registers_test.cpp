// SPDX-License-Identifier: Apache-2.0
//
// The registers of address translation operations: which bits they have, who may touch them, and when RUN
// runs.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/gatos_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t ones = ~std::uint64_t{0};
constexpr std::uint64_t translated = 0xff00'0007'6543'2300;  ///< ATTR 0xff, Inner Shareable, 4 KiB at `pa`

/// What a register holds after `value` was written, in one access and in halves, of which each leaves the
/// other.
std::uint64_t held(GatosBench& bench, std::uint64_t offset, std::uint64_t value) {
  bench.w64(offset, value);
  const std::uint64_t whole = bench.r64(offset);
  bench.w64(offset, 0);
  CHECK(bench.r64(offset) == 0);
  bench.w32(offset, static_cast<std::uint32_t>(value));
  CHECK(bench.r64(offset) == (whole & 0xffff'ffff));
  bench.w32(offset + 4, static_cast<std::uint32_t>(value >> 32));
  CHECK(bench.r64(offset) == whole);
  CHECK(bench.r32(offset) == (whole & 0xffff'ffff));
  CHECK(bench.r32(offset + 4) == whole >> 32);
  bench.w32(offset, 0);
  CHECK(bench.r64(offset) == (whole & ~std::uint64_t{0xffff'ffff}));
  return whole;
}

}  // namespace

TEST_CASE("IHI 0070 §6.3.1, chapter 9: without IDR0.ATOS the registers are RES0, and RUN runs nothing") {
  GatosBench without(full());
  CHECK((without.r32(0) & 0x8000) == 0);
  for (const std::uint64_t regs : {0U, 0x8000U}) {
    for (std::uint64_t offset = regs + 0x100; offset < regs + 0x120; offset += 4) {
      without.w32(offset, 0xffff'ffff);
      CHECK(without.r32(offset) == 0);
    }
    CHECK(without.gatos(1, GatosBench::va | type1, regs) == 0);
  }
  CHECK(without.smmu.counters().address_translations == 0);

  GatosBench with;
  CHECK((with.r32(0) & 0x0010'8000) == 0x8000);  // VATOS 20, ATOS 15
  CHECK(with.gatos(1, GatosBench::va | type1) == translated);
  CHECK(with.smmu.counters().address_translations == 1);
}

TEST_CASE("IHI 0070 §6.3.38: GATOS_SID has as many bits of each ID as the SMMU has") {
  smmuv3::Config config = with_gatos();
  config.secure_stream_id_bits = 12;
  GatosBench wide(config);
  CHECK(held(wide, 0x108, ones) == 0x001f'ffff'0000'ffff);
  CHECK(held(wide, 0x8108, ones) == 0x003f'ffff'0000'ffff);  // the wider of both, and SSEC
  config.secure_stream_id_bits = 20;
  config.substream_id_bits = 5;
  GatosBench secure_wider(config);
  CHECK(held(secure_wider, 0x108, ones) == 0x0010'001f'0000'ffff);
  CHECK(held(secure_wider, 0x8108, ones) == 0x0030'001f'000f'ffff);
  config.stream_id_bits = 32;
  config.substream_id_bits = 0;
  GatosBench no_substreams(config);
  CHECK(held(no_substreams, 0x108, ones) == 0xffff'ffff);
  CHECK(held(no_substreams, 0x8108, ones) == 0x0020'0000'ffff'ffff);
}

TEST_CASE("IHI 0070 §6.3.39, §6.3.85: GATOS_ADDR, and NS of the Secure one where Secure stage 2 is") {
  GatosBench bench;
  CHECK(held(bench, 0x110, ones) == 0xffff'ffff'ffff'ffc0);
  CHECK(held(bench, 0x8110, ones) == 0xffff'ffff'ffff'ffd0);
  smmuv3::Config config = with_gatos();
  config.secure_el2 = false;
  GatosBench no_secure_stage2(config);
  CHECK(held(no_secure_stage2, 0x8110, ones) == 0xffff'ffff'ffff'ffc0);
}

TEST_CASE("IHI 0070 §6.3.40: GATOS_PAR is read-only, whole and in halves") {
  for (const std::uint64_t regs : {0U, 0x8000U}) {
    GatosBench bench;
    CHECK(bench.r64(regs + 0x118) == 0);
    const std::uint64_t par = bench.gatos(1, GatosBench::va | type1, regs);
    CHECK((par & ~std::uint64_t{0x400}) == translated);
    bench.w64(regs + 0x118, ones);
    bench.w32(regs + 0x118, 0);
    bench.w32(regs + 0x11c, 0);
    CHECK(bench.r64(regs + 0x118) == par);
    CHECK(bench.r32(regs + 0x118) == (par & 0xffff'ffff));
    CHECK(bench.r32(regs + 0x11c) == 0xff00'0007);
  }
}

TEST_CASE("IHI 0070 §6.3.37: RUN alone of GATOS_CTRL does anything, and is 0 again") {
  GatosBench bench;
  bench.w64(0x108, 1);
  bench.w64(0x110, GatosBench::va | type1);
  bench.w32(0x100, 0xffff'fffe);
  bench.w32(0x104, 0xffff'ffff);
  bench.w32(0x100, 0);
  CHECK(bench.r64(0x100) == 0);
  CHECK(bench.r64(0x118) == 0);
  CHECK(bench.smmu.counters().address_translations == 0);
  bench.w64(0x100, ones);
  CHECK(bench.r64(0x100) == 0);
  CHECK(bench.r64(0x118) == translated);
  CHECK(bench.r64(0x108) == 1);  // the request stays
  CHECK(bench.r64(0x110) == (GatosBench::va | type1));
  bench.leaf() ^= 0x1000;
  bench.forget();
  CHECK(bench.r64(0x118) == translated);  // and the result, until the next
  bench.w32(0x100, 1);
  CHECK(bench.r64(0x118) == (translated ^ 0x1000));
}

TEST_CASE("IHI 0070 §6.3.37: with SMMUEN 0 a write of RUN is ignored, and what was found stays") {
  GatosBench bench;
  CHECK(bench.gatos(1, GatosBench::va | type1) == translated);
  bench.w32(0x20, 0xc);
  CHECK(bench.r64(0x118) == translated);
  const std::size_t accesses = bench.memory.accesses.size();
  CHECK(bench.gatos(1, GatosBench::va | type2) == translated);
  CHECK(bench.memory.accesses.size() == accesses);
  CHECK(bench.smmu.counters().address_translations == 1);
  bench.w32(0x20, 0xd);
  CHECK(bench.r32(0x100) == 0);
  CHECK(bench.r64(0x118) == translated);  // what was ignored is not made up for
  bench.w32(0x100, 1);
  CHECK(bench.r64(0x118) == fault_par(0xfe));
}

TEST_CASE("IHI 0070 chapter 9: S_GATOS needs S_CR0.SMMUEN, and for a Non-secure stream CR0.SMMUEN too") {
  constexpr std::uint64_t request = GatosBench::va | type1;
  GatosBench bench;
  bench.w32(0x8020, 0xc);
  CHECK(bench.gatos(1, request, 0x8000) == 0);
  CHECK(bench.gatos(1 | ssec, request, 0x8000) == 0);
  CHECK(bench.gatos(1, request) == translated);  // the Non-secure one does not
  bench.w32(0x8020, 0xd);
  bench.w32(0x20, 0xc);
  CHECK(bench.gatos(1, request, 0x8000) == fault_par(0xfd));
  CHECK(bench.gatos(1, GatosBench::va | type3, 0x8000) == fault_par(0xfd));
  CHECK(bench.gatos(1, GatosBench::va | type2, 0x8000) == fault_par(0xfd, 3));
  CHECK(bench.gatos(1, GatosBench::va, 0x8000) == fault_par(0xff));
  CHECK(bench.gatos(1 | ssec, request, 0x8000) == fault_par(0x04));  // its STE has V == 0
  bench.w32(0x20, 0xd);
  CHECK(bench.gatos(1, request, 0x8000) == (translated | 0x400));
}

TEST_CASE(
    "IHI 0070 §6.3.83 to §6.3.86: S_GATOS is RAZ/WI to Non-secure accesses, and without a Secure state") {
  GatosBench bench;
  const std::uint64_t par = bench.gatos(1, GatosBench::va | type1, 0x8000);
  for (std::uint64_t offset = 0x8100; offset < 0x8120; offset += 8) {
    CHECK(bench.r64(offset, false) == 0);
    bench.w64(offset, ones, false);
  }
  CHECK(bench.r64(0x8108) == 1);
  CHECK(bench.r64(0x8110) == (GatosBench::va | type1));
  CHECK(bench.r64(0x8118) == par);
  CHECK(bench.smmu.counters().address_translations == 1);

  smmuv3::Config config = with_gatos();
  config.secure = config.secure_el2 = false;
  GatosBench none(config);
  CHECK(none.gatos(1, GatosBench::va | type1, 0x8000) == 0);
  CHECK(none.r64(0x8108) == 0);
  CHECK(none.gatos(1, GatosBench::va | type1) == translated);
}

TEST_CASE("IHI 0070 chapter 9: what one group is told or finds does not change the other") {
  GatosBench bench;
  CHECK(bench.gatos(1, GatosBench::va | type1) == translated);
  CHECK(bench.gatos(2, GatosBench::ipa, 0x8000) == fault_par(0xff));
  CHECK(bench.r64(0x108) == 1);
  CHECK(bench.r64(0x110) == (GatosBench::va | type1));
  CHECK(bench.r64(0x118) == translated);
  bench.gatos(3, 0);
  CHECK(bench.r64(0x8108) == 2);
  CHECK(bench.r64(0x8110) == GatosBench::ipa);
}

TEST_CASE(
    "IHI 0070 §6.3.37: an operation accepts Secure and Non-secure accesses to the Non-secure registers") {
  GatosBench bench;
  bench.w64(0x108, 1, false);
  bench.w64(0x110, GatosBench::va | type1, false);
  bench.w32(0x100, 1, false);
  CHECK(bench.r64(0x118, false) == translated);
  CHECK(bench.r64(0x118, true) == translated);
}

}  // namespace sidewinder::test
