// SPDX-License-Identifier: Apache-2.0
//
// Access flag and dirty state: faults, hardware updates, their order and their failures (DDI 0487 D8.5,
// IHI 0070 §3.13).

#include <catch2/catch.hpp>

#include "iommu/arch/table_access.h"
#include "iommu/arch/walk.h"
#include "tests/support/updatable_memory.h"

namespace sidewinder::arch {
namespace {

using test::UpdatableMemory;

constexpr std::uint64_t af = 1 << 10, ap2 = 1 << 7, dbm = std::uint64_t{1} << 51;
constexpr std::uint64_t leaf_place = 0x2000;

/// 30 bits from level 2: a table at 0x1000, the leaf at 0x2000. Stage 1 or stage 2, told apart by `stage`.
struct Bench {
  unsigned stage;
  UpdatableMemory memory;
  Stage1 stage1;
  Stage2 stage2;
  AccessLog log;

  explicit Bench(unsigned s) : stage(s) {
    memory.words[0x1000] = 0x2003;
    stage1.ttb[0] = {.base = 0x1000, .tsz = 34};
    stage2.non_secure_ipa = {.base = 0x1000, .tsz = 34, .start_level = 2};
  }

  std::uint64_t& leaf() { return memory.words[leaf_place]; }
  HardwareUpdate& update() { return stage == 1 ? stage1.update : stage2.update; }

  Outcome access(bool write, bool instruction = false) {
    log.clear();
    memory.exchanges.clear();
    return translate(stage == 1 ? &stage1 : nullptr, stage == 2 ? &stage2 : nullptr,
                     {.address = 0x123, .write = write, .privileged = true, .instruction = instruction},
                     false, {.memory = &memory, .log = &log});
  }
  HitCheck hit(const Outcome& outcome, bool write) {
    return check_hit(outcome.mapping, stage == 1 ? &stage1 : nullptr, stage == 2 ? &stage2 : nullptr,
                     {.write = write, .privileged = true});
  }

  /// Not accessed: readable, and without a write permission.
  [[nodiscard]] std::uint64_t clean() const { return 0x8000'0003 | (stage == 1 ? ap2 : 0x7c); }
  /// The same where writes are allowed.
  [[nodiscard]] std::uint64_t dirty() const { return clean() ^ ap2; }
};

}  // namespace

TEST_CASE("AF clear: a fault, unless AFFD is set or the hardware sets it") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.leaf() = bench.dirty();
    Outcome outcome = bench.access(false);
    CHECK(outcome.fault.kind == FaultKind::AccessFlag);
    CHECK(outcome.fault.stage == stage);
    CHECK(outcome.fault.level == 3);
    CHECK_FALSE(outcome.mapped);
    CHECK(bench.memory.exchanges.empty());

    // HD without HA is as neither.
    bench.update() = {.access_flag = false, .dirty_state = true};
    CHECK(bench.access(false).fault.kind == FaultKind::AccessFlag);
    bench.update() = {};

    bench.stage1.access_flag_fault_disabled = bench.stage2.access_flag_fault_disabled = true;
    CHECK(bench.access(false).ok);
    CHECK(bench.memory.exchanges.empty());

    // With HA, AFFD is IGNORED: the flag is set.
    bench.update().access_flag = true;
    CHECK(bench.access(false).ok);
    CHECK(bench.leaf() == (bench.dirty() | af));
    REQUIRE(bench.memory.exchanges.size() == 1);
    REQUIRE(bench.log.kept().size() == 3);
    CHECK(bench.log.kept()[2].write);
    CHECK(bench.log.kept()[2].address == leaf_place);
    CHECK(bench.log.kept()[2].level == 3);
    CHECK(bench.access(false).ok);
    CHECK(bench.memory.exchanges.empty());
  }
}

TEST_CASE("an Access flag fault comes before a Permission fault") {
  for (const unsigned stage : {1U, 2U}) {
    Bench bench(stage);
    bench.leaf() = bench.clean();
    CHECK(bench.access(true).fault.kind == FaultKind::AccessFlag);
    bench.leaf() |= af;
    CHECK(bench.access(true).fault.kind == FaultKind::Permission);
  }
}

