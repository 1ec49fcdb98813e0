// SPDX-License-Identifier: Apache-2.0
//
// Interrupts and MSIs: when there is one, whose it is, and what may be seen once it is (IHI 0070 §3.18).

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t sync_with_irq = 0x46 | 1 << 12;
constexpr std::uint64_t doorbell = 0x1a00'0040;

unsigned count(const SmmuLog& log, SecurityState state, Interrupt source) {
  unsigned found = 0;
  for (const auto& each : log.interrupts) found += each == std::pair(state, source) ? 1U : 0U;
  return found;
}

/// Points the MSIs of one source of one interface at `address`; its registers begin at `cfg0`.
void point(InterfaceBench& bench, std::uint64_t regs, std::uint64_t cfg0, std::uint64_t address,
           std::uint32_t data) {
  const std::uint32_t enabled = bench.r32(regs + 0x50);
  bench.w32(regs + 0x50, 0);
  bench.w64(regs + cfg0, address);
  bench.w32(regs + cfg0 + 8, data);
  bench.w32(regs + 0x50, enabled);
}

/// An event of either Security state: a stream whose STE is all zeros.
void bad_ste(InterfaceBench& bench, SecurityState state = SecurityState::NonSecure) {
  bench.send({.address = 0x1000, .stream_id = 3, .security = state});
}

/// What the registers said when each interrupt was told and each MSI written: CMDQ_CONS, GERROR and
/// EVENTQ_PROD of the Non-secure interface.
struct Seen {
  std::uint32_t cmdq_cons, gerror, eventq_prod;
  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Watcher final : WordMemory, smmuv3::SmmuListener {
  const smmuv3::Smmu* smmu = nullptr;
  std::vector<Seen> wired, msis, woken;

  [[nodiscard]] Seen look() const {
    const auto r32 = [&](std::uint64_t offset) {
      return static_cast<std::uint32_t>(smmu->read(offset, 4, true));
    };
    return {r32(0x9c), r32(0x60), r32(0x100a8)};
  }
  void interrupt(SecurityState, Interrupt) override { wired.push_back(look()); }
  void wake_up() override { woken.push_back(look()); }
  void resume(std::uint64_t, Resumption) override {}
  arch::PortResponse write_words(const arch::PortAccess& access,
                                 std::span<const std::uint32_t> data) override {
    if (access.address == doorbell) msis.push_back(look());
    return WordMemory::write_words(access, data);
  }
};

struct Watched {
  Watcher watcher;
  smmuv3::Smmu smmu;

  explicit Watched(const smmuv3::Config& config = full()) : smmu(config, 1, watcher, watcher) {
    watcher.smmu = &smmu;
    smmu.write(0x80, InterfaceBench::stream_table, 8, true);
    smmu.write(0x88, 8, 4, true);
    smmu.write(0x90, InterfaceBench::commands | 4, 8, true);
    smmu.write(0xa0, InterfaceBench::events | 4, 8, true);
    smmu.write(0x68, doorbell, 8, true);
    smmu.write(0xb0, doorbell, 8, true);
    smmu.write(0x50, 5, 4, true);
    smmu.write(0x20, 0xd, 4, true);
  }
  void command(std::uint64_t low, std::uint64_t high = 0) {
    const std::uint64_t prod = smmu.read(0x98, 4, true);
    watcher.words[InterfaceBench::commands + 16 * prod] = low;
    watcher.words[InterfaceBench::commands + 16 * prod + 8] = high;
    smmu.write(0x98, prod + 1, 4, true);
    while (smmu.process_command(SecurityState::NonSecure)) {
    }
  }
};

}  // namespace

TEST_CASE("IHI 0070 §4.7.3, §3.18: CONS has passed a CMD_SYNC before its interrupt, its MSI and its event") {
  smmuv3::Config config = full();
  config.wake_up_events = true;
  Watched bench(config);
  bench.command(0x46);
  bench.command(sync_with_irq, doorbell);
  const std::vector<Seen> second{{2, 0, 0}};
  CHECK(bench.watcher.wired == second);
  CHECK(bench.watcher.msis == second);
  bench.command(0x46 | 2 << 12);
  CHECK(bench.watcher.woken == std::vector<Seen>{{3, 0, 0}});
  CHECK(bench.watcher.wired.size() == 1);
}

