// SPDX-License-Identifier: Apache-2.0
//
// StreamWorlds: whose permissions, tables, tags and address spaces a stream's translations have (IHI 0070
// §3.3.3, §3.10, §3.17, §13.4.1).

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

struct World {
  SecurityState state;
  unsigned strw;  ///< STE.STRW
  bool e2h;       ///< (S_)CR2.E2H
  bool el1;       ///< the EL1&0 and EL2&0 regimes: two levels of privilege, two tables, ASIDs
};

constexpr std::array worlds{
    World{SecurityState::NonSecure, 0, false, true},  // NS-EL1
    World{SecurityState::NonSecure, 2, false, false}, World{SecurityState::NonSecure, 2, true, true},
    World{SecurityState::Secure, 0, false, true},  // Secure
    World{SecurityState::Secure, 2, false, false},    World{SecurityState::Secure, 2, true, true},
    World{SecurityState::Secure, 1, false, false},  // EL3
};

constexpr std::uint64_t va = 0x34'5678'9000;
constexpr std::uint64_t upper_va = 0xffff'ffb4'5678'9000;

/// Where the structures of a stream are: each has its own.
constexpr std::uint64_t cd_of(std::uint32_t stream) {
  return 0x2000'0000 + 0x1000 * std::uint64_t{stream};
}
constexpr std::uint64_t root_of(std::uint32_t stream) {
  return 0x3000'0000 + 0x10'0000 * std::uint64_t{stream};
}
constexpr std::uint64_t page_of(std::uint32_t stream) {
  return 0x7'0000'0000 + 0x1000 * std::uint64_t{stream};
}

struct Worlds : Bench {
  using Bench::Bench;

  static bool is_secure(const World& world) { return world.state == SecurityState::Secure; }

  /// A stream of `world` with stage 1 alone, whose page goes to page_of() it in the world's own memory.
  void add(const World& world, std::uint32_t stream, const Structure& cd, unsigned vmid = 7,
           std::uint64_t leaf = page_leaf) {
    const Structure ste = stage1_ste(cd_of(stream)).put(94, world.strw).put(128, vmid);
    smmu.control(world.state).e2h = world.e2h;
    if (is_secure(world)) {
      set_secure_ste(stream, ste);
      set_secure_cd(cd_of(stream), cd);
    } else {
      set_ste(stream, ste);
      set_cd(cd_of(stream), cd);
    }
    tables(world, stream).at(va, 3) = page_of(stream) | leaf;
  }
  Tables tables(const World& world, std::uint32_t stream) {
    return {memory, 12, 39, root_of(stream), is_secure(world)};
  }

  Translation go(const World& world, std::uint32_t stream, std::uint64_t address = va) {
    smmu.control(world.state).e2h = world.e2h;
    return send({.address = address, .stream_id = stream, .security = world.state});
  }
  Translation go(const World& world, std::uint32_t stream, bool write, bool privileged, bool instruction) {
    Transaction transaction{.address = va, .stream_id = stream, .security = world.state};
    transaction.attributes.write = write;
    transaction.attributes.privileged = privileged;
    transaction.attributes.instruction = instruction;
    return send(transaction);
  }
};

bool served_by(const Translation& result, std::uint32_t stream) {
  return result.action == Action::Forward && result.output == page_of(stream);
}

}  // namespace

TEST_CASE("IHI 0070 §13.4.1: AP, PXN and UXN in every StreamWorld, of every access") {
  for (const World& world : worlds)
    for (const bool read_only : {false, true})
      for (const bool el0 : {false, true})
        for (const bool pxn : {false, true})
          for (const bool uxn : {false, true}) {
            Worlds bench;
            const std::uint64_t leaf = (page_leaf & ~std::uint64_t{0xc0}) | (read_only ? 0x80U : 0U) |
                                       (el0 ? 0x40U : 0U) | (pxn ? std::uint64_t{1} << 53 : 0) |
                                       (uxn ? std::uint64_t{1} << 54 : 0);
            bench.add(world, 1, cd(root_of(1)), 7, leaf);
            for (const bool privileged : {false, true}) {
              INFO("STRW " << world.strw << (world.e2h ? " E2H" : "") << " leaf " << std::hex << leaf
                           << " privileged " << privileged);
              const bool reads = !world.el1 || privileged || el0;
              const bool writes = reads && !read_only;
              const bool executes = !world.el1 ? !uxn : privileged ? !pxn && !(el0 && !read_only) : !uxn;
              bench.smmu.invalidate_all();
              CHECK((bench.go(world, 1, false, privileged, false).action == Action::Forward) == reads);
              bench.smmu.invalidate_all();
              CHECK((bench.go(world, 1, true, privileged, false).action == Action::Forward) == writes);
              bench.smmu.invalidate_all();
              const Translation fetch = bench.go(world, 1, false, privileged, true);
              CHECK((fetch.action == Action::Forward) == executes);
              if (!executes) check_fault(fetch, FaultKind::Permission, 1, FaultClass::Input);
              bench.smmu.invalidate_all();
              CHECK((bench.go(world, 1, true, privileged, true).action == Action::Forward) == writes);
            }
          }
}

