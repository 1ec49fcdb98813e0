// SPDX-License-Identifier: Apache-2.0
//
// Which table an address is translated by, and which have none (IHI 0070 §3.4.1, DDI 0487 D8.2.4 and G5.5.4).

#include <catch2/catch.hpp>

#include "iommu/arch/stage1_walk.h"
#include "iommu/arch/walk.h"
#include "tests/support/tables.h"

namespace sidewinder::arch {
namespace {

using test::WordMemory;

constexpr std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

/// 0 or 1, or 2 for an address in no half.
unsigned half(const Stage1& regime, std::uint64_t address) {
  const Ttb* ttb = select_ttb(regime, address);
  return ttb == nullptr ? 2 : ttb == &regime.ttb[1] ? 1 : 0;
}

Stage1 lpae(unsigned t0sz, unsigned t1sz) {
  Stage1 regime;
  regime.format = TableFormat::Lpae;
  regime.ttb[0].tsz = static_cast<std::uint8_t>(t0sz);
  regime.ttb[1].tsz = static_cast<std::uint8_t>(t1sz);
  regime.output_bits = 40;
  return regime;
}

}  // namespace

TEST_CASE("VMSAv8-64: halves of different sizes, and the hole between them") {
  Stage1 regime;
  regime.min_tsz = 12;
  regime.ttb[0].tsz = 12;
  regime.ttb[1].tsz = 30;
  CHECK(half(regime, bit(52) - 1) == 0);
  CHECK(half(regime, bit(52)) == 2);
  CHECK(half(regime, bit(55)) == 2);
  CHECK(half(regime, ~std::uint64_t{0} << 34) == 1);
  CHECK(half(regime, (~std::uint64_t{0} << 34) - 1) == 2);
  CHECK(half(regime, ~bit(63)) == 2);
}

TEST_CASE("one table: all bits above its size are 0, and bit 55 chooses nothing") {
  Stage1 regime;
  regime.two_halves = regime.unprivileged = false;
  regime.ttb[0].tsz = regime.ttb[1].tsz = 16;
  CHECK(half(regime, bit(48) - 1) == 0);
  CHECK(half(regime, bit(48)) == 2);
  CHECK(half(regime, bit(55)) == 2);
  CHECK(half(regime, ~std::uint64_t{0}) == 2);
  CHECK(half(regime, bit(60)) == 2);
  regime.ttb[0].top_byte_ignored = true;
  CHECK(half(regime, bit(60)) == 0);
  CHECK(half(regime, bit(60) | bit(55)) == 2);
  CHECK(canonical_va(regime, bit(60) | 5) == 5);
}

TEST_CASE("the address that caches know: the ignored byte is bit 55's") {
  Stage1 regime;
  regime.ttb[0].tsz = regime.ttb[1].tsz = 16;
  const std::uint64_t low = 0xab00'1234'5678'9abc, high = 0xcdff'f234'5678'9abc;
  CHECK(canonical_va(regime, low) == low);
  CHECK(canonical_va(regime, high) == high);
  regime.ttb[0].top_byte_ignored = true;
  CHECK(canonical_va(regime, low) == 0x0000'1234'5678'9abc);
  CHECK(canonical_va(regime, high) == high);
  regime.ttb[1].top_byte_ignored = true;
  CHECK(canonical_va(regime, high) == 0xffff'f234'5678'9abc);
  regime.format = TableFormat::Lpae;  // which has no TBI
  CHECK(canonical_va(regime, high) == high);
}

TEST_CASE("VMSAv8-32: every pair of T0SZ and T1SZ, at the borders of what they claim") {
  for (unsigned t0sz = 0; t0sz < 8; ++t0sz)
    for (unsigned t1sz = 0; t1sz < 8; ++t1sz) {
      const Stage1 regime = lpae(t0sz, t1sz);
      INFO("T0SZ " << t0sz << " T1SZ " << t1sz);
      // G5.5.4 table: where TTBR0's and TTBR1's ranges end and begin.
      const std::uint64_t lower_end = t0sz == 0 && t1sz != 0 ? bit(32) - bit(32 - t1sz) : bit(32 - t0sz);
      const std::uint64_t upper_begin =
          t1sz == 0 ? (t0sz == 0 ? bit(32) : bit(32 - t0sz)) : bit(32) - bit(32 - t1sz);
      for (const std::uint64_t address :
           {std::uint64_t{0}, lower_end - 1, lower_end, upper_begin - 1, upper_begin, bit(32) - 1}) {
        if (address >= bit(32)) continue;
        CHECK(half(regime, address) == (address < lower_end ? 0U : address >= upper_begin ? 1U : 2U));
      }
      CHECK(half(regime, bit(32)) == 2);
      CHECK(half(regime, bit(63) | 1) == 2);
    }
  Stage1 single = lpae(2, 0);
  single.two_halves = single.unprivileged = false;
  CHECK(half(single, bit(30) - 1) == 0);
  CHECK(half(single, bit(30)) == 2);
}

TEST_CASE("VMSAv8-32: start levels, descriptors, 40 bits of output, and faults before the walk at level 1") {
  WordMemory memory;
  memory.words = {{0x1018, 0x4003}, {0x4ff8, 0x5003}, {0x5ff8, 0xff'ffff'f403}, {0x2000, 0x80'0060'0401}};
  Stage1 regime = lpae(0, 0);
  regime.ttb[0].base = 0x1000;
  const auto walk = [&](std::uint64_t address) {
    return translate(&regime, nullptr, {.address = address, .privileged = true}, false, {.memory = &memory});
  };
  CHECK(walk(0xffff'ffff).mapping.output == 0xff'ffff'f000);  // from level 1: entry 3
  CHECK(memory.reads == std::vector<std::uint64_t>{0x1018, 0x4ff8, 0x5ff8});
  memory.words[0x5ff8] |= bit(40);
  CHECK(walk(0xffff'ffff).fault.kind == FaultKind::AddressSize);
  CHECK(walk(0xffff'ffff).fault.level == 3);
  memory.words[0x5ff8] ^= bit(40) | bit(47);
  CHECK(walk(0xffff'ffff).fault.kind == FaultKind::AddressSize);
  CHECK(walk(bit(32)).fault.kind == FaultKind::Translation);
  CHECK(walk(bit(32)).fault.level == 1);

  regime.ttb[0] = {.base = 0x2000, .tsz = 7};  // 25 bits: level 2, of sixteen entries
  memory.reads.clear();
  CHECK(walk(0x1f'ffff).mapping.output == 0x80'0060'0000);
  CHECK(memory.reads == std::vector<std::uint64_t>{0x2000});
  regime.truncate_bits = 36;  // OAS: silently (IHI 0070 §3.4)
  CHECK(walk(0x1f'ffff).mapping.output == 0x00'0060'0000);
  regime.ttb[0].base = 0x80'0000'2000;
  CHECK(walk(0x1f'ffff).mapping.output == 0x00'0060'0000);
  CHECK(memory.reads.back() == 0x2000);

  // TTBR1 with T1SZ == 0: its table covers 32 bits, of which the lower are not reached.
  regime = lpae(1, 0);
  regime.ttb[1].base = 0x1000;
  memory.words[0x5ff8] = 0x8000'0403;
  CHECK(walk(0xffff'ffff).mapping.output == 0x8000'0000);
  regime.ttb[1].walk_disabled = true;
  CHECK(walk(0xffff'ffff).fault.level == 1);
}

TEST_CASE("VMSAv8-32 stage 2: an input of 40 bits, and an output cut to OAS") {
  WordMemory memory;
  memory.words[0x1000 + 8 * 0x3ff] = 0xff'c000'04fd;
  Stage2 regime;
  regime.format = TableFormat::Lpae;
  regime.output_bits = 40;
  regime.non_secure_ipa = {.base = 0x1000, .tsz = 24, .start_level = 1};
  const auto walk = [&](std::uint64_t ipa) {
    return translate(nullptr, &regime, {.address = ipa}, false, {.memory = &memory});
  };
  regime.non_secure_ipa.base = 0x2000;  // concatenated: 8 KiB
  memory.words[0x2000 + 8 * 0x3ff] = 0xff'c000'04fd;
  CHECK(walk(bit(40) - 1).mapping.output == 0xff'c000'0000);
  CHECK(walk(bit(40)).fault.kind == FaultKind::Translation);
  CHECK(walk(bit(40)).fault.level == 1);
  regime.truncate_bits = 36;
  CHECK(walk(bit(40) - 1).mapping.output == 0xf'c000'0000);
  regime.non_secure_ipa.base = 0x70'0000'2000;
  CHECK(walk(bit(40) - 1).mapping.output == 0xf'c000'0000);
  CHECK(memory.reads.back() == 0x2000 + 8 * 0x3ff);
  memory.words[0x2000 + 8 * 0x3ff] |= bit(41);
  CHECK(walk(bit(40) - 1).fault.kind == FaultKind::AddressSize);
}

TEST_CASE("E0PD: unprivileged accesses to a half are Translation faults, found before any descriptor") {
  for (const unsigned closed : {0U, 1U}) {
    WordMemory memory;
    memory.words = {{0x1000, 0x8000'0441}, {0x2000, 0x9000'0441}};
    Stage1 regime;
    regime.ttb[0] = {.base = 0x1000, .tsz = 34};
    regime.ttb[1] = {.base = 0x2000, .tsz = 34};
    regime.ttb[closed].unprivileged_disabled = true;
    for (const unsigned which : {0U, 1U}) {
      const std::uint64_t address = which == 0 ? 0x123 : ~std::uint64_t{0} << 30;
      for (const bool privileged : {false, true}) {
        INFO("closed " << closed << " half " << which << " privileged " << privileged);
        const Access access{.address = address, .privileged = privileged};
        const Mapping known =
            translate(&regime, nullptr, {.address = address, .privileged = true}, false, {.memory = &memory})
                .mapping;
        memory.reads.clear();
        const Outcome outcome = translate(&regime, nullptr, access, false, {.memory = &memory});
        const bool stopped = which == closed && !privileged;
        CHECK(outcome.ok == !stopped);
        CHECK(check_hit(known, &regime, nullptr, access) ==
              (stopped ? HitCheck::Translation : HitCheck::Allowed));
        if (!stopped) continue;
        CHECK(outcome.fault.kind == FaultKind::Translation);
        CHECK(outcome.fault.level == 0);
        CHECK(memory.reads.empty());
      }
    }
    // Regimes of one privilege level and VMSAv8-32 do not have it.
    Stage1 other = regime;
    other.unprivileged = other.two_halves = false;
    CHECK_FALSE(stopped_by_e0pd(other, {.address = 0x123}));
    other = regime;
    other.format = TableFormat::Lpae;
    CHECK_FALSE(stopped_by_e0pd(other, {.address = 0x123}));
  }
}

}  // namespace sidewinder::arch