TEST_CASE("IHI 0070 §4.1.2: a queue that was full has room before its wake-up event, which needs IDR0.SEV") {
  for (const bool sev : {false, true}) {
    smmuv3::Config config = full();
    config.wake_up_events = sev;
    Watched bench(config);
    for (unsigned n = 0; n < 16; ++n) bench.watcher.words[InterfaceBench::commands + 16 * n] = 0x46;
    bench.smmu.write(0x98, 0x10, 4, true);
    while (bench.smmu.process_command(SecurityState::NonSecure)) {
    }
    CHECK(bench.watcher.woken == (sev ? std::vector<Seen>{{1, 0, 0}} : std::vector<Seen>{}));
  }
}

TEST_CASE("IHI 0070 §3.18: PROD has passed an event before its interrupt and its MSI, its record is there") {
  Watched bench;
  static_cast<void>(bench.smmu.translate(0, {.address = 0x1000, .stream_id = 3}, 0));
  CHECK(bench.watcher.wired == std::vector<Seen>{{0, 0, 1}});
  CHECK(bench.watcher.msis == std::vector<Seen>{{0, 0, 1}});
  CHECK(bench.watcher.words[InterfaceBench::events] == 0x0000'0003'0000'0004);
}

TEST_CASE(
    "IHI 0070 §3.18, §7.1: GERROR and CMDQ_CONS.ERR tell of an error before its interrupt and its MSI") {
  Watched bench;
  bench.command(0x46);
  bench.command(0);
  CHECK(bench.watcher.wired == std::vector<Seen>{{0x0100'0001, 1, 0}});
  CHECK(bench.watcher.msis == std::vector<Seen>{{0x0100'0001, 1, 0}});
}

TEST_CASE("IHI 0070 §3.18.1: an MSI of CMD_SYNC that aborts is in GERROR when the next command is consumed") {
  Watched bench;
  bench.watcher.aborting.insert(0x1b00'0000);
  bench.command(sync_with_irq, 0x1b00'0000);
  REQUIRE(bench.watcher.wired.size() == 2);
  CHECK(bench.watcher.wired[0] == Seen{1, 0, 0});  // the CMD_SYNC's own
  CHECK(bench.watcher.wired[1] == Seen{1, 0x10, 0});
}

TEST_CASE("IHI 0070 §6.3.16: an event from before EVENTQ_IRQEN is told neither then nor later") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    const std::uint64_t regs = state == SecurityState::Secure ? 0x8000 : 0;
    const std::uint64_t cons = state == SecurityState::Secure ? 0x80ac : 0x100ac;
    InterfaceBench bench;
    point(bench, regs, 0xb0, doorbell, 0xcafe);
    const auto& words = state == SecurityState::Secure ? bench.memory.secure_words : bench.memory.words;
    bench.w32(regs + 0x50, 0x1);
    bad_ste(bench, state);
    CHECK(bench.log.interrupts.empty());
    bench.w32(regs + 0x50, 0x5);  // with the queue not empty
    CHECK(bench.log.interrupts.empty());
    bad_ste(bench, state);  // still not: it does not become so
    CHECK(bench.log.interrupts.empty());
    CHECK(words.count(doorbell) == 0);
    bench.w32(cons, 2);
    bad_ste(bench, state);
    CHECK(count(bench.log, state, Interrupt::EventQueue) == 1);
    CHECK(words.at(doorbell) == 0xcafe);
    bench.w32(regs + 0x50, 0);
    bench.w32(cons, 3);
    bad_ste(bench, state);
    CHECK(bench.log.interrupts.size() == 1);
  }
}

TEST_CASE("IHI 0070 §6.3.16: each source has its own enable, and each interface its own") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    for (const std::uint32_t enabled : {0U, 1U, 4U, 5U}) {
      const std::uint64_t regs = state == SecurityState::Secure ? 0x8000 : 0;
      InterfaceBench bench;
      bench.w32(regs + 0x50, enabled);
      bench.w32((regs ^ 0x8000) + 0x50, 5 ^ enabled);
      bad_ste(bench, state);
      bench.command(0, 0, state);
      CHECK(count(bench.log, state, Interrupt::EventQueue) == (enabled >> 2));
      CHECK(count(bench.log, state, Interrupt::GlobalError) == (enabled & 1));
      CHECK(bench.log.interrupts.size() == (enabled >> 2) + (enabled & 1));
    }
}

TEST_CASE("IHI 0070 §3.18.2: CMD_SYNC's interrupt needs no enable, and comes with MSIAddress 0 too") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    InterfaceBench bench;
    bench.w32(0x50, 0);
    bench.w32(0x8050, 0);
    bench.command(sync_with_irq | std::uint64_t{0x77} << 32, 0, state);
    CHECK(count(bench.log, state, Interrupt::CommandSync) == 1);
    CHECK(bench.smmu.counters().msis == 0);
    CHECK(bench.memory.words.count(0) == 0);
  }
}

TEST_CASE(
    "IHI 0070 §3.18.2: an address of 0 sends no MSI, of any source, and the wire is there all the same") {
  InterfaceBench bench;
  bad_ste(bench);
  bench.command(0);
  CHECK(count(bench.log, SecurityState::NonSecure, Interrupt::EventQueue) == 1);
  CHECK(count(bench.log, SecurityState::NonSecure, Interrupt::GlobalError) == 1);
  CHECK(bench.smmu.counters().msis == 0);
  CHECK(bench.memory.words.count(0) == 0);
}

TEST_CASE("IHI 0070 §3.18: the Secure interface's MSIs are Secure writes, the Non-secure one's are not") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    const bool secure = state == SecurityState::Secure;
    const std::uint64_t regs = secure ? 0x8000 : 0;
    InterfaceBench bench;
    point(bench, regs, 0x68, doorbell, 0xbeef);
    point(bench, regs, 0xb0, doorbell + 0x40, 0xcafe);
    auto& own = secure ? bench.memory.secure_words : bench.memory.words;
    auto& others = secure ? bench.memory.words : bench.memory.secure_words;
    bad_ste(bench, state);
    CHECK(bench.memory.accesses.back().secure == secure);
    bench.command(sync_with_irq | std::uint64_t{0x5a5a} << 32, doorbell + 0x80, state);
    CHECK(bench.memory.accesses.back().secure == secure);
    bench.command(0, 0, state);
    CHECK(bench.memory.accesses.back().secure == secure);
    CHECK(own[doorbell] == 0xbeef);
    CHECK(own[doorbell + 0x40] == 0xcafe);
    CHECK(own[doorbell + 0x80] == 0x5a5a);
    for (const std::uint64_t place : {0U, 0x40U, 0x80U}) CHECK(others.count(doorbell + place) == 0);
  }
}

TEST_CASE("IHI 0070 §7.5: an error of one interface is in its own GERROR, and stops nothing of the other's") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    const bool secure = state == SecurityState::Secure;
    const SecurityState other = secure ? SecurityState::NonSecure : SecurityState::Secure;
    const std::uint64_t regs = secure ? 0x8000 : 0;
    InterfaceBench bench;
    bench.memory.aborting = {InterfaceBench::events, 0x1b00'0000, 0x1c00'0000};
    point(bench, regs, 0x68, 0x1c00'0000, 0);
    bad_ste(bench, state);
    bench.command(sync_with_irq, 0x1b00'0000, state);
    bench.command(0, 0, state);
    CHECK(bench.r32(regs + 0x60) == 0x95);  // GERROR's MSI, CMD_SYNC's, the event queue, the command queue
    CHECK(bench.r32((regs ^ 0x8000) + 0x60) == 0);
    CHECK(count(bench.log, state, Interrupt::GlobalError) == 3);
    CHECK(count(bench.log, other, Interrupt::GlobalError) == 0);
    bench.memory.aborting.clear();
    bench.command(0x46, 0, other);
    CHECK(bench.r32((regs ^ 0x8000) + 0x9c) == 1);
    bad_ste(bench, other);
    CHECK(bench.r32(secure ? 0x100a8 : 0x80a8) == 1);
    // Acknowledged one at a time, each by its own bit.
    bench.w32(regs + 0x64, 0x01);
    bench.memory.words[InterfaceBench::commands + 16] = 0x46;
    bench.memory.secure_words[InterfaceBench::commands + 16] = 0x46;
    bench.run(state);
    CHECK((bench.r32(regs + 0x9c) & 0xf'ffff) == 2);
    bad_ste(bench, state);
    CHECK(bench.r32(secure ? 0x80a8 : 0x100a8) == 0);
    bench.w32(regs + 0x64, 0x05);
    bad_ste(bench, state);
    CHECK(bench.r32(secure ? 0x80a8 : 0x100a8) == 1);
    CHECK(bench.r32(regs + 0x60) == 0x95);
  }
}

TEST_CASE("IHI 0070 §7.5: an event queue's MSI that aborts is MSI_EVENTQ_ABT_ERR, with a GERROR interrupt") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    const std::uint64_t regs = state == SecurityState::Secure ? 0x8000 : 0;
    InterfaceBench bench;
    bench.memory.aborting.insert(doorbell);
    point(bench, regs, 0xb0, doorbell, 0);
    bad_ste(bench, state);
    CHECK(bench.r32(regs + 0x60) == 0x20);
    CHECK(bench.r32((regs ^ 0x8000) + 0x60) == 0);
    CHECK(count(bench.log, state, Interrupt::GlobalError) == 1);
  }
}

TEST_CASE("IHI 0070 §6.3.20: GERRORN toggled for an error that is not there makes it active, untold") {
  // §6.3.19 has an error active while the two differ; it is CONSTRAINED UNPREDICTABLE whether this one is.
  InterfaceBench bench;
  bench.w32(0x64, 0xffff'ffff);
  CHECK(bench.r32(0x64) == 0x1b5);
  CHECK(bench.r32(0x60) == 0);
  CHECK(bench.log.interrupts.empty());
  bench.command(0x46);
  CHECK(bench.r32(0x9c) == 0);
  bad_ste(bench);
  CHECK(bench.eventq_prod() == 0);
  CHECK(bench.log.interrupts.empty());

  bench.w32(0x64, 0);  // and back: all goes on, nothing was recorded
  bench.run();
  CHECK(bench.r32(0x9c) == 1);
  bad_ste(bench);
  CHECK(bench.eventq_prod() == 1);
  bench.command(0);
  CHECK(bench.r32(0x60) == 1);
  CHECK(count(bench.log, SecurityState::NonSecure, Interrupt::GlobalError) == 1);

  InterfaceBench queue;
  queue.w32(0x64, 4);  // EVENTQ_ABT_ERR alone: commands go on
  queue.command(0x46);
  CHECK(queue.r32(0x9c) == 1);
  bad_ste(queue);
  CHECK(queue.eventq_prod() == 0);
  InterfaceBench commands;
  commands.w32(0x64, 1);
  commands.command(0x46);
  CHECK(commands.r32(0x9c) == 0);
  bad_ste(commands);
  CHECK(commands.eventq_prod() == 1);
}

TEST_CASE("IHI 0070 §6.3.1 MSI: without MSIs their registers are RES0, and no source sends one") {
  smmuv3::Config config = full();
  config.msi = false;
  InterfaceBench bench(config);
  CHECK((bench.r32(0) >> 13 & 1) == 0);
  CHECK((bench.r32(0x8000) >> 13 & 1) == 0);
  for (const std::uint64_t regs : {0U, 0x8000U}) {
    bench.w32(regs + 0x50, 0);
    for (const std::uint64_t place : {0x68U, 0x6cU, 0x70U, 0x74U, 0xb0U, 0xb4U, 0xb8U, 0xbcU}) {
      bench.w32(regs + place, 0xffff'ffff);
      CHECK(bench.r32(regs + place) == 0);
    }
    bench.w32(regs + 0x64, 0xffff'ffff);
    CHECK(bench.r32(regs + 0x64) == 0x105);  // no error of an MSI
    bench.w32(regs + 0x64, 0);
    bench.w32(regs + 0x50, 5);
  }
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    bench.memory.aborting.insert(0x1b00'0000);
    bad_ste(bench, state);
    bench.command(sync_with_irq, 0x1b00'0000, state);  // MSIAddress and MSIData are IGNORED
    bench.command(sync_with_irq | std::uint64_t{0x77} << 32, doorbell, state);
    bench.command(0, 0, state);
    for (const Interrupt source : {Interrupt::EventQueue, Interrupt::GlobalError})
      CHECK(count(bench.log, state, source) == 1);
    CHECK(count(bench.log, state, Interrupt::CommandSync) == 2);
    CHECK(bench.r32((state == SecurityState::Secure ? 0x8000 : 0) + 0x60) == 1);
  }
  CHECK(bench.smmu.counters().msis == 0);
  CHECK(bench.memory.words.count(doorbell) + bench.memory.secure_words.count(doorbell) == 0);
}

TEST_CASE("IHI 0070 §4.7.3, §3.4.3: MSIAddress is truncated to the OAS, after the check for 0 of all of it") {
  smmuv3::Config config = full();
  config.output_bits = 40;
  InterfaceBench bench(config);
  bench.command(sync_with_irq | std::uint64_t{0x77} << 32, 0x00ff'ff00'1b00'0010);
  CHECK(bench.memory.words[0x1b00'0010] == 0x77);
  bench.command(sync_with_irq | std::uint64_t{0x78} << 32, 0x0080'0000'0000'0000);
  CHECK(bench.memory.words[0] == 0x78);
  CHECK(bench.smmu.counters().msis == 2);
  bench.command(sync_with_irq | std::uint64_t{0x79} << 32,
                0xff00'0000'0000'0003);  // bits that are no address
  CHECK(bench.smmu.counters().msis == 2);
  CHECK(bench.memory.words[0] == 0x78);
  CHECK(bench.r32(0x60) == 0);
}

TEST_CASE("IHI 0070 §6.3.21, §6.3.30: an MSI address of bits above the OAS alone is 0, and sends none") {
  smmuv3::Config config = full();
  config.output_bits = 40;
  InterfaceBench bench(config);
  point(bench, 0, 0x68, 0x00ff'ff00'0000'0003, 0x11);
  point(bench, 0, 0xb0, 0x00ff'ff00'0000'0003, 0x22);
  bad_ste(bench);
  bench.command(0);
  CHECK(bench.smmu.counters().msis == 0);
  point(bench, 0, 0xb0, 0x00ff'ff12'3456'7894, 0x22);
  bench.w32(0x100ac, 1);
  bad_ste(bench);
  CHECK(bench.memory.words[0x12'3456'7890] == 0x0000'0022'0000'0000);
}

TEST_CASE("IHI 0070 §6.3.23, §6.3.32: an MSI has its own source's MemAttr and SH") {
  for (const std::uint64_t cfg0 : {0x68U, 0xb0U})
    for (const std::uint32_t attributes : {0x00U, 0x05U, 0x3fU, 0x2aU}) {
      InterfaceBench bench;
      point(bench, 0, cfg0, doorbell, 0x11);
      bench.w32(0x50, 0);
      bench.w32(cfg0 + 0xc, attributes);
      bench.w32((cfg0 ^ 0x68 ^ 0xb0) + 0xc, ~attributes);
      bench.w32(0x50, 5);
      if (cfg0 == 0x68)
        bench.command(0);
      else
        bad_ste(bench);
      CHECK(bench.memory.accesses.back().address == doorbell);
      CHECK(bench.memory.accesses.back().attributes ==
            arch::from_stage2(static_cast<std::uint8_t>(attributes & 0xf),
                              static_cast<std::uint8_t>(attributes >> 4)));
    }
}

TEST_CASE("IHI 0070 §4.7.3, SIG_SEV: with IDR0.SEV an event and no interrupt, without it nothing") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    for (const bool sev : {false, true}) {
      smmuv3::Config config = full();
      config.wake_up_events = sev;
      InterfaceBench bench(config);
      CHECK((bench.r32(0) >> 14 & 1) == (sev ? 1 : 0));
      bench.command(0x46 | 2 << 12 | std::uint64_t{0x77} << 32, doorbell, state);
      CHECK(bench.log.wake_ups == (sev ? 1 : 0));
      CHECK(bench.log.interrupts.empty());
      CHECK(bench.smmu.counters().msis == 0);
      CHECK(bench.smmu.counters().syncs == 1);
      CHECK(bench.r32(0x60) + bench.r32(0x8060) == 0);
    }
}

}  // namespace sidewinder::test