TEST_CASE("IHI 0070 §5.4: PAN and E0PD are of worlds with two levels of privilege") {
  for (const World& world : worlds) {
    Worlds bench;
    bench.add(world, 1, cd(root_of(1)).put(40, 1));  // PAN
    const Translation pan = bench.go(world, 1, false, true, false);
    if (world.el1)
      check_fault(pan, FaultKind::Permission, 1, FaultClass::Input);
    else
      check_forward(pan, page_of(1));
    check_forward(bench.go(world, 1, false, false, false), page_of(1));

    bench.add(world, 2, cd(root_of(2), 2).put(66, 1));  // E0PD0
    bench.smmu.invalidate_all();
    const Translation e0pd = bench.go(world, 2, false, false, false);
    if (world.el1)
      check_fault(e0pd, FaultKind::Translation, 1, FaultClass::Input);
    else
      check_forward(e0pd, page_of(2));
    check_forward(bench.go(world, 2, false, true, false), page_of(2));
  }
}

TEST_CASE("IHI 0070 §5.4, §5.4.1: any-EL2 and EL3 have one table, and EPD0 and EPD1 do nothing there") {
  for (const World& world : worlds) {
    INFO("STRW " << world.strw << (world.e2h ? " E2H" : ""));
    Worlds bench;
    Structure two = cd(root_of(1)).replace(30, 30, 0).put(16, 25).put(22, 2);  // T1SZ, TG1 of 4 KiB
    two.words[2] |= root_of(2);                                                // TTB1
    bench.add(world, 1, two);
    bench.tables(world, 2).at(va, 3) = page_of(2) | page_leaf;
    const Translation upper = bench.go(world, 1, upper_va);
    if (world.el1)
      check_forward(upper, page_of(2));
    else
      check_fault(upper, FaultKind::Translation, 1, FaultClass::Input);
    check_forward(bench.go(world, 1), page_of(1));

    bench.add(world, 3, cd(root_of(3), 3).put(14, 1));  // EPD0
    bench.smmu.invalidate_all();
    const Translation disabled = bench.go(world, 3);
    if (world.el1)
      check_fault(disabled, FaultKind::Translation, 1, FaultClass::Input);
    else
      check_forward(disabled, page_of(3));
  }
}

