// SPDX-License-Identifier: Apache-2.0
//
// Walks the page tables of tests/data/linux-page-tables.txt.xz, of both stages and of every format that an
// SMMUv3 has.

#include <catch2/catch.hpp>
#include <iostream>
#include <optional>
#include <string>

#include "iommu/arch/walk.h"
#include "iommu/arch/walk_cache.h"
#include "tests/support/linux_page_tables.h"
#include "tests/support/tables.h"

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Granule;
using test::LinuxPageTables;
using test::WordMemory;

constexpr std::uint8_t address_sizes[] = {32, 36, 40, 42, 44, 48, 52};  // IPS and PS (IHI 0070 §5.4)

/// A case's regime: stage 1 or 2.
struct Regime {
  std::optional<Stage1> stage1;
  std::optional<Stage2> stage2;
  bool lpae = false;
  bool upper = false;  ///< through TTBR1
};

Regime stage1_regime(const LinuxPageTables& c, Granule granule) {
  Regime regime;
  Stage1& stage1 = regime.stage1.emplace();
  regime.lpae = c.configuration.at("fmt") == "s1_32";
  regime.upper = c.registers.at("ttbr1") != 0;
  const auto tsz = static_cast<std::uint8_t>(c.registers.at("tsz"));
  // s1_32: Linux writes 32 to T0SZ, whose bit 5 is RES0 (DDI 0487 TTBCR): 32 bits. IPS is IGNORED (§5.4).
  stage1.ttb[regime.upper ? 1 : 0] = {
      .base = c.registers.at("ttbr"), .tsz = regime.lpae ? std::uint8_t(tsz & 7) : tsz, .granule = granule};
  stage1.ttb[regime.upper ? 0 : 1].walk_disabled = true;
  stage1.format = regime.lpae ? TableFormat::Lpae : TableFormat::Vmsa64;
  stage1.output_bits = regime.lpae ? 40 : address_sizes[c.registers.at("ips")];
  stage1.min_tsz = 12;
  stage1.lpa = true;
  stage1.mair = c.registers.at("mair");
  // Tables that Linux makes with IO_PGTABLE_QUIRK_ARM_NS are for Secure streams' use of Non-secure memory.
  stage1.secure = c.number("quirks") == 1;
  stage1.ttb[0].non_secure_table = true;
  return regime;
}

Regime stage2_regime(const LinuxPageTables& c, Granule granule, bool xnx) {
  Regime regime;
  Stage2& stage2 = regime.stage2.emplace();
  regime.lpae = c.configuration.at("fmt") == "s2_32";
  stage2.non_secure_ipa = {.base = c.registers.at("vttbr"),
                           .tsz = static_cast<std::uint8_t>(c.registers.at("tsz")),
                           .start_level = static_cast<std::int8_t>(c.number("start_level")),
                           .granule = granule};
  stage2.format = regime.lpae ? TableFormat::Lpae : TableFormat::Vmsa64;
  stage2.output_bits = regime.lpae ? 40 : address_sizes[c.registers.at("ps")];
  stage2.lpa = true;
  stage2.xnx = xnx;
  return regime;
}

Regime regime_of(const LinuxPageTables& c, bool xnx) {
  const std::uint64_t bytes = c.number("granule");
  const Granule granule = bytes == 4096    ? Granule::Size4K
                          : bytes == 16384 ? Granule::Size16K
                                           : Granule::Size64K;
  return c.configuration.at("fmt")[1] == '1' ? stage1_regime(c, granule) : stage2_regime(c, granule, xnx);
}

Outcome walk(const Regime& regime, const Access& access, const WalkContext& context) {
  return translate(regime.stage1 ? &*regime.stage1 : nullptr, regime.stage2 ? &*regime.stage2 : nullptr,
                   access, false, context);
}

std::uint64_t output_of(const Outcome& outcome, std::uint64_t address) {
  return outcome.mapping.output | (address & layout::low_bits(outcome.mapping.size_shift));
}

void check_probe(const Regime& regime, const LinuxPageTables::Probe& probe, const WalkContext& context) {
  INFO("probe 0x" << std::hex << probe.address);
  const Outcome outcome = walk(regime, {.address = probe.address, .privileged = true}, context);
  // Linux knows no permissions of a probe; a stage 2 page that cannot be read is mapped all the same.
  const bool mapped = outcome.ok || outcome.fault.kind == FaultKind::Permission;
  REQUIRE(mapped == (probe.result == "ok"));
  if (mapped) {
    REQUIRE(output_of(outcome, probe.address) == probe.output);
    REQUIRE((regime.stage1 ? outcome.mapping.first.level : outcome.mapping.second.level) == probe.level);
    return;
  }
  // What Linux refuses as out of range is a fault before the first level.
  const unsigned before = regime.lpae ? 1 : 0;
  REQUIRE(outcome.fault.kind == FaultKind::Translation);
  REQUIRE(outcome.fault.level == (probe.result == "range" ? before : probe.level));
  REQUIRE(outcome.fault.stage == (regime.stage1 ? 1 : 2));
}

bool stage1_allows(const std::map<std::string, std::uint64_t>& leaf, bool lpae, const Access& access) {
  const auto set = [&](const char* name) { return leaf.at(name) != 0; };
  if (access.write) return set(access.privileged ? "pw" : "uw");
  if (!access.instruction) return set(access.privileged ? "pr" : "ur");
  if (!access.privileged) return !set("uxn") && (!lpae || set("ur"));
  return lpae ? !set("pxn") && !set("uxn") : !set("pxn") && !set("uw");
}

