// SPDX-License-Identifier: Apache-2.0
//
// The scope of each TLB invalidation command: which entries must go, and that the others stay.

#include "iommu/smmuv3/invalidation.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "iommu/arch/tlb.h"
#include "iommu/arch/walk_cache.h"

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

constexpr TlbiRules non_secure{.hyp = true, .secure_stage2 = true};
constexpr TlbiRules secure{.queue = SecurityState::Secure, .hyp = true, .secure_stage2 = true};

struct Entry {
  std::string name;
  TlbTag tag;
  std::uint64_t address = 0x1000;
  bool global = false;
  unsigned size_shift = 12;
};

constexpr TlbTag el1(std::uint16_t vmid, std::uint16_t asid) {
  return {.asid = asid, .vmid = vmid};
}
constexpr TlbTag of(World world, std::uint16_t asid = 0, std::uint16_t vmid = 0) {
  return {.asid = asid, .vmid = vmid, .world = world};
}
constexpr TlbTag nested(World world) {
  return {.asid = 5, .vmid = 1, .world = world, .stages = Stages::Both};
}
constexpr TlbTag ipa(World world, std::uint16_t vmid, bool secure_space = false) {
  return {.vmid = vmid, .world = world, .stages = Stages::Two, .secure_ipa = secure_space};
}

/// Named by their world, a dash, and what sets them apart there: the ASID of a page, g of a global one, B of
/// a 2 MiB block, n of one of both stages, i of an IPA, / and a VMID that is not 1.
const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{{"N-5", el1(1, 5)},
                                      {"N-6", el1(1, 6)},
                                      {"N-g", el1(1, 5), 0x3000, true},
                                      {"N-B", el1(1, 5), 0x20'0000, false, 21},
                                      {"N-n", nested(World::El1)},
                                      {"N-i", ipa(World::El1, 1)},
                                      {"N-iB", ipa(World::El1, 1), 0x20'0000, false, 21},
                                      {"N-5/2", el1(2, 5)},
                                      {"N-g/3", el1(3, 5), 0x3000, true},
                                      {"N-i/2", ipa(World::El1, 2)},
                                      {"H-0", of(World::El2)},
                                      {"H-B", of(World::El2), 0x20'0000, false, 21},
                                      {"E-5", of(World::El2E2h, 5)},
                                      {"E-6", of(World::El2E2h, 6)},
                                      {"E-g", of(World::El2E2h, 5), 0x3000, true},
                                      {"M-0", of(World::El3)},
                                      {"M-B", of(World::El3), 0x20'0000, false, 21},
                                      {"S-5", of(World::Secure, 5, 1)},
                                      {"S-6", of(World::Secure, 6, 1)},
                                      {"S-g", of(World::Secure, 5, 1), 0x3000, true},
                                      {"S-n", nested(World::Secure)},
                                      {"S-i", ipa(World::Secure, 1, true)},
                                      {"S-x", ipa(World::Secure, 1, false)},
                                      {"S-5/2", of(World::Secure, 5, 2)},
                                      {"S-i/2", ipa(World::Secure, 2, true)},
                                      {"T-0", of(World::SecureEl2)},
                                      {"T-B", of(World::SecureEl2), 0x20'0000, false, 21},
                                      {"U-5", of(World::SecureEl2E2h, 5)},
                                      {"U-6", of(World::SecureEl2E2h, 6)},
                                      {"U-g", of(World::SecureEl2E2h, 5), 0x3000, true}};
  return all;
}

Mapping mapping(const Entry& entry) {
  Mapping made;
  made.size_shift = static_cast<std::uint8_t>(entry.size_shift);
  made.stage1 = entry.tag.stages != Stages::Two;
  made.stage2 = entry.tag.stages != Stages::One;
  made.first.global = entry.global;
  made.first.level = made.second.level = entry.size_shift == 21 ? 2 : 3;
  return made;
}

/// The names of what the command removes, of a TLB that has all; "ILL" of one that is CERROR_ILL.
std::string gone(const TlbiCommand& command, const TlbiRules& rules = non_secure) {
  const auto what = smmuv3::tlbi(command, rules);
  if (!what) return "ILL";
  Tlb tlb({256, 256});
  for (const Entry& entry : entries()) tlb.insert(entry.tag, entry.address, mapping(entry));
  REQUIRE(tlb.occupancy() == entries().size());
  tlb.invalidate(*what);
  std::string names;
  unsigned count = 0;
  for (const Entry& entry : entries()) {
    if (tlb.lookup(entry.tag, entry.address) != nullptr) continue;
    names += (names.empty() ? "" : " ") + entry.name;
    ++count;
  }
  CHECK(tlb.occupancy() == entries().size() - count);
  return names;
}

}  // namespace

TEST_CASE("IHI 0070 §4.4.2.1: CMD_TLBI_NH_ALL removes stage 1 of one VMID, global entries too") {
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 1}) == "N-5 N-6 N-g N-B N-n");
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 2}) == "N-5/2");
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 0x101}).empty());
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 1}, secure) == "S-5 S-6 S-g S-n");
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 2}, secure) == "S-5/2");
}

