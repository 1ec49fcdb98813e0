// SPDX-License-Identifier: Apache-2.0
//
// Secure streams: which physical address space tables, structures and outputs are in (IHI 0070 §3.10.2,
// §13.4.2), the two IPA spaces of Secure stage 2 (§3.10.2.2), and S_CR0.SIF (§6.3.57.2).

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t non_secure = 1U << 5;  ///< NS of a leaf
constexpr std::uint64_t non_secure_table = std::uint64_t{1} << 63;
constexpr std::uint64_t global_leaf = page_leaf & ~std::uint64_t{1U << 11};

/// One Secure stream. The Non-secure space has tables at the same addresses, which lead elsewhere.
struct SecureScene {
  static constexpr std::uint32_t stream = 3;
  static constexpr std::uint64_t va = 0x34'5678'9000, ipa = 0x12'3456'7000;
  static constexpr std::uint64_t pa = 0x7'6543'2000, elsewhere = 0x7'1111'1000;
  static constexpr std::uint64_t cd_at = 0x2000'0000, root = 0x3000'0000;
  static constexpr std::uint64_t secure_root2 = 0x3800'0000, root2 = 0x3900'0000;

  Bench bench;
  Structure ste;
  Structure cd = test::cd(root);
  Tables secure1{bench.memory, 12, 39, root, true};
  Tables open1{bench.memory, 12, 39, root, false};

  explicit SecureScene(std::uint64_t config = 5, const smmuv3::Config& what = full()) : bench(what) {
    ste = config == 5   ? stage1_ste(cd_at)
          : config == 6 ? stage2_ste(root2)
          : config == 7 ? nested_ste(cd_at, root2)
                        : test::ste(config);
    // S_S2T0SZ, S_S2SL0 and S_S2TG as those of the Non-secure IPAs.
    if ((config & 2) != 0) ste.put(288, 25).put(294, 1).put(302, 0).put(388, secure_root2 >> 4);
    secure1.at(va, 3) = (config == 7 ? ipa : pa) | page_leaf;
    open1.at(va, 3) = (config == 7 ? ipa : elsewhere) | page_leaf;
    apply();
  }

  void apply() {
    bench.set_secure_ste(stream, ste);
    bench.set_secure_cd(cd_at, cd);
    bench.smmu.invalidate_all();
  }

  Translation go(std::uint64_t address, bool secure = false, bool instruction = false, bool write = false) {
    Transaction transaction{.address = address, .stream_id = stream, .security = SecurityState::Secure};
    transaction.attributes.secure = secure;
    transaction.attributes.instruction = instruction;
    transaction.attributes.write = write;
    return bench.send(transaction);
  }
  Translation again(std::uint64_t address, bool secure = false) {
    bench.smmu.invalidate_all();
    return go(address, secure);
  }
};

/// Maps pages onto themselves or elsewhere with one of the two tables of a Secure stage 2, which are in
/// Secure memory unless S2SW or S2NSW is set.
struct Stage2Of {
  SecureScene& scene;
  Tables secure{scene.bench.memory, 12, 39, SecureScene::secure_root2, true};
  Tables secure_outside{scene.bench.memory, 12, 39, SecureScene::secure_root2, false};
  Tables open{scene.bench.memory, 12, 39, SecureScene::root2, true};
  Tables open_outside{scene.bench.memory, 12, 39, SecureScene::root2, false};
};

bool in_secure(const Translation& result) {
  return result.attributes.secure;
}

void set_bit(Structure& made, unsigned bit, bool value) {
  made.replace(bit, bit, value ? 1 : 0);
}

}  // namespace

TEST_CASE("IHI 0070 §3.10.2: a Secure stream walks Secure tables, whose NS says where the output is") {
  SecureScene scene;
  const Translation secure = scene.go(SecureScene::va);
  check_forward(secure, SecureScene::pa);
  CHECK(in_secure(secure));
  for (const arch::PortAccess& access : scene.bench.memory.accesses) CHECK(access.secure);
  scene.secure1.at(SecureScene::va, 3) |= non_secure;
  const Translation open = scene.again(SecureScene::va, true);  // the incoming attribute is not used
  check_forward(open, SecureScene::pa);
  CHECK_FALSE(in_secure(open));
}

TEST_CASE(
    "IHI 0070 §3.10.2: NSTable sends the walk to Non-secure memory, and what it finds there is Non-secure") {
  for (const unsigned level : {1U, 2U}) {
    SecureScene scene;
    scene.secure1.at(SecureScene::va, level) |= non_secure_table;
    const Translation result = scene.go(SecureScene::va);
    check_forward(result, SecureScene::elsewhere);
    CHECK_FALSE(in_secure(result));
    const auto& accesses = scene.bench.memory.accesses;
    REQUIRE(accesses.size() >= 3);
    for (unsigned at = 1; at <= 3; ++at) CHECK(accesses[accesses.size() - 4 + at].secure == (at <= level));
  }
}