TEST_CASE("IHI 0070 §5.4: VMSAv8-32 LPAE CDs are of NS-EL1, NS-EL2 and Secure streams alone") {
  for (unsigned i = 0; i < worlds.size(); ++i) {
    Worlds bench;
    Structure lpae = cd(root_of(1)).replace(41, 41, 0).replace(5, 0, 0);
    bench.add(worlds[i], 1, lpae);
    // 32 bits of VA: levels 1 to 3, of which the first has four entries.
    Tables tables(bench.memory, 12, 32, root_of(2), Worlds::is_secure(worlds[i]));
    lpae.words[1] = root_of(2);
    if (Worlds::is_secure(worlds[i]))
      bench.set_secure_cd(cd_of(1), lpae);
    else
      bench.set_cd(cd_of(1), lpae);
    tables.at(0x5678'9000, 3) = page_of(2) | page_leaf;
    const Translation result = bench.go(worlds[i], 1, 0x5678'9000);
    if (i == 0 || i == 1 || i == 3)
      check_forward(result, page_of(2));
    else
      check_fault(result, FaultKind::BadCd);
  }
}

TEST_CASE("IHI 0070 §3.17: the same address, ASID and VMID in another world is another translation") {
  for (unsigned first = 0; first < worlds.size(); ++first)
    for (unsigned second = 0; second < worlds.size(); ++second) {
      INFO("worlds " << first << " and " << second);
      for (const std::uint64_t leaf : {page_leaf, page_leaf & ~std::uint64_t{1U << 11}}) {  // and global
        Worlds bench;
        bench.add(worlds[first], 1, cd(root_of(1)), 0, leaf);
        bench.add(worlds[second], 2, cd(root_of(2)), 0, leaf);
        check_forward(bench.go(worlds[first], 1), page_of(1));
        const Translation result = bench.go(worlds[second], 2);
        CHECK(served_by(result, first == second ? 1 : 2));
        CHECK(result.source == (first == second ? Source::MicroTlb : Source::Walk));
        const Translation again = bench.go(worlds[first], 1);
        CHECK(served_by(again, 1));
        CHECK(again.source == Source::MicroTlb);
      }
    }
}

TEST_CASE("IHI 0070 §3.17: entries of one ASID never serve another, where the world has ASIDs") {
  for (const World& world : worlds) {
    INFO("STRW " << world.strw << (world.e2h ? " E2H" : ""));
    Worlds bench;
    bench.add(world, 1, cd(root_of(1), 1));
    bench.add(world, 2, cd(root_of(2), 0x8001));
    check_forward(bench.go(world, 1), page_of(1));
    CHECK(served_by(bench.go(world, 2), world.el1 ? 2 : 1));
    CHECK(served_by(bench.go(world, 1), 1));
  }
}

TEST_CASE("IHI 0070 §3.17, §3.10.2.2: entries of one VMID never serve another, where they have a VMID") {
  for (const World& world : worlds) {
    INFO("STRW " << world.strw << (world.e2h ? " E2H" : ""));
    Worlds bench;
    bench.add(world, 1, cd(root_of(1)), 7);
    bench.add(world, 2, cd(root_of(2)), 0x8007);
    check_forward(bench.go(world, 1), page_of(1));
    // Secure: VMID 0 for stage 1 alone. Any-EL2 and EL3 have none.
    const bool tagged = world.state == SecurityState::NonSecure && world.strw == 0;
    CHECK(served_by(bench.go(world, 2), tagged ? 2 : 1));
  }
  smmuv3::Config config = full();
  config.stage2 = config.secure_el2 = false;
  Worlds bench(config);  // without stage 2 there are no VMIDs
  bench.add(worlds[0], 1, cd(root_of(1)), 7);
  bench.add(worlds[0], 2, cd(root_of(2)), 0x8007);
  check_forward(bench.go(worlds[0], 1), page_of(1));
  CHECK(served_by(bench.go(worlds[0], 2), 1));
}

TEST_CASE("IHI 0070 §3.17.1: a global entry serves every ASID of its ASET, another only its own of both") {
  constexpr std::uint64_t global = page_leaf & ~std::uint64_t{1U << 11};
  for (const World& world : worlds) {
    if (!world.el1) continue;
    for (const bool is_global : {false, true})
      for (const unsigned other_asid : {1U, 2U})
        for (const bool other_set : {false, true}) {
          INFO("global " << is_global << ", ASID " << other_asid << ", ASET " << other_set);
          Worlds bench;
          bench.add(world, 1, cd(root_of(1), 1), 7, is_global ? global : page_leaf);
          bench.add(world, 2, cd(root_of(2), other_asid).put(47, other_set ? 1 : 0), 7,
                    is_global ? global : page_leaf);
          check_forward(bench.go(world, 1), page_of(1));
          const bool shared = is_global ? !other_set : other_asid == 1;
          const Translation result = bench.go(world, 2);
          CHECK(result.source == (shared ? Source::MicroTlb : Source::Walk));
          // CDs of one ASID are one address space, whose tables a walk may know already (§5.4.1).
          CHECK(served_by(result, shared || other_asid == 1 ? 1 : 2));
        }
  }
}

TEST_CASE("IHI 0070 §5.2, STRW: without IDR0.Hyp it is RES0 in a Non-secure STE: NS-EL1") {
  smmuv3::Config config = full();
  config.hypervisor = false;
  Worlds bench(config);
  bench.add(worlds[1], 1, cd(root_of(1)), 7, page_leaf & ~std::uint64_t{1U << 6});  // not for EL0
  check_fault(bench.go(worlds[1], 1), FaultKind::Permission, 1, FaultClass::Input);
  bench.add(worlds[0], 2, cd(root_of(2)));
  check_forward(bench.go(worlds[1], 1, false, true, false), page_of(1));
  CHECK(bench.go(worlds[0], 2, false, true, false).source == Source::MicroTlb);
  bench.add({SecurityState::NonSecure, 1, false, true}, 3, cd(root_of(3)), 7);
  check_forward(bench.go(worlds[0], 3, false, true, false), page_of(1));
}

TEST_CASE("IHI 0070 §3.17: streams with the same tags share what was found for either, on every TBU") {
  for (const World& world : worlds) {
    Worlds bench;
    bench.add(world, 1, cd(root_of(1)));
    bench.add(world, 2, cd(root_of(1)));
    check_forward(bench.go(world, 1), page_of(1));
    const Translation shared = bench.go(world, 2);
    check_forward(shared, page_of(1));
    CHECK(shared.source == Source::MicroTlb);
  }
}

TEST_CASE("IHI 0070 §3.17: stage 1 alone, stage 2 alone and both are apart, with the VMID they share") {
  Scene scene(Through::Both);
  Bench& bench = scene.bench;
  bench.set_ste(4, stage2_ste(Scene::root2));
  bench.set_ste(5, stage1_ste(Scene::cd_at).put(128, 7));
  scene.stage2.at(Scene::va & 0x7f'ffff'ffff, 3) = 0x6'0000'0000 | stage2_leaf;
  check_forward(scene.read(), Scene::pa);
  check_forward(bench.read(4, Scene::va), 0x6'0000'0000);
  check_forward(bench.read(5, Scene::va), Scene::ipa);
  check_forward(scene.read(), Scene::pa);
  // An IPA found for one stream serves every other of its VMID.
  bench.set_ste(6, stage2_ste(Scene::root2));
  const Translation shared = bench.read(6, Scene::va);
  check_forward(shared, 0x6'0000'0000);
  CHECK(shared.source == Source::MicroTlb);
  bench.set_ste(7, stage2_ste(Scene::root2, 8));
  CHECK(bench.read(7, Scene::va).source == Source::Walk);
}

}  // namespace sidewinder::test
