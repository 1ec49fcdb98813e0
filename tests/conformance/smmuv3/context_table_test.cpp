// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "iommu/smmuv3/context_table.h"
#include "tests/support/structure_memory.h"

namespace sidewinder::test {
namespace {

using arch::FaultKind;
using layout::smmuv3::Ste;
using smmuv3::Config;
using smmuv3::SecurityState;
using Action = smmuv3::SubstreamChoice::Action;

constexpr std::uint64_t stage1_only = 0xb, stage2_only = 0xd, nested = 0xf, bypass = 0x9;  // with V

/// `first` is V, Config and S1ContextPtr.
Ste ste(std::uint64_t first, std::uint64_t s1fmt = 0, std::uint64_t s1cdmax = 0, std::uint64_t s1dss = 0) {
  return Ste::of({first | s1fmt << 4 | s1cdmax << 59, s1dss, 0, 0, 0, 0, 0, 0});
}

/// Stage 2 adds 0x1'0000'0000, but for one address.
class Shift : public smmuv3::ContextFetchTranslator {
 public:
  std::uint64_t refused = ~std::uint64_t{0};
  std::vector<arch::PortAccess> fetches;

  Result translate(const arch::PortAccess& fetch) override {
    fetches.push_back(fetch);
    Result result;
    result.ok = fetch.address != refused;
    result.access = {fetch.address + 0x1'0000'0000, false, {}};
    result.fault.kind = FaultKind::Permission;
    result.fault.stage = 2;
    result.fault.ipa = fetch.address;
    return result;
  }
};

struct Bench {
  Config config;
  SecurityState state = SecurityState::NonSecure;
  StructureMemory memory;
  arch::AccessLog log;
  Shift* stage2 = nullptr;

  void cd(std::uint64_t address, std::uint64_t mark) { memory.put(address, {mark, 1, 2, 3, 4, 5, 6, 7}); }

  smmuv3::CdLookup find(const Ste& entry, std::uint32_t index) {
    memory.reads.clear();
    return find_cd(entry, config, state, index, stage2, memory, log);
  }

  void check_found(const Ste& entry, std::uint32_t index, std::uint64_t mark) {
    INFO("CD " << index);
    const auto lookup = find(entry, index);
    REQUIRE(lookup.ok);
    CHECK(lookup.cd.words == std::array<std::uint64_t, 8>{mark, 1, 2, 3, 4, 5, 6, 7});
  }

