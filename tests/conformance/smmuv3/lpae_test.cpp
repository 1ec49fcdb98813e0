// SPDX-License-Identifier: Apache-2.0
//
// VMSAv8-32 LPAE at stage 1, at stage 2 and at both: 32-bit VAs, 40-bit outputs, 4 KiB pages, and the fields
// that it ignores (IHI 0070 §3.4, §5.2, §5.4; DDI 0487 chapter G5).

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t root = Scene::root, upper_root = 0x3100'0000, root2 = Scene::root2;
constexpr std::uint64_t page = 0x76'6543'0000;  ///< of 40 bits

Structure lpae_cd(std::uint64_t t0sz, std::uint64_t t1sz) {
  Structure made = cd(root).replace(41, 41, 0).replace(5, 0, t0sz).replace(30, 30, 0);
  made.put(16, t1sz).put(24, 1).put(26, 1).put(28, 3);
  made.words[2] |= upper_root;
  return made;
}

/// 40 bits of IPA from level 1: two concatenated tables.
Structure lpae_ste(Structure made) {
  return made.replace(165, 160, 8).replace(179, 179, 0).replace(178, 176, 0);
}

struct LpaeBench : Bench {
  using Bench::Bench;
  void use(const Structure& cd, const Structure& ste = stage1_ste(Scene::cd_at)) {
    set_ste(3, ste);
    set_cd(Scene::cd_at, cd);
    smmu.invalidate_all();
  }
  Translation go(std::uint64_t address, bool write = false, bool privileged = false,
                 bool instruction = false) {
    Transaction transaction{.address = address, .stream_id = 3};
    transaction.attributes.write = write;
    transaction.attributes.privileged = privileged;
    transaction.attributes.instruction = instruction;
    return send(transaction);
  }
  /// Stage 2's leaf of 4 KiB.
  std::uint64_t& leaf2(std::uint64_t ipa) {
    std::uint64_t& level1 = memory.words[root2 + 8 * (ipa >> 30)];
    if (level1 == 0) level1 = (next_ += 0x1000) | 3;
    std::uint64_t& level2 = memory.words[(level1 & ~std::uint64_t{3}) + 8 * (ipa >> 21 & 511)];
    if (level2 == 0) level2 = (next_ += 0x1000) | 3;
    return memory.words[(level2 & ~std::uint64_t{3}) + 8 * (ipa >> 12 & 511)];
  }

 private:
  std::uint64_t next_ = root2 + 0x10'0000;
};

bool passes(const Translation& result) {
  return result.action == Action::Forward;
}

}  // namespace

TEST_CASE(
    "IHI 0070 §3.4, DDI 0487 G5.5.4: T0SZ and T1SZ of LPAE divide 32 bits of VA, and no more than those") {
  struct Sizes {
    unsigned t0sz, t1sz;
  };
  for (const Sizes& sizes : {Sizes{0, 0}, Sizes{1, 1}, Sizes{0, 2}, Sizes{3, 0}, Sizes{2, 2}, Sizes{7, 7},
                             Sizes{1, 3}, Sizes{4, 1}})
    for (std::uint64_t address = 0; address < std::uint64_t{1} << 32; address += 0x0200'0000) {
      INFO("T0SZ " << sizes.t0sz << " T1SZ " << sizes.t1sz << " address " << std::hex << address);
      const auto leading_zeros = address == 0 ? 32U : static_cast<unsigned>(__builtin_clzll(address)) - 32;
      const auto inverse = ~address & 0xffff'ffff;
      const auto leading_ones = inverse == 0 ? 32U : static_cast<unsigned>(__builtin_clzll(inverse)) - 32;
      // Zero is what the other does not claim.
      const bool lower =
          sizes.t0sz != 0 ? leading_zeros >= sizes.t0sz : sizes.t1sz == 0 || leading_ones < sizes.t1sz;
      const bool upper = !lower && (sizes.t1sz != 0 ? leading_ones >= sizes.t1sz : sizes.t0sz != 0);
      LpaeBench bench;
      bench.use(lpae_cd(sizes.t0sz, sizes.t1sz));
      // With T1SZ 0 the rest needs 32 bits of table, with T0SZ 0 likewise.
      const unsigned bits = 32 - (upper ? sizes.t1sz : sizes.t0sz);
      Tables tables(bench.memory, 12, bits, upper ? upper_root : root);
      if (lower || upper) tables.at(address, 3) = page | page_leaf;
      const Translation result = bench.go(address + 4);
      if (lower || upper)
        check_forward(result, page + 4);
      else
        check_fault(result, FaultKind::Translation, 1, FaultClass::Input);
      check_fault(bench.go(address | std::uint64_t{1} << 32), FaultKind::Translation, 1, FaultClass::Input);
      check_fault(bench.go(address | std::uint64_t{1} << 63), FaultKind::Translation, 1, FaultClass::Input);
    }
}

