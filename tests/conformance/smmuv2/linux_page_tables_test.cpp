// SPDX-License-Identifier: Apache-2.0
//
// Walks the page tables of tests/data/linux-page-tables.txt.xz.

#include <catch2/catch.hpp>
#include <iostream>
#include <map>
#include <string>

#include "tests/conformance/smmuv2/bench.h"
#include "tests/support/linux_page_tables.h"

namespace sidewinder::test {
namespace {

/// Why this SMMU cannot walk a case, or nothing.
std::string unsupported(const LinuxPageTables& c) {
  const std::string format = c.configuration.at("fmt");
  if (format == "s2" || format == "s2_32") return "stage 2";
  if (format == "s1_32") return "AArch32 long descriptors";
  if (format == "v7s") return "AArch32 short descriptors";
  if (c.bank.at("tcr2") % 8 > 5) return "52-bit addresses";
  return {};
}

void program(Bench& bench, const LinuxPageTables& c) {
  bench.enable();
  bench.attach(0x42, 3);
  for (const auto& [address, word] : c.words) bench.memory.words[address] = word;
  const auto low = [&](const char* name) { return static_cast<std::uint32_t>(c.bank.at(name)); };
  bench.regime(3, low("tcr"), low("tcr2"), c.bank.at("ttbr0"), c.bank.at("ttbr1"));
  bench.w32(Bench::cb(3, 0x38), low("mair0"));
  bench.w32(Bench::cb(3, 0x3c), low("mair1"));
}

/// A 49-bit bus carries the sign in bit 48.
std::uint64_t on_bus(std::uint64_t address) {
  return address & 0x1'ffff'ffff'ffff;
}

/// Reads as EL1, which the tables let read everywhere.
void check_probe(Bench& bench, const LinuxPageTables::Probe& probe) {
  INFO("probe 0x" << std::hex << probe.address);
  for (unsigned round = 0; round < 2; ++round) {  // a walk, then a hit
    const auto result = bench.access(on_bus(probe.address), false, true);
    if (probe.result == "ok") {
      REQUIRE(result.action == Action::Forward);
      REQUIRE(result.output == probe.output);
      if (result.source == Source::Walk)
        REQUIRE(result.accesses.back().level == static_cast<int>(probe.level));
    } else {
      REQUIRE(result.action == Action::Abort);
      REQUIRE(bench.context() == ContextSyndrome{0x402, on_bus(probe.address), 0x20 | probe.level, 0x42});
      bench.clear();
    }
  }
}

void check_leaf(Bench& bench, const LinuxPageTables::Leaves& leaves, std::uint64_t index) {
  const std::uint64_t address = leaves.address + index * leaves.size;
  INFO("leaf 0x" << std::hex << address);
  const auto& attributes = leaves.attributes;
  for (unsigned code = 0; code < 6; ++code) {
    const bool privileged = code % 2 != 0, write = code / 2 == 1, fetch = code / 2 == 2;
    const auto result = bench.access(on_bus(address) + 0x8, write, privileged, fetch);
    const bool user_writable = attributes.at("uw") != 0;
    const bool wanted =
        fetch   ? (privileged ? attributes.at("pxn") == 0 && !user_writable : attributes.at("uxn") == 0)
        : write ? attributes.at(privileged ? "pw" : "uw") != 0
                : attributes.at(privileged ? "pr" : "ur") != 0;
    INFO("access " << code);
    REQUIRE((result.action == Action::Forward) == wanted);
    if (wanted) {
      REQUIRE(result.output == leaves.output + index * leaves.size + 0x8);
      REQUIRE(result.attributes == attributes.at("attr"));
      REQUIRE(result.shareability == attributes.at("sh"));
      REQUIRE(std::uint64_t{1} << result.same_page_shift == leaves.size);
    } else {
      REQUIRE((bench.context().fsr & 0x1ff) == 0x8);
    }
    bench.clear();
  }
}

}  // namespace

TEST_CASE("Linux io-pgtable: every page table this SMMU supports, every probe and leaf") {
  std::map<std::string, unsigned> left_out;
  unsigned walked = 0, probes = 0, leaves_seen = 0, upper_half = 0;
  for (const LinuxPageTables& c : read_linux_page_tables()) {
    INFO("case " << c.name);
    if (const std::string reason = unsupported(c); !reason.empty()) {
      ++left_out[reason];
      continue;
    }
    ++walked;
    upper_half += c.bank.at("ttbr1") != 0 ? 1U : 0U;
    Bench bench;
    program(bench, c);
    for (const LinuxPageTables::Probe& probe : c.probes) check_probe(bench, probe);
    probes += static_cast<unsigned>(c.probes.size());
    for (const LinuxPageTables::Leaves& leaves : c.leaves) {
      for (const std::uint64_t index : {std::uint64_t{0}, leaves.count / 2, leaves.count - 1})
        check_leaf(bench, leaves, index);
      leaves_seen += static_cast<unsigned>(leaves.count);
    }
    for (const std::uint64_t read : bench.memory.reads)
      REQUIRE(c.frames.count(read & ~std::uint64_t{0xfff}) != 0);
  }
  std::cout << walked << " page tables walked, " << probes << " probes, " << leaves_seen << " leaves\n";
  for (const auto& [reason, count] : left_out)
    std::cout << count << " not walked: " << reason << ", not implemented\n";
  CHECK(walked == 29);
  CHECK(upper_half == 2);
  CHECK(probes == 1883);
  CHECK(leaves_seen == 84'010);
  CHECK(left_out["stage 2"] == 17);
  CHECK(left_out["AArch32 long descriptors"] == 1);
  CHECK(left_out["AArch32 short descriptors"] == 2);
  CHECK(left_out["52-bit addresses"] == 4);
  CHECK(left_out.size() == 4);
}

}  // namespace sidewinder::test
