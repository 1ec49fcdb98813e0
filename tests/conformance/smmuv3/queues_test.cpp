// SPDX-License-Identifier: Apache-2.0
//
// The command and event queues' indices, of queues of every size: wrap flags, what is full and what is empty,
// and the bits above them (IHI 0070 §3.5.1, §6.3.26 to §6.3.29).

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t sync = 0x46;
constexpr std::uint64_t command_base = 0x4000'0000, event_base = 0x8000'0000;

smmuv3::Config largest() {
  smmuv3::Config config = full();
  config.command_queue_bits = config.event_queue_bits = 19;
  return config;
}

/// Queues of 2^log2size entries, empty, with both indices at `start`.
struct Queues : InterfaceBench {
  unsigned log2size;
  std::uint64_t regs, prod, cons;  ///< prod and cons: of the event queue
  SecurityState state;

  Queues(unsigned size, std::uint32_t start, SecurityState whose = SecurityState::NonSecure,
         const smmuv3::Config& config = largest())
      : InterfaceBench(config),
        log2size(size),
        regs(whose == SecurityState::Secure ? 0x8000 : 0),
        prod(whose == SecurityState::Secure ? 0x80a8 : 0x100a8),
        cons(prod + 4),
        state(whose) {
    w32(regs + 0x20, 1);
    w64(regs + 0x90, command_base | size);
    w64(regs + 0xa0, event_base | size);
    w32(regs + 0x98, start);
    w32(regs + 0x9c, start);
    w32(prod, start);
    w32(cons, start);
    w32(regs + 0x20, 0xd);
  }

  [[nodiscard]] std::uint32_t wrap() const { return std::uint32_t{1} << log2size; }
  [[nodiscard]] std::uint32_t index(std::uint32_t pointer) const { return pointer & (wrap() - 1); }
  [[nodiscard]] std::uint32_t after(std::uint32_t pointer, std::uint32_t entries = 1) const {
    return (pointer + entries) & (2 * wrap() - 1);
  }
  std::map<std::uint64_t, std::uint64_t>& space() {
    return state == SecurityState::Secure ? memory.secure_words : memory.words;
  }
  void put_sync(std::uint32_t pointer) { space()[command_base + 16 * std::uint64_t{index(pointer)}] = sync; }
  [[nodiscard]] std::uint32_t consumed() const { return r32(regs + 0x9c) & 0xf'ffff; }
  /// C_BAD_STE of `stream`.
  void event_of(std::uint32_t stream) { send({.address = 0x1000, .stream_id = stream, .security = state}); }
  std::uint64_t first_word(std::uint32_t pointer) {
    return space()[event_base + 32 * std::uint64_t{index(pointer)}];
  }
};

}  // namespace

TEST_CASE("IHI 0070 §3.5.1, §6.3.28: commands are fetched round the end of queues of every size") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    for (unsigned log2size = 0; log2size <= 19; ++log2size)
      for (const bool wrapped : {false, true}) {
        const std::uint32_t wrap = std::uint32_t{1} << log2size;
        const std::uint32_t last = (wrap - 1) | (wrapped ? wrap : 0);
        if (log2size == 19 && wrapped) continue;  // bit 19 is the wrap flag, and last is the largest
        INFO("2^" << log2size << " entries, wrapped " << wrapped);
        Queues bench(log2size, last, state);
        REQUIRE(bench.consumed() == last);
        CHECK_FALSE(bench.smmu.commands_pending(state));
        const unsigned two = log2size == 0 ? 1 : 2;
        for (unsigned n = 0; n < two; ++n) bench.put_sync(bench.after(last, n));
        bench.w32(bench.regs + 0x98, bench.after(last, two));
        CHECK(bench.smmu.commands_pending(state));
        bench.memory.reads.clear();
        bench.run(state);
        CHECK(bench.consumed() == bench.after(last, two));
        CHECK(bench.r32(bench.regs + 0x60) == 0);
        REQUIRE(bench.memory.reads.size() == 2 * two);
        CHECK(bench.memory.reads[0] == command_base + 16 * std::uint64_t{wrap - 1});
        CHECK(bench.memory.reads[1] == command_base + 16 * std::uint64_t{wrap - 1} + 8);
        if (two == 2) CHECK(bench.memory.reads[2] == command_base);
      }
}

