// SPDX-License-Identifier: Apache-2.0
//
// Walks the page tables of tests/data/linux-page-tables.txt.xz (its format is in tests/data/README.md).

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

struct Probe {
  std::uint64_t address = 0;
  std::string result;
  std::uint64_t output = 0;
  unsigned level = 0;
};

struct Leaves {
  std::uint64_t address = 0, count = 0, size = 0, level = 0, output = 0;
  std::map<std::string, std::uint64_t> attributes;
};

struct Case {
  std::string name;
  std::map<std::string, std::string> configuration;
  std::map<std::string, std::uint64_t> bank;  ///< the registers of a context bank
  std::map<std::uint64_t, std::uint64_t> words;
  std::set<std::uint64_t> frames;
  std::vector<Leaves> leaves;
  std::vector<Probe> probes;
};

std::uint64_t number(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 0);
}

std::pair<std::string, std::string> split(const std::string& text) {
  const std::size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void read_line(Case& current, const std::string& keyword, const std::vector<std::string>& words) {
  const auto at = [&](std::size_t index) { return number(words.at(index)); };
  if (keyword == "cfg") {
    for (const std::string& word : words) current.configuration.insert(split(word));
  } else if (keyword == "v2cb") {
    for (const std::string& word : words) current.bank[split(word).first] = number(split(word).second);
  } else if (keyword == "G") {
    current.frames.insert(at(0));
  } else if (keyword == "Q") {
    current.words[at(0)] = at(1);
  } else if (keyword == "R") {
    for (std::uint64_t i = 0; i < at(1); ++i) current.words[at(0) + 8 * i] = at(2) + i * at(3);
  } else if (keyword == "L") {
    Leaves leaves{at(0), at(1), at(2), at(3), at(4), {}};
    for (std::size_t i = 5; i < words.size(); ++i)
      leaves.attributes[split(words[i]).first] = number(split(words[i]).second);
    current.leaves.push_back(leaves);
  } else if (keyword == "P") {
    Probe probe{at(0), words.at(1), 0, 0};
    if (probe.result == "ok") probe.output = at(2);
    if (probe.result != "range") probe.level = static_cast<unsigned>(number(words.back()));
    current.probes.push_back(probe);
  }
}

std::vector<Case> read_cases() {
  std::ifstream file(SIDEWINDER_LINUX_PAGE_TABLES);
  REQUIRE(file);
  std::vector<Case> cases;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream stream(line);
    std::string keyword;
    stream >> keyword;
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (keyword == "case") {
      cases.emplace_back();
      cases.back().name = words.at(0);
    } else if (!cases.empty()) {
      read_line(cases.back(), keyword, words);
    }
  }
  return cases;
}

/// Why this SMMU cannot walk a case, or nothing.
std::string unsupported(const Case& c) {
  const std::string format = c.configuration.at("fmt");
  if (format == "s2" || format == "s2_32") return "stage 2";
  if (format == "s1_32") return "AArch32 long descriptors";
  if (format == "v7s") return "AArch32 short descriptors";
  if (c.bank.at("tcr2") % 8 > 5) return "52-bit addresses";
  return {};
}

void program(Bench& bench, const Case& c) {
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
void check_probe(Bench& bench, const Probe& probe) {
  INFO("probe 0x" << std::hex << probe.address);
  for (unsigned round = 0; round < 2; ++round) {  // a walk, then a hit
    const auto result = bench.access(on_bus(probe.address), false, true);
    if (probe.result == "ok") {
      REQUIRE(result.action == Action::Forward);
      REQUIRE(result.output == probe.output);
      if (result.source == Source::Walk)
        REQUIRE(result.accesses[result.access_count - 1U].level == probe.level);
    } else {
      REQUIRE(result.action == Action::Abort);
      REQUIRE(bench.context() == ContextSyndrome{0x402, on_bus(probe.address), 0x20 | probe.level, 0x42});
      bench.clear();
    }
  }
}

void check_leaf(Bench& bench, const Leaves& leaves, std::uint64_t index) {
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
  for (const Case& c : read_cases()) {
    INFO("case " << c.name);
    if (const std::string reason = unsupported(c); !reason.empty()) {
      ++left_out[reason];
      continue;
    }
    ++walked;
    upper_half += c.bank.at("ttbr1") != 0 ? 1U : 0U;
    Bench bench;
    program(bench, c);
    for (const Probe& probe : c.probes) check_probe(bench, probe);
    probes += static_cast<unsigned>(c.probes.size());
    for (const Leaves& leaves : c.leaves) {
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
