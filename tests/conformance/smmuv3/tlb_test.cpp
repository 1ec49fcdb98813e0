// SPDX-License-Identifier: Apache-2.0
//
// What is served from TLBs and walk caches is what a walk would have found: addresses, faults and attributes
// of every size of entry (IHI 0070 §3.17, §3.21, §5.4.1, §16.2).

#include <vector>

#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t root = Scene::root, root2 = Scene::root2;
constexpr std::uint64_t contiguous = std::uint64_t{1} << 52;

struct Size {
  unsigned page_bits;
  std::uint64_t tg;
  unsigned level;
  unsigned bits;  ///< of what one entry covers; more than a block's or page's: a contiguous run
};
constexpr std::array sizes{Size{12, 0, 3, 12}, Size{12, 0, 3, 16}, Size{12, 0, 2, 21}, Size{12, 0, 2, 25},
                           Size{12, 0, 1, 30}, Size{12, 0, 1, 34}, Size{14, 2, 3, 14}, Size{14, 2, 3, 21},
                           Size{14, 2, 2, 25}, Size{14, 2, 2, 30}, Size{16, 1, 3, 16}, Size{16, 1, 3, 21},
                           Size{16, 1, 2, 29}, Size{16, 1, 2, 34}};

constexpr unsigned single_bits(const Size& size) {
  return size.page_bits + (3 - size.level) * (size.page_bits - 3);
}

/// Maps the whole of the entry.
void map(Tables& tables, const Size& size, std::uint64_t from, std::uint64_t to, std::uint64_t leaf) {
  const unsigned single = single_bits(size);
  for (std::uint64_t i = 0; i < std::uint64_t{1} << (size.bits - single); ++i)
    tables.at(from + (i << single), size.level) = (to + (i << single)) |
                                                  (size.level == 3 ? leaf : leaf & ~block_bit) |
                                                  (size.bits > single ? contiguous : 0);
}

/// 39 bits of input by `size`'s granule.
Structure cd_of(const Size& size) {
  return cd(root).replace(7, 6, size.tg);
}
Structure ste2_of(const Size& size) {
  // 4 KiB starts at level 1; 16 KiB at level 2 with 8 tables, which Tables does not make: 36 bits; 64 KiB
  // at 2.
  const std::uint64_t t0sz = size.page_bits == 14 ? 64 - 36 : 25;
  return stage2_ste(root2).replace(165, 160, t0sz).replace(175, 174, size.tg);
}

Transaction request(std::uint64_t address, unsigned kind) {
  Transaction transaction{.address = address, .stream_id = Scene::stream};
  transaction.attributes.write = kind % 3 == 1;
  transaction.attributes.instruction = kind % 3 == 2;
  transaction.attributes.privileged = kind >= 3;
  return transaction;
}

void check_same(const Translation& hit, const Translation& walk) {
  CHECK(hit.action == walk.action);
  CHECK(hit.recorded == walk.recorded);
  CHECK(hit.output == walk.output);
  CHECK(hit.attributes == walk.attributes);
  REQUIRE(hit.fault.has_value() == walk.fault.has_value());
  if (!hit.fault) return;
  CHECK(hit.fault->kind == walk.fault->kind);
  CHECK(hit.fault->stage == walk.fault->stage);
  CHECK(hit.fault->level == walk.fault->level);
  CHECK(hit.fault->cls == walk.fault->cls);
  CHECK(hit.fault->ipa == walk.fault->ipa);
  CHECK(hit.fault->access.address == walk.fault->access.address);
  CHECK(hit.fault->access.write == walk.fault->access.write);
  CHECK(hit.fault->access.privileged == walk.fault->access.privileged);
  CHECK(hit.fault->access.instruction == walk.fault->access.instruction);
}

}  // namespace