TEST_CASE("IHI 0070 §5.4, CD.NSCFG0 and NSCFG1: where the first table of each half is, of a Secure stream") {
  for (const bool upper : {false, true}) {
    SecureScene scene;
    scene.cd.replace(30, 30, 0).put(16, 25).put(22, 2);  // TTB1 too, with 4 KiB pages
    scene.cd.words[2] |= SecureScene::root;
    const std::uint64_t address = upper ? SecureScene::va | 0xffff'ff80'0000'0000 : SecureScene::va;
    scene.apply();
    CHECK(in_secure(scene.go(address)));
    scene.cd.put(upper ? 64 : 128, 1);  // the other half's
    scene.apply();
    check_forward(scene.go(address), SecureScene::pa);
    scene.cd.put(upper ? 128 : 64, 1);
    scene.apply();
    const Translation result = scene.go(address);
    check_forward(result, SecureScene::elsewhere);
    CHECK_FALSE(in_secure(result));
  }
}

TEST_CASE(
    "IHI 0070 §3.10: a Non-secure stream has no part in it: NS, NSTable, NSCFG and its input do nothing") {
  Scene scene(Through::Stage1);
  scene.cd.put(64, 1);
  scene.ste.put(110, 2);  // NSCFG: Secure
  scene.stage1.at(Scene::va, 1) |= non_secure_table;
  scene.apply();
  for (const bool leaf_ns : {false, true})
    for (const bool input : {false, true}) {
      scene.leaf() = Scene::pa | page_leaf | (leaf_ns ? non_secure : 0);
      scene.bench.smmu.invalidate_all();
      Transaction transaction{.address = Scene::va, .stream_id = Scene::stream};
      transaction.attributes.secure = input;
      const Translation result = scene.bench.send(transaction);
      check_forward(result, Scene::pa);
      CHECK_FALSE(in_secure(result));
    }
  for (const arch::PortAccess& access : scene.bench.memory.accesses) CHECK_FALSE(access.secure);
}

TEST_CASE(
    "IHI 0070 §3.17.1: a Secure stream's entry from Non-secure memory is not global, whatever nG says") {
  for (const bool outside : {false, true}) {
    SecureScene scene;
    Bench& bench = scene.bench;
    scene.secure1.at(SecureScene::va, 3) = SecureScene::pa | global_leaf;
    scene.open1.at(SecureScene::va, 3) = SecureScene::pa | global_leaf;
    if (outside) scene.cd.put(64, 1);
    scene.apply();
    bench.set_secure_ste(4, stage1_ste(SecureScene::cd_at + 64));
    bench.set_secure_cd(SecureScene::cd_at + 64, Structure(scene.cd).replace(63, 48, 2));
    check_forward(scene.go(SecureScene::va), SecureScene::pa);
    const Translation other =
        bench.send({.address = SecureScene::va, .stream_id = 4, .security = SecurityState::Secure});
    check_forward(other, SecureScene::pa);
    CHECK(other.source == (outside ? Source::Walk : Source::MicroTlb));
  }
}

TEST_CASE("IHI 0070 §5.2, STE.NSCFG: what bypasses stage 1 is Secure or not as it says, or as it came in") {
  for (const bool implemented : {false, true})
    for (const std::uint64_t nscfg : {0U, 1U, 2U, 3U})
      for (const bool input : {false, true}) {
        INFO("NSCFG " << nscfg << ", in " << input << ", ATTR_PERMS_OVR " << implemented);
        smmuv3::Config config = full();
        config.override_permissions = implemented;
        SecureScene scene(4, config);
        scene.ste.put(110, nscfg);
        scene.apply();
        const Translation result = scene.go(0x1000, input);
        check_forward(result, 0x1000);
        CHECK(in_secure(result) == (implemented && nscfg >= 2 ? nscfg == 2 : input));

        scene.ste = stage1_ste(SecureScene::cd_at).put(110, nscfg).put(59, 1).put(64, 1);  // S1DSS: bypass
        scene.apply();
        CHECK(in_secure(scene.go(0x1000, input)) == in_secure(result));
        // Where stage 1 translates it is ignored.
        scene.ste = stage1_ste(SecureScene::cd_at).put(110, nscfg);
        scene.apply();
        CHECK(in_secure(scene.go(SecureScene::va, input)));
      }
}

