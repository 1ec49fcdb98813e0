// SPDX-License-Identifier: Apache-2.0
//
// Every field of an STE that shapes stage 2, end to end, and as if it were absent where the implementation
// has not got it (IHI 0070 §3.4, §5.2, §13.4.3); VMSAv8-32 LPAE is in lpae_test.cpp.

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t root2 = Scene::root2, page = 0x7'6543'0000;

constexpr std::uint64_t below(unsigned bits) {
  return (std::uint64_t{1} << bits) - 1;
}

/// Tables whose first level is concatenated: as many of them as the input needs.
struct Concatenated {
  std::map<std::uint64_t, std::uint64_t>& words;
  unsigned page_bits, start;
  std::uint64_t next = root2 + 0x10'0000;

  std::uint64_t& leaf(std::uint64_t ipa) {
    const unsigned stride = page_bits - 3;
    std::uint64_t table = root2;
    for (unsigned level = start;; ++level) {
      std::uint64_t index = ipa >> (page_bits + (3 - level) * stride);
      if (level != start) index &= below(stride);
      std::uint64_t& entry = words[table + 8 * index];
      if (level == 3) return entry;
      if (entry == 0) {
        entry = next | 3;
        next += std::uint64_t{1} << page_bits;
      }
      table = entry & ~std::uint64_t{0xfff};
    }
  }
};

struct Start {
  unsigned page_bits;
  std::uint64_t tg, sl0;
  unsigned level, min_bits, max_bits;  ///< of IPA
};

/// One to 16 tables at the first level; S2T0SZ is 16 to 48.
constexpr std::array starts{Start{12, 0, 3, 3, 16, 25}, Start{12, 0, 0, 2, 22, 34},
                            Start{12, 0, 1, 1, 31, 43}, Start{12, 0, 2, 0, 40, 48},
                            Start{14, 2, 0, 3, 16, 29}, Start{14, 2, 1, 2, 26, 40},
                            Start{14, 2, 2, 1, 37, 48}, Start{16, 1, 0, 3, 17, 33},
                            Start{16, 1, 1, 2, 30, 46}, Start{16, 1, 2, 1, 43, 48}};

Transaction access(std::uint64_t address, bool write, bool privileged, bool instruction) {
  Transaction transaction{.address = address, .stream_id = Scene::stream};
  transaction.attributes.write = write;
  transaction.attributes.privileged = privileged;
  transaction.attributes.instruction = instruction;
  return transaction;
}

bool passes(const Translation& result) {
  return result.action == Action::Forward;
}

}  // namespace

