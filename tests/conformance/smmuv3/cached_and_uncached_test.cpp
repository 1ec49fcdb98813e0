// SPDX-License-Identifier: Apache-2.0
//
// Random programs on two SMMUs, one with caches and one with none: what software changes it invalidates by
// some command that suffices, and then both do the same for every access, fault records and memory included.

#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <vector>

#include "iommu/smmuv3/invalidation.h"
#include "tests/conformance/smmuv3/bench.h"
#include "tests/support/smmuv3_address_space.h"
#include "tests/support/smmuv3_outcome.h"

namespace sidewinder::test {
namespace {

using layout::low_bits;
using layout::vmsa64::Granule;
using smmuv3::Tlbi;
using smmuv3::TlbiCommand;
using Kind = AddressSpace::Kind;

/// What a step does and with what: each step takes from these what it needs.
struct Step {
  std::uint32_t kind = 0, who = 0, where = 0, what = 0, how = 0;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << '{' << step.kind << ", " << step.who << ", " << step.where << ", " << step.what << ", "
             << step.how << '}';
}

struct Program {
  std::uint64_t machine = 0;  ///< granules, cache shapes, and what is on
  std::vector<Step> steps;
};

/// Takes bits from the low end.
class Bits {
 public:
  explicit Bits(std::uint64_t word) : word_(word) {}
  unsigned take(unsigned count) {
    const auto taken = static_cast<unsigned>(word_ & low_bits(count));
    word_ >>= count;
    return taken;
  }
  bool flag() { return take(1) != 0; }
  Granule granule() {
    constexpr std::array granules{Granule::Size4K, Granule::Size16K, Granule::Size64K, Granule::Size4K};
    return granules[take(2)];
  }
  arch::CacheShape shape() {
    constexpr std::array<arch::CacheShape, 4> shapes{{{64, 64}, {1, 1}, {6, 2}, {0, 1}}};
    return shapes[take(2)];
  }

 private:
  std::uint64_t word_;
};

smmuv3::Config config_of(std::uint64_t word) {
  Bits bits(word);
  smmuv3::Config config = full();
  config.caches.tlb = bits.shape();
  config.caches.micro_tlb = bits.shape();
  config.caches.configuration = bits.shape();
  config.caches.stage1_walk.fill(bits.shape());
  config.caches.stage2_walk.fill(bits.shape());
  return config;
}

std::uint64_t tg0_of(Granule granule) {
  return granule == Granule::Size4K ? 0 : granule == Granule::Size64K ? 1 : 2;
}

/// A stage 2, and the addresses it translates. The first MiB of the spare block holds the stage 1 tables and
/// CDs of its nested stream: it lies at `backing`.
struct Vm {
  std::uint16_t vmid = 0;
  AddressSpace tables;
  std::uint64_t backing = 0;
  Structure fields{};

  [[nodiscard]] std::uint64_t to_physical(std::uint64_t ipa) const {
    return ipa - tables.spare_address() + backing;
  }
};

/// A stage 1, and where its CD is in physical memory.
struct Space {
  std::uint16_t vmid = 0, asid = 0;
  bool may_be_global = false;  ///< no other shares its ASIDs' space, so that its global pages stay its own
  bool el2 = false;
  AddressSpace tables;
  std::uint64_t cd_at = 0;
  Structure cd{};
  std::vector<std::uint32_t> streams{};
  std::uint32_t substream = 0;  ///< index of its CD
};

class Machines {
 public:
  explicit Machines(std::uint64_t word)
      : cached_(config_of(word)),
        plain_(uncached()),
        bits_(word >> 10),
        focus_(focus()),
        few_(few()),
        memory_(plain_.memory) {
    bypass();
    vms_.push_back(make_vm(7, 0x20'0000'0000));
    vms_.push_back(make_vm(8, 0x30'0000'0000));
    add_stage1_only();
    add_el2();
    for (std::size_t vm = 0; vm < vms_.size(); ++vm) add_nested(vm);
    settle();
  }

