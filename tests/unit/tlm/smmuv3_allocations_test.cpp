// SPDX-License-Identifier: Apache-2.0
//
// No way through the SMMUv3 module allocates, once what it works with is there. This process counts every
// call of operator new.

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "tests/support/smmuv3_rig.h"

namespace {

std::atomic<std::size_t> allocations = 0;

void* counted(std::size_t bytes) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void* counted_or_thrown(std::size_t bytes) {
  void* const memory = counted(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All but those for over-aligned types; a sanitizer minds a pair of which one is not its own.
void* operator new(std::size_t bytes) {
  return counted_or_thrown(bytes);
}
void* operator new[](std::size_t bytes) {
  return counted_or_thrown(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return counted(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return counted(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t& /*tag*/) noexcept {
  std::free(memory);
}

namespace sidewinder::test {
namespace {

struct Place {
  FlatMemory memory{"memory", 4};
  SmmuRig cached{"cached", SmmuRig::with_caches(), memory};
  SmmuRig uncached{"uncached", SmmuRig::without_caches(), memory};

  Place() {
    models::run_simulation(sc_core::SC_ZERO_TIME);
    SmmuRig::write_tables(memory);
    cached.program(0x30'0000);
    uncached.program(0x30'1000);
  }
};

struct Load {
  SmmuRig& rig;
  std::uint32_t first_stream = 0, streams = 1;
  std::uint64_t pages = 16;
  bool ok = true;
};

/// How often `count` reads allocate.
std::size_t allocations_of(const Load& load, Walkabout at, std::size_t count) {
  const std::size_t before = allocations;
  for (std::size_t n = 0; n < count; ++n, at.next())
    if (load.rig.client.read(load.first_stream + at.stream(), at.number() * rig_page) != load.ok)
      FAIL("access " << n << " did not end as it should");
  return allocations - before;
}

void check(const char* what, const Load& load) {
  INFO(what);
  const std::size_t rounds = 2 * load.pages * load.streams;
  static_cast<void>(allocations_of(load, Walkabout(load.pages, load.streams), rounds));
  CHECK(allocations_of(load, Walkabout(load.pages, load.streams), rounds) == 0);
}

}  // namespace

TEST_CASE("tlm SMMUv3: hits, walks, faults and invalidations allocate nothing") {
  Place place;
  CHECK(allocations != 0);  // it counts
  check("micro-TLB hits", {place.cached});
  check("main TLB hits", {.rig = place.cached, .pages = 1024});
  check("main TLB hits of many streams", {.rig = place.cached, .streams = 64});
  check("walks below a cached table", {.rig = place.cached, .pages = 8192});
  check("walks of three levels", {place.uncached});
  check("walks of four levels", {place.uncached, SmmuRig::four_levels});
  check("nested walks", {place.uncached, SmmuRig::nested});
  check("nested walks and hits, with caches", {place.cached, SmmuRig::nested});
  check("faults", {.rig = place.uncached, .first_stream = SmmuRig::unmapped, .ok = false});

  constexpr std::uint64_t of_asid = 0x12 | std::uint64_t{1} << 48, page = 0x1'0000;
  const auto command = [&](std::uint64_t low, std::uint64_t high) {
    place.cached.command(place.memory, low, high);
    return place.cached.idle();
  };
  REQUIRE(command(0x30, 0));  // the kernel's own lists grow the first time
  const std::size_t before = allocations;
  const bool all_done = command(of_asid, page) &&
                        command(of_asid | std::uint64_t{15} << 12, page | 1 << 10) && command(0x30, 0) &&
                        command(0x04, 0x1f);  // and CMD_CFGI_ALL
  const std::size_t of_commands = allocations - before;
  CHECK(all_done);
  CHECK(of_commands == 0);
}

}  // namespace sidewinder::test
