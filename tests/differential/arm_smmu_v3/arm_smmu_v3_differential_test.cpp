// SPDX-License-Identifier: Apache-2.0
//
// The driver against what Linux 6.1's did to an SMMUv3, recorded (tests/data/README.md): the same devices
// attached in the same order to domains alike, and what was unmapped there unmapped here.

#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "iommu/linux/iommu.h"
#include "tests/support/recorded_smmuv3.h"
#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;

constexpr std::uint64_t address_bits = 0x00ff'ffff'ffff'f000;
constexpr std::uint64_t sync_low = 0xfc0'2046;
constexpr std::uint64_t tlbi_nh_va = 0x12;

std::ifstream open(const char* name) {
  std::ifstream file(std::string(SIDEWINDER_LINUX_TRAFFIC "/") + name);
  REQUIRE(file.good());
  return file;
}

struct Command {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend bool operator==(const Command&, const Command&) = default;
};

std::ostream& operator<<(std::ostream& out, const Command& command) {
  return out << std::hex << command.low << " " << command.high;
}

/// The lines that a driver causes, as Smmuv3Machine writes them, without where tables and queues lie.
std::string normalised(const std::string& line) {
  std::istringstream text(line);
  char kind = 0;
  std::uint64_t first = 0, second = 0, third = 0;
  text >> kind >> std::hex >> first >> second;
  std::ostringstream out;
  out << kind << std::hex << " " << first;
  if (kind == 'C') {
    out << " " << second;
    return out.str();
  }
  text >> third;
  if (second == 0xa8 || second == 0xac) second += 0x10000;
  const bool base = second == 0x80 || second == 0x90 || second == 0xa0;
  out << " " << second << " " << (base ? third & ~address_bits : third);
  return out.str();
}

std::vector<std::string> recorded_lines() {
  std::vector<std::string> lines;
  std::ifstream stream = open("stream.txt");
  for (std::string line; std::getline(stream, line);)
    if (line[0] == 'W' || line[0] == 'R' || line[0] == 'C') lines.push_back(normalised(line));
  return lines;
}

std::vector<Command> commands_of(const std::vector<std::string>& lines) {
  std::vector<Command> commands;
  for (const std::string& line : lines) {
    if (line[0] != 'C') continue;
    std::istringstream text(line.substr(1));
    Command command;
    text >> std::hex >> command.low >> command.high;
    commands.push_back(command);
  }
  return commands;
}

/// Invalidations by address together with their CMD_SYNC, and all the other commands, in order.
struct Sorted {
  std::vector<std::vector<Command>> by_address;
  std::vector<Command> others;
};

Sorted sorted(const std::vector<Command>& commands) {
  Sorted result;
  std::vector<Command> batch;
  for (const Command& command : commands) {
    if ((command.low & 0xff) == tlbi_nh_va) {
      batch.push_back(command);
    } else if (!batch.empty()) {
      REQUIRE(command.low == sync_low);
      batch.push_back(command);
      result.by_address.push_back(std::move(batch));
      batch.clear();
    } else {
      result.others.push_back(command);
    }
  }
  REQUIRE(batch.empty());
  return result;
}

/// The recorded machine's devices behind our driver.
struct Machine : Smmuv3Host {
  Machine() : Smmuv3Host(recorded_smmuv3()), iommu(smmu, pages, log, {}) { REQUIRE(smmu.probe()); }

  Device& device(std::uint32_t sid) {
    auto& entry = devices[sid];
    if (!entry) {
      entry = std::make_unique<Device>();
      entry->name = "device";
      entry->streams = {{sid, 0}};
      entry->pci.emplace();
    }
    return *entry;
  }
  DmaDomain& own_group(std::uint32_t sid) {
    REQUIRE(iommu.probe_device(device(sid)));
    return remember(*device(sid).domain);
  }
  /// A device that joins another's group is attached when it is added to the group, and when its default
  /// domain is looked after.
  void join(std::uint32_t sid, DmaDomain& domain) {
    REQUIRE(domain.attach(device(sid)));
    REQUIRE(domain.attach(device(sid)));
    domain.flush_iotlb_all();  // iommu_create_device_direct_mappings()
  }
  DmaDomain& move(std::initializer_list<std::uint32_t> sids) {
    owned.push_back(create(DomainType::Unmanaged));
    for (const std::uint32_t sid : sids) REQUIRE(owned.back()->attach(device(sid)));
    return remember(*owned.back());
  }
  DmaDomain& remember(DmaDomain& domain) {
    domains[++last_asid] = &domain;
    return domain;
  }

  /// Everything that was done to devices and domains while it was recorded.
  void repeat_boot() {
    DmaDomain& first = own_group(0x8);
    DmaDomain& second = own_group(0x10);
    DmaDomain& third = own_group(0x18);
    DmaDomain& fourth = own_group(0x40);
    own_group(0x20);
    own_group(0x28);
    join(0x100, first);
    join(0x200, second);
    join(0x300, third);
    own_group(0x30);
    own_group(0x38);
    own_group(0x80);
    join(0x400, fourth);
    move({0x80});
    move({0x80});
    move({0x40, 0x400});
    move({0x40, 0x400});
  }

