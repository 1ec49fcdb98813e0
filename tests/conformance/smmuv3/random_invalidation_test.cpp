// SPDX-License-Identifier: Apache-2.0
//
// Random insertions, lookups and commands against a plain list whose matching is written after the words of
// IHI 0070 §3.17 and §4.4, and not after the code.

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "iommu/arch/tlb.h"
#include "iommu/smmuv3/invalidation.h"

namespace sidewinder::test {
namespace {

using arch::Mapping;
using arch::Stages;
using arch::Tlb;
using arch::TlbTag;
using arch::World;
using layout::vmsa64::Granule;
using smmuv3::SecurityState;
using smmuv3::Tlbi;
using smmuv3::TlbiCommand;
using smmuv3::TlbiRules;
using Wide = unsigned __int128;

struct Listed {
  TlbTag tag;
  std::uint64_t first = 0, last = 0;            ///< what the entry covers
  std::uint64_t leaf_first = 0, leaf_last = 0;  ///< the page, block or run it came from
  unsigned granule_kib = 4, level = 3;
  bool global = false;
  std::uint64_t number = 0;
};

bool has_asid(World world) {
  return world == World::El1 || world == World::Secure || world == World::El2E2h ||
         world == World::SecureEl2E2h;
}

/// §3.17: "lookup".
bool serves(const Listed& entry, const TlbTag& tag, std::uint64_t address) {
  if (address < entry.first || address > entry.last) return false;
  if (entry.tag.world != tag.world || entry.tag.stages != tag.stages || entry.tag.vmid != tag.vmid)
    return false;
  if (entry.tag.secure_ipa != tag.secure_ipa) return false;
  if (tag.stages == Stages::Two) return true;
  return entry.global ? entry.tag.aset == tag.aset : entry.tag.asid == tag.asid;
}

bool in_range(const Listed& entry, const TlbiCommand& command, const TlbiRules& rules, std::uint64_t mask) {
  const std::uint64_t start = command.address & mask;
  if (!rules.range_invalidation || command.tg == 0)
    return start >= entry.leaf_first && start <= entry.leaf_last;
  const std::array<unsigned, 4> kib{0, 4, 16, 64};
  if (entry.granule_kib != kib[command.tg]) return false;
  const bool level_is_reserved = command.tg == 2 && command.ttl == 1 && !rules.lpa2;
  if (command.ttl != 0 && !level_is_reserved && entry.level != command.ttl) return false;
  unsigned scale = rules.lpa2 ? command.scale : command.scale % 32;
  if (scale > 39) scale = 39;
  const Wide range = (Wide{command.num} + 1) * (Wide{1} << scale) * (kib[command.tg] * 1024U);
  return Wide{start} <= entry.leaf_last && Wide{start} + range > entry.leaf_first;
}

/// §4.4: whether the command removes the entry. Only of commands that are not CERROR_ILL.
bool removes(const TlbiCommand& command, const TlbiRules& rules, const Listed& entry) {
  const bool secure_queue = rules.queue == SecurityState::Secure;
  const bool of_stage1 = entry.tag.stages != Stages::Two;
  const World world = entry.tag.world;
  const unsigned ignored = world == World::Secure ? rules.secure_vmid_wildcard : rules.vmid_wildcard;
  const bool same_vmid = entry.tag.vmid >> ignored == command.vmid >> ignored;
  const bool same_asid = entry.tag.asid == command.asid;
  const std::uint64_t page = ~std::uint64_t{0xfff};
  const bool va = of_stage1 && in_range(entry, command, rules, page);
  const bool ipa = !of_stage1 && in_range(entry, command, rules, page & 0x00ff'ffff'ffff'ffff);
  const bool nh = of_stage1 && world == (secure_queue ? World::Secure : World::El1) &&
                  (same_vmid || !(secure_queue ? rules.secure_stage2 : rules.stage2));
  const bool el2 = world == (rules.e2h ? World::El2E2h : World::El2);
  const bool secure_el2 = world == (rules.secure_e2h ? World::SecureEl2E2h : World::SecureEl2);
  switch (command.opcode) {
    case Tlbi::NhAll:
      return nh;
    case Tlbi::NhAsid:
      return nh && same_asid && !entry.global;
    case Tlbi::NhVa:
      return nh && va && (same_asid || entry.global);
    case Tlbi::NhVaa:
      return nh && va;
    case Tlbi::El3All:
      return world == World::El3;
    case Tlbi::El3Va:
      return world == World::El3 && va;
    case Tlbi::El2All:
      return world == World::El2 || world == World::El2E2h;
    case Tlbi::El2Asid:
      return world == World::El2E2h && same_asid && !entry.global;
    case Tlbi::El2Va:
      return el2 && va && (!rules.e2h || same_asid || entry.global);
    case Tlbi::El2Vaa:
      return el2 && va;
    case Tlbi::SEl2All:
      return world == World::SecureEl2 || world == World::SecureEl2E2h;
    case Tlbi::SEl2Asid:
      return world == World::SecureEl2E2h && same_asid && !entry.global;
    case Tlbi::SEl2Va:
      return secure_el2 && va && (!rules.secure_e2h || same_asid || entry.global);
    case Tlbi::SEl2Vaa:
      return secure_el2 && va;
    case Tlbi::S12Vmall:
      return world == World::El1 && same_vmid;
    case Tlbi::S2Ipa:
      return world == World::El1 && same_vmid && ipa;
    case Tlbi::NsnhAll:
      return world == World::El1;
    case Tlbi::SS12Vmall:
      return world == World::Secure && same_vmid;
    case Tlbi::SS2Ipa:
      return world == World::Secure && same_vmid && ipa && entry.tag.secure_ipa != command.non_secure_ipa;
    case Tlbi::SnhAll:
      return world == World::Secure;
  }
  return false;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  unsigned below(unsigned limit) { return static_cast<unsigned>(engine_() % limit); }
  bool one_in(unsigned count) { return below(count) == 0; }
  template <typename T, std::size_t N>
  T of(const std::array<T, N>& all) {
    return all[below(N)];
  }

  TlbTag tag() {
    TlbTag made;
    made.world = one_in(2) ? World::El1 : static_cast<World>(below(7));
    const bool stages = made.world == World::El1 || made.world == World::Secure;
    made.stages = stages ? static_cast<Stages>(1 + below(3)) : Stages::One;
    made.vmid = stages ? static_cast<std::uint16_t>(1 + below(3)) : std::uint16_t{0};
    if (has_asid(made.world) && made.stages != Stages::Two) {
      made.asid = static_cast<std::uint16_t>(1 + below(3));
      made.aset = one_in(4);
    }
    made.secure_ipa = made.stages == Stages::Two && made.world == World::Secure && one_in(2);
    return made;
  }

  /// In few places, so that entries of all sizes overlap: near 0, at 1 GiB and at the top.
  std::uint64_t address() {
    const std::array<std::uint64_t, 4> bases{0, 0x4000'0000, 0x80'0000'0000, 0xffff'ffff'c000'0000};
    const std::array<unsigned, 4> bits{15, 18, 23, 30};
    return of(bases) + (engine_() & ((std::uint64_t{1} << of(bits)) - 1));
  }

  std::mt19937_64 engine_;
};

struct Pair {
  Listed listed;
  Mapping mapping;
};

Pair entry(Random& random, std::uint64_t address, std::uint64_t number) {
  struct Leaf {
    Granule granule;
    unsigned kib;
    std::uint8_t level;
    unsigned shift, run;  ///< log2 of bytes, and of a contiguous run
  };
  static constexpr std::array leaves{
      Leaf{Granule::Size4K, 4, 3, 12, 16},   Leaf{Granule::Size4K, 4, 2, 21, 25},
      Leaf{Granule::Size4K, 4, 1, 30, 34},   Leaf{Granule::Size16K, 16, 3, 14, 21},
      Leaf{Granule::Size16K, 16, 2, 25, 30}, Leaf{Granule::Size64K, 64, 3, 16, 21},
      Leaf{Granule::Size64K, 64, 2, 29, 34}, Leaf{Granule::Size4K, 4, 3, 12, 12}};
  const Leaf leaf = random.of(leaves);
  Pair made;
  made.listed.tag = random.tag();
  const bool both = made.listed.tag.stages == Stages::Both;
  unsigned shift = leaf.shift, leaf_shift = leaf.shift;
  if (random.one_in(4)) shift = leaf_shift = leaf.run;
  if (both && random.one_in(2)) {  // stage 2's pages are smaller
    leaf_shift = leaf.shift;
    shift = leaf.shift < 16 ? 12 : random.of(std::array{12U, 14U, 16U});
  }
  const auto base = [&](unsigned bits) { return address >> bits << bits; };
  const auto end = [&](unsigned bits) { return address | ((std::uint64_t{1} << bits) - 1); };
  made.listed.first = base(shift);
  made.listed.last = end(shift);
  made.listed.leaf_first = base(leaf_shift);
  made.listed.leaf_last = end(leaf_shift);
  made.listed.granule_kib = leaf.kib;
  made.listed.level = leaf.level;
  made.listed.global =
      has_asid(made.listed.tag.world) && made.listed.tag.stages != Stages::Two && random.one_in(3);
  made.listed.number = number;

  Mapping& mapping = made.mapping;
  mapping.output = number;
  mapping.size_shift = static_cast<std::uint8_t>(shift);
  mapping.stage1 = made.listed.tag.stages != Stages::Two;
  mapping.stage2 = made.listed.tag.stages != Stages::One;
  mapping.first.global = made.listed.global;
  mapping.second.granule = mapping.first.granule = leaf.granule;
  mapping.second.level = mapping.first.level = leaf.level;
  if (both) mapping.second.level = 1;
  return made;
}

TlbiRules random_rules(Random& random) {
  TlbiRules rules;
  rules.queue = random.one_in(2) ? SecurityState::Secure : SecurityState::NonSecure;
  rules.hyp = true;
  rules.stage2 = !random.one_in(8);
  rules.secure_stage2 = rules.stage2 && !random.one_in(4);
  rules.range_invalidation = !random.one_in(8);
  rules.lpa2 = random.one_in(3);
  rules.e2h = random.one_in(2);
  rules.secure_e2h = random.one_in(2);
  rules.vmid_wildcard = static_cast<std::uint8_t>(random.one_in(3) ? random.below(5) : 0);
  rules.secure_vmid_wildcard = static_cast<std::uint8_t>(random.one_in(3) ? random.below(5) : 0);
  return rules;
}

TlbiCommand random_command(Random& random) {
  static constexpr std::array opcodes{Tlbi::NhVa,     Tlbi::NhVaa,     Tlbi::S2Ipa,    Tlbi::SS2Ipa,
                                      Tlbi::El2Va,    Tlbi::El2Vaa,    Tlbi::SEl2Va,   Tlbi::SEl2Vaa,
                                      Tlbi::El3Va,    Tlbi::NhAll,     Tlbi::NhAsid,   Tlbi::El3All,
                                      Tlbi::El2All,   Tlbi::El2Asid,   Tlbi::SEl2All,  Tlbi::NsnhAll,
                                      Tlbi::SEl2Asid, Tlbi::SS12Vmall, Tlbi::S12Vmall, Tlbi::SnhAll};
  TlbiCommand command;
  command.opcode = random.one_in(4) ? random.of(opcodes) : opcodes[random.below(9)];
  command.vmid = static_cast<std::uint16_t>(1 + random.below(3));
  command.asid = static_cast<std::uint16_t>(1 + random.below(3));
  command.address = random.address();
  command.leaf = random.one_in(2);
  command.non_secure_ipa = random.one_in(2);
  command.tg = static_cast<std::uint8_t>(random.below(4));
  command.ttl = static_cast<std::uint8_t>(random.one_in(2) ? 0 : random.below(4));
  command.num = static_cast<std::uint8_t>(random.below(32));
  command.scale = static_cast<std::uint8_t>(random.one_in(3) ? random.below(64) : random.below(6));
  return command;
}

void run(std::uint64_t seed, arch::CacheShape shape, unsigned steps) {
  Random random(seed);
  Tlb tlb(shape);
  std::vector<Listed> list;
  const auto keep = [&](auto stays) {
    std::vector<Listed> left;
    for (const Listed& each : list)
      if (stays(each)) left.push_back(each);
    list = left;
  };
  for (unsigned step = 1; step <= steps; ++step) {
    const unsigned action = random.below(20);
    if (action < 9 && list.size() < shape.entries) {
      const std::uint64_t address = random.address();
      const Pair made = entry(random, address, step);
      tlb.insert(made.listed.tag, address, made.mapping);
      keep([&](const Listed& each) { return !serves(each, made.listed.tag, address); });
      list.push_back(made.listed);
    } else if (action < 18 || list.empty()) {
      TlbTag tag = random.tag();
      std::uint64_t address = random.address();
      if (!list.empty() && random.one_in(2)) {
        const Listed& some = list[random.below(static_cast<unsigned>(list.size()))];
        tag = some.tag;
        address = some.first + (random.engine_() & (some.last - some.first));
      }
      const Mapping* found = tlb.lookup(tag, address);
      bool one_of_them = false, any = false;
      for (const Listed& each : list) {
        if (!serves(each, tag, address)) continue;
        any = true;
        one_of_them |= found != nullptr && found->output == each.number;
      }
      REQUIRE(any == (found != nullptr));
      REQUIRE(any == one_of_them);
    } else {
      const TlbiCommand command = random_command(random);
      const TlbiRules rules = random_rules(random);
      const auto what = smmuv3::tlbi(command, rules);
      if (!what) continue;
      tlb.invalidate(*what);
      keep([&](const Listed& each) { return !removes(command, rules, each); });
    }
    REQUIRE(tlb.occupancy() == list.size());
  }
  const arch::CacheStatistics& counts = tlb.statistics();
  CHECK(counts.insertions == counts.evictions + counts.invalidated + tlb.occupancy());
  CHECK(counts.invalidated > 20);
}

}  // namespace

TEST_CASE("IHI 0070 §3.17, §4.4: any sequence of commands removes what the architecture names and no more") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    run(seed, {256, 256}, 5'000);
  }
}

TEST_CASE("IHI 0070 §3.17, §4.4: the same in a small TLB, where ranges are larger than it") {
  for (std::uint64_t seed = 101; seed <= 140; ++seed) {
    INFO(seed);
    run(seed, {16, 16}, 3'000);
  }
}

}  // namespace sidewinder::test
