// SPDX-License-Identifier: Apache-2.0
//
// Every field of a CD that shapes VMSAv8-64 translation, end to end, and as if it were absent where the
// implementation has not got it (IHI 0070 §3.4, §5.4).

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t root = Scene::root, upper_root = 0x3100'0000, page = 0x7'6543'0000;

struct Granule {
  unsigned bits;
  std::uint64_t tg0, tg1;  ///< not the same encodings
};
constexpr std::array granules{Granule{12, 0, 2}, Granule{14, 2, 1}, Granule{16, 1, 3}};

constexpr std::uint64_t ones_above(unsigned bits) {
  return bits == 64 ? 0 : ~std::uint64_t{0} << bits;
}

/// A CD whose TTB1 is on: T1SZ, TG1 of 4 KiB, tables cacheable.
Structure with_upper(Structure made) {
  made.replace(30, 30, 0).put(16, 25).put(22, 2).put(24, 1).put(26, 1).put(28, 3);
  made.words[2] |= upper_root;
  return made;
}

struct Stage1Bench : Bench {
  using Bench::Bench;
  void use(const Structure& cd) {
    set_ste(3, stage1_ste(Scene::cd_at));
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
};

bool passes(const Translation& result) {
  return result.action == Action::Forward;
}

}  // namespace

