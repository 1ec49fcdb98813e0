// SPDX-License-Identifier: Apache-2.0
//
// The command queue: order, errors, recovery, and what each command does to caches and stalled transactions.

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t cd_at = 0x2000'0000;
constexpr std::uint64_t root = 0x3000'0000;
constexpr std::uint64_t page = 0x4000'0000;
constexpr std::uint64_t page_leaf = 0xf43;
constexpr std::uint64_t sync = 0x46;

constexpr std::uint64_t stream(std::uint64_t id) {
  return id << 32;
}

void map(WordMemory& memory, std::uint64_t table, std::uint64_t va, std::uint64_t pa) {
  Tables(memory, 12, 39, table).at(va, 3) = pa | page_leaf;
}

/// Stream 3 with stage 1, ASID 1, VA 0x1000 mapped.
void usual(InterfaceBench& bench) {
  bench.set_ste(3, stage1_ste(cd_at).replace(143, 128, 9));
  bench.set_cd(cd_at, cd(root));
  map(bench.memory, root, 0x1000, page);
  REQUIRE(bench.read(3, 0x1000).output == page);
}

std::uint32_t error_of(const InterfaceBench& bench) {
  return bench.r32(0x9c) >> 24;
}

}  // namespace

TEST_CASE("IHI 0070 §4.1.2: commands are consumed in order, up to PROD, and CONS follows") {
  InterfaceBench bench;
  bench.command(sync);
  CHECK(bench.r32(0x9c) == 1);
  bench.command(sync);
  CHECK(bench.r32(0x9c) == 2);
  CHECK_FALSE(bench.smmu.commands_pending(SecurityState::NonSecure));
  CHECK_FALSE(bench.smmu.process_command(SecurityState::NonSecure));
  for (unsigned n = 2; n < 16; ++n) bench.command(sync);
  CHECK(bench.r32(0x9c) == 0x10);  // wrapped
  CHECK(bench.smmu.counters().commands == 16);
}

TEST_CASE("IHI 0070 §4.1.2: nothing is consumed with CMDQEN 0, and all is once it is 1 again") {
  InterfaceBench bench;
  bench.w32(0x20, 0x5);
  bench.command(sync);
  CHECK(bench.r32(0x9c) == 0);
  bench.w32(0x20, 0xd);
  CHECK(bench.smmu.commands_pending(SecurityState::NonSecure));
  bench.run();
  CHECK(bench.r32(0x9c) == 1);
}