TEST_CASE("IHI 0070 §4.4.2.2: CMD_TLBI_NH_ASID removes the ASID's entries of one VMID, but not global ones") {
  CHECK(gone({.opcode = Tlbi::NhAsid, .vmid = 1, .asid = 5}) == "N-5 N-B N-n");
  CHECK(gone({.opcode = Tlbi::NhAsid, .vmid = 2, .asid = 5}) == "N-5/2");
  CHECK(gone({.opcode = Tlbi::NhAsid, .vmid = 1, .asid = 0x105}).empty());
  CHECK(gone({.opcode = Tlbi::NhAsid, .vmid = 1, .asid = 5}, secure) == "S-5 S-n");
}

TEST_CASE("IHI 0070 §4.4.2.3: CMD_TLBI_NH_VAA removes an address of all ASIDs and of both kinds") {
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 1, .address = 0x1000}) == "N-5 N-6 N-n");
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 1, .address = 0x3000}) == "N-g");
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 1, .address = 0x3f'f000}) == "N-B");
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 3, .address = 0x3000}) == "N-g/3");
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 1, .address = 0x1000}, secure) == "S-5 S-6 S-n");
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 1, .address = 0x1000, .leaf = true}) == "N-5 N-6 N-n");
}

TEST_CASE("IHI 0070 §4.4.2.4: CMD_TLBI_NH_VA removes an address of one ASID, and global entries of any") {
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 5, .address = 0x1000}) == "N-5 N-n");
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 6, .address = 0x1fff}) == "N-6");
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 7, .address = 0x3000}) == "N-g");
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 6, .address = 0x20'0000}).empty());
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 5, .address = 0x2f'f000}) == "N-B");
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 5, .address = 0x40'0000}).empty());
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 5, .address = 0x1000, .leaf = true}) == "N-5 N-n");
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 6, .address = 0x3000}, secure) == "S-g");
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 2, .asid = 5, .address = 0x1000}, secure) == "S-5/2");
}

TEST_CASE("IHI 0070 §4.4.2: the VMID is matched only where stage 2 is supported for the queue's state") {
  TlbiRules rules = non_secure;
  rules.stage2 = false;
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 9}, rules) == "N-5 N-6 N-g N-B N-n N-5/2 N-g/3");
  CHECK(gone({.opcode = Tlbi::NhVa, .vmid = 9, .asid = 5, .address = 0x1000}, rules) == "N-5 N-n N-5/2");
  rules = secure;
  rules.secure_stage2 = false;
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 9}, rules) == "S-5 S-6 S-g S-n S-5/2");
  CHECK(gone({.opcode = Tlbi::NhAsid, .vmid = 9, .asid = 5}, rules) == "S-5 S-n S-5/2");
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 9, .address = 0x1000}, rules) == "S-5 S-6 S-n S-5/2");
  // The other state's stage 2 makes no difference.
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 2}, {.secure_stage2 = false}) == "N-5/2");
}