TEST_CASE("IHI 0070 §5.4, TxSZ and TGx: the first and the last page of each half of each size, and beyond") {
  for (const Granule& granule : granules)
    for (const unsigned tsz : {16U, 17U, 20U, 25U, 28U, 31U, 34U, 39U, 42U, 47U, 48U})
      for (const bool upper : {false, true}) {
        if (granule.bits == 16 && tsz == 48) continue;
        INFO("page bits " << granule.bits << ", TxSZ " << tsz << ", TTB" << upper);
        const unsigned bits = 64 - tsz;
        Stage1Bench bench;
        Structure made = cd(root).replace(5, 0, upper ? 25 : tsz).replace(7, 6, upper ? 0 : granule.tg0);
        if (upper) made = with_upper(made).replace(21, 16, tsz).replace(23, 22, granule.tg1);
        bench.use(made);
        Tables tables(bench.memory, granule.bits, bits, upper ? upper_root : root);
        const std::uint64_t last = ~ones_above(bits);
        const std::uint64_t last_page = last >> granule.bits << granule.bits;
        const std::uint64_t high = upper ? ones_above(bits) : 0;
        tables.at(0, 3) = page | page_leaf;
        tables.at(last_page, 3) = (page + 0x10'0000) | page_leaf;
        check_forward(bench.go(high), page);
        check_forward(bench.go(high | last), page + 0x10'0000 + (last & ~ones_above(granule.bits)));
        // One address beyond, and one whose sign is wrong further up.
        check_fault(bench.go(upper ? high - 1 : last + 1), FaultKind::Translation, 1, FaultClass::Input);
        check_fault(bench.go(high ^ std::uint64_t{1} << 63), FaultKind::Translation, 1, FaultClass::Input);
      }
}

TEST_CASE("IHI 0070 §5.4, TxSZ: beyond its limits is C_BAD_CD, unless EPD makes it IGNORED") {
  for (const bool small : {false, true}) {
    smmuv3::Config config = full();
    config.small_tables = small;
    for (const Granule& granule : granules)
      for (const unsigned tsz : {0U, 15U, 16U, 39U, 40U, 47U, 48U, 49U, 63U})
        for (const bool upper : {false, true}) {
          INFO("page bits " << granule.bits << ", TxSZ " << tsz << ", TTB" << upper << ", STT " << small);
          Stage1Bench bench(config);
          Structure made = cd(root).replace(5, 0, upper ? 25 : tsz).replace(7, 6, upper ? 0 : granule.tg0);
          if (upper) made = with_upper(made).replace(21, 16, tsz).replace(23, 22, granule.tg1);
          const unsigned max = !small ? 39 : granule.bits == 16 ? 47 : 48;
          bench.use(made);
          check_fault(bench.go(0), tsz < 16 || tsz > max ? FaultKind::BadCd : FaultKind::Translation);
          bench.use(made.put(upper ? 30 : 14, 1));
          check_fault(bench.go(0), FaultKind::Translation);
        }
  }
}

TEST_CASE("IHI 0070 §5.4, TG0 and TG1: a granule that is not there, or reserved, is C_BAD_CD") {
  for (const unsigned absent : {0U, 1U, 2U, 3U}) {
    smmuv3::Config config = full();
    config.granule_4k = absent != 0;
    config.granule_16k = absent != 1;
    config.granule_64k = absent != 2;
    const std::array there{absent != 0, absent != 1, absent != 2};
    for (unsigned which = 0; which < 3; ++which) {
      Stage1Bench bench(config);
      bench.use(cd(root).replace(7, 6, granules[which].tg0));
      check_fault(bench.go(0), there[which] ? FaultKind::Translation : FaultKind::BadCd);
      bench.use(with_upper(cd(root).put(14, 1)).replace(23, 22, granules[which].tg1));
      check_fault(bench.go(0), there[which] ? FaultKind::Translation : FaultKind::BadCd);
    }
  }
  Stage1Bench bench;
  bench.use(cd(root).replace(7, 6, 3));
  check_fault(bench.go(0), FaultKind::BadCd);
  bench.use(with_upper(cd(root)).replace(23, 22, 0));
  check_fault(bench.go(0), FaultKind::BadCd);
  bench.use(cd(root).replace(7, 6, 3).put(14, 1));  // IGNORED
  check_fault(bench.go(0), FaultKind::Translation);
}

TEST_CASE(
    "IHI 0070 §5.4, TTB0 and TTB1: bit 55 of the address chooses, bits below the table's size are none") {
  Stage1Bench bench;
  Structure made = with_upper(cd(root));
  made.words[1] |= 0xff0;  // of 4 KiB of table
  bench.use(made);
  Tables lower(bench.memory, 12, 39, root), upper(bench.memory, 12, 39, upper_root);
  lower.at(0x1000, 3) = page | page_leaf;
  upper.at(0x1000, 3) = (page + 0x8000) | page_leaf;
  check_forward(bench.go(0x1008), page + 8);
  check_forward(bench.go(0xffff'ff80'0000'1008), page + 0x8008);
  check_fault(bench.go(0xff7f'ff80'0000'1008), FaultKind::Translation);  // bit 55 is 0
}

TEST_CASE(
    "IHI 0070 §5.4.1.1, EPD0 and EPD1: each ends the walks of its half, hits and the other half remain") {
  for (const bool upper : {false, true}) {
    Stage1Bench bench;
    const Structure made = with_upper(cd(root));
    Tables lower_tables(bench.memory, 12, 39, root), upper_tables(bench.memory, 12, 39, upper_root);
    lower_tables.at(0x1000, 3) = page | page_leaf;
    upper_tables.at(0x1000, 3) = page | page_leaf;
    const std::uint64_t own = upper ? 0xffff'ff80'0000'1000 : 0x1000;
    const std::uint64_t other = upper ? 0x1000 : 0xffff'ff80'0000'1000;
    bench.use(Structure(made).put(upper ? 30 : 14, 1));
    check_fault(bench.go(own), FaultKind::Translation, 1, FaultClass::Input);
    check_forward(bench.go(other), page);

    bench.use(made);
    check_forward(bench.go(own), page);
    bench.set_cd(Scene::cd_at, Structure(made).put(upper ? 30 : 14, 1));
    bench.smmu.invalidate(smmuv3::cfgi_all(SecurityState::NonSecure));
    check_forward(bench.go(own), page);  // §5.4.1.1 permits the hit
  }
}

TEST_CASE(
    "IHI 0070 §3.4.1, TBI0 and TBI1: the top byte of the own half is ignored, one entry serves all tags") {
  for (const bool upper : {false, true})
    for (const bool own_tbi : {false, true})
      for (const bool other_tbi : {false, true}) {
        Stage1Bench bench;
        bench.use(with_upper(cd(root))
                      .put(upper ? 39 : 38, own_tbi ? 1 : 0)
                      .put(upper ? 38 : 39, other_tbi ? 1 : 0));
        Tables tables(bench.memory, 12, 39, upper ? upper_root : root);
        tables.at(0x1000, 3) = page | page_leaf;
        const std::uint64_t plain = upper ? 0xffff'ff80'0000'1000 : 0x1000;
        check_forward(bench.go(plain + 0xc), page + 0xc);
        for (const std::uint64_t tag : {0x01ULL, 0x80ULL, 0xa5ULL, 0xfeULL}) {
          const Translation result = bench.go((plain + 0xc) ^ tag << 56);
          if (own_tbi) {
            check_forward(result, page + 0xc);
            CHECK(result.source == Source::MicroTlb);
            bench.smmu.invalidate_all();
            check_forward(bench.go((plain + 0xc) ^ tag << 56), page + 0xc);
          } else {
            check_fault(result, FaultKind::Translation, 1, FaultClass::Input);
          }
        }
        check_fault(bench.go(plain ^ std::uint64_t{1} << 54), FaultKind::Translation);
      }
}

TEST_CASE("IHI 0070 §5.4, HAD0 and HAD1: APTable, PXNTable and UXNTable count, or are ignored where HAD is") {
  struct Table {
    unsigned bit;
    bool write, privileged, instruction;  ///< what it forbids
  };
  // Of a page that is read-only, so that both may execute it, but for APTable[1].
  for (const Table& table : {Table{59, false, true, true}, Table{60, false, false, true},
                             Table{61, false, false, false}, Table{62, true, true, false}})
    for (const bool implemented : {false, true})
      for (const bool disabled : {false, true})
        for (const bool upper : {false, true})
          for (const unsigned level : {1U, 2U}) {
            INFO("bit " << table.bit << ", HAD " << disabled << " of " << implemented << ", TTB" << upper);
            smmuv3::Config config = full();
            config.hierarchy_disable = implemented;
            Stage1Bench bench(config);
            bench.use(with_upper(cd(root)).put(upper ? 129 : 65, disabled ? 1 : 0));
            Tables tables(bench.memory, 12, 39, upper ? upper_root : root);
            tables.at(0x1000, 3) = page | page_leaf | (table.write ? 0 : 0x80);
            tables.at(0x1000, level) |= std::uint64_t{1} << table.bit;
            const std::uint64_t address = upper ? 0xffff'ff80'0000'1000 : 0x1000;
            const Translation result = bench.go(address, table.write, table.privileged, table.instruction);
            if (implemented && disabled)
              check_forward(result, page);
            else
              check_fault(result, FaultKind::Permission, 1, FaultClass::Input);
            bench.smmu.invalidate_all();
            check_forward(bench.go(address, false, true, false), page);
          }
}

TEST_CASE(
    "IHI 0070 §5.4, E0PD0 and E0PD1: unprivileged accesses to the half are translation faults, hit or walk") {
  for (const bool implemented : {false, true})
    for (const bool upper : {false, true})
      for (const bool instruction : {false, true}) {
        smmuv3::Config config = full();
        config.e0pd = implemented;
        Stage1Bench bench(config);
        bench.use(with_upper(cd(root)).put(upper ? 130 : 66, 1));
        Tables lower_tables(bench.memory, 12, 39, root), upper_tables(bench.memory, 12, 39, upper_root);
        lower_tables.at(0x1000, 3) = page | page_leaf | 0x80;
        upper_tables.at(0x1000, 3) = page | page_leaf | 0x80;
        const std::uint64_t own = upper ? 0xffff'ff80'0000'1000 : 0x1000;
        const std::uint64_t other = upper ? 0x1000 : 0xffff'ff80'0000'1000;
        for (unsigned round = 0; round < 2; ++round) {
          const Translation result = bench.go(own, false, false, instruction);
          if (implemented)
            check_fault(result, FaultKind::Translation, 1, FaultClass::Input);
          else
            check_forward(result, page);
          check_forward(bench.go(other, false, false, instruction), page);
          check_forward(bench.go(own, false, true, instruction), page);
        }
      }
}

TEST_CASE("IHI 0070 §5.4, WXN: nothing writable is executed, UWXN is IGNORED by VMSAv8-64, PAN is of data") {
  struct Case {
    unsigned bit;  ///< of the CD; 0: none
    std::uint64_t ap;
    bool privileged_fetch, unprivileged_fetch, privileged_read;
  };
  for (const Case& c :
       {Case{0, 0, true, true, true}, Case{0, 1, false, true, true}, Case{0, 2, true, true, true},
        Case{0, 3, true, true, true},  // AP[2:1]
        Case{36, 0, false, true, true}, Case{36, 1, false, false, true}, Case{36, 2, true, true, true},
        Case{36, 3, true, true, true}, Case{37, 0, true, true, true}, Case{37, 3, true, true, true},
        Case{40, 0, true, true, true}, Case{40, 1, false, true, false}, Case{40, 2, true, true, true},
        Case{40, 3, true, true, false}})
    for (const bool cached : {false, true}) {
      INFO("bit " << c.bit << ", AP " << c.ap << ", cached " << cached);
      Stage1Bench bench;
      Structure made = cd(root);
      if (c.bit != 0) made.put(c.bit, 1);
      bench.use(made);
      Tables tables(bench.memory, 12, 39, root);
      tables.at(0x1000, 3) = page | (page_leaf & ~std::uint64_t{0xc0}) | c.ap << 6;
      const auto prepare = [&] {
        bench.smmu.invalidate_all();
        if (cached && (c.ap & 1) != 0) CHECK(passes(bench.go(0x1000)));
        if (cached && (c.ap & 1) == 0) CHECK(passes(bench.go(0x1000, false, true)));
      };
      prepare();
      CHECK(passes(bench.go(0x1000, false, true, true)) == c.privileged_fetch);
      prepare();
      CHECK(passes(bench.go(0x1000, false, false, true)) == c.unprivileged_fetch);
      prepare();
      CHECK(passes(bench.go(0x1000, false, true, false)) == c.privileged_read);
    }
}

TEST_CASE("IHI 0070 §5.4, IPS: what each value lets stage 1 put out, and the reserved one") {
  struct Size {
    std::uint64_t ips;
    unsigned bits;
  };
  for (const unsigned minor : {0U, 3U}) {
    smmuv3::Config config = full();
    config.minor = minor;
    if (minor == 0) config.secure_el2 = false;
    for (const Size& size : {Size{0, 32}, Size{1, 36}, Size{2, 40}, Size{3, 42}, Size{4, 44}, Size{5, 48},
                             Size{6, 48}, Size{7, 48}}) {
      INFO("IPS " << size.ips << ", SMMUv3." << minor);
      Stage1Bench bench(config);
      bench.use(cd(root).replace(34, 32, size.ips));
      Tables tables(bench.memory, 12, 39, root);
      const std::uint64_t last = ~ones_above(size.bits) & ~std::uint64_t{0xfff};
      tables.at(0x1000, 3) = last | page_leaf;
      check_forward(bench.go(0x1000), last);
      if (size.bits == 48) continue;
      tables.at(0x2000, 3) = (last + 0x1000) | page_leaf;
      check_fault(bench.go(0x2000), FaultKind::AddressSize, 1, FaultClass::Input);
    }
  }
}

TEST_CASE("IHI 0070 §5.4, AFFD: a clear access flag is a fault, or counts as set, and HA ignores it") {
  for (const bool disabled : {false, true})
    for (const bool update : {false, true}) {
      Stage1Bench bench;
      bench.use(cd(root).put(35, disabled ? 1 : 0).put(43, update ? 1 : 0));
      Tables tables(bench.memory, 12, 39, root);
      std::uint64_t& leaf = tables.at(0x1000, 3);
      leaf = page | (page_leaf & ~std::uint64_t{1U << 10});
      const Translation result = bench.go(0x1000);
      if (disabled || update)
        check_forward(result, page);
      else
        check_fault(result, FaultKind::AccessFlag, 1, FaultClass::Input);
      CHECK(leaf == (update ? page | page_leaf : page | (page_leaf & ~std::uint64_t{1U << 10})));
    }
}

TEST_CASE(
    "IHI 0070 §5.4, HA and HD: flags are set in memory, dirty state at a write alone, and HD needs HA") {
  constexpr std::uint64_t dbm = std::uint64_t{1} << 51, read_only = 1U << 7;
  for (const bool ha : {false, true})
    for (const bool hd : {false, true}) {
      INFO("HA " << ha << ", HD " << hd);
      Stage1Bench bench;
      bench.use(cd(root).put(43, ha ? 1 : 0).put(42, hd ? 1 : 0));
      Tables tables(bench.memory, 12, 39, root);
      std::uint64_t& leaf = tables.at(0x1000, 3);
      leaf = page | page_leaf | dbm | read_only;
      check_forward(bench.go(0x1000), page);
      CHECK(leaf == (page | page_leaf | dbm | read_only));
      const Translation result = bench.go(0x1000, true);  // finds the clean page in the TLB
      if (ha && hd) {
        check_forward(result, page);
        CHECK(leaf == (page | page_leaf | dbm));
        CHECK(bench.go(0x1000, true).source == Source::MicroTlb);  // and is dirty now
      } else {
        check_fault(result, FaultKind::Permission, 1, FaultClass::Input);
        CHECK(leaf == (page | page_leaf | dbm | read_only));
      }
    }
}

TEST_CASE("IHI 0070 §5.4, HA and HD: what IDR0.HTTU has not got is C_BAD_CD") {
  using smmuv3::Httu;
  for (const Httu httu : {Httu::None, Httu::AccessFlag, Httu::AccessFlagAndDirty})
    for (const bool ha : {false, true})
      for (const bool hd : {false, true}) {
        smmuv3::Config config = full();
        config.httu = httu;
        Stage1Bench bench(config);
        bench.use(cd(root).put(43, ha ? 1 : 0).put(42, hd ? 1 : 0));
        const bool bad = httu == Httu::None ? ha || hd : httu == Httu::AccessFlag && hd;
        check_fault(bench.go(0x1000), bad ? FaultKind::BadCd : FaultKind::Translation);
      }
}

TEST_CASE("IHI 0070 §5.4, ENDI: tables are read and updated in its order, where IDR0.TTENDIAN has it") {
  for (const bool big : {false, true}) {
    Stage1Bench bench;
    bench.use(cd(root).put(15, big ? 1 : 0).put(43, 1));
    Tables tables(bench.memory, 12, 39, root);
    tables.at(0x1000, 3) = page | (page_leaf & ~std::uint64_t{1U << 10});
    const std::array slots{tables.slot(0x1000, 1), tables.slot(0x1000, 2), tables.slot(0x1000, 3)};
    for (const std::uint64_t slot : slots)
      if (big) bench.memory.words[slot] = __builtin_bswap64(bench.memory.words[slot]);
    check_forward(bench.go(0x1000), page);
    const std::uint64_t updated = bench.memory.words[slots[2]];
    CHECK((big ? __builtin_bswap64(updated) : updated) == (page | page_leaf));
    for (const auto has : {smmuv3::TableEndianness::Little, smmuv3::TableEndianness::Big}) {
      smmuv3::Config config = full();
      config.endianness = has;
      Stage1Bench limited(config);
      limited.use(cd(root).put(15, big ? 1 : 0));
      const bool bad = big == (has == smmuv3::TableEndianness::Little);
      check_fault(limited.go(0x1000), bad ? FaultKind::BadCd : FaultKind::Translation);
      limited.use(cd(root).put(15, big ? 1 : 0).put(14, 1));  // no walk: IGNORED
      check_fault(limited.go(0x1000), FaultKind::Translation);
    }
  }
}

TEST_CASE("IHI 0070 §5.4, MAIR: AttrIndx 0-7 picks the byte, SH of the leaf the shareability") {
  using arch::MemoryType;
  constexpr std::array kinds{MemoryType::DeviceNGnRnE, MemoryType::DeviceNGnRE, MemoryType::DeviceNGRE,
                             MemoryType::DeviceGRE};
  for (unsigned index = 0; index < 8; ++index) {
    Stage1Bench bench;
    Structure made = cd(root);
    // Byte n is Device memory of kind n, and from 4 on Normal Write-Back.
    made.replace(223, 192, 0x0c08'0400).put(224, 0xffff'ffff);
    bench.use(made);
    Tables tables(bench.memory, 12, 39, root);
    tables.at(0x1000, 3) = page | page_leaf | index << 2;
    const Translation result = bench.go(0x1000);
    CHECK(result.attributes.memory.type == (index < 4 ? kinds[index] : MemoryType::Normal));
    CHECK(result.attributes.memory.shareability ==
          (index < 4 ? arch::Shareability::OuterShareable : arch::Shareability::InnerShareable));
  }
}

TEST_CASE("IHI 0070 §5.4, IRn, ORn and SHn: how the tables of each half are read") {
  using arch::Cacheability;
  for (const bool upper : {false, true})
    for (const std::uint64_t region : {0U, 1U, 2U, 3U}) {
      Stage1Bench bench;
      Structure made = with_upper(cd(root));
      const unsigned low = upper ? 24 : 8;
      made.replace(low + 1, low, region)
          .replace(low + 3, low + 2, region == 0 ? 1 : 0)
          .replace(low + 5, low + 4, 2);
      bench.use(made);
      Tables tables(bench.memory, 12, 39, upper ? upper_root : root);
      tables.at(0x1000, 3) = page | page_leaf;
      CHECK(passes(bench.go(upper ? 0xffff'ff80'0000'1000 : 0x1000)));
      const arch::MemoryAttributes& attributes = bench.memory.accesses.back().attributes;
      CHECK(attributes.type == arch::MemoryType::Normal);
      CHECK(attributes.inner.cacheability == (region == 0   ? Cacheability::NonCacheable
                                              : region == 2 ? Cacheability::WriteThrough
                                                            : Cacheability::WriteBack));
      CHECK(attributes.outer.cacheability ==
            (region == 0 ? Cacheability::WriteBack : Cacheability::NonCacheable));
      CHECK(attributes.shareability == arch::Shareability::OuterShareable);
    }
}

}  // namespace sidewinder::test