  std::map<std::uint32_t, std::unique_ptr<Device>> devices;
  std::vector<std::unique_ptr<DmaDomain>> owned;
  Iommu iommu;
  std::uint64_t last_asid = 0;
  std::map<std::uint64_t, DmaDomain*> domains;  ///< by ASID: they are given in order
};

}  // namespace

TEST_CASE("Linux 6.1: reset and the first seven devices, every register access and command in order") {
  Machine ours;
  DmaDomain& first = ours.own_group(0x8);
  for (const std::uint32_t sid : {0x10U, 0x18U, 0x40U, 0x20U, 0x28U}) ours.own_group(sid);
  ours.join(0x100, first);
  const std::vector<std::string> recorded = recorded_lines();
  REQUIRE(ours.machine.trace.size() > 150);
  for (std::size_t index = 0; index < ours.machine.trace.size(); ++index) {
    INFO("access " << index);
    REQUIRE(normalised(ours.machine.trace[index]) == recorded[index]);
  }
  CHECK(recorded[ours.machine.trace.size() - 1] == "R 4 9c 48");
}

TEST_CASE("Linux 6.1: attaching, detaching and flushing, every command of the whole recording") {
  Machine ours;
  ours.repeat_boot();
  const std::vector<Command> recorded = sorted(commands_of(recorded_lines())).others;
  const std::vector<Command> made = commands_of(ours.machine.trace);
  std::cout << made.size() << " commands\n";
  CHECK(made.size() > 150);
  CHECK(made == recorded);
}

TEST_CASE("Linux 6.1: every unmapping of the recording, and the commands that invalidate it") {
  Machine ours;
  ours.repeat_boot();
  const std::vector<std::vector<Command>> recorded = sorted(commands_of(recorded_lines())).by_address;
  std::size_t commands = 0;
  for (const std::vector<Command>& batch : recorded) {
    // The range that IHI 0070 §4.4.1.1 makes of it: (NUM + 1) * 2^SCALE pages each, the next where one ends.
    const std::uint64_t start = batch.front().high & ~std::uint64_t{0xfff};
    const std::uint64_t granule = (batch.front().high >> 8 & 3) == 3 ? 0x1000 : 0x20'0000;
    std::uint64_t end = start;
    for (std::size_t index = 0; index + 1 < batch.size(); ++index) {
      REQUIRE((batch[index].high & ~std::uint64_t{0xfff}) == end);
      end += ((batch[index].low >> 12 & 0x1f) + 1) << (batch[index].low >> 20 & 0x1f) << 12;
    }
    DmaDomain& domain = *ours.domains.at(batch.front().low >> 48);
    const std::uint64_t target = 0x40'0000'0000 + (granule == 0x1000 ? 0x1000 + (start & 0x1f'f000) : 0);
    REQUIRE(domain.map(start, target, end - start, {.read = true, .write = true}));
    ours.machine.trace.clear();
    REQUIRE(domain.unmap(start, end - start) == end - start);
    REQUIRE(commands_of(ours.machine.trace) == batch);
    commands += batch.size();
  }
  std::cout << recorded.size() << " unmappings, " << commands << " commands\n";
  CHECK(recorded.size() > 1500);
}

TEST_CASE("Linux 6.1: stream table entries and context descriptors, word for word") {
  Machine ours;
  ours.repeat_boot();
  const std::uint64_t table = ours.machine.smmu().read(0x80, 8, false) & address_bits;
  const auto words_at = [&](std::uint64_t address, std::initializer_list<unsigned> with_address) {
    std::vector<std::uint64_t> words;
    for (unsigned word = 0; word < 8; ++word) words.push_back(ours.machine.word(address + 8 * word));
    for (const unsigned word : with_address) words[word] &= ~address_bits;
    return words;
  };
  const auto parsed = [](const std::string& line, const std::string& name,
                         std::initializer_list<unsigned> with_address) {
    std::istringstream text(line.substr(line.find(" " + name + "=") + name.size() + 2));
    std::vector<std::uint64_t> words(8);
    for (std::uint64_t& word : words) {
      text >> std::hex >> word;
      text.ignore(1);
    }
    for (const unsigned word : with_address) words[word] &= ~address_bits;
    return words;
  };
  std::ifstream config = open("config.txt");
  unsigned streams = 0;
  for (std::string line; std::getline(config, line); ++streams) {
    INFO(line);
    const std::uint64_t sid = std::stoull(line.substr(4), nullptr, 16);
    const std::uint64_t level2 = ours.machine.word(table + 8 * (sid >> 8));
    CHECK((level2 & 0x1f) == 9);
    const std::uint64_t ste = (level2 & address_bits) + 64 * (sid & 0xff);
    CHECK(words_at(ste, {0}) == parsed(line, "ste", {0}));
    CHECK(words_at(ours.machine.word(ste) & address_bits, {1}) == parsed(line, "cd", {1}));
  }
  CHECK(streams == 13);
}

}  // namespace sidewinder::test