TEST_CASE("A TLB hit at stage 1: every page, block and run, each of its pages, and not the next") {
  for (const Size& size : sizes) {
    INFO("page bits " << size.page_bits << ", entry bits " << size.bits);
    Bench bench;
    bench.set_ste(3, stage1_ste(Scene::cd_at));
    bench.set_cd(Scene::cd_at, cd_of(size));
    Tables tables(bench.memory, size.page_bits, 39, root);
    const std::uint64_t va = std::uint64_t{3} << size.bits, pa = std::uint64_t{5} << size.bits;
    map(tables, size, va, pa, page_leaf);
    const std::uint64_t bytes = std::uint64_t{1} << size.bits;
    const Translation first = bench.read(3, va + bytes / 2 + 0x123);
    check_forward(first, pa + bytes / 2 + 0x123);
    CHECK(first.source == Source::Walk);
    CHECK(unsigned{first.same_page_shift} == size.bits);
    const std::size_t reads = bench.memory.reads.size();
    for (std::uint64_t page = 0; page < 512; ++page) {
      const std::uint64_t offset = (page * 0x9e37'79b9'7f4a'7c15 ^ page << 12) & (bytes - 1);
      const Translation hit = bench.read(3, va + offset);
      CHECK(hit.source == Source::MicroTlb);
      CHECK(hit.output == pa + offset);
    }
    CHECK(bench.read(3, va).output == pa);
    CHECK(bench.read(3, va + bytes - 1).output == pa + bytes - 1);
    CHECK(bench.memory.reads.size() == reads);
    check_fault(bench.read(3, va - 1), FaultKind::Translation);
    check_fault(bench.read(3, va + bytes), FaultKind::Translation);
  }
}

TEST_CASE("A TLB hit at stage 2 alone: every page, block and run, each of its pages, and not the next") {
  for (const Size& size : sizes) {
    INFO("page bits " << size.page_bits << ", entry bits " << size.bits);
    Bench bench;
    bench.set_ste(3, ste2_of(size));
    Tables tables(bench.memory, size.page_bits, size.page_bits == 14 ? 36 : 39, root2);
    const std::uint64_t ipa = std::uint64_t{2} << size.bits, pa = std::uint64_t{5} << size.bits;
    map(tables, size, ipa, pa, stage2_leaf);
    const std::uint64_t bytes = std::uint64_t{1} << size.bits;
    CHECK(unsigned{bench.read(3, ipa + bytes / 2).same_page_shift} == size.bits);
    const std::size_t reads = bench.memory.reads.size();
    for (std::uint64_t page = 0; page < 512; ++page) {
      const std::uint64_t offset = (page * 0x9e37'79b9'7f4a'7c15 ^ page << 12) & (bytes - 1);
      const Translation hit = bench.read(3, ipa + offset);
      CHECK(hit.source == Source::MicroTlb);
      CHECK(hit.output == pa + offset);
    }
    CHECK(bench.memory.reads.size() == reads);
    check_fault(bench.read(3, ipa - 1), FaultKind::Translation);
    check_fault(bench.read(3, ipa + bytes), FaultKind::Translation);
  }
}

TEST_CASE("A TLB hit of both stages is of the smaller page, whichever stage has it") {
  for (const Size& first : sizes)
    for (const Size& second : {sizes[0], sizes[1], sizes[2], sizes[4]}) {
      if (first.bits > 30) continue;
      INFO("stage 1 " << first.page_bits << "/" << first.bits << ", stage 2 " << second.bits);
      Bench bench;
      bench.set_ste(3, nested_ste(Scene::cd_at, root2));
      bench.set_cd(Scene::cd_at, cd_of(first));
      Tables tables(bench.memory, first.page_bits, 39, root), tables2(bench.memory, 12, 39, root2);
      const std::uint64_t va = std::uint64_t{3} << 31, ipa = std::uint64_t{9} << 31;
      const std::uint64_t pa = std::uint64_t{5} << 31;
      map(tables, first, va, ipa, page_leaf);
      // CD and tables in a block of 1 GiB onto itself; the output by stage 2's own size.
      tables2.at(0, 1) = stage2_leaf & ~block_bit;
      const std::uint64_t step = std::uint64_t{1} << second.bits;
      const unsigned bits = std::min(first.bits, second.bits);
      for (std::uint64_t at = 0; at < 2 * step; at += step)
        map(tables2, second, ipa + at, pa + at, stage2_leaf);
      const std::uint64_t bytes = std::uint64_t{1} << bits;
      const Translation walked = bench.read(3, va + 0x18);
      check_forward(walked, pa + 0x18);
      CHECK(unsigned{walked.same_page_shift} == bits);
      const Translation last = bench.read(3, va + bytes - 4);
      check_forward(last, pa + bytes - 4);
      CHECK(last.source == Source::MicroTlb);
      if (first.bits > bits) {  // the rest of stage 1's is another entry
        const Translation next = bench.read(3, va + bytes);
        check_forward(next, pa + bytes);
        CHECK(next.source == Source::Walk);
      }
    }
}

TEST_CASE(
    "IHI 0070 §7.3.16: a hit gives what a walk gives, of every access to every permission, either stage") {
  for (const Through through : {Through::Stage1, Through::Stage2, Through::Both})
    for (std::uint64_t first = 0; first < (through == Through::Stage2 ? 1 : 16); ++first)
      for (std::uint64_t second = 0; second < (through == Through::Stage1 ? 1 : 16); ++second)
        for (unsigned primed_by = 0; primed_by < 6; ++primed_by) {
          Scene fresh(through, uncached()), warm(through);
          for (Scene* scene : {&fresh, &warm}) {
            // AP[2:1] and XN, PXN; S2AP and XN.
            if (through != Through::Stage2)
              scene->leaf() = (scene->leaf() & ~std::uint64_t{0xc0}) | (first & 3) << 6 | first >> 2 << 53;
            if (through != Through::Stage1)
              scene->leaf2() =
                  Scene::pa | (stage2_leaf & ~std::uint64_t{0xc0}) | (second & 3) << 6 | second >> 2 << 53;
          }
          warm.bench.smmu.invalidate_all();
          if (warm.bench.send(request(warm.input(), primed_by)).action != Action::Forward) continue;
          for (unsigned kind = 0; kind < 6; ++kind) {
            INFO("stages " << unsigned(through) << ": " << first << ", " << second << ", " << kind);
            const Translation hit = warm.bench.send(request(warm.input() + 0x40, kind));
            CHECK(hit.source == Source::MicroTlb);
            check_same(hit, fresh.bench.send(request(fresh.input() + 0x40, kind)));
          }
        }
}

TEST_CASE("IHI 0070 §5.5: a permission fault on a hit stalls, is silent or RAZ/WI as one of a walk") {
  for (unsigned ars = 0; ars < 8; ++ars) {
    Scene scene(Through::Stage1);
    scene.cd.replace(46, 46, ars >> 2 & 1).replace(45, 45, ars >> 1 & 1).replace(44, 44, ars & 1);
    scene.leaf() |= 1U << 7;
    scene.apply();
    const Translation walked = scene.write();
    CHECK(walked.source == Source::Walk);
    check_forward(scene.read(), Scene::pa);
    const Translation hit = scene.write();
    CHECK(hit.source == Source::MicroTlb);
    check_same(hit, walked);
  }
}

TEST_CASE("DDI 0487 D8.14: what faults on translation, address size or access flag is not kept") {
  for (const Through through : {Through::Stage1, Through::Stage2})
    for (const FaultKind kind : {FaultKind::Translation, FaultKind::AddressSize, FaultKind::AccessFlag}) {
      Scene scene(through);
      std::uint64_t& leaf = through == Through::Stage1 ? scene.leaf() : scene.leaf2();
      const std::uint64_t good = leaf;
      spoil(leaf, kind);
      check_fault(scene.read(), kind);
      check_fault(scene.read(), kind);
      leaf = good;
      check_forward(scene.read(), Scene::pa);
    }
}

TEST_CASE("IHI 0070 §16.2: a TBU's micro-TLB, then the main TLB that all share, then a walk") {
  Bench bench(full(), 2);
  bench.set_ste(3, stage1_ste(Scene::cd_at));
  bench.set_cd(Scene::cd_at, cd(root));
  Tables(bench.memory, 12, 39, root).at(0x1000, 3) = 0x8000 | page_leaf;
  const Transaction transaction{.address = 0x1004, .stream_id = 3};
  const auto from = [&](unsigned tbu) {
    const Translation result = bench.smmu.translate(tbu, transaction);
    CHECK(result.output == 0x8004);
    CHECK(result.accesses.empty() == (result.source != Source::Walk));
    return result.source;
  };
  CHECK(from(0) == Source::Walk);
  CHECK(from(0) == Source::MicroTlb);
  CHECK(from(1) == Source::MainTlb);
  CHECK(from(1) == Source::MicroTlb);
  CHECK(from(0) == Source::MicroTlb);
  CHECK(bench.smmu.statistics().walks == 1);
  CHECK(bench.smmu.statistics().tlb_hits == 1);
  CHECK(bench.smmu.statistics().micro_tlb_hits == 3);
}

TEST_CASE("IHI 0070 §16.2: a walk begins at the deepest table that is known") {
  Bench bench;
  bench.set_ste(3, stage1_ste(Scene::cd_at));
  bench.set_cd(Scene::cd_at, cd(root));
  Tables tables(bench.memory, 12, 39, root);
  struct Step {
    std::uint64_t va;
    std::size_t accesses;  ///< descriptors, and with the first STE and CD
  };
  for (const Step& step : {Step{0x1000, 5}, Step{0x2000, 1}, Step{0x20'1000, 2}, Step{0x4000'1000, 3},
                           Step{0x4000'2000, 1}, Step{0x3000, 1}}) {
    INFO("VA " << std::hex << step.va);
    tables.at(step.va, 3) = 0x8000 | page_leaf;
    const Translation result = bench.read(3, step.va);
    check_forward(result, 0x8000);
    CHECK(result.accesses.size() == step.accesses);
  }
}

TEST_CASE("IHI 0070 §16.2: accesses of a nested walk, cold, without caches, and warm") {
  Scene cold(Through::Both, uncached());
  // STE; CD behind three of stage 2; each of three tables behind three; the output's three.
  const auto accesses = cold.read().accesses;
  REQUIRE(accesses.size() == 1 + 4 + 3 * 4 + 3);
  CHECK(accesses[0].purpose == arch::AccessPurpose::StreamTable);
  CHECK(accesses[1].purpose == arch::AccessPurpose::Stage2Table);
  CHECK(accesses[4].purpose == arch::AccessPurpose::ContextTable);
  CHECK(accesses[8].purpose == arch::AccessPurpose::Stage1Table);
  CHECK(int{accesses[8].level} == 1);
  CHECK(accesses[16].purpose == arch::AccessPurpose::Stage1Table);
  CHECK(int{accesses[16].level} == 3);
  CHECK(accesses[19].purpose == arch::AccessPurpose::Stage2Table);
  CHECK(int{accesses[19].level} == 3);

  Scene warm(Through::Both);
  check_forward(warm.read(), Scene::pa);
  CHECK(warm.read().accesses.empty());
  // The next page: its descriptor, whose table's IPA is known, and the last of stage 2.
  warm.stage1.at(Scene::va + 0x1000, 3) = (Scene::ipa + 0x1000) | page_leaf;
  warm.stage2.at(Scene::ipa + 0x1000, 3) = (Scene::pa + 0x1000) | stage2_leaf;
  const Translation next = warm.read(0x1000);
  check_forward(next, Scene::pa + 0x1000);
  CHECK(next.accesses.size() == 2);
}

TEST_CASE("Without caches every transaction walks, and ends where it ends with them") {
  for (const Through through : {Through::Stage1, Through::Stage2, Through::Both}) {
    Scene scene(through, uncached());
    for (unsigned round = 0; round < 3; ++round) {
      const Translation result = scene.read(round);
      check_forward(result, Scene::pa + round);
      CHECK(result.source == Source::Walk);
    }
    CHECK(scene.bench.smmu.statistics().walks == 3);
    CHECK(scene.bench.smmu.statistics().stream_fetches == 3);
  }
}

TEST_CASE("The least recently used entry makes room, and what was lost is found again") {
  smmuv3::Config config = full();
  config.caches.micro_tlb = {2, 2};
  config.caches.tlb = {4, 4};
  Bench bench(config);
  bench.set_ste(3, stage1_ste(Scene::cd_at));
  bench.set_cd(Scene::cd_at, cd(root));
  Tables tables(bench.memory, 12, 39, root);
  const auto source = [&](std::uint64_t page) {
    const Translation result = bench.read(3, page << 12);
    CHECK(result.output == 0x7000'0000 + (page << 12));
    return result.source;
  };
  for (std::uint64_t page = 0; page < 6; ++page)
    tables.at(page << 12, 3) = (0x7000'0000 + (page << 12)) | page_leaf;
  for (std::uint64_t page = 0; page < 4; ++page) CHECK(source(page) == Source::Walk);
  CHECK(source(3) == Source::MicroTlb);
  CHECK(source(0) == Source::MainTlb);
  CHECK(source(4) == Source::Walk);  // in place of 1
  CHECK(source(0) == Source::MicroTlb);
  CHECK(source(1) == Source::Walk);
}

TEST_CASE("IHI 0070 §5.4: 64 bits of VA are told apart") {
  // Alike in 32 and in 48 bits, and each with a fault or a page of its own.
  Scene scene(Through::Stage1);
  check_forward(scene.read(), Scene::pa);
  check_fault(scene.bench.read(3, Scene::va | 0xffULL << 40), FaultKind::Translation);
  check_fault(scene.bench.read(3, Scene::va | 1ULL << 63), FaultKind::Translation);
  scene.stage1.at(Scene::va & 0xffff'ffff, 3) = 0x6'0000'0000 | page_leaf;
  check_forward(scene.bench.read(3, Scene::va & 0xffff'ffff), 0x6'0000'0000);
  check_forward(scene.read(), Scene::pa);
}

}  // namespace sidewinder::test
