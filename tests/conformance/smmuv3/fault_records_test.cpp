// SPDX-License-Identifier: Apache-2.0
//
// What the record of a fault says (IHI 0070 §7.3, §7.3.12 to §7.3.16): of the transaction, of the stage and
// the access that faulted, and of the addresses.

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

struct Case {
  std::uint64_t config;  ///< of PRIVCFG or INSTCFG
  bool incoming;
  bool effective;
};

constexpr std::array overrides{Case{0, false, false}, Case{0, true, true},  Case{1, true, true},
                               Case{1, false, false}, Case{2, true, false}, Case{3, false, true}};

/// The descriptor of `level` on the way of `address`, before anything is spoilt.
std::array<std::uint64_t, 3> slots(Tables& tables, std::uint64_t address) {
  return {tables.slot(address, 1), tables.slot(address, 2), tables.slot(address, 3)};
}

}  // namespace

TEST_CASE("IHI 0070 §7.3, PnU and InD: the attributes after STE.PRIVCFG and INSTCFG, and a write is data") {
  for (const bool implemented : {false, true})
    for (const Case& priv : overrides)
      for (const Case& inst : overrides)
        for (const bool write : {false, true}) {
          smmuv3::Config config = full();
          config.override_permissions = implemented;
          Scene scene(Through::Stage1, config);
          scene.ste.put(112, priv.config).put(114, inst.config);
          scene.leaf() = 0;
          scene.apply();
          Transaction transaction{.address = Scene::va, .stream_id = Scene::stream};
          transaction.attributes.privileged = priv.incoming;
          transaction.attributes.instruction = inst.incoming;
          transaction.attributes.write = write;
          const Translation result = scene.bench.send(transaction);
          check_fault(result, FaultKind::Translation);
          CHECK(result.fault->access.write == write);
          CHECK(result.fault->access.privileged == (implemented ? priv.effective : priv.incoming));
          CHECK(result.fault->access.instruction ==
                (!write && (implemented ? inst.effective : inst.incoming)));
        }
}

TEST_CASE("IHI 0070 §7.3: the same attributes go into the records of every stage and class") {
  for (const bool write : {false, true})
    for (const unsigned where : {0U, 1U, 2U, 3U}) {
      Scene scene(Through::Both);
      scene.ste.put(112, 3).put(114, 3);        // privileged, instruction
      scene.leaf() &= ~std::uint64_t{1U << 6};  // else it is not for the privileged to execute
      if (where == 0) scene.stage2.at(Scene::cd_at, 3) = 0;
      if (where == 1) scene.stage2.at(Scene::root, 3) = 0;
      if (where == 2) scene.leaf() = 0;
      if (where == 3) scene.leaf2() = 0;
      scene.apply();
      const Translation result = write ? scene.write(8) : scene.read(8);
      check_fault(result, FaultKind::Translation);
      CHECK(result.fault->access.write == write);
      CHECK(result.fault->access.privileged);
      CHECK(result.fault->access.instruction == !write);
      CHECK(result.fault->access.address == Scene::va + 8);
      CHECK(result.fault->access.stream_id == Scene::stream);
    }
}

TEST_CASE("IHI 0070 §7.3, InputAddr: all 64 bits as they came, with TBI too, of a walk and of a hit") {
  Scene scene(Through::Stage1);
  scene.cd.put(38, 1);  // TBI0
  scene.leaf() |= 1U << 7;
  scene.apply();
  const std::uint64_t tagged = Scene::va | 0xa5ULL << 56 | 0x123;
  const Translation walked = scene.bench.write(Scene::stream, tagged);
  check_fault(walked, FaultKind::Permission);
  CHECK(walked.fault->access.address == tagged);
  check_forward(scene.bench.read(Scene::stream, tagged), Scene::pa + 0x123);
  const Translation hit = scene.bench.write(Scene::stream, tagged ^ 0xffULL << 56);
  check_fault(hit, FaultKind::Permission);
  CHECK(hit.source == Source::MicroTlb);
  CHECK(hit.fault->access.address == (tagged ^ 0xffULL << 56));
}