/// XN as README.md of the data says: Linux sets both bits, which with FEAT_XNX stops EL0 alone.
bool stage2_allows(const std::map<std::string, std::uint64_t>& leaf, bool lpae, bool xnx,
                   const Access& access) {
  if (access.write) return leaf.at("w") != 0;
  if (!access.instruction) return leaf.at("r") != 0;
  if (lpae && leaf.at("r") == 0) return false;
  return leaf.at("xn") == 0 || (xnx && leaf.at("xn") == 3 && access.privileged);
}

void check_leaf(const Regime& regime, const LinuxPageTables::Leaves& leaves, std::uint64_t index, bool xnx,
                const WalkContext& context) {
  const std::uint64_t address = leaves.address + index * leaves.size + 8;
  INFO("leaf 0x" << std::hex << address);
  for (unsigned code = 0; code < 6; ++code) {
    const Access access{.address = address,
                        .write = code / 2 == 1,
                        .privileged = code % 2 != 0,
                        .instruction = code / 2 == 2};
    const Outcome outcome = walk(regime, access, context);
    INFO("access " << code);
    REQUIRE(outcome.ok == (regime.stage1 ? stage1_allows(leaves.attributes, regime.lpae, access)
                                         : stage2_allows(leaves.attributes, regime.lpae, xnx, access)));
    if (!outcome.ok) REQUIRE(outcome.fault.kind == FaultKind::Permission);
    REQUIRE(outcome.mapped);
    const Mapping& mapping = outcome.mapping;
    REQUIRE(output_of(outcome, address) == leaves.output + index * leaves.size + 8);
    REQUIRE(std::uint64_t{1} << mapping.size_shift == leaves.size);
    REQUIRE(mapping.stage1 == regime.stage1.has_value());
    REQUIRE(mapping.stage2 == regime.stage2.has_value());
    REQUIRE_FALSE(mapping.output_secure);
    if (regime.stage1) {
      REQUIRE(mapping.first.level == leaves.level);
      REQUIRE(mapping.first.attributes == leaves.attributes.at("attr"));
      REQUIRE(mapping.first.shareability == leaves.attributes.at("sh"));
      REQUIRE(mapping.first.global == (leaves.attributes.at("ng") == 0));
    } else {
      REQUIRE(mapping.second.level == leaves.level);
      REQUIRE(mapping.second.attributes == leaves.attributes.at("memattr"));
      REQUIRE(mapping.second.shareability == leaves.attributes.at("sh"));
      REQUIRE(mapping.ipa == leaves.address + index * leaves.size);
    }
  }
}

constexpr WalkCache::Shapes small_caches = {CacheShape{2, 1}, CacheShape{4, 2}, CacheShape{8, 2},
                                            CacheShape{8, 4}};

}  // namespace

TEST_CASE(
    "Linux io-pgtable: every page table of both stages, every probe and leaf, with and without caches") {
  unsigned walked = 0, stage2 = 0, lpae = 0, upper = 0, large = 0, probes = 0, leaves_seen = 0;
  unsigned skipped = 0, probes_skipped = 0;
  for (const LinuxPageTables& c : test::read_linux_page_tables()) {
    INFO("case " << c.name);
    if (c.configuration.at("fmt") == "v7s") {  // short descriptors: no SMMUv3 has them (IHI 0070 IDR0.TTF)
      CHECK((c.name == "v7s_all" || c.name == "v7s_priv_nc"));
      ++skipped;
      probes_skipped += static_cast<unsigned>(c.probes.size());
      continue;
    }
    ++walked;
    WordMemory memory;
    for (const auto& [address, word] : c.words) memory.words[address] = word;
    for (const bool xnx : {false, true}) {
      const Regime regime = regime_of(c, xnx);
      WalkCache stage1_tables(small_caches), stage2_tables(small_caches);
      AccessLog log;
      const WalkContext plain{.memory = &memory, .log = &log};
      const WalkContext cached{
          .memory = &memory, .stage1_tables = &stage1_tables, .stage2_tables = &stage2_tables};
      for (const WalkContext& context : {plain, cached, cached}) {
        for (const LinuxPageTables::Probe& probe : c.probes) check_probe(regime, probe, context);
        for (const LinuxPageTables::Leaves& leaves : c.leaves)
          for (const std::uint64_t index : {std::uint64_t{0}, leaves.count / 2, leaves.count - 1})
            check_leaf(regime, leaves, index, xnx, context);
      }
      if (xnx) {
        stage2 += regime.stage2 ? 1U : 0U;
        lpae += regime.lpae ? 1U : 0U;
        upper += regime.upper ? 1U : 0U;
        large += c.number("oas") == 52 ? 1U : 0U;
      }
    }
    probes += static_cast<unsigned>(c.probes.size());
    for (const LinuxPageTables::Leaves& leaves : c.leaves) leaves_seen += static_cast<unsigned>(leaves.count);
    for (const std::uint64_t read : memory.reads) REQUIRE(c.frames.count(read & ~std::uint64_t{0xfff}) != 0);
  }
  std::cout << walked << " page tables walked, " << probes << " probes, " << leaves_seen << " leaves\n";
  CHECK(walked == 51);
  CHECK(skipped == 2);
  CHECK(stage2 == 17);
  CHECK(lpae == 2);
  CHECK(upper == 2);
  CHECK(large == 5);
  CHECK(probes == 2'794);
  CHECK(probes + probes_skipped == 2'879);
  CHECK(leaves_seen == 113'752);
}

}  // namespace sidewinder::arch
