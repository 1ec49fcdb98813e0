// SPDX-License-Identifier: Apache-2.0
//
// Linux 6.1's own traffic, recorded (tests/data/README.md): its register accesses, commands and memory,
// in order, with each translation and each event record held against what came of it.

#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/conformance/smmuv3/interface_bench.h"
#include "tests/support/recorded_smmuv3.h"

namespace sidewinder::test {
namespace {

using Record = std::array<std::uint64_t, 4>;

struct Machine {
  WordMemory memory;
  SmmuLog log;
  smmuv3::Smmu smmu;
  std::uint32_t consumed = 0;  ///< commands put into the queue

  explicit Machine(const smmuv3::Config& config = recorded_smmuv3()) : smmu(config, 1, memory, log) {}

  static std::uint64_t place(std::uint64_t offset) {
    return offset == 0xa8 || offset == 0xac ? offset + 0x10000 : offset;
  }
  void write(unsigned size, std::uint64_t offset, std::uint64_t value) {
    smmu.write(place(offset), value, size, false);
    while (smmu.process_command(SecurityState::NonSecure)) {
    }
  }
  [[nodiscard]] std::uint64_t read(unsigned size, std::uint64_t offset) const {
    return smmu.read(place(offset), size, false);
  }

  /// Where the queue expects the next command.
  void put_command(std::uint64_t low, std::uint64_t high) {
    const std::uint64_t base = read(8, 0x90);
    const std::uint64_t index = consumed++ & ((std::uint64_t{1} << (base & 0x1f)) - 1);
    const std::uint64_t at = (base & 0x00ff'ffff'ffff'ffe0) + 16 * index;
    memory.words[at] = low;
    memory.words[at + 8] = high;
  }

  [[nodiscard]] Record last_event() {
    const std::uint64_t base = read(8, 0xa0);
    const std::uint64_t index = (read(4, 0xa8) - 1) & ((std::uint64_t{1} << (base & 0x1f)) - 1);
    Record record{};
    for (std::uint64_t word = 0; word < 4; ++word)
      record[word] = memory.words[(base & 0x00ff'ffff'ffff'ffe0) + 32 * index + 8 * word];
    return record;
  }

  /// The recording has no STE and CD of a stream before its first translation, but a stream may fault before:
  /// then they are made up as those of the other streams, with the table whose first word was read just now.
  void complete(std::uint64_t stream, std::uint64_t table) {
    constexpr std::uint64_t spare_stes = 0x5f10'0000, spare_cd = 0x5f00'0000;
    std::uint64_t& level1 = memory.words[(read(8, 0x80) & 0x00ff'ffff'ffff'ffc0) + 8 * (stream >> 8)];
    if (level1 == 0) level1 = (spare_stes + 0x4000 * (stream >> 8)) | 9;
    const std::uint64_t ste_at = (level1 & 0x00ff'ffff'ffff'ffc0) + 64 * (stream & 0xff);
    if (memory.words[ste_at] != 0) return;
    memory.words[ste_at] = (spare_cd + 64 * stream) | 0xb;
    memory.words[ste_at + 8] = 0xd6;
    memory.words[spare_cd + 64 * stream] = 0x00ff'e204'c000'3510;
    memory.words[spare_cd + 64 * stream + 8] = table;
    memory.words[spare_cd + 64 * stream + 24] = 0xffff'ffff'f404'ff44;
  }

  Translation access(std::uint64_t stream, std::uint64_t iova, bool is_write) {
    Transaction transaction{.address = iova, .stream_id = static_cast<std::uint32_t>(stream)};
    transaction.attributes.write = is_write;
    return smmu.translate(0, transaction, 0);
  }
};

/// CLASS as §7.3.13 wants it, of the four translation-related faults: stage 1's is IN.
Record with_class(Record record) {
  const std::uint64_t type = record[0] & 0xff;
  if (type >= 0x10 && type <= 0x13) record[1] |= std::uint64_t{2} << 40;
  return record;
}

std::ifstream open(const char* name) {
  std::ifstream file(std::string(SIDEWINDER_LINUX_TRAFFIC "/") + name, std::ios::binary);
  REQUIRE(file.good());
  return file;
}

}  // namespace

TEST_CASE("Linux 6.1: everything it did to an SMMUv3, and every translation and event that came of it") {
  Machine machine;
  unsigned translations = 0, events = 0, commands = 0, reads = 0;
  std::uint64_t last_word = 0;
  std::ifstream stream = open("stream.txt");
  std::string line;
  for (unsigned number = 1; std::getline(stream, line); ++number) {
    INFO("stream.txt:" << number << ": " << line);
    std::istringstream text(line);
    char kind = 0;
    text >> kind >> std::hex;
    Record n{};
    for (std::uint64_t& value : n) text >> value;
    switch (kind) {
      case 'W':
        machine.write(static_cast<unsigned>(n[0]), n[1], n[2]);
        break;
      case 'R':
        if (n[1] == 0x18) break;  // IIDR: who made it
        REQUIRE(machine.read(static_cast<unsigned>(n[0]), n[1]) == n[2]);
        ++reads;
        break;
      case 'C':
        machine.put_command(n[0], n[1]);
        ++commands;
        break;
      case 'M':
        machine.memory.words[n[0]] = n[1];
        last_word = n[0];
        break;
      case 'T':
        for (const std::uint64_t access : {1U, 2U}) {
          if ((n[2] & access) == 0) continue;
          const Translation result = machine.access(n[0], n[1], access == 2);
          REQUIRE(result.action == Action::Forward);
          REQUIRE(result.output == n[3]);
        }
        ++translations;
        break;
      case 'E': {
        if ((n[0] & 0xff) >= 0x10) machine.complete(n[0] >> 32, last_word & ~std::uint64_t{0xfff});
        const Translation result = machine.access(n[0] >> 32, n[2], (n[1] >> 35 & 1) == 0);
        REQUIRE(result.action == Action::Abort);
        REQUIRE(machine.last_event() == with_class(n));
        ++events;
        break;
      }
      default:
        break;
    }
  }
  CHECK(machine.smmu.counters().command_errors == 0);
  CHECK(machine.smmu.counters().commands == commands);
  std::cout << commands << " commands, " << reads << " register reads, " << translations << " translations, "
            << events << " events\n";
  CHECK(commands == 3577);
  CHECK(reads == 1848);
  CHECK(translations == 14488);
  CHECK(events == 83);
}

TEST_CASE("Linux 6.1: on the memory it left behind, every page mapped and every probe that is not") {
  Machine machine;
  std::ifstream places = open("pages.txt");
  std::ifstream bytes = open("pages.bin");
  std::uint64_t base = 0;
  while (places >> std::hex >> base)
    for (std::uint64_t offset = 0; offset < 0x1000; offset += 8)
      bytes.read(reinterpret_cast<char*>(&machine.memory.words[base + offset]), 8);
  REQUIRE(bytes.good());

  std::ifstream registers = open("final_regs.txt");
  std::uint64_t offset = 0, value = 0;
  std::map<std::uint64_t, std::uint64_t> held;
  while (registers >> std::hex >> offset >> value) held[offset] = value;
  for (const std::uint64_t place : {0x28U, 0x2cU, 0x80U, 0x84U, 0x88U, 0xa0U, 0xa4U, 0x20U})
    machine.write(4, place, held[place]);

  std::ifstream replay = open("replay.txt");
  std::string line;
  unsigned mapped = 0, faults = 0;
  while (std::getline(replay, line)) {
    INFO("replay.txt: " << line);
    std::istringstream text(line);
    std::uint64_t stream = 0, iova = 0;
    std::string access, outcome;
    text >> std::hex >> stream >> iova >> access >> outcome;
    machine.write(4, 0xac, machine.read(4, 0xa8));
    const Translation result = machine.access(stream, iova, access == "W");
    if (outcome == "ok") {
      std::uint64_t output = 0;
      text >> output;
      REQUIRE(result.action == Action::Forward);
      REQUIRE(result.output == output);
      ++mapped;
    } else {
      Record expected{};
      for (std::uint64_t& word : expected) text >> word;
      REQUIRE(result.action == Action::Abort);
      REQUIRE(machine.last_event() == with_class(expected));
      ++faults;
    }
  }
  std::cout << mapped << " accesses translated, " << faults << " faults\n";
  CHECK(mapped + faults == 2450);
}

}  // namespace sidewinder::test
