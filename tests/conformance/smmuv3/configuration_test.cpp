// SPDX-License-Identifier: Apache-2.0
//
// From a transaction to its configuration: the disabled SMMU, STE.Config, SubstreamIDs, and the faults on the
// way, in their order.

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t cd_at = 0x2000'0000;
constexpr std::uint64_t l1_at = 0x2100'0000;
constexpr std::uint64_t root = 0x3000'0000;
constexpr std::uint64_t root2 = 0x3800'0000;
constexpr std::uint64_t page = 0x4000'0000;
constexpr std::uint64_t page_leaf =
    0xf43;  ///< nG, AF, Inner Shareable, read-write at EL0 and EL1, AttrIndx 0

/// Maps `va` to `pa` with a 4 KiB page in the 39-bit tables at `table`.
void map(Bench& bench, std::uint64_t table, std::uint64_t va, std::uint64_t pa,
         std::uint64_t leaf = page_leaf) {
  Tables(bench.memory, 12, 39, table).at(va, 3) = pa | leaf;
}

/// Maps 2 MiB of IPA onto itself at stage 2: S2AP read-write, MemAttr 0xf, AF.
void map_stage2(Bench& bench, std::uint64_t ipa) {
  bench.memory.words[root2 + 8 * (ipa >> 30)] = (root2 + 0x1000 + ((ipa >> 30) << 12)) | 3;
  bench.memory.words[root2 + 0x1000 + ((ipa >> 30) << 12) + 8 * (ipa >> 21 & 0x1ff)] =
      (ipa & ~std::uint64_t{0x1f'ffff}) | 0x7fd;
}

Transaction with_substream(std::uint32_t stream_id, std::uint32_t substream_id,
                           std::uint64_t address = 0x1000) {
  return {.address = address, .stream_id = stream_id, .substream_id = substream_id, .ssv = true};
}

void check_fault(const Translation& result, FaultKind kind, Action action = Action::Abort) {
  CHECK(result.action == action);
  CHECK(result.recorded);
  REQUIRE(result.fault.has_value());
  CHECK(result.fault->kind == kind);
}

void check_silent(const Translation& result) {
  CHECK(result.action == Action::Abort);
  CHECK_FALSE(result.recorded);
  CHECK_FALSE(result.fault.has_value());
}

}  // namespace

TEST_CASE("IHI 0070 §3.11: a disabled SMMU passes what fits the OAS, or aborts all of it, without an event") {
  Bench bench;
  bench.smmu.control(SecurityState::NonSecure).enabled = false;
  const Translation passed = bench.read(3, 0xffff'ffff'f000);
  CHECK(passed.action == Action::Forward);
  CHECK(passed.output == 0xffff'ffff'f000);
  CHECK(passed.source == Source::Disabled);
  check_silent(bench.read(3, 0x1'0000'0000'0000));

  bench.smmu.control(SecurityState::NonSecure).gbpa.raw = 1U << 20;  // ABORT
  check_silent(bench.read(3, 0x1000));
  CHECK(bench.memory.reads.empty());
}

TEST_CASE("IHI 0070 §3.10, §3.11: each Security state is enabled by itself, and has its own stream table") {
  Bench bench;
  bench.set_ste(3, ste(4));
  bench.smmu.control(SecurityState::Secure).enabled = false;
  bench.smmu.control(SecurityState::Secure).gbpa.raw = 1U << 20;
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
  Transaction secure{.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure};
  check_silent(bench.send(secure));

  bench.smmu.control(SecurityState::Secure).enabled = true;
  check_fault(bench.send(secure), FaultKind::BadSte);  // nothing at its place in Secure memory
  bench.set_secure_ste(3, ste(4));
  check_fault(bench.send(secure), FaultKind::BadSte);  // the invalid STE may be cached, and is
  bench.smmu.invalidate(smmuv3::cfgi_ste(SecurityState::Secure, 3));
  CHECK(bench.send(secure).action == Action::Forward);
}

TEST_CASE("IHI 0070 §3.10.1: without a Secure state every stream is Non-secure") {
  smmuv3::Config config = full();
  config.secure = config.secure_el2 = false;
  Bench bench(config);
  bench.set_ste(3, ste(4));
  CHECK(bench.send({.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure}).action ==
        Action::Forward);
}

TEST_CASE("IHI 0070 §5.2: STE.Config 0b0xx aborts without an event, SubstreamID or not") {
  for (const std::uint64_t config : {0U, 1U, 2U, 3U}) {
    Bench bench;
    bench.set_ste(3, ste(config));
    check_silent(bench.read(3, 0x1000));
    check_silent(bench.send(with_substream(3, 1)));
  }
}

TEST_CASE(
    "IHI 0070 §3.4: STE.Config 0b100 passes what fits the OAS, and the rest is a stage 1 address size "
    "fault") {
  Bench bench;
  bench.set_ste(3, ste(4));
  const Translation passed = bench.read(3, 0xffff'ffff'ffff);
  CHECK(passed.action == Action::Forward);
  CHECK(passed.output == 0xffff'ffff'ffff);
  CHECK(passed.source == Source::Bypass);

  const Translation faulted = bench.read(3, 0x1'0000'0000'0000);
  check_fault(faulted, FaultKind::AddressSize);
  CHECK(faulted.fault->stage == 1);
  CHECK(faulted.fault->cls == FaultClass::Input);
  CHECK(faulted.fault->access.address == 0x1'0000'0000'0000);
}

TEST_CASE("IHI 0070 §3.4: what bypasses stage 1 must fit the IAS, which LPAE makes at least 40 bits") {
  for (const bool aarch32 : {false, true}) {
    smmuv3::Config config = full();
    config.output_bits = 36;
    config.aarch32 = aarch32;
    Bench bench(config);
    bench.set_ste(3, stage2_ste(root2).replace(165, 160, 28));
    const Translation in_ias = bench.read(3, 0xff'ffff'f000);
    check_fault(in_ias, aarch32 ? FaultKind::Translation : FaultKind::AddressSize);
    CHECK(in_ias.fault->stage == (aarch32 ? 2 : 1));
    const Translation beyond = bench.read(3, 0x100'0000'0000);
    check_fault(beyond, FaultKind::AddressSize);
    CHECK(beyond.fault->stage == 1);
  }
}

TEST_CASE("IHI 0070 §7.3.3: C_BAD_STREAMID is recorded with CR2.RECINVSID, and aborts without it") {
  Bench bench;
  check_fault(bench.read(0x100, 0x1000), FaultKind::BadStreamId);
  bench.smmu.control(SecurityState::NonSecure).record_bad_stream_ids = false;
  const Translation silent = bench.read(0x100, 0x1000);
  CHECK(silent.action == Action::Abort);
  CHECK_FALSE(silent.recorded);
  CHECK(bench.memory.reads.empty());
}

TEST_CASE(
    "IHI 0070 §7.3.4, §5.2.1: an aborted STE fetch is F_STE_FETCH with its address, and is not cached") {
  Bench bench;
  bench.set_ste(3, ste(4));
  bench.memory.aborting.insert(Bench::stream_table + 64 * 3);
  const Translation aborted = bench.read(3, 0x1000);
  check_fault(aborted, FaultKind::SteFetch);
  CHECK(aborted.fault->fetch_address == Bench::stream_table + 64 * 3);
  bench.memory.aborting.clear();
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
}

TEST_CASE("IHI 0070 §7.3.5: an STE with V 0, and one that is ILLEGAL, are C_BAD_STE") {
  Bench bench;
  check_fault(bench.read(3, 0x1000), FaultKind::BadSte);
  bench.set_ste(4, stage1_ste(cd_at).put(94, 1));  // STRW 1 is reserved in a Non-secure STE
  check_fault(bench.read(4, 0x1000), FaultKind::BadSte);
}

TEST_CASE("IHI 0070 §7.3.9: a SubstreamID without stage 1, without substreams or beyond S1CDMax") {
  Bench bench;
  bench.set_ste(1, ste(4));
  bench.set_ste(2, stage2_ste(root2));
  bench.set_ste(3, stage1_ste(cd_at));             // S1CDMax 0
  bench.set_ste(4, stage1_ste(cd_at).put(59, 2));  // four CDs
  for (const std::uint32_t stream : {1U, 2U, 3U}) {
    const Translation result = bench.send(with_substream(stream, 0));
    check_fault(result, FaultKind::BadSubstreamId);
    CHECK(result.fault->ssv);
  }
  const Translation beyond = bench.send(with_substream(4, 4));
  check_fault(beyond, FaultKind::BadSubstreamId);
  CHECK(beyond.fault->substream_id == 4);
  check_fault(bench.send(with_substream(4, 3)), FaultKind::BadCd);  // in range: its CD is all zero
}

TEST_CASE("IHI 0070 §5.2, S1DSS: what a transaction without a SubstreamID does where there are substreams") {
  for (const std::uint64_t dss : {0U, 1U, 2U, 3U}) {
    Bench bench;
    bench.set_ste(3, stage1_ste(cd_at).put(59, 2).put(64, dss));
    for (const std::uint64_t index : {0U, 1U, 2U, 3U}) {
      bench.set_cd(cd_at + 64 * index, cd(root + 0x10'0000 * index, index + 1));
      map(bench, root + 0x10'0000 * index, 0x1000, page + 0x1000 * index);
    }
    INFO("S1DSS " << dss);
    const Translation without = bench.read(3, 0x1000);
    const Translation zero = bench.send(with_substream(3, 0));
    const Translation two = bench.send(with_substream(3, 2));
    CHECK(two.output == page + 0x2000);
    if (dss == 1) {
      CHECK(without.output == 0x1000);
      CHECK(without.source == Source::Bypass);
    } else if (dss == 2) {
      CHECK(without.output == page);
    } else {
      check_fault(without, FaultKind::StreamDisabled);
    }
    if (dss == 2)
      check_fault(zero, FaultKind::StreamDisabled);
    else
      CHECK(zero.output == page);
  }
}

TEST_CASE("IHI 0070 §5.2, S1DSS 0b01 with stage 2: the address goes into stage 2, and no CD is fetched") {
  Bench bench;
  bench.set_ste(3, nested_ste(cd_at, root2).put(59, 2).put(64, 1));
  map_stage2(bench, page);
  const Translation result = bench.read(3, page + 0x123);
  CHECK(result.output == page + 0x123);
  CHECK(bench.smmu.statistics().context_fetches == 0);
  const Translation faulted = bench.read(3, 0x1000);
  check_fault(faulted, FaultKind::Translation);
  CHECK(faulted.fault->stage == 2);
  CHECK(faulted.fault->cls == FaultClass::Input);
  CHECK(faulted.fault->ipa == 0x1000);
}

TEST_CASE("IHI 0070 §7.3.10: an aborted CD fetch is F_CD_FETCH with its address, and is not cached") {
  Bench bench;
  bench.set_ste(3, stage1_ste(cd_at));
  bench.set_cd(cd_at, cd(root));
  map(bench, root, 0x1000, page);
  bench.memory.aborting.insert(cd_at + 0x38);
  const Translation aborted = bench.read(3, 0x1000);
  check_fault(aborted, FaultKind::CdFetch);
  CHECK(aborted.fault->fetch_address == cd_at);
  bench.memory.aborting.clear();
  CHECK(bench.read(3, 0x1000).output == page);
}

TEST_CASE("IHI 0070 §7.3.11: a CD with V 0, and one that is ILLEGAL, are C_BAD_CD") {
  Bench bench;
  bench.set_ste(3, stage1_ste(cd_at));
  check_fault(bench.read(3, 0x1000), FaultKind::BadCd);
  bench.set_ste(4, stage1_ste(cd_at + 64));
  bench.set_cd(cd_at + 64, cd(root).replace(5, 0, 49));  // T0SZ
  check_fault(bench.read(4, 0x1000), FaultKind::BadCd);
}

TEST_CASE("IHI 0070 §3.3.2, §7.3.13: a CD in IPA space goes through stage 2, whose faults have CLASS CD") {
  Bench bench;
  bench.set_ste(3, nested_ste(cd_at, root2));
  bench.set_cd(cd_at, cd(root));
  map(bench, root, 0x1000, page);

  const Translation unmapped = bench.read(3, 0x1000);
  check_fault(unmapped, FaultKind::Translation);
  CHECK(unmapped.fault->stage == 2);
  CHECK(unmapped.fault->cls == FaultClass::Cd);
  CHECK(unmapped.fault->ipa == cd_at);
  CHECK(unmapped.fault->access.address == 0x1000);

  map_stage2(bench, cd_at);
  map_stage2(bench, root);
  map_stage2(bench, page);
  CHECK(bench.read(3, 0x1000).output == page);
}

TEST_CASE("IHI 0070 §5.5: stage 2 faults on a CD fetch stall with S2S, and are silent without S2R") {
  for (const bool stall : {false, true})
    for (const bool record : {false, true}) {
      Bench bench;
      bench.set_ste(3, nested_ste(cd_at, root2).replace(186, 186, record ? 1 : 0).put(185, stall ? 1 : 0));
      const Translation result = bench.read(3, 0x1000);
      CHECK(result.action == (stall ? Action::Stall : Action::Abort));
      CHECK(result.recorded == (stall || record));
    }
}

TEST_CASE("IHI 0070 §7.3.12: an abort on stage 2's walk for a CD is F_WALK_EABT, stage 2, CLASS CD") {
  Bench bench;
  bench.set_ste(3, nested_ste(cd_at, root2));
  bench.memory.aborting.insert(root2 + 8 * (cd_at >> 30));
  const Translation result = bench.read(3, 0x1000);
  check_fault(result, FaultKind::ExternalWalk);
  CHECK(result.fault->stage == 2);
  CHECK(result.fault->cls == FaultClass::Cd);
  CHECK(result.fault->fetch_address == root2 + 8 * (cd_at >> 30));
}

TEST_CASE("IHI 0070 §7.3.22: the first of several things that are wrong is the one recorded") {
  Bench bench;
  // Everything from the STE on is wrong; what comes first is mended step by step.
  Structure bad = stage1_ste(cd_at).put(59, 1).put(94, 1);
  bench.set_ste(3, bad);
  bench.memory.aborting = {Bench::stream_table + 64 * 3, cd_at};
  const auto again = [&] {
    bench.smmu.invalidate_all();
    return bench.send(with_substream(3, 2));
  };
  bench.smmu.control(SecurityState::NonSecure).strtab_base_cfg.raw = 1;
  check_fault(again(), FaultKind::BadStreamId);
  bench.smmu.control(SecurityState::NonSecure).strtab_base_cfg.raw = 8;
  check_fault(again(), FaultKind::SteFetch);
  bench.memory.aborting = {cd_at};
  check_fault(again(), FaultKind::BadSte);
  bench.set_ste(3, bad.replace(95, 94, 0));
  check_fault(again(), FaultKind::BadSubstreamId);
  bench.set_ste(3, bad.put(64, 0));
  bench.smmu.invalidate_all();
  check_fault(bench.read(3, 0x1000), FaultKind::StreamDisabled);
  bench.set_ste(3, bad.put(64, 2));
  bench.smmu.invalidate_all();
  check_fault(bench.read(3, 0x1000), FaultKind::CdFetch);
  bench.memory.aborting.clear();
  bench.smmu.invalidate_all();
  check_fault(bench.read(3, 0x1000), FaultKind::BadCd);
  bench.set_cd(cd_at, cd(root));
  bench.smmu.invalidate_all();
  check_fault(bench.read(3, 0x1000), FaultKind::Translation);
  map(bench, root, 0x1000, page);
  CHECK(bench.read(3, 0x1000).output == page);
}

TEST_CASE("IHI 0070 §3.3.2: a two-level table of CDs, whose L1CD must be valid") {
  Bench bench;
  bench.set_ste(3, stage1_ste(l1_at).put(4, 1).put(59, 8));
  bench.memory.words[l1_at + 8] = cd_at | 1;
  bench.set_cd(cd_at + 64 * 5, cd(root));
  map(bench, root, 0x1000, page);
  CHECK(bench.send(with_substream(3, 64 + 5)).output == page);
  check_fault(bench.send(with_substream(3, 128)), FaultKind::BadSubstreamId);
  bench.memory.aborting.insert(l1_at + 24);
  const Translation aborted = bench.send(with_substream(3, 192));
  check_fault(aborted, FaultKind::CdFetch);
  CHECK(aborted.fault->fetch_address == l1_at + 24);
}

TEST_CASE("IHI 0070 §4.3: what a configuration cache holds is used until it is invalidated") {
  Bench bench;
  bench.set_ste(3, stage1_ste(cd_at));
  bench.set_cd(cd_at, cd(root));
  map(bench, root, 0x1000, page);
  map(bench, root + 0x10'0000, 0x1000, page + 0x5000);
  CHECK(bench.read(3, 0x1000).output == page);

  bench.set_cd(cd_at, cd(root + 0x10'0000, 2));
  CHECK(bench.read(3, 0x1000).output == page);
  bench.smmu.invalidate(smmuv3::cfgi_cd(SecurityState::Secure, 3, 0));
  bench.smmu.invalidate(smmuv3::cfgi_cd(SecurityState::NonSecure, 4, 0));
  CHECK(bench.read(3, 0x1000).output == page);
  bench.smmu.invalidate(smmuv3::cfgi_cd(SecurityState::NonSecure, 3, 0));
  CHECK(bench.read(3, 0x1000).output == page + 0x5000);

  bench.set_ste(3, ste(4));
  CHECK(bench.read(3, 0x1000).output == page + 0x5000);
  bench.smmu.invalidate(smmuv3::cfgi_ste(SecurityState::NonSecure, 3));
  CHECK(bench.read(3, 0x1000).output == 0x1000);
}

TEST_CASE("IHI 0070 §4.3.2: invalidating an STE takes the CDs fetched through it along") {
  Bench bench;
  bench.set_ste(3, stage1_ste(cd_at));
  bench.set_cd(cd_at, cd(root));
  map(bench, root, 0x1000, page);
  CHECK(bench.read(3, 0x1000).output == page);
  bench.set_cd(cd_at, cd(root + 0x10'0000, 2));
  map(bench, root + 0x10'0000, 0x1000, page + 0x5000);
  bench.smmu.invalidate(smmuv3::cfgi_ste(SecurityState::NonSecure, 3));
  CHECK(bench.read(3, 0x1000).output == page + 0x5000);
}

TEST_CASE(
    "IHI 0070 §6.3.57.2: with SIF a Secure stream's instruction fetch that bypasses must not be Non-secure") {
  for (const bool enabled : {false, true})
    for (const bool sif : {false, true}) {
      Bench bench;
      bench.set_secure_ste(3, ste(4));
      bench.smmu.control(SecurityState::Secure).secure_instruction_fetch = sif;
      bench.smmu.control(SecurityState::Secure).enabled = enabled;
      bench.smmu.control(SecurityState::Secure).gbpa.raw = 1U << 12;
      Transaction fetch{.address = 0x1000, .stream_id = 3, .security = SecurityState::Secure};
      CHECK(bench.send(fetch).action == Action::Forward);  // data
      fetch.attributes.instruction = true;
      fetch.attributes.secure = true;
      CHECK(bench.send(fetch).action == Action::Forward);
      fetch.attributes.secure = false;
      const Translation result = bench.send(fetch);
      if (!sif) {
        CHECK(result.action == Action::Forward);
      } else if (enabled) {
        check_fault(result, FaultKind::Permission);
        CHECK(result.fault->stage == 1);
        CHECK(result.fault->cls == FaultClass::Input);
        CHECK(result.fault->secure_stream);
      } else {
        check_silent(result);
      }
      fetch.attributes.write = true;  // a write is data, whatever it says
      CHECK(bench.send(fetch).action == Action::Forward);
    }
}

}  // namespace sidewinder::test