TEST_CASE(
    "IHI 0070 §5.4: LPAE ignores the top of T0SZ, TGx, IPS, TBI, HA, HD and E0PD, while EPD and HAD count") {
  LpaeBench bench;
  Structure made = lpae_cd(2 | 0x38, 2);
  made.replace(7, 6, 3).replace(23, 22, 0).replace(34, 32, 0).put(38, 1).put(42, 1).put(43, 1).put(66, 1);
  bench.use(made);
  Tables tables(bench.memory, 12, 30, root);
  tables.at(0x1000, 3) = page | page_leaf;
  check_forward(bench.go(0x1000), page);
  check_fault(bench.go(0x1000 | 0xa5ULL << 56), FaultKind::Translation);
  tables.at(0x2000, 3) = page | (page_leaf & ~std::uint64_t{1U << 10});
  check_fault(bench.go(0x2000), FaultKind::AccessFlag, 1, FaultClass::Input);
  tables.at(0x1000, 2) |= std::uint64_t{1} << 62;
  bench.smmu.invalidate_all();
  check_fault(bench.go(0x1000, true), FaultKind::Permission);
  bench.use(made.put(65, 1));  // HAD0
  check_forward(bench.go(0x1000, true), page);
  bench.use(made.put(14, 1));  // EPD0
  check_fault(bench.go(0x1000), FaultKind::Translation);
}

TEST_CASE("IHI 0070 §5.4, UWXN and WXN: of LPAE, where the privileged may else execute what EL0 may write") {
  struct Case {
    unsigned bit;  ///< of the CD; 0: none
    std::uint64_t ap;
    bool privileged, unprivileged;
  };
  for (const Case& c :
       {Case{0, 0, true, false}, Case{0, 1, true, true}, Case{0, 2, true, false}, Case{0, 3, true, true},
        Case{36, 0, false, false}, Case{36, 1, false, false}, Case{36, 3, true, true},
        Case{37, 0, true, false}, Case{37, 1, false, true}, Case{37, 3, true, true}}) {
    INFO("bit " << c.bit << ", AP " << c.ap);
    LpaeBench bench;
    Structure made = lpae_cd(0, 0);
    if (c.bit != 0) made.put(c.bit, 1);
    bench.use(made);
    Tables(bench.memory, 12, 32, root).at(0x1000, 3) = page | (page_leaf & ~std::uint64_t{0xc0}) | c.ap << 6;
    CHECK(passes(bench.go(0x1000, false, true, true)) == c.privileged);
    CHECK(passes(bench.go(0x1000, false, false, true)) == c.unprivileged);
  }
}

TEST_CASE(
    "IHI 0070 §3.4, §5.4: LPAE puts out 40 bits whatever IPS says, and beyond is an address size fault") {
  for (const unsigned level : {1U, 2U, 3U})
    for (const unsigned bit : {40U, 47U}) {
      LpaeBench bench;
      bench.use(lpae_cd(0, 0));
      Tables tables(bench.memory, 12, 32, root);
      tables.at(0x1000, 3) = page | page_leaf;
      check_forward(bench.go(0x1000), page);
      tables.at(0x1000, level) |= std::uint64_t{1} << bit;
      bench.smmu.invalidate_all();
      check_fault(bench.go(0x1000), FaultKind::AddressSize, 1, FaultClass::Input);
    }
  LpaeBench bench;
  bench.use(lpae_cd(0, 0).put(64 + 40, 1));  // TTB0
  check_fault(bench.go(0x1000), FaultKind::BadCd);
}

TEST_CASE("IHI 0070 §3.4, §3.4.3: with an OAS below 40 bits LPAE's addresses are cut to it, silently") {
  smmuv3::Config config = full();
  config.output_bits = 36;
  LpaeBench bench(config);
  Structure made = lpae_cd(0, 0).put(64 + 38, 1);  // TTB0 beyond the OAS
  bench.use(made);
  Tables tables(bench.memory, 12, 32, root);
  tables.at(0x1000, 3) = page | page_leaf;
  tables.at(0x1000, 1) |= std::uint64_t{1} << 39;
  check_forward(bench.go(0x1004), (page + 4) & 0xf'ffff'ffff);
  check_forward(bench.go(0x1004), (page + 4) & 0xf'ffff'ffff);  // and of a hit

  LpaeBench stage2(config);
  stage2.use({}, lpae_ste(stage2_ste(root2)));
  stage2.leaf2(0x80'0000'1000) = page | stage2_leaf;
  check_forward(stage2.go(0x80'0000'1004), (page + 4) & 0xf'ffff'ffff);

  // Behind stage 1 it is an IPA of 40 bits.
  LpaeBench both(config);
  both.use(lpae_cd(0, 0), lpae_ste(nested_ste(Scene::cd_at, root2)));
  Tables first(both.memory, 12, 32, root);
  first.at(0x1000, 3) = page | page_leaf;
  for (const std::uint64_t own : {Scene::cd_at, root, root + 0x1000, root + 0x2000})
    both.leaf2(own) = own | stage2_leaf;
  both.leaf2(page) = 0x5'0000'0000 | stage2_leaf;
  check_forward(both.go(0x1004), 0x5'0000'0004);
}

