// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/ste_bench.h"
#include "tests/support/smmuv3_config.h"

namespace sidewinder::test {
namespace {

using namespace ste_bits;
using smmuv3::Config;
using smmuv3::SecurityState;
using smmuv3::StallModel;

constexpr std::uint64_t every_config[] = {all_bypass, stage1_only, stage2_only, nested};

}  // namespace

TEST_CASE("IHI 0070 §5.2: the STEs that the tests start from are legal") {
  for (const std::uint64_t kind : every_config) {
    CHECK_FALSE(SteBench{}.illegal(usual_ste(kind)));
    CHECK_FALSE(secure_bench().illegal(usual_ste(kind)));
    CHECK_FALSE(SteBench{}.illegal(lpae_ste(kind)));
    for (const unsigned minor : {0U, 1U, 2U, 3U})
      CHECK_FALSE(SteBench{plain_config(minor)}.illegal(usual_ste(kind)));
  }
}

TEST_CASE("IHI 0070 §5.2: an STE with V 0 is ILLEGAL whatever else it has") {
  const SteBench bench;
  for (const std::uint64_t kind : every_config) CHECK(bench.illegal(with(usual_ste(kind), v, 0)));
  CHECK(bench.illegal(with(usual_ste(stream_disabled), v, 0)));
  CHECK(bench.illegal({}));
}

TEST_CASE("IHI 0070 §5.2: with Config 0b0xx nothing else makes an STE ILLEGAL") {
  const std::uint64_t ones = ~std::uint64_t{0};
  for (std::uint64_t kind = 0; kind < 8; ++kind) {
    const Words words = with({ones, ones, ones, ones, ones, ones, ones, ones}, stream_config, kind);
    SteBench bench;
    bench.config.ats = true;
    for (std::uint64_t value = 0; value < 4; ++value)
      CHECK(bench.illegal(with(words, eats, value)) == (kind >= 5));
    CHECK(secure_bench().illegal(words) == (kind >= 5));
  }
}

TEST_CASE("IHI 0070 §5.2: Config must not use a stage that is not implemented") {
  SteBench bench;
  bench.config.stage1 = bench.config.hierarchy_disable = bench.config.hypervisor = false;
  CHECK_FALSE(bench.illegal(usual_ste(all_bypass)));
  CHECK(bench.illegal(usual_ste(stage1_only)));
  CHECK_FALSE(bench.illegal(usual_ste(stage2_only)));
  CHECK(bench.illegal(usual_ste(nested)));

  bench.config.stage1 = true;
  bench.config.stage2 = false;
  CHECK_FALSE(bench.illegal(usual_ste(all_bypass)));
  CHECK_FALSE(bench.illegal(usual_ste(stage1_only)));
  CHECK(bench.illegal(usual_ste(stage2_only)));
  CHECK(bench.illegal(usual_ste(nested)));
}

TEST_CASE("IHI 0070 §5.2: a Secure STE uses stage 2 with SEL2 alone, and never with VMSAv8-32 LPAE") {
  SteBench bench = secure_bench();
  CHECK_FALSE(bench.illegal(usual_ste(nested)));
  for (const std::uint64_t kind : every_config)
    CHECK(bench.illegal(lpae_ste(kind)) == (kind == stage2_only || kind == nested));
  bench.config.secure_el2 = false;
  for (const std::uint64_t kind : every_config)
    CHECK(bench.illegal(usual_ste(kind)) == (kind == stage2_only || kind == nested));
  bench.state = SecurityState::NonSecure;
  CHECK_FALSE(bench.illegal(usual_ste(nested)));
}

TEST_CASE("IHI 0070 §5.2: EATS 0b10 is for both stages, without S2S and NS1ATS") {
  SteBench bench;
  bench.config.ats = true;
  for (const std::uint64_t kind : every_config)
    CHECK(bench.illegal(with(usual_ste(kind), eats, 2)) == (kind == stage1_only || kind == stage2_only));
  CHECK(bench.illegal(with(with(usual_ste(nested), eats, 2), s2s, 1)));
  CHECK_FALSE(bench.illegal(with(with(usual_ste(all_bypass), eats, 2), s2s, 1)));
  bench.config.no_split_stage_ats = true;
  CHECK(bench.illegal(with(usual_ste(nested), eats, 2)));
  CHECK_FALSE(bench.illegal(with(usual_ste(nested), eats, 1)));
}

TEST_CASE("IHI 0070 §5.2: EATS 0b01 with S2S is ILLEGAL where stage 2 translates, in SMMUv3.0 too") {
  for (const unsigned minor : {0U, 3U}) {
    SteBench bench{plain_config(minor)};
    bench.config.ats = true;
    for (const std::uint64_t kind : every_config) {
      CHECK_FALSE(bench.illegal(with(usual_ste(kind), eats, 1)));
      CHECK(bench.illegal(with(with(usual_ste(kind), eats, 1), s2s, 1)) ==
            (kind == stage2_only || kind == nested));
      CHECK_FALSE(bench.illegal(with(with(usual_ste(kind), eats, 3), s2s, 1)));  // without DPT as 0b00
    }
  }
}

TEST_CASE("IHI 0070 §5.2: EATS is IGNORED without ATS, without translation and in a Secure STE") {
  SteBench bench;
  CHECK_FALSE(bench.illegal(with(usual_ste(stage1_only), eats, 2)));
  CHECK_FALSE(bench.illegal(with(with(usual_ste(nested), eats, 1), s2s, 1)));
  SteBench secure = secure_bench();
  secure.config.ats = true;
  CHECK_FALSE(secure.illegal(with(usual_ste(stage1_only), eats, 2)));
  CHECK_FALSE(secure.illegal(with(with(usual_ste(nested), eats, 1), s2s, 1)));
}

TEST_CASE("IHI 0070 §5.2: STRW of a Non-secure STE is 0b00 or 0b10") {
  SteBench bench;
  for (std::uint64_t value = 0; value < 4; ++value) {
    CHECK(bench.illegal(with(usual_ste(stage1_only), strw, value)) == (value == 1 || value == 3));
    for (const std::uint64_t kind : {all_bypass, stage2_only, nested})  // IGNORED
      CHECK_FALSE(bench.illegal(with(usual_ste(kind), strw, value)));
  }
  bench.config = plain_config(1);
  for (std::uint64_t value = 0; value < 4; ++value)  // RES0 without Hyp
    CHECK_FALSE(bench.illegal(with(usual_ste(stage1_only), strw, value)));
}

TEST_CASE("IHI 0070 §5.2: STRW of a Secure STE is not 0b11, and 0b10 with SEL2 alone") {
  SteBench bench = secure_bench();
  for (std::uint64_t value = 0; value < 4; ++value) {
    CHECK(bench.illegal(with(usual_ste(stage1_only), strw, value)) == (value == 3));
    for (const std::uint64_t kind : {all_bypass, stage2_only, nested})
      CHECK_FALSE(bench.illegal(with(usual_ste(kind), strw, value)));
  }
  bench.config.secure_el2 = false;
  for (std::uint64_t value = 0; value < 4; ++value) {
    CHECK(bench.illegal(with(usual_ste(stage1_only), strw, value)) == (value >= 2));
    CHECK_FALSE(bench.illegal(with(usual_ste(all_bypass), strw, value)));
  }
  bench.config = plain_config(1);
  bench.config.secure = true;
  CHECK(bench.illegal(with(usual_ste(stage1_only), strw, 3)));  // whatever Hyp
}

TEST_CASE("IHI 0070 §5.5: S1STALLD is ILLEGAL where there is no choice of models") {
  for (const auto model : {StallModel::Both, StallModel::NoStall, StallModel::Forced}) {
    SteBench bench = secure_bench();
    bench.config.stall_model = model;
    const std::uint64_t stalls = model == StallModel::Forced ? 1 : 0;
    for (const auto state : {SecurityState::NonSecure, SecurityState::Secure}) {
      bench.state = state;
      for (const std::uint64_t kind : every_config) {
        const Words words = with(usual_ste(kind), s2s, stalls);
        CHECK_FALSE(bench.illegal(words));
        const bool stage1 = kind == stage1_only || kind == nested;
        CHECK(bench.illegal(with(words, s1stalld, 1)) == (stage1 && model != StallModel::Both));
      }
    }
  }
}

TEST_CASE("IHI 0070 §6.3.57.1: with NSSTALLD 1 a Non-secure STE must not have S1STALLD, a Secure one may") {
  SteBench bench = secure_bench();
  bench.nsstalld = true;
  CHECK_FALSE(bench.illegal(with(usual_ste(stage1_only), s1stalld, 1)));
  bench.state = SecurityState::NonSecure;
  CHECK(bench.illegal(with(usual_ste(stage1_only), s1stalld, 1)));
  CHECK_FALSE(bench.illegal(usual_ste(stage1_only)));
}

TEST_CASE("IHI 0070 §5.2: S1CDMax is at most SSIDSIZE, and IGNORED without substreams or stage 1") {
  SteBench bench;
  bench.config.substream_id_bits = 8;
  for (std::uint64_t max = 0; max < 32; ++max) {
    for (const std::uint64_t kind : {stage1_only, nested})
      CHECK(bench.illegal(with(usual_ste(kind), s1cdmax, max)) == (max > 8));
    for (const std::uint64_t kind : {all_bypass, stage2_only})
      CHECK_FALSE(bench.illegal(with(usual_ste(kind), s1cdmax, max)));
  }
  bench.config.substream_id_bits = 20;
  CHECK_FALSE(bench.illegal(with(usual_ste(stage1_only), s1cdmax, 20)));
  CHECK(bench.illegal(with(usual_ste(stage1_only), s1cdmax, 21)));
  bench.config.substream_id_bits = 0;
  CHECK_FALSE(bench.illegal(with(usual_ste(stage1_only), s1cdmax, 31)));
}

TEST_CASE("IHI 0070 §5.2: without CD2L S1Fmt is not two-level, unless it is IGNORED") {
  SteBench bench;
  bench.config.two_level_cd_table = false;
  for (std::uint64_t format = 0; format < 4; ++format) {
    const auto spoilt = [&](std::uint64_t kind, std::uint64_t max) {
      return with(with(usual_ste(kind), s1fmt, format), s1cdmax, max);
    };
    const bool two_level = format == 1 || format == 2;
    CHECK(bench.illegal(spoilt(stage1_only, 4)) == two_level);
    CHECK(bench.illegal(spoilt(nested, 4)) == two_level);
    CHECK_FALSE(bench.illegal(spoilt(stage1_only, 0)));
    CHECK_FALSE(bench.illegal(spoilt(all_bypass, 4)));
    CHECK_FALSE(bench.illegal(spoilt(stage2_only, 4)));
    SteBench other = bench;
    other.config.substream_id_bits = 0;
    CHECK_FALSE(other.illegal(spoilt(stage1_only, 4)));
    other = bench;
    other.config.two_level_cd_table = true;
    CHECK_FALSE(other.illegal(spoilt(stage1_only, 4)));
  }
}

TEST_CASE(
    "IHI 0070 §3.4.3: S1ContextPtr lies within the OAS, or with stage 2 within the IAS, in every version") {
  for (const unsigned minor : {0U, 1U, 3U}) {
    SteBench bench{plain_config(minor)};
    bench.config.output_bits = 36;
    const Words one = with(usual_ste(stage1_only), s1_context_ptr, 0xf'ffff'ffc0 >> 6);
    CHECK_FALSE(bench.illegal(one));
    CHECK(bench.illegal(with(one, {36, 36}, 1)));
    CHECK(bench.illegal(with(one, {55, 55}, 1)));
    // With VMSAv8-32 the IAS is 40 bits.
    const Words both = with(usual_ste(nested), s1_context_ptr, 0xff'ffff'ffc0 >> 6);
    CHECK_FALSE(bench.illegal(both));
    CHECK(bench.illegal(with(both, {40, 40}, 1)));
    for (const std::uint64_t kind : {all_bypass, stage2_only})  // IGNORED
      CHECK_FALSE(bench.illegal(with(usual_ste(kind), s1_context_ptr, 0x3'ffff'ffff'ffff)));
    bench.config.aarch32 = false;
    CHECK(bench.illegal(with(with(usual_ste(nested), s2t0sz, 28), s1_context_ptr, 0x10'0000'0000 >> 6)));
    CHECK_FALSE(bench.illegal(with(with(usual_ste(nested), s2t0sz, 28), s1_context_ptr, 0xf'ffff'ffc0 >> 6)));
  }
}

TEST_CASE("IHI 0070 §5.2: without VMID16 S2VMID has 8 bits, unless it is IGNORED") {
  SteBench bench;
  bench.config.vmid16 = false;
  for (const std::uint64_t kind : every_config) {
    CHECK_FALSE(bench.illegal(with(usual_ste(kind), s2vmid, 0xff)));
    CHECK(bench.illegal(with(usual_ste(kind), s2vmid, 0x100)) == (kind != all_bypass));
    CHECK(bench.illegal(with(usual_ste(kind), s2vmid, 0x8000)) == (kind != all_bypass));
  }
  // STRW selects EL2 where it is not IGNORED itself.
  CHECK_FALSE(bench.illegal(with(with(usual_ste(stage1_only), s2vmid, 0x100), strw, 2)));
  CHECK(bench.illegal(with(with(usual_ste(nested), s2vmid, 0x100), strw, 2)));
  bench.config.vmid16 = true;
  CHECK_FALSE(bench.illegal(with(usual_ste(nested), s2vmid, 0xffff)));

  bench.config = plain_config(1);
  bench.config.vmid16 = false;
  CHECK(bench.illegal(with(with(usual_ste(stage1_only), s2vmid, 0x100), strw, 2)));  // no Hyp
  bench.config.stage2 = bench.config.xnx = false;
  CHECK_FALSE(bench.illegal(with(usual_ste(stage1_only), s2vmid, 0x100)));
}

TEST_CASE("IHI 0070 §5.2: S2VMID of a Secure STE counts with Secure stage 2 alone") {
  SteBench bench = secure_bench();
  bench.config.vmid16 = false;
  for (const std::uint64_t kind : every_config)
    CHECK(bench.illegal(with(usual_ste(kind), s2vmid, 0x100)) == (kind == stage2_only || kind == nested));
  bench.config.secure_el2 = false;
  CHECK_FALSE(bench.illegal(with(usual_ste(stage1_only), s2vmid, 0x100)));
}

}  // namespace sidewinder::test
