// SPDX-License-Identifier: Apache-2.0
//
// Replays how Linux's io-pgtable code made the tables of tests/data/linux-page-tables.txt.xz, and compares
// every word, register field, invalidation and cache clean. Our tables are at other addresses in the same
// memory.

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cstring>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "iommu/linux/io_pgtable.h"
#include "iommu/linux/page_allocator.h"
#include "tests/support/linux_page_tables.h"
#include "tests/support/plain_machine.h"
#include "tests/support/recording_bus.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::BusAccess;
using sidewinder::test::LinuxPageTables;

namespace {

constexpr std::uint64_t software_bit = std::uint64_t{1} << 55;

struct Tally {
  std::uint64_t cases = 0, maps = 0, unmaps = 0, words = 0, tables = 0, invalidations = 0, cleans = 0,
                probes = 0;
};

test::PlainMachineConfig machine_of(const LinuxPageTables& linux) {
  test::PlainMachineConfig config;
  config.memory = linux.memory;
  return config;
}

IoPgtableConfig config_of(const LinuxPageTables& linux) {
  const std::uint64_t quirks = linux.number("quirks");
  return {.ias = static_cast<unsigned>(linux.number("ias")),
          .oas = static_cast<unsigned>(linux.number("oas")),
          .coherent_walk = linux.number("coherent") != 0,
          .format = linux.configuration.at("fmt") == "s2" ? IoPgtableFormat::Arm64LpaeS2
                                                          : IoPgtableFormat::Arm64LpaeS1,
          .page_sizes = linux.number("pgsizes"),
          .quirks = {.arm_ns = (quirks & 1U << 0) != 0,
                     .arm_ttbr1 = (quirks & 1U << 5) != 0,
                     .arm_outer_wbwa = (quirks & 1U << 6) != 0}};
}

IommuProt prot_of(std::uint64_t bits) {
  return {.read = (bits & 1) != 0,
          .write = (bits & 2) != 0,
          .cache = (bits & 4) != 0,
          .noexec = (bits & 8) != 0,
          .mmio = (bits & 16) != 0,
          .privileged = (bits & 32) != 0};
}

class Replay {
 public:
  Replay(const LinuxPageTables& linux, Tally& tally)
      : linux_(linux),
        tally_(tally),
        machine_(machine_of(linux)),
        bus_(machine_),
        pages_(bus_, std::span(&linux.memory, 1), 0.0, 1),
        tables_(IoPgtable::create(bus_, pages_, flush_, config_of(linux))) {
    REQUIRE(tables_);
    bus_.accesses.clear();
  }

  void run() {
    ++tally_.cases;
    std::map<std::string, std::uint64_t> invalidations = {{"walk", 0}, {"page", 0}};
    std::uint64_t cleans = 0;
    for (const LinuxPageTables::Operation& operation : linux_.operations) {
      INFO((operation.map ? "M 0x" : "U 0x") << std::hex << operation.iova);
      flush_.calls.clear();
      bus_.accesses.clear();
      operation.map ? map(operation) : unmap(operation);
      REQUIRE(flush_.calls == operation.invalidations);
      for (const test::FlushCall& call : flush_.calls)
        ++invalidations[call.kind == test::FlushCall::Kind::Walk ? "walk" : "page"];
      cleans += cleans_needed(operation.map);
    }
    CHECK(invalidations["walk"] == linux_.totals.at("walk"));
    CHECK(invalidations["page"] == linux_.totals.at("page"));
    CHECK(linux_.totals.at("all") == 0);
    CHECK(tables_->warnings() == linux_.totals.at("warns"));
    CHECK(cleans == linux_.totals.at("dmasync"));
    tally_.invalidations += invalidations["walk"] + invalidations["page"];
    tally_.cleans += cleans;
  }

  void compare_registers() {
    const IoPgtableRegisters ours = tables_->registers();
    const auto linux = [&](const char* field) { return linux_.registers.at(field); };
    CHECK(ours.tsz == linux("tsz"));
    CHECK(ours.tg == linux("tg"));
    CHECK(ours.sh == linux("sh"));
    CHECK(ours.irgn == linux("irgn"));
    CHECK(ours.orgn == linux("orgn"));
    if (linux_.configuration.at("fmt") == "s2") {
      CHECK(ours.ips == linux("ps"));
      CHECK(ours.sl == linux("sl"));
    } else {
      CHECK(ours.ips == linux("ips"));
      CHECK(ours.mair == linux("mair"));
    }
    CHECK(tables_->format().start_level() == root_level());
    CHECK(tables_->format().config().page_sizes == linux_.number("pgsizes"));
  }

  void compare_tables() {
    const bool stage2 = linux_.configuration.at("fmt") == "s2";
    const std::uint64_t before = tally_.words;
    compare_table(tables_->registers().ttbr, linux_.registers.at(stage2 ? "vttbr" : "ttbr"), root_level());
    std::uint64_t nonzero = 0;
    for (const auto& word : linux_.words) nonzero += word.second != 0 ? 1U : 0U;
    CHECK(tally_.words - before == nonzero);
    CHECK(pages_.pages_in_use() + frames_beyond_root() == linux_.frames.size());
  }

  void compare_probes() {
    for (const LinuxPageTables::Probe& probe : linux_.probes) {
      INFO("probe 0x" << std::hex << probe.address);
      const std::optional<PhysAddr> found = tables_->iova_to_phys(probe.address);
      if (probe.result == "ok")
        REQUIRE(found == probe.output);
      else
        REQUIRE_FALSE(found);
      ++tally_.probes;
    }
  }

  void free() {
    tables_.reset();
    CHECK(pages_.pages_in_use() == 0);
  }

