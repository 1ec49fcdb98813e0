// SPDX-License-Identifier: Apache-2.0
//
// What stays in TLBs, walk caches and the configuration cache until a command removes it, seen from outside:
// memory changes, and the old is used until then (IHI 0070 §4.3, §4.4, §5.2.1, §5.4.1).

#include <string>

#include "iommu/smmuv3/invalidation.h"
#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

using smmuv3::Tlbi;
using smmuv3::TlbiCommand;
using smmuv3::TlbiRules;

constexpr std::uint64_t va = 0x34'5678'9000, other_va = 0x34'5679'0000;
constexpr std::uint64_t global = page_leaf & ~std::uint64_t{1U << 11};

struct Stream {
  char name;
  SecurityState state;
  std::uint64_t config, strw;
  bool e2h;
  std::uint16_t vmid, asid;
  std::uint64_t address = va;
  std::uint64_t leaf = page_leaf;
  bool secure_ipa = false;
};

constexpr auto NS = SecurityState::NonSecure, S = SecurityState::Secure;
constexpr std::array streams{
    Stream{'a', NS, 5, 0, false, 7, 1},  // NS-EL1
    Stream{'b', NS, 5, 0, false, 7, 2},
    Stream{'c', NS, 5, 0, false, 8, 1},
    Stream{'g', NS, 5, 0, false, 7, 3, other_va, global},
    Stream{'i', NS, 6, 0, false, 7, 0},  // an IPA
    Stream{'n', NS, 7, 0, false, 7, 1},  // both stages
    Stream{'h', NS, 5, 2, false, 0, 0},  // NS-EL2
    Stream{'e', NS, 5, 2, true, 0, 1},   // NS-EL2-E2H
    Stream{'f', NS, 5, 2, true, 0, 2},
    Stream{'s', S, 5, 0, false, 0, 1},                        // Secure
    Stream{'x', S, 6, 0, false, 7, 0, va, page_leaf, true},   // of its Secure IPA space
    Stream{'y', S, 6, 0, false, 7, 0, va, page_leaf, false},  // of the other one
    Stream{'t', S, 5, 2, false, 0, 0},                        // S-EL2
    Stream{'u', S, 5, 2, true, 0, 1},                         // S-EL2-E2H
    Stream{'3', S, 5, 1, false, 0, 0},                        // EL3
};

/// All of those at once. Each has its own structures and tables, and its page at first.
struct Everyone : Bench {
  Everyone() : Bench(full(), 2) {
    for (std::uint32_t id = 0; id < streams.size(); ++id) {
      const Stream& stream = streams[id];
      const bool secure = stream.state == S;
      Structure ste = test::ste(stream.config).put(94, stream.strw).put(128, stream.vmid);
      if ((stream.config & 1) != 0) ste.words[0] |= cd_of(id);
      if ((stream.config & 2) != 0) {
        ste.put(160, 25).put(166, 1).put(168, 1).put(170, 1).put(172, 3).put(176, 5).put(179, 1).put(186, 1);
        ste.words[3] |= root2_of(id);
        ste.put(288, 25).put(294, 1);
        ste.words[6] |= root2_of(id);
      }
      const Structure made = cd(root_of(id), stream.asid);
      if (secure) {
        set_secure_ste(id, ste);
        set_secure_cd(cd_of(id), made);
      } else {
        set_ste(id, ste);
        set_cd(cd_of(id), made);
      }
      move(id, 1);
      if (stream.config == 7)  // the rest of stage 2
        memory.words[root2_of(id)] = stage2_leaf & ~block_bit;
    }
    for (std::uint32_t id = 0; id < streams.size(); ++id)
      for (const unsigned tbu : {0U, 1U}) REQUIRE(where(id, tbu) == 1);
  }

