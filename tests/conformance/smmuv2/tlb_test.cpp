// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

// Banks 0 and 1 have VMID 7 and ASIDs 0x101 and 0x102, bank 2 has VMID 9 and ASID 0x101. All use the same
// tables: two pages (P, Q) and a 2 MiB block (B) of their ASID, a global page (G), a page of the upper half
// (U).
constexpr std::uint64_t page_p = 0x1000, page_q = 0x2000, page_g = 0x3000, block_b = 0x20'0000;
constexpr std::uint64_t page_u = 0x1'ff80'0000'0000;

struct Entry {
  std::string name;
  unsigned bank;
  std::uint64_t address;
};
const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {"0P", 0, page_p}, {"0Q", 0, page_q},  {"0B", 0, block_b}, {"0G", 0, page_g}, {"0U", 0, page_u},
      {"1P", 1, page_p}, {"1B", 1, block_b}, {"2P", 2, page_p},  {"2G", 2, page_g}, {"2B", 2, block_b}};
  return all;
}

class WarmBench : public Bench {
 public:
  WarmBench() {
    enable();
    memory.words[0x10000] = 0x11003;
    memory.words[0x11000] = 0x12003;
    memory.words[0x12008] = 0x8000'1f43;
    memory.words[0x12010] = 0x8000'2f43;
    memory.words[0x12018] = 0x8000'3743;
    memory.words[0x11008] = 0x9000'0f41;
    memory.words[0x20000] = 0x21003;
    memory.words[0x21000] = 0x22003;
    memory.words[0x22000] = 0x8000'4f43;
    for (unsigned bank = 0; bank < 3; ++bank) {
      attach(bank, bank, bank == 2 ? 9 : 7);
      const std::uint64_t asid = bank == 1 ? 0x102 : 0x101;
      regime(bank, 0x8019'0019, 0x0003'8015, asid << 48 | 0x10000, 0x20000);
    }
    for (const Entry& entry : entries()) use(entry);
  }

  smmuv2::Translation use(const Entry& entry, unsigned tbu = 0) {
    return access(entry.address, false, false, false, entry.bank, tbu);
  }

  /// The entries that are gone, found by using each once.
  std::set<std::string> missing() {
    std::set<std::string> names;
    for (const Entry& entry : entries())
      if (use(entry).source == Source::Walk) names.insert(entry.name);
    return names;
  }
};

using Names = std::set<std::string>;

/// TLBIVA's operand.
constexpr std::uint64_t operand(std::uint64_t asid, std::uint64_t address) {
  return asid << 48 | (address >> 12 & 0xfff'ffff'ffff);
}
constexpr std::uint64_t extended_u = 0xffff'ff80'0000'0000;

}  // namespace

TEST_CASE("IHI 0062 §2.5: a translation is cached, by VMID and ASID unless global") {
  WarmBench bench;
  CHECK(bench.missing().empty());
  CHECK(bench.smmu.tlb_occupancy() == entries().size());
  // Bank 1 uses bank 0's global page, not bank 2's.
  CHECK(bench.use({"1G", 1, page_g}).source != Source::Walk);
  CHECK(bench.use({"1Q", 1, page_q}).source == Source::Walk);
}