TEST_CASE("a Permission fault leaves AF as it is, and such a mapping is not for a TLB") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.update().access_flag = true;
    bench.leaf() = bench.clean();
    Outcome outcome = bench.access(true);
    CHECK(outcome.fault.kind == FaultKind::Permission);
    CHECK_FALSE(outcome.mapped);
    CHECK(bench.leaf() == bench.clean());
    CHECK(bench.memory.exchanges.empty());
    bench.leaf() |= af;
    outcome = bench.access(true);
    CHECK(outcome.fault.kind == FaultKind::Permission);
    CHECK(outcome.mapped);
  }
}

TEST_CASE("writable-clean: with HD a write marks the page, in the exchange that sets AF") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.leaf() = bench.clean() | dbm;
    bench.update().access_flag = true;
    CHECK(bench.access(true).fault.kind == FaultKind::Permission);  // HA alone
    bench.update().dirty_state = true;
    const Outcome read = bench.access(false);
    CHECK(read.ok);
    CHECK(bench.leaf() == (bench.clean() | dbm | af));  // a read leaves it clean
    CHECK(bench.hit(read, false) == HitCheck::Allowed);
    CHECK(bench.hit(read, true) == HitCheck::Walk);
    bench.leaf() = bench.clean() | dbm;
    const Outcome write = bench.access(true);
    CHECK(write.ok);
    CHECK(bench.leaf() == (bench.dirty() | dbm | af));
    CHECK(bench.memory.exchanges.size() == 1);
    CHECK(bench.hit(write, true) == HitCheck::Allowed);
    CHECK(bench.access(true).ok);
    CHECK(bench.memory.exchanges.empty());
    // Without DBM a page that cannot be written stays so; with it one that can is left alone.
    bench.leaf() = bench.clean() | af;
    CHECK(bench.access(true).fault.kind == FaultKind::Permission);
    CHECK(bench.memory.exchanges.empty());
  }
}

TEST_CASE("a write that a table forbids marks nothing, unless HAD ignores the table") {
  Bench bench(1);
  bench.update() = {.access_flag = true, .dirty_state = true};
  bench.leaf() = bench.clean() | dbm | af;
  bench.memory.words[0x1000] |= std::uint64_t{1} << 62;  // APTable[1]
  CHECK(bench.access(true).fault.kind == FaultKind::Permission);
  CHECK(bench.leaf() == (bench.clean() | dbm | af));
  bench.stage1.ttb[0].hierarchy_disabled = true;
  CHECK(bench.access(true).ok);
  CHECK(bench.leaf() == (bench.dirty() | dbm | af));
}

TEST_CASE("VMSAv8-32 tables are not updated, and AFFD counts whatever HA says") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.update() = {.access_flag = true, .dirty_state = true};
    bench.stage1.format = bench.stage2.format = TableFormat::Lpae;
    bench.stage1.ttb[0].tsz = 2;
    bench.stage1.ttb[1].walk_disabled = true;
    bench.stage1.output_bits = bench.stage2.output_bits = 40;
    bench.leaf() = bench.dirty();
    CHECK(bench.access(false).fault.kind == FaultKind::AccessFlag);
    bench.stage1.access_flag_fault_disabled = bench.stage2.access_flag_fault_disabled = true;
    CHECK(bench.access(false).ok);
    bench.leaf() = bench.clean() | dbm | af;
    CHECK(bench.access(true).fault.kind == FaultKind::Permission);
    CHECK(bench.memory.exchanges.empty());
  }
}

TEST_CASE("big-endian tables are read and updated as such") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.stage1.big_endian = bench.stage2.big_endian = true;
    bench.update() = {.access_flag = true, .dirty_state = true};
    bench.memory.words[0x1000] = __builtin_bswap64(0x2003);
    bench.leaf() = __builtin_bswap64(bench.clean() | dbm);
    const Outcome outcome = bench.access(true);
    CHECK(outcome.ok);
    CHECK(outcome.mapping.output == 0x8000'0000);
    CHECK(bench.leaf() == __builtin_bswap64(bench.dirty() | dbm | af));
  }
}