  static std::uint64_t cd_of(std::uint32_t id) { return 0x2000'0000 + 0x1000 * std::uint64_t{id}; }
  static std::uint64_t root_of(std::uint32_t id) { return 0x3000'0000 + 0x10'0000 * std::uint64_t{id}; }
  static std::uint64_t root2_of(std::uint32_t id) { return 0x3800'0000 + 0x10'0000 * std::uint64_t{id}; }

  /// Sends the page of the stream to number `place`, in stage 1 and, where it alone translates, in stage 2.
  void move(std::uint32_t id, std::uint64_t place) {
    const Stream& stream = streams[id];
    const bool secure = stream.state == S;
    const std::uint64_t output = place << 30;
    if (stream.config == 6) {
      Tables(memory, 12, 39, root2_of(id), secure).at(stream.address, 3) = output | stage2_leaf;
      return;
    }
    // Its IPAs are mapped onto themselves: by blocks of 1 GiB from the second on.
    Tables(memory, 12, 39, root_of(id), secure).at(stream.address, 3) = output | stream.leaf;
    if (stream.config == 7) memory.words[root2_of(id) + 8 * place] = output | (stage2_leaf & ~block_bit);
  }

  std::uint64_t where(std::uint32_t id, unsigned tbu) {
    const Stream& stream = streams[id];
    smmu.control(stream.state).e2h = stream.e2h;
    Transaction transaction{.address = stream.address, .stream_id = id, .security = stream.state};
    transaction.attributes.secure = stream.secure_ipa;
    return smmu.translate(tbu, transaction).output >> 30;
  }
};

/// The names of those whose translation the command removed; all of them have moved before.
std::string moved(const TlbiCommand& command, TlbiRules rules) {
  Everyone everyone;
  for (std::uint32_t id = 0; id < streams.size(); ++id) everyone.move(id, 2);
  const auto scope = smmuv3::tlbi(command, rules);
  REQUIRE(scope.has_value());
  everyone.smmu.invalidate(*scope);
  std::string names;
  for (std::uint32_t id = 0; id < streams.size(); ++id) {
    const std::uint64_t second = everyone.where(id, 1);
    CHECK(everyone.where(id, 0) == second);
    if (second == 2) names += streams[id].name;
  }
  return names;
}

constexpr TlbiRules non_secure{.hyp = true, .secure_stage2 = true};
constexpr TlbiRules secure{.queue = S, .hyp = true, .secure_stage2 = true};

TlbiRules with_e2h(TlbiRules rules) {
  rules.e2h = rules.secure_e2h = true;
  return rules;
}

void tlbi(Bench& bench, const TlbiCommand& command) {
  bench.smmu.invalidate(*smmuv3::tlbi(command, non_secure));
}

}  // namespace