TEST_CASE("IHI 0070 §4.4.2.5, §4.4.2.6: CMD_TLBI_EL3_* remove EL3's entries, from the Secure queue alone") {
  CHECK(gone({.opcode = Tlbi::El3All}, secure) == "M-0 M-B");
  CHECK(gone({.opcode = Tlbi::El3Va, .asid = 9, .address = 0x1000}, secure) == "M-0");
  CHECK(gone({.opcode = Tlbi::El3Va, .address = 0x3f'f000, .leaf = true}, secure) == "M-B");
  CHECK(gone({.opcode = Tlbi::El3All}) == "ILL");
  CHECK(gone({.opcode = Tlbi::El3Va}) == "ILL");
}

TEST_CASE("IHI 0070 §4.4.2.7: CMD_TLBI_EL2_ALL removes all of Non-secure EL2, with ASIDs and without") {
  for (const TlbiRules& rules : {non_secure, secure})
    CHECK(gone({.opcode = Tlbi::El2All}, rules) == "H-0 H-B E-5 E-6 E-g");
  CHECK(gone({.opcode = Tlbi::El2All}, {.hyp = false}) == "ILL");
}

TEST_CASE("IHI 0070 §4.4.2.8, §4.4.2.9: CR2.E2H says which EL2 entries CMD_TLBI_EL2_VA and _VAA remove") {
  for (TlbiRules rules : {non_secure, secure}) {
    rules.secure_e2h = true;  // of the other world
    CHECK(gone({.opcode = Tlbi::El2Va, .asid = 9, .address = 0x1000}, rules) == "H-0");
    CHECK(gone({.opcode = Tlbi::El2Vaa, .address = 0x1000}, rules) == "H-0");
    CHECK(gone({.opcode = Tlbi::El2Va, .address = 0x3f'f000}, rules) == "H-B");
    CHECK(gone({.opcode = Tlbi::El2Va, .asid = 5, .address = 0x3000}, rules).empty());
    rules.e2h = true;
    rules.secure_e2h = false;
    CHECK(gone({.opcode = Tlbi::El2Va, .asid = 5, .address = 0x1000}, rules) == "E-5");
    CHECK(gone({.opcode = Tlbi::El2Va, .asid = 6, .address = 0x3000}, rules) == "E-g");
    CHECK(gone({.opcode = Tlbi::El2Vaa, .asid = 5, .address = 0x1000}, rules) == "E-5 E-6");
    CHECK(gone({.opcode = Tlbi::El2Vaa, .address = 0x3000}, rules) == "E-g");
  }
}

TEST_CASE("IHI 0070 §4.4.2.10: CMD_TLBI_EL2_ASID removes EL2-E2H's non-global entries of an ASID") {
  for (TlbiRules rules : {non_secure, secure}) {
    CHECK(gone({.opcode = Tlbi::El2Asid, .asid = 5}, rules) == "E-5");
    CHECK(gone({.opcode = Tlbi::El2Asid, .asid = 0}, rules).empty());
    rules.e2h = true;
    CHECK(gone({.opcode = Tlbi::El2Asid, .asid = 6}, rules) == "E-6");
  }
}

TEST_CASE("IHI 0070 §4.4.2.11 to §4.4.2.14: CMD_TLBI_S_EL2_* do for Secure EL2 what the others do") {
  CHECK(gone({.opcode = Tlbi::SEl2All}, secure) == "T-0 T-B U-5 U-6 U-g");
  CHECK(gone({.opcode = Tlbi::SEl2Asid, .asid = 5}, secure) == "U-5");
  TlbiRules rules = secure;
  rules.e2h = true;  // of the other world
  CHECK(gone({.opcode = Tlbi::SEl2Va, .asid = 5, .address = 0x1000}, rules) == "T-0");
  CHECK(gone({.opcode = Tlbi::SEl2Vaa, .address = 0x3f'f000}, rules) == "T-B");
  rules.e2h = false;
  rules.secure_e2h = true;
  CHECK(gone({.opcode = Tlbi::SEl2Va, .asid = 6, .address = 0x1000}, rules) == "U-6");
  CHECK(gone({.opcode = Tlbi::SEl2Va, .asid = 6, .address = 0x3000}, rules) == "U-g");
  CHECK(gone({.opcode = Tlbi::SEl2Vaa, .address = 0x1000}, rules) == "U-5 U-6");
  for (const Tlbi opcode : {Tlbi::SEl2All, Tlbi::SEl2Asid, Tlbi::SEl2Va, Tlbi::SEl2Vaa}) {
    CHECK(gone({.opcode = opcode}) == "ILL");
    TlbiRules without = secure;
    without.secure_stage2 = false;
    CHECK(gone({.opcode = opcode}, without) == "ILL");
  }
}

TEST_CASE("IHI 0070 §4.4.3.1: CMD_TLBI_S2_IPA removes IPAs of one VMID, and no entry of both stages") {
  for (const TlbiRules& rules : {non_secure, secure}) {
    CHECK(gone({.opcode = Tlbi::S2Ipa, .vmid = 1, .address = 0x1000}, rules) == "N-i");
    CHECK(gone({.opcode = Tlbi::S2Ipa, .vmid = 1, .address = 0x2f'f000}, rules) == "N-iB");
    CHECK(gone({.opcode = Tlbi::S2Ipa, .vmid = 2, .address = 0x1000, .leaf = true}, rules) == "N-i/2");
    CHECK(gone({.opcode = Tlbi::S2Ipa, .vmid = 1, .address = 0x0100'0000'0000'1000}, rules) == "N-i");
  }
  CHECK(gone({.opcode = Tlbi::S2Ipa}, {.stage2 = false}) == "ILL");
}

TEST_CASE("IHI 0070 §4.4.3.2: CMD_TLBI_S12_VMALL removes all stages of one Non-secure VMID") {
  for (const TlbiRules& rules : {non_secure, secure}) {
    CHECK(gone({.opcode = Tlbi::S12Vmall, .vmid = 1}, rules) == "N-5 N-6 N-g N-B N-n N-i N-iB");
    CHECK(gone({.opcode = Tlbi::S12Vmall, .vmid = 2}, rules) == "N-5/2 N-i/2");
  }
  CHECK(gone({.opcode = Tlbi::S12Vmall}, {.stage2 = false}) == "ILL");
}

TEST_CASE("IHI 0070 §4.4.3.3: CMD_TLBI_S_S2_IPA removes IPAs of the space that NS says") {
  CHECK(gone({.opcode = Tlbi::SS2Ipa, .vmid = 1, .address = 0x1000}, secure) == "S-i");
  CHECK(gone({.opcode = Tlbi::SS2Ipa, .vmid = 1, .address = 0x1000, .non_secure_ipa = true}, secure) ==
        "S-x");
  CHECK(gone({.opcode = Tlbi::SS2Ipa, .vmid = 2, .address = 0x1000}, secure) == "S-i/2");
  CHECK(gone({.opcode = Tlbi::SS2Ipa, .vmid = 1, .address = 0x1000}) == "ILL");
}

TEST_CASE("IHI 0070 §4.4.3.4: CMD_TLBI_S_S12_VMALL removes all stages of one Secure VMID") {
  CHECK(gone({.opcode = Tlbi::SS12Vmall, .vmid = 1}, secure) == "S-5 S-6 S-g S-n S-i S-x");
  CHECK(gone({.opcode = Tlbi::SS12Vmall, .vmid = 2}, secure) == "S-5/2 S-i/2");
  CHECK(gone({.opcode = Tlbi::SS12Vmall, .vmid = 1}) == "ILL");
}

TEST_CASE("IHI 0070 §4.4.4: CMD_TLBI_NSNH_ALL and _SNH_ALL remove all stages of all VMIDs of EL1") {
  for (const TlbiRules& rules : {non_secure, secure})
    CHECK(gone({.opcode = Tlbi::NsnhAll}, rules) == "N-5 N-6 N-g N-B N-n N-i N-iB N-5/2 N-g/3 N-i/2");
  CHECK(gone({.opcode = Tlbi::SnhAll}, secure) == "S-5 S-6 S-g S-n S-i S-x S-5/2 S-i/2");
  CHECK(gone({.opcode = Tlbi::SnhAll}) == "ILL");
}

TEST_CASE("IHI 0070 §3.17.6: with a VMID wildcard an invalidation names a group of VMIDs") {
  TlbiRules rules = non_secure;
  rules.vmid_wildcard = 1;
  CHECK(gone({.opcode = Tlbi::NhVaa, .vmid = 2, .address = 0x3000}, rules) == "N-g/3");
  CHECK(gone({.opcode = Tlbi::S12Vmall, .vmid = 3}, rules) == "N-5/2 N-g/3 N-i/2");
  rules.vmid_wildcard = 2;
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 0}, rules) == "N-5 N-6 N-g N-B N-n N-5/2 N-g/3");
  CHECK(gone({.opcode = Tlbi::S2Ipa, .vmid = 3, .address = 0x1000}, rules) == "N-i N-i/2");
  rules.queue = SecurityState::Secure;
  CHECK(gone({.opcode = Tlbi::NhAll, .vmid = 3}, rules).empty());
  rules.secure_vmid_wildcard = 1;
  CHECK(gone({.opcode = Tlbi::SS12Vmall, .vmid = 3}, rules) == "S-5/2 S-i/2");
}

TEST_CASE("IHI 0070 §3.17: a command by ASID removes entries of both values of ASET") {
  for (const bool global : {false, true}) {
    Tlb tlb({16, 16});
    for (const bool aset : {false, true})
      tlb.insert({.asid = 5, .vmid = 1, .aset = aset}, aset ? 0x1000 : 0x2000,
                 mapping({.name = "", .tag = {}, .address = 0, .global = global}));
    REQUIRE(tlb.occupancy() == 2);
    tlb.invalidate(*smmuv3::tlbi({.opcode = Tlbi::NhAsid, .vmid = 1, .asid = 5}, non_secure));
    CHECK(tlb.occupancy() == (global ? 2 : 0));
    for (const std::uint64_t address : {0x1000U, 0x2000U})
      tlb.invalidate(
          *smmuv3::tlbi({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 5, .address = address}, non_secure));
    CHECK(tlb.occupancy() == 0);
  }
}

TEST_CASE("IHI 0070 §4.4.1.1: a range names what it touches, of its granule and level alone") {
  struct Leaf {
    std::uint64_t address;
    unsigned size_shift;
    Granule granule;
    std::uint8_t level;
  };
  // One after the other; the third and the sixth are contiguous runs.
  const std::vector<Leaf> leaves{
      {0x1000, 12, Granule::Size4K, 3},         {0x2000, 12, Granule::Size4K, 3},
      {0x1'0000, 16, Granule::Size4K, 3},       {0x20'0000, 21, Granule::Size4K, 2},
      {0x4000'0000, 30, Granule::Size4K, 1},    {0x400'0000, 25, Granule::Size4K, 2},
      {0x1'0000'0000, 14, Granule::Size16K, 3}, {0x1'0200'0000, 25, Granule::Size16K, 2},
      {0x2'0000'0000, 16, Granule::Size64K, 3}, {0x2'2000'0000, 29, Granule::Size64K, 2}};
  const auto after = [&](const TlbiCommand& fields) {
    TlbiCommand command = fields;
    command.opcode = Tlbi::NhVa;
    command.vmid = 1;
    command.asid = 5;
    Tlb tlb({64, 64});
    for (const Leaf& each : leaves) {
      Mapping made =
          mapping({.name = "", .tag = {}, .address = 0, .global = false, .size_shift = each.size_shift});
      made.first.granule = each.granule;
      made.first.level = each.level;
      tlb.insert(el1(1, 5), each.address, made);
    }
    tlb.invalidate(*smmuv3::tlbi(command, non_secure));
    std::string numbers;
    for (std::size_t i = 0; i < leaves.size(); ++i)
      if (tlb.lookup(el1(1, 5), leaves[i].address) == nullptr) numbers += std::to_string(i);
    CHECK(tlb.occupancy() == leaves.size() - numbers.size());
    return numbers;
  };
  CHECK(after({.address = 0x1000, .num = 1, .tg = 1}) == "01");
  CHECK(after({.address = 0x2000, .num = 1, .tg = 1}) == "1");
  CHECK(after({.address = 0x3000, .num = 12, .tg = 1}).empty());
  CHECK(after({.address = 0x3000, .num = 13, .tg = 1}) == "2");
  CHECK(after({.address = 0x1f000, .num = 1, .tg = 1}) == "2");
  CHECK(after({.address = 0, .scale = 18, .tg = 1}) == "01235");
  CHECK(after({.address = 0, .scale = 19, .tg = 1}) == "012345");
  CHECK(after({.address = 0x1'0000'0000, .num = 1, .tg = 2}) == "6");
  CHECK(after({.address = 0x1'0000'0000, .scale = 12, .tg = 2}) == "67");
  CHECK(after({.address = 0x2'0000'0000, .scale = 14, .tg = 3}) == "89");
  CHECK(after({.address = 0x1'0000'0000, .num = 31, .scale = 12, .tg = 1}).empty());
  CHECK(after({.address = 0x1'0000'0000, .num = 31, .scale = 12, .tg = 3}) == "89");
  CHECK(after({.address = 0x20'0000, .tg = 1, .ttl = 2}) == "3");
  CHECK(after({.address = 0x20'0000, .tg = 1, .ttl = 3}).empty());
  CHECK(after({.address = 0x4000'0000, .tg = 1, .ttl = 1}) == "4");
  CHECK(after({.address = 0, .scale = 19, .tg = 1, .ttl = 1}) == "4");
  CHECK(after({.address = 0, .scale = 19, .tg = 1, .ttl = 2}) == "35");
  CHECK(after({.address = 0, .scale = 19, .tg = 1, .ttl = 3}) == "012");
  CHECK(after({.address = 0x1'0000'0000, .scale = 12, .tg = 2, .ttl = 1}) == "67");  // reserved: any level
  CHECK(after({.address = 0x1'0000'0000, .scale = 12, .tg = 2, .ttl = 2}) == "7");
  CHECK(after({.address = 0x1'03ff'f000, .num = 5, .scale = 3, .ttl = 1}) == "7");  // no TG: one address
}

TEST_CASE("IHI 0070 §4.4.1.1: level and granule of an entry of both stages are stage 1's") {
  const TlbTag tag = nested(World::El1);
  for (const std::uint8_t ttl : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
    Tlb tlb({16, 16});
    Mapping part = mapping({.name = "", .tag = tag});  // a 4 KiB page of stage 2 in a 2 MiB block of stage 1
    part.first.level = 2;
    part.first.granule = Granule::Size4K;
    part.second.level = 3;
    part.second.granule = Granule::Size64K;
    tlb.insert(tag, 0x20'5000, part);
    tlb.invalidate(*smmuv3::tlbi(
        {.opcode = Tlbi::NhVa, .vmid = 1, .asid = 5, .address = 0x20'0000, .tg = 1, .ttl = ttl}, non_secure));
    CHECK((tlb.lookup(tag, 0x20'5000) == nullptr) == (ttl == 2));
  }
}

TEST_CASE("IHI 0070 §4.4.1.1: Leaf and TTL say which tables a walk may go on from") {
  // Tables of level 1 to 3 below one address, and one of another ASID; their entries are of levels 0 to 2.
  const auto left = [](const TlbiCommand& fields, World world = World::El1) {
    TlbiCommand command = fields;
    command.vmid = 1;
    command.asid = 5;
    command.address = 0x4020'1000;
    const TlbTag mine = command.opcode == Tlbi::S2Ipa ? ipa(world, 1) : of(world, 5, 1);
    std::string levels;
    for (int level = 1; level <= 3; ++level) {
      arch::WalkCache cache({arch::CacheShape{4, 4}, {4, 4}, {4, 4}, {4, 4}});
      arch::CachedTable table;
      table.level = static_cast<std::int8_t>(level);
      table.input_shift = static_cast<std::uint8_t>(21 + 9 * (3 - level));
      cache.insert(mine, 0x4020'0000, table);
      cache.insert(of(world, 6, 2), 0x4020'0000, table);
      cache.invalidate(*smmuv3::tlbi(command, non_secure));
      CHECK(cache.lookup(of(world, 6, 2), 0x4020'0000) != nullptr);
      if (cache.lookup(mine, 0x4020'0000) != nullptr) levels += std::to_string(level);
    }
    return levels;
  };
  CHECK(left({.opcode = Tlbi::NhVa, .leaf = true}) == "123");
  CHECK(left({.opcode = Tlbi::NhVa}).empty());
  CHECK(left({.opcode = Tlbi::NhVaa, .leaf = true}) == "123");
  CHECK(left({.opcode = Tlbi::NhVaa}).empty());
  CHECK(left({.opcode = Tlbi::NhVa, .tg = 1, .ttl = 3}).empty());
  CHECK(left({.opcode = Tlbi::NhVa, .tg = 1, .ttl = 2}) == "3");
  CHECK(left({.opcode = Tlbi::NhVa, .tg = 1, .ttl = 1}) == "23");
  CHECK(left({.opcode = Tlbi::NhVa, .leaf = true, .tg = 1, .ttl = 1}) == "123");
  CHECK(left({.opcode = Tlbi::NhVa, .num = 1, .tg = 1}).empty());
  CHECK(left({.opcode = Tlbi::NhVa, .num = 1, .tg = 3}) == "123");
  CHECK(left({.opcode = Tlbi::NhAsid}).empty());
  CHECK(left({.opcode = Tlbi::NhAll}).empty());
  CHECK(left({.opcode = Tlbi::S12Vmall}).empty());
  CHECK(left({.opcode = Tlbi::S2Ipa}).empty());
  CHECK(left({.opcode = Tlbi::S2Ipa, .leaf = true}) == "123");
}

TEST_CASE("IHI 0070 §4.4.3.1: tables of stage 1 stay when stage 2 is invalidated, and the other way round") {
  arch::WalkCache cache({arch::CacheShape{4, 4}, {4, 4}, {4, 4}, {4, 4}});
  arch::CachedTable table;
  table.level = 3;
  table.input_shift = 21;
  cache.insert(nested(World::El1), 0x1000, table);
  cache.insert(ipa(World::El1, 1), 0x1000, table);
  cache.invalidate(*smmuv3::tlbi({.opcode = Tlbi::S2Ipa, .vmid = 1, .address = 0x1000}, non_secure));
  CHECK(cache.lookup(nested(World::El1), 0x1000) != nullptr);
  CHECK(cache.lookup(ipa(World::El1, 1), 0x1000) == nullptr);
  cache.insert(ipa(World::El1, 1), 0x1000, table);
  cache.invalidate(
      *smmuv3::tlbi({.opcode = Tlbi::NhVa, .vmid = 1, .asid = 5, .address = 0x1000}, non_secure));
  CHECK(cache.lookup(nested(World::El1), 0x1000) == nullptr);
  CHECK(cache.lookup(ipa(World::El1, 1), 0x1000) != nullptr);
}

}  // namespace sidewinder::test