TEST_CASE("IHI 0070 §3.5.1: a full command queue is consumed whole, whatever its size and where it starts") {
  for (unsigned log2size = 0; log2size <= 7; ++log2size)
    for (const std::uint32_t start : {0U, 1U, 5U, 77U, 200U}) {
      Queues bench(log2size, start);
      const std::uint32_t from = bench.after(start, 0);
      for (std::uint32_t n = 0; n < bench.wrap(); ++n) bench.put_sync(n);
      bench.w32(0x98, from ^ bench.wrap());
      bench.run();
      CHECK(bench.smmu.counters().commands == bench.wrap());
      CHECK(bench.consumed() == (from ^ bench.wrap()));
    }
}

TEST_CASE("IHI 0070 §3.5.1: events are written round the end of queues of every size, up to the last place") {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    for (unsigned log2size = 0; log2size <= 19; ++log2size)
      for (const bool wrapped : {false, true}) {
        const std::uint32_t wrap = std::uint32_t{1} << log2size;
        const std::uint32_t last = (wrap - 1) | (wrapped ? wrap : 0);
        if (log2size == 19 && wrapped) continue;
        INFO("2^" << log2size << " entries, wrapped " << wrapped);
        Queues bench(log2size, last, state);
        bench.event_of(21);
        CHECK(bench.r32(bench.prod) == bench.after(last));
        CHECK(bench.first_word(last) == (std::uint64_t{21} << 32 | 4));
        bench.event_of(22);
        if (log2size == 0) {
          CHECK(bench.r32(bench.prod) == (bench.after(last) | 0x8000'0000));  // one entry is full with one
        } else {
          CHECK(bench.r32(bench.prod) == bench.after(last, 2));
          CHECK(bench.first_word(0) == (std::uint64_t{22} << 32 | 4));
        }
        CHECK(bench.first_word(last) == (std::uint64_t{21} << 32 | 4));
      }
}

TEST_CASE("IHI 0070 §7.4: an event queue of any size is full with all its entries, and with one fewer not") {
  for (unsigned log2size = 0; log2size <= 7; ++log2size)
    for (const std::uint32_t start : {0U, 3U, 100U, 255U}) {
      INFO("2^" << log2size << " entries from " << start);
      Queues bench(log2size, start);
      const std::uint32_t from = bench.after(start, 0);
      for (std::uint32_t n = 0; n < bench.wrap(); ++n) {
        CHECK(bench.r32(bench.prod) == bench.after(from, n));
        bench.event_of(n & 0xff);
      }
      CHECK(bench.r32(bench.prod) == (from ^ bench.wrap()));
      CHECK(bench.smmu.counters().events_discarded == 0);
      bench.event_of(9);
      CHECK(bench.r32(bench.prod) == ((from ^ bench.wrap()) | 0x8000'0000));
      CHECK(bench.smmu.counters().events == bench.wrap());
      CHECK(bench.smmu.counters().events_discarded == 1);
      bench.w32(bench.cons, bench.after(from));  // one is read, overflow not acknowledged: one goes in (§7.4)
      bench.event_of(10);
      CHECK(bench.r32(bench.prod) == (0x8000'0000U | bench.after(from ^ bench.wrap())));
      bench.event_of(11);
      CHECK((bench.r32(bench.prod) >> 31) == 1);  // a second overflow cannot be told
      CHECK(bench.smmu.counters().events_discarded == 2);
    }
}

TEST_CASE("IHI 0070 §6.3.27, §6.3.28: index bits above a queue's size are stored or RAZ, and mean nothing") {
  for (unsigned log2size = 0; log2size < 19; ++log2size) {
    INFO("2^" << log2size << " entries");
    Queues bench(log2size, 0);
    const std::uint32_t above = 0xf'ffff & ~(2 * bench.wrap() - 1);
    bench.w32(0x98, above);
    bench.w32(bench.cons, above);
    CHECK_FALSE(bench.smmu.commands_pending(SecurityState::NonSecure));
    CHECK(bench.r32(0x98) == above);
    CHECK(bench.r32(bench.cons) == above);
    bench.put_sync(0);
    bench.w32(0x98, above | 1);
    bench.run();
    CHECK(bench.r32(0x9c) == 1);
    bench.event_of(3);
    CHECK(bench.r32(bench.prod) == 1);
    CHECK(bench.log.interrupts.size() == 1);
    bench.w32(bench.cons, above | 1);
    bench.event_of(3);
    CHECK(bench.log.interrupts.size() == 2);  // it was empty again

    bench.w32(0x20, 1);
    bench.w32(0x9c, above | 1);
    bench.w32(bench.prod, above | 1);
    CHECK(bench.r32(0x9c) == 1);
    CHECK(bench.r32(bench.prod) == 1);
  }
}

TEST_CASE("IHI 0070 §6.3.26, §6.3.29: LOG2SIZE is capped where it is used, and reads back as written") {
  smmuv3::Config config = full();
  config.command_queue_bits = 3;
  config.event_queue_bits = 2;
  for (unsigned log2size = 0; log2size < 32; ++log2size) {
    INFO("LOG2SIZE " << log2size);
    InterfaceBench bench(config);
    bench.w32(0x20, 1);
    bench.w64(0x90, command_base | log2size);
    bench.w64(0xa0, event_base | log2size);
    CHECK((bench.r32(0x90) & 0x1f) == log2size);
    CHECK((bench.r32(0xa0) & 0x1f) == log2size);
    bench.w32(0x9c, 0xf'ffff);
    bench.w32(0x100a8, 0xf'ffff);
    CHECK(bench.r32(0x9c) == (std::uint32_t{2} << std::min(log2size, 3U)) - 1);
    CHECK(bench.r32(0x100a8) == (std::uint32_t{2} << std::min(log2size, 2U)) - 1);
  }
}

TEST_CASE("IHI 0070 §6.3.26, §6.3.29: a queue is aligned to its size or 32 bytes, whichever is more") {
  for (unsigned log2size = 0; log2size <= 10; ++log2size) {
    INFO("2^" << log2size << " entries");
    InterfaceBench bench(largest());
    bench.w32(0x20, 1);
    constexpr std::uint64_t crooked = 0x5555'ffe0;
    bench.w64(0x90, crooked | log2size);
    bench.w64(0xa0, crooked | log2size);
    bench.w32(0x98, 1);
    const std::uint64_t command_size = std::max(std::uint64_t{16} << log2size, std::uint64_t{32});
    const std::uint64_t event_size = std::max(std::uint64_t{32} << log2size, std::uint64_t{32});
    bench.memory.words[crooked & ~(command_size - 1)] = sync;
    bench.w32(0x20, 0xd);
    bench.run();
    CHECK(bench.r32(0x9c) == 1);
    CHECK(bench.memory.accesses.back().address == (crooked & ~(command_size - 1)) + 8);
    bench.read(3, 0x1000);
    CHECK(bench.memory.accesses.back().address == (crooked & ~(event_size - 1)));
  }
}

TEST_CASE("IHI 0070 §6.3.28: a queue made smaller truncates its indices from the wrap flag down") {
  Queues bench(7, 0xab);
  bench.w32(0x20, 1);
  bench.w64(0x90, command_base | 3);
  bench.w64(0xa0, event_base | 3);
  CHECK(bench.r32(0x9c) == 0xb);
  CHECK(bench.r32(0x100a8) == 0xb);
}

TEST_CASE("IHI 0070 §6.3.28: an index wraps to the size of its time, and a larger queue finds 0 above it") {
  Queues bench(1, 3);  // the bits that it finds are UNKNOWN: here they are 0
  bench.put_sync(1);
  bench.w32(0x98, 0);
  bench.run();
  bench.event_of(3);
  CHECK(bench.r32(0x9c) == 0);
  CHECK(bench.r32(0x100a8) == 0);
  bench.w32(0x20, 1);
  bench.w64(0x90, command_base | 5);
  bench.w64(0xa0, event_base | 5);
  CHECK(bench.r32(0x9c) == 0);
  CHECK(bench.r32(0x100a8) == 0);

  bench.w64(0x90, command_base | 2);
  bench.w32(0x9c, 0xf'ffff);
  bench.w64(0x90, command_base | 5);
  CHECK(bench.r32(0x9c) == 7);
}

TEST_CASE(
    "IHI 0070 §6.3.26, §6.3.29: RA and WA are the queues' allocation hints, in what CR1 makes cacheable") {
  for (const bool hint : {false, true})
    for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
      Queues bench(4, 0, state);
      bench.w32(bench.regs + 0x20, 1);
      bench.w32(bench.regs + 0x94, hint ? 0x4000'0000 : 0);
      bench.w32(bench.regs + 0xa4, hint ? 0x4000'0000 : 0);
      bench.w32(bench.regs + 0x28, 0x0d75);  // Inner Shareable Write-Back
      bench.w32(bench.regs + 0x20, 0xd);
      bench.put_sync(0);
      bench.w32(bench.regs + 0x98, 1);
      bench.run(state);
      const arch::CachePolicy read{arch::Cacheability::WriteBack, hint, false, false};
      CHECK(bench.memory.accesses.back().attributes.inner == read);
      CHECK(bench.memory.accesses.back().attributes.outer == read);
      bench.event_of(3);
      const arch::CachePolicy written{arch::Cacheability::WriteBack, false, hint, false};
      CHECK(bench.memory.accesses.back().attributes.inner == written);
      CHECK(bench.memory.accesses.back().attributes.outer == written);
      CHECK(bench.memory.accesses.back().attributes.shareability == arch::Shareability::InnerShareable);
    }
}

TEST_CASE("IHI 0070 §3.5.1: indices farther apart than the queue is long are neither empty nor full") {
  Queues bench(4, 0);
  bench.w32(bench.cons, 0x15);  // 5 of the other lap, which PROD 0 never was behind
  bench.event_of(3);
  CHECK(bench.r32(bench.prod) == 1);
  CHECK(bench.log.interrupts.empty());
}

TEST_CASE("IHI 0070 §7.2.1: what is discarded for want of an enabled or sound queue is no overflow") {
  struct Case {
    std::uint32_t cr0;
    bool full, abort_error;
    bool overflows;
  };
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    for (const Case& c :
         {Case{0xd, true, false, true}, Case{0x9, true, false, false}, Case{0x9, false, false, false},
          Case{0xd, false, true, false}, Case{0xd, true, true, false}, Case{0x9, true, true, false}}) {
      INFO("CR0 " << c.cr0 << ", full " << c.full << ", EVENTQ_ABT_ERR " << c.abort_error);
      Queues bench(2, 0, state);
      if (c.full) bench.w32(bench.cons, 4);
      if (c.abort_error) bench.w32(bench.regs + 0x64, 4);
      bench.w32(bench.regs + 0x20, c.cr0);
      bench.event_of(3);
      CHECK(bench.smmu.counters().events == 0);
      CHECK(bench.smmu.counters().events_discarded == 1);
      CHECK(bench.r32(bench.prod) == (c.overflows ? 0x8000'0000 : 0));
      CHECK(bench.log.interrupts.empty());
      CHECK(bench.space().count(event_base) == 0);
    }
}

TEST_CASE("IHI 0070 §7.2.2, §7.4: an event whose write aborts is discarded, and that is no overflow") {
  Queues bench(2, 0);
  bench.memory.aborting.insert(event_base + 24);
  bench.event_of(3);
  CHECK(bench.smmu.counters().events_discarded == 1);
  CHECK(bench.r32(bench.prod) == 0);
  CHECK(bench.r32(0x60) == 4);
}

TEST_CASE("IHI 0070 §7.3.1: identical events are not merged, with STE.MEV 1 or 0") {
  for (const std::uint64_t mev : {0U, 1U}) {
    InterfaceBench bench;
    bench.set_ste(3, stage1_ste(0x2000'0000).put(83, mev));
    bench.set_cd(0x2000'0000, cd(0x3000'0000));
    for (unsigned n = 0; n < 3; ++n) bench.read(3, 0x1000);
    CHECK(bench.eventq_prod() == 3);
    CHECK(bench.event(0) == bench.event(1));
    CHECK(bench.event(0) == bench.event(2));
    CHECK((bench.event(0)[0] & 0xff) == 0x10);
  }
}

}  // namespace sidewinder::test
