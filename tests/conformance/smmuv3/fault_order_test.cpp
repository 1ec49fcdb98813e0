// SPDX-License-Identifier: Apache-2.0
//
// Which of several faults is recorded (IHI 0070 §7.3.22): everything is wrong at once, and what comes first
// is mended step by step.

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t too_big = std::uint64_t{1} << 44;
constexpr std::uint64_t accessed = 1U << 10;

}  // namespace

TEST_CASE("IHI 0070 §7.3.22: the order of faults of stage 1 alone, each level, each step") {
  Scene scene(Through::Stage1);
  const std::array slots{scene.stage1.slot(Scene::va, 1), scene.stage1.slot(Scene::va, 2),
                         scene.stage1.slot(Scene::va, 3)};
  auto& words = scene.bench.memory.words;
  const std::array good{words[slots[0]], words[slots[1]], words[slots[2]]};
  for (unsigned i = 0; i < 3; ++i) words[slots[i]] = (good[i] | too_big) & ~std::uint64_t{1};
  words[slots[2]] = (words[slots[2]] & ~accessed) | 1U << 7;  // and no access flag, and read-only
  scene.bench.memory.aborting = {slots[0], slots[1], slots[2]};

  // Out of T0SZ's range, the table of that half walked or not.
  const Translation outside = scene.bench.write(Scene::stream, Scene::va | std::uint64_t{1} << 39);
  check_fault(outside, FaultKind::Translation, 1, FaultClass::Input);
  CHECK(outside.accesses.size() == 2);  // STE and CD, and no descriptor
  scene.cd.put(14, 1);
  scene.apply();
  check_fault(scene.write(), FaultKind::Translation, 1, FaultClass::Input);  // EPD0
  scene.cd.replace(14, 14, 0);
  scene.apply();

  for (unsigned i = 0; i < 3; ++i) {
    INFO("level " << i + 1);
    const Translation aborted = scene.write_again();
    check_fault(aborted, FaultKind::ExternalWalk, 1, FaultClass::Table);
    CHECK(aborted.fault->fetch_address == slots[i]);
    scene.bench.memory.aborting.erase(slots[i]);
    check_fault(scene.write_again(), FaultKind::Translation, 1, FaultClass::Input);
    words[slots[i]] |= 1;
    check_fault(scene.write_again(), FaultKind::AddressSize, 1, FaultClass::Input);
    words[slots[i]] &= ~too_big;
  }
  check_fault(scene.write_again(), FaultKind::AccessFlag, 1, FaultClass::Input);
  words[slots[2]] |= accessed;
  check_fault(scene.write_again(), FaultKind::Permission, 1, FaultClass::Input);
  words[slots[2]] = good[2];
  check_forward(scene.write_again(), Scene::pa);
}

TEST_CASE("IHI 0070 §7.3.22: the order of faults of stage 2 alone, each level, each step") {
  Scene scene(Through::Stage2);
  const std::array slots{scene.stage2.slot(Scene::ipa, 1), scene.stage2.slot(Scene::ipa, 2),
                         scene.stage2.slot(Scene::ipa, 3)};
  auto& words = scene.bench.memory.words;
  for (const std::uint64_t slot : slots) words[slot] = (words[slot] | too_big) & ~std::uint64_t{1};
  words[slots[2]] &= ~(accessed | 3U << 6);
  scene.bench.memory.aborting = {slots[0], slots[1], slots[2]};

  // Beyond the IAS it is stage 1's, beyond S2T0SZ stage 2's.
  check_fault(scene.bench.read(Scene::stream, std::uint64_t{1} << 48), FaultKind::AddressSize, 1,
              FaultClass::Input);
  const Translation outside = scene.bench.read(Scene::stream, std::uint64_t{1} << 39);
  check_fault(outside, FaultKind::Translation, 2, FaultClass::Input);
  CHECK(outside.accesses.empty());  // the STE is cached

  for (unsigned i = 0; i < 3; ++i) {
    INFO("level " << i + 1);
    const Translation aborted = scene.read_again();
    check_fault(aborted, FaultKind::ExternalWalk, 2, FaultClass::Input);
    CHECK(aborted.fault->fetch_address == slots[i]);
    scene.bench.memory.aborting.erase(slots[i]);
    check_fault(scene.read_again(), FaultKind::Translation, 2, FaultClass::Input);
    words[slots[i]] |= 1;
    check_fault(scene.read_again(), FaultKind::AddressSize, 2, FaultClass::Input);
    words[slots[i]] &= ~too_big;
  }
  check_fault(scene.read_again(), FaultKind::AccessFlag, 2, FaultClass::Input);
  words[slots[2]] |= accessed;
  check_fault(scene.read_again(), FaultKind::Permission, 2, FaultClass::Input);
  words[slots[2]] |= 3U << 6;
  check_forward(scene.read_again(), Scene::pa);
}