TEST_CASE("IHI 0070 §3.10.2.2: S2SW, S2SA, S2NSW and S2NSA: where each IPA space's tables and outputs are") {
  for (unsigned bits = 0; bits < 16; ++bits)
    for (const bool secure_ipa : {false, true}) {
      const bool sw = (bits & 1) != 0, sa = (bits & 2) != 0, nsw = (bits & 4) != 0, nsa = (bits & 8) != 0;
      INFO("S2SW " << sw << " S2SA " << sa << " S2NSW " << nsw << " S2NSA " << nsa << " IPA " << secure_ipa);
      SecureScene scene(6);
      set_bit(scene.ste, 384, sw);
      set_bit(scene.ste, 385, sa);
      set_bit(scene.ste, 192, nsw);
      set_bit(scene.ste, 193, nsa);
      Stage2Of stage2{scene};
      stage2.secure.at(SecureScene::ipa, 3) = 0x1'0000'0000 | stage2_leaf;
      stage2.secure_outside.at(SecureScene::ipa, 3) = 0x2'0000'0000 | stage2_leaf;
      stage2.open.at(SecureScene::ipa, 3) = 0x3'0000'0000 | stage2_leaf;
      stage2.open_outside.at(SecureScene::ipa, 3) = 0x4'0000'0000 | stage2_leaf;
      scene.apply();
      const Translation result = scene.go(SecureScene::ipa, secure_ipa);
      const std::uint64_t table = secure_ipa ? (sw ? 2 : 1) : (nsw ? 4 : 3);
      check_forward(result, table << 32);
      CHECK(in_secure(result) == (secure_ipa ? !sw && !sa : !sw && !sa && !nsw && !nsa));
    }
}

TEST_CASE(
    "IHI 0070 §3.10.2.2: the two IPA spaces of a Secure stream are apart in the TLBs, and NSCFG chooses") {
  SecureScene scene(6);
  Stage2Of stage2{scene};
  stage2.secure.at(SecureScene::ipa, 3) = 0x1'0000'0000 | stage2_leaf;
  stage2.open.at(SecureScene::ipa, 3) = 0x3'0000'0000 | stage2_leaf;
  for (unsigned round = 0; round < 2; ++round) {
    check_forward(scene.go(SecureScene::ipa, true), 0x1'0000'0000);
    check_forward(scene.go(SecureScene::ipa, false), 0x3'0000'0000);
  }
  scene.ste.put(110, 3);
  scene.apply();
  check_forward(scene.go(SecureScene::ipa, true), 0x3'0000'0000);
  scene.ste.replace(111, 110, 2);
  scene.apply();
  check_forward(scene.go(SecureScene::ipa, false), 0x1'0000'0000);
}

TEST_CASE(
    "IHI 0070 §3.10.2.2: with both stages CDs and tables are Secure IPAs, and NS picks the output's space") {
  for (const bool ns : {false, true}) {
    SecureScene scene(7);
    Stage2Of stage2{scene};
    for (const std::uint64_t own :
         {SecureScene::cd_at, SecureScene::root, SecureScene::root + 0x1000, SecureScene::root + 0x2000})
      stage2.secure.at(own, 3) = own | stage2_leaf;
    stage2.secure.at(SecureScene::ipa, 3) = 0x1'0000'0000 | stage2_leaf;
    stage2.open.at(SecureScene::ipa, 3) = 0x3'0000'0000 | stage2_leaf;
    if (ns) scene.secure1.at(SecureScene::va, 3) |= non_secure;
    for (unsigned round = 0; round < 2; ++round) {
      const Translation result = scene.go(SecureScene::va);
      check_forward(result, ns ? 0x3'0000'0000 : 0x1'0000'0000);
      CHECK(in_secure(result));  // S2NSA and S2SA are 0
    }
  }
}

TEST_CASE("IHI 0070 §3.10.2.2: NSTable behind stage 2 moves stage 1's tables to the Non-secure IPA space") {
  SecureScene scene(7);
  Stage2Of stage2{scene};
  for (const std::uint64_t own : {SecureScene::cd_at, SecureScene::root})
    stage2.secure.at(own, 3) = own | stage2_leaf;
  scene.secure1.at(SecureScene::va, 1) |= non_secure_table;
  const Translation missing = scene.again(SecureScene::va);
  check_fault(missing, FaultKind::Translation, 2, FaultClass::Table);
  CHECK(missing.fault->ipa_non_secure);
  for (const std::uint64_t own : {SecureScene::root + 0x1000, SecureScene::root + 0x2000})
    stage2.open.at(own, 3) = own | stage2_leaf;
  stage2.open.at(SecureScene::ipa, 3) = 0x3'0000'0000 | stage2_leaf;
  check_forward(scene.again(SecureScene::va), 0x3'0000'0000);
}

