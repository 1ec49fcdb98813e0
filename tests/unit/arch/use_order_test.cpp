// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/use_order.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace sidewinder::arch {

TEST_CASE("free entries come first, then the least recently used, in each set by itself") {
  UseOrder order(8, 4);
  std::vector<std::uint32_t> given;
  for (unsigned entry = 0; entry < 4; ++entry) given.push_back(order.use_least_recent(1));
  CHECK(std::is_permutation(given.begin(), given.end(), std::vector<std::uint32_t>{4, 5, 6, 7}.begin()));
  CHECK(order.least_recent(1) == given[0]);
  order.use(given[0]);
  order.use(given[1]);
  CHECK(order.least_recent(1) == given[2]);
  order.release(given[1]);
  CHECK(order.least_recent(1) == given[1]);
  CHECK(order.least_recent(0) < 4);
}

TEST_CASE("any order of uses and releases gives what a search for the smallest number would") {
  for (const std::uint32_t ways : {1U, 2U, 5U, 32U}) {
    std::mt19937 random(ways);
    UseOrder order(ways, ways);
    std::vector<unsigned> last(ways);  // 0: free
    for (unsigned step = 1; step < 20'000; ++step) {
      const auto index = static_cast<std::uint32_t>(random() % ways);
      switch (random() % 8) {
        case 0:
          order.release(index);
          last[index] = 0;
          break;
        case 1:
        case 2:
          REQUIRE(last[order.least_recent(0)] == *std::min_element(last.begin(), last.end()));
          break;
        case 3:
          last[order.use_least_recent(0)] = step;
          break;
        default:
          order.use(index);
          last[index] = step;
      }
    }
  }
}

}  // namespace sidewinder::arch
