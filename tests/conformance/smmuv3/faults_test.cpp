// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a transaction that faults: CD.{A,R,S} and STE.{S2R,S2S}, the limits that the implementation
// and the STE set to them, and which addresses are too big.

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

constexpr std::array arrays_of_bits{false, true};

/// CD.{A,R,S}.
Structure with_ars(Structure cd, bool abort, bool record, bool stall) {
  return cd.replace(46, 46, abort ? 1 : 0).replace(45, 45, record ? 1 : 0).replace(44, 44, stall ? 1 : 0);
}

/// STE.{S2R,S2S}.
Structure with_s2rs(Structure ste, bool record, bool stall) {
  return ste.replace(186, 186, record ? 1 : 0).replace(185, 185, stall ? 1 : 0);
}

smmuv3::Config with_model(smmuv3::StallModel model) {
  smmuv3::Config config = full();
  config.stall_model = model;
  config.stall_max = model == smmuv3::StallModel::NoStall ? 0 : 256;
  return config;
}

}  // namespace

TEST_CASE("IHI 0070 §5.5: each of the four faults of stage 1 with every CD.{A,R,S}") {
  for (const FaultKind kind : translation_related)
    for (const bool abort : arrays_of_bits)
      for (const bool record : arrays_of_bits)
        for (const bool stall : arrays_of_bits) {
          INFO("kind " << unsigned(kind) << ", ARS " << abort << record << stall);
          Scene scene(Through::Stage1);
          scene.cd = with_ars(scene.cd, abort, record, stall);
          spoil(scene.leaf(), kind);
          scene.apply();
          const Translation result = scene.write(0x123);
          CHECK(result.action == (stall ? Action::Stall : abort ? Action::Abort : Action::RazWi));
          CHECK(result.recorded == (stall || record));
          REQUIRE(result.fault.has_value());
          CHECK(result.fault->kind == kind);
          CHECK(unsigned{result.fault->stage} == 1);
          CHECK(result.fault->cls == FaultClass::Input);
        }
}

TEST_CASE("IHI 0070 §5.5: each of the four faults of stage 2 with every STE.{S2R,S2S} is never RAZ/WI") {
  for (const Through through : {Through::Stage2, Through::Both})
    for (const FaultKind kind : translation_related)
      for (const bool abort : arrays_of_bits)
        for (const bool record : arrays_of_bits)
          for (const bool stall : arrays_of_bits) {
            INFO("kind " << unsigned(kind) << ", RS " << record << stall << ", CD.A " << abort);
            Scene scene(through);
            scene.cd = with_ars(scene.cd, abort, !record, !stall);
            scene.ste = with_s2rs(scene.ste, record, stall);
            spoil2(scene.leaf2(), kind);
            scene.apply();
            const Translation result = scene.write(0x123);
            CHECK(result.action == (stall ? Action::Stall : Action::Abort));
            CHECK(result.recorded == (stall || record));
            REQUIRE(result.fault.has_value());
            CHECK(result.fault->kind == kind);
            CHECK(unsigned{result.fault->stage} == 2);
            CHECK(result.fault->cls == FaultClass::Input);
          }
}

TEST_CASE("IHI 0070 §3.12.5: with two stages the stage that faults says whether the transaction stalls") {
  for (const bool stall1 : arrays_of_bits)
    for (const bool stall2 : arrays_of_bits)
      for (const unsigned stage : {1U, 2U}) {
        INFO("stage 1 stalls " << stall1 << ", stage 2 " << stall2 << ", fault at " << stage);
        Scene scene(Through::Both);
        scene.cd = with_ars(scene.cd, true, true, stall1);
        scene.ste = with_s2rs(scene.ste, true, stall2);
        if (stage == 1)
          spoil(scene.leaf(), FaultKind::Translation);
        else
          spoil2(scene.leaf2(), FaultKind::Translation);
        scene.apply();
        const Translation result = scene.read(0x18);
        const bool stalls = stage == 1 ? stall1 : stall2;
        check_fault(result, FaultKind::Translation, stalls ? Action::Stall : Action::Abort);
        CHECK(unsigned{result.fault->stage} == stage);
        CHECK(result.fault->access.address == Scene::va + 0x18);
        if (stage == 2) CHECK(result.fault->ipa == Scene::ipa + 0x18);
      }
}

TEST_CASE("IHI 0070 §3.12: a stage 2 fault on a descriptor of stage 1 is stage 2's to stall or record") {
  for (const bool record : arrays_of_bits)
    for (const bool stall : arrays_of_bits) {
      Scene scene(Through::Both);
      scene.cd = with_ars(scene.cd, false, !record, !stall);
      scene.ste = with_s2rs(scene.ste, record, stall);
      spoil2(scene.stage2.at(Scene::root, 3), FaultKind::Translation);
      scene.apply();
      const Translation result = scene.read();
      CHECK(result.action == (stall ? Action::Stall : Action::Abort));
      CHECK(result.recorded == (stall || record));
    }
}

