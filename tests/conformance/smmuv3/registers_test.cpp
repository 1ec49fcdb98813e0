// SPDX-License-Identifier: Apache-2.0
//
// The register frame: where registers lie, who may touch them, what they hold, and when they change.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

struct Silent final : smmuv3::SmmuListener {
  void interrupt(SecurityState, Interrupt) override {}
  void wake_up() override {}
  void resume(std::uint64_t, Resumption) override {}
};

/// As it comes out of reset.
struct Reset {
  WordMemory memory;
  Silent listener;
  smmuv3::Smmu smmu;
  explicit Reset(const smmuv3::Config& config = full()) : smmu(config, 1, memory, listener) {}

  std::uint32_t r32(std::uint64_t offset, bool secure = true) const {
    return static_cast<std::uint32_t>(smmu.read(offset, 4, secure));
  }
  void w32(std::uint64_t offset, std::uint32_t value, bool secure = true) {
    smmu.write(offset, value, 4, secure);
  }
};

/// Writable bits of the registers of one interface, with everything disabled: 48-bit OAS.
struct Bits {
  std::uint32_t offset, writable;
};
constexpr Bits plain[] = {
    {0x0028, 0x0000'0fff}, {0x002c, 0x0000'0003}, {0x0064, 0x0000'01b5}, {0x0068, 0xffff'fffc},
    {0x006c, 0x0000'ffff}, {0x0070, 0xffff'ffff}, {0x0074, 0x0000'003f}, {0x0080, 0xffff'ffc0},
    {0x0084, 0x4000'ffff}, {0x0088, 0x0003'07ff}, {0x0090, 0xffff'ffff}, {0x0094, 0x4000'ffff},
    {0x0098, 0x000f'ffff}, {0x00a0, 0xffff'ffff}, {0x00a4, 0x4000'ffff}, {0x00b0, 0xffff'fffc},
    {0x00b4, 0x0000'ffff}, {0x00b8, 0xffff'ffff}, {0x00bc, 0x0000'003f}};

}  // namespace

TEST_CASE("IHI 0070 §6.3: out of reset all is disabled, and traffic passes") {
  Reset bench;
  for (std::uint64_t offset = 0x20; offset < 0x200; offset += 4)
    CHECK(bench.r32(offset) == (offset == 0x44 ? 0x1000 : 0));
  for (std::uint64_t offset = 0x8020; offset < 0x8200; offset += 4)
    CHECK(bench.r32(offset) == (offset == 0x8044 ? 0x1000 : 0));
  CHECK(bench.smmu.translate(0, {.address = 0x1234}, 0).output == 0x1234);
}

TEST_CASE("IHI 0070 §6.2: fields that are there hold what is written, the rest is RES0") {
  for (const std::uint32_t distance : {0U, 0x8000U})
    for (const auto& [offset, writable] : plain) {
      Reset bench;
      INFO("register " << std::hex << offset + distance);
      bench.w32(offset + distance, 0xffff'ffff);
      CHECK(bench.r32(offset + distance) == writable);
      bench.w32(offset + distance, 0);
      CHECK(bench.r32(offset + distance) == 0);
    }
}

TEST_CASE("IHI 0070 §6.3.9, §6.3.57: CR0 and its ACK, SIF and NSSTALLD are of the Secure one") {
  Reset bench;
  bench.w32(0x20, 0xffff'ffff);
  CHECK(bench.r32(0x20) == 0xd);  // without ATS and PRI no ATSCHK and PRIQEN
  CHECK(bench.r32(0x24) == 0xd);
  bench.w32(0x24, 0);
  CHECK(bench.r32(0x24) == 0xd);
  bench.w32(0x8020, 0xffff'ffff);
  CHECK(bench.r32(0x8020) == 0x22d);
  CHECK(bench.r32(0x8024) == 0x22d);
}

TEST_CASE("IHI 0070 §6.3.57: NSSTALLD is RES0 unless both fault models are there") {
  smmuv3::Config config = full();
  config.stall_model = smmuv3::StallModel::Forced;
  Reset bench(config);
  bench.w32(0x8020, 0x200);
  CHECK(bench.r32(0x8020) == 0);
  CHECK((bench.r32(0) >> 24 & 3) == 2);
}

TEST_CASE("IHI 0070 §6.3.14: GBPA changes with Update alone, and shows it complete") {
  Reset bench;
  bench.w32(0x44, 0x0010'0000);
  CHECK(bench.r32(0x44) == 0x1000);
  bench.w32(0x44, 0xffff'ffff);
  CHECK(bench.r32(0x44) == 0x001f'3f1f);
  CHECK(bench.smmu.translate(0, {.address = 0x1234}, 0).action == Action::Abort);
  bench.w32(0x8044, 0xffff'ffff);
  CHECK(bench.r32(0x8044) == 0x001f'ff1f);  // S_GBPA has NSCFG
}

TEST_CASE("IHI 0070 §6.3.16: IRQ_CTRL and its ACK") {
  Reset bench;
  bench.w32(0x50, 0xffff'ffff);
  CHECK(bench.r32(0x50) == 5);
  CHECK(bench.r32(0x54) == 5);
  bench.w32(0x54, 0);
  CHECK(bench.r32(0x54) == 5);
}

TEST_CASE("IHI 0070 §6.2: what an enable guards does not change while it is set") {
  struct Guard {
    std::uint32_t enable, value;
    std::vector<std::uint32_t> registers;
  };
  const Guard guards[] = {{0x20, 1, {0x2c, 0x80, 0x84, 0x88}},
                          {0x20, 8, {0x90, 0x94, 0x9c}},
                          {0x20, 4, {0xa0, 0xa4}},
                          {0x50, 1, {0x68, 0x6c, 0x70, 0x74}},
                          {0x50, 4, {0xb0, 0xb4, 0xb8, 0xbc}}};
  for (const std::uint32_t distance : {0U, 0x8000U})
    for (const Guard& guard : guards)
      for (const std::uint32_t offset : guard.registers) {
        Reset bench;
        INFO("register " << std::hex << offset + distance);
        bench.w32(distance + guard.enable, guard.value);
        bench.w32(distance + offset, 0xffff'ffff);
        CHECK(bench.r32(distance + offset) == 0);
        bench.w32(distance + guard.enable, 0);
        bench.w32(distance + offset, 0xffff'ffff);
        CHECK(bench.r32(distance + offset) != 0);
      }
}

TEST_CASE("IHI 0070 §6.3.11: CR1's table half is SMMUEN's, its queue half that of each queue") {
  for (const auto& [enable, writable] :
       {std::pair(0x1U, 0x03fU), {0x4U, 0xfc0U}, {0x8U, 0xfc0U}, {0xdU, 0x0U}}) {
    Reset bench;
    bench.w32(0x20, enable);
    bench.w32(0x28, 0xffff'ffff);
    CHECK(bench.r32(0x28) == writable);
  }
}

TEST_CASE("IHI 0070 §6.3.28: CMDQ_CONS holds an index and a wrap flag of the queue's size, and no error") {
  Reset bench;
  bench.w32(0x90, 3);
  bench.w32(0x9c, 0xffff'ffff);
  CHECK(bench.r32(0x9c) == 0xf);
  bench.w32(0x90, 1);  // a smaller queue cuts it
  CHECK(bench.r32(0x9c) == 0x3);
}

TEST_CASE("IHI 0070 §6.2.2: EVENTQ_PROD and EVENTQ_CONS are in page 1, PROD is software's without EVENTQEN") {
  Reset bench;
  bench.w32(0xa0, 19);
  bench.w32(0x100a8, 0xffff'ffff);
  bench.w32(0x100ac, 0xffff'ffff);
  CHECK(bench.r32(0x100a8) ==
        0x8000'00ff);  // LOG2SIZE counts as EVENTQS, 7: what is above the wrap flag is RAZ
  CHECK(bench.r32(0x100ac) == 0x800f'ffff);
  CHECK(bench.r32(0xa8) == 0);  // page 0 is no alias
  CHECK(bench.r32(0xac) == 0);
  bench.w32(0x20, 4);
  bench.w32(0x100a8, 0);
  bench.w32(0x100ac, 0);
  CHECK(bench.r32(0x100a8) == 0x8000'00ff);
  CHECK(bench.r32(0x100ac) == 0);
}

TEST_CASE("IHI 0070 §6.2: Secure registers are RAZ/WI to Non-secure accesses, and without a Secure state") {
  Reset bench;
  bench.w32(0x8020, 0xd, false);
  CHECK(bench.r32(0x8020) == 0);
  bench.w32(0x8020, 0xd);
  CHECK(bench.r32(0x8020) == 0xd);
  CHECK(bench.r32(0x8020, false) == 0);
  CHECK(bench.r32(0x8004, false) == 0);
  CHECK(bench.r32(0x8004) >> 31 == 1);  // SECURE_IMPL
  bench.w32(0x20, 0xd);                 // either state may touch the Non-secure ones
  CHECK(bench.r32(0x20, false) == 0xd);

  smmuv3::Config config = full();
  config.secure = config.secure_el2 = false;
  Reset without(config);
  without.w32(0x8020, 0xd);
  for (std::uint64_t offset = 0x8000; offset < 0x8200; offset += 4) CHECK(without.r32(offset) == 0);
  without.w32(0x8098, 1);
  CHECK_FALSE(without.smmu.commands_pending(SecurityState::Secure));
  InterfaceBench bypassing(config);
  bypassing.set_ste(3, ste(4));
  CHECK(bypassing.read(3, 0x1000).action == Action::Forward);
  bypassing.set_ste(3, Structure{});
  bypassing.w32(0x803c, 1);  // no S_INIT either
  CHECK(bypassing.read(3, 0x1000).action == Action::Forward);
}

TEST_CASE("IHI 0070 §6.3.62: S_INIT.INV_ALL empties every cache, and reads as done") {
  InterfaceBench bench;
  bench.set_ste(3, ste(4));
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
  bench.set_ste(3, Structure{});
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
  bench.w32(0x803c, 1, false);
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
  bench.w32(0x803c, 0xffff'fffe);
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
  bench.w32(0x803c, 1);
  CHECK(bench.r32(0x803c) == 0);
  CHECK(bench.read(3, 0x1000).action == Action::Abort);
}

TEST_CASE(
    "IHI 0070 §6.2: a 64-bit register in one access or in halves, other sizes and misaligned are RAZ/WI") {
  Reset bench;
  bench.smmu.write(0x80, 0x4000'1234'5678'9ac0, 8, false);
  CHECK(bench.smmu.read(0x80, 8, false) == 0x4000'1234'5678'9ac0);
  CHECK(bench.r32(0x84) == 0x4000'1234);
  bench.smmu.write(0x80, 0, 2, false);
  bench.smmu.write(0x82, 0, 4, false);
  bench.smmu.write(0x84, 0, 8, false);
  CHECK(bench.smmu.read(0x80, 8, false) == 0x4000'1234'5678'9ac0);
  CHECK(bench.smmu.read(0x80, 2, false) == 0);
  CHECK(bench.smmu.read(0x82, 4, false) == 0);
  CHECK(bench.smmu.read(0x84, 8, false) == 0);
  CHECK(bench.smmu.read(0x20000, 4, true) == 0);
  bench.smmu.write(0x1'0000'0080, 0, 8, true);  // beyond the frame, by more than 32 bits hold
  CHECK(bench.smmu.read(0x80, 8, true) == 0x4000'1234'5678'9ac0);
  CHECK(bench.smmu.read(0x1'0000'0080, 8, true) == 0);
}

TEST_CASE("IHI 0070 §6.3.1: what no SMMU of ours has is not advertised, all else as it is configured") {
  smmuv3::Config config = full();
  Reset without(config);
  CHECK((without.r32(0) & 0x0001'8420) == 0);  // PRI 16, ATOS 15, ATS 10, BTM 5
  config.ats = config.pri = true;
  Reset bench(config);
  CHECK((bench.r32(0) & 0x0001'8420) == 0x0001'0400);
  CHECK(bench.r32(0x1c) == 3);
}

TEST_CASE("IHI 0070 §7.5: an error that is active is not logged again") {
  InterfaceBench bench;
  bench.memory.aborting.insert(0x1b00'0000);
  for (unsigned n = 0; n < 2; ++n) bench.command(0x46 | 1 << 12, 0x1b00'0000);
  CHECK(bench.r32(0x60) == 0x10);
  unsigned errors = 0;
  for (const auto& [state, source] : bench.log.interrupts)
    errors += source == Interrupt::GlobalError ? 1U : 0U;
  CHECK(errors == 1);
  bench.w32(0x64, 0x10);
  bench.command(0x46 | 1 << 12, 0x1b00'0000);
  CHECK(bench.r32(0x60) == 0);
}

TEST_CASE("IHI 0070 §7.1: a command that fails again is an error again") {
  InterfaceBench bench;
  bench.command(0);
  CHECK(bench.r32(0x60) == 1);
  bench.w32(0x64, 1);
  bench.run();
  CHECK(bench.r32(0x60) == 0);
  CHECK(bench.log.interrupts.size() == 2);
}

TEST_CASE(
    "IHI 0070 §6.3.16, §7.5.1: GERROR interrupts need GERROR_IRQEN, and their MSI goes to its address") {
  InterfaceBench bench;
  bench.w32(0x50, 0);
  bench.command(0);
  CHECK(bench.r32(0x60) == 1);
  CHECK(bench.log.interrupts.empty());
  bench.w64(0x68, 0x1a00'0040);
  bench.w32(0x70, 0xbeef);
  bench.w32(0x50, 1);
  CHECK(bench.log.interrupts.empty());  // what happened before it was enabled is not told
  bench.w32(0x64, 1);
  bench.run();
  REQUIRE(bench.log.interrupts.size() == 1);
  CHECK(bench.memory.words[0x1a00'0040] == 0xbeef);

  bench.memory.aborting.insert(0x1a00'0040);
  bench.w32(0x64, 0);
  bench.run();
  CHECK(bench.r32(0x60) == 0x81);  // MSI_GERROR_ABT_ERR, which raises no interrupt of its own
  CHECK(bench.log.interrupts.size() == 2);
}

}  // namespace sidewinder::test
