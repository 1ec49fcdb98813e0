// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_commands.h"

#include <catch2/catch.hpp>
#include <vector>

namespace sidewinder::test {
namespace {

using namespace kernel::smmuv3_command;
using layout::smmuv3::PageRequestRecord;
using Words = std::array<std::uint64_t, 2>;

constexpr std::uint64_t KiB4 = 0x1000, MiB2 = 0x20'0000, GiB1 = 0x4000'0000;

Command nh_va() {
  return Command::of({0x0007'0000'0000'0012, 0});  // ASID 7
}

std::vector<Words> words_of(RangeInvalidation invalidation) {
  std::vector<Words> words;
  while (!invalidation.done()) words.push_back(invalidation.next().words);
  return words;
}

/// With range commands and pages of 4 KiB.
std::vector<Words> ranges(std::uint64_t iova, std::uint64_t size, std::uint64_t granule, bool leaf) {
  return words_of({nh_va(), {.iova = iova, .size = size, .granule = granule, .leaf = leaf}, 12, true});
}

Words va(std::uint64_t num, std::uint64_t scale, std::uint64_t high) {
  return {0x0007'0000'0000'0012 | num << 12 | scale << 20, high};
}

}  // namespace

TEST_CASE("each command, word for word") {
  CHECK(all(Opcode::CFGI_STE_RANGE).words == Words{0x04, 0x1f});
  CHECK(all(Opcode::TLBI_NSNH_ALL).words == Words{0x30, 0});
  CHECK(all(Opcode::TLBI_EL2_ALL).words == Words{0x20, 0});
  CHECK(prefetch_config(0x1234'5678).words == Words{0x1234'5678'0000'0001, 0});
  CHECK(cfgi_ste(0x100).words == Words{0x100'0000'0003, 1});
  CHECK(cfgi_cd(0x100, 0x12, true).words == Words{0x100'0001'2005, 1});
  CHECK(cfgi_cd(0x100, 0x12, false).words == Words{0x100'0001'2005, 0});
  CHECK(tlbi_asid(Opcode::TLBI_NH_ASID, 0xabcd).words == Words{0xabcd'0000'0000'0011, 0});
  CHECK(tlbi_asid(Opcode::TLBI_EL2_ASID, 1).words == Words{0x0001'0000'0000'0021, 0});
  CHECK(tlbi_vmall(0xabcd).words == Words{0x0000'abcd'0000'0028, 0});
  CHECK(resume_abort(0x100, 0xbeef).words == Words{0x100'0000'2044, 0xbeef});
  CHECK(sync().words == Words{0x0fc0'2046, 0});
  CHECK(sync_msi(0x12'3456'7894).words == Words{0x0fc0'1046, 0x12'3456'7894});
}

TEST_CASE("a denied page request group is answered with its SubstreamID, where it has one") {
  const auto with = PageRequestRecord::of({0xc00a'bcde'0000'0100, 0x1ff});
  CHECK(pri_resp_deny(with).words == Words{0x0000'0100'abcd'e841, 0x1ff});
  const auto without = PageRequestRecord::of({0x400a'bcde'0000'0100, 0x1ff});
  CHECK(pri_resp_deny(without).words == Words{0x0000'0100'0000'0041, 0x1ff});
}

TEST_CASE("ATC_INV covers the smallest aligned power of two of pages around a range") {
  CHECK(atc_inv(0x100, 0, 0).words == Words{0x100'0000'0040, 52});
  CHECK(atc_inv(0x100, 0x8000, 0x1000).words == Words{0x100'0000'0040, 0x8000});
  CHECK(atc_inv(0x100, 0x8000, 0x4000).words == Words{0x100'0000'0040, 0x8002});
  CHECK(atc_inv(0x100, 0x7000, 0x4000).words == Words{0x100'0000'0040, 0x0004});
  CHECK(atc_inv(0x100, 0x7ff0, 0x20).words == Words{0x100'0000'0040, 0x0004});
}

TEST_CASE("without range commands: one for each granule, without TG and TTL") {
  const RangeInvalidation two(
      {nh_va(), {.iova = 0x10'0000, .size = 2 * KiB4, .granule = KiB4, .leaf = true}, 12, false});
  CHECK(words_of(two) == std::vector<Words>{va(0, 0, 0x10'0001), va(0, 0, 0x10'1001)});
  const RangeInvalidation block(
      {nh_va(), {.iova = MiB2, .size = 2 * MiB2, .granule = MiB2, .leaf = false}, 12, false});
  CHECK(words_of(block) == std::vector<Words>{va(0, 0, MiB2), va(0, 0, 2 * MiB2)});
  CHECK(words_of({nh_va(), {.iova = 0, .size = 0, .granule = KiB4, .leaf = true}, 12, true}).empty());
}

TEST_CASE("range commands take five bits of the number of pages each, from the lowest on") {
  // TG 1, TTL 3, Leaf: 0x701.
  CHECK(ranges(0x10'0000, KiB4, KiB4, true) == std::vector<Words>{va(0, 0, 0x10'0701)});
  CHECK(ranges(0x10'0000, 5 * KiB4, KiB4, true) == std::vector<Words>{va(4, 0, 0x10'0701)});
  CHECK(ranges(0x10'0000, 31 * KiB4, KiB4, true) == std::vector<Words>{va(30, 0, 0x10'0701)});
  CHECK(ranges(0x10'0000, 32 * KiB4, KiB4, true) == std::vector<Words>{va(0, 5, 0x10'0701)});
  CHECK(ranges(0x10'0000, 33 * KiB4, KiB4, true) ==
        std::vector<Words>{va(0, 0, 0x10'0701), va(0, 5, 0x10'1701)});
  CHECK(ranges(0x10'0000, 0x5a4 * KiB4, KiB4, true) ==
        std::vector<Words>{va(8, 2, 0x10'0701), va(10, 7, 0x12'4701)});  // 9 * 4 and 11 * 128 pages
}

TEST_CASE("range commands say at which level leaves are, and nothing of tables") {
  CHECK(ranges(MiB2, 3 * MiB2, MiB2, true) == std::vector<Words>{va(2, 9, MiB2 | 0x601)});
  CHECK(ranges(GiB1, GiB1, GiB1, true) == std::vector<Words>{va(0, 18, GiB1 | 0x501)});
  CHECK(ranges(MiB2, MiB2, KiB4, false) == std::vector<Words>{va(0, 9, MiB2 | 0x400)});
  // One page of tables would be a command without NUM, SCALE and TTL, and so is two.
  CHECK(ranges(0x10'0000, KiB4, KiB4, false) == std::vector<Words>{va(0, 1, 0x10'0400)});
  CHECK(ranges(0x10'0000, 2 * KiB4, KiB4, false) == std::vector<Words>{va(0, 1, 0x10'0400)});
}

TEST_CASE("range commands of 16 and 64 KiB pages") {
  const auto one = [](unsigned shift, std::uint64_t granule) {
    return words_of({nh_va(), {.iova = 0, .size = granule, .granule = granule, .leaf = true}, shift, true});
  };
  CHECK(one(14, 0x4000) == std::vector<Words>{va(0, 0, 0xb01)});
  CHECK(one(14, 0x200'0000) == std::vector<Words>{va(0, 11, 0xa01)});
  CHECK(one(16, 0x1'0000) == std::vector<Words>{va(0, 0, 0xf01)});
  CHECK(one(16, 0x2000'0000) == std::vector<Words>{va(0, 13, 0xe01)});
}

TEST_CASE("an IPA has 52 bits in a command") {
  const Command s2_ipa = Command::of({0x0000'0003'0000'002a, 0});
  CHECK(words_of({s2_ipa,
                  {.iova = 0xff80'0000'0000'1000, .size = KiB4, .granule = KiB4, .leaf = true},
                  12,
                  false}) == std::vector<Words>{{0x0000'0003'0000'002a, 0x0000'1001}});
}

}  // namespace sidewinder::test