TEST_CASE("IHI 0070 §7.1: reserved opcodes are CERROR_ILL, RD stays, and GERRORN lets it go on") {
  // CMD_CFGI_VMS_PIDM, CMD_ATC_INV, CMD_PRI_RESP and CMD_DPTI_* are of features that are not there.
  constexpr std::uint64_t known[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13,
                                     0x20, 0x21, 0x22, 0x23, 0x28, 0x2a, 0x30, 0x44, 0x45, 0x46};
  for (std::uint64_t opcode = 0; opcode < 0x100; ++opcode) {
    if (std::find(std::begin(known), std::end(known), opcode) != std::end(known)) continue;
    InterfaceBench bench;
    INFO("opcode " << opcode);
    bench.command(sync);
    bench.command(opcode);
    CHECK(bench.r32(0x9c) == 0x0100'0001);
    CHECK(bench.r32(0x60) == 1);
    REQUIRE(bench.log.interrupts.size() == 1);
    CHECK(bench.log.interrupts[0] == std::pair(SecurityState::NonSecure, Interrupt::GlobalError));

    bench.command(sync);  // behind it: not consumed
    CHECK(bench.r32(0x9c) == 0x0100'0001);
    bench.memory.words[InterfaceBench::commands + 16] = sync;  // mended in place
    bench.w32(0x64, 1);
    bench.run();
    CHECK((bench.r32(0x9c) & 0xf'ffff) == 3);
    CHECK(bench.r32(0x60) == 1);
    CHECK(bench.smmu.counters().command_errors == 1);
  }
}

TEST_CASE("IHI 0070 §7.1: an aborted fetch is CERROR_ABT, and is fetched again when acknowledged") {
  InterfaceBench bench;
  bench.memory.aborting.insert(InterfaceBench::commands + 8);
  bench.command(sync);
  CHECK(bench.r32(0x9c) == 0x0200'0000);
  CHECK(bench.r32(0x60) == 1);
  bench.memory.aborting.clear();
  bench.w32(0x64, 1);
  bench.run();
  CHECK((bench.r32(0x9c) & 0xf'ffff) == 1);
}

TEST_CASE("IHI 0070 §4.1.6: SSec in the Non-secure queue is CERROR_ILL, in the Secure one it chooses") {
  for (const std::uint64_t opcode : {0x01U, 0x02U, 0x03U, 0x04U, 0x05U, 0x06U, 0x44U, 0x45U}) {
    InterfaceBench bench;
    INFO("opcode " << opcode);
    bench.command(opcode | 0x400);
    CHECK(error_of(bench) == 1);
    bench.command(opcode | 0x400, 0, SecurityState::Secure);
    CHECK(bench.r32(0x809c) == 1);
  }
}

TEST_CASE("IHI 0070 §4.1.6: SSec says whose configuration a command from the Secure queue removes") {
  constexpr std::uint64_t moved = page + 0x5000, other_root = root + 0x10'0000;
  struct Case {
    std::uint64_t low, high;
  };
  for (const Case& c : {Case{0x03 | stream(3), 1},     // CFGI_STE
                        Case{0x04 | stream(2), 0},     // CFGI_STE_RANGE of 2
                        Case{0x04 | stream(4), 31},    // CFGI_ALL
                        Case{0x05 | stream(3), 1},     // CFGI_CD
                        Case{0x06 | stream(3), 0}}) {  // CFGI_CD_ALL
    for (const std::uint64_t ssec : {0U, 1U}) {
      INFO("command " << std::hex << c.low << " SSec " << ssec);
      InterfaceBench bench;
      const auto set_secure_cd = [&](const Structure& structure) {
        for (unsigned word = 0; word < 8; ++word)
          bench.memory.secure_words[cd_at + 8 * word] = structure.words[word];
      };
      const auto map_secure = [&](std::uint64_t table, std::uint64_t pa) {
        Tables(bench.memory, 12, 39, table, true).at(0x1000, 3) = pa | page_leaf;
      };
      const Transaction secure{.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure};
      usual(bench);
      bench.set_secure_ste(3, stage1_ste(cd_at));
      set_secure_cd(cd(root));
      map_secure(root, page);
      REQUIRE(bench.send(secure).output == page);

      bench.set_cd(cd_at, cd(other_root, 2));
      set_secure_cd(cd(other_root, 2));
      map(bench.memory, other_root, 0x1000, moved);
      map_secure(other_root, moved);
      bench.command(c.low | ssec << 10, c.high, SecurityState::Secure);
      CHECK(bench.r32(0x809c) == 1);
      CHECK(bench.read(3, 0x1000).output == (ssec == 0 ? moved : page));
      CHECK(bench.send(secure).output == (ssec == 1 ? moved : page));
    }
  }
}

TEST_CASE(
    "IHI 0070 §7.1: while an error is active PROD may be moved back to CONS, and CMDQEN acknowledges "
    "nothing") {
  InterfaceBench bench;
  bench.command(0);
  bench.w32(0x20, 0x5);
  bench.w32(0x20, 0xd);
  CHECK_FALSE(bench.smmu.commands_pending(SecurityState::NonSecure));
  bench.w32(0x98, 0);
  bench.w32(0x64, 1);
  CHECK_FALSE(bench.smmu.commands_pending(SecurityState::NonSecure));
  bench.command(sync);
  CHECK((bench.r32(0x9c) & 0xf'ffff) == 1);
}

TEST_CASE("IHI 0070 §6.3.9.6: commands are processed, and invalidate, with SMMUEN 0") {
  InterfaceBench bench;
  usual(bench);
  map(bench.memory, root, 0x1000, page + 0x5000);
  bench.w32(0x20, 0xc);
  bench.command(0x30);
  bench.w32(0x20, 0xd);
  CHECK(bench.read(3, 0x1000).output == page + 0x5000);
}

TEST_CASE(
    "IHI 0070 §6.3.26, §6.3.11: a queue is capped, aligned to its size, and accessed as CR1 and RA say") {
  smmuv3::Config config = full();
  config.command_queue_bits = 2;
  InterfaceBench bench(config);
  bench.w32(0x20, 0x5);
  bench.w64(0x90, 0x4000'0000'1800'0060 | 19);  // 2^2 entries of 16 bytes: 0x18000040
  bench.memory.words[0x1800'0040] = sync;
  bench.w32(0x9c, 0);
  bench.w32(0x98, 1);
  bench.w32(0x20, 0xd);
  bench.run();
  CHECK((bench.r32(0x9c) & 0xf'ffff) == 1);
  const arch::MemoryAttributes& attributes = bench.memory.accesses.back().attributes;
  CHECK(attributes.inner == arch::CachePolicy{arch::Cacheability::WriteBack, true, false, false});
  CHECK(attributes.shareability == arch::Shareability::InnerShareable);
}

TEST_CASE("IHI 0070 §4.3: CFGI commands remove the configuration they name, and no other") {
  struct Case {
    std::uint64_t low, high;
    bool removes_ste, removes_cd;
  };
  for (const Case& c :
       {Case{0x03 | stream(3), 1, true, true},                                            // CFGI_STE, Leaf
        Case{0x03 | stream(3), 0, true, true},                                            // CFGI_STE
        Case{0x03 | stream(4), 1, false, false}, Case{0x04 | stream(2), 0, true, true},   // STE_RANGE of 2
        Case{0x04 | stream(4), 0, false, false}, Case{0x04 | stream(4), 2, true, true},   // of 8
        Case{0x04 | stream(4), 31, true, true},                                           // CFGI_ALL
        Case{0x05 | stream(3), 1, false, true},                                           // CFGI_CD
        Case{0x05 | 0x1000 | stream(3), 1, false, false},                                 // of SubstreamID 1
        Case{0x05 | stream(4), 1, false, false}, Case{0x06 | stream(3), 0, false, true},  // CFGI_CD_ALL
        Case{0x06 | stream(4), 0, false, false}}) {
    InterfaceBench bench;
    INFO("command " << std::hex << c.low << " " << c.high);
    usual(bench);
    bench.set_cd(cd_at, cd(root + 0x10'0000, 2));
    map(bench.memory, root + 0x10'0000, 0x1000, page + 0x5000);
    bench.command(c.low, c.high);
    CHECK(bench.smmu.counters().invalidations == 1);
    CHECK(bench.read(3, 0x1000).output == (c.removes_cd ? page + 0x5000 : page));

    InterfaceBench other;
    usual(other);
    other.set_ste(3, ste(4));
    other.command(c.low, c.high);
    if (c.removes_ste) CHECK(other.read(3, 0x1000).output == 0x1000);
    if (!c.removes_cd) CHECK(other.read(3, 0x1000).output == page);
  }
}

TEST_CASE("IHI 0070 §4.3.3: commands for CDs are CERROR_ILL without stage 1") {
  smmuv3::Config config = full();
  config.stage1 = config.secure = config.secure_el2 = config.hypervisor = false;
  config.substream_id_bits = 0;
  for (const std::uint64_t opcode : {0x05U, 0x06U}) {
    InterfaceBench bench(config);
    bench.command(opcode);
    CHECK(error_of(bench) == 1);
  }
}

TEST_CASE("IHI 0070 §4.4: TLBI commands remove the translations they name, and no other") {
  struct Case {
    std::uint64_t low, high;
    bool removes;
  };
  for (const Case& c : {Case{0x10 | std::uint64_t{9} << 32, 0, true},  // NH_ALL
                        Case{0x10 | std::uint64_t{8} << 32, 0, false},
                        Case{0x11 | std::uint64_t{9} << 32 | std::uint64_t{1} << 48, 0, true},  // NH_ASID
                        Case{0x11 | std::uint64_t{9} << 32 | std::uint64_t{2} << 48, 0, false},
                        Case{0x12 | std::uint64_t{9} << 32 | std::uint64_t{1} << 48, 0x1001, true},  // NH_VA
                        Case{0x12 | std::uint64_t{9} << 32 | std::uint64_t{1} << 48, 0x2001, false},
                        Case{0x12 | std::uint64_t{9} << 32 | std::uint64_t{2} << 48, 0x1001, false},
                        Case{0x13 | std::uint64_t{9} << 32, 0x1001, true},  // NH_VAA
                        Case{0x13 | std::uint64_t{9} << 32, 0x0001, false},
                        // A range of (1 + NUM) << SCALE pages of TG 4 KiB.
                        Case{0x13 | std::uint64_t{9} << 32 | 1 << 12, 0x0401, true},
                        Case{0x13 | std::uint64_t{9} << 32, 0x0701, false}, Case{0x20, 0, false},  // EL2_ALL
                        Case{0x28 | std::uint64_t{9} << 32, 0, true},  // S12_VMALL
                        Case{0x28 | std::uint64_t{8} << 32, 0, false},
                        Case{0x2a | std::uint64_t{9} << 32, 0x1001, false},  // S2_IPA: stage 2 alone
                        Case{0x30, 0, true}}) {                              // NSNH_ALL
    InterfaceBench bench;
    INFO("command " << std::hex << c.low << " " << c.high);
    usual(bench);
    map(bench.memory, root, 0x1000, page + 0x5000);
    bench.command(c.low, c.high);
    CHECK(error_of(bench) == 0);
    CHECK(bench.read(3, 0x1000).output == (c.removes ? page + 0x5000 : page));
  }
}

TEST_CASE("IHI 0070 §4.4.1.1: TG without NUM, SCALE and TTL is reserved, and CERROR_ILL") {
  InterfaceBench bench;
  bench.command(0x13, 0x0401);
  CHECK(error_of(bench) == 1);
}

TEST_CASE("IHI 0070 §4.4: Secure TLBI commands are CERROR_ILL in the Non-secure queue") {
  for (const std::uint64_t opcode : {0x18U, 0x1aU, 0x50U, 0x51U, 0x52U, 0x53U, 0x58U, 0x5aU, 0x60U}) {
    InterfaceBench bench;
    INFO("opcode " << opcode);
    bench.command(opcode);
    CHECK(error_of(bench) == 1);
  }
}

TEST_CASE("IHI 0070 §4.7.3: CMD_SYNC signals as CS says: nothing, an interrupt with its MSI, an event") {
  smmuv3::Config config = full();
  config.wake_up_events = true;
  InterfaceBench bench(config);
  bench.command(sync | std::uint64_t{0x77} << 32, 0x1b00'0000);
  CHECK(bench.log.interrupts.empty());
  CHECK(bench.memory.words[0x1b00'0000] == 0);

  bench.command(sync | 1 << 12 | 3 << 22 | 0xf << 24 | std::uint64_t{0x77} << 32, 0x1b00'0000);
  REQUIRE(bench.log.interrupts.size() == 1);
  CHECK(bench.log.interrupts[0] == std::pair(SecurityState::NonSecure, Interrupt::CommandSync));
  CHECK(bench.memory.words[0x1b00'0000] == 0x77);
  CHECK(bench.memory.accesses.back().attributes == arch::from_stage2(0xf, 3));
  CHECK(bench.log.wake_ups == 0);

  bench.command(sync | 2 << 12);
  CHECK(bench.log.wake_ups == 1);
  CHECK(bench.log.interrupts.size() == 1);
  bench.command(sync | 3 << 12);
  CHECK(error_of(bench) == 1);
}

TEST_CASE("IHI 0070 §4.7.3: CMD_SYNC's MSI may be written into the command queue itself") {
  InterfaceBench bench;
  bench.command(sync | 1 << 12 | std::uint64_t{0} << 32, InterfaceBench::commands);
  CHECK(bench.memory.words[InterfaceBench::commands] == (sync & 0xffff'ffff'0000'0000));
  CHECK(bench.r32(0x9c) == 1);
}

TEST_CASE("IHI 0070 §7.5: a CMD_SYNC MSI that aborts is MSI_CMDQ_ABT_ERR, and commands go on") {
  InterfaceBench bench;
  bench.memory.aborting.insert(0x1b00'0000);
  bench.command(sync | 1 << 12, 0x1b00'0000);
  CHECK(bench.r32(0x60) == 0x10);
  CHECK(bench.r32(0x9c) == 1);
  bench.command(sync);
  CHECK(bench.r32(0x9c) == 2);
}

TEST_CASE("IHI 0070 §4.1.2: with SEV a queue that was full and is not wakes the waiting up") {
  smmuv3::Config config = full();
  config.wake_up_events = true;
  InterfaceBench bench(config);
  for (unsigned n = 0; n < 16; ++n) bench.memory.words[InterfaceBench::commands + 16 * n] = sync;
  bench.w32(0x98, 0x10);
  bench.run();
  CHECK(bench.log.wake_ups == 1);
  CHECK(bench.r32(0x9c) == 0x10);
}

TEST_CASE("IHI 0070 §4.2: prefetch commands are consumed, and record nothing") {
  InterfaceBench bench;
  bench.command(0x01 | stream(0x200));
  bench.command(0x02 | stream(0x200), 0x1000);
  CHECK(bench.r32(0x9c) == 2);
  CHECK(bench.eventq_prod() == 0);
}

}  // namespace sidewinder::test
