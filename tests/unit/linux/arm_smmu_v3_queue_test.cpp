// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_queue.h"

#include <array>
#include <catch2/catch.hpp>

#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using kernel::ArmSmmuV3Io;
using kernel::ArmSmmuV3Queue;
using kernel::QueueIndices;

}  // namespace

TEST_CASE("a queue's indices: room, empty and full, with the wrap flag above the index") {
  CHECK(QueueIndices{.shift = 3, .prod = 0, .cons = 0}.empty());
  CHECK(QueueIndices{.shift = 3, .prod = 8, .cons = 8}.empty());
  CHECK_FALSE(QueueIndices{.shift = 3, .prod = 8, .cons = 0}.empty());
  CHECK(QueueIndices{.shift = 3, .prod = 8, .cons = 0}.full());
  CHECK_FALSE(QueueIndices{.shift = 3, .prod = 0, .cons = 0}.full());
  CHECK(QueueIndices{.shift = 3, .prod = 3, .cons = 11}.full());

  CHECK(QueueIndices{.shift = 3, .prod = 0, .cons = 0}.has_space(8));
  CHECK_FALSE(QueueIndices{.shift = 3, .prod = 0, .cons = 0}.has_space(9));
  CHECK(QueueIndices{.shift = 3, .prod = 6, .cons = 2}.has_space(4));
  CHECK_FALSE(QueueIndices{.shift = 3, .prod = 6, .cons = 2}.has_space(5));
  CHECK(QueueIndices{.shift = 3, .prod = 9, .cons = 3}.has_space(2));
  CHECK_FALSE(QueueIndices{.shift = 3, .prod = 9, .cons = 3}.has_space(3));
  CHECK(QueueIndices{.shift = 3, .prod = 1, .cons = 11}.has_space(2));
  CHECK_FALSE(QueueIndices{.shift = 3, .prod = 1, .cons = 11}.has_space(3));
}

TEST_CASE("a queue's indices: an entry is consumed when CONS has passed it") {
  QueueIndices indices{.shift = 3};
  const auto consumed = [&](std::uint32_t cons, std::uint32_t at) {
    indices.cons = cons;
    return indices.consumed(at);
  };
  CHECK_FALSE(consumed(2, 2));
  CHECK(consumed(3, 2));
  CHECK(consumed(8, 7));
  CHECK_FALSE(consumed(7, 7));
  CHECK(consumed(9, 7));
  CHECK_FALSE(consumed(15, 0));  // a lap later it is another entry's
  CHECK(consumed(0, 15));
}

TEST_CASE("a queue's indices advance over the end and keep the overflow flag") {
  const QueueIndices indices{.shift = 3};
  CHECK(indices.advanced(6, 1) == 7);
  CHECK(indices.advanced(7, 1) == 8);
  CHECK(indices.advanced(15, 1) == 0);
  CHECK(indices.advanced(15, 3) == 2);
  CHECK(indices.advanced(0x8000'000f, 1) == 0x8000'0000);
  CHECK(QueueIndices::overflow(0x8000'000f) == 0x8000'0000);
  CHECK(QueueIndices::overflow(0x7fff'ffff) == 0);
}

TEST_CASE("a queue takes as much contiguous memory as there is, and says so") {
  Smmuv3Host host;
  const ArmSmmuV3Io io{.bus = &host.machine, .log = &host.log, .name = "9050000.iommu"};
  const std::uint64_t some = GENERATE(as<std::uint64_t>{}, 4, 1);
  const kernel::PhysRange memory{Smmuv3Machine::memory_base, some * 0x1000};
  kernel::PageAllocator pages(host.machine, std::span(&memory, 1), 0.0, 1);
  ArmSmmuV3Queue queue;
  REQUIRE(queue.init(io, pages, 12, {.prod = 0x98, .cons = 0x9c, .entry_bytes = 16, .name = "cmdq"}));
  CHECK(host.said() == std::vector<std::string>{some == 4 ? "allocated 1024 entries for cmdq"
                                                          : "allocated 256 entries for cmdq"});
  CHECK(queue.base_register() == (0x4000'0000'8000'0000 | (some == 4 ? 10 : 8)));
  CHECK(queue.entry(1) == 0x8000'0010);
}

TEST_CASE("a queue without memory is no queue") {
  Smmuv3Host host;
  const ArmSmmuV3Io io{.bus = &host.machine, .log = &host.log, .name = "9050000.iommu"};
  const kernel::PhysRange memory{Smmuv3Machine::memory_base, 0x1000};
  kernel::PageAllocator pages(host.machine, std::span(&memory, 1), 0.0, 1);
  REQUIRE(pages.allocate(0));
  ArmSmmuV3Queue queue;
  const kernel::Status status = queue.init(io, pages, 9, {.entry_bytes = 32, .name = "evtq"});
  REQUIRE_FALSE(status);
  CHECK(status.error() == kernel::Errno::ENOMEM_);
  CHECK(host.said() == std::vector<std::string>{"failed to allocate queue (0x800 bytes) for evtq"});
}

TEST_CASE("entries are taken in order, CONS follows each, and an overflow is acknowledged at the end") {
  Smmuv3Host host;
  host.machine.register_file = true;
  const ArmSmmuV3Io io{
      .bus = &host.machine, .log = &host.log, .name = "9050000.iommu", .base = Smmuv3Machine::smmu_base};
  ArmSmmuV3Queue queue;
  REQUIRE(
      queue.init(io, host.pages, 7, {.prod = 0x100a8, .cons = 0x100ac, .entry_bytes = 32, .name = "evtq"}));
  std::array<std::uint64_t, 4> words{};
  CHECK_FALSE(queue.remove(words));
  host.machine.set_word(queue.entry(0) + 24, 0x44);
  host.machine.set_word(queue.entry(1), 0x55);
  host.machine.forced_reads[0x100a8] = 2;
  CHECK_FALSE(queue.overflowed());
  CHECK(queue.remove(words));
  CHECK(words == std::array<std::uint64_t, 4>{0, 0, 0, 0x44});
  CHECK(queue.remove(words));
  CHECK(words[0] == 0x55);
  CHECK_FALSE(queue.remove(words));
  queue.acknowledge_overflow();
  host.machine.forced_reads[0x100a8] = 0x8000'0002;
  CHECK(queue.overflowed());
  CHECK_FALSE(queue.overflowed());  // once
  queue.acknowledge_overflow();
  CHECK(host.machine.trace == std::vector<std::string>{"R 4 100a8 2", "W 4 100ac 1", "W 4 100ac 2",
                                                       "R 4 100a8 80000002", "R 4 100a8 80000002",
                                                       "W 4 100ac 80000002"});
}

}  // namespace sidewinder::test