 private:
  void map(const LinuxPageTables::Operation& operation) {
    ++tally_.maps;
    REQUIRE(operation.error == 0);
    std::uint64_t done = 0;
    while (done < operation.size * operation.count) {
      const std::uint64_t left = operation.count - done / operation.size;
      REQUIRE(tables_->map_pages(operation.iova + done, operation.base + done, operation.size, left,
                                 prot_of(operation.prot), done));
    }
    REQUIRE(done == operation.bytes);
  }

  void unmap(const LinuxPageTables::Operation& operation) {
    ++tally_.unmaps;
    std::uint64_t done = 0;
    while (done < operation.size * operation.count) {
      const std::uint64_t left = operation.count - done / operation.size;
      const std::uint64_t step = tables_->unmap_pages(operation.iova + done, operation.size, left);
      if (step == 0) break;
      done += step;
    }
    REQUIRE(done == operation.bytes);
  }

  /// Linux cleans the cache behind every store but the software bit's. It fills a split block's table one
  /// descriptor at a time, leaving the hole out; ours is one write.
  std::uint64_t cleans_needed(bool mapping) const {
    if (linux_.number("coherent") != 0) return 0;
    std::uint64_t cleans = 0;
    for (const BusAccess& access : bus_.accesses) {
      if (!access.is_write() || (access.data.size() > 8 && is_zero(access))) continue;  // a fresh table
      if (access.data.size() == 8 && (access.value() & software_bit) != 0) continue;
      cleans += mapping || access.data.size() == 8 ? 1 : descriptors_in(access);
    }
    return cleans;
  }

  static bool is_zero(const BusAccess& access) { return descriptors_in(access) == 0; }

  static std::uint64_t descriptors_in(const BusAccess& access) {
    std::uint64_t count = 0;
    for (std::size_t at = 0; at < access.data.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, &access.data[at], sizeof word);
      count += word != 0 ? 1U : 0U;
    }
    return count;
  }

  /// The file lists a granule for a root that is smaller; Linux and we take whole pages only.
  [[nodiscard]] std::uint64_t frames_beyond_root() const {
    const std::uint64_t granule = linux_.number("granule");
    const std::uint64_t root = std::max(page_size, entries_at(root_level()) * 8);
    return granule > root ? (granule - root) / page_size : 0;
  }

  [[nodiscard]] unsigned root_level() const { return static_cast<unsigned>(linux_.number("start_level")); }

  [[nodiscard]] std::uint64_t entries_at(unsigned level) const {
    const std::uint64_t granule = linux_.number("granule");
    const auto page_bits = static_cast<unsigned>(std::countr_zero(granule));
    const unsigned shift = page_bits + (3 - level) * (page_bits - 3);
    return level == root_level() ? std::uint64_t{1} << (linux_.number("ias") - shift) : granule / 8;
  }

  void compare_table(PhysAddr ours, PhysAddr linux, unsigned level) {
    ++tally_.tables;
    for (std::uint64_t index = 0; index < entries_at(level); ++index) {
      const auto listed = linux_.words.find(linux + 8 * index);
      const std::uint64_t theirs = listed == linux_.words.end() ? 0 : listed->second;
      const std::uint64_t mine = machine_.word(ours + 8 * index);
      tally_.words += mine != 0 ? 1U : 0U;
      const bool table = level < 3 && (theirs & 3) == 3;
      const std::uint64_t address = table ? 0xffff'ffff'f000 : 0;
      if ((mine & ~address) == (theirs & ~address)) {
        if (table) compare_table(table_at(mine), table_at(theirs), level + 1);
        continue;
      }
      INFO("level " << level << " index " << index << std::hex << " ours " << mine << " Linux " << theirs);
      FAIL("a word differs");
    }
  }

  [[nodiscard]] PhysAddr table_at(std::uint64_t descriptor) const {
    const std::uint64_t low = descriptor & 0xffff'ffff'f000;
    if (linux_.number("granule") != 0x10000) return low;
    return (low & ~std::uint64_t{0xf000}) | (descriptor >> 12 & 0xf) << 48;
  }

  const LinuxPageTables& linux_;
  Tally& tally_;
  test::PlainMachine machine_;
  test::RecordingBus bus_;
  PageAllocator pages_;
  test::FlushRecorder flush_;
  std::optional<IoPgtable> tables_;
};

}  // namespace

TEST_CASE("the tables that Linux made are made again, word for word, with the same invalidations") {
  std::map<std::string, unsigned> left_out;
  Tally tally;
  for (const LinuxPageTables& linux : test::read_linux_page_tables()) {
    const std::string& format = linux.configuration.at("fmt");
    if (format != "s1" && format != "s2") {
      ++left_out[format];
      continue;
    }
    INFO("case " << linux.name);
    Replay replay(linux, tally);
    replay.run();
    replay.compare_registers();
    replay.compare_tables();
    replay.compare_probes();
    replay.free();
  }
  std::cout << tally.cases << " cases, " << tally.maps << " maps, " << tally.unmaps
            << " unmaps: " << tally.words << " words in " << tally.tables << " tables, "
            << tally.invalidations << " invalidations, " << tally.cleans << " cache cleans, " << tally.probes
            << " lookups\n";
  for (const auto& [format, count] : left_out)
    std::cout << count << " not replayed: format " << format << " is not implemented\n";
  CHECK(tally.cases == 49);
  CHECK(tally.maps == 436);
  CHECK(tally.unmaps == 164);
  CHECK(tally.words == 114'272);
  CHECK(tally.tables == 577);
  CHECK(tally.invalidations == 1521);
  CHECK(tally.cleans == 28'260);
  CHECK(tally.probes == 2770);
  CHECK(left_out == std::map<std::string, unsigned>{{"s1_32", 1}, {"s2_32", 1}, {"v7s", 2}});
}
