// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/context_table.h"

#include <catch2/catch.hpp>

#include "tests/support/structure_memory.h"

namespace sidewinder::smmuv3 {

TEST_CASE("the log has one access for an L1CD and one for a CD, as slow as its slowest word") {
  const auto ste = layout::smmuv3::Ste::of({0x5000'0000'0010'001b, 0, 0, 0, 0, 0, 0, 0});
  test::StructureMemory memory;
  memory.words[0x10'0008] = 0x20'0001;
  memory.latencies_ps = {{0x10'0008, 70'000}, {0x20'0040, 50'000}, {0x20'0058, 90'000}, {0x20'0078, 10'000}};
  arch::AccessLog log;
  REQUIRE(find_cd(ste, Config{}, SecurityState::NonSecure, 65, nullptr, memory, log).ok);
  const auto kept = log.kept();
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].address == 0x10'0008);
  CHECK(kept[0].level == 1);
  CHECK(kept[0].latency_ps == 70'000);
  CHECK(kept[1].address == 0x20'0040);
  CHECK(kept[1].level == 2);
  CHECK(kept[1].latency_ps == 90'000);
  for (const auto& access : kept) CHECK(access.purpose == arch::AccessPurpose::ContextTable);

  const auto one = layout::smmuv3::Ste::of({0x10'000b, 0, 0, 0, 0, 0, 0, 0});
  log.clear();
  REQUIRE(find_cd(one, Config{}, SecurityState::NonSecure, 0, nullptr, memory, log).ok);
  REQUIRE(log.kept().size() == 1);
  CHECK(log.kept()[0].level == 1);
}

}  // namespace sidewinder::smmuv3