TEST_CASE("IHI 0070 §7.3, NSIPA: the space of the IPA that faulted, on a Secure stream at stage 2 alone") {
  SecureScene scene(6);
  Stage2Of stage2{scene};
  for (const bool secure_ipa : {false, true}) {
    const Translation result = scene.again(SecureScene::ipa + 4, secure_ipa);
    check_fault(result, FaultKind::Translation, 2, FaultClass::Input);
    CHECK(result.fault->secure_stream);
    CHECK(result.fault->ipa_non_secure == !secure_ipa);
    CHECK(result.fault->ipa == SecureScene::ipa + 4);
  }
  stage2.open.at(SecureScene::ipa, 3) = 0x3'0000'0000 | (stage2_leaf & ~std::uint64_t{1U << 7});
  CHECK(scene.go(SecureScene::ipa).action == Action::Forward);
  const Translation on_hit = scene.go(SecureScene::ipa, false, false, true);
  check_fault(on_hit, FaultKind::Permission, 2, FaultClass::Input);
  CHECK(on_hit.source == Source::MicroTlb);
  CHECK(on_hit.fault->ipa_non_secure);

  SecureScene nested(7);
  const Translation for_cd = nested.go(SecureScene::va);
  check_fault(for_cd, FaultKind::Translation, 2, FaultClass::Cd);
  CHECK_FALSE(for_cd.fault->ipa_non_secure);

  SecureScene stage1;
  stage1.secure1.at(SecureScene::va, 3) = non_secure;
  CHECK_FALSE(stage1.go(SecureScene::va).fault->ipa_non_secure);

  Scene non_secure_stream(Through::Stage2);
  non_secure_stream.leaf2() = 0;
  const Translation plain = non_secure_stream.read();
  check_fault(plain, FaultKind::Translation, 2, FaultClass::Input);
  CHECK_FALSE(plain.fault->ipa_non_secure);
  CHECK_FALSE(plain.fault->secure_stream);
}

TEST_CASE(
    "IHI 0070 §3.10.2.2: Secure VMIDs tag what stage 2 takes part in, and are not the Non-secure ones") {
  SecureScene scene(6);
  Stage2Of stage2{scene};
  stage2.secure.at(SecureScene::ipa, 3) = 0x1'0000'0000 | stage2_leaf;
  check_forward(scene.go(SecureScene::ipa, true), 0x1'0000'0000);
  Bench& bench = scene.bench;
  stage2.secure.at(SecureScene::ipa, 3) = 0x2'0000'0000 | stage2_leaf;
  bench.set_secure_ste(4, Structure(scene.ste).replace(143, 128, 8));
  Transaction other{.address = SecureScene::ipa, .stream_id = 4, .security = SecurityState::Secure};
  other.attributes.secure = true;
  check_forward(bench.send(other), 0x2'0000'0000);
  check_forward(scene.go(SecureScene::ipa, true), 0x1'0000'0000);
  bench.set_ste(5, stage2_ste(SecureScene::root2));
  check_fault(bench.read(5, SecureScene::ipa), FaultKind::Translation, 2, FaultClass::Input);
}

TEST_CASE("IHI 0070 §5.2: without S_IDR1.SEL2 a Secure STE has no stage 2 and no EL2") {
  smmuv3::Config config = full();
  config.secure_el2 = false;
  for (const std::uint64_t with_stage2 : {6U, 7U}) {
    SecureScene scene(with_stage2, config);
    check_fault(scene.go(SecureScene::ipa), FaultKind::BadSte);
  }
  SecureScene scene(5, config);
  scene.ste.put(94, 2);
  scene.apply();
  check_fault(scene.go(SecureScene::va), FaultKind::BadSte);
}

TEST_CASE(
    "IHI 0070 §6.3.57.2: with SIF what stage 1 makes a Non-secure fetch is a stage 1 permission fault") {
  for (const bool sif : {false, true})
    for (const bool ns : {false, true})
      for (const bool cached : {false, true}) {
        INFO("SIF " << sif << ", NS " << ns << ", cached " << cached);
        SecureScene scene;
        scene.bench.smmu.control(SecurityState::Secure).secure_instruction_fetch = sif;
        // Read-only at EL0, so that the unprivileged may execute it.
        scene.secure1.at(SecureScene::va, 3) = SecureScene::pa | page_leaf | 0x80 | (ns ? non_secure : 0);
        scene.apply();
        if (cached) check_forward(scene.go(SecureScene::va), SecureScene::pa);
        const Translation result = scene.go(SecureScene::va + 8, true, true);
        if (sif && ns) {
          check_fault(result, FaultKind::Permission, 1, FaultClass::Input);
          CHECK(result.fault->access.instruction);
          CHECK(result.fault->secure_stream);
          CHECK(result.source == (cached ? Source::MicroTlb : Source::Walk));
        } else {
          check_forward(result, SecureScene::pa + 8);
        }
      }
}