TEST_CASE("IHI 0070 §5.2: S2T0SZ and S2SL0 of LPAE, 25 to 40 bits of IPA, while S2TG and S2PS are ignored") {
  for (unsigned bits = 25; bits <= 40; ++bits)
    for (const std::uint64_t sl0 : {0U, 1U, 2U, 3U}) {
      INFO("IPA bits " << bits << ", S2SL0 " << sl0);
      const std::uint64_t t0sz = (32 - bits) & 15;
      LpaeBench bench;
      bench.use(
          {}, lpae_ste(stage2_ste(root2)).replace(165, 160, t0sz | 0x30).replace(167, 166, sl0).put(174, 3));
      const bool good = sl0 == 0 ? bits <= 34 : sl0 == 1 && bits >= 31;
      if (!good) {
        check_fault(bench.go(0), FaultKind::BadSte);
        continue;
      }
      const std::uint64_t last = (std::uint64_t{1} << bits) - 1;
      if (sl0 == 1) {
        bench.leaf2(last & ~std::uint64_t{0xfff}) = page | stage2_leaf;
      } else {
        bench.memory.words[root2 + 8 * (last >> 21)] = (root2 + 0x10'0000) | 3;
        bench.memory.words[root2 + 0x10'0000 + 8 * 511] = page | stage2_leaf;
      }
      check_forward(bench.go(last), page + 0xfff);
      if (bits == 40) {
        const Translation beyond = bench.go(last + 1);
        check_fault(beyond, FaultKind::Translation, 2, FaultClass::Input);  // the IAS is 48 bits
      } else {
        check_fault(bench.go(last + 1), FaultKind::Translation, 2, FaultClass::Input);
      }
    }
}

TEST_CASE("IHI 0070 §3.4: LPAE at stage 2 puts out 40 bits, and what cannot be read cannot be executed") {
  LpaeBench bench;
  bench.use({}, lpae_ste(stage2_ste(root2)));
  bench.leaf2(0x1000) = page | std::uint64_t{1} << 40 | stage2_leaf;
  check_fault(bench.go(0x1000), FaultKind::AddressSize, 2, FaultClass::Input);
  bench.leaf2(0x2000) = page | (stage2_leaf & ~std::uint64_t{1U << 6});  // S2AP 2: write-only
  check_fault(bench.go(0x2000, false, false, true), FaultKind::Permission, 2, FaultClass::Input);
  CHECK(passes(bench.go(0x2000, true)));
  bench.use({}, lpae_ste(stage2_ste(root2)).put(196 + 36, 1));  // S2TTB, at 2^40
  check_fault(bench.go(0x2000), FaultKind::BadSte);
  Scene vmsa64(Through::Stage2);  // which has execute-only pages
  vmsa64.leaf2() &= ~std::uint64_t{3U << 6};
  Transaction fetch{.address = Scene::ipa, .stream_id = Scene::stream};
  fetch.attributes.instruction = true;
  CHECK(passes(vmsa64.bench.send(fetch)));
}

TEST_CASE("IHI 0070 §5.2, §5.4: which formats go together, and which need IDR0.TTF") {
  for (const bool aarch64 : {false, true})
    for (const bool aarch32 : {false, true})
      for (const bool first64 : {false, true})
        for (const bool second64 : {false, true}) {
          if (!aarch64 && !aarch32) continue;
          INFO("TTF " << aarch64 << aarch32 << ", stage 1 " << first64 << ", stage 2 " << second64);
          smmuv3::Config config = full();
          config.aarch64 = aarch64;
          config.aarch32 = aarch32;
          LpaeBench bench(config);
          Structure nested = nested_ste(Scene::cd_at, root2);
          if (!second64) nested = lpae_ste(nested);
          bench.use(first64 ? cd(root) : lpae_cd(0, 0), nested);
          bench.leaf2(Scene::cd_at) = Scene::cd_at | stage2_leaf;
          const Translation result = bench.go(0x1000);
          if (second64 ? !aarch64 : !aarch32)
            check_fault(result, FaultKind::BadSte);
          else if (first64 ? !aarch64 || !second64 : !aarch32)
            check_fault(result, FaultKind::BadCd);
          else
            check_fault(result, FaultKind::Translation, 2, FaultClass::Table);
        }
}

TEST_CASE(
    "IHI 0070 §5.2: S2HA, S2HD and S2FWB with LPAE at stage 2, and LPAE at Secure stage 2, are ILLEGAL") {
  for (const unsigned bit : {184U, 183U, 89U}) {
    LpaeBench bench;
    bench.use({}, lpae_ste(stage2_ste(root2)).put(bit, 1));
    check_fault(bench.go(0x1000), FaultKind::BadSte);
  }
  LpaeBench bench;
  bench.set_secure_ste(3, lpae_ste(stage2_ste(root2)).put(288, 25).put(294, 1));
  check_fault(bench.send({.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure}),
              FaultKind::BadSte);
}

}  // namespace sidewinder::test
