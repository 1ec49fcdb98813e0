// SPDX-License-Identifier: Apache-2.0
//
// S_GATOS: Secure and Non-secure streams, NS of the request and of the result, NSIPA (IHI 0070 §6.3.83 to
// §6.3.86, chapter 9).

#include "tests/conformance/smmuv3/gatos_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t s = 0x8000;                 ///< distance of the Secure registers
constexpr std::uint64_t non_secure_leaf = 1U << 5;  ///< NS of a leaf
constexpr std::uint64_t par_ns = 1U << 10, par_nsipa = 1U << 3;
constexpr std::uint64_t secure_pa = 0x5'1234'5000, open_pa = 0x6'7654'3000;
constexpr std::uint64_t to_secure = 0xff00'0005'1234'5300, to_open = 0xff00'0006'7654'3300 | par_ns;

/// Besides the Non-secure streams a Secure one of each kind, at the same StreamIDs, with its structures in
/// Secure memory: stage 2 leads to different pages from the Secure and the Non-secure IPA.
struct SecureGatos : GatosBench {
  static constexpr std::uint64_t s_cd_at = 0x2500'0000, s_root = 0x3c00'0000;
  static constexpr std::uint64_t s_root2 = 0x3d00'0000, ns_root2 = 0x3e00'0000;

  Tables secure1{memory, 12, 39, s_root, true};
  Tables of_secure_ipa{memory, 12, 39, s_root2, true};
  Tables of_open_ipa{memory, 12, 39, ns_root2, true};
  Structure s_cd = cd(s_root);

  explicit SecureGatos(const smmuv3::Config& config = with_gatos()) : GatosBench(config) {
    set_secure_ste(one, stage1_ste(s_cd_at));
    set_secure_ste(two, with_secure_stage2(stage2_ste(ns_root2)));
    set_secure_ste(both, with_secure_stage2(nested_ste(s_cd_at, ns_root2)));
    put_cd();
    s_leaf() = ipa | page_leaf;
    of_secure_ipa.at(ipa, 3) = secure_pa | stage2_leaf;
    of_open_ipa.at(ipa, 3) = open_pa | stage2_leaf;
    for (const std::uint64_t own : {s_cd_at, s_root, s_root + 0x1000, s_root + 0x2000})
      of_secure_ipa.at(own, 3) = own | stage2_leaf;
    forget();
  }

  /// S_S2T0SZ, S_S2SL0 and S_S2TTB as those of the Non-secure IPAs, whose output is Non-secure (S2NSA).
  static Structure with_secure_stage2(Structure made) {
    return made.put(193, 1).put(288, 25).put(294, 1).put(388, s_root2 >> 4);
  }
  void put_cd() {
    for (unsigned word = 0; word < 8; ++word) memory.secure_words[s_cd_at + 8 * word] = s_cd.words[word];
    forget();
  }
  std::uint64_t& s_leaf() { return secure1.at(va, 3); }
};

}  // namespace

