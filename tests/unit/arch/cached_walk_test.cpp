// SPDX-License-Identifier: Apache-2.0
//
// Walks that begin at cached tables, against walks from the root: whatever the tables say, both find the
// same.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "iommu/arch/tlb.h"
#include "iommu/arch/walk.h"
#include "iommu/arch/walk_cache.h"
#include "tests/support/tables.h"

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Granule;
using test::WordMemory;

constexpr std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

/// Every word is some descriptor, decided by its address: most are valid, many are tables. What the walker
/// writes stays.
class DescriptorMemory : public MemoryPort {
 public:
  explicit DescriptorMemory(std::uint64_t seed) : seed_(seed) {}

  std::map<std::uint64_t, std::uint64_t> written;
  unsigned reads = 0;

  PortResponse read64(const PortAccess& access) override {
    REQUIRE(access.address % 8 == 0);
    ++reads;
    std::mt19937_64 random(key(access));
    random.discard(2);
    return {.data = word(access), .ok = random() % 64 != 0};
  }

  PortResponse compare_exchange64(const PortAccess& access, std::uint64_t expected,
                                  std::uint64_t desired) override {
    const std::uint64_t stood = word(access);
    if (stood == expected) written[key(access)] = desired;
    return {.data = stood, .ok = true};
  }

 private:
  [[nodiscard]] std::uint64_t key(const PortAccess& access) const {
    return seed_ ^ access.address * 2 ^ (access.secure ? 1 : 0);
  }

  [[nodiscard]] std::uint64_t word(const PortAccess& access) const {
    const auto found = written.find(key(access));
    if (found != written.end()) return found->second;
    std::mt19937_64 random(key(access));
    std::uint64_t value = random();
    // Addresses of 40 bits, or now and then of more; valid; a table or page; accessible.
    if (value % 8 != 0) value &= ~(low40_complement & layout::low_bits(48));
    const std::uint64_t choice = random();
    if (choice % 16 != 0) value |= 1;
    if (choice / 16 % 4 != 0) value |= 2;
    if (choice / 64 % 4 != 0) value = (value & ~bit(62) & ~bit(61)) | bit(10) | bit(6) | bit(7);
    return value;
  }

  static constexpr std::uint64_t low40_complement = ~layout::low_bits(40);
  std::uint64_t seed_;
};

struct Regimes {
  Stage1 stage1;
  Stage2 stage2;
  bool nested = false, only_stage2 = false;
};

Granule granule_of(std::uint64_t number) {
  constexpr Granule granules[] = {Granule::Size4K, Granule::Size16K, Granule::Size64K};
  return granules[number % 3];
}

Regimes world_of(std::mt19937_64& random) {
  Regimes world;
  Stage1& one = world.stage1;
  for (Ttb& ttb : one.ttb)
    ttb = {.base = random() & layout::low_bits(40),
           .tsz = static_cast<std::uint8_t>(16 + random() % 8),
           .granule = granule_of(random()),
           .top_byte_ignored = random() % 2 == 0,
           .hierarchy_disabled = random() % 4 == 0,
           .non_secure_table = random() % 4 == 0};
  one.secure = random() % 2 == 0;
  one.contiguous_hint = world.stage2.contiguous_hint = false;  // a run that is not one has no one answer
  one.output_bits = random() % 2 == 0 ? 48 : 40;
  one.lpa = world.stage2.lpa = random() % 2 == 0;
  one.update = {.access_flag = random() % 2 == 0, .dirty_state = random() % 2 == 0};
  world.stage2.update = {.access_flag = random() % 2 == 0, .dirty_state = random() % 2 == 0};
  one.access_flag_fault_disabled = random() % 2 == 0;
  one.privileged_access_never = random() % 2 == 0;
  world.stage2.protected_walk = random() % 4 == 0;
  for (Stage2Table* table : {&world.stage2.non_secure_ipa, &world.stage2.secure_ipa})
    *table = {.base = random() & layout::low_bits(40),
              .tsz = 16,
              .start_level = 1,
              .granule = random() % 2 == 0 ? Granule::Size16K : Granule::Size64K,
              .walk_secure = random() % 2 == 0,
              .output_secure = random() % 2 == 0};
  world.nested = random() % 2 == 0;
  world.only_stage2 = !world.nested && random() % 2 == 0;
  return world;
}

