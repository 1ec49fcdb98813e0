// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/resource.h"

#include <catch2/catch.hpp>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {

using tlm_shell::Lane;
using tlm_shell::SlotPool;

TEST_CASE("tlm resources: a lane serves as many at once as it has servers, the others in their turn") {
  Lane one(1), two(2), any(0);
  CHECK(one.use(ns(10), ns(4)) == ns(14));
  CHECK(one.use(ns(10), ns(4)) == ns(18));
  CHECK(one.use(ns(12), ns(4)) == ns(22));
  CHECK(one.statistics().uses == 3);
  CHECK(one.statistics().waited == 2);
  CHECK(one.statistics().queueing == ns(4 + 6));
  CHECK(one.statistics().busy == ns(12));
  CHECK(two.use(ns(10), ns(4)) == ns(14));
  CHECK(two.use(ns(10), ns(4)) == ns(14));
  CHECK(two.use(ns(10), ns(4)) == ns(18));
  for (int use = 0; use < 3; ++use) CHECK(any.use(ns(10), ns(4)) == ns(14));
  CHECK(any.statistics().waited == 0);
  CHECK(any.statistics().busy == ns(12));
}

TEST_CASE("tlm resources: what comes earlier is served before what was booked for later, where it fits") {
  Lane lane(1);
  CHECK(lane.use(ns(100), ns(10)) == ns(110));
  CHECK(lane.use(ns(0), ns(10)) == ns(10));
  CHECK(lane.use(ns(85), ns(10)) == ns(95));
  CHECK(lane.use(ns(92), ns(10)) == ns(120));  // 5 ns are free before, and that is too little
  CHECK(lane.use(ns(92), ns(5)) == ns(100));
  CHECK(lane.use(ns(92), ns(0)) == ns(92));
}

TEST_CASE("tlm resources: slots are held until they are released, and given in order") {
  SlotPool pool(2), any(0);
  CHECK(pool.acquire(ns(0)) == ns(0));
  pool.release(ns(100));
  CHECK(pool.acquire(ns(10)) == ns(10));
  pool.release(ns(50));
  CHECK(pool.acquire(ns(20)) == ns(50));
  pool.release(ns(70));
  CHECK(pool.acquire(ns(20), 2) == ns(100));  // both
  pool.release(ns(110));
  CHECK(pool.acquire(ns(20), 5) == ns(110));  // as many as there are
  pool.release(ns(120));
  CHECK(pool.statistics().waited == 3);
  CHECK(pool.statistics().queueing == ns(30 + 80 + 90));
  CHECK(pool.statistics().busy == ns(100 + 40 + 20 + 2 * 10 + 2 * 10));
  CHECK(any.acquire(ns(5)) == ns(5));
  any.release(ns(9));
  CHECK(any.acquire(ns(5)) == ns(5));
  any.release(ns(6));
  CHECK(any.statistics().busy == ns(5));
}

}  // namespace sidewinder::test
