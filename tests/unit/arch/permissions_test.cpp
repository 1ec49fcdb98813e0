// SPDX-License-Identifier: Apache-2.0
//
// Every combination of what decides a permission, against an oracle that is written from the tables of
// DDI 0487 D8.4 and G5.6 and from IHI 0070 §5.4: the set of permissions that is granted first, and then what
// each control removes from it.

#include "iommu/arch/permissions.h"

#include <catch2/catch.hpp>

#include "iommu/arch/walk.h"
#include "tests/support/updatable_memory.h"

namespace sidewinder::arch {
namespace {

using test::UpdatableMemory;

constexpr std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

/// One combination, as the bits of a number.
class Choice {
 public:
  explicit Choice(unsigned number) : left_(number) {}
  unsigned take(unsigned values) {
    const unsigned taken = left_ % values;
    left_ /= values;
    return taken;
  }

 private:
  unsigned left_;
};

struct Granted {
  bool priv_read = false, priv_write = false, priv_execute = false;
  bool unpriv_read = false, unpriv_write = false, unpriv_execute = false;

  [[nodiscard]] bool allow(const Access& access) const {
    if (access.write) return access.privileged ? priv_write : unpriv_write;
    if (access.instruction) return access.privileged ? priv_execute : unpriv_execute;
    return access.privileged ? priv_read : unpriv_read;
  }
};

struct Stage1Case {
  unsigned ap = 0, ap_table = 0;
  bool xn = false, pxn = false, xn_table = false, pxn_table = false;
  bool wxn = false, uwxn = false, pan = false, epan = false;
  bool two_levels = true, lpae = false, had = false;
  bool ha = false, hd = false, dbm = false;
};

constexpr unsigned stage1_cases = 4 * 4 * 16 * 16 * 4 * 2 * 8;

Stage1Case stage1_case(unsigned number) {
  Choice choice(number);
  Stage1Case c;
  c.ap = choice.take(4);
  c.ap_table = choice.take(4);
  c.xn = choice.take(2) != 0;
  c.pxn = choice.take(2) != 0;
  c.xn_table = choice.take(2) != 0;
  c.pxn_table = choice.take(2) != 0;
  c.wxn = choice.take(2) != 0;
  c.uwxn = choice.take(2) != 0;
  c.pan = choice.take(2) != 0;
  c.epan = choice.take(2) != 0;
  c.two_levels = choice.take(2) != 0;
  c.lpae = choice.take(2) != 0;
  c.had = choice.take(2) != 0;
  c.ha = choice.take(2) != 0;
  c.hd = choice.take(2) != 0;
  c.dbm = choice.take(2) != 0;
  return c;
}

/// AP[2] with DBM where the hardware clears it: writable-clean (R_XZFQH), unless a table forbids the write.
bool read_only(const Stage1Case& c) {
  const bool managed = c.ha && c.hd && c.dbm && !c.lpae;
  return (c.ap & 2) != 0 && !managed;
}

Granted one_level(const Stage1Case& c) {
  Granted granted{.priv_read = true, .priv_write = !read_only(c), .priv_execute = true};  // D8-62
  if (!c.had && (c.ap_table & 2) != 0) granted.priv_write = false;                        // D8-64
  if (c.xn || (!c.had && c.xn_table)) granted.priv_execute = false;                       // R_TRZVM
  if (c.wxn && granted.priv_write) granted.priv_execute = false;                          // I_FQVWM
  // AP[1] and PRIV count for nothing (IHI 0070 §13.4.1): all accesses are as the privileged ones.
  granted.unpriv_read = granted.priv_read;
  granted.unpriv_write = granted.priv_write;
  granted.unpriv_execute = granted.priv_execute;
  return granted;
}

Granted two_levels(const Stage1Case& c) {
  Granted granted{.priv_read = true, .priv_execute = true, .unpriv_execute = true};
  switch (c.ap & 1) {  // D8-63
    case 0:
      granted.priv_write = !read_only(c);
      break;
    default:
      granted.priv_write = granted.unpriv_write = !read_only(c);
      granted.unpriv_read = true;
  }
  switch (c.had ? 0 : c.ap_table) {  // D8-64
    case 1:
      granted.unpriv_read = granted.unpriv_write = false;
      break;
    case 2:
      granted.unpriv_write = granted.priv_write = false;
      break;
    case 3:
      granted.unpriv_read = granted.unpriv_write = granted.priv_write = false;
      break;
    default:
      break;
  }
  const bool xn = c.xn || (!c.had && c.xn_table), pxn = c.pxn || (!c.had && c.pxn_table);
  if (xn) granted.unpriv_execute = false;  // R_RBDFT
  if (pxn) granted.priv_execute = false;   // R_LWPVL
  bool unpriv_execute_for_pan = granted.unpriv_execute;
  if (c.lpae) {
    // G5.6.3: XN is of both levels; execution needs a read; EL0's writes matter with UWXN alone.
    if (xn) granted.priv_execute = false;
    if (!granted.unpriv_read) granted.unpriv_execute = false;
    if (c.uwxn && granted.unpriv_write) granted.priv_execute = false;
    unpriv_execute_for_pan = false;  // EPAN is RES0 with VMSAv8-32 (IHI 0070 §5.4)
  } else if (granted.unpriv_write) {
    granted.priv_execute = false;  // R_VWLLR
  }
  if (c.wxn && granted.unpriv_write) granted.unpriv_execute = false;  // R_FYMXJ
  if (c.wxn && granted.priv_write) granted.priv_execute = false;      // R_SYMMB
  const bool reachable = granted.unpriv_read || granted.unpriv_write || (c.epan && unpriv_execute_for_pan);
  if (c.pan && reachable) granted.priv_read = granted.priv_write = false;
  return granted;
}

Stage1 regime_of(const Stage1Case& c) {
  Stage1 regime;
  regime.format = c.lpae ? TableFormat::Lpae : TableFormat::Vmsa64;
  regime.two_halves = regime.unprivileged = c.two_levels;
  regime.ttb[0] = {
      .base = 0x1000, .tsz = static_cast<std::uint8_t>(c.lpae ? 2 : 34), .hierarchy_disabled = c.had};
  regime.ttb[1].walk_disabled = true;
  regime.output_bits = 40;
  regime.write_execute_never = c.wxn;
  regime.unprivileged_write_execute_never = c.uwxn;
  regime.privileged_access_never = c.pan;
  regime.enhanced_pan = c.epan;
  regime.update = {.access_flag = c.ha, .dirty_state = c.hd};
  return regime;
}

/// A level 2 table at 0x1000, a level 3 table at 0x2000 and a page at 0x8000'0000.
void write_tables(const Stage1Case& c, UpdatableMemory& memory) {
  memory.words[0x1000] =
      0x2003 | (c.pxn_table ? bit(59) : 0) | (c.xn_table ? bit(60) : 0) | std::uint64_t{c.ap_table} << 61;
  memory.words[0x2000] = 0x8000'0403 | std::uint64_t{c.ap} << 6 | (c.dbm ? bit(51) : 0) |
                         (c.pxn ? bit(53) : 0) | (c.xn ? bit(54) : 0);
}

/// Reads, writes and fetches of both privileges, and writes that claim to be fetches, which are data.
constexpr unsigned access_codes = 8;
Access access_of(unsigned code) {
  return {.write = (code & 2) != 0, .privileged = (code & 1) != 0, .instruction = (code & 4) != 0};
}

bool hit_agrees(const Mapping& mapping, const Stage1* stage1, const Stage2* stage2, const Access& access,
                bool allowed, bool clean, HitCheck refused) {
  const HitCheck hit = check_hit(mapping, stage1, stage2, access);
  if (!allowed) return hit == refused;
  return hit == (access.write && clean ? HitCheck::Walk : HitCheck::Allowed);
}

}  // namespace

TEST_CASE(
    "stage 1 permissions: AP, APTable, XN, PXN, WXN, UWXN, PAN, EPAN, HAD, DBM, every regime and access") {
  unsigned wrong = 0, allowed_count = 0;
  for (unsigned number = 0; number < stage1_cases; ++number) {
    const Stage1Case c = stage1_case(number);
    const Stage1 regime = regime_of(c);
    const Granted granted = c.two_levels ? two_levels(c) : one_level(c);
    UpdatableMemory memory;
    write_tables(c, memory);
    for (unsigned code = 0; code < access_codes; ++code) {
      const Access access = access_of(code);
      const bool allowed = granted.allow(access);
      allowed_count += allowed ? 1U : 0U;
      const std::uint64_t before = memory.words[0x2000];
      const Outcome outcome = translate(&regime, nullptr, access, false, {.memory = &memory});
      const bool faulted = !outcome.ok && outcome.fault.kind == FaultKind::Permission &&
                           outcome.fault.stage == 1 && outcome.fault.level == 3 &&
                           outcome.fault.cls == FaultClass::Input;
      // A write marks a writable-clean page, and nothing else changes a descriptor whose AF is set.
      const bool clean = (before & bit(7)) != 0 && !c.lpae && c.ha && c.hd && c.dbm;
      const std::uint64_t after = allowed && access.write && clean ? before & ~bit(7) : before;
      const bool right = (allowed ? outcome.ok : faulted) && outcome.mapped && memory.words[0x2000] == after;
      memory.words[0x2000] = before;
      const Mapping cached = translate(&regime, nullptr, access_of(1), false, {.memory = &memory}).mapping;
      const bool agrees =
          hit_agrees(cached, &regime, nullptr, access, allowed, clean, HitCheck::Stage1Permission);
      if (right && agrees) continue;
      if (++wrong <= 10) {
        UNSCOPED_INFO("case " << number << " access " << code << ": " << (allowed ? "allowed" : "refused")
                              << (right ? ", but not on a hit" : ", but not by the walk"));
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(allowed_count > stage1_cases);
}

TEST_CASE("stage 2 permissions: S2AP, XN with and without FEAT_XNX, DBM, both formats, every access") {
  for (unsigned number = 0; number < 4 * 4 * 2 * 2 * 8; ++number) {
    Choice choice(number);
    const unsigned s2ap = choice.take(4), xn = choice.take(4);
    const bool xnx = choice.take(2) != 0, lpae = choice.take(2) != 0;
    const bool ha = choice.take(2) != 0, hd = choice.take(2) != 0, dbm = choice.take(2) != 0;
    // Table D8-71, by XN[1:0]; without FEAT_XNX XN[1] decides for both.
    constexpr bool el1[] = {true, false, false, true}, el0[] = {true, true, false, false};
    const bool clean = (s2ap & 2) == 0 && ha && hd && dbm && !lpae;
    Granted granted;
    granted.priv_read = granted.unpriv_read = (s2ap & 1) != 0;
    granted.priv_write = granted.unpriv_write = (s2ap & 2) != 0 || clean;
    const bool executable = !lpae || (s2ap & 1) != 0;
    granted.priv_execute = executable && (xnx ? el1[xn] : xn < 2);
    granted.unpriv_execute = executable && (xnx ? el0[xn] : xn < 2);

    Stage2 regime;
    regime.format = lpae ? TableFormat::Lpae : TableFormat::Vmsa64;
    regime.non_secure_ipa = {.base = 0x1000, .tsz = 34, .start_level = 2};
    regime.output_bits = 40;
    regime.xnx = xnx;
    regime.update = {.access_flag = ha, .dirty_state = hd};
    UpdatableMemory memory;
    memory.words[0x1000] = 0x2003;
    const std::uint64_t page =
        0x8000'043f | std::uint64_t{s2ap} << 6 | (dbm ? bit(51) : 0) | std::uint64_t{xn} << 53;
    for (unsigned code = 0; code < access_codes; ++code) {
      const Access access = access_of(code);
      memory.words[0x2000] = page;
      const Mapping cached = translate(nullptr, &regime, {}, false, {.memory = &memory}).mapping;
      const Outcome outcome = translate(nullptr, &regime, access, false, {.memory = &memory});
      const bool allowed = granted.allow(access);
      INFO("S2AP " << s2ap << " XN " << xn << " XNX " << xnx << " LPAE " << lpae << " HA " << ha << " HD "
                   << hd << " DBM " << dbm << " access " << code);
      REQUIRE(outcome.ok == allowed);
      REQUIRE(outcome.mapped);
      if (!allowed) {
        REQUIRE(outcome.fault.kind == FaultKind::Permission);
        REQUIRE(outcome.fault.stage == 2);
        REQUIRE(outcome.fault.level == 3);
      }
      REQUIRE(memory.words[0x2000] == (allowed && access.write && clean ? page | bit(7) : page));
      REQUIRE(hit_agrees(cached, nullptr, &regime, access, allowed, clean, HitCheck::Stage2Permission));
    }
  }
}

TEST_CASE("nested permissions: stage 1 refuses first, then stage 2, and a hit is answered as a walk is") {
  UpdatableMemory memory;
  memory.words = {{0x1000, 0x2003}, {0x9000, 0xa003}};
  // Stage 2 maps stage 1's tables, at 0x1000 and 0x2000, as they are.
  memory.words[0xa008] = 0x1000 | 0x4ff;
  memory.words[0xa010] = 0x2000 | 0x4ff;
  Stage1 stage1;
  stage1.ttb[0] = {.base = 0x1000, .tsz = 34};
  Stage2 stage2;
  stage2.non_secure_ipa = {.base = 0x9000, .tsz = 34, .start_level = 2};
  stage2.xnx = true;
  for (unsigned number = 0; number < 4 * 4 * 4 * 4; ++number) {
    Choice choice(number);
    const unsigned ap = choice.take(4), never = choice.take(4), s2ap = choice.take(4), xn = choice.take(4);
    memory.words[0x2000] = 0x7403 | std::uint64_t{ap} << 6 | std::uint64_t{never} << 53;
    memory.words[0xa038] = 0x8000'043f | std::uint64_t{s2ap} << 6 | std::uint64_t{xn} << 53;
    const Granted first = two_levels({.ap = ap, .xn = (never & 2) != 0, .pxn = (never & 1) != 0});
    const bool readable = (s2ap & 1) != 0, writable = (s2ap & 2) != 0;
    const Granted second{.priv_read = readable,
                         .priv_write = writable,
                         .priv_execute = xn == 0 || xn == 3,
                         .unpriv_read = readable,
                         .unpriv_write = writable,
                         .unpriv_execute = xn < 2};
    for (unsigned code = 0; code < access_codes; ++code) {
      const Access access = access_of(code);
      const Outcome outcome = translate(&stage1, &stage2, access, false, {.memory = &memory});
      INFO("AP " << ap << " UXN, PXN " << never << " S2AP " << s2ap << " XN " << xn << " access " << code);
      const unsigned refusing = !first.allow(access) ? 1 : !second.allow(access) ? 2 : 0;
      REQUIRE(outcome.ok == (refusing == 0));
      if (refusing != 0) REQUIRE(outcome.fault.stage == refusing);
      REQUIRE(outcome.mapped == (refusing != 1));
      if (!outcome.mapped) continue;
      constexpr HitCheck answers[] = {HitCheck::Allowed, HitCheck::Stage1Permission,
                                      HitCheck::Stage2Permission};
      for (unsigned other = 0; other < access_codes; ++other) {
        const Access again = access_of(other);
        const unsigned by = !first.allow(again) ? 1 : !second.allow(again) ? 2 : 0;
        REQUIRE(check_hit(outcome.mapping, &stage1, &stage2, again) == answers[by]);
      }
    }
  }
}

}  // namespace sidewinder::arch