TEST_CASE("a descriptor that another agent changed is walked again, and what it now says holds") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.update() = {.access_flag = true, .dirty_state = true};
    bench.leaf() = bench.dirty();
    bench.memory.interfere = [&](std::uint64_t) {
      bench.leaf() = bench.dirty() ^ 0x1000'0000;  // moved
      bench.memory.interfere = nullptr;
    };
    Outcome outcome = bench.access(false);
    CHECK(outcome.ok);
    CHECK(outcome.mapping.output == 0x9000'0000);
    CHECK(bench.memory.exchanges.size() == 2);
    CHECK(bench.leaf() == ((bench.dirty() ^ 0x1000'0000) | af));

    bench.leaf() = bench.dirty();
    bench.memory.interfere = [&](std::uint64_t) { bench.leaf() = 0; };
    outcome = bench.access(false);
    CHECK(outcome.fault.kind == FaultKind::Translation);
    CHECK(outcome.fault.level == 3);
    CHECK_FALSE(outcome.mapped);
    CHECK(bench.memory.exchanges.size() == 1);
  }
}

TEST_CASE("a descriptor that changes before every update ends in an external abort") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.update().access_flag = true;
    bench.leaf() = bench.dirty();
    bench.memory.interfere = [&](std::uint64_t) { bench.leaf() ^= std::uint64_t{1} << 55; };
    const Outcome outcome = bench.access(false);
    CHECK_FALSE(outcome.ok);
    CHECK_FALSE(outcome.mapped);
    CHECK(outcome.fault.kind == FaultKind::ExternalWalk);
    CHECK(outcome.fault.stage == stage);
    CHECK(outcome.fault.level == 3);
    CHECK(outcome.fault.fetch_address == leaf_place);
    CHECK(outcome.fault.table_write);
    CHECK(bench.memory.exchanges.size() == max_walks);
  }
}

TEST_CASE("an update that aborts is an external abort of its stage, at the descriptor's address") {
  for (const unsigned stage : {1U, 2U}) {
    INFO("stage " << stage);
    Bench bench(stage);
    bench.update().access_flag = true;
    bench.leaf() = bench.dirty();
    bench.memory.aborting_exchanges = {leaf_place};
    const Outcome outcome = bench.access(false);
    CHECK_FALSE(outcome.ok);
    CHECK_FALSE(outcome.mapped);
    CHECK(outcome.fault.kind == FaultKind::ExternalWalk);
    CHECK(outcome.fault.stage == stage);
    CHECK(outcome.fault.level == 3);
    CHECK(outcome.fault.cls == (stage == 1 ? FaultClass::Table : FaultClass::Input));
    CHECK(outcome.fault.fetch_address == leaf_place);
    CHECK(outcome.fault.table_write);
    CHECK(bench.memory.exchanges.size() == 1);
    // A port that cannot write answers so by itself.
    struct ReadOnly : MemoryPort {
      test::WordMemory* memory = nullptr;
      PortResponse read64(const PortAccess& access) override { return memory->read64(access); }
    } plain;
    plain.memory = &bench.memory;
    const Outcome without =
        translate(stage == 1 ? &bench.stage1 : nullptr, stage == 2 ? &bench.stage2 : nullptr,
                  {.privileged = true}, false, {.memory = &plain});
    CHECK(without.fault.kind == FaultKind::ExternalWalk);
  }
}

TEST_CASE("a writable-clean page counts as writable for WXN, and for PXN of what EL0 can write") {
  Bench bench(1);
  bench.update() = {.access_flag = true, .dirty_state = true};
  bench.leaf() = bench.clean() | dbm | af;
  CHECK(bench.access(false, true).ok);
  bench.stage1.write_execute_never = true;
  CHECK(bench.access(false, true).fault.kind == FaultKind::Permission);
  bench.stage1.write_execute_never = false;
  bench.leaf() |= 1 << 6;
  CHECK(bench.access(false, true).fault.kind == FaultKind::Permission);
  bench.leaf() &= ~dbm;
  CHECK(bench.access(false, true).ok);
}

}  // namespace sidewinder::arch
