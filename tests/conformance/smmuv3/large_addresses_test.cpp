// SPDX-License-Identifier: Apache-2.0
//
// Addresses of 52 bits (IHI 0070 §3.4, §5.2, §5.4): with the 64 KiB granule, and with CD.DS and STE.S2DS
// those of 4 and 16 KiB; and what becomes of their fields without IDR5.{OAS,VAX,DS}.

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

/// Without SH, in whose place LPA2 has bits of the address.
constexpr std::uint64_t leaf1 = page_leaf & ~std::uint64_t{3U << 8};
constexpr std::uint64_t leaf2 = stage2_leaf & ~std::uint64_t{3U << 8};
constexpr std::uint64_t root = Scene::root;
constexpr std::uint64_t page = 0xd'a765'4321'0000;  ///< of 52 bits

constexpr std::uint64_t below(unsigned bits) {
  return (std::uint64_t{1} << bits) - 1;
}

smmuv3::Config large() {
  smmuv3::Config config = full();
  config.output_bits = 52;
  config.vax = config.ds = true;
  return config;
}

/// An address of 52 bits in a descriptor: 64 KiB has bits 51:48 in 15:12, LPA2 51:50 in 9:8.
std::uint64_t in_descriptor(std::uint64_t address, unsigned page_bits) {
  if (page_bits == 16) return (address & below(48)) | address >> 48 << 12;
  return (address & below(50)) | address >> 50 << 8;
}

/// Tables at addresses of 52 bits.
struct LargeTables {
  std::map<std::uint64_t, std::uint64_t>& words;
  unsigned page_bits;
  int start;
  std::uint64_t next = 0xb'5000'0000'0000;

  std::uint64_t& at(std::uint64_t address, int last) {
    const unsigned stride = page_bits - 3;
    std::uint64_t table = root;
    for (int level = start;; ++level) {
      std::uint64_t index = address >> (page_bits + static_cast<unsigned>(3 - level) * stride);
      if (level != start) index &= below(stride);
      std::uint64_t& entry = words[table + 8 * index];
      if (level == last) return entry;
      next += std::uint64_t{1} << page_bits;
      entry = in_descriptor(next, page_bits) | 3;
      table = next;
    }
  }
};

struct Granule {
  unsigned page_bits;
  std::uint64_t tg0, tg1;
  int start;                 ///< level of a table of 52 bits
  int block;                 ///< level of the largest block
  std::uint64_t sl0, sl0_2;  ///< of stage 2 that starts there
};
constexpr std::array granules{Granule{12, 0, 2, -1, 0, 0, 1}, Granule{14, 2, 1, 0, 1, 3, 0},
                              Granule{16, 1, 3, 1, 1, 2, 0}};

Structure large_cd(const Granule& granule, std::uint64_t tsz = 12) {
  return cd(root).replace(5, 0, tsz).replace(7, 6, granule.tg0).replace(34, 32, 6).put(186, 1);
}

Structure large_ste(const Granule& granule, std::uint64_t tsz = 12) {
  Structure made = stage2_ste(root).replace(165, 160, tsz).replace(167, 166, granule.sl0);
  return made.replace(175, 174, granule.tg0).replace(178, 176, 6).put(194, granule.sl0_2).put(195, 1);
}

void use(Bench& bench, const Structure& made) {
  bench.set_ste(3, stage1_ste(Scene::cd_at));
  bench.set_cd(Scene::cd_at, made);
  bench.smmu.invalidate_all();
}

}  // namespace