TEST_CASE("IHI 0070 §7.3, InputAddr: one that no table covers is recorded whole") {
  Scene scene(Through::Stage1);
  for (const std::uint64_t address :
       {0x80'0000'0000ULL, 0x8000'0034'5678'9abcULL, 0xffff'ffff'ffff'fff8ULL}) {
    const Translation result = scene.bench.read(Scene::stream, address);
    check_fault(result, FaultKind::Translation, 1, FaultClass::Input);
    CHECK(result.fault->access.address == address);
  }
}

TEST_CASE("IHI 0070 §7.3, SSV and SubstreamID: those of the transaction, in faults of both stages") {
  for (const unsigned stage : {1U, 2U}) {
    Scene scene(Through::Both);
    scene.ste.put(59, 3).put(64, 2);  // eight CDs, 0 for what has no SubstreamID
    scene.apply();
    scene.bench.set_cd(Scene::cd_at + 64 * 5, scene.cd);
    (stage == 1 ? scene.leaf() : scene.leaf2()) = 0;
    const Translation with =
        scene.bench.send({.address = Scene::va, .stream_id = Scene::stream, .substream_id = 5, .ssv = true});
    check_fault(with, FaultKind::Translation, stage, FaultClass::Input);
    CHECK(with.fault->ssv);
    CHECK(with.fault->substream_id == 5);
    const Translation without = scene.read();
    check_fault(without, FaultKind::Translation, stage, FaultClass::Input);
    CHECK_FALSE(without.fault->ssv);
    CHECK(without.fault->substream_id == 0);
  }
}

TEST_CASE("IHI 0070 §7.3.13: a fault of stage 1 at each level has S2 0, CLASS IN") {
  Scene scene(Through::Stage1);
  for (const std::uint64_t slot : slots(scene.stage1, Scene::va)) {
    std::uint64_t& descriptor = scene.bench.memory.words[slot];
    const std::uint64_t good = descriptor;
    descriptor = good & ~std::uint64_t{1};
    check_fault(scene.read_again(), FaultKind::Translation, 1, FaultClass::Input);
    descriptor = good;
  }
  // Of type block at the last level: reserved.
  scene.leaf() &= ~block_bit;
  check_fault(scene.read_again(), FaultKind::Translation, 1, FaultClass::Input);
}

TEST_CASE(
    "IHI 0070 §7.3.13 to §7.3.16: stage 2's four faults for the CD have CLASS CD and its address as IPA") {
  for (const FaultKind kind : translation_related) {
    Scene scene(Through::Both);
    spoil2(scene.stage2.at(Scene::cd_at, 3), kind);
    const Translation result = scene.write(0x10);
    check_fault(result, kind, 2, FaultClass::Cd);
    CHECK(result.fault->ipa == Scene::cd_at);
    CHECK(result.fault->access.address == Scene::va + 0x10);
    CHECK(result.source == Source::Configuration);
  }
}

TEST_CASE("IHI 0070 §7.3.13: for a CD in a table CLASS CD has the address of the L1CD, and then of the CD") {
  Scene scene(Through::Both);
  constexpr std::uint64_t leaf_table = 0x2200'0000;
  scene.ste.put(4, 1).put(59, 8);  // S1Fmt: two levels, 4 KiB leaves
  std::uint64_t& l1 = scene.stage2.at(Scene::cd_at, 3);
  l1 = 0;
  scene.apply();
  scene.bench.memory.words[Scene::cd_at + 8 * 2] = leaf_table | 1;
  const Transaction transaction{
      .address = Scene::va, .stream_id = Scene::stream, .substream_id = 2 * 64 + 7, .ssv = true};
  const Translation first = scene.bench.send(transaction);
  check_fault(first, FaultKind::Translation, 2, FaultClass::Cd);
  CHECK(first.fault->ipa == Scene::cd_at + 8 * 2);
  l1 = Scene::cd_at | stage2_leaf;
  scene.bench.smmu.invalidate_all();
  const Translation second = scene.bench.send(transaction);
  check_fault(second, FaultKind::Translation, 2, FaultClass::Cd);
  CHECK(second.fault->ipa == leaf_table + 64 * 7);
}