TEST_CASE("IHI 0070 §7.3.22: the order of faults of both stages: CD, each table behind stage 2, the output") {
  Scene scene(Through::Both);
  // Stage 2 maps each of what is read with pages of its own: only the last level differs.
  const std::array tables{Scene::root, Scene::root + 0x1000, Scene::root + 0x2000};
  const std::array slots{scene.stage1.slot(Scene::va, 1), scene.stage1.slot(Scene::va, 2),
                         scene.stage1.slot(Scene::va, 3)};
  auto& words = scene.bench.memory.words;
  auto& aborting = scene.bench.memory.aborting;
  const std::uint64_t good_leaf = words[slots[2]];
  const auto ruin2 = [&](std::uint64_t ipa) {
    const std::uint64_t slot = scene.stage2.slot(ipa, 3);
    words[slot] = (words[slot] | too_big) & ~(accessed | 3U << 6 | 1U);
    aborting.insert(slot);
  };
  for (const std::uint64_t ipa : tables) ruin2(ipa);
  ruin2(Scene::cd_at);
  ruin2(Scene::ipa);
  for (const std::uint64_t slot : slots) {
    words[slot] = (words[slot] | too_big) & ~std::uint64_t{1};
    aborting.insert(slot);
  }
  words[slots[2]] = (words[slots[2]] & ~accessed) | 1U << 7;
  aborting.insert(Scene::cd_at);
  scene.cd.replace(31, 31, 0);
  scene.apply();

  const auto mend2 = [&](std::uint64_t ipa, FaultClass cls) {
    const std::uint64_t slot = scene.stage2.slot(ipa, 3);
    check_fault(scene.write_again(), FaultKind::ExternalWalk, 2, cls);
    aborting.erase(slot);
    check_fault(scene.write_again(), FaultKind::Translation, 2, cls);
    words[slot] |= 1;
    check_fault(scene.write_again(), FaultKind::AddressSize, 2, cls);
    words[slot] &= ~too_big;
    check_fault(scene.write_again(), FaultKind::AccessFlag, 2, cls);
    words[slot] |= accessed;
    check_fault(scene.write_again(), FaultKind::Permission, 2, cls);
    words[slot] |= 3U << 6;
  };

  mend2(Scene::cd_at, FaultClass::Cd);
  check_fault(scene.write_again(), FaultKind::CdFetch);
  aborting.erase(Scene::cd_at);
  check_fault(scene.write_again(), FaultKind::BadCd);
  scene.cd.put(31, 1);
  scene.apply();
  check_fault(scene.bench.write(Scene::stream, Scene::va | std::uint64_t{1} << 39), FaultKind::Translation, 1,
              FaultClass::Input);

  for (unsigned i = 0; i < 3; ++i) {
    INFO("level " << i + 1);
    mend2(tables[i], FaultClass::Table);
    const Translation aborted = scene.write_again();
    check_fault(aborted, FaultKind::ExternalWalk, 1, FaultClass::Table);
    CHECK(aborted.fault->fetch_address == slots[i]);
    aborting.erase(slots[i]);
    check_fault(scene.write_again(), FaultKind::Translation, 1, FaultClass::Input);
    words[slots[i]] |= 1;
    check_fault(scene.write_again(), FaultKind::AddressSize, 1, FaultClass::Input);
    words[slots[i]] &= ~too_big;
  }
  check_fault(scene.write_again(), FaultKind::AccessFlag, 1, FaultClass::Input);
  words[slots[2]] |= accessed;
  check_fault(scene.write_again(), FaultKind::Permission, 1, FaultClass::Input);
  words[slots[2]] = good_leaf;
  mend2(Scene::ipa, FaultClass::Input);
  check_forward(scene.write_again(), Scene::pa);
}

TEST_CASE("IHI 0070 §7.3.22: beyond stage 2's input range is a fault for a CD, a table and the input alike") {
  constexpr std::uint64_t beyond = std::uint64_t{1} << 39;
  Scene scene(Through::Both);
  scene.ste.put(39, 1);  // S1ContextPtr
  scene.apply();
  const Translation for_cd = scene.read();
  check_fault(for_cd, FaultKind::Translation, 2, FaultClass::Cd);
  CHECK(for_cd.fault->ipa == (Scene::cd_at | beyond));
  scene.ste.replace(39, 39, 0);
  scene.apply();
  std::uint64_t& table = scene.stage1.at(Scene::va, 1);
  table |= beyond;
  const Translation for_table = scene.read_again();
  check_fault(for_table, FaultKind::Translation, 2, FaultClass::Table);
  CHECK(for_table.fault->ipa == (scene.stage1.slot(Scene::va, 2) | beyond));
}

}  // namespace sidewinder::test