TEST_CASE("IHI 0062 §16.5.32, §16.5.35: TLBIVA and TLBIVAL remove the VA of the ASID, and the global one") {
  for (const std::uint64_t reg : {0x600U, 0x620U}) {
    const auto after = [&](std::uint64_t value) {
      WarmBench bench;
      bench.w64(Bench::cb(0, reg), value);
      return bench.missing();
    };
    CHECK(after(operand(0x101, page_p)) == Names{"0P"});
    CHECK(after(operand(0x102, page_p)) == Names{"1P"});  // the operand's ASID, not the bank's
    CHECK(after(operand(0x103, page_p)).empty());
    CHECK(after(operand(0x001, page_p)).empty());
    CHECK(after(operand(0x101, page_g)) == Names{"0G"});
    CHECK(after(operand(0x103, page_g)) == Names{"0G"});
    CHECK(after(operand(0x101, block_b)) == Names{"0B"});
    CHECK(after(operand(0x101, block_b + 0x1f'f000)) == Names{"0B"});  // any page of the block
    CHECK(after(operand(0x101, block_b + 0x20'0000)).empty());
    CHECK(after(operand(0x101, block_b - 0x1000)).empty());
    CHECK(after(operand(0x101, extended_u)) == Names{"0U"});                 // bit 55 is copied up
    CHECK(after(operand(0x101, page_u)).empty());                            // SEP does not apply
    CHECK(after(operand(0x101, page_p) | 0xf000'0000'0000) == Names{"0P"});  // reserved bits 47:44
  }
}

TEST_CASE("IHI 0062 §16.5.33, §16.5.34: TLBIVAA and TLBIVAAL remove the VA of every ASID of the VMID") {
  for (const std::uint64_t reg : {0x608U, 0x628U}) {
    const auto after = [&](std::uint64_t value, unsigned bank = 0) {
      WarmBench bench;
      bench.w64(Bench::cb(bank, reg), value);
      return bench.missing();
    };
    CHECK(after(operand(0, page_p)) == Names{"0P", "1P"});
    CHECK(after(operand(0xffff, page_p)) == Names{"0P", "1P"});
    CHECK(after(operand(0, page_p), 1) == Names{"0P", "1P"});
    CHECK(after(operand(0, page_p), 2) == Names{"2P"});
    CHECK(after(operand(0, page_g)) == Names{"0G"});
    CHECK(after(operand(0, block_b + 0x1000)) == Names{"0B", "1B"});
    CHECK(after(operand(0, extended_u)) == Names{"0U"});
    CHECK(after(operand(0, 0x7000)).empty());
  }
}

TEST_CASE("IHI 0062 §16.5.31: TLBIASID removes the ASID's entries of the VMID, never global ones") {
  const auto after = [](std::uint32_t asid, unsigned bank) {
    WarmBench bench;
    bench.w32(Bench::cb(bank, 0x610), asid);
    return bench.missing();
  };
  CHECK(after(0x101, 0) == Names{"0P", "0Q", "0B", "0U"});
  CHECK(after(0x101, 1) == Names{"0P", "0Q", "0B", "0U"});
  CHECK(after(0x102, 0) == Names{"1P", "1B"});
  CHECK(after(0x101, 2) == Names{"2P", "2B"});
  CHECK(after(0x001, 0).empty());
}

TEST_CASE("IHI 0062 §16.5.30: TLBIALL removes the VMID's entries, global ones too") {
  const auto after = [](unsigned bank) {
    WarmBench bench;
    bench.w32(Bench::cb(bank, 0x618), 0);
    return bench.missing();
  };
  CHECK(after(0) == Names{"0P", "0Q", "0B", "0G", "0U", "1P", "1B"});
  CHECK(after(1) == Names{"0P", "0Q", "0B", "0G", "0U", "1P", "1B"});
  CHECK(after(2) == Names{"2P", "2B", "2G"});
  CHECK(after(3).empty());  // VMID 0
}

TEST_CASE("IHI 0062 §5.4: global operations remove a VMID's entries, or all") {
  const auto after = [](std::uint64_t reg, std::uint32_t value) {
    WarmBench bench;
    bench.w32(reg, value);
    return bench.missing();
  };
  for (const std::uint64_t reg : {0x064U, 0x0b8U}) {  // TLBIVMID, TLBIVMIDS1
    CHECK(after(reg, 7) == Names{"0P", "0Q", "0B", "0G", "0U", "1P", "1B"});
    CHECK(after(reg, 9) == Names{"2P", "2B", "2G"});
    CHECK(after(reg, 0xff00 | 9) == Names{"2P", "2B", "2G"});  // 8-bit VMIDs
    CHECK(after(reg, 8).empty());
  }
  CHECK(after(0x068, 0).size() == entries().size());  // TLBIALLNSNH
  CHECK(after(0x06c, 0).empty());                     // TLBIALLH: no hypervisor entries
  CHECK(after(0x060, 0).empty());                     // STLBIALL: no Secure entries
  CHECK(after(0x070, 0).empty());                     // sTLBGSYNC
}

TEST_CASE("IHI 0062 §16.5.32: 32-bit writes to the operations by VA: zero-extended, the upper word ignored") {
  for (const std::uint64_t reg : {0x600U, 0x608U, 0x620U, 0x628U}) {
    INFO("register 0x" << std::hex << reg);
    const bool all_asids = (reg & 8) != 0;
    WarmBench bench;
    bench.w32(Bench::cb(0, reg), static_cast<std::uint32_t>(operand(0, page_p)));
    CHECK(bench.missing() == (all_asids ? Names{"0P", "1P"} : Names{}));  // ASID 0
    bench.w32(Bench::cb(0, reg), static_cast<std::uint32_t>(operand(0, page_g)));
    CHECK(bench.missing() == Names{"0G"});
    bench.smmu.write(Bench::cb(0, reg), operand(0x101, page_q), 4);  // more bits than the access has
    CHECK(bench.missing() == (all_asids ? Names{"0Q"} : Names{}));
    bench.w32(Bench::cb(0, reg + 4), 0x0101'0000);
    CHECK(bench.missing().empty());
    CHECK(bench.r64(Bench::cb(0, reg)) == 0);  // reads are SBZ
  }
}

TEST_CASE("IHI 0062 §5.4: an invalidation reaches every TBU's micro-TLB") {
  smmuv2::Config config = wide();
  config.tbus = 3;
  Bench bench(config);
  bench.usual();
  bench.memory.words[0x12000] = 0x8000'0743;
  for (unsigned tbu = 0; tbu < 3; ++tbu) bench.access(0, false, false, false, 0x42, tbu);
  bench.memory.words[0x12000] = 0x9000'0743;
  for (unsigned tbu = 0; tbu < 3; ++tbu)
    CHECK(bench.access(0, false, false, false, 0x42, tbu).output == 0x8000'0000);  // stale, as it may be
  bench.w64(Bench::cb(3, 0x600), 0);
  for (unsigned tbu = 0; tbu < 3; ++tbu)
    CHECK(bench.access(0, false, false, false, 0x42, tbu).output == 0x9000'0000);
}

TEST_CASE("IHI 0062 §16.5.38, §16.5.39: TCR.A1 selects the ASID, TCR2.AS its width") {
  Bench bench;
  bench.usual();
  bench.memory.words[0x12000] = 0x8000'0f43;
  const std::uint64_t ttbr0 = 0x1234'0000'0001'0000, ttbr1 = 0x5678'0000'0000'0000;
  struct Case {
    std::uint32_t a1, as;
    std::uint64_t asid;
  };
  for (const Case& c :
       {Case{0, 0x10, 0x1234}, Case{1U << 22, 0x10, 0x5678}, Case{0, 0, 0x34}, Case{1U << 22, 0, 0x78}}) {
    bench.invalidate_all();
    bench.regime(3, 0x0080'0019 | c.a1, 0x0003'8005 | c.as, ttbr0, ttbr1);
    bench.access(0);
    for (const std::uint64_t other : {0x1234U, 0x5678U, 0x34U, 0x78U, 0U}) {
      if (other == c.asid) continue;
      bench.w64(Bench::cb(3, 0x600), operand(other, 0));
      CHECK(bench.access(0).source == Source::MicroTlb);
    }
    bench.w64(Bench::cb(3, 0x600), operand(c.asid, 0));
    CHECK(bench.access(0).source == Source::Walk);
  }
}

TEST_CASE("IHI 0062 §5.4.1: what faults on translation or access flag is not cached") {
  Bench bench;
  bench.usual();
  bench.access(0);
  bench.clear();
  bench.memory.words[0x12000] = 0x8000'0343;
  bench.access(0);
  bench.clear();
  CHECK(bench.smmu.tlb_occupancy() == 0);
  bench.memory.words[0x12000] = 0x8000'0743;
  CHECK(bench.access(0).output == 0x8000'0000);
  CHECK(bench.smmu.tlb_occupancy() == 1);
}

}  // namespace sidewinder::test