  void check_fault(const Ste& entry, std::uint32_t index, FaultKind kind, std::uint64_t fetch_address = 0) {
    const auto lookup = find(entry, index);
    CHECK_FALSE(lookup.ok);
    CHECK(lookup.fault.kind == kind);
    CHECK(lookup.fault.fetch_address == fetch_address);
  }
};

void check_choice(const Ste& entry, const Config& config, std::optional<std::uint32_t> substream,
                  Action action, std::uint32_t index = 0) {
  const auto choice = choose_cd(entry, config, substream);
  CHECK(choice.action == action);
  if (action == Action::UseCd) CHECK(choice.cd_index == index);
}

void check_terminated(const Ste& entry, const Config& config, std::optional<std::uint32_t> substream,
                      FaultKind kind) {
  const auto choice = choose_cd(entry, config, substream);
  CHECK(choice.action == Action::Terminate);
  CHECK(choice.fault == kind);
}

}  // namespace

TEST_CASE("IHI 0070 §5.2, §7.3.9: without stage 1 or substreams a SubstreamID is a C_BAD_SUBSTREAMID") {
  Config config;
  for (const std::uint64_t kind : {bypass, stage2_only})
    for (const std::uint64_t s1cdmax : {0U, 4U}) {  // IGNORED
      check_choice(ste(kind, 0, s1cdmax, 0), config, std::nullopt, Action::BypassStage1);
      check_terminated(ste(kind, 0, s1cdmax), config, 0, FaultKind::BadSubstreamId);
      check_terminated(ste(kind, 0, s1cdmax), config, 1, FaultKind::BadSubstreamId);
    }
  for (const std::uint64_t kind : {stage1_only, nested})
    for (const std::uint64_t s1dss : {0U, 1U, 2U, 3U}) {  // IGNORED
      check_choice(ste(kind, 0, 0, s1dss), config, std::nullopt, Action::UseCd, 0);
      check_terminated(ste(kind, 0, 0, s1dss), config, 0, FaultKind::BadSubstreamId);
    }
  config.substream_id_bits = 0;
  check_choice(ste(stage1_only, 1, 4, 0), config, std::nullopt, Action::UseCd, 0);
  check_terminated(ste(stage1_only, 1, 4, 0), config, 1, FaultKind::BadSubstreamId);
}

TEST_CASE("IHI 0070 §5.2: SubstreamIDs below 2^S1CDMax have their CDs, others are a C_BAD_SUBSTREAMID") {
  const Config config;
  for (const std::uint64_t s1cdmax : {1U, 4U, 20U})
    for (const std::uint64_t s1dss : {0U, 1U, 3U}) {
      const auto entry = ste(stage1_only, 0, s1cdmax, s1dss);
      const auto end = std::uint32_t{1} << s1cdmax;
      check_choice(entry, config, 0, Action::UseCd, 0);
      check_choice(entry, config, end - 1, Action::UseCd, end - 1);
      check_terminated(entry, config, end, FaultKind::BadSubstreamId);
      check_terminated(entry, config, 0xffff'ffff, FaultKind::BadSubstreamId);
    }
}

TEST_CASE("IHI 0070 §5.2: S1DSS says what becomes of a transaction without a SubstreamID") {
  const Config config;
  for (const std::uint64_t kind : {stage1_only, nested}) {
    check_terminated(ste(kind, 0, 4, 0), config, std::nullopt, FaultKind::StreamDisabled);
    check_choice(ste(kind, 0, 4, 1), config, std::nullopt, Action::BypassStage1);
    check_choice(ste(kind, 0, 4, 2), config, std::nullopt, Action::UseCd, 0);
    check_terminated(ste(kind, 0, 4, 3), config, std::nullopt, FaultKind::StreamDisabled);
  }
  check_terminated(ste(stage1_only, 0, 4, 2), config, 0, FaultKind::StreamDisabled);
  check_choice(ste(stage1_only, 0, 4, 2), config, 1, Action::UseCd, 1);
  check_terminated(ste(stage1_only, 0, 4, 2), config, 16, FaultKind::BadSubstreamId);
}

TEST_CASE("IHI 0070 §5.2: S1ContextPtr points to one CD, or a linear table of them") {
  Bench bench;
  bench.cd(0x8000'0fc0, 0x1);
  for (const std::uint64_t s1fmt : {0U, 1U, 2U, 3U})  // IGNORED
    bench.check_found(ste(stage1_only | 0x8000'0fc0, s1fmt), 0, 0x1);
  bench.config.substream_id_bits = 0;
  bench.check_found(ste(stage1_only | 0x8000'0fc0, 1, 5), 0, 0x1);
  bench.config.substream_id_bits = 20;

  bench.cd(0x8000'0400, 0x10);
  bench.cd(0x8000'07c0, 0x1f);
  for (const std::uint64_t s1fmt : {0U, 3U}) {  // 3 behaves as 0
    bench.check_found(ste(stage1_only | 0x8000'0400, s1fmt, 4), 0, 0x10);
    bench.check_found(ste(stage1_only | 0x8000'0400, s1fmt, 4), 15, 0x1f);
    CHECK(bench.memory.reads.size() == 8);
  }
  bench.cd(0x83ff'ffc0, 0x2);
  bench.check_found(ste(stage1_only | 0x8000'0000, 0, 20), 0xf'ffff, 0x2);
}

TEST_CASE("IHI 0070 §5.2: a linear table is aligned to its size, bits of the pointer below count as zero") {
  Bench bench;
  bench.cd(0x8000'0440, 0x11);
  bench.check_found(ste(stage1_only | 0x8000'07c0, 0, 4), 1, 0x11);
  bench.cd(0x8000'0040, 0x12);
  bench.check_found(ste(stage1_only | 0x8000'07c0, 0, 5), 1, 0x12);
}

TEST_CASE("IHI 0070 §5.2: two-level CD tables with leaves of 4 KiB") {
  Bench bench;
  bench.memory.words[0x10'0000] = 0x20'0001;
  bench.memory.words[0x10'0078] = 0x30'0001;
  bench.cd(0x20'0000, 0x1);
  bench.cd(0x20'0fc0, 0x2);
  bench.cd(0x30'0040, 0x3);
  const auto entry = ste(stage1_only | 0x10'0000, 1, 10);
  bench.check_found(entry, 0, 0x1);
  bench.check_found(entry, 63, 0x2);
  bench.check_found(entry, 15 * 64 + 1, 0x3);
  for (const std::uint64_t s1cdmax : {1U, 6U})
    bench.check_found(ste(stage1_only | 0x10'0000, 1, s1cdmax), 0, 0x1);
  bench.check_found(ste(stage1_only | 0x10'0000, 1, 6), 63, 0x2);
  bench.memory.words[0x10'0000 + 8 * 16383] = 0x30'0001;
  bench.cd(0x30'0fc0, 0x4);
  bench.check_found(ste(stage1_only | 0x10'0000, 1, 20), 0xf'ffff, 0x4);
}

TEST_CASE("IHI 0070 §5.2: two-level CD tables with leaves of 64 KiB") {
  Bench bench;
  bench.memory.words[0x10'0000] = 0x20'0001;
  bench.memory.words[0x10'1ff8] = 0x31'0001;
  bench.cd(0x20'0000, 0x1);
  bench.cd(0x20'ffc0, 0x2);
  bench.cd(0x31'0040, 0x3);
  const auto entry = ste(stage1_only | 0x10'0000, 2, 20);
  bench.check_found(entry, 0, 0x1);
  bench.check_found(entry, 1023, 0x2);
  bench.check_found(entry, 1023 * 1024 + 1, 0x3);
  for (const std::uint64_t s1cdmax : {1U, 10U})
    bench.check_found(ste(stage1_only | 0x10'0000, 2, s1cdmax), 0, 0x1);
  bench.check_found(ste(stage1_only | 0x10'0000, 2, 10), 1023, 0x2);
}

TEST_CASE("IHI 0070 §5.2: L1CD tables are aligned to their size or 64 bytes, leaves to theirs") {
  struct Case {
    std::uint64_t s1fmt, s1cdmax, l1_address;
    std::uint32_t index;
  };
  for (const auto& c : {Case{1, 9, 0x1f'ffc8, 64}, Case{1, 10, 0x1f'ff88, 64}, Case{1, 12, 0x1f'fe08, 64},
                        Case{1, 6, 0x1f'ffc0, 0}, Case{2, 13, 0x1f'ffc8, 1024}, Case{2, 14, 0x1f'ff88, 1024},
                        Case{2, 20, 0x1f'e008, 1024}, Case{2, 8, 0x1f'ffc0, 0}}) {
    INFO("S1Fmt " << c.s1fmt << ", S1CDMax " << c.s1cdmax);
    Bench bench;
    bench.memory.words[c.l1_address] = 0x2f'fffd | 0x1;
    bench.cd(c.s1fmt == 1 ? 0x2f'f000 : 0x2f'0000, 0x5);
    bench.check_found(ste(stage1_only | 0x1f'ffc0, c.s1fmt, c.s1cdmax), c.index, 0x5);
    CHECK(bench.memory.reads.front().address == c.l1_address);
  }
}

TEST_CASE("IHI 0070 §5.3.1: an L1CD that is not valid is a C_BAD_SUBSTREAMID") {
  Bench bench;
  bench.memory.words[0x10'0000] = 0x20'0000;
  bench.check_fault(ste(stage1_only | 0x10'0000, 1, 10), 0, FaultKind::BadSubstreamId);
  CHECK(bench.memory.reads.size() == 1);
}

TEST_CASE("IHI 0070 §3.4.3: an L2Ptr beyond the OAS, or with stage 2 the IAS, is a C_BAD_SUBSTREAMID") {
  Shift stage2;
  for (const bool with_stage2 : {false, true}) {
    Bench bench;
    bench.config.output_bits = 36;
    bench.stage2 = with_stage2 ? &stage2 : nullptr;
    const auto entry = ste((with_stage2 ? nested : stage1_only) | 0x10'0000, 1, 10);
    auto& descriptor = bench.memory.words[with_stage2 ? 0x1'0010'0000 : 0x10'0000];
    descriptor = 0xf'ffff'f001;
    CHECK(bench.find(entry, 0).ok);
    descriptor = 0x10'0000'0001;  // within the 40 bits that VMSAv8-32 gives to IPAs
    CHECK(bench.find(entry, 0).ok == with_stage2);
    if (!with_stage2) bench.check_fault(entry, 0, FaultKind::BadSubstreamId);
    descriptor = 0x100'0000'0001;
    bench.check_fault(entry, 0, FaultKind::BadSubstreamId);
    CHECK(bench.memory.reads.size() == 1);
    descriptor = 0xff00'0000'0020'0ffd | 1;  // RES0 bits above and below L2Ptr
    CHECK(bench.find(entry, 0).ok);
  }
}

TEST_CASE("IHI 0070 §7.3.10: an external abort is an F_CD_FETCH with the physical address") {
  Shift stage2;
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{0x1'0000'0000}}) {
    Bench bench;
    bench.stage2 = offset != 0 ? &stage2 : nullptr;
    const auto entry = ste((offset != 0 ? nested : stage1_only) | 0x10'0000, 1, 10);
    bench.memory.words[0x10'0008 + offset] = 0x20'0001;
    for (std::uint64_t word = 0; word < 8; ++word) {
      bench.memory.aborts = {0x20'0040 + offset + 8 * word};
      bench.check_fault(entry, 65, FaultKind::CdFetch, 0x20'0040 + offset);
    }
    bench.memory.aborts = {0x10'0008 + offset};
    bench.check_fault(entry, 65, FaultKind::CdFetch, 0x10'0008 + offset);
    bench.memory.aborts = {0x20'0038 + offset, 0x20'0080 + offset};
    CHECK(bench.find(entry, 65).ok);
  }
}

TEST_CASE("IHI 0070 §5.2: with stage 2 the addresses of L1CDs and CDs are IPAs") {
  Shift stage2;
  Bench bench;
  bench.stage2 = &stage2;
  bench.memory.words[0x1'0010'0008] = 0x20'0001;
  bench.cd(0x1'0020'0040, 0x1);
  const auto entry = ste(nested | 0x10'0000, 1, 10);
  bench.check_found(entry, 65, 0x1);
  REQUIRE(stage2.fetches.size() == 2);
  CHECK(stage2.fetches[0].address == 0x10'0008);
  CHECK(stage2.fetches[1].address == 0x20'0040);

  stage2.refused = 0x20'0040;
  auto lookup = bench.find(entry, 65);
  CHECK_FALSE(lookup.ok);
  CHECK(lookup.fault.kind == FaultKind::Permission);
  CHECK(lookup.fault.ipa == 0x20'0040);
  CHECK(bench.memory.reads.size() == 1);
  stage2.refused = 0x10'0008;
  lookup = bench.find(entry, 65);
  CHECK_FALSE(lookup.ok);
  CHECK(lookup.fault.ipa == 0x10'0008);
  CHECK(bench.memory.reads.empty());
}

TEST_CASE("IHI 0070 §3.10.2.1: a Secure stream's CDs are in Secure memory, or at Secure IPAs") {
  Bench bench;
  bench.memory.words[0x10'0000] = 0x20'0001;
  bench.memory.secure_words[0x10'0000] = 0x30'0001;
  bench.memory.put(0x30'0000, {0x3, 1, 2, 3, 4, 5, 6, 7}, true);
  const auto entry = ste(stage1_only | 0x10'0000, 1, 10);
  CHECK(bench.find(entry, 0).ok);
  for (const auto& read : bench.memory.reads) CHECK_FALSE(read.secure);
  bench.state = SecurityState::Secure;
  bench.check_found(entry, 0, 0x3);
  for (const auto& read : bench.memory.reads) CHECK(read.secure);

  Shift stage2;  // answers with Non-secure accesses, as STE.S2SW and S2SA may have it
  bench.stage2 = &stage2;
  bench.memory.words[0x1'0010'0000] = 0x20'0001;
  CHECK(bench.find(ste(nested | 0x10'0000, 1, 10), 0).ok);
  for (const auto& fetch : stage2.fetches) CHECK(fetch.secure);
  for (const auto& read : bench.memory.reads) CHECK_FALSE(read.secure);
}

TEST_CASE("IHI 0070 §5.2: S1CIR, S1COR and S1CSH are the attributes of reads of CDs and L1CDs") {
  using arch::Cacheability;
  using arch::Shareability;
  const arch::CachePolicy none{Cacheability::NonCacheable, false, false, false};
  const arch::CachePolicy back{Cacheability::WriteBack, true, false, false};
  const arch::CachePolicy through{Cacheability::WriteThrough, true, false, false};
  const arch::CachePolicy back_no_allocate{Cacheability::WriteBack, false, false, false};
  struct Case {
    std::uint64_t second_word;
    arch::CachePolicy inner, outer;
    Shareability shareability;
  };
  for (const auto& c : {Case{0x00, none, none, Shareability::OuterShareable},
                        Case{0xc0, none, none, Shareability::OuterShareable},
                        Case{0x24, back, through, Shareability::NonShareable},
                        Case{0x64, back, through, Shareability::NonShareable},
                        Case{0xb8, through, back_no_allocate, Shareability::OuterShareable},
                        Case{0xdc, back_no_allocate, back, Shareability::InnerShareable},
                        Case{0xd0, none, back, Shareability::InnerShareable},
                        Case{0xc4, back, none, Shareability::InnerShareable}}) {
    INFO("second word " << std::hex << c.second_word);
    auto entry = ste(stage1_only | 0x10'0000, 1, 10);
    entry.words[1] = c.second_word;
    Bench bench;
    bench.memory.words[0x10'0000] = 0x20'0001;
    CHECK(bench.find(entry, 0).ok);
    CHECK(bench.memory.reads.size() == 9);
    const arch::MemoryAttributes expected{arch::MemoryType::Normal, c.inner, c.outer, c.shareability};
    for (const auto& read : bench.memory.reads) CHECK(read.attributes == expected);

    Shift stage2;
    bench.stage2 = &stage2;
    bench.memory.words[0x1'0010'0000] = 0x20'0001;
    CHECK(bench.find(entry, 0).ok);
    CHECK(stage2.fetches.size() == 2);
    for (const auto& fetch : stage2.fetches) CHECK(fetch.attributes == expected);
    for (const auto& read : bench.memory.reads) CHECK(read.attributes == arch::MemoryAttributes{});
  }
}

}  // namespace sidewinder::test
