// SPDX-License-Identifier: Apache-2.0
//
// Secure streams: where tables are fetched from and where the output goes (IHI 0070 §3.10.2.2, §13.4.2).

#include <catch2/catch.hpp>

#include "iommu/arch/tlb.h"
#include "iommu/arch/walk.h"
#include "tests/support/tables.h"

namespace sidewinder::arch {
namespace {

using test::WordMemory;

constexpr std::uint64_t ns_table = std::uint64_t{1} << 63, ns = 1 << 5, ng = 1 << 11;

Stage1 secure_stage1() {
  Stage1 regime;
  regime.ttb[0] = {.base = 0x1000, .tsz = 25};  // from level 1
  regime.secure = true;
  return regime;
}

Outcome walk(const Stage1& regime, WordMemory& memory) {
  memory.accesses.clear();
  return translate(&regime, nullptr, {.address = 0, .privileged = true}, false, {.memory = &memory});
}

}  // namespace

TEST_CASE("Secure stage 1: NSTable leads to Non-secure tables, from which nothing leads back") {
  // Level at which the walk becomes Non-secure: 0 by NSCFG, 1 and 2 by NSTable, 3 not at all.
  for (unsigned from = 0; from <= 3; ++from) {
    for (const bool leaf_ns : {false, true}) {
      for (const bool leaf_ng : {false, true}) {
        INFO("from " << from << " NS " << leaf_ns << " nG " << leaf_ng);
        WordMemory memory;
        const std::uint64_t words[] = {0x2003 | (from == 1 ? ns_table : 0),
                                       0x3003 | (from == 2 ? ns_table : 0),
                                       0x8000'0403 | (leaf_ns ? ns : 0) | (leaf_ng ? ng : 0)};
        for (unsigned level = 0; level < 3; ++level)
          (level >= from ? memory.words : memory.secure_words)[0x1000 + 0x1000 * level] = words[level];
        Stage1 regime = secure_stage1();
        regime.ttb[0].non_secure_table = from == 0;
        regime.ttb[0].hierarchy_disabled = leaf_ng;  // HAD leaves NSTable alone
        const Outcome outcome = walk(regime, memory);
        REQUIRE(outcome.ok);
        for (unsigned level = 0; level < 3; ++level) CHECK(memory.accesses[level].secure == (level < from));
        CHECK(outcome.mapping.output_secure == (from == 3 && !leaf_ns));
        CHECK(outcome.mapping.first.global == (from == 3 && !leaf_ng));
      }
    }
  }
}

TEST_CASE("Non-secure stage 1: NSCFG, NSTable and NS mean nothing") {
  WordMemory memory;
  memory.words = {{0x1000, 0x2003 | ns_table}, {0x2000, 0x3003}, {0x3000, 0x8000'0403 | ns}};
  Stage1 regime = secure_stage1();
  regime.secure = false;
  regime.ttb[0].non_secure_table = true;
  const Outcome outcome = walk(regime, memory);
  REQUIRE(outcome.ok);
  CHECK_FALSE(outcome.mapping.output_secure);
  CHECK(outcome.mapping.first.global);
  for (const PortAccess& access : memory.accesses) CHECK_FALSE(access.secure);
}

TEST_CASE("a regime with one table has no ASIDs, and so nothing global") {
  WordMemory memory;
  memory.secure_words = {{0x1000, 0x2003}, {0x2000, 0x3003}, {0x3000, 0x8000'0403}};
  Stage1 regime = secure_stage1();
  regime.two_halves = regime.unprivileged = false;
  const Outcome outcome = walk(regime, memory);
  REQUIRE(outcome.ok);
  CHECK(outcome.mapping.output_secure);
  CHECK_FALSE(outcome.mapping.first.global);
}

TEST_CASE("Secure stage 2: a table for each IPA space, and where each is and leads") {
  for (const bool secure : {false, true}) {
    for (const bool walk_secure : {false, true}) {
      for (const bool output_secure : {false, true}) {
        INFO("IPA " << secure << " walk " << walk_secure << " output " << output_secure);
        WordMemory memory;
        const std::uint64_t root = secure ? 0x4000 : 0x5000;
        (walk_secure ? memory.secure_words : memory.words)[root] = 0x8000'04fd;
        Stage2 regime;
        regime.non_secure_ipa = {.base = 0x5000, .tsz = 34, .start_level = 2};
        regime.secure_ipa = {.base = 0x4000, .tsz = 33, .start_level = 2};
        Stage2Table& table = secure ? regime.secure_ipa : regime.non_secure_ipa;
        table.walk_secure = walk_secure;
        table.output_secure = output_secure;
        const Outcome outcome = translate(nullptr, &regime, {.address = 0x123}, secure, {.memory = &memory});
        REQUIRE(outcome.ok);
        CHECK(memory.accesses[0].secure == walk_secure);
        CHECK(memory.accesses[0].address == root);
        CHECK(outcome.mapping.output_secure == output_secure);
        CHECK(outcome.mapping.ipa_secure == secure);
        const Outcome refused =
            translate(nullptr, &regime, {.address = 0x2000'0000}, secure, {.memory = &memory});
        CHECK(refused.fault.ipa_non_secure == !secure);
        const Outcome fetch = translate_context_fetch(regime, 0x40, secure, {.memory = &memory});
        CHECK(fetch.ok);
        CHECK(fetch.mapping.output_secure == output_secure);
        // The Secure space is twice as large here.
        const Outcome beyond =
            translate(nullptr, &regime, {.address = 0x4000'0000}, secure, {.memory = &memory});
        CHECK(beyond.fault.level == (secure ? 2 : 0));
      }
    }
  }
}

TEST_CASE("Secure and nested: stage 1's tables are in the physical space that their IPA is mapped to") {
  for (const bool output_secure : {false, true}) {
    WordMemory memory;
    auto& tables = output_secure ? memory.secure_words : memory.words;
    tables = {{0x1000, 0x2003}, {0x2000, 0x5403}};
    memory.secure_words[0x9000] = 0x04fd;  // S2SW 0, and S2SA either way
    Stage1 stage1 = secure_stage1();
    stage1.ttb[0].tsz = 34;
    Stage2 stage2;
    stage2.secure_ipa = {
        .base = 0x9000, .tsz = 34, .start_level = 2, .walk_secure = true, .output_secure = output_secure};
    const Outcome outcome =
        translate(&stage1, &stage2, {.address = 0, .privileged = true}, false, {.memory = &memory});
    REQUIRE(outcome.ok);
    CHECK(memory.accesses[1].address == 0x1000);
    CHECK(memory.accesses[1].secure == output_secure);
    CHECK(outcome.mapping.ipa_secure);
    CHECK(outcome.mapping.output_secure == output_secure);
    CHECK(outcome.mapping.first.global);  // what counts is the IPA space (§3.10.2.2)
  }
}

TEST_CASE("Secure and nested: the space of each stage 1 table and of its output chooses stage 2's table") {
  for (const bool table_ns : {false, true}) {
    for (const bool leaf_ns : {false, true}) {
      INFO("NSTable " << table_ns << " NS " << leaf_ns);
      WordMemory memory;
      Tlb tlb({16, 4});
      // Secure IPAs go to 0x100000 and up, Non-secure ones to 0x200000 and up, each in its own memory.
      memory.secure_words[0x9000] = 0xa003;
      memory.words[0xb000] = 0xc003;
      for (std::uint64_t page = 0; page < 8; ++page) {
        memory.secure_words[0xa000 + 8 * page] = 0x10'04ff + (page << 12);
        memory.words[0xc000 + 8 * page] = 0x20'04ff + (page << 12);
      }
      memory.secure_words[0x10'1000] = 0x2003 | (table_ns ? ns_table : 0);
      (table_ns ? memory.words[0x20'2000] : memory.secure_words[0x10'2000]) = 0x5403 | (leaf_ns ? ns : 0);
      Stage1 stage1 = secure_stage1();
      stage1.ttb[0].tsz = 34;
      Stage2 stage2;
      stage2.secure_ipa = {
          .base = 0x9000, .tsz = 34, .start_level = 2, .walk_secure = true, .output_secure = true};
      stage2.non_secure_ipa = {.base = 0xb000, .tsz = 34, .start_level = 2};
      const bool output_ns = table_ns || leaf_ns;
      for (unsigned round = 0; round < 2; ++round) {  // and from the TLB, which tells the spaces apart
        const Outcome outcome = translate(&stage1, &stage2, {.address = 0, .privileged = true}, false,
                                          {.memory = &memory, .tlb = &tlb});
        REQUIRE(outcome.ok);
        CHECK(outcome.mapping.output == (output_ns ? 0x20'5000 : 0x10'5000));
        CHECK(outcome.mapping.output_secure == !output_ns);
        CHECK(outcome.mapping.ipa_secure == !output_ns);
        CHECK(outcome.mapping.first.global == !table_ns);
      }
      CHECK(tlb.lookup({.stages = Stages::Two, .secure_ipa = true}, 0x1000) != nullptr);
      CHECK(tlb.lookup({.stages = Stages::Two, .secure_ipa = !table_ns}, 0x2000) != nullptr);
      CHECK(tlb.lookup({.stages = Stages::Two, .secure_ipa = table_ns}, 0x2000) == nullptr);
      memory.secure_words[0xa028] = memory.words[0xc028] = 0;
      const Outcome refused = translate(&stage1, &stage2, {.address = 0, .privileged = true}, false,
                                        {.memory = &memory, .tlb = &tlb});
      CHECK(refused.fault.ipa_non_secure == output_ns);
    }
  }
}

}  // namespace sidewinder::arch