  /// Null: as it should be.
  const char* step(const Step& step) {
    switch (step.kind % 16) {
      case 0:
      case 1:
        change_stage1(step);
        return nullptr;
      case 2:
        change_stage2(step);
        return nullptr;
      case 3:
        step.what % 2 == 0 ? change_table_block(step) : change_stage2(step);
        return nullptr;
      case 4:
        step.what % 4 == 0 ? change_stage2_fields(step) : change_cd(step);
        return nullptr;
      case 5:
        change_ste(step);
        return nullptr;
      default:
        return access(step);
    }
  }

  [[nodiscard]] bool same_memory() const { return cached_.memory.words == plain_.memory.words; }

 private:
  enum class Focus { Nested, Stage1, All };
  static constexpr std::uint64_t cd_table = 0x2000'0000;  ///< of stage 1 alone

  // --- what is set up

  Focus focus() {
    constexpr std::array<Focus, 4> all{Focus::Nested, Focus::Stage1, Focus::All, Focus::Nested};
    return all[bits_.take(2)];
  }
  std::uint32_t few() {
    constexpr std::array<std::uint32_t, 4> masks{0x2b, 0x28, 0x20, 0x09};
    return masks[bits_.take(2)];
  }

  void poke(std::uint64_t address, std::uint64_t word) {
    cached_.memory.words[address] = word;
    plain_.memory.words[address] = word;
  }

  std::uint64_t peek(std::uint64_t address) const {
    const auto found = memory_.words.find(address);
    return found == memory_.words.end() ? 0 : found->second;
  }

  AddressSpace tables_at(Granule granule, std::uint64_t root, std::uint64_t offset = 0) {
    return {granule, root, [this, offset](std::uint64_t address) { return peek(address + offset); },
            [this, offset](std::uint64_t address, std::uint64_t word) { poke(address + offset, word); }};
  }

  void put(std::uint64_t address, const Structure& structure) {
    for (unsigned word = 0; word < 8; ++word) poke(address + 8 * word, structure.words[word]);
  }

  void put_ste(std::uint32_t stream, const Structure& ste) { put(Bench::stream_table + 64 * stream, ste); }

  void bypass() { put_ste(8, ste(4)); }

  Vm make_vm(std::uint16_t vmid, std::uint64_t base) {
    const Granule granule = bits_.granule();
    Vm vm{.vmid = vmid, .tables = tables_at(granule, base), .backing = base + 0x4'0000'0000};
    const bool updates = bits_.flag();
    vm.fields.put(128, vmid)
        .put(160, 64 - vm.tables.input_bits())
        .put(166, granule == Granule::Size4K ? 1 : 2);
    vm.fields.put(168, 1).put(170, 1).put(172, 3).put(174, tg0_of(granule)).put(176, 5).put(179, 1);
    vm.fields.put(184, updates ? 1 : 0).put(183, updates && bits_.flag() ? 1 : 0).put(186, 1);
    vm.fields.words[3] |= vm.tables.root();
    return vm;
  }

  Structure cd_of(const Space& space) {
    const bool updates = bits_.flag();
    Structure made;
    made.put(0, 64 - space.tables.input_bits()).put(6, tg0_of(space.tables.granule())).put(8, 1).put(10, 1);
    made.put(12, 3).put(30, 1).put(31, 1).put(32, 5).put(41, 1).put(42, updates && bits_.flag() ? 1 : 0);
    made.put(43, updates ? 1 : 0).put(45, 1).put(46, 1).put(47, bits_.flag() ? 1 : 0).put(48, space.asid);
    made.put(192, 0xbb04'44ff).put(224, 0x0c'08ee);
    made.words[1] |= space.tables.root();
    return made;
  }

  void add_space(Space space) {
    space.cd = cd_of(space);
    put(space.cd_at, space.cd);
    spaces_.push_back(std::move(space));
  }