TEST_CASE(
    "IHI 0070 §4.4: a page that moved is used where it was until a command of its scope, on every TBU") {
  CHECK(moved({.opcode = Tlbi::NhAll, .vmid = 9}, non_secure).empty());
  CHECK(moved({.opcode = Tlbi::NhAll, .vmid = 7}, non_secure) == "abgn");
  CHECK(moved({.opcode = Tlbi::NhAsid, .vmid = 7, .asid = 1}, non_secure) == "an");
  CHECK(moved({.opcode = Tlbi::NhAsid, .vmid = 7, .asid = 3}, non_secure).empty());  // global
  CHECK(moved({.opcode = Tlbi::NhVa, .vmid = 7, .asid = 1, .address = va}, non_secure) == "an");
  CHECK(moved({.opcode = Tlbi::NhVa, .vmid = 7, .asid = 1, .address = other_va}, non_secure) == "g");
  CHECK(moved({.opcode = Tlbi::NhVa, .vmid = 7, .asid = 1, .address = va + 0x1000}, non_secure).empty());
  CHECK(moved({.opcode = Tlbi::NhVaa, .vmid = 7, .address = va, .leaf = true}, non_secure) == "abn");
  CHECK(moved({.opcode = Tlbi::S2Ipa, .vmid = 7, .address = va}, non_secure) == "i");
  CHECK(moved({.opcode = Tlbi::S12Vmall, .vmid = 7}, non_secure) == "abgin");
  CHECK(moved({.opcode = Tlbi::NsnhAll}, non_secure) == "abcgin");
  CHECK(moved({.opcode = Tlbi::El2All}, non_secure) == "hef");
  CHECK(moved({.opcode = Tlbi::El2Asid, .asid = 1}, with_e2h(non_secure)) == "e");
  CHECK(moved({.opcode = Tlbi::El2Va, .asid = 1, .address = va}, with_e2h(non_secure)) == "e");
  CHECK(moved({.opcode = Tlbi::El2Va, .asid = 1, .address = va}, non_secure) == "h");
  CHECK(moved({.opcode = Tlbi::El2Vaa, .address = va}, with_e2h(non_secure)) == "ef");
  CHECK(moved({.opcode = Tlbi::NhAll, .vmid = 0}, secure) == "s");
  CHECK(moved({.opcode = Tlbi::NhAsid, .vmid = 0, .asid = 1}, secure) == "s");
  CHECK(moved({.opcode = Tlbi::NhVa, .vmid = 0, .asid = 1, .address = va}, secure) == "s");
  CHECK(moved({.opcode = Tlbi::SEl2All}, secure) == "tu");
  CHECK(moved({.opcode = Tlbi::SEl2Va, .asid = 1, .address = va}, with_e2h(secure)) == "u");
  CHECK(moved({.opcode = Tlbi::SEl2Va, .address = va}, secure) == "t");
  CHECK(moved({.opcode = Tlbi::El3All}, secure) == "3");
  CHECK(moved({.opcode = Tlbi::El3Va, .address = va}, secure) == "3");
  CHECK(moved({.opcode = Tlbi::SS2Ipa, .vmid = 7, .address = va}, secure) == "x");
  CHECK(moved({.opcode = Tlbi::SS2Ipa, .vmid = 7, .address = va, .non_secure_ipa = true}, secure) == "y");
  CHECK(moved({.opcode = Tlbi::SS12Vmall, .vmid = 7}, secure) == "xy");
  CHECK(moved({.opcode = Tlbi::SnhAll}, secure) == "sxy");
}

TEST_CASE("IHI 0070 §4.4: an invalidation of all leaves nothing of anyone") {
  Everyone everyone;
  for (std::uint32_t id = 0; id < streams.size(); ++id) everyone.move(id, 2);
  everyone.smmu.invalidate_all();
  for (std::uint32_t id = 0; id < streams.size(); ++id) CHECK(everyone.where(id, 0) == 2);
}

