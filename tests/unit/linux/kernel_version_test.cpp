// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/kernel_version.h"

#include <catch2/catch.hpp>

using namespace sidewinder::kernel;

TEST_CASE("versions are ordered by number, not by digits") {
  CHECK(KernelVersion{6, 9} < KernelVersion{6, 10});
  CHECK(KernelVersion{6, 19} < KernelVersion{7, 0});
  CHECK(KernelVersion{5, 15} < KernelVersion{6, 1});
  CHECK(KernelVersion{6, 1} == KernelVersion{});
  CHECK(KernelVersion{6, 19} < since::iommu_map_cells);
  CHECK(KernelVersion{6, 19} >= since::two_step_dma);
}

TEST_CASE("a version is two numbers") {
  CHECK(parse_kernel_version("6.1") == KernelVersion{6, 1});
  CHECK(parse_kernel_version("6.19") == KernelVersion{6, 19});
  CHECK(parse_kernel_version("7.0") == KernelVersion{7, 0});
  for (const char* text : {"", "6", "6.", ".1", "6.1.2", "6.1-rc3", "v6.1", " 6.1", "6.1 ", "6.-1", "-6.1",
                           "6,1", "6.99999999999"})
    CHECK_FALSE(parse_kernel_version(text));
}

TEST_CASE("a version is written as it is read") {
  CHECK(to_string(KernelVersion{6, 10}) == "6.10");
  CHECK(parse_kernel_version(to_string(KernelVersion{6, 10})) == KernelVersion{6, 10});
}
