// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/invalidation.h"

#include <catch2/catch.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace sidewinder::smmuv3 {
namespace {

using arch::TlbInvalidation;
using arch::World;
using layout::vmsa64::Granule;

using Range = std::pair<std::uint64_t, std::uint64_t>;

constexpr TlbiRules rules{.hyp = true, .secure_stage2 = true};
constexpr TlbiRules wide{.hyp = true, .secure_stage2 = true, .lpa2 = true};
constexpr std::uint64_t top = ~std::uint64_t{0};

/// CMD_TLBI_NH_VA with a range.
TlbiCommand va(std::uint64_t address, std::uint8_t tg = 0, std::uint8_t ttl = 0, std::uint8_t num = 0,
               std::uint8_t scale = 0) {
  return {.opcode = Tlbi::NhVa, .address = address, .num = num, .scale = scale, .tg = tg, .ttl = ttl};
}

std::optional<Range> range(const TlbiCommand& command, const TlbiRules& with = rules) {
  const std::optional<TlbInvalidation> what = tlbi(command, with);
  if (!what) return std::nullopt;
  CHECK(what->by_address);
  return Range{what->first, what->last};
}

}  // namespace

TEST_CASE("without TG an invalidation names the page's address, and SCALE, NUM and TTL do nothing") {
  CHECK(range(va(0x1234'5678)) == Range{0x1234'5000, 0x1234'5000});
  CHECK(range(va(0x1234'5000, 0, 3, 31, 31)) == Range{0x1234'5000, 0x1234'5000});
  CHECK_FALSE(tlbi(va(0x1000, 0, 3), rules)->one_granule);
  CHECK(tlbi(va(0x1000, 0, 3), rules)->level == 0);
}

TEST_CASE("a range is NUM + 1 times two to the SCALE granules") {
  CHECK(range(va(0x1000, 1, 3)) == Range{0x1000, 0x1fff});
  CHECK(range(va(0x1000, 1, 0, 1)) == Range{0x1000, 0x2fff});
  CHECK(range(va(0x1000, 1, 0, 0, 1)) == Range{0x1000, 0x2fff});
  CHECK(range(va(0x20'0000, 1, 0, 31)) == Range{0x20'0000, 0x21'ffff});
  CHECK(range(va(0x20'0000, 1, 2, 2, 9)) == Range{0x20'0000, 0x7f'ffff});
  CHECK(range(va(0x1'0000, 2, 0, 4)) == Range{0x1'0000, 0x2'3fff});
  CHECK(range(va(0x8000, 2, 3)) == Range{0x8000, 0xbfff});
  CHECK(range(va(0x1'0000, 3, 0, 1, 2)) == Range{0x1'0000, 0x8'ffff});
  CHECK(range(va(0x3'0000, 3, 3)) == Range{0x3'0000, 0x3'ffff});
  CHECK(range(va(0, 1, 0, 31, 31)) == Range{0, (std::uint64_t{32} << 43) - 1});
}

TEST_CASE("SCALE has 5 bits, and with DS 6, of which no more than 39 count") {
  CHECK(range(va(0, 1, 0, 1, 0x3f)) == Range{0, (std::uint64_t{2} << 43) - 1});
  CHECK(range(va(0, 1, 0, 1, 0x20)) == Range{0, 0x1fff});
  CHECK(range(va(0, 1, 0, 1, 0x20), wide) == Range{0, (std::uint64_t{2} << 44) - 1});
  CHECK(range(va(0, 1, 0, 1, 39), wide) == Range{0, (std::uint64_t{2} << 51) - 1});
  for (const std::uint8_t beyond : {std::uint8_t{40}, std::uint8_t{63}})
    CHECK(range(va(0, 1, 0, 1, beyond), wide) == Range{0, (std::uint64_t{2} << 51) - 1});
  CHECK(range(va(0, 3, 0, 31, 63), wide) == Range{0, (std::uint64_t{32} << 55) - 1});
}

TEST_CASE("a range ends with the address space and does not wrap") {
  CHECK(range(va(0xffff'ffff'ffff'e000, 1, 0, 1)) == Range{0xffff'ffff'ffff'e000, top});
  CHECK(range(va(0xffff'ffff'ffff'e000, 1, 0, 2)) == Range{0xffff'ffff'ffff'e000, top});
  CHECK(range(va(0xffff'ffff'ffff'd000, 1, 0, 1)) == Range{0xffff'ffff'ffff'd000, 0xffff'ffff'ffff'efff});
  CHECK(range(va(0xffff'ff80'0000'0000, 3, 0, 31, 31)) == Range{0xffff'ff80'0000'0000, top});
}

TEST_CASE("NUM, SCALE and TTL of 0 with a TG are reserved") {
  for (const std::uint8_t tg : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
    CHECK(tlbi(va(0, tg), rules) == std::nullopt);
    CHECK(tlbi(va(0, tg, 2), rules) != std::nullopt);
    CHECK(tlbi(va(0, tg, 0, 1), rules) != std::nullopt);
    CHECK(tlbi(va(0, tg, 0, 0, 1), rules) != std::nullopt);
    CHECK(tlbi({.opcode = Tlbi::S2Ipa, .tg = tg}, rules) == std::nullopt);
    CHECK(tlbi({.opcode = Tlbi::El2Vaa, .tg = tg}, rules) == std::nullopt);
  }
  // A SCALE whose bit 5 is not implemented is 0.
  CHECK(tlbi(va(0, 1, 0, 0, 0x20), rules) == std::nullopt);
  CHECK(tlbi(va(0, 1, 0, 0, 0x20), wide) != std::nullopt);
}

TEST_CASE("TG and TTL name the granule and the level") {
  const std::vector<Granule> granules{Granule::Size4K, Granule::Size16K, Granule::Size64K};
  for (std::uint8_t tg = 1; tg <= 3; ++tg) {
    for (std::uint8_t ttl = 0; ttl <= 3; ++ttl) {
      const auto what = tlbi(va(0, tg, ttl, 1), wide);
      REQUIRE(what);
      CHECK(what->one_granule);
      CHECK(what->granule == granules[tg - 1U]);
      CHECK(what->level == ttl);
    }
  }
}

TEST_CASE("level 1 of the 16 KiB granule is any level, but with DS") {
  CHECK(tlbi(va(0, 2, 1, 1), rules)->level == 0);
  CHECK(tlbi(va(0, 2, 1, 1), wide)->level == 1);
  CHECK(tlbi(va(0, 2, 1), rules) == std::nullopt);  // reserved, as TTL 0 is
  CHECK(tlbi(va(0, 2, 1), wide) != std::nullopt);
  CHECK(tlbi(va(0, 1, 1), rules)->level == 1);
  CHECK(tlbi(va(0, 3, 1), rules)->level == 1);
}

TEST_CASE("without range invalidation SCALE, NUM, TG and TTL are reserved and do nothing") {
  TlbiRules old = rules;
  old.range_invalidation = false;
  const auto what = tlbi(va(0x1000, 1, 3, 31, 31), old);
  REQUIRE(what);
  CHECK(what->first == 0x1000);
  CHECK(what->last == 0x1000);
  CHECK_FALSE(what->one_granule);
  CHECK(what->level == 0);
  CHECK(tlbi(va(0x1000, 1), old) != std::nullopt);
}

TEST_CASE("a VA has 64 bits and an IPA 56, both without those of a page") {
  CHECK(range(va(top)) == Range{top - 0xfff, top - 0xfff});
  CHECK(range({.opcode = Tlbi::S2Ipa, .address = top}) == Range{0xff'ffff'ffff'f000, 0xff'ffff'ffff'f000});
}

TEST_CASE("which queue and which SMMU may give a command") {
  struct Case {
    Tlbi opcode;
    bool non_secure, secure;            // with everything implemented
    bool no_stage1, no_stage2, no_hyp;  // from the Secure queue, without that
    bool no_secure_stage2;
  };
  const std::vector<Case> cases{{Tlbi::NhAll, true, true, false, true, true, true},
                                {Tlbi::NhAsid, true, true, false, true, true, true},
                                {Tlbi::NhVa, true, true, false, true, true, true},
                                {Tlbi::NhVaa, true, true, false, true, true, true},
                                {Tlbi::El3All, false, true, false, true, true, true},
                                {Tlbi::El3Va, false, true, false, true, true, true},
                                {Tlbi::El2All, true, true, false, true, false, true},
                                {Tlbi::El2Asid, true, true, false, true, false, true},
                                {Tlbi::El2Va, true, true, false, true, false, true},
                                {Tlbi::El2Vaa, true, true, false, true, false, true},
                                {Tlbi::S12Vmall, true, true, true, false, true, true},
                                {Tlbi::S2Ipa, true, true, true, false, true, true},
                                {Tlbi::NsnhAll, true, true, true, true, true, true},
                                {Tlbi::SEl2All, false, true, false, true, true, false},
                                {Tlbi::SEl2Asid, false, true, false, true, true, false},
                                {Tlbi::SEl2Va, false, true, false, true, true, false},
                                {Tlbi::SEl2Vaa, false, true, false, true, true, false},
                                {Tlbi::SS12Vmall, false, true, true, true, true, false},
                                {Tlbi::SS2Ipa, false, true, true, true, true, false},
                                {Tlbi::SnhAll, false, true, true, true, true, false}};
  for (const Case& each : cases) {
    INFO(static_cast<unsigned>(each.opcode));
    const TlbiCommand command{.opcode = each.opcode};
    TlbiRules with = rules;
    CHECK(tlbi(command, with).has_value() == each.non_secure);
    with.queue = SecurityState::Secure;
    CHECK(tlbi(command, with).has_value() == each.secure);
    TlbiRules less = with;
    less.stage1 = false;
    CHECK(tlbi(command, less).has_value() == each.no_stage1);
    less = with;
    less.stage2 = false;
    CHECK(tlbi(command, less).has_value() == each.no_stage2);
    less = with;
    less.hyp = false;
    CHECK(tlbi(command, less).has_value() == each.no_hyp);
    less = with;
    less.secure_stage2 = false;
    CHECK(tlbi(command, less).has_value() == each.no_secure_stage2);
  }
}

TEST_CASE("opcodes between those of the TLB commands are reserved") {
  for (const unsigned opcode :
       {0x00U, 0x14U, 0x19U, 0x1bU, 0x24U, 0x29U, 0x2bU, 0x31U, 0x54U, 0x59U, 0x61U, 0xffU})
    CHECK(tlbi({.opcode = static_cast<Tlbi>(opcode)}, rules) == std::nullopt);
}

TEST_CASE("a VMID wildcard leaves out up to four low bits, in its security state alone") {
  const auto ignored = [](Tlbi opcode, SecurityState queue, std::uint8_t vmw, std::uint8_t secure_vmw) {
    TlbiRules with = rules;
    with.queue = queue;
    with.vmid_wildcard = vmw;
    with.secure_vmid_wildcard = secure_vmw;
    return tlbi({.opcode = opcode, .vmid = 0x20}, with)->vmid_ignored;
  };
  const std::vector<unsigned> masks{0, 1, 3, 7, 15, 0, 0, 0};  // above 4 it is reserved, and exact
  for (std::uint8_t vmw = 0; vmw < 8; ++vmw) {
    CHECK(ignored(Tlbi::NhAll, SecurityState::NonSecure, vmw, 2) == masks[vmw]);
    CHECK(ignored(Tlbi::NhAll, SecurityState::Secure, 2, vmw) == masks[vmw]);
    CHECK(ignored(Tlbi::S12Vmall, SecurityState::Secure, vmw, 2) == masks[vmw]);
    CHECK(ignored(Tlbi::SS2Ipa, SecurityState::Secure, 2, vmw) == masks[vmw]);
  }
}

}  // namespace sidewinder::smmuv3