TEST_CASE("IHI 0070 §7.3.13 to §7.3.16: stage 2's four faults for stage 1's table, of each level: CLASS TT") {
  for (const FaultKind kind : translation_related)
    for (const unsigned level : {1U, 2U, 3U}) {
      INFO("kind " << unsigned(kind) << ", level " << level);
      Scene scene(Through::Both);
      const std::uint64_t descriptor = slots(scene.stage1, Scene::va)[level - 1];
      spoil2(scene.stage2.at(descriptor, 3), kind);
      const Translation result = scene.write(0x10);
      check_fault(result, kind, 2, FaultClass::Table);
      CHECK(result.fault->ipa == descriptor);
      CHECK_FALSE(result.fault->table_write);
      CHECK(result.fault->access.address == Scene::va + 0x10);
      CHECK(result.fault->access.write);
    }
}

TEST_CASE("IHI 0070 §7.3.13 to §7.3.16: stage 2's four faults for the transaction's IPA: CLASS IN") {
  for (const Through through : {Through::Stage2, Through::Both})
    for (const FaultKind kind : translation_related) {
      Scene scene(through);
      spoil2(scene.leaf2(), kind);
      const Translation result = scene.read(0xabc);
      check_fault(result, kind, 2, FaultClass::Input);
      CHECK(result.fault->ipa == Scene::ipa + 0xabc);
      CHECK(result.fault->access.address == scene.input() + 0xabc);
    }
}

TEST_CASE("IHI 0070 §7.3.16, TTRnW: the update of a descriptor that stage 2 lets only be read is a write") {
  for (const smmuv3::Config& config : {full(), uncached()}) {
    Scene scene(Through::Both, config);
    scene.cd.put(43, 1);                       // HA
    scene.leaf() &= ~std::uint64_t{1U << 10};  // AF
    std::uint64_t& table = scene.stage2.at(Scene::root + 0x2000, 3);
    table &= ~std::uint64_t{1U << 7};  // read-only
    scene.apply();
    const Translation result = scene.read();
    check_fault(result, FaultKind::Permission, 2, FaultClass::Table);
    CHECK(result.fault->table_write);
    CHECK_FALSE(result.fault->access.write);
    CHECK(result.fault->ipa == scene.stage1.slot(Scene::va, 3));
    CHECK(scene.bench.memory.writes == 0);

    table = (Scene::root + 0x2000) | (stage2_leaf & ~std::uint64_t{1U << 6});  // write-only
    const Translation unread = scene.write_again();
    check_fault(unread, FaultKind::Permission, 2, FaultClass::Table);
    CHECK_FALSE(unread.fault->table_write);

    table = (Scene::root + 0x2000) | stage2_leaf;
    check_forward(scene.read_again(), Scene::pa);
    CHECK(scene.leaf() == (Scene::ipa | page_leaf));
  }
}

TEST_CASE("IHI 0070 §7.3.12: an abort on each descriptor of stage 1 alone: S2 0, CLASS TT, its address") {
  Scene scene(Through::Stage1);
  for (const std::uint64_t slot : slots(scene.stage1, Scene::va)) {
    scene.bench.memory.aborting = {slot};
    const Translation result = scene.write_again(4);
    check_fault(result, FaultKind::ExternalWalk, 1, FaultClass::Table);
    CHECK(result.fault->fetch_address == slot);
    CHECK(result.fault->access.address == Scene::va + 4);
    CHECK(result.fault->access.write);
  }
  scene.bench.memory.aborting.clear();
  check_forward(scene.write_again(4), Scene::pa + 4);
}

