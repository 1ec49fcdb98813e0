// SPDX-License-Identifier: Apache-2.0
//
// Walks the page tables of tests/data/linux-page-tables.txt.xz, described to the SMMU by the words that Linux
// computed for a CD or an STE.

#include <catch2/catch.hpp>
#include <iostream>
#include <map>
#include <string>

#include "tests/conformance/smmuv3/bench.h"
#include "tests/support/linux_page_tables.h"

namespace sidewinder::test {
namespace {

using smmuv3::InputAttributes;

constexpr std::uint32_t stream = 0x42;
constexpr std::uint64_t cd_at = 0x5'0000'0000;  // clear of every table

bool is_stage2(const LinuxPageTables& c) {
  return c.configuration.at("fmt").substr(0, 2) == "s2";
}
bool is_lpae(const LinuxPageTables& c) {
  return c.configuration.at("fmt").size() == 5;
}

/// All that the cases need, 52-bit addresses among it.
smmuv3::Config everything(bool xnx) {
  smmuv3::Config config;
  config.output_bits = 52;
  config.vax = true;
  config.xnx = xnx;
  return config;
}

/// As recorded. Of a VMSAv8-32 stage 1, which Linux's SMMUv3 driver does not use, nothing is: its CD is made
/// of the same fields without AA64.
Structure context_descriptor(const LinuxPageTables& c) {
  Structure made;
  if (!is_lpae(c)) {
    made.words = {c.cd.at("cd0"), c.cd.at("cd1"), c.cd.at("cd2"), c.cd.at("cd3")};
    return made;
  }
  made.put(0, c.registers.at("tsz")).put(8, c.registers.at("irgn")).put(10, c.registers.at("orgn"));
  made.put(12, c.registers.at("sh")).put(30, 1).put(31, 1).put(32, c.registers.at("ips"));
  made.put(45, 1).put(46, 1).put(192, c.registers.at("mair"));
  made.words[1] = c.registers.at("ttbr");
  return made;
}

/// S2TTB and the fields of VTCR_EL2 as recorded; S2AA64 by the format, faults recorded.
Structure stage2_entry(const LinuxPageTables& c) {
  Structure made = ste(6);
  made.words[2] = c.ste.at("ste2_vtcr") << 32;
  made.words[3] = c.ste.at("ste3");
  if (!is_lpae(c)) made.put(179, 1);
  return made.put(186, 1).put(128, 7);
}

void program(Bench& bench, const LinuxPageTables& c) {
  for (const auto& [address, word] : c.words) bench.memory.words[address] = word;
  if (is_stage2(c)) {
    bench.set_ste(stream, stage2_entry(c));
  } else {
    bench.set_cd(cd_at, context_descriptor(c));
    bench.set_ste(stream, stage1_ste(cd_at));
  }
}

Translation access(Bench& bench, std::uint64_t address, const InputAttributes& attributes) {
  return bench.send({.address = address, .stream_id = stream, .attributes = attributes});
}

/// The fault at an address that the format cannot express: above the input range of the tables it is a
/// Translation fault without any walk, reported at level 0, by VMSAv8-32 at level 1 (DDI 0487
/// AArch64.S1Translate, AArch32.S1WalkLD and their stage 2 likes). What does not fit the IAS never gets to
/// stage 2 (IHI 0070 §3.4).
void check_out_of_range(const LinuxPageTables& c, const Translation& result, std::uint64_t address) {
  const bool beyond_ias = is_stage2(c) && address >> 52 != 0;
  REQUIRE(result.fault->kind == (beyond_ias ? FaultKind::AddressSize : FaultKind::Translation));
  REQUIRE(result.fault->level == (is_lpae(c) ? 1 : 0));
  REQUIRE(result.fault->stage == (is_stage2(c) && !beyond_ias ? 2 : 1));
  for (const arch::WalkAccess& made : result.accesses)
    REQUIRE((made.purpose == arch::AccessPurpose::StreamTable ||
             made.purpose == arch::AccessPurpose::ContextTable));
}

/// As a privileged read, or where the leaf can only be written, write.
void check_probe(Bench& bench, const LinuxPageTables& c, const LinuxPageTables::Probe& probe) {
  INFO("probe 0x" << std::hex << probe.address);
  for (unsigned round = 0; round < 2; ++round) {  // a walk, then a hit
    InputAttributes attributes{.privileged = true};
    Translation result = access(bench, probe.address, attributes);
    if (is_stage2(c) && result.fault && result.fault->kind == FaultKind::Permission) {
      attributes.write = true;
      result = access(bench, probe.address, attributes);
    }
    if (probe.result == "ok") {
      REQUIRE(result.action == Action::Forward);
      REQUIRE(result.output == probe.output);
      if (result.source == Source::Walk)
        REQUIRE(result.accesses.back().level == static_cast<int>(probe.level));
      else
        REQUIRE(result.accesses.empty());
      REQUIRE((round == 0 || result.source == Source::MicroTlb));
      continue;
    }
    REQUIRE(result.action == Action::Abort);
    REQUIRE(result.recorded);
    REQUIRE(result.fault.has_value());
    REQUIRE(result.fault->access.address == probe.address);
    REQUIRE(result.fault->access.stream_id == stream);
    REQUIRE(result.fault->cls == FaultClass::Input);
    if (probe.result == "range") {
      check_out_of_range(c, result, probe.address);
      continue;
    }
    REQUIRE(result.fault->kind == FaultKind::Translation);
    REQUIRE(result.fault->level == probe.level);
    REQUIRE(result.fault->stage == (is_stage2(c) ? 2 : 1));
    if (is_stage2(c)) REQUIRE(result.fault->ipa == probe.address);
  }
}

/// Linux wants a stage 2 page of XN 0b11 executed by nobody. That is what it means without FEAT_XNX; with it,
/// it is not executable at EL0 alone (DDI 0487 D8.4, "XN[1:0]").
bool stage2_permits(const LinuxPageTables::Leaves& leaves, const InputAttributes& wanted, bool xnx) {
  const auto& attributes = leaves.attributes;
  if (wanted.write) return attributes.at("w") != 0;
  if (!wanted.instruction) return attributes.at("r") != 0;
  return attributes.at("xn") == 0 || (xnx && wanted.privileged);
}

/// What EL0 can write EL1 does not execute: by itself in VMSAv8-64 (DDI 0487 R_VWLLR), by CD.UWXN alone,
/// which Linux leaves 0, in VMSAv8-32 (AArch32.S1HasPermissionsFault).
bool stage1_permits(const LinuxPageTables& c, const LinuxPageTables::Leaves& leaves,
                    const InputAttributes& wanted) {
  const auto& attributes = leaves.attributes;
  if (wanted.write) return attributes.at(wanted.privileged ? "pw" : "uw") != 0;
  if (!wanted.instruction) return attributes.at(wanted.privileged ? "pr" : "ur") != 0;
  if (!wanted.privileged) return attributes.at("uxn") == 0;
  return attributes.at("pxn") == 0 && (is_lpae(c) || attributes.at("uw") == 0);
}

/// The few encodings that Linux uses: Normal Write-Back, Normal Non-cacheable and Device-nGnRE, of MAIR bytes
/// and of MemAttr.
void check_attributes(const LinuxPageTables& c, const LinuxPageTables::Leaves& leaves,
                      const arch::MemoryAttributes& found) {
  using arch::Cacheability;
  const auto wanted = leaves.attributes.at(is_stage2(c) ? "memattr" : "attr");
  const auto sh = static_cast<arch::Shareability>(leaves.attributes.at("sh"));
  REQUIRE(found.shareability == sh);
  switch (wanted) {
    case 0x04:
    case 0x01:
      REQUIRE(found.type == arch::MemoryType::DeviceNGnRE);
      break;
    case 0x44:
    case 0x05:
      REQUIRE(found.type == arch::MemoryType::Normal);
      REQUIRE(found.inner.cacheability == Cacheability::NonCacheable);
      REQUIRE(found.outer.cacheability == Cacheability::NonCacheable);
      break;
    default:
      REQUIRE((wanted == 0xff || wanted == 0x0f));
      REQUIRE(found.type == arch::MemoryType::Normal);
      REQUIRE(found.inner.cacheability == Cacheability::WriteBack);
      REQUIRE(found.outer.cacheability == Cacheability::WriteBack);
      break;
  }
}

void check_leaf(Bench& bench, const LinuxPageTables& c, const LinuxPageTables::Leaves& leaves,
                std::uint64_t index) {
  const std::uint64_t address = leaves.address + index * leaves.size;
  INFO("leaf 0x" << std::hex << address);
  for (unsigned code = 0; code < 6; ++code) {
    const InputAttributes wanted{
        .write = code / 2 == 1, .instruction = code / 2 == 2, .privileged = code % 2 != 0};
    const Translation result = access(bench, address + 0x8, wanted);
    const bool permitted = is_stage2(c) ? stage2_permits(leaves, wanted, bench.smmu.config().xnx)
                                        : stage1_permits(c, leaves, wanted);
    INFO("access " << code);
    REQUIRE((result.action == Action::Forward) == permitted);
    if (permitted) {
      REQUIRE(result.output == leaves.output + index * leaves.size + 0x8);
      REQUIRE(std::uint64_t{1} << result.same_page_shift == leaves.size);
      check_attributes(c, leaves, result.attributes.memory);
      REQUIRE_FALSE(result.attributes.secure);
    } else {
      REQUIRE(result.recorded);
      REQUIRE(result.fault->kind == FaultKind::Permission);
      REQUIRE(result.fault->level == leaves.level);
      REQUIRE(result.fault->stage == (is_stage2(c) ? 2 : 1));
    }
  }
}

/// The walks' reads, and only they, are of translation tables.
void check_frames(const Bench& bench, const LinuxPageTables& c) {
  for (const std::uint64_t read : bench.memory.reads) {
    if (read - Bench::stream_table < (64U << 8) || read - cd_at < 64) continue;
    REQUIRE(c.frames.count(read & ~std::uint64_t{0xfff}) != 0);
  }
  REQUIRE(bench.memory.writes == 0);
}

struct Seen {
  unsigned cases = 0, stage2 = 0, lpae = 0, upper_half = 0, probes = 0, leaves = 0;
};

void walk(const LinuxPageTables& c, bool xnx, Seen& seen) {
  INFO("case " << c.name << (xnx ? "" : ", without XNX"));
  Bench bench(everything(xnx));
  program(bench, c);
  for (const LinuxPageTables::Probe& probe : c.probes) check_probe(bench, c, probe);
  for (const LinuxPageTables::Leaves& leaves : c.leaves) {
    for (const std::uint64_t index : {std::uint64_t{0}, leaves.count / 2, leaves.count - 1})
      check_leaf(bench, c, leaves, index);
    seen.leaves += static_cast<unsigned>(leaves.count);
  }
  check_frames(bench, c);
  ++seen.cases;
  seen.stage2 += is_stage2(c) ? 1U : 0U;
  seen.lpae += is_lpae(c) ? 1U : 0U;
  seen.upper_half += !is_stage2(c) && !is_lpae(c) && c.cd.at("cd2") != 0 ? 1U : 0U;
  seen.probes += static_cast<unsigned>(c.probes.size());
}

}  // namespace

TEST_CASE("Linux io-pgtable: an SMMUv3 walks every page table but short descriptors, every probe and leaf") {
  Seen seen;
  unsigned short_descriptors = 0;
  for (const LinuxPageTables& c : read_linux_page_tables()) {
    if (c.configuration.at("fmt") == "v7s") {  // no SMMUv3 has them (IHI 0070 §3.4)
      ++short_descriptors;
      continue;
    }
    walk(c, true, seen);
  }
  std::cout << seen.cases << " page tables walked, " << seen.probes << " probes, " << seen.leaves
            << " leaves\n";
  CHECK(seen.cases == 51);
  CHECK(seen.stage2 == 17);
  CHECK(seen.lpae == 2);
  CHECK(seen.upper_half == 2);
  CHECK(seen.probes == 2794);
  CHECK(seen.leaves == 113'752);
  CHECK(short_descriptors == 2);
}

TEST_CASE(
    "Linux io-pgtable: without FEAT_XNX a stage 2 page that Linux keeps from execution is executed by none") {
  Seen seen;
  for (const LinuxPageTables& c : read_linux_page_tables())
    if (c.configuration.at("fmt") != "v7s" && is_stage2(c)) walk(c, false, seen);
  CHECK(seen.cases == 17);
}

TEST_CASE("IHI 0070 §5.4: bit 5 of T0SZ, which Linux writes for VMSAv8-32, is not looked at") {
  for (const LinuxPageTables& c : read_linux_page_tables()) {
    if (c.name != "s1_32_lpae") continue;
    const Structure descriptor = context_descriptor(c);
    CHECK((descriptor.words[0] & 0x3f) == 32);
    Bench bench(everything(true));
    program(bench, c);
    const Translation as_written = access(bench, 0x1123, {.privileged = true});
    Bench other(everything(true));
    program(other, c);
    other.set_cd(cd_at, Structure(descriptor).replace(5, 0, 0));
    CHECK(as_written.output == 0x80'0000'1123);
    CHECK(access(other, 0x1123, {.privileged = true}).output == as_written.output);
    return;
  }
  FAIL("the case is not there");
}

}  // namespace sidewinder::test