/// Few bits of many places, so that walks share tables at every level.
std::uint64_t address_of(std::mt19937_64& random) {
  std::uint64_t address = 0;
  for (const unsigned place : {12U, 16U, 21U, 25U, 30U, 39U}) address |= (random() % 2) << place;
  if (random() % 2 == 0) address |= ~layout::low_bits(40);
  return address ^ (random() % 4 == 0 ? random() << 56 : 0);
}

Outcome run(const Regimes& world, const Access& access, bool secure, const WalkContext& context) {
  return translate(world.only_stage2 ? nullptr : &world.stage1,
                   world.nested || world.only_stage2 ? &world.stage2 : nullptr, access, secure, context);
}

constexpr WalkCache::Shapes shapes = {CacheShape{4, 2}, CacheShape{4, 2}, CacheShape{8, 2}, CacheShape{8, 4}};

}  // namespace

TEST_CASE("a walk from a cached table finds what a walk from the root finds, faults and levels included") {
  unsigned mapped = 0, fewer = 0;
  unsigned kinds[8] = {};
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    std::mt19937_64 random(seed);
    const Regimes world = world_of(random);
    DescriptorMemory plain_memory(seed << 48), cached_memory(seed << 48);
    WalkCache stage1_tables(shapes), stage2_tables(shapes);
    Tlb tlb({8, 2});
    const TlbTag tag{.asid = 3, .vmid = 5};
    for (unsigned step = 0; step < 100; ++step) {
      const std::uint64_t code = random();
      const bool secure = world.only_stage2 && random() % 2 == 0;
      const Access access{
          .address = world.only_stage2 ? address_of(random) & layout::low_bits(41) : address_of(random),
          .write = code % 3 == 0,
          .privileged = code / 3 % 2 != 0,
          .instruction = code / 6 % 4 == 0};
      const unsigned before_plain = plain_memory.reads, before_cached = cached_memory.reads;
      const Outcome plain = run(world, access, secure, {.memory = &plain_memory, .tag = tag});
      const Outcome cached = run(world, access, secure,
                                 {.memory = &cached_memory,
                                  .stage1_tables = &stage1_tables,
                                  .stage2_tables = &stage2_tables,
                                  .tlb = &tlb,
                                  .tag = tag});
      INFO("seed " << seed << " step " << step);
      REQUIRE(cached.ok == plain.ok);
      REQUIRE(cached.mapped == plain.mapped);
      if (plain.mapped) REQUIRE(cached.mapping == plain.mapping);
      if (!plain.ok) {
        REQUIRE(cached.fault == plain.fault);
        ++kinds[static_cast<unsigned>(plain.fault.kind)];
      }
      const unsigned plain_reads = plain_memory.reads - before_plain;
      const unsigned cached_reads = cached_memory.reads - before_cached;
      REQUIRE(cached_reads <= plain_reads);
      mapped += plain.ok ? 1U : 0U;
      fewer += cached_reads < plain_reads ? 1U : 0U;
    }
    REQUIRE(plain_memory.written == cached_memory.written);
  }
  CHECK(mapped > 1'000);
  CHECK(fewer > 5'000);
  for (const FaultKind kind : {FaultKind::Translation, FaultKind::AddressSize, FaultKind::AccessFlag,
                               FaultKind::Permission, FaultKind::ExternalWalk})
    CHECK(kinds[static_cast<unsigned>(kind)] > 300);
}

TEST_CASE("a warm stage 1 walk reads its last table alone, and the restrictions of those above hold") {
  WordMemory memory;
  memory.words = {{0x1000, 0x2003 | bit(61) | bit(59)},
                  {0x2000, 0x3003 | bit(62)},
                  {0x3008, 0x8000'0443},
                  {0x3010, 0x9000'0443}};
  Stage1 regime;
  regime.ttb[0] = {.base = 0x1000, .tsz = 25, .top_byte_ignored = true};
  regime.ttb[1].walk_disabled = true;
  WalkCache tables(shapes);
  const TlbTag tag{.asid = 1};
  const auto walk = [&](std::uint64_t address, const TlbTag& whose, bool write = false) {
    memory.reads.clear();
    return translate(&regime, nullptr, {.address = address, .write = write, .privileged = true}, false,
                     {.memory = &memory, .stage1_tables = &tables, .tag = whose});
  };
  CHECK(walk(0xaa00'0000'0000'1000, tag).ok);
  CHECK(memory.reads.size() == 3);
  CHECK(tables.occupancy() == 2);
  // The next page, with another top byte.
  const Outcome warm = walk(0x5500'0000'0000'2000, tag);
  CHECK(warm.ok);
  CHECK(memory.reads == std::vector<std::uint64_t>{0x3010});
  CHECK(warm.mapping.output == 0x9000'0000);
  CHECK(warm.mapping.first.permissions == Permissions{.read_only = true, .pxn = true});
  CHECK(walk(0x2000, tag, true).fault.kind == FaultKind::Permission);
  // Another ASID's walk begins at its root.
  CHECK(walk(0x2000, {.asid = 2}).ok);
  CHECK(memory.reads.size() == 3);
  // EPD, and the range of the half, come before any cache.
  regime.ttb[0].walk_disabled = true;
  CHECK(walk(0x2000, tag).fault.level == 0);
  CHECK(memory.reads.empty());
  regime.ttb[0].walk_disabled = false;
  regime.ttb[0].tsz = 39;
  CHECK(walk(0x200'0000, tag).fault.kind == FaultKind::Translation);
  CHECK(memory.reads.empty());
  // A table of another granule is not taken for one of this.
  regime.ttb[0] = {.base = 0x1'0000, .tsz = 25, .granule = Granule::Size64K};
  memory.words[0x1'0000] = 0xa000'0441;
  CHECK(walk(0x2000, tag).mapping.output == 0xa000'0000);
}

TEST_CASE("a warm stage 2 walk reads its last table alone, in the IPA space and VMID it was kept for") {
  WordMemory memory;
  memory.words = {{0x1000, 0x2003}, {0x2000, 0x3003}, {0x3008, 0x8000'04ff}};
  Stage2 regime;
  regime.non_secure_ipa = regime.secure_ipa = {.base = 0x1000, .tsz = 25, .start_level = 1};
  WalkCache tables(shapes);
  const auto reads = [&](const TlbTag& tag, bool secure) {
    memory.reads.clear();
    const Outcome outcome = translate(nullptr, &regime, {.address = 0x1000}, secure,
                                      {.memory = &memory, .stage2_tables = &tables, .tag = tag});
    CHECK(outcome.ok);
    return memory.reads.size();
  };
  CHECK(reads({.asid = 4, .vmid = 1}, false) == 3);
  CHECK(reads({.asid = 9, .vmid = 1, .stages = Stages::Both, .aset = true}, false) == 1);
  CHECK(reads({.vmid = 2}, false) == 3);
  CHECK(reads({.vmid = 1}, true) == 3);
  CHECK(reads({.vmid = 1, .world = World::Secure}, false) == 3);
  CHECK(reads({.vmid = 1}, false) == 1);
  // A table of another granule is not taken for one of this: the IPA is in a page of 64 KiB.
  regime.non_secure_ipa = {.base = 0x1'0000, .tsz = 35, .start_level = 3, .granule = Granule::Size64K};
  memory.words[0x1'0000] = 0x9000'04ff;
  CHECK(reads({.vmid = 1}, false) == 1);
  CHECK(memory.reads.back() == 0x1'0000);
}

}  // namespace sidewinder::arch