TEST_CASE("IHI 0070 §7.3.12: an abort on each descriptor of stage 2, for the CD, a table or the input") {
  struct Target {
    std::uint64_t ipa;
    FaultClass cls;
  };
  Scene scene(Through::Both);
  for (const Target& target : {Target{Scene::cd_at, FaultClass::Cd}, Target{Scene::ipa, FaultClass::Input}})
    for (const std::uint64_t slot : slots(scene.stage2, target.ipa)) {
      if (target.cls == FaultClass::Input && slot == scene.stage2.slot(Scene::cd_at, 1)) continue;
      scene.bench.memory.aborting = {slot};
      const Translation result = scene.read_again(4);
      check_fault(result, FaultKind::ExternalWalk, 2, target.cls);
      CHECK(result.fault->fetch_address == slot);
      CHECK(result.fault->access.address == Scene::va + 4);
    }
  // The root table of stage 1 shares stage 2's first two levels with the CD: from the page on it has its own.
  for (const std::uint64_t table : {Scene::root, Scene::root + 0x1000, Scene::root + 0x2000}) {
    const std::uint64_t slot = scene.stage2.slot(table, 3);
    scene.bench.memory.aborting = {slot};
    const Translation result = scene.read_again();
    check_fault(result, FaultKind::ExternalWalk, 2, FaultClass::Table);
    CHECK(result.fault->fetch_address == slot);
  }
  Scene alone(Through::Stage2);
  for (const std::uint64_t slot : slots(alone.stage2, Scene::ipa)) {
    alone.bench.memory.aborting = {slot};
    const Translation result = alone.read_again();
    check_fault(result, FaultKind::ExternalWalk, 2, FaultClass::Input);
    CHECK(result.fault->fetch_address == slot);
  }
}

TEST_CASE("IHI 0070 §7.3.12, §7.3.10: FetchAddr behind stage 2 is the physical address") {
  Scene scene(Through::Both);
  constexpr std::uint64_t moved = 0x5'0000'0000;
  for (unsigned word = 0; word < 512; ++word)
    scene.bench.memory.words[moved + 8 * word] = scene.bench.memory.words[Scene::root + 0x2000 + 8 * word];
  scene.stage2.at(Scene::root + 0x2000, 3) = moved | stage2_leaf;
  check_forward(scene.read_again(), Scene::pa);
  const std::uint64_t index = Scene::va >> 12 & 511;
  scene.bench.memory.aborting = {moved + 8 * index};
  const Translation result = scene.read_again();
  check_fault(result, FaultKind::ExternalWalk, 1, FaultClass::Table);
  CHECK(result.fault->fetch_address == moved + 8 * index);

  scene.stage2.at(Scene::cd_at, 3) = (moved + 0x1000) | stage2_leaf;
  scene.bench.set_cd(moved + 0x1000, scene.cd);
  scene.bench.memory.aborting = {moved + 0x1000};
  const Translation cd_fetch = scene.read_again();
  check_fault(cd_fetch, FaultKind::CdFetch);
  CHECK(cd_fetch.fault->fetch_address == moved + 0x1000);
}

TEST_CASE(
    "IHI 0070 §7.3.12: an abort on the update of a descriptor is F_WALK_EABT, whose RnW is the "
    "transaction's") {
  Scene first(Through::Stage1);
  first.cd.put(43, 1);
  first.leaf() &= ~std::uint64_t{1U << 10};
  first.apply();
  first.bench.memory.aborting_writes = {first.stage1.slot(Scene::va, 3)};
  const Translation flag = first.read();
  check_fault(flag, FaultKind::ExternalWalk, 1, FaultClass::Table);
  CHECK(flag.fault->fetch_address == first.stage1.slot(Scene::va, 3));
  CHECK_FALSE(flag.fault->access.write);

  Scene second(Through::Stage2);
  second.ste.put(184, 1);
  second.leaf2() &= ~std::uint64_t{1U << 10};
  second.apply();
  second.bench.memory.aborting_writes = {second.stage2.slot(Scene::ipa, 3)};
  const Translation flag2 = second.read();
  check_fault(flag2, FaultKind::ExternalWalk, 2, FaultClass::Input);
  CHECK(flag2.fault->fetch_address == second.stage2.slot(Scene::ipa, 3));

  Scene both(Through::Both);
  both.ste.put(184, 1);
  both.stage2.at(Scene::root + 0x1000, 3) &= ~std::uint64_t{1U << 10};
  both.apply();
  both.bench.memory.aborting_writes = {both.stage2.slot(Scene::root + 0x1000, 3)};
  check_fault(both.read(), FaultKind::ExternalWalk, 2, FaultClass::Table);
}

}  // namespace sidewinder::test
