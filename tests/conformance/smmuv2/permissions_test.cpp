// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <string>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

/// What a leaf and the tables above it say.
struct Rights {
  unsigned ap = 0;        // AP[2:1]
  unsigned ap_table = 0;  // APTable[1:0]
  bool uxn = false;
  bool pxn = false;
  bool wxn = false;

  // DDI 0487's tables "Data access permissions for stage 1 translations" and "Effect of APTable".
  [[nodiscard]] std::string el0() const {
    if ((ap_table & 1) != 0 || (ap & 1) == 0) return "";
    return (ap & 2) != 0 || (ap_table & 2) != 0 ? "r" : "rw";
  }
  [[nodiscard]] std::string el1() const { return (ap & 2) != 0 || (ap_table & 2) != 0 ? "r" : "rw"; }

  [[nodiscard]] bool allow(bool privileged, char kind) const {
    const std::string& rights = privileged ? el1() : el0();
    if (kind != 'x') return rights.find(kind) != std::string::npos;
    if (wxn && rights == "rw") return false;
    return privileged ? !pxn && el0() != "rw" : !uxn;
  }
};

}  // namespace

TEST_CASE("DDI 0487 AArch64.CheckPermission: every AP, APTable, XN, PXN, WXN, privilege and kind of access") {
  unsigned allowed = 0;
  unsigned refused = 0;
  for (unsigned code = 0; code < 1U << 11; ++code) {
    const auto bit = [&](unsigned position) { return (code >> position & 1) != 0; };
    const bool leaf_uxn = bit(4), leaf_pxn = bit(5), table_uxn = bit(6), table_pxn = bit(7);
    const Rights rights{.ap = code & 3,
                        .ap_table = code >> 2 & 3,
                        .uxn = leaf_uxn || table_uxn,
                        .pxn = leaf_pxn || table_pxn,
                        .wxn = bit(8)};
    // The table attributes stand at level 1 or at level 2, which must not matter.
    const bool at_level_1 = bit(9);
    const bool block = bit(10);

    Bench bench;
    bench.usual(0x61U | (rights.wxn ? 0x200U : 0));
    const std::uint64_t table_bits = std::uint64_t{rights.ap_table} << 61 | std::uint64_t{table_uxn} << 60 |
                                     std::uint64_t{table_pxn} << 59;
    const std::uint64_t leaf_bits =
        0x701 | std::uint64_t{rights.ap} << 6 | std::uint64_t{leaf_uxn} << 54 | std::uint64_t{leaf_pxn} << 53;
    if (block && !at_level_1) continue;  // there is no level 2 table above a level 2 block
    bench.memory.words[at_level_1 ? 0x10000 : 0x11000] |= table_bits;
    if (block) {
      bench.memory.words[0x11000] = 0x8000'0000 | leaf_bits;
    } else {
      bench.memory.words[0x12000] = 0x8000'0002 | leaf_bits;
    }

    for (unsigned round = 0; round < 2; ++round) {  // by walk or by hit
      for (const bool privileged : {false, true}) {
        for (const char kind : {'r', 'w', 'x'}) {
          INFO("AP " << rights.ap << " APTable " << rights.ap_table << " UXN " << rights.uxn << " PXN "
                     << rights.pxn << " WXN " << rights.wxn << " privileged " << privileged << " " << kind
                     << " round " << round << " block " << block);
          const auto result = bench.access(0x123, kind == 'w', privileged, kind == 'x');
          if (rights.allow(privileged, kind)) {
            ++allowed;
            REQUIRE(result.action == Action::Forward);
            REQUIRE(result.output == 0x8000'0123);
          } else {
            ++refused;
            const std::uint32_t fsynr0 = (block ? 2U : 3U) | (kind == 'w' ? 0x10U : 0) |
                                         (privileged ? 0x20U : 0) | (kind == 'x' ? 0x40U : 0);
            REQUIRE(result.action == Action::Abort);
            REQUIRE(result.fault->kind == arch::FaultKind::Permission);
            REQUIRE(bench.context() == ContextSyndrome{0x408, 0x123, fsynr0, 0x42});
            bench.clear();
          }
        }
      }
    }
    // One walk served all twelve, faults included.
    REQUIRE(bench.smmu.statistics().walks == 1);
  }
  CHECK(allowed + refused == 1536 * 12);
  CHECK(allowed > 0);
  CHECK(refused > 0);
}

TEST_CASE("IHI 0062 §9.6.23: a write is data, even one marked as an instruction") {
  Bench bench;
  bench.usual(0x261);                                   // WXN
  bench.memory.words[0x12000] = 0x0060'0000'8000'0743;  // UXN, PXN, writable
  CHECK(bench.access(0, true, false, true).action == Action::Forward);
  CHECK(bench.access(0, false, false, true).action == Action::Abort);
}

TEST_CASE("VMSAv8-64: a hierarchical restriction at any level holds below, one level cannot give it back") {
  Bench bench;
  bench.enable();
  bench.attach(0x42, 3);
  Tables tables(bench.memory, 12, 48, 0x100000);
  bench.regime(3, 0x0080'0010, 0x0003'8015, 0x100000);
  tables.at(0, 3) = 0x8000'0743;
  for (unsigned level = 0; level < 3; ++level) {
    const std::uint64_t kept = tables.at(0, level);
    tables.at(0, level) = kept | 0x4000'0000'0000'0000;  // no write below
    bench.invalidate_all();
    CHECK(bench.access(0).action == Action::Forward);
    CHECK(bench.access(0, true).fault->kind == arch::FaultKind::Permission);
    bench.clear();
    tables.at(0, level) = kept;
  }
  bench.invalidate_all();
  CHECK(bench.access(0, true).action == Action::Forward);
}

}  // namespace sidewinder::test