TEST_CASE("IHI 0070 §3.4: 52 bits of VA, of tables and of output, with every granule") {
  for (const Granule& granule : granules)
    for (const std::uint64_t va :
         {std::uint64_t{0}, std::uint64_t{0x8'1234'5677'0000}, below(52) & ~below(16)}) {
      INFO("page bits " << granule.page_bits << ", VA " << std::hex << va);
      Bench bench(large());
      use(bench, large_cd(granule));
      LargeTables tables{bench.memory.words, granule.page_bits, granule.start};
      tables.at(va, 3) = in_descriptor(page, granule.page_bits) | leaf1;
      check_forward(bench.read(3, va + 0x123), page + 0x123);
      check_forward(bench.read(3, va + 0x456), page + 0x456);
      check_fault(bench.read(3, va | std::uint64_t{1} << 52), FaultKind::Translation, 1, FaultClass::Input);
    }
}

TEST_CASE("IHI 0070 §3.4: 52 bits of VA in the upper half") {
  for (const Granule& granule : granules) {
    Bench bench(large());
    Structure made = large_cd(granule).replace(30, 30, 0).put(16, 12).put(22, granule.tg1);
    made.words[2] |= root;
    use(bench, made.put(14, 1));  // TTB0 is off
    LargeTables tables{bench.memory.words, granule.page_bits, granule.start};
    tables.at(below(52) & ~below(16), 3) = in_descriptor(page, granule.page_bits) | leaf1;
    check_forward(bench.read(3, ~std::uint64_t{0xfff0}), page + 0xf);
  }
}

TEST_CASE("IHI 0070 §5.2, S2DS and S2SL0_2: 52 bits of IPA, of tables and of output, with every granule") {
  for (const Granule& granule : granules)
    for (const std::uint64_t ipa :
         {std::uint64_t{0}, std::uint64_t{0x8'1234'5677'0000}, below(52) & ~below(16)}) {
      INFO("page bits " << granule.page_bits << ", IPA " << std::hex << ipa);
      Bench bench(large());
      bench.set_ste(3, large_ste(granule));
      LargeTables tables{bench.memory.words, granule.page_bits, granule.start};
      tables.at(ipa, 3) = in_descriptor(page, granule.page_bits) | leaf2;
      check_forward(bench.read(3, ipa + 0x123), page + 0x123);
      check_fault(bench.read(3, ipa | std::uint64_t{1} << 52), FaultKind::AddressSize, 1, FaultClass::Input);
    }
}

TEST_CASE("DDI 0487 D8.3: the largest blocks are there with 52-bit addresses alone") {
  for (const bool with : {false, true})
    for (const Granule& granule : granules)
      for (const bool stage2 : {false, true}) {
        INFO("page bits " << granule.page_bits << ", with " << with << ", stage 2 " << stage2);
        const unsigned size =
            granule.page_bits + static_cast<unsigned>(3 - granule.block) * (granule.page_bits - 3);
        smmuv3::Config config = large();
        if (!with) config.output_bits = 48;
        config.ds = with;
        if (!with) config.vax = false;
        Bench bench(config);
        if (!stage2) use(bench, large_cd(granule, with ? 12 : 16));
        if (stage2)
          bench.set_ste(3, with ? large_ste(granule)
                                : large_ste(granule, 16).replace(194, 194, 0).replace(167, 166, 2));
        // With 48 bits stage 2 of 16 KiB starts at level 1, with concatenated tables.
        const bool level0 = granule.page_bits == 12 || (granule.page_bits == 14 && !stage2);
        const int start = with ? granule.start : level0 ? 0 : 1;
        LargeTables tables{bench.memory.words, granule.page_bits, start, 0x5000'0000};
        const std::uint64_t va = std::uint64_t{1} << size;
        const std::uint64_t block = std::uint64_t{3} << size & below(48);
        tables.at(va, granule.block) = block | ((stage2 ? leaf2 : leaf1) & ~block_bit);
        const Translation result = bench.read(3, va + 0x7654'3210);
        if (with) {
          check_forward(result, block + 0x7654'3210);
          CHECK(unsigned{result.same_page_shift} == size);
        } else {
          check_fault(result, FaultKind::Translation, stage2 ? 2 : 1, FaultClass::Input);
        }
      }
}

TEST_CASE(
    "IHI 0070 §5.4, §5.2: T0SZ and S2T0SZ below 16 need the granule, DS, IDR5.VAX and OAS to have them") {
  for (const Granule& granule : granules)
    for (const bool ds : {false, true})
      for (const bool has_ds : {false, true})
        for (const bool vax : {false, true}) {
          INFO("page bits " << granule.page_bits << ", DS " << ds << " of " << has_ds << ", VAX " << vax);
          smmuv3::Config config = large();
          config.ds = has_ds;
          config.vax = vax;
          const bool allowed = granule.page_bits == 16 || (ds && has_ds);
          Bench bench(config);
          use(bench, large_cd(granule).replace(186, 186, ds ? 1 : 0));
          check_fault(bench.read(3, 0), allowed && vax ? FaultKind::Translation : FaultKind::BadCd);
          Bench stage2(config);
          stage2.set_ste(3, large_ste(granule).replace(195, 195, ds ? 1 : 0));
          check_fault(stage2.read(3, 0), allowed ? FaultKind::Translation : FaultKind::BadSte);
        }
  for (const Granule& granule : granules) {
    smmuv3::Config config = large();
    config.output_bits = 48;
    config.ds = false;
    Bench stage2(config);  // 64 - IAS
    stage2.set_ste(3, large_ste(granule));
    check_fault(stage2.read(3, 0), FaultKind::BadSte);
  }
}

TEST_CASE("IHI 0070 §5.4: without CD.DS, or IDR5.DS, bits 9:8 and 49:48 of a descriptor are no address") {
  for (const bool has_ds : {false, true}) {
    smmuv3::Config config = large();
    config.ds = has_ds;
    Bench bench(config);
    use(bench, cd(root).replace(5, 0, 16).replace(34, 32, 6).put(186, has_ds ? 0 : 1));
    LargeTables tables{bench.memory.words, 12, 0, 0x5000'0000};
    tables.at(0x1000, 3) = 0x6543'2000 | leaf1 | 3U << 8 | std::uint64_t{3} << 48;
    const Translation result = bench.read(3, 0x1000);
    check_forward(result, 0x6543'2000);
    CHECK(result.attributes.memory.shareability == arch::Shareability::InnerShareable);
  }
  // And of 64 KiB: bits 15:12, with an OAS of 48 bits.
  smmuv3::Config config = large();
  config.output_bits = 48;
  config.ds = config.vax = false;
  Bench bench(config);
  use(bench, large_cd(granules[2], 16));
  LargeTables tables{bench.memory.words, 16, 1, 0x5000'0000};
  tables.at(0x1'0000, 3) = 0x6543'0000 | page_leaf | 0xf000;
  check_forward(bench.read(3, 0x1'0000), 0x6543'0000);
}

TEST_CASE(
    "IHI 0070 §5.4, §5.2: with DS shareability is CD.SHx's or STE.S2SH0's, while a 64 KiB granule keeps its "
    "own") {
  for (const Granule& granule : granules) {
    Bench bench(large());
    use(bench, large_cd(granule).replace(13, 12, 2));
    LargeTables tables{bench.memory.words, granule.page_bits, granule.start};
    // 64 KiB: Inner Shareable by the leaf.
    tables.at(0, 3) =
        in_descriptor(page, granule.page_bits) | leaf1 | (granule.page_bits == 16 ? 3U << 8 : 0U);
    CHECK(
        bench.read(3, 0).attributes.memory.shareability ==
        (granule.page_bits == 16 ? arch::Shareability::InnerShareable : arch::Shareability::OuterShareable));
    Bench second(large());
    second.set_ste(3, large_ste(granule).replace(173, 172, granule.page_bits == 16 ? 2 : 3));
    LargeTables tables2{second.memory.words, granule.page_bits, granule.start};
    tables2.at(0, 3) = in_descriptor(page, granule.page_bits) | leaf2;
    CHECK(second.read(3, 0).attributes.memory.shareability ==
          (granule.page_bits == 16 ? arch::Shareability::NonShareable : arch::Shareability::InnerShareable));
  }
}

TEST_CASE(
    "IHI 0070 §5.4, IPS: 48 bits are checked where a descriptor can hold 52, and 52 may be all of them") {
  for (const Granule& granule : granules) {
    Bench bench(large());
    use(bench, large_cd(granule).replace(34, 32, 5));
    LargeTables tables{bench.memory.words, granule.page_bits, granule.start, 0x5000'0000};
    tables.at(0, 3) = in_descriptor(std::uint64_t{1} << 48, granule.page_bits) | leaf1;
    check_fault(bench.read(3, 0), FaultKind::AddressSize, 1, FaultClass::Input);
    tables.at(0, granule.start) = in_descriptor(std::uint64_t{1} << 51, granule.page_bits) | 3;
    bench.smmu.invalidate_all();
    check_fault(bench.read(3, 0), FaultKind::AddressSize, 1, FaultClass::Input);

    Bench second(large());
    second.set_ste(3, large_ste(granule).replace(178, 176, 5));
    LargeTables tables2{second.memory.words, granule.page_bits, granule.start, 0x5000'0000};
    tables2.at(0, 3) = in_descriptor(std::uint64_t{1} << 48, granule.page_bits) | leaf2;
    check_fault(second.read(3, 0), FaultKind::AddressSize, 2, FaultClass::Input);
  }
}

TEST_CASE("IHI 0070 §5.4, TTB0: beyond 48 bits for 4 and 16 KiB without DS is C_BAD_CD, and so for S2TTB") {
  for (const Granule& granule : granules)
    for (const bool ds : {false, true}) {
      const bool bad = granule.page_bits != 16 && !ds;
      Bench bench(large());
      use(bench, large_cd(granule, 16).replace(186, 186, ds ? 1 : 0).put(64 + 50, 1));
      check_fault(bench.read(3, 0), bad ? FaultKind::BadCd : FaultKind::Translation);
      Bench second(large());
      Structure ste = stage2_ste(std::uint64_t{1} << 50).replace(165, 160, 25).replace(175, 174, granule.tg0);
      ste.replace(178, 176, 6).put(195, ds ? 1 : 0).replace(167, 166, 1);
      second.set_ste(3, ste);
      check_fault(second.read(3, 0), bad ? FaultKind::BadSte : FaultKind::Translation);
    }
}

TEST_CASE("IHI 0070 §5.4, TTB0: a small first table is aligned to 64 bytes where the output has 52 bits") {
  for (const bool wide : {false, true}) {
    Bench bench(large());
    // 31 bits of VA: two entries at level 1, 16 bytes.
    use(bench, cd(root + 0x30).replace(5, 0, 33).replace(34, 32, wide ? 6 : 5));
    const std::uint64_t first = wide ? root : root + 0x30;
    bench.memory.words[first] = 0x6000'0000 | (page_leaf & ~block_bit);
    bench.memory.words[first ^ 0x30] = 0x8000'0000 | (page_leaf & ~block_bit);
    check_forward(bench.read(3, 0x1234), 0x4000'1234);
  }
}

}  // namespace sidewinder::test