TEST_CASE("IHI 0070 §5.5: where substreams are used each CD has its own A, R and S") {
  Scene scene(Through::Stage1);
  scene.ste.put(59, 1).put(64, 2);  // two CDs, the first for what has no SubstreamID
  scene.apply();
  scene.bench.set_cd(Scene::cd_at + 64, with_ars(cd(Scene::root, 2), true, true, true));
  spoil(scene.leaf(), FaultKind::Translation);
  check_fault(scene.read(), FaultKind::Translation);
  check_fault(
      scene.bench.send({.address = Scene::va, .stream_id = Scene::stream, .substream_id = 1, .ssv = true}),
      FaultKind::Translation, Action::Stall);
}

TEST_CASE(
    "IHI 0070 §3.12, §5.5: what is not one of the four is aborted and recorded, whatever A, R and S say") {
  for (const bool stall : arrays_of_bits) {
    INFO("stall " << stall);
    Scene scene(Through::Both);
    scene.cd = with_ars(scene.cd, false, false, stall);
    scene.ste = with_s2rs(scene.ste, false, stall);
    scene.apply();
    scene.bench.memory.aborting = {Scene::root + 0x1000 + 8 * (Scene::va >> 21 & 511)};
    check_fault(scene.read(), FaultKind::ExternalWalk, 1, FaultClass::Table);
    scene.bench.memory.aborting = {scene.stage2.slot(Scene::ipa, 3)};
    check_fault(scene.read_again(), FaultKind::ExternalWalk, 2, FaultClass::Input);
    scene.bench.memory.aborting = {Scene::cd_at};
    scene.bench.smmu.invalidate_all();
    check_fault(scene.read(), FaultKind::CdFetch);
    scene.bench.memory.aborting.clear();
    scene.cd.replace(31, 31, 0);
    scene.apply();
    check_fault(scene.read(), FaultKind::BadCd);
  }
}

TEST_CASE("IHI 0070 §5.5: with IDR0.TERM_MODEL 1 a CD whose A is 0 is C_BAD_CD") {
  for (const bool always_abort : arrays_of_bits)
    for (const bool abort : arrays_of_bits) {
      smmuv3::Config config = full();
      config.always_abort = always_abort;
      Scene scene(Through::Stage1, config);
      scene.cd = with_ars(scene.cd, abort, true, false);
      scene.apply();
      if (always_abort && !abort)
        check_fault(scene.read(), FaultKind::BadCd);
      else
        check_forward(scene.read(), Scene::pa);
    }
}

TEST_CASE("IHI 0070 §5.5: IDR0.STALL_MODEL and STE.S1STALLD say which CD.S there may be") {
  using Model = smmuv3::StallModel;
  for (const Model model : {Model::Both, Model::NoStall, Model::Forced})
    for (const bool disabled : arrays_of_bits)
      for (const bool stall : arrays_of_bits) {
        INFO("STALL_MODEL " << unsigned(model) << ", S1STALLD " << disabled << ", S " << stall);
        Scene scene(Through::Stage1, with_model(model));
        scene.ste.put(91, disabled ? 1 : 0);
        scene.cd = with_ars(scene.cd, true, true, stall);
        scene.apply();
        const Translation result = scene.read();
        if (disabled && model != Model::Both)
          check_fault(result, FaultKind::BadSte);
        else if (model == Model::NoStall ? stall : model == Model::Forced ? !stall : disabled && stall)
          check_fault(result, FaultKind::BadCd);
        else
          check_forward(result, Scene::pa);
      }
}

TEST_CASE("IHI 0070 §5.5: IDR0.STALL_MODEL says which STE.S2S there may be, where stage 2 translates") {
  using Model = smmuv3::StallModel;
  for (const Model model : {Model::Both, Model::NoStall, Model::Forced})
    for (const bool stall : arrays_of_bits) {
      INFO("STALL_MODEL " << unsigned(model) << ", S2S " << stall);
      Scene scene(Through::Stage2, with_model(model));
      scene.ste = with_s2rs(scene.ste, true, stall);
      scene.apply();
      if (model == Model::NoStall ? stall : model == Model::Forced && !stall)
        check_fault(scene.read(), FaultKind::BadSte);
      else
        check_forward(scene.read(), Scene::pa);

      Scene without(Through::Stage1, with_model(model));
      without.ste = with_s2rs(without.ste, true, stall);
      without.cd = with_ars(without.cd, true, true, model == Model::Forced);
      without.apply();
      check_forward(without.read(), Scene::pa);
    }
}

