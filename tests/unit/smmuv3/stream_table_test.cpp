// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/stream_table.h"

#include <catch2/catch.hpp>

#include "tests/support/structure_memory.h"

namespace sidewinder::smmuv3 {

TEST_CASE("the log has one access for an L1STD and one for an STE, as slow as its slowest word") {
  StreamTable table;
  table.base.raw = 0x10'0000;
  table.format.raw = 0x1'0000 | 6 << 6 | 16;
  test::StructureMemory memory;
  memory.words[0x10'0008] = 0x20'0000 | 7;
  memory.latencies_ps = {{0x10'0008, 70'000}, {0x20'0040, 50'000}, {0x20'0058, 90'000}, {0x20'0078, 10'000}};
  arch::AccessLog log;
  REQUIRE(find_ste(table, Config{}, 65, memory, log).ok);
  const auto kept = log.kept();
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].address == 0x10'0008);
  CHECK(kept[0].level == 1);
  CHECK(kept[0].latency_ps == 70'000);
  CHECK(kept[1].address == 0x20'0040);
  CHECK(kept[1].level == 2);
  CHECK(kept[1].latency_ps == 90'000);
  for (const auto& access : kept) {
    CHECK(access.purpose == arch::AccessPurpose::StreamTable);
    CHECK_FALSE(access.write);
  }

  memory.aborts = {0x20'0040};
  log.clear();
  CHECK_FALSE(find_ste(table, Config{}, 65, memory, log).ok);
  CHECK(log.kept().size() == 2);

  table.format.raw = 8;
  log.clear();
  REQUIRE(find_ste(table, Config{}, 65, memory, log).ok);
  REQUIRE(log.kept().size() == 1);
  CHECK(log.kept()[0].level == 1);
}

}  // namespace sidewinder::smmuv3
