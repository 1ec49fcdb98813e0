// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/ste_bench.h"
#include "tests/support/smmuv3_config.h"

namespace sidewinder::test {
namespace {

using namespace ste_bits;
using smmuv3::Config;
using smmuv3::Httu;
using smmuv3::SecurityState;
using smmuv3::StallModel;
using smmuv3::TableEndianness;

constexpr std::uint64_t without_stage2[] = {all_bypass, stage1_only};
constexpr std::uint64_t with_stage2[] = {stage2_only, nested};
constexpr std::uint64_t granule_4k = 0, granule_64k = 1, granule_16k = 2;

/// The values of {SL2, SL0} are legal for the T0SZ from `first` to `last`, none of them when `first` >
/// `last`.
struct StartLevel {
  std::uint64_t tg, sl, first, last;
};

void check_start_levels(const SteBench& bench, const Words& base, bool secure_table, const StartLevel& c) {
  for (std::uint64_t size = 0; size < 64; ++size) {
    INFO("TG " << c.tg << ", SL " << c.sl << ", T0SZ " << size);
    Words words = with(base, secure_table ? s_s2tg : s2tg, c.tg);
    words = with(words, secure_table ? s_s2t0sz : s2t0sz, size);
    words = with(words, secure_table ? s_s2sl0 : s2sl0, c.sl & 3);
    words = with(words, secure_table ? s_s2sl0_2 : s2sl0_2, c.sl >> 2);
    CHECK(bench.illegal(words) == (size < c.first || size > c.last));
  }
}

constexpr StartLevel never(std::uint64_t tg, std::uint64_t sl) {
  return {tg, sl, 64, 63};
}

SteBench wide_bench(bool secure) {
  SteBench bench = secure ? secure_bench() : SteBench{};
  bench.config.output_bits = 52;
  bench.config.vax = bench.config.ds = true;
  return bench;
}

}  // namespace

TEST_CASE("IHI 0070 §5.2: S2FWB is ILLEGAL with VMSAv8-32 LPAE, where it exists and stage 2 translates") {
  SteBench bench;
  for (const std::uint64_t kind : with_stage2) {
    CHECK(bench.illegal(with(lpae_ste(kind), s2fwb, 1)));
    CHECK_FALSE(bench.illegal(with(usual_ste(kind), s2fwb, 1)));
  }
  for (const std::uint64_t kind : without_stage2) CHECK_FALSE(bench.illegal(with(lpae_ste(kind), s2fwb, 1)));
  bench.config = plain_config(1);
  CHECK_FALSE(bench.illegal(with(lpae_ste(nested), s2fwb, 1)));
}

TEST_CASE("IHI 0070 §5.5: S2S is as the stall model has it, and IGNORED without stage 2") {
  for (const auto model : {StallModel::Both, StallModel::NoStall, StallModel::Forced}) {
    SteBench bench = secure_bench();
    bench.config.stall_model = model;
    for (const auto state : {SecurityState::NonSecure, SecurityState::Secure}) {
      bench.state = state;
      for (const std::uint64_t kind : with_stage2) {
        CHECK(bench.illegal(with(usual_ste(kind), s2s, 0)) == (model == StallModel::Forced));
        CHECK(bench.illegal(with(usual_ste(kind), s2s, 1)) == (model == StallModel::NoStall));
      }
      for (const std::uint64_t kind : without_stage2)
        for (const std::uint64_t value : {0U, 1U})
          CHECK_FALSE(bench.illegal(with(usual_ste(kind), s2s, value)));
    }
  }
}

TEST_CASE("IHI 0070 §5.2.2, §6.3.57.1: NSSTALLD forbids S2S, of a Secure STE too") {
  SteBench bench = secure_bench();
  bench.nsstalld = true;
  for (const auto state : {SecurityState::NonSecure, SecurityState::Secure}) {
    bench.state = state;
    CHECK(bench.illegal(with(usual_ste(nested), s2s, 1)));
    CHECK_FALSE(bench.illegal(usual_ste(nested)));
  }
}

TEST_CASE("IHI 0070 §5.2: S2AA64 selects a table format that the SMMU has") {
  SteBench bench;
  bench.config.aarch32 = false;
  for (const std::uint64_t kind : with_stage2) {
    CHECK(bench.illegal(lpae_ste(kind)));
    CHECK_FALSE(bench.illegal(usual_ste(kind)));
  }
  for (const std::uint64_t kind : without_stage2) CHECK_FALSE(bench.illegal(lpae_ste(kind)));
  bench.config.aarch32 = true;
  bench.config.aarch64 = false;
  for (const std::uint64_t kind : with_stage2) {
    CHECK_FALSE(bench.illegal(lpae_ste(kind)));
    CHECK(bench.illegal(usual_ste(kind)));
  }
  for (const std::uint64_t kind : without_stage2) CHECK_FALSE(bench.illegal(usual_ste(kind)));
}

TEST_CASE("IHI 0070 §5.2: S2HA and S2HD need HTTU and VMSAv8-64") {
  for (const auto httu : {Httu::None, Httu::AccessFlag, Httu::AccessFlagAndDirty})
    for (std::uint64_t flag = 0; flag < 2; ++flag)
      for (std::uint64_t dirty = 0; dirty < 2; ++dirty) {
        SteBench bench;
        bench.config.httu = httu;
        const bool bad =
            (flag != 0 && httu == Httu::None) || (dirty != 0 && httu != Httu::AccessFlagAndDirty);
        for (const std::uint64_t kind : with_stage2) {
          CHECK(bench.illegal(with(with(usual_ste(kind), s2ha, flag), s2hd, dirty)) == bad);
          CHECK(bench.illegal(with(with(lpae_ste(kind), s2ha, flag), s2hd, dirty)) ==
                (flag != 0 || dirty != 0));
        }
        for (const std::uint64_t kind : without_stage2)
          CHECK_FALSE(bench.illegal(with(with(usual_ste(kind), s2ha, flag), s2hd, dirty)));
      }
}

TEST_CASE("IHI 0070 §5.2: S2TG and S_S2TG select a granule that the SMMU has") {
  // T0SZ 28 from level 2 is right for 16 and 64 KiB, and with SL0 1 level 1 for 4 KiB.
  for (const bool secure_table : {false, true}) {
    SteBench bench = secure_bench();
    bench.config.aarch32 = false;
    const auto granule = [&](std::uint64_t kind, std::uint64_t value) {
      const Words words = with(usual_ste(kind), secure_table ? s_s2tg : s2tg, value);
      return with(words, secure_table ? s_s2t0sz : s2t0sz, 28);
    };
    for (const std::uint64_t value : {granule_4k, granule_64k, granule_16k})
      CHECK_FALSE(bench.illegal(granule(nested, value)));
    CHECK(bench.illegal(granule(nested, 3)));
    CHECK_FALSE(bench.illegal(granule(stage1_only, 3)));
    bench.config.granule_4k = false;
    const Words other = with(with(usual_ste(nested), s2tg, granule_64k), s_s2tg, granule_64k);
    const Words base = with(with(other, s2t0sz, 28), s_s2t0sz, 28);
    CHECK_FALSE(bench.illegal(base));
    CHECK(bench.illegal(with(base, secure_table ? s_s2tg : s2tg, granule_4k)));
    bench.config.granule_16k = false;
    CHECK(bench.illegal(with(base, secure_table ? s_s2tg : s2tg, granule_16k)));
    bench.config.granule_4k = true;
    bench.config.granule_64k = false;
    CHECK(bench.illegal(granule(nested, granule_64k)));
    CHECK_FALSE(bench.illegal(granule(nested, granule_4k)));
  }
  SteBench bench;
  bench.config.granule_16k = false;
  for (std::uint64_t value = 0; value < 4; ++value)  // VMSAv8-32 has 4 KiB alone
    CHECK_FALSE(bench.illegal(with(lpae_ste(nested), s2tg, value)));
}

TEST_CASE("IHI 0070 §5.2: S2TTB and S_S2TTB lie within the effective S2PS") {
  struct Size {
    std::uint64_t encoding;
    unsigned bits;
  };
  for (const bool secure_table : {false, true})
    for (const unsigned oas : {32U, 36U, 40U, 42U, 44U, 48U})
      for (const auto& [encoding, size] :
           {Size{0, 32}, {1, 36}, {2, 40}, {3, 42}, {4, 44}, {5, 48}, {6, 48}, {7, 48}}) {
        SteBench bench = secure_bench();
        bench.config.output_bits = oas;
        const unsigned bits = std::min(oas, size);
        Words words = with(usual_ste(nested), s2ps, encoding);
        const BitRange ttb = secure_table ? s_s2ttb : s2ttb;
        words = with(words, ttb, ((std::uint64_t{1} << bits) - 1) >> 4);
        INFO("OAS " << oas << ", S2PS " << encoding);
        CHECK_FALSE(bench.illegal(words));
        CHECK(bench.illegal(with(words, {ttb.lo - 4 + bits, ttb.lo - 4 + bits}, 1)));
        CHECK(bench.illegal(with(words, {ttb.hi, ttb.hi}, 1)));
        CHECK_FALSE(
            bench.illegal(with(with(usual_ste(stage1_only), s2ps, encoding), ttb, ~std::uint64_t{0})));
      }
}

TEST_CASE("IHI 0070 §5.2: a stage 2 table above 2^48 needs 64 KiB or S2DS, and S2PS of 52 bits") {
  for (const bool secure_table : {false, true}) {
    const BitRange ttb = secure_table ? s_s2ttb : s2ttb;
    SteBench bench = wide_bench(true);
    Words words = with(with(usual_ste(nested), ttb, 0x8'0000'0000'0000 >> 4), s2ps, 6);
    CHECK(bench.illegal(words));
    CHECK(bench.illegal(with(words, ttb, 0x1'0000'0000'0000 >> 4)));
    CHECK_FALSE(bench.illegal(with(words, ttb, 0xffff'ffff'ffff >> 4)));
    CHECK_FALSE(bench.illegal(with(words, s2ds, 1)));
    CHECK_FALSE(bench.illegal(with(with(words, s2ds, 1), s2ps, 7)));
    CHECK(bench.illegal(with(with(words, s2ds, 1), s2ps, 5)));
    for (const std::uint64_t granule : {granule_16k, granule_64k}) {
      Words other = with(words, secure_table ? s_s2tg : s2tg, granule);
      CHECK(bench.illegal(other) == (granule == granule_16k));
      CHECK_FALSE(bench.illegal(with(other, s2ds, 1)));
    }
    bench.config.ds = false;  // S2DS is RES0
    CHECK(bench.illegal(with(words, s2ds, 1)));
  }
}

TEST_CASE("IHI 0070 §5.2: a VMSAv8-32 stage 2 table lies below 2^40, whatever S2PS, S2DS and the OAS") {
  for (const unsigned oas : {32U, 48U})
    for (std::uint64_t encoding = 0; encoding < 8; ++encoding) {
      SteBench bench;
      bench.config.output_bits = oas;
      const Words words = with(with(lpae_ste(nested), s2ps, encoding), s2ttb, 0xff'ffff'ffff >> 4);
      CHECK_FALSE(bench.illegal(words));
      CHECK(bench.illegal(with(words, {196 - 4 + 40, 196 - 4 + 40}, 1)));
      CHECK(bench.illegal(with(words, {243, 243}, 1)));
    }
}

TEST_CASE("IHI 0070 §5.2: SMMUv3.0 has 48 bits of S2TTB, and S2PS of 48 bits for what is reserved") {
  SteBench bench{plain_config(0)};
  const Words words = with(usual_ste(nested), s2ttb, 0xf'8000'0000'0000 >> 4);
  for (const std::uint64_t encoding : {5U, 6U, 7U}) CHECK_FALSE(bench.illegal(with(words, s2ps, encoding)));
  bench.config = plain_config(1);
  for (const std::uint64_t encoding : {5U, 6U, 7U}) CHECK(bench.illegal(with(words, s2ps, encoding)));
}

TEST_CASE("IHI 0070 §5.2, DDI 0487 AArch64.S2InconsistentSL: S2T0SZ, S2SL0 and S2TG go together") {
  for (const bool secure_table : {false, true}) {
    SteBench bench = secure_bench();
    bench.config.small_tables = false;  // T0SZ is at most 39
    const Words base = usual_ste(nested);
    for (const auto& c :
         {StartLevel{granule_4k, 0, 30, 39}, StartLevel{granule_4k, 1, 21, 33},
          StartLevel{granule_4k, 2, 16, 24}, never(granule_4k, 3), StartLevel{granule_16k, 0, 35, 39},
          StartLevel{granule_16k, 1, 24, 38}, StartLevel{granule_16k, 2, 16, 27}, never(granule_16k, 3),
          StartLevel{granule_64k, 0, 31, 39}, StartLevel{granule_64k, 1, 18, 34},
          StartLevel{granule_64k, 2, 16, 21}, never(granule_64k, 3)})
      check_start_levels(bench, base, secure_table, c);
    // Without DS, SL0_2 is RES0.
    check_start_levels(bench, base, secure_table, {granule_4k, 5, 21, 33});
    check_start_levels(bench, with(base, s2ds, 1), secure_table, {granule_4k, 5, 21, 33});
  }
}

TEST_CASE(
    "IHI 0070 §5.2: with STT S2T0SZ goes to 48, or 47 with 64 KiB, and 4 KiB tables may start at level 3") {
  for (const bool secure_table : {false, true}) {
    const SteBench bench = secure_bench();
    for (const auto& c : {StartLevel{granule_4k, 0, 30, 42}, StartLevel{granule_4k, 3, 39, 48},
                          StartLevel{granule_16k, 0, 35, 48}, StartLevel{granule_64k, 0, 31, 47}})
      check_start_levels(bench, usual_ste(nested), secure_table, c);
  }
}

TEST_CASE("IHI 0070 §5.2: with 52 bits S2T0SZ begins at 12, for 64 KiB or with S2DS") {
  for (const bool secure_table : {false, true}) {
    SteBench bench = wide_bench(true);
    const Words base = usual_ste(nested);
    for (const auto& c : {StartLevel{granule_64k, 2, 12, 21}, StartLevel{granule_4k, 2, 16, 24},
                          StartLevel{granule_16k, 2, 16, 27}, never(granule_16k, 3),
                          StartLevel{granule_4k, 4, 30, 42}})  // S2SL0_2 is not looked at without S2DS
      check_start_levels(bench, base, secure_table, c);
    for (const auto& c : {StartLevel{granule_64k, 2, 12, 21}, StartLevel{granule_4k, 2, 12, 24},
                          StartLevel{granule_4k, 4, 12, 15}, never(granule_4k, 5), never(granule_4k, 6),
                          never(granule_4k, 7), StartLevel{granule_16k, 2, 13, 27},
                          StartLevel{granule_16k, 3, 12, 16}, StartLevel{granule_64k, 5, 18, 34}})
      check_start_levels(bench, with(base, s2ds, 1), secure_table, c);
  }
}

TEST_CASE("IHI 0070 §5.2: S2T0SZ does not exceed the IAS") {
  struct Size {
    unsigned oas;
    bool lpae;
    std::uint64_t least;
  };
  for (const auto& [oas, lpae, least] : {Size{32, false, 32},
                                         {32, true, 24},
                                         {36, false, 28},
                                         {40, false, 24},
                                         {42, true, 22},
                                         {44, false, 21}}) {
    SteBench bench;
    bench.config.output_bits = oas;
    bench.config.aarch32 = lpae;
    INFO("OAS " << oas);
    check_start_levels(bench, with(usual_ste(nested), s2ttb, 0), false, {granule_4k, 1, least, 33});
  }
}

TEST_CASE("DDI 0487 AArch64.S2InvalidSL: a first level that the OAS does not need is reserved") {
  SteBench bench;
  const Words base = with(usual_ste(nested), s2ttb, 0);
  bench.config.output_bits = 44;
  check_start_levels(bench, base, false, {granule_4k, 2, 20, 24});
  bench.config.output_bits = 42;
  check_start_levels(bench, base, false, never(granule_4k, 2));
  check_start_levels(bench, base, false, {granule_16k, 2, 22, 27});
  bench.config.output_bits = 40;
  check_start_levels(bench, base, false, never(granule_16k, 2));
  bench.config.output_bits = 44;
  check_start_levels(bench, base, false, {granule_64k, 2, 20, 21});
  bench.config.output_bits = 42;
  check_start_levels(bench, base, false, never(granule_64k, 2));
}

TEST_CASE(
    "IHI 0070 §5.2, DDI 0487 AArch32.S2InconsistentSL: VMSAv8-32's S2T0SZ is -8 to 7, as S2SL0 has it") {
  const SteBench bench;
  for (std::uint64_t level = 0; level < 4; ++level)
    for (std::uint64_t size = 0; size < 64; ++size) {
      const int value = (size & 8) != 0 ? static_cast<int>(size & 7) - 8 : static_cast<int>(size & 7);
      const bool good = (level == 0 && value >= -2) || (level == 1 && value <= 1);
      INFO("SL0 " << level << ", T0SZ " << value);
      CHECK(bench.illegal(with(with(lpae_ste(nested), s2sl0, level), s2t0sz, size)) == !good);
    }
}

TEST_CASE("IHI 0070 §5.2: S_S2* fields count in a Secure STE with stage 2 alone") {
  Words words = usual_ste(nested);
  words[4] = words[6] = 0;
  words = with(with(words, s_s2tg, 3), s_s2ttb, ~std::uint64_t{0});
  CHECK(secure_bench().illegal(words));
  CHECK_FALSE(SteBench{}.illegal(words));
  CHECK_FALSE(secure_bench().illegal(with(words, stream_config, stage1_only)));
  CHECK_FALSE(secure_bench().illegal(with(words, stream_config, all_bypass)));
}

TEST_CASE("IHI 0070 §5.2: S2ENDI is an endianness that the SMMU has") {
  SteBench bench;
  for (const auto endianness : {TableEndianness::Mixed, TableEndianness::Little, TableEndianness::Big}) {
    bench.config.endianness = endianness;
    for (const std::uint64_t kind : with_stage2) {
      CHECK(bench.illegal(with(usual_ste(kind), s2endi, 0)) == (endianness == TableEndianness::Big));
      CHECK(bench.illegal(with(usual_ste(kind), s2endi, 1)) == (endianness == TableEndianness::Little));
    }
    for (const std::uint64_t kind : without_stage2)
      for (const std::uint64_t value : {0U, 1U})
        CHECK_FALSE(bench.illegal(with(usual_ste(kind), s2endi, value)));
  }
}

TEST_CASE(
    "IHI 0070 §5.2: with Config 0b10x every S2 field is IGNORED but S2VMID, with 0b1x0 every S1 field") {
  const std::uint64_t ones = ~std::uint64_t{0};
  for (const bool secure : {false, true}) {
    const SteBench bench = secure ? secure_bench() : SteBench{};
    Words words = usual_ste(stage1_only);
    words[1] = std::uint64_t{1} << 25;  // S2FWB
    words[2] = words[3] = words[4] = words[6] = ones;
    CHECK_FALSE(bench.illegal(words));
    words = usual_ste(stage2_only);
    words[0] |= with({}, s1fmt, 3)[0] | with({}, s1_context_ptr, ones)[0] | with({}, s1cdmax, 31)[0];
    words = with(with(words, s1stalld, 1), strw, 3);
    CHECK_FALSE(bench.illegal(words));
  }
}

}  // namespace sidewinder::test