  /// Streams 0 and 1 share a CD; stream 2 has two, the first of them a third copy of theirs.
  void add_stage1_only() {
    add_space({.vmid = 3,
               .asid = 1,
               .tables = tables_at(bits_.granule(), 0x40'0000'0000),
               .cd_at = cd_table,
               .streams = {0, 1, 2}});
    add_space({.vmid = 3,
               .asid = 2,
               .tables = tables_at(bits_.granule(), 0x41'0000'0000),
               .cd_at = cd_table + 64,
               .streams = {2},
               .substream = 1});
    for (std::uint32_t stream = 0; stream < 2; ++stream) put_ste(stream, stage1_ste(cd_table).put(128, 3));
    put_ste(2, stage1_ste(cd_table).put(128, 3).put(59, 1).put(64, bits_.flag() ? 2 : 0));
  }

  void add_el2() {
    const std::uint64_t cd_at = 0x2100'0000;
    add_space({.may_be_global = true,
               .el2 = true,
               .tables = tables_at(bits_.granule(), 0x42'0000'0000),
               .cd_at = cd_at,
               .streams = {3}});
    put_ste(3, stage1_ste(cd_at).put(94, 2));
  }

  /// Streams 4 and 6: both stages. Streams 5 and 7: the same stage 2 alone.
  void add_nested(std::size_t which) {
    Vm& vm = vms_[which];
    const std::uint64_t offset = vm.backing - vm.tables.spare_address();
    const auto stream = static_cast<std::uint32_t>(4 + 2 * which);
    const std::uint64_t cd_ipa = vm.tables.spare_address() + 0x8'0000;
    add_space({.vmid = vm.vmid,
               .asid = 1,
               .may_be_global = true,
               .tables = tables_at(bits_.granule(), vm.tables.spare_address(), offset),
               .cd_at = vm.to_physical(cd_ipa),
               .streams = {stream}});
    nested_cd_ipa_.push_back(cd_ipa);
    const unsigned page = vm.tables.page_shift();
    for (std::uint64_t at = 0; at < 0x10'0000; at += std::uint64_t{1} << page)
      poke(vm.tables.spare_table() + 8 * (at >> page), (vm.backing + at) | 0x7ff);
    poke(vm.tables.spare_entry(), vm.backing | 0x7fd);
    put_stage2_stes(which);
  }

  void put_stage2_stes(std::size_t which) {
    for (std::uint32_t nested = 0; nested < 2; ++nested) {
      const auto stream = static_cast<std::uint32_t>(4 + 2 * which + nested);
      Structure made = nested == 0 ? ste(7) : ste(6);
      for (unsigned word = 0; word < 8; ++word) made.words[word] |= vms_[which].fields.words[word];
      if (nested == 0) made.words[0] |= nested_cd_ipa_[which];
      put_ste(stream, made);
    }
  }

  /// Some pages everywhere, before anything is cached.
  void settle() {
    for (std::uint32_t choice = 0; choice < 64; ++choice) {
      for (Space& space : spaces_)
        space.tables.set(choice, 3, Kind::Leaf, output_for(space, choice),
                         (space.may_be_global && choice % 2 != 0 ? 0x743 : 0xf43) | (choice & 7) << 2);
      for (Vm& vm : vms_) vm.tables.set(choice, 3, Kind::Leaf, physical(choice), 0x7fc);
    }
  }

  // Most programs stay with one group of streams and few pages, so that their steps meet.

  [[nodiscard]] std::uint32_t often(std::uint32_t where) const {
    if (where >> 29 == 0) return where;
    return where & ((where >> 27) % 4 != 0 ? few_ : few_ | 0xf000U);
  }
  [[nodiscard]] std::uint32_t stream_of(const Step& step) const {
    constexpr std::array<std::uint32_t, 6> single{0, 1, 2, 2, 3, 3};
    if (focus_ == Focus::Nested) return 4 + step.who % 2;
    return focus_ == Focus::Stage1 ? single[step.who % single.size()] : step.who % 9;
  }
  [[nodiscard]] Space& space_of(const Step& step) {
    if (focus_ == Focus::Nested) return spaces_[3];
    return spaces_[focus_ == Focus::Stage1 ? step.who % 3 : step.who % spaces_.size()];
  }
  [[nodiscard]] std::size_t vm_of(const Step& step) const {
    return focus_ == Focus::Nested ? 0 : step.who % vms_.size();
  }

  static std::uint64_t physical(std::uint32_t choice) {
    return 0x50'0000'0000 + (std::uint64_t{choice & 0xff} << 25);
  }

  /// Where stage 1 leads: to an address that stage 2 has, if there is one.
  [[nodiscard]] std::uint64_t output_for(const Space& space, std::uint32_t choice) const {
    for (const Vm& vm : vms_)
      if (vm.vmid == space.vmid) return vm.tables.address(choice % 8 == 7 ? choice >> 3 : choice >> 3 & few_);
    return physical(choice);
  }

  // --- what software does

  /// The number of choices that a step has is small, so that they meet.
  static std::uint64_t leaf_attributes(std::uint32_t what, bool stage2, bool global) {
    Bits bits(what >> 4);
    std::uint64_t attributes = bits.take(4) == 0 ? 0 : 0x400;  // AF
    attributes |= std::uint64_t{bits.take(2)} << 8 & (bits.flag() ? 0x300 : 0x200);
    if (stage2) {
      constexpr std::array<std::uint64_t, 4> types{0xf, 0x5, 0x1, 0x7};
      attributes |= types[bits.take(2)] << 2;
      attributes |= (bits.flag() ? 3 : bits.take(2)) << 6;
    } else {
      attributes |= bits.take(3) << 2;
      attributes |= bits.take(2) << 6 | (global && bits.flag() ? 0 : 0x800);
    }
    attributes |= std::uint64_t{bits.take(2) == 0} << 53 | std::uint64_t{bits.take(2) == 0} << 54;
    return attributes | std::uint64_t{bits.flag()} << 51 |
           std::uint64_t{bits.take(3) == 0 ? bits.take(4) : 0} << 59;
  }

  static Kind kind_of(std::uint32_t what) {
    constexpr std::array kinds{Kind::Leaf, Kind::Leaf, Kind::Nothing, Kind::Table};
    return kinds[what & 3];
  }
  static unsigned level_of(std::uint32_t what) {
    constexpr std::array<unsigned, 8> levels{1, 2, 2, 2, 3, 3, 3, 3};
    return levels[what >> 29];
  }

  void change_stage1(const Step& step) {
    Space& space = space_of(step);
    const auto change = space.tables.set(often(step.where), level_of(step.what), kind_of(step.what),
                                         output_for(space, step.where >> 8),
                                         leaf_attributes(step.what, false, space.may_be_global));
    invalidate_stage1(space, change, step.how);
  }

  void change_stage2(const Step& step) {
    const std::size_t which = vm_of(step);
    const unsigned level = level_of(step.what);
    // Seldom a block in place of all that stage 1's tables lie in.
    const std::uint32_t where = often(step.where) | (level == 1 && step.how % 16 != 0 ? 1 : 0);
    const auto change = vms_[which].tables.set(where, level, kind_of(step.what), physical(step.where >> 8),
                                               leaf_attributes(step.what, true, false));
    invalidate_stage2(which, change, step.how);
  }

  /// What maps the tables and the CD: a block or pages, of other attributes, or nothing for a while.
  void change_table_block(const Step& step) {
    const std::size_t which = vm_of(step);
    const Vm& vm = vms_[which];
    const std::uint64_t place = vm.tables.spare_entry(), old = peek(place);
    const std::uint64_t attributes = leaf_attributes(step.where, true, false) & low_bits(56);
    if (step.how % 8 == 7)
      poke(place, 0);
    else if (step.how % 8 >= 5)
      poke(place, vm.tables.spare_table() | 3);
    else
      poke(place, vm.backing | (step.how % 8 < 2 ? attributes | 0xc0 : attributes | 0x40) | 1);
    AddressSpace::Change change{
        .first = vm.tables.spare_address(), .bytes = std::uint64_t{1} << vm.tables.shift(2), .level = 2};
    change.was_table = (old & 3) == 3;
    change.was_leaf = (old & 3) == 1;
    invalidate_stage2(which, change, step.how >> 3);
  }

  void change_cd(const Step& step) {
    Space& space = space_of(step);
    constexpr std::array<unsigned, 10> flags{46, 45, 35, 36, 40, 65, 66, 38, 192, 224};
    const unsigned bit = flags[step.where % flags.size()];
    space.cd.words[bit / 64] ^= std::uint64_t{1} << (bit % 64);
    put(space.cd_at, space.cd);
    for (const std::uint32_t stream : space.streams)
      forget_cd(stream, stream == 2 ? space.substream : 0, step.how >> 4);
    if (bit != 46 && bit != 45) invalidate_space(space, step.how);
  }

  /// INSTCFG and PRIVCFG: of no TLB's concern.
  void change_ste(const Step& step) {
    const auto stream = static_cast<std::uint32_t>(step.who % 8);
    const std::uint64_t place = Bench::stream_table + 64 * stream + 8;
    poke(place, (peek(place) & ~(std::uint64_t{0xf} << 48)) | std::uint64_t{step.what & 0xf} << 48);
    forget_ste(stream, step.how);
  }

  void change_stage2_fields(const Step& step) {
    const std::size_t which = vm_of(step);
    constexpr std::array<unsigned, 4> flags{181, 182, 186, 89};
    const unsigned bit = flags[step.where % flags.size()];
    vms_[which].fields.words[bit / 64] ^= std::uint64_t{1} << (bit % 64);
    const std::uint64_t kept = (std::uint64_t{0xf} << 48);  // INSTCFG and PRIVCFG
    const auto first = static_cast<std::uint32_t>(4 + 2 * which);
    const std::array<std::uint64_t, 2> before{peek(Bench::stream_table + 64 * first + 8) & kept,
                                              peek(Bench::stream_table + 64 * (first + 1) + 8) & kept};
    put_stage2_stes(which);
    for (std::uint32_t at = 0; at < 2; ++at) {
      const std::uint64_t place = Bench::stream_table + 64 * (first + at) + 8;
      poke(place, (peek(place) & ~kept) | before[at]);
      forget_ste(first + at, step.how);
    }
    send({.opcode = step.how % 2 == 0 ? Tlbi::S12Vmall : Tlbi::NsnhAll, .vmid = vms_[which].vmid});
  }

  // --- what it invalidates

  void send(const TlbiCommand& command) {
    const auto what = smmuv3::tlbi(command, {.hyp = true, .secure_stage2 = true});
    REQUIRE(what.has_value());
    cached_.smmu.invalidate(*what);
  }

  void forget_ste(std::uint32_t stream, std::uint32_t how) {
    switch (how % 4) {
      case 0:
        return cached_.smmu.invalidate(smmuv3::cfgi_all(SecurityState::NonSecure));
      case 1:
        return cached_.smmu.invalidate(smmuv3::cfgi_ste_range(SecurityState::NonSecure, stream ^ 1U, 0));
      default:
        return cached_.smmu.invalidate(smmuv3::cfgi_ste(SecurityState::NonSecure, stream));
    }
  }

  void forget_cd(std::uint32_t stream, std::uint32_t index, std::uint32_t how) {
    switch (how % 8) {
      case 0:
        return forget_ste(stream, how >> 3);
      case 1:
        return cached_.smmu.invalidate(smmuv3::cfgi_cd_all(SecurityState::NonSecure, stream));
      default:
        return cached_.smmu.invalidate(smmuv3::cfgi_cd(SecurityState::NonSecure, stream, index));
    }
  }

  void invalidate_space(const Space& space, std::uint32_t how) {
    if (space.el2) return send({.opcode = Tlbi::El2All});
    switch (how % 4) {
      case 0:
        return send({.opcode = Tlbi::NsnhAll});
      case 1:
        return send({.opcode = Tlbi::S12Vmall, .vmid = space.vmid});
      case 2:
        if (!space.may_be_global)
          return send({.opcode = Tlbi::NhAsid, .vmid = space.vmid, .asid = space.asid});
        [[fallthrough]];
      default:
        return send({.opcode = Tlbi::NhAll, .vmid = space.vmid});
    }
  }

  /// No TLB knows what was no translation; `no_flag_faults` is AFFD or S2AFFD.
  static bool unknown(const AddressSpace::Change& change, bool no_flag_faults) {
    return !change.was_table && !change.was_leaf && !(change.was_unaccessed && no_flag_faults);
  }

  void invalidate_stage1(const Space& space, const AddressSpace::Change& change, std::uint32_t how) {
    const bool nothing_known = unknown(change, (space.cd.words[0] >> 35 & 1) != 0);
    if (nothing_known && how % 4 != 0) return;
    if (how % 8 == 1) return invalidate_space(space, how >> 3);
    const bool any_asid = (how & 8) != 0 && !space.el2;
    by_address({.opcode = space.el2  ? Tlbi::El2Va
                          : any_asid ? Tlbi::NhVaa
                                     : Tlbi::NhVa,
                .vmid = space.vmid,
                .asid = any_asid ? std::uint16_t{0xff} : space.asid},
               space.tables, change, how >> 4);
  }

  /// IPAs first, and then what stage 1 made of them (IHI 0070 §4.4.3.1); and the CD that was found through
  /// one.
  void invalidate_stage2(std::size_t which, const AddressSpace::Change& change, std::uint32_t how) {
    const Vm& vm = vms_[which];
    if (vm.tables.spare_address() - change.first < change.bytes)
      forget_cd(static_cast<std::uint32_t>(4 + 2 * which), 0, how >> 8);
    const bool nothing_known = unknown(change, (vm.fields.words[2] >> 53 & 1) != 0);
    if (nothing_known && how % 4 != 0) return;
    if (how % 8 == 1) return send({.opcode = Tlbi::NsnhAll});
    if (how % 8 == 2) return send({.opcode = Tlbi::S12Vmall, .vmid = vm.vmid});
    by_address({.opcode = Tlbi::S2Ipa, .vmid = vm.vmid}, vm.tables, change, how >> 4);
    send({.opcode = Tlbi::NhAll, .vmid = vm.vmid});
  }

  /// One command for each entry, or one for the range; for the last level alone where no table went away;
  /// with the hint of TTL where all that TLBs may know is of one level.
  void by_address(TlbiCommand command, const AddressSpace& tables, const AddressSpace::Change& change,
                  std::uint32_t how) {
    Bits bits(how);
    const bool no_blocks = tables.granule() == Granule::Size16K && change.level == 1;  // TTL 1 is reserved
    const bool hint = bits.flag() && !change.was_table && !no_blocks;
    command.leaf = bits.flag() && !change.was_table;
    command.ttl = hint ? static_cast<std::uint8_t>(change.level) : std::uint8_t{0};
    const std::uint8_t tg = tables.granule() == Granule::Size4K    ? 1
                            : tables.granule() == Granule::Size16K ? 2
                                                                   : 3;
    if (!change.was_table && bits.flag()) {
      const std::uint64_t each = change.bytes / change.entries;
      if (hint) command.tg = tg;
      for (unsigned at = 0; at < change.entries; ++at) {
        command.address = change.first + at * each + (bits.flag() ? each - 1 : 0);
        send(command);
      }
      return;
    }
    const std::uint64_t pages = change.bytes >> tables.page_shift();
    while ((std::uint64_t{32} << command.scale) < pages) ++command.scale;
    command.num = static_cast<std::uint8_t>(((pages + low_bits(command.scale)) >> command.scale) - 1);
    if (command.num == 0 && command.scale == 0 && command.ttl == 0) command.num = 1;  // 0 would be CERROR_ILL
    command.tg = tg;
    command.address = change.first;
    send(command);
  }

  // --- what clients do

  /// The same access twice, and then in the other direction.
  const char* access(const Step& step) {
    const std::uint32_t stream = stream_of(step);
    Transaction transaction{.address = address_for(stream, step), .stream_id = stream};
    Bits bits(step.what);
    transaction.attributes.write = bits.flag();
    transaction.attributes.privileged = bits.flag();
    transaction.attributes.instruction = bits.take(3) == 0;
    if (stream == 2) {
      transaction.ssv = bits.take(2) != 0;
      transaction.substream_id = bits.take(4) == 0 ? 2 : bits.take(1);
    }
    for (unsigned time = 0; time < 3; ++time) {
      if (time == 2) transaction.attributes.write = !transaction.attributes.write;
      const std::uint64_t writes = cached_.memory.writes + plain_.memory.writes;
      const Translation with = cached_.send(transaction), without = plain_.send(transaction);
      hits_ += with.source == Source::MicroTlb || with.source == Source::MainTlb ? 1 : 0;
      if (!same_outcome(with, without)) return "the outcome differs";
      if (writes != cached_.memory.writes + plain_.memory.writes && !same_memory()) return "memory differs";
    }
    return nullptr;
  }

  [[nodiscard]] std::uint64_t address_for(std::uint32_t stream, const Step& step) const {
    std::uint64_t address = step.how & 0xfff;
    if (stream == 5 || stream == 7) {
      const AddressSpace& tables = vms_[(stream - 5) / 2].tables;
      return address |
             ((step.how >> 12) % 16 == 0 ? tables.spare_address() : tables.address(often(step.where)));
    }
    for (const Space& space : spaces_)
      if (std::count(space.streams.begin(), space.streams.end(), stream) != 0) {
        address |= space.tables.address(often(step.where));
        break;
      }
    return (step.how >> 12) % 16 == 0 ? address | std::uint64_t{0xa5} << 56 : address;
  }

 public:
  [[nodiscard]] unsigned hits() const { return hits_; }

 private:
  Bench cached_, plain_;
  Bits bits_;
  Focus focus_;
  std::uint32_t few_;  ///< bits of a choice of address: 2 to 16 pages
  const WordMemory& memory_;
  std::vector<Vm> vms_;
  std::vector<Space> spaces_;
  std::vector<std::uint64_t> nested_cd_ipa_;
  unsigned hits_ = 0;
};

rc::Gen<std::uint32_t> any_word() {
  return rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint32_t>());
}

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(rc::gen::set(&Step::kind, rc::gen::inRange<std::uint32_t>(0, 16)),
                              rc::gen::set(&Step::who, rc::gen::inRange<std::uint32_t>(0, 72)),
                              rc::gen::set(&Step::where, any_word()), rc::gen::set(&Step::what, any_word()),
                              rc::gen::set(&Step::how, any_word()));
}

/// Null, or what went wrong.
const char* run(std::uint64_t machine, const std::vector<Step>& steps, unsigned& hits) {
  Machines machines(machine);
  for (const Step& step : steps)
    if (const char* wrong = machines.step(step)) return wrong;
  hits += machines.hits();
  return machines.same_memory() ? nullptr : "memory differs at the end";
}

}  // namespace

TEST_CASE("whatever software does, caches do not show once it has invalidated what it changed") {
  unsigned hits = 0;
  const auto property = [&] {
    const auto machine = *rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>());
    const auto steps =
        *rc::gen::resize(2 * rc::kNominalSize, rc::gen::container<std::vector<Step>>(any_step()));
    const char* wrong = run(machine, steps, hits);
    if (wrong != nullptr) RC_FAIL(wrong);
  };
  setenv("RC_PARAMS", "seed=20261122 max_success=1000", 0);  // what is tried is the same every time
  const rc::detail::TestResult result = rc::detail::checkTestable(property);
  std::ostringstream text;
  rc::detail::printResultMessage(result, text);
  INFO(text.str());
  CHECK(result.is<rc::detail::SuccessResult>());
  CHECK(hits > 40'000);
}

}  // namespace sidewinder::test