TEST_CASE(
    "IHI 0070 §4.4.1.1: a range removes NUM + 1 times two to the SCALE granules, of TG's granule and TTL's "
    "level") {
  struct Range {
    TlbiCommand command;
    unsigned first, count;  ///< the pages of 16 that must go
  };
  const auto range = [](std::uint64_t page, std::uint8_t num, std::uint8_t scale, std::uint8_t tg,
                        std::uint8_t ttl) {
    return TlbiCommand{.opcode = Tlbi::NhVa,
                       .vmid = 0,
                       .asid = 1,
                       .address = page << 12,
                       .leaf = true,
                       .num = num,
                       .scale = scale,
                       .tg = tg,
                       .ttl = ttl};
  };
  for (const Range& c :
       {Range{range(3, 0, 0, 0, 0), 3, 1}, Range{range(3, 5, 2, 0, 0), 3, 1},  // TG 0: neither
        Range{range(4, 1, 0, 1, 0), 4, 2}, Range{range(4, 2, 1, 1, 0), 4, 6},
        Range{range(2, 0, 3, 1, 0), 2, 8}, Range{range(2, 0, 0, 1, 3), 2, 1},
        Range{range(0, 31, 0, 1, 3), 0, 16}, Range{range(0, 31, 0, 1, 2), 0, 0},  // blocks of level 2 alone
        Range{range(0, 31, 0, 2, 0), 0, 0}}) {                                    // of the 16 KiB granule
    Bench bench;
    bench.set_ste(3, stage1_ste(Scene::cd_at));
    bench.set_cd(Scene::cd_at, cd(Scene::root));
    Tables tables(bench.memory, 12, 39, Scene::root);
    for (std::uint64_t page = 0; page < 16; ++page) {
      tables.at(page << 12, 3) = 0x4000'0000 | page_leaf;
      check_forward(bench.read(3, page << 12), 0x4000'0000);
      tables.at(page << 12, 3) = 0x8000'0000 | page_leaf;
    }
    tlbi(bench, c.command);
    for (std::uint64_t page = 0; page < 16; ++page) {
      INFO("page " << page << " of " << c.first << " + " << c.count);
      const bool gone = page >= c.first && page < c.first + c.count;
      check_forward(bench.read(3, page << 12), gone ? 0x8000'0000 : 0x4000'0000);
    }
  }
}

TEST_CASE("IHI 0070 §4.4: any address in a block or a contiguous run names all of it") {
  for (const bool run : {false, true}) {
    Bench bench;
    bench.set_ste(3, stage1_ste(Scene::cd_at));
    bench.set_cd(Scene::cd_at, cd(Scene::root));
    Tables tables(bench.memory, 12, 39, Scene::root);
    const auto map = [&](std::uint64_t to) {
      if (!run) tables.at(0, 2) = to | (page_leaf & ~block_bit);
      for (std::uint64_t page = 0; run && page < 16; ++page)
        tables.at(page << 12, 3) = (to + (page << 12)) | page_leaf | std::uint64_t{1} << 52;
    };
    map(0x4000'0000);
    check_forward(bench.read(3, 0x1000), 0x4000'1000);
    map(0x8000'0000);
    check_forward(bench.read(3, 0xf004), 0x4000'f004);
    tlbi(bench, {.opcode = Tlbi::NhVa, .asid = 1, .address = 0xe000, .leaf = true});
    check_forward(bench.read(3, 0x1000), 0x8000'1000);
  }
}

TEST_CASE(
    "IHI 0070 §4.4.2.4, Leaf: a table that moved is found with Leaf 0, and what Leaf 1 leaves is stale") {
  for (const bool leaf : {false, true}) {
    Bench bench;
    bench.set_ste(3, stage1_ste(Scene::cd_at));
    bench.set_cd(Scene::cd_at, cd(Scene::root));
    Tables tables(bench.memory, 12, 39, Scene::root);
    tables.at(0x1000, 3) = 0x4000'0000 | page_leaf;
    check_forward(bench.read(3, 0x1000), 0x4000'0000);
    tables.at(0x1000, 2) = 0x5000'0000 | 3;
    bench.memory.words[0x5000'0000 + 8] = 0x8000'0000 | page_leaf;
    tlbi(bench, {.opcode = Tlbi::NhVa, .asid = 1, .address = 0x1000, .leaf = leaf});
    check_forward(bench.read(3, 0x1000), leaf ? 0x4000'0000 : 0x8000'0000);
    tlbi(bench, {.opcode = Tlbi::NhAll});
    check_forward(bench.read(3, 0x1000), 0x8000'0000);
  }
}

TEST_CASE(
    "IHI 0070 §4.4.3.1: stage 2 of a nested page needs its IPA's entries and those of both stages removed") {
  Scene scene(Through::Both);
  check_forward(scene.read(), Scene::pa);
  scene.leaf2() = 0x6'0000'0000 | stage2_leaf;
  tlbi(scene.bench, {.opcode = Tlbi::S2Ipa, .vmid = 7, .address = Scene::ipa});
  check_forward(scene.read(), Scene::pa);  // an entry of both stages is a VA's
  tlbi(scene.bench, {.opcode = Tlbi::NhAll, .vmid = 7});
  check_forward(scene.read(), 0x6'0000'0000);

  // Where stage 1's tables are is an IPA: only CMD_TLBI_S2_IPA removes that.
  constexpr std::uint64_t moved_table = 0x5'0000'0000;
  scene.bench.memory.words[moved_table + 8 * (Scene::va >> 12 & 511)] = 0x22'0000'0000 | page_leaf;
  scene.stage2.at(0x22'0000'0000, 3) = 0x6'8000'0000 | stage2_leaf;
  scene.stage2.at(Scene::root + 0x2000, 3) = moved_table | stage2_leaf;
  tlbi(scene.bench, {.opcode = Tlbi::NhAll, .vmid = 7});
  check_forward(scene.read(), 0x6'0000'0000);
  tlbi(scene.bench, {.opcode = Tlbi::S2Ipa, .vmid = 7, .address = Scene::root + 0x2000});
  tlbi(scene.bench, {.opcode = Tlbi::NhAll, .vmid = 7});
  check_forward(scene.read(), 0x6'8000'0000);
}

TEST_CASE("IHI 0070 §4.3: configuration commands leave translations, and TLB commands leave configuration") {
  Scene scene(Through::Stage1);
  check_forward(scene.read(), Scene::pa);
  scene.leaf() = 0x6'0000'0000 | page_leaf;
  scene.bench.smmu.invalidate(smmuv3::cfgi_all(SecurityState::NonSecure));
  const Translation kept = scene.read();
  check_forward(kept, Scene::pa);
  CHECK(kept.source == Source::MicroTlb);
  scene.bench.set_ste(Scene::stream, ste(4));
  tlbi(scene.bench, {.opcode = Tlbi::NsnhAll});
  check_forward(scene.read(), 0x6'0000'0000);
  scene.bench.smmu.invalidate(smmuv3::cfgi_ste(SecurityState::NonSecure, Scene::stream));
  check_forward(scene.read(), Scene::va);
}

TEST_CASE(
    "IHI 0070 §4.3.1 to §4.3.6: which streams and substreams a configuration command makes be read again") {
  Bench bench;
  for (std::uint32_t stream = 0; stream < 8; ++stream) {
    bench.set_ste(stream, stage1_ste(Scene::cd_at).put(59, 1).put(64, 2));
    bench.set_secure_ste(stream, stage1_ste(Scene::cd_at).put(59, 1).put(64, 2));
  }
  for (const std::uint64_t substream : {0U, 1U}) {
    bench.set_cd(Scene::cd_at + 64 * substream, cd(Scene::root));
    bench.set_secure_cd(Scene::cd_at + 64 * substream, cd(Scene::root));
  }
  // 'a' to 'h' without and 'A' to 'H' with SubstreamID 1; Secure ones after a colon.
  const auto fetched = [&] {
    std::string names;
    for (const SecurityState state : {NS, S}) {
      for (std::uint32_t stream = 0; stream < 8; ++stream)
        for (const bool ssv : {false, true}) {
          const std::uint64_t before = bench.smmu.statistics().context_fetches;
          static_cast<void>(
              bench.send({.stream_id = stream, .substream_id = 1, .ssv = ssv, .security = state}));
          if (bench.smmu.statistics().context_fetches != before)
            names += static_cast<char>((ssv ? 'A' : 'a') + stream);
        }
      if (state == NS) names += ':';
    }
    return names;
  };
  const std::string all = "aAbBcCdDeEfFgGhH";
  CHECK(fetched() == all + ":" + all);
  CHECK(fetched() == ":");
  const auto after = [&](const smmuv3::ConfigInvalidation& scope) {
    bench.smmu.invalidate(scope);
    return fetched();
  };
  CHECK(after(smmuv3::cfgi_ste(NS, 2)) == "cC:");
  CHECK(after(smmuv3::cfgi_ste(S, 2)) == ":cC");
  CHECK(after(smmuv3::cfgi_ste_range(NS, 5, 1)) == "eEfFgGhH:");
  CHECK(after(smmuv3::cfgi_cd(NS, 4, 1)) == "E:");
  CHECK(after(smmuv3::cfgi_cd(NS, 4, 0)) == "e:");
  CHECK(after(smmuv3::cfgi_cd_all(S, 4)) == ":eE");
  CHECK(after(smmuv3::cfgi_all(NS)) == all + ":");
  CHECK(after(smmuv3::cfgi_all(S)) == ":" + all);
}

TEST_CASE("IHI 0070 §5.4.1, §5.2: A, R, S and S2R, S2S are not of TLB entries: a new CD or STE is enough") {
  Scene scene(Through::Both);
  scene.leaf() |= 1U << 7;
  scene.apply();
  check_forward(scene.read(), Scene::pa);
  check_fault(scene.write(), FaultKind::Permission);
  scene.bench.set_cd(Scene::cd_at, Structure(scene.cd).put(44, 1));
  check_fault(scene.write(), FaultKind::Permission);
  scene.bench.smmu.invalidate(smmuv3::cfgi_cd(NS, Scene::stream, 0));
  const Translation stalled = scene.write();
  check_fault(stalled, FaultKind::Permission, Action::Stall);
  CHECK(stalled.source == Source::MicroTlb);

  Scene second(Through::Stage2);
  second.leaf2() &= ~std::uint64_t{1U << 7};
  check_forward(second.read(), Scene::pa);
  second.bench.set_ste(Scene::stream, Structure(second.ste).put(185, 1));
  second.bench.smmu.invalidate(smmuv3::cfgi_ste(NS, Scene::stream));
  const Translation hit = second.write();
  check_fault(hit, FaultKind::Permission, Action::Stall);
  CHECK(hit.source == Source::MicroTlb);
}

TEST_CASE(
    "IHI 0070 §5.4.1: TTB, TxSZ, granule, HAD, MAIR, IPS and the tables' tags are as of the walk, until a "
    "TLBI") {
  Scene scene(Through::Stage1);
  check_forward(scene.read(), Scene::pa);
  const arch::MemoryAttributes before = scene.read().attributes.memory;
  Structure changed = scene.cd;
  changed.words[1] = 0x3500'0000;  // TTB0, where nothing is
  changed.replace(5, 0, 30).replace(7, 6, 1).put(65, 1).replace(199, 192, 0).replace(34, 32, 0);
  scene.bench.set_cd(Scene::cd_at, changed);
  scene.bench.smmu.invalidate(smmuv3::cfgi_cd(NS, Scene::stream, 0));
  const Translation hit = scene.read();
  check_forward(hit, Scene::pa);
  CHECK(hit.attributes.memory == before);
  tlbi(scene.bench, {.opcode = Tlbi::NhAll});
  check_fault(scene.read(), FaultKind::Translation);
}

TEST_CASE("IHI 0070 §5.4.1: WXN, PAN and E0PD are the CD's at the time of the hit, which a TLB may keep") {
  Scene scene(Through::Stage1);
  check_forward(scene.read(), Scene::pa);
  scene.bench.set_cd(Scene::cd_at, Structure(scene.cd).put(36, 1).put(40, 1));
  scene.bench.smmu.invalidate(smmuv3::cfgi_cd(NS, Scene::stream, 0));
  Transaction fetch{.address = Scene::va, .stream_id = Scene::stream};
  fetch.attributes.instruction = true;
  const Translation result = scene.bench.send(fetch);
  check_fault(result, FaultKind::Permission);
  CHECK(result.source == Source::MicroTlb);
}

TEST_CASE(
    "IHI 0070 §5.2.1, §5.4.1: structures that could not be fetched are not kept, those that are invalid "
    "are") {
  Scene scene(Through::Stage1);
  scene.bench.memory.aborting = {Scene::cd_at};
  check_fault(scene.read(), FaultKind::CdFetch);
  scene.bench.memory.aborting.clear();
  check_forward(scene.read(), Scene::pa);
  scene.cd.replace(31, 31, 0);
  scene.apply();
  check_fault(scene.read(), FaultKind::BadCd);
  scene.bench.set_cd(Scene::cd_at, scene.cd.put(31, 1));
  check_fault(scene.read(), FaultKind::BadCd);
  scene.bench.smmu.invalidate(smmuv3::cfgi_cd(NS, Scene::stream, 0));
  check_forward(scene.read(), Scene::pa);

  Scene nested(Through::Both);
  spoil2(nested.stage2.at(Scene::cd_at, 3), FaultKind::Translation);
  check_fault(nested.read(), FaultKind::Translation, 2, FaultClass::Cd);
  nested.stage2.at(Scene::cd_at, 3) |= 1;
  check_forward(nested.read(), Scene::pa);
}

}  // namespace sidewinder::test
