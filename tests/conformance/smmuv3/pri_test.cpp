// SPDX-License-Identifier: Apache-2.0
//
// Page requests, their queue, and their answers.

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

#include "tests/conformance/smmuv3/ats_bench.h"

namespace sidewinder::test {
namespace {

using smmuv3::PageRequest;

PageRequest request(bool last = true, bool ssv = false) {
  return {.address = 0x1234'5678'9abc,
          .stream_id = 3,
          .substream_id = 5,
          .ssv = ssv,
          .group = 0x155,
          .last = last,
          .read = true};
}

std::uint64_t word(const AtsBench& bench, unsigned index) {
  const auto found = bench.memory.words.find(AtsBench::pages + 8 * index);
  return found == bench.memory.words.end() ? 0 : found->second;
}

/// All 16 entries are taken.
void fill(AtsBench& bench) {
  for (unsigned n = 0; n < 16; ++n) bench.smmu.page_request(request(false));
  REQUIRE(bench.r32(0x100c8) == 0x10);
}

void check_response(const AtsBench& bench, Code code, bool pasid) {
  REQUIRE(bench.root_complex.responses.size() == 1);
  const smmuv3::PrgResponse& response = bench.root_complex.responses[0];
  CHECK(response.stream_id == 3);
  CHECK(response.group == 0x155);
  CHECK(response.code == code);
  CHECK(response.ssv == pasid);
  CHECK(response.substream_id == (pasid ? 5 : 0));
}

unsigned page_interrupts(const AtsBench& bench) {
  return static_cast<unsigned>(std::count(bench.log.interrupts.begin(), bench.log.interrupts.end(),
                                          std::pair(SecurityState::NonSecure, Interrupt::PageRequestQueue)));
}

}  // namespace

TEST_CASE("IHI 0070 chapter 8: a page request is a record of 16 bytes, each field in its place") {
  AtsBench bench;
  bench.smmu.page_request({.address = 0xffff'0000'0000'0fff, .stream_id = 0x8765'4321});
  CHECK(word(bench, 0) == 0x0000'0000'8765'4321);
  CHECK(word(bench, 1) == 0xffff'0000'0000'0000);
  CHECK(bench.r32(0x100c8) == 1);

  const auto fields = [](const std::function<void(PageRequest&)>& set) {
    AtsBench fresh;
    PageRequest one{.ssv = true};
    set(one);
    fresh.smmu.page_request(one);
    return std::pair(word(fresh, 0), word(fresh, 1));
  };
  using Words = std::pair<std::uint64_t, std::uint64_t>;
  const std::uint64_t ssv = std::uint64_t{1} << 63;
  CHECK(fields([](PageRequest& r) { r.substream_id = 0xabcde; }) == Words(ssv | 0xabcdeULL << 32, 0));
  CHECK(fields([](PageRequest& r) { r.privileged = true; }) == Words(ssv | 1ULL << 58, 0));
  CHECK(fields([](PageRequest& r) { r.execute = true; }) == Words(ssv | 1ULL << 59, 0));
  CHECK(fields([](PageRequest& r) { r.read = true; }) == Words(ssv | 1ULL << 60, 0));
  CHECK(fields([](PageRequest& r) { r.write = true; }) == Words(ssv | 1ULL << 61, 0));
  CHECK(fields([](PageRequest& r) { r.last = true; }) == Words(ssv | 1ULL << 62, 0));
  CHECK(fields([](PageRequest& r) { r.group = 0x1ff; }) == Words(ssv, 0x1ff));
}

TEST_CASE("IHI 0070 chapter 8: without a PASID, X and Priv are 0, and without PASIDs there is none") {
  PageRequest one{.substream_id = 5, .ssv = false, .read = true, .execute = true, .privileged = true};
  AtsBench bench;
  bench.smmu.page_request(one);
  CHECK(word(bench, 0) == 1ULL << 60);
  smmuv3::Config config = with_ats();
  config.substream_id_bits = 0;
  AtsBench without(config);
  one.ssv = true;
  without.smmu.page_request(one);
  CHECK(word(without, 0) == 1ULL << 60);
}

TEST_CASE("IHI 0070 §3.5.1: the PRI queue wraps, each record where PROD was") {
  AtsBench bench;
  for (unsigned n = 0; n < 40; ++n) {
    CHECK(bench.r32(0x100c8) == n % 32);
    bench.smmu.page_request({.stream_id = n, .group = 7});
    CHECK((word(bench, 2 * (n % 16)) & 0xffff'ffff) == n);
    bench.w32(0x100cc, (n + 1) % 32);
  }
  CHECK(bench.smmu.counters().page_requests == 40);
  CHECK(bench.root_complex.responses.empty());
}

TEST_CASE("IHI 0070 §6.3.36: the interrupt is for a queue that is no more empty, or with LO for Last") {
  AtsBench bench;
  bench.smmu.page_request(request(false));
  CHECK(page_interrupts(bench) == 1);
  bench.smmu.page_request(request(true));
  CHECK(page_interrupts(bench) == 1);
  bench.w32(0x50, 0x5);
  bench.w32(0xdc, 0x8000'0000);
  bench.smmu.page_request(request(true));
  CHECK(page_interrupts(bench) == 1);  // disabled
  bench.w32(0x50, 0x7);
  bench.smmu.page_request(request(false));
  CHECK(page_interrupts(bench) == 1);
  bench.smmu.page_request(request(true));
  CHECK(page_interrupts(bench) == 2);
}

TEST_CASE("IHI 0070 §6.3.36: with LO a Last that an overflow discards interrupts too, and no other does") {
  for (const bool last_only : {false, true}) {
    AtsBench bench;
    bench.w32(0x50, 0x5);
    if (last_only) bench.w32(0xdc, 0x8000'0000);
    fill(bench);
    bench.w32(0x50, 0x7);
    bench.smmu.page_request(request(false));
    CHECK(page_interrupts(bench) == 0);
    bench.smmu.page_request(request(true));
    CHECK(page_interrupts(bench) == (last_only ? 1 : 0));
    bench.w32(0x20, 0x1d);  // PRIQEN 0
    bench.smmu.page_request(request(true));
    CHECK(page_interrupts(bench) == (last_only ? 1 : 0));
  }
}

TEST_CASE("IHI 0070 §3.18: the PRI queue's MSI, and what its abort is") {
  AtsBench bench;
  bench.w32(0x50, 0x5);
  bench.w64(0xd0, 0x0000'0000'5000'0040);
  bench.w32(0xd8, 0xcafe);
  bench.w32(0x50, 0x7);
  bench.smmu.page_request(request());
  CHECK(bench.memory.words[0x5000'0040] == 0xcafe);
  CHECK(page_interrupts(bench) == 1);

  bench.w32(0x100cc, 1);
  bench.memory.aborting.insert(0x5000'0040);
  bench.smmu.page_request(request());
  CHECK(bench.r32(0x60) == 1 << 6);
}

TEST_CASE("IHI 0070 §8.1: a full queue toggles OVFLG once, and nothing is written until it is acknowledged") {
  AtsBench bench;
  fill(bench);
  bench.smmu.page_request(request());
  CHECK(bench.r32(0x100c8) == 0x8000'0010);
  bench.smmu.page_request(request());
  CHECK(bench.r32(0x100c8) == 0x8000'0010);
  bench.w32(0x100cc, 0x10);  // empty again, not acknowledged
  bench.smmu.page_request(request());
  CHECK(bench.r32(0x100c8) == 0x8000'0010);
  CHECK(bench.smmu.counters().page_requests_discarded == 3);
  bench.w32(0x100cc, 0x8000'0010);
  bench.smmu.page_request(request());
  CHECK(bench.r32(0x100c8) == 0x8000'0011);
  CHECK(bench.root_complex.responses.size() == 3);
}

TEST_CASE("IHI 0070 §8.1: what overflows is answered Success where it is Last, and silent where it is not") {
  AtsBench bench;
  fill(bench);
  bench.smmu.page_request(request(false));
  CHECK(bench.root_complex.responses.empty());
  bench.smmu.page_request(request(true));
  check_response(bench, Code::Success, false);
}

TEST_CASE("IHI 0070 §8.1: whether an answer to a PASID has the PASID: PPS, or else STE.PPAR") {
  struct Case {
    const char* name;
    bool pps;
    std::function<void(AtsBench&)> set_up;
    Code code;
    bool pasid;
    unsigned event;
  };
  const auto with_ppar = [](std::uint64_t config, std::uint64_t ppar) {
    return [=](AtsBench& b) { b.set_ste(3, ste(config).put(82, ppar)); };
  };
  for (const Case& each :
       {Case{"PPS, and no STE", true, [](AtsBench& b) { b.set_ste(3, {}); }, Code::Success, true, 0},
        Case{"PPAR 0", false, with_ppar(4, 0), Code::Success, false, 0},
        Case{"PPAR 1", false, with_ppar(4, 1), Code::Success, true, 0},
        Case{"PPAR 1, Config 0b000", false, with_ppar(0, 1), Code::Success, true, 0},
        Case{"PPAR 1, a CD that is invalid", false,
             [](AtsBench& b) {
               b.set_ste(3, stage1_ste(AtsBench::cd_at).put(82, 1));
               b.set_cd(AtsBench::cd_at, {});
             },
             Code::Success, true, 0},
        Case{"C_BAD_STE", false, [](AtsBench& b) { b.set_ste(3, {}); }, Code::Failure, false, 4},
        Case{"F_STE_FETCH", false,
             [](AtsBench& b) { b.memory.aborting.insert(AtsBench::stream_table + 0xc0); }, Code::Failure,
             false, 3},
        Case{"C_BAD_STREAMID", false,
             [](AtsBench& b) {
               const std::uint32_t cr0 = b.r32(0x20);
               b.w32(0x20, cr0 & ~1U);
               b.w32(0x88, 1);
               b.w32(0x20, cr0);
             },
             Code::Failure, false, 2}}) {
    for (const std::uint32_t cr2 : {0x2U, 0x8U, 0xaU}) {
      INFO(each.name << ", CR2 " << cr2);
      smmuv3::Config config = with_ats();
      config.pasid_in_auto_response = each.pps;
      AtsBench bench(config);
      bench.record_errors(cr2);
      each.set_up(bench);
      fill(bench);
      bench.smmu.page_request(request(true, true));
      check_response(bench, each.code, each.pasid);
      const bool recorded = each.event != 0 && (cr2 & 8) != 0 && (each.event != 2 || (cr2 & 2) != 0);
      REQUIRE(bench.events_recorded() == (recorded ? 1 : 0));
      if (recorded) CHECK((bench.event(0)[0] & 0xff) == each.event);
    }
  }
}

TEST_CASE("IHI 0070 §8.2: what cannot be queued is answered Failure, each of it, and without a PASID") {
  AtsBench bench;
  const auto failed = [&](PageRequest one) {
    bench.root_complex.responses.clear();
    bench.smmu.page_request(one);
    check_response(bench, Code::Failure, false);
    CHECK(bench.r32(0x100c8) == 0);
  };
  SECTION("PRIQEN is 0") {
    bench.w32(0x20, 0x1d);
    failed(request(false, true));
    failed(request(true, false));
  }
  SECTION("SMMUEN is 0, though PRIQEN reads 1") {
    bench.w32(0x20, 0x1e);
    CHECK((bench.r32(0x24) & 2) != 0);
    failed(request(false, true));
  }
  SECTION("of a Secure stream") {
    PageRequest one = request(false, true);
    one.security = SecurityState::Secure;
    failed(one);
  }
  SECTION("the write was aborted, and is until PRIQ_ABT_ERR is acknowledged") {
    bench.memory.aborting.insert(AtsBench::pages);
    failed(request(false, true));
    CHECK(bench.r32(0x60) == 1 << 3);
    CHECK(bench.log.interrupts.size() == 1);
    bench.memory.aborting.clear();
    failed(request(true, true));
    bench.w32(0x64, 1 << 3);
    bench.smmu.page_request(request());
    CHECK(bench.r32(0x100c8) == 1);
  }
}

TEST_CASE("IHI 0070 chapter 8, §8.2: a Stop Marker is queued like a request, and never answered") {
  PageRequest marker = request(true, true);
  marker.read = false;
  AtsBench bench;
  bench.smmu.page_request(marker);
  CHECK(word(bench, 0) >> 60 == 0xc);
  bench.w32(0x20, 0x1d);
  bench.smmu.page_request(marker);
  CHECK(bench.root_complex.responses.empty());
  PageRequest no_marker = marker;  // without a PASID it is a request
  no_marker.ssv = false;
  bench.smmu.page_request(no_marker);
  CHECK(bench.root_complex.responses.size() == 1);

  AtsBench full;
  fill(full);
  full.smmu.page_request(marker);
  CHECK(full.root_complex.responses.empty());
  CHECK(full.r32(0x100c8) == 0x8000'0010);
}

TEST_CASE("IHI 0070 §4.5.2: CMD_PRI_RESP answers a group, with or without a PASID") {
  for (const auto& [resp, code] : {std::pair(0ULL, Code::Failure), std::pair(1ULL, Code::InvalidRequest),
                                   std::pair(2ULL, Code::Success)}) {
    AtsBench bench;
    bench.command(0x41 | 1 << 11 | 5ULL << 12 | 3ULL << 32, 0x155 | resp << 12);
    check_response(bench, code, true);
  }
  AtsBench bench;
  bench.command(0x41 | 5ULL << 12 | 3ULL << 32, 0x155 | 2 << 12);
  check_response(bench, Code::Success, false);
  bench.command(0x41, 3 << 12);
  CHECK(bench.r32(0x9c) == 0x0100'0001);
}

TEST_CASE("IHI 0070 §6.3.33 to §6.3.36: the PRI queue's registers, and what guards them") {
  AtsBench bench;
  bench.w32(0x20, 0x1d);  // PRIQEN 0
  bench.w32(0x50, 0x5);
  bench.w64(0xc0, ~std::uint64_t{0});
  CHECK(bench.r64(0xc0) == 0x4000'ffff'ffff'ffff);
  bench.w64(0xd0, ~std::uint64_t{0});
  CHECK(bench.r64(0xd0) == 0x0000'ffff'ffff'fffc);
  bench.w64(0xd8, ~std::uint64_t{0});
  CHECK(bench.r32(0xd8) == 0xffff'ffff);
  CHECK(bench.r32(0xdc) == 0x8000'003f);
  bench.w64(0xc0, AtsBench::pages | 4);
  bench.w32(0x100c8, 0xffff'ffff);
  CHECK(bench.r32(0x100c8) == 0x8000'001f);
  bench.w32(0x100cc, 0xffff'ffff);
  CHECK(bench.r32(0x100cc) == 0x800f'ffff);
  bench.w32(0x1028, 0);
  for (const std::uint64_t offset : {0xc8U, 0xccU, 0x80c0U, 0x80c8U, 0x80d0U, 0x100c0U, 0x180c8U}) {
    bench.w32(offset, 0xffff'ffff);
    CHECK(bench.r32(offset) == 0);
  }

  bench.w32(0x20, 0x1f);
  bench.w32(0x50, 0x7);
  for (const std::uint64_t offset : {0xc0U, 0xc4U, 0xd0U, 0xd4U, 0xd8U, 0xdcU, 0x100c8U}) {
    const std::uint32_t before = bench.r32(offset);
    bench.w32(offset, ~before);
    CHECK(bench.r32(offset) == before);
  }
  bench.w32(0x100cc, 0x3);
  CHECK(bench.r32(0x100cc) == 0x3);  // software's always

  bench.w32(0x20, 0x10);  // no queue is enabled but the PRI queue would be
  bench.w32(0x20, 0x12);
  const std::uint32_t cr1 = bench.r32(0x28);
  bench.w32(0x28, cr1 ^ 0x3f);
  CHECK((bench.r32(0x28) & 0x3f) == (cr1 & 0x3f));
}

TEST_CASE("IHI 0070 §6.3: without PRI its registers and fields are RES0") {
  smmuv3::Config config = with_ats();
  config.pri = false;
  AtsBench bench(config);
  bench.w32(0x20, 0);
  bench.w32(0x50, 0);
  for (const std::uint64_t offset : {0xc0U, 0xc4U, 0xd0U, 0xd4U, 0xd8U, 0xdcU, 0x100c8U, 0x100ccU}) {
    bench.w32(offset, 0xffff'ffff);
    CHECK(bench.r32(offset) == 0);
  }
  bench.w32(0x50, 0xffff'ffff);
  CHECK(bench.r32(0x50) == 0x5);
  bench.w32(0x64, 0xffff'ffff);
  CHECK(bench.r32(0x64) == 0x1b5);
}

TEST_CASE("IHI 0070 §6.3.19: PRIQ_ABT_ERR and MSI_PRIQ_ABT_ERR are there with PRI, the second with MSIs") {
  AtsBench bench;
  bench.w32(0x64, 0xffff'ffff);
  CHECK(bench.r32(0x64) == 0x1fd);
  bench.w32(0x8064, 0xffff'ffff);
  CHECK(bench.r32(0x8064) == 0x1b5);
  smmuv3::Config config = with_ats();
  config.msi = false;
  AtsBench wired(config);
  wired.w32(0x64, 0xffff'ffff);
  CHECK(wired.r32(0x64) == 0x10d);
  wired.w32(0x50, 0);
  wired.w32(0xdc, 0xffff'ffff);
  CHECK(wired.r32(0xdc) == 0);
}

}  // namespace sidewinder::test