TEST_CASE("IHI 0070 §3.12, §6.3.57.1: S_CR0.NSSTALLD keeps Non-secure streams from stalling") {
  for (const bool disabled : arrays_of_bits) {
    Scene scene(Through::Stage1);
    scene.bench.smmu.control(SecurityState::Secure).non_secure_stall_disabled = disabled;
    scene.cd = with_ars(scene.cd, true, true, true);
    spoil(scene.leaf(), FaultKind::Translation);
    scene.apply();
    const Translation result = scene.read();
    check_fault(result, disabled ? FaultKind::BadCd : FaultKind::Translation,
                disabled ? Action::Abort : Action::Stall);

    Bench& bench = scene.bench;  // a Secure stream may
    bench.set_secure_ste(4, stage1_ste(Scene::cd_at));
    bench.set_secure_cd(Scene::cd_at, scene.cd);
    check_fault(bench.send({.address = Scene::va, .stream_id = 4, .security = SecurityState::Secure}),
                FaultKind::Translation, Action::Stall);
  }
}

TEST_CASE("IHI 0070 §7.3.14: an output beyond CD.IPS is an address size fault, at every table and leaf") {
  for (const bool nested : arrays_of_bits) {
    Scene scene(nested ? Through::Both : Through::Stage1);
    check_forward(scene.read(), Scene::pa);
    for (const unsigned level : {1U, 2U, 3U}) {
      INFO("level " << level);
      std::uint64_t& descriptor = scene.stage1.at(Scene::va, level);
      const std::uint64_t good = descriptor;
      for (const unsigned bit : {44U, 47U}) {
        descriptor = good | std::uint64_t{1} << bit;
        check_fault(scene.read_again(), FaultKind::AddressSize, 1, FaultClass::Input);
      }
      descriptor = good | std::uint64_t{1} << 43;  // in range, and nothing is there
      const Translation beside = scene.read_again();
      if (nested)
        check_fault(beside, FaultKind::Translation, 2, level == 3 ? FaultClass::Input : FaultClass::Table);
      else if (level == 3)
        check_forward(beside, Scene::pa | std::uint64_t{1} << 43);
      else
        check_fault(beside, FaultKind::Translation, 1, FaultClass::Input);
      descriptor = good;
    }
  }
}

TEST_CASE("IHI 0070 §7.3.14: an output beyond STE.S2PS is an address size fault, at every table and leaf") {
  Scene scene(Through::Stage2);
  for (const unsigned level : {1U, 2U, 3U}) {
    INFO("level " << level);
    std::uint64_t& descriptor = scene.stage2.at(Scene::ipa, level);
    const std::uint64_t good = descriptor;
    descriptor = good | std::uint64_t{1} << 44;
    const Translation result = scene.read_again(0x40);
    check_fault(result, FaultKind::AddressSize, 2, FaultClass::Input);
    CHECK(result.fault->ipa == Scene::ipa + 0x40);
    descriptor = good;
  }
  check_forward(scene.read_again(), Scene::pa);
}

TEST_CASE(
    "IHI 0070 §7.3.14: a TTB beyond the output size is C_BAD_CD or C_BAD_STE, and no address size fault") {
  Scene stage1(Through::Stage1);
  stage1.cd.put(64 + 44, 1);  // TTB0
  stage1.apply();
  check_fault(stage1.read(), FaultKind::BadCd);

  Scene stage2(Through::Stage2);
  stage2.ste.put(192 + 44, 1);  // S2TTB
  stage2.apply();
  check_fault(stage2.read(), FaultKind::BadSte);
}

TEST_CASE(
    "IHI 0070 §3.4: stage 1's output is checked against CD.IPS, and then by stage 2's own input range") {
  Scene scene(Through::Both);
  scene.leaf() = std::uint64_t{1} << 40 | page_leaf;  // within 44 bits, beyond stage 2's 39
  const Translation result = scene.read(0x44);
  check_fault(result, FaultKind::Translation, 2, FaultClass::Input);
  CHECK(result.fault->ipa == (std::uint64_t{1} << 40 | 0x44));
}

TEST_CASE("IHI 0070 §7.3.14: CD.IPS and STE.S2PS are capped to the OAS") {
  smmuv3::Config config = full();
  config.output_bits = 42;
  config.aarch32 = false;
  for (const Through through : {Through::Stage1, Through::Stage2}) {
    Scene scene(through, config);  // which asks for 44 bits
    std::uint64_t& leaf = through == Through::Stage1 ? scene.leaf() : scene.leaf2();
    leaf |= std::uint64_t{1} << 41;
    check_forward(scene.read(), Scene::pa | std::uint64_t{1} << 41);
    leaf ^= std::uint64_t{3} << 41;
    check_fault(scene.read_again(), FaultKind::AddressSize, through == Through::Stage1 ? 1 : 2,
                FaultClass::Input);
  }
}

}  // namespace sidewinder::test