TEST_CASE(
    "IHI 0070 §6.3.57.2: CD.{A,R,S} govern SIF's fault where stage 1 translates, INSTCFG makes a fetch") {
  for (unsigned ars = 0; ars < 8; ++ars) {
    SecureScene scene;
    scene.bench.smmu.control(SecurityState::Secure).secure_instruction_fetch = true;
    scene.secure1.at(SecureScene::va, 3) |= non_secure;
    scene.ste.put(114, 3);
    scene.cd.replace(46, 46, ars >> 2 & 1).replace(45, 45, ars >> 1 & 1).replace(44, 44, ars & 1);
    scene.apply();
    const Translation result = scene.go(SecureScene::va);
    CHECK(result.action == ((ars & 1) != 0 ? Action::Stall : (ars & 4) != 0 ? Action::Abort : Action::RazWi));
    CHECK(result.recorded == ((ars & 3) != 0));
    CHECK(scene.go(SecureScene::va, false, false, true).action == Action::Forward);  // a write is data
  }
}

TEST_CASE(
    "IHI 0070 §6.3.57.2: SIF looks at the IPA space that stage 1 chose, before stage 2 and not after it") {
  for (const bool cached : {false, true}) {
    SecureScene scene(7);
    scene.bench.smmu.control(SecurityState::Secure).secure_instruction_fetch = true;
    Stage2Of stage2{scene};
    for (const std::uint64_t own :
         {SecureScene::cd_at, SecureScene::root, SecureScene::root + 0x1000, SecureScene::root + 0x2000})
      stage2.secure.at(own, 3) = own | stage2_leaf;
    stage2.secure.at(SecureScene::ipa, 3) = 0x1'0000'0000 | stage2_leaf;
    scene.ste.put(385, 1);  // S2SA: the output is Non-secure, of a Secure IPA, and so are CD and tables
    scene.bench.set_cd(SecureScene::cd_at, scene.cd);
    scene.apply();
    if (cached) check_forward(scene.go(SecureScene::va), 0x1'0000'0000);
    const Translation allowed = scene.go(SecureScene::va, false, true);
    check_forward(allowed, 0x1'0000'0000);
    CHECK_FALSE(in_secure(allowed));

    scene.open1.at(SecureScene::va, 3) |= non_secure;
    scene.bench.smmu.invalidate_all();
    if (cached) {
      stage2.open.at(SecureScene::ipa, 3) = 0x3'0000'0000 | stage2_leaf;
      check_forward(scene.go(SecureScene::va), 0x3'0000'0000);
    }  // else stage 2 would have a fault of its own
    check_fault(scene.go(SecureScene::va, false, true), FaultKind::Permission, 1, FaultClass::Input);
  }
}

TEST_CASE("IHI 0070 §6.3.57.2: with stage 2 alone a Non-secure fetch is aborted, STE.S2S or not") {
  SecureScene scene(6);
  Stage2Of stage2{scene};
  stage2.open.at(SecureScene::ipa, 3) = 0x3'0000'0000 | stage2_leaf;
  stage2.secure.at(SecureScene::ipa, 3) = 0x1'0000'0000 | stage2_leaf;
  scene.bench.smmu.control(SecurityState::Secure).secure_instruction_fetch = true;
  scene.ste.replace(186, 186, 0).put(185, 1);
  scene.apply();
  check_forward(scene.go(SecureScene::ipa, true, true), 0x1'0000'0000);
  check_forward(scene.go(SecureScene::ipa, false, false), 0x3'0000'0000);
  check_fault(scene.go(SecureScene::ipa, false, true), FaultKind::Permission, 1, FaultClass::Input);
}

TEST_CASE("IHI 0070 §6.3.57.2: SIF has nothing to do with Non-secure streams") {
  Scene scene(Through::Both);
  scene.bench.smmu.control(SecurityState::Secure).secure_instruction_fetch = true;
  scene.leaf() |= non_secure | 0x80;
  scene.apply();
  Transaction fetch{.address = Scene::va, .stream_id = Scene::stream};
  fetch.attributes.instruction = true;
  check_forward(scene.bench.send(fetch), Scene::pa);
}

}  // namespace sidewinder::test
