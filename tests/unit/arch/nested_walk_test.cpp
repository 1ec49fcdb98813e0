// SPDX-License-Identifier: Apache-2.0
//
// Stage 1 behind stage 2: the accesses to stage 1's tables, the output, and whose fault is what
// (IHI 0070 §3.13.5, §7.3.12 to §7.3.16, §7.3.22).

#include <catch2/catch.hpp>

#include "iommu/arch/stage2_walk.h"
#include "iommu/arch/tlb.h"
#include "iommu/arch/walk.h"
#include "tests/support/updatable_memory.h"

namespace sidewinder::arch {
namespace {

using test::UpdatableMemory;

constexpr std::uint64_t af = 1 << 10, s2_write = 1 << 7, dbm = std::uint64_t{1} << 51;

/// VA 0x123 by stage 1's tables at IPA 0x1000 (level 2) and 0x2000 (level 3) to IPA 0x5123. Stage 2's table
/// of level 2 is at 0xa0000 and of level 3 at 0xb0000; it puts IPA page n at 0x10000 + n.
struct Bench {
  UpdatableMemory memory;
  Stage1 stage1;
  Stage2 stage2;
  AccessLog log;
  Tlb* tlb = nullptr;

  Bench() {
    memory.words[0xa'0000] = 0xb'0003;
    for (const std::uint64_t page : {1ULL, 2ULL, 5ULL}) second(page) = 0x1'04ff + (page << 12);
    memory.words[0x1'1000] = 0x2003;
    first() = 0x5443;
    stage1.ttb[0] = {.base = 0x1000, .tsz = 34};
    stage1.ttb[0].table_attributes = from_table_region(1, 1, 3);
    stage2.non_secure_ipa = {.base = 0xa'0000, .tsz = 34, .start_level = 2};
    stage2.table_attributes = from_table_region(3, 3, 2);
  }

  std::uint64_t& first() { return memory.words[0x1'2000]; }
  std::uint64_t& second(std::uint64_t page) { return memory.words[0xb'0000 + 8 * page]; }

  Outcome access(bool write = false, bool instruction = false) {
    log.clear();
    memory.exchanges.clear();
    memory.reads.clear();
    memory.accesses.clear();
    return translate(&stage1, &stage2,
                     {.address = 0x123, .write = write, .privileged = true, .instruction = instruction},
                     false, {.memory = &memory, .log = &log, .tlb = tlb, .tag = {.asid = 7, .vmid = 9}});
  }
};

void check_fault(const Outcome& outcome, FaultKind kind, unsigned stage, unsigned level, FaultClass cls,
                 std::uint64_t ipa) {
  CHECK_FALSE(outcome.ok);
  CHECK(outcome.fault.kind == kind);
  CHECK(outcome.fault.stage == stage);
  CHECK(outcome.fault.level == level);
  CHECK(outcome.fault.cls == cls);
  CHECK(outcome.fault.ipa == ipa);
  if (stage == 2) CHECK(outcome.fault.ipa_non_secure);
}

}  // namespace

TEST_CASE("nested: every access in its order, and a mapping with both leaves") {
  Bench bench;
  bench.first() |= 0x300 | (5 << 2);
  bench.stage1.mair = 0x0000'aa00'0000'0000;
  const Outcome outcome = bench.access();
  REQUIRE(outcome.ok);
  CHECK(outcome.mapped);
  const Mapping& mapping = outcome.mapping;
  CHECK(mapping.output == 0x1'5000);
  CHECK(mapping.ipa == 0x5000);
  CHECK(mapping.size_shift == 12);
  CHECK(mapping.stage1);
  CHECK(mapping.stage2);
  CHECK(mapping.first.attributes == 0xaa);
  CHECK(mapping.first.shareability == 3);
  CHECK(mapping.second.attributes == 0xf);
  CHECK(mapping.second.shareability == 0);
  CHECK(mapping.first.global);
  const std::uint64_t places[] = {0xa'0000, 0xb'0008, 0x1'1000, 0xa'0000,
                                  0xb'0010, 0x1'2000, 0xa'0000, 0xb'0028};
  const int stages[] = {2, 2, 1, 2, 2, 1, 2, 2};
  const int levels[] = {2, 3, 2, 2, 3, 3, 2, 3};
  REQUIRE(bench.log.kept().size() == 8);
  for (std::size_t i = 0; i < 8; ++i) {
    INFO("access " << i);
    CHECK(bench.log.kept()[i].address == places[i]);
    CHECK(bench.log.kept()[i].level == levels[i]);
    CHECK(bench.log.kept()[i].purpose ==
          (stages[i] == 1 ? AccessPurpose::Stage1Table : AccessPurpose::Stage2Table));
    CHECK(bench.memory.accesses[i].attributes ==
          (stages[i] == 1 ? walk_through_stage2(from_table_region(1, 1, 3), 0xf, 0, false, false)
                          : from_table_region(3, 3, 2)));
  }
}

TEST_CASE("nested: the smaller of both sizes is mapped, around the address") {
  for (const bool first_larger : {false, true}) {
    Bench bench;
    if (first_larger) {
      bench.memory.words[0x1'1000] = 0x20'0441 | 0x80;  // a block: VA 0 to IPA 0x200000
      bench.memory.words[0xa'0008] = 0xb'1003;
      bench.memory.words[0xb'1000] = 0x7'74ff;
    } else {
      bench.memory.words[0xa'0008] = 0x8000'04fd;  // a block: IPA 0x200000 to 0x80000000
      bench.first() = 0x20'5443;
    }
    const Outcome outcome = bench.access();
    REQUIRE(outcome.ok);
    CHECK(outcome.mapping.size_shift == 12);
    CHECK(outcome.mapping.output == (first_larger ? 0x7'7000 : 0x8000'5000));
    CHECK(outcome.mapping.ipa == (first_larger ? 0x20'0000 : 0x20'5000));
    CHECK(outcome.mapping.first.level == (first_larger ? 2 : 3));
    CHECK(outcome.mapping.second.level == (first_larger ? 3 : 2));
    CHECK(outcome.mapping.first.permissions.read_only == first_larger);
    if (!first_larger) continue;
    // Elsewhere in stage 1's block stage 2 has another page.
    bench.memory.words[0xb'1000 + 8 * 0x77] = 0x9'94ff;
    const Outcome other = translate(&bench.stage1, &bench.stage2, {.address = 0x7'7123, .privileged = true},
                                    false, {.memory = &bench.memory});
    REQUIRE(other.ok);
    CHECK(other.mapping.output == 0x9'9000);
    CHECK(other.mapping.ipa == 0x27'7000);
  }
}

TEST_CASE("nested: stage 1's tables may lie anywhere in a block of stage 2, and may be updated there") {
  Bench bench;
  bench.stage1.update.access_flag = true;
  bench.memory.words.clear();
  bench.memory.words[0xa'0000] = 0x20'04fd;  // 2 MiB of IPA from 0 to 0x200000
  bench.memory.words[0x20'1000] = 0x1f'2003;
  bench.memory.words[0x3f'2000] = 0x5043;
  const Outcome outcome = bench.access();
  REQUIRE(outcome.ok);
  CHECK(bench.memory.reads ==
        std::vector<std::uint64_t>{0xa'0000, 0x20'1000, 0xa'0000, 0x3f'2000, 0xa'0000, 0xa'0000});
  CHECK(bench.memory.words[0x3f'2000] == 0x5443);
  CHECK(outcome.mapping.output == 0x20'5000);
  CHECK(outcome.mapping.size_shift == 12);
}

TEST_CASE("nested: faults of stage 2 for stage 1's tables have class TT and the descriptor's IPA") {
  // Of the access to the descriptor of level 2 at IPA 0x1000, and of level 3 at 0x2000.
  for (const std::uint64_t page : {1ULL, 2ULL}) {
    INFO("page " << page);
    const std::uint64_t ipa = page << 12;
    Bench bench;
    bench.second(page) = 0;
    check_fault(bench.access(), FaultKind::Translation, 2, 3, FaultClass::Table, ipa);
    bench.second(page) = 0xff01'04ff'0000'04ff;
    bench.stage2.output_bits = 40;
    check_fault(bench.access(), FaultKind::AddressSize, 2, 3, FaultClass::Table, ipa);
    bench.second(page) = 0x1'00ff;
    check_fault(bench.access(), FaultKind::AccessFlag, 2, 3, FaultClass::Table, ipa);
    bench.second(page) = 0x1'04bf;  // written, not read
    const Outcome outcome = bench.access(true, true);
    check_fault(outcome, FaultKind::Permission, 2, 3, FaultClass::Table, ipa);
    CHECK_FALSE(outcome.fault.table_write);
    CHECK_FALSE(outcome.mapped);
    // Whatever the transaction is, a table is read as data: XN means nothing to it.
    bench.second(page) = 0x1'04ff + (page << 12) + (std::uint64_t{2} << 53);
    bench.first() = 0x5403;
    CHECK(bench.access(false, true).ok);
    bench.memory.aborting = {0xb'0000 + 8 * page};
    check_fault(bench.access(), FaultKind::ExternalWalk, 2, 3, FaultClass::Table, ipa);
    CHECK(bench.access().fault.fetch_address == 0xb'0000 + 8 * page);
    // The descriptor itself: an abort of stage 1, at the physical address.
    bench.memory.aborting = {0x1'0000 + ipa};
    const Fault fault = bench.access().fault;
    CHECK(fault.kind == FaultKind::ExternalWalk);
    CHECK(fault.stage == 1);
    CHECK(fault.level == page + 1);
    CHECK(fault.cls == FaultClass::Table);
    CHECK(fault.fetch_address == 0x1'0000 + ipa);
  }
}

TEST_CASE("nested: faults of stage 2 for the output have class IN and the output's IPA") {
  Bench bench;
  bench.second(5) = 0;
  check_fault(bench.access(), FaultKind::Translation, 2, 3, FaultClass::Input, 0x5123);
  bench.second(5) = 0x1'50ff;
  check_fault(bench.access(), FaultKind::AccessFlag, 2, 3, FaultClass::Input, 0x5123);
  bench.second(5) = 0x1'547f;
  const Outcome refused = bench.access(true);
  check_fault(refused, FaultKind::Permission, 2, 3, FaultClass::Input, 0x5123);
  CHECK_FALSE(refused.fault.table_write);
  CHECK(refused.mapped);
  CHECK(refused.mapping.stage1);
  CHECK(refused.mapping.output == 0x1'5000);
  bench.memory.aborting = {0xb'0028};
  check_fault(bench.access(), FaultKind::ExternalWalk, 2, 3, FaultClass::Input, 0x5123);
  CHECK(bench.access().fault.fetch_address == 0xb'0028);
  // An IPA that stage 2 has no room for, of a table and of the output.
  bench.memory.aborting.clear();
  bench.first() = 0x1'4000'0443;
  check_fault(bench.access(), FaultKind::Translation, 2, 0, FaultClass::Input, 0x1'4000'0123);
  bench.memory.words[0x1'1000] = 0x4000'0003;
  check_fault(bench.access(), FaultKind::Translation, 2, 0, FaultClass::Table, 0x4000'0000);
}

TEST_CASE("nested: stage 1's own faults come before stage 2 sees the output") {
  Bench bench;
  bench.second(5) = 0;
  bench.first() ^= af;
  check_fault(bench.access(), FaultKind::AccessFlag, 1, 3, FaultClass::Input, 0);
  bench.first() ^= af | 0x80;
  const Outcome outcome = bench.access(true);
  check_fault(outcome, FaultKind::Permission, 1, 3, FaultClass::Input, 0);
  CHECK_FALSE(outcome.mapped);
  bench.first() = 0;
  check_fault(bench.access(), FaultKind::Translation, 1, 3, FaultClass::Input, 0);
  bench.first() = 0xf000'0000'0443;
  bench.stage1.output_bits = 40;
  check_fault(bench.access(), FaultKind::AddressSize, 1, 3, FaultClass::Input, 0);
}

TEST_CASE("S2PTW and PTWNNC: stage 1 tables and context descriptors in Device memory") {
  struct Type {
    unsigned attributes;
    bool device, device_with_fwb;
  };
  const Type types[] = {{0, true, true},   {1, true, true},    {2, true, true},   {3, true, true},
                        {5, false, false}, {6, false, false},  {7, false, false}, {0xf, false, false},
                        {9, false, true},  {0xa, false, true}, {0xb, false, true}};
  for (const Type& type : types) {
    for (const bool fwb : {false, true}) {
      INFO("MemAttr " << type.attributes << " FWB " << fwb);
      const bool device = fwb ? type.device_with_fwb : type.device;
      Bench bench;
      bench.stage2.forced_write_back = fwb;
      bench.second(2) = (bench.second(2) & ~std::uint64_t{0x3c}) | type.attributes << 2;
      CHECK(bench.access().ok);
      CHECK(is_device(bench.memory.accesses[5].attributes) == device);
      const WalkContext context{.memory = &bench.memory};
      CHECK(translate_context_fetch(bench.stage2, 0x2000, false, context).ok);
      bench.stage2.walk_device_as_normal = true;
      CHECK(bench.access().ok);
      CHECK(bench.memory.accesses[5].attributes.type == MemoryType::Normal);
      if (device) CHECK(bench.memory.accesses[5].attributes == normal_non_cacheable);
      bench.stage2.walk_device_as_normal = false;

      bench.stage2.protected_walk = true;
      const Outcome outcome = bench.access();
      CHECK(outcome.ok == !device);
      if (device) {
        check_fault(outcome, FaultKind::Permission, 2, 3, FaultClass::Table, 0x2000);
        CHECK_FALSE(outcome.fault.table_write);
      }
      const Outcome fetch = translate_context_fetch(bench.stage2, 0x2000, false, context);
      CHECK(fetch.ok == !device);
      if (device) check_fault(fetch, FaultKind::Permission, 2, 3, FaultClass::Cd, 0x2000);
      // What the transaction itself goes to may be a device.
      bench.second(2) |= 0x3c;
      bench.second(5) &= ~std::uint64_t{0x3c};
      CHECK(bench.access().ok);
    }
  }
}

TEST_CASE("the fetch of a context descriptor: a data read, of class CD, that sets AF and marks nothing") {
  Bench bench;
  AccessLog log;
  const WalkContext context{.memory = &bench.memory, .log = &log};
  bench.stage2.update = {.access_flag = true, .dirty_state = true};
  bench.second(5) = 0x1'507f | dbm | std::uint64_t{2} << 53;  // read-only, never executed, not yet accessed
  const Outcome outcome = translate_context_fetch(bench.stage2, 0x5040, false, context);
  REQUIRE(outcome.ok);
  CHECK(outcome.mapping.output == 0x1'5000);
  CHECK(outcome.mapping.stage2);
  CHECK_FALSE(outcome.mapping.stage1);
  CHECK(bench.second(5) == (0x1'547f | dbm | std::uint64_t{2} << 53));
  bench.second(5) &= ~std::uint64_t{0x40};
  check_fault(translate_context_fetch(bench.stage2, 0x5040, false, context), FaultKind::Permission, 2, 3,
              FaultClass::Cd, 0x5040);
  bench.memory.aborting = {0xb'0028};
  check_fault(translate_context_fetch(bench.stage2, 0x5040, false, context), FaultKind::ExternalWalk, 2, 3,
              FaultClass::Cd, 0x5040);
}

TEST_CASE("nested updates: the write of a stage 1 descriptor goes through stage 2") {
  Bench bench;
  bench.stage1.update.access_flag = true;
  bench.first() ^= af;
  Outcome outcome = bench.access();
  REQUIRE(outcome.ok);
  CHECK(bench.first() == 0x5443);
  CHECK(bench.memory.exchanges == std::vector<std::uint64_t>{0x1'2000});

  // Without a write permission for the table: TT, and the fault tells of a write.
  bench.first() ^= af;
  bench.second(2) ^= s2_write;
  outcome = bench.access();
  check_fault(outcome, FaultKind::Permission, 2, 3, FaultClass::Table, 0x2000);
  CHECK(outcome.fault.table_write);
  CHECK_FALSE(outcome.mapped);
  CHECK(bench.first() == 0x5043);

  // With stage 2's dirty state the table's page is marked by that write, and by no read.
  bench.stage2.update = {.access_flag = true, .dirty_state = true};
  bench.second(2) |= dbm;
  bench.second(1) = (bench.second(1) ^ s2_write) | dbm;
  REQUIRE(bench.access().ok);
  CHECK(bench.first() == 0x5443);
  CHECK((bench.second(2) & s2_write) != 0);
  CHECK((bench.second(1) & s2_write) == 0);
  CHECK(bench.memory.exchanges == std::vector<std::uint64_t>{0xb'0010, 0x1'2000});

  // Every page on the way has its own flag.
  for (const std::uint64_t page : {1ULL, 2ULL, 5ULL}) bench.second(page) &= ~af;
  REQUIRE(bench.access().ok);
  CHECK(bench.memory.exchanges == std::vector<std::uint64_t>{0xb'0008, 0xb'0010, 0xb'0028});
}

TEST_CASE("nested updates: stage 1 is marked before stage 2 refuses the output") {
  // DDI 0487 R_LXCKP leaves it open which fault is reported; this one does as AArch64.FullTranslate.
  Bench bench;
  bench.stage1.update = {.access_flag = true, .dirty_state = true};
  bench.first() = 0x50c3 | dbm;
  bench.second(5) = 0x1'547f;
  check_fault(bench.access(true), FaultKind::Permission, 2, 3, FaultClass::Input, 0x5123);
  CHECK(bench.first() == (0x5443 | dbm));
}

TEST_CASE("nested updates that abort: of stage 1's descriptor and of stage 2's for it") {
  Bench bench;
  bench.stage1.update.access_flag = true;
  bench.first() ^= af;
  bench.memory.aborting_exchanges = {0x1'2000};
  Fault fault = bench.access().fault;
  CHECK(fault.kind == FaultKind::ExternalWalk);
  CHECK(fault.stage == 1);
  CHECK(fault.fetch_address == 0x1'2000);
  bench.stage2.update.access_flag = true;
  bench.second(1) ^= af;
  bench.memory.aborting_exchanges = {0xb'0008};
  fault = bench.access().fault;
  CHECK(fault.kind == FaultKind::ExternalWalk);
  CHECK(fault.stage == 2);
  CHECK(fault.cls == FaultClass::Table);
  CHECK(fault.ipa == 0x1000);
  CHECK(fault.fetch_address == 0xb'0008);
}

TEST_CASE("a hit of both stages is answered by the first that objects, and a clean page is walked") {
  Bench bench;
  bench.stage1.update = bench.stage2.update = {.access_flag = true, .dirty_state = true};
  const Access write{.address = 0x123, .write = true, .privileged = true};
  const auto answer = [&] { return check_hit(bench.access().mapping, &bench.stage1, &bench.stage2, write); };
  CHECK(answer() == HitCheck::Allowed);
  bench.second(5) = 0x1'547f | dbm;
  CHECK(answer() == HitCheck::Walk);
  bench.second(5) = 0x1'547f;
  CHECK(answer() == HitCheck::Stage2Permission);
  bench.first() = 0x54c3 | dbm;
  CHECK(answer() == HitCheck::Walk);  // the walk marks stage 1, and finds stage 2's fault
  bench.first() = 0x54c3;
  CHECK(answer() == HitCheck::Stage1Permission);
  bench.stage1.ttb[0].unprivileged_disabled = true;
  const Access user{.address = 0x123, .write = true};
  CHECK(check_hit(bench.access().mapping, &bench.stage1, &bench.stage2, user) == HitCheck::Translation);
}

TEST_CASE("IPAs of tables and context descriptors are kept in the TLB, as the walk found them") {
  Bench bench;
  Tlb tlb({64, 4});
  bench.tlb = &tlb;
  const Outcome cold = bench.access();
  REQUIRE(cold.ok);
  CHECK(bench.memory.reads.size() == 8);
  CHECK(tlb.occupancy() == 2);  // of the two tables; the output is the caller's to keep
  const TlbTag tag{.vmid = 9, .stages = Stages::Two};
  REQUIRE(tlb.lookup(tag, 0x2008) != nullptr);
  CHECK(tlb.lookup(tag, 0x2008)->output == 0x1'2000);
  const Outcome warm = bench.access();
  CHECK(warm.ok);
  CHECK(warm.mapping.output == cold.mapping.output);
  CHECK(bench.memory.reads == std::vector<std::uint64_t>{0x1'1000, 0x1'2000, 0xa'0000, 0xb'0028});

  const WalkContext context{.memory = &bench.memory, .tlb = &tlb, .tag = {.vmid = 9}};
  bench.memory.reads.clear();
  CHECK(translate_context_fetch(bench.stage2, 0x2040, false, context).ok);
  CHECK(bench.memory.reads.empty());
  const WalkContext another{.memory = &bench.memory, .tlb = &tlb, .tag = {.vmid = 8}};
  CHECK(translate_context_fetch(bench.stage2, 0x2040, false, another).ok);
  CHECK_FALSE(bench.memory.reads.empty());
}

TEST_CASE("what the TLB has of a table is checked for each access to it") {
  Bench bench;
  Tlb tlb({64, 4});
  bench.tlb = &tlb;
  bench.stage1.update.access_flag = true;
  bench.second(2) ^= s2_write;
  REQUIRE(bench.access().ok);
  bench.first() ^= af;
  Outcome outcome = bench.access();  // the update, on an entry that only reads
  check_fault(outcome, FaultKind::Permission, 2, 3, FaultClass::Table, 0x2000);
  CHECK(outcome.fault.table_write);
  CHECK_FALSE(outcome.mapped);

  tlb.invalidate_all();
  bench.stage2.update = {.access_flag = true, .dirty_state = true};
  bench.second(2) |= dbm;
  bench.first() |= af;
  REQUIRE(bench.access().ok);
  REQUIRE(bench.access().ok);  // reads need no mark
  CHECK(bench.memory.reads == std::vector<std::uint64_t>{0x1'1000, 0x1'2000, 0xa'0000, 0xb'0028});
  bench.first() ^= af;
  REQUIRE(bench.access().ok);  // walks to mark the table's page, and keeps what it is then
  CHECK((bench.second(2) & s2_write) != 0);
  bench.first() ^= af;
  REQUIRE(bench.access().ok);
  CHECK(bench.memory.exchanges == std::vector<std::uint64_t>{0x1'2000});

  // A permission that is lacking is known without another walk.
  tlb.invalidate_all();
  bench.second(1) = 0x1'14bf;
  check_fault(bench.access(), FaultKind::Permission, 2, 3, FaultClass::Table, 0x1000);
  outcome = bench.access();
  check_fault(outcome, FaultKind::Permission, 2, 3, FaultClass::Table, 0x1000);
  CHECK(bench.memory.reads.empty());

  // S2PTW concerns a hit as much.
  tlb.invalidate_all();
  bench.second(1) = 0x1'14c3;
  REQUIRE(bench.access().ok);
  bench.stage2.protected_walk = true;
  check_fault(bench.access(), FaultKind::Permission, 2, 3, FaultClass::Table, 0x1000);
}

}  // namespace sidewinder::arch