TEST_CASE("IHI 0070 §6.3.84: SSEC chooses between the Secure and the Non-secure stream of a StreamID") {
  SecureGatos bench;
  constexpr std::uint64_t request = GatosBench::va | type1;
  CHECK(bench.gatos(1, request, s) == (0xff00'0007'6543'2300 | par_ns));
  CHECK(bench.gatos(1 | ssec, request, s) == 0xff00'0012'3456'7300);
  CHECK(bench.gatos(1 | ssec, request) == 0xff00'0007'6543'2300);  // GATOS_SID has none
  CHECK(bench.gatos(2, GatosBench::ipa | type2, s) == (0xff00'0007'6543'2300 | par_ns));
  CHECK(bench.gatos(3, GatosBench::va | type3, s) == (0xff00'0007'6543'2300 | par_ns));
}

TEST_CASE("IHI 0070 chapter 9: nothing Secure is read for a Non-secure stream, from either interface") {
  SecureGatos bench;
  bench.memory.accesses.clear();
  for (const std::uint64_t regs : {std::uint64_t{0}, s})
    for (const std::uint64_t request : {type1, type2, type3})
      for (const std::uint64_t stream : {1U, 2U, 3U, 4U})
        bench.gatos_again(stream, GatosBench::va | request | ns, regs);
  REQUIRE_FALSE(bench.memory.accesses.empty());
  for (const arch::PortAccess& access : bench.memory.accesses) CHECK_FALSE(access.secure);
}

TEST_CASE("IHI 0070 §6.3.86: NS of the result is that of the last stage asked of") {
  SecureGatos bench;
  for (const bool open : {false, true}) {
    bench.s_leaf() = GatosBench::ipa | page_leaf | (open ? non_secure_leaf : 0);
    for (const std::uint64_t input : {std::uint64_t{0}, ns}) {  // means nothing where stage 1 translates
      INFO("leaf NS " << open << " request NS " << input);
      const std::uint64_t stage1 = 0xff00'0012'3456'7300 | (open ? par_ns : 0);
      CHECK(bench.gatos_again(1 | ssec, GatosBench::va | type1 | input, s) == stage1);
      CHECK(bench.gatos_again(3 | ssec, GatosBench::va | type1 | input, s) == stage1);
      CHECK(bench.gatos_again(3 | ssec, GatosBench::va | type3 | input, s) == (open ? to_open : to_secure));
    }
  }
}

TEST_CASE("IHI 0070 §6.3.85: NS of the request is the IPA space, where stage 1 does not translate") {
  SecureGatos bench;
  for (const std::uint64_t stream : {2 | ssec, 3 | ssec}) {
    CHECK(bench.gatos(stream, GatosBench::ipa | type2, s) == to_secure);
    CHECK(bench.gatos(stream, GatosBench::ipa | type2 | ns, s) == to_open);
  }
  // STE.NSCFG has no part in it.
  for (const std::uint64_t nscfg : {2U, 3U}) {
    bench.set_secure_ste(2,
                         SecureGatos::with_secure_stage2(stage2_ste(SecureGatos::ns_root2)).put(110, nscfg));
    CHECK(bench.gatos_again(2 | ssec, GatosBench::ipa | type2, s) == to_secure);
    CHECK(bench.gatos_again(2 | ssec, GatosBench::ipa | type2 | ns, s) == to_open);
  }
  // S1DSS 0b01.
  bench.set_secure_ste(
      3, SecureGatos::with_secure_stage2(nested_ste(SecureGatos::s_cd_at, SecureGatos::ns_root2))
             .put(59, 2)
             .put(64, 1));
  bench.forget();
  CHECK(bench.gatos(3 | ssec, GatosBench::ipa | type3, s) == to_secure);
  CHECK(bench.gatos(3 | ssec, GatosBench::ipa | type3 | ns, s) == to_open);
  CHECK(bench.gatos(3 | ssec, GatosBench::ipa | type1, s) == 0xff00'0012'3456'7000);
  CHECK(bench.gatos(3 | ssec, GatosBench::ipa | type1 | ns, s) == (0xff00'0012'3456'7000 | par_ns));
}

TEST_CASE("IHI 0070 §6.3.86: NSIPA is the space of the IPA in FADDR, of a Secure stream") {
  SecureGatos bench;
  bench.of_secure_ipa.at(GatosBench::ipa, 3) = 0;
  bench.of_open_ipa.at(GatosBench::ipa, 3) = 0;
  constexpr std::uint64_t request = GatosBench::va | type3;
  CHECK(bench.gatos(3 | ssec, request, s) == fault_par(0x10, 3, GatosBench::ipa));
  bench.s_leaf() |= non_secure_leaf;
  CHECK(bench.gatos_again(3 | ssec, request, s) == (fault_par(0x10, 3, GatosBench::ipa) | par_nsipa));
  // Without FADDR there is none,
  CHECK(bench.gatos(3 | ssec, GatosBench::ipa | type2 | ns, s) == fault_par(0x10, 3));
  bench.memory.aborting = {bench.of_open_ipa.slot(GatosBench::ipa, 3)};
  CHECK(bench.gatos_again(3 | ssec, request, s) == fault_par(0x0b, 3));
  // nor of a Non-secure stream.
  bench.leaf2() = 0;
  CHECK(bench.gatos_again(3, request, s) == fault_par(0x10, 3, GatosBench::ipa));
  CHECK(bench.gatos_again(3, request) == fault_par(0x10, 3, GatosBench::ipa));
}

TEST_CASE("IHI 0070 §6.3.86: NSIPA with stage 1 bypassed is the request's NS") {
  SecureGatos bench;
  bench.set_secure_ste(
      3, SecureGatos::with_secure_stage2(nested_ste(SecureGatos::s_cd_at, SecureGatos::ns_root2))
             .put(59, 2)
             .put(64, 1));
  bench.forget();
  CHECK(bench.gatos(3 | ssec, 0x5000 | type3, s) == fault_par(0x10, 3, 0x5000));
  CHECK(bench.gatos(3 | ssec, 0x5000 | type3 | ns, s) == (fault_par(0x10, 3, 0x5000) | par_nsipa));
}

TEST_CASE("IHI 0070 §9.1.3, §9.1.5: without Secure stage 2 a Secure stream has none to ask of") {
  smmuv3::Config config = with_gatos();
  config.secure_el2 = false;
  SecureGatos bench(config);
  CHECK(bench.gatos(1 | ssec, GatosBench::va | type1, s) == 0xff00'0012'3456'7300);
  CHECK(bench.gatos(1 | ssec, GatosBench::va | type2, s) == fault_par(0xfe));
  CHECK(bench.gatos(1 | ssec, GatosBench::va | type3, s) == fault_par(0xfe));
  CHECK(bench.gatos(0x100 | ssec, GatosBench::va | type3, s) == fault_par(0x02));  // not checked beforehand
  CHECK(bench.gatos(2, GatosBench::ipa | type2, s) == (0xff00'0007'6543'2300 | par_ns));
}

TEST_CASE("IHI 0070 §6.3.57.2: S_CR0.SIF stops Secure streams' instruction fetches from Non-secure memory") {
  SecureGatos bench;
  bench.w32(0x8020, 0x2d);
  bench.forget();
  bench.s_leaf() = GatosBench::ipa | (page_leaf | 1U << 7 | non_secure_leaf);
  constexpr std::uint64_t fetch = rnw | ind;
  CHECK(bench.gatos(1 | ssec, GatosBench::va | type1 | fetch, s) == fault_par(0x13));
  CHECK(bench.gatos(3 | ssec, GatosBench::va | type3 | fetch, s) == fault_par(0x13));
  CHECK(bench.gatos(1 | ssec, GatosBench::va | type1 | rnw, s) == (0xff00'0012'3456'7300 | par_ns));
  CHECK(bench.gatos(1, GatosBench::va | type1 | fetch, s) == (0xff00'0007'6543'2300 | par_ns));
  CHECK(bench.gatos(2, GatosBench::ipa | type2 | fetch, s) == (0xff00'0007'6543'2300 | par_ns));
  // Of stage 2 alone stage 1's check is not made; of a bypassed stage 1 it is.
  CHECK(bench.gatos(2 | ssec, GatosBench::ipa | type2 | fetch | ns, s) == to_open);
  for (const std::uint64_t stream : {1U, 3U}) {
    Structure made =
        stream == 1
            ? stage1_ste(SecureGatos::s_cd_at)
            : SecureGatos::with_secure_stage2(nested_ste(SecureGatos::s_cd_at, SecureGatos::ns_root2));
    bench.set_secure_ste(static_cast<std::uint32_t>(stream), made.put(59, 2).put(64, 1));
    bench.forget();
    CHECK(bench.gatos(stream | ssec, GatosBench::ipa | type1 | fetch | ns, s) == fault_par(0x13));
    CHECK(bench.gatos(stream | ssec, GatosBench::ipa | type1 | fetch, s) == 0xff00'0012'3456'7000);
  }
  CHECK(bench.gatos(3 | ssec, GatosBench::ipa | type3 | fetch | ns, s) == fault_par(0x13));
  CHECK(bench.gatos(3 | ssec, GatosBench::ipa | type3 | fetch, s) == to_secure);
}

TEST_CASE("IHI 0070 chapter 9: S_GATOS records nothing either") {
  SecureGatos bench;
  for (const std::uint64_t stream : {1U, 2U, 3U, 4U, 0x100U})
    for (const std::uint64_t request : {type1, type2, type3})
      bench.gatos_again(stream | ssec, 0x5000 | request, s);
  CHECK(bench.r32(0x80a8) == 0);
  CHECK(bench.eventq_prod() == 0);
  CHECK(bench.log.interrupts.empty());
}

}  // namespace sidewinder::test