TEST_CASE(
    "IHI 0070 §5.2, S2T0SZ, S2SL0 and S2TG: every first level and size, concatenated tables among them") {
  for (const Start& start : starts)
    for (unsigned bits = 16; bits <= 48; ++bits) {
      INFO("page bits " << start.page_bits << ", first level " << start.level << ", IPA bits " << bits);
      Bench bench;
      Structure made = stage2_ste(root2).replace(165, 160, 64 - bits).replace(167, 166, start.sl0);
      bench.set_ste(3, made.replace(175, 174, start.tg));
      if (bits < start.min_bits || bits > start.max_bits) {
        check_fault(bench.read(3, 0), FaultKind::BadSte);
        continue;
      }
      Concatenated tables{bench.memory.words, start.page_bits, start.level};
      const std::uint64_t last_page = below(bits) & ~below(start.page_bits);
      tables.leaf(0) = page | stage2_leaf;
      tables.leaf(last_page) = (page + 0x10'0000) | stage2_leaf;
      check_forward(bench.read(3, 0x18), page + 0x18);
      check_forward(bench.read(3, below(bits)), page + 0x10'0000 + below(start.page_bits));
      const Translation beyond = bench.read(3, below(bits) + 1);
      if (bits == 48)
        check_fault(beyond, FaultKind::AddressSize, 1, FaultClass::Input);  // the IAS
      else
        check_fault(beyond, FaultKind::Translation, 2, FaultClass::Input);
    }
}

TEST_CASE("IHI 0070 §5.2, S2TTB: bits below the size of the concatenated tables are none of its") {
  Bench bench;
  bench.set_ste(3, stage2_ste(root2 | 0x7ff0).replace(165, 160, 64 - 42).replace(167, 166, 1));
  Concatenated tables{bench.memory.words, 12, 1};
  tables.leaf(0x3ff'ffff'f000) = page | stage2_leaf;
  check_forward(bench.read(3, 0x3ff'ffff'f000), page);
}

TEST_CASE("IHI 0070 §5.2, S2PS: what each value lets stage 2 put out, and the reserved one") {
  struct Size {
    std::uint64_t ps;
    unsigned bits;
  };
  for (const Size& size : {Size{0, 32}, Size{1, 36}, Size{2, 40}, Size{3, 42}, Size{4, 44}, Size{5, 48},
                           Size{6, 48}, Size{7, 48}}) {
    Scene scene(Through::Stage2);
    scene.ste.replace(178, 176, size.ps);
    const std::uint64_t last = below(size.bits) & ~std::uint64_t{0xfff};
    scene.stage2.at(0x1000, 3) = last | stage2_leaf;
    scene.stage2.at(0x2000, 3) = ((last + 0x1000) & below(48)) | stage2_leaf;
    scene.apply();
    check_forward(scene.bench.read(Scene::stream, 0x1000), last);
    if (size.bits == 48) continue;
    check_fault(scene.bench.read(Scene::stream, 0x2000), FaultKind::AddressSize, 2, FaultClass::Input);
  }
}

TEST_CASE("IHI 0070 §5.2, S2AFFD, S2HA and S2HD: flags that fault, are taken as set, or are set in memory") {
  constexpr std::uint64_t flag = 1U << 10, dbm = std::uint64_t{1} << 51, writable = 1U << 7;
  for (const bool affd : {false, true})
    for (const bool ha : {false, true})
      for (const bool hd : {false, true}) {
        INFO("S2AFFD " << affd << " S2HA " << ha << " S2HD " << hd);
        Scene scene(Through::Stage2);
        scene.ste.put(181, affd ? 1 : 0).put(184, ha ? 1 : 0).put(183, hd ? 1 : 0);
        scene.apply();
        scene.leaf2() = page | (stage2_leaf & ~(flag | writable)) | dbm;
        const Translation read = scene.read();
        if (!affd && !ha) {
          check_fault(read, FaultKind::AccessFlag, 2, FaultClass::Input);
          continue;
        }
        check_forward(read, page);
        CHECK((scene.leaf2() & flag) == (ha ? flag : 0));
        CHECK((scene.leaf2() & writable) == 0);
        const Translation write = scene.write();
        if (ha && hd) {
          check_forward(write, page);
          CHECK(scene.leaf2() == (page | stage2_leaf | dbm));
        } else {
          check_fault(write, FaultKind::Permission, 2, FaultClass::Input);
          CHECK((scene.leaf2() & writable) == 0);
        }
      }
  using smmuv3::Httu;
  for (const Httu httu : {Httu::None, Httu::AccessFlag, Httu::AccessFlagAndDirty})
    for (const bool ha : {false, true})
      for (const bool hd : {false, true}) {
        smmuv3::Config config = full();
        config.httu = httu;
        Scene scene(Through::Stage2, config);
        scene.ste.put(184, ha ? 1 : 0).put(183, hd ? 1 : 0);
        scene.apply();
        if (httu == Httu::None ? ha || hd : httu == Httu::AccessFlag && hd)
          check_fault(scene.read(), FaultKind::BadSte);
        else
          check_forward(scene.read(), Scene::pa);
      }
}

TEST_CASE("IHI 0070 §3.13: with both stages the access flags of all that was translated are set") {
  Scene scene(Through::Both);
  constexpr std::uint64_t flag = 1U << 10;
  scene.cd.put(43, 1);
  scene.ste.put(184, 1);
  scene.leaf() &= ~flag;
  std::vector<std::uint64_t> stage2_slots;
  for (const std::uint64_t ipa :
       {Scene::cd_at, Scene::root, Scene::root + 0x1000, Scene::root + 0x2000, Scene::ipa}) {
    scene.stage2.at(ipa, 3) &= ~flag;
    stage2_slots.push_back(scene.stage2.slot(ipa, 3));
  }
  scene.apply();
  check_forward(scene.read(), Scene::pa);
  CHECK((scene.leaf() & flag) != 0);
  for (const std::uint64_t slot : stage2_slots) CHECK((scene.bench.memory.words[slot] & flag) != 0);
  CHECK(scene.bench.memory.writes == 6);
}

TEST_CASE(
    "IHI 0070 §3.13.5: the update of a stage 1 descriptor is a write, which marks stage 2's page dirty") {
  constexpr std::uint64_t flag = 1U << 10, dbm = std::uint64_t{1} << 51, writable = 1U << 7;
  for (const smmuv3::Config& config : {full(), uncached()})
    for (const bool dirty_state : {false, true}) {
      Scene scene(Through::Both, config);
      scene.cd.put(43, 1);
      scene.ste.put(184, 1).put(183, dirty_state ? 1 : 0);
      scene.leaf() &= ~flag;
      std::uint64_t& table = scene.stage2.at(Scene::root + 0x2000, 3);
      const std::uint64_t clean = (table & ~writable) | dbm;
      table = clean;
      scene.apply();
      const Translation result = scene.read();
      if (dirty_state) {
        check_forward(result, Scene::pa);
        CHECK((scene.leaf() & flag) != 0);
        CHECK(table == (clean | writable));
      } else {
        check_fault(result, FaultKind::Permission, 2, FaultClass::Table);
        CHECK(result.fault->table_write);
        CHECK(table == clean);
      }
    }
}

TEST_CASE("IHI 0070 §5.2, S1DSS: with both stages what bypasses stage 1 is an IPA, a SubstreamID's is a VA") {
  Scene scene(Through::Both);
  scene.ste.put(59, 1).put(64, 1);
  scene.apply();
  scene.bench.set_cd(Scene::cd_at + 64, scene.cd);
  check_forward(scene.bench.read(Scene::stream, Scene::ipa + 4), Scene::pa + 4);
  const Translation unmapped = scene.bench.read(Scene::stream, Scene::va);
  check_fault(unmapped, FaultKind::Translation, 2, FaultClass::Input);
  CHECK(unmapped.fault->ipa == Scene::va);
  check_forward(
      scene.bench.send({.address = Scene::va, .stream_id = Scene::stream, .substream_id = 1, .ssv = true}),
      Scene::pa);
  // TBI is the CD's, and there is none for what bypasses.
  check_fault(scene.bench.read(Scene::stream, Scene::ipa | 0xa5ULL << 56), FaultKind::AddressSize, 1,
              FaultClass::Input);
}

TEST_CASE("IHI 0070 §5.2, S2ENDI: stage 2's tables are read and updated in its order") {
  for (const bool big : {false, true}) {
    Scene scene(Through::Stage2);
    scene.ste.put(180, big ? 1 : 0).put(184, 1);
    scene.leaf2() &= ~std::uint64_t{1U << 10};
    auto& words = scene.bench.memory.words;
    const std::array slots{scene.stage2.slot(Scene::ipa, 1), scene.stage2.slot(Scene::ipa, 2),
                           scene.stage2.slot(Scene::ipa, 3)};
    for (const std::uint64_t slot : slots)
      if (big) words[slot] = __builtin_bswap64(words[slot]);
    scene.apply();
    check_forward(scene.read(), Scene::pa);
    CHECK((big ? __builtin_bswap64(words[slots[2]]) : words[slots[2]]) == (Scene::pa | stage2_leaf));
    for (const auto has : {smmuv3::TableEndianness::Little, smmuv3::TableEndianness::Big}) {
      smmuv3::Config config = full();
      config.endianness = has;
      Bench limited(config);
      limited.set_ste(3, stage2_ste(root2).put(180, big ? 1 : 0));
      const bool bad = big == (has == smmuv3::TableEndianness::Little);
      check_fault(limited.read(3, 0), bad ? FaultKind::BadSte : FaultKind::Translation);
    }
  }
}

TEST_CASE(
    "IHI 0070 §5.2, S2PTW: with it a CD or stage 1 table in Device memory is a stage 2 permission fault") {
  for (const bool forced_write_back : {false, true})
    for (const std::uint64_t mem_attr : {0U, 1U, 2U, 3U})
      for (const bool protect : {false, true})
        for (const bool normal_instead : {false, true})
          for (const std::uint64_t target : {Scene::cd_at, Scene::root, Scene::root + 0x2000}) {
            INFO("FWB " << forced_write_back << " MemAttr " << mem_attr << " S2PTW " << protect);
            smmuv3::Config config = full();
            config.walk_device_as_normal = normal_instead;
            Scene scene(Through::Both, config);
            scene.ste.put(182, protect ? 1 : 0).put(89, forced_write_back ? 1 : 0);
            std::uint64_t& leaf = scene.stage2.at(target, 3);
            leaf = (leaf & ~std::uint64_t{0x3c}) | mem_attr << 2;
            scene.apply();
            const Translation result = scene.read();
            if (protect) {
              check_fault(result, FaultKind::Permission, 2,
                          target == Scene::cd_at ? FaultClass::Cd : FaultClass::Table);
              CHECK_FALSE(result.fault->table_write);
              continue;
            }
            check_forward(result, Scene::pa);
            for (const arch::PortAccess& made : scene.bench.memory.accesses) {
              if (made.address >> 12 != target >> 12) continue;
              CHECK(made.attributes.type ==
                    (normal_instead ? arch::MemoryType::Normal : static_cast<arch::MemoryType>(mem_attr)));
              if (normal_instead)
                CHECK(made.attributes.inner.cacheability == arch::Cacheability::NonCacheable);
            }
          }
}

TEST_CASE(
    "IHI 0070 §5.2, S2PTW: it is of the SMMU's own accesses, while a page in Device memory is for the "
    "client") {
  for (const Through through : {Through::Stage2, Through::Both}) {
    Scene scene(through);
    scene.ste.put(182, 1);
    scene.leaf2() = Scene::pa | (stage2_leaf & ~std::uint64_t{0x3c});
    scene.apply();
    const Translation result = scene.read();
    check_forward(result, Scene::pa);
    CHECK(result.attributes.memory.type == arch::MemoryType::DeviceNGnRnE);
  }
}

TEST_CASE("IHI 0070 §5.2, S2FWB: MemAttr 6 is Write-Back whatever stage 1 says, where IDR3.FWB has it") {
  for (const bool implemented : {false, true})
    for (const bool forced : {false, true}) {
      smmuv3::Config config = full();
      config.forced_write_back = implemented;
      Scene scene(Through::Both, config);
      scene.ste.put(89, forced ? 1 : 0);
      scene.leaf() |= 1U << 2;  // AttrIndx 1: Normal Non-cacheable
      scene.leaf2() = Scene::pa | (stage2_leaf & ~std::uint64_t{0x3c}) | 6U << 2;
      if (!(implemented && forced)) scene.leaf2() |= 15U << 2;
      scene.apply();
      const Translation result = scene.read();
      check_forward(result, Scene::pa);
      CHECK(result.attributes.memory.inner.cacheability ==
            (implemented && forced ? arch::Cacheability::WriteBack : arch::Cacheability::NonCacheable));
    }
}

TEST_CASE("IHI 0070 §13.4.3: S2AP and XN of stage 2, of a walk and of a hit, with and without IDR3.XNX") {
  for (const Through through : {Through::Stage2, Through::Both})
    for (const bool xnx : {false, true})
      for (std::uint64_t s2ap = 0; s2ap < 4; ++s2ap)
        for (std::uint64_t xn = 0; xn < 4; ++xn)
          for (unsigned request = 0; request < 6; ++request) {
            const bool write = request == 1 || request == 4, privileged = request >= 3;
            const bool instruction = request == 2 || request == 5;
            INFO("XNX " << xnx << " S2AP " << s2ap << " XN " << xn << " request " << request);
            smmuv3::Config config = full();
            config.xnx = xnx;
            Scene scene(through, config);
            if (through == Through::Both) scene.leaf() |= privileged ? 0x80 : 0;  // executable by both
            if (through == Through::Both && write) scene.leaf() &= ~std::uint64_t{0x80};
            scene.leaf2() = Scene::pa | (stage2_leaf & ~std::uint64_t{0xc0}) | s2ap << 6 | xn << 53;
            scene.apply();
            const bool executes = !xnx ? (xn & 2) == 0 : xn == 0 || xn == (privileged ? 3U : 1U);
            const bool allowed = write ? (s2ap & 2) != 0 : instruction ? executes : (s2ap & 1) != 0;
            const Transaction transaction = access(scene.input() + 8, write, privileged, instruction);
            const Translation walked = scene.bench.send(transaction);
            CHECK(passes(walked) == allowed);
            // Put into the TLB by whatever is allowed, then as before.
            scene.bench.smmu.invalidate_all();
            for (unsigned other = 0; other < 6; ++other)
              static_cast<void>(scene.bench.send(
                  access(scene.input(), other == 1 || other == 4, other >= 3, other == 2 || other == 5)));
            const Translation hit = scene.bench.send(transaction);
            CHECK(passes(hit) == allowed);
            for (const Translation& result : {walked, hit}) {
              if (allowed) continue;
              check_fault(result, FaultKind::Permission, 2, FaultClass::Input);
              CHECK(result.fault->ipa == Scene::ipa + 8);
            }
          }
}

TEST_CASE("IHI 0070 §13.4: with two stages both must allow the access") {
  struct Case {
    std::uint64_t ap, s2ap;
    bool reads, writes;
  };
  for (const Case& c : {Case{1, 3, true, true}, Case{1, 1, true, false}, Case{3, 3, true, false},
                        Case{1, 2, false, true}, Case{0, 3, false, false}, Case{1, 0, false, false}}) {
    Scene scene(Through::Both);
    scene.leaf() = Scene::ipa | (page_leaf & ~std::uint64_t{0xc0}) | c.ap << 6;
    scene.leaf2() = Scene::pa | (stage2_leaf & ~std::uint64_t{0xc0}) | c.s2ap << 6;
    CHECK(passes(scene.read()) == c.reads);
    CHECK(passes(scene.write()) == c.writes);
    CHECK(passes(scene.read()) == c.reads);
    CHECK(passes(scene.write_again()) == c.writes);
    CHECK(passes(scene.read()) == c.reads);
  }
}

TEST_CASE("IHI 0070 §5.2: a stage that is not implemented makes its Config ILLEGAL") {
  smmuv3::Config no_stage2 = full();
  no_stage2.stage2 = no_stage2.secure_el2 = false;
  check_fault(Scene(Through::Stage2, no_stage2).read(), FaultKind::BadSte);
  check_fault(Scene(Through::Both, no_stage2).read(), FaultKind::BadSte);
  check_forward(Scene(Through::Stage1, no_stage2).read(), Scene::pa);
  smmuv3::Config no_stage1;
  no_stage1.stage1 = false;
  check_fault(Scene(Through::Stage1, no_stage1).read(), FaultKind::BadSte);
  check_fault(Scene(Through::Both, no_stage1).read(), FaultKind::BadSte);
  check_forward(Scene(Through::Stage2, no_stage1).read(), Scene::pa);
}

TEST_CASE("IHI 0070 §5.2, S2TG: a granule that is not there, or reserved, is C_BAD_STE") {
  for (const unsigned absent : {0U, 1U, 2U}) {
    smmuv3::Config config = full();
    config.granule_4k = absent != 0;
    config.granule_16k = absent != 1;
    config.granule_64k = absent != 2;
    for (unsigned which = 0; which < 3; ++which) {
      constexpr std::array<std::uint64_t, 3> encodings{0, 2, 1};
      Bench bench(config);
      bench.set_ste(3, stage2_ste(root2).replace(175, 174, encodings[which]));
      check_fault(bench.read(3, 0), which == absent ? FaultKind::BadSte : FaultKind::Translation);
    }
  }
  Bench bench;
  bench.set_ste(3, stage2_ste(root2).replace(175, 174, 3));
  check_fault(bench.read(3, 0), FaultKind::BadSte);
}

}  // namespace sidewinder::test
