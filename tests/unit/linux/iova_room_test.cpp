// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_room.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace sidewinder::kernel;

namespace {

constexpr std::uint64_t highest = ~std::uint64_t{0};

/// The smallest power of two that is at least `size`.
std::uint64_t alignment_of(std::uint64_t size) {
  std::uint64_t power = 1;
  while (power < size) power *= 2;
  return power;
}

bool fits(std::uint64_t size, std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t at = 0; at + size <= end; at += alignment_of(size)) {
    if (at >= begin) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the room of a gap is the largest size that fits it aligned, and all smaller sizes fit") {
  for (std::uint64_t begin = 0; begin < 70; ++begin) {
    for (std::uint64_t end = begin; end < 140; ++end) {
      const std::uint64_t room = aligned_room(begin, end);
      for (std::uint64_t size = 1; size <= end - begin + 1; ++size) {
        INFO(begin << ".." << end << ": " << size);
        REQUIRE(fits(size, begin, end) == (size <= room));
      }
    }
  }
}

TEST_CASE("where the next aligned address would be 2^64, there is none") {
  constexpr std::uint64_t half = std::uint64_t{1} << 63;
  CHECK(aligned_room(highest - 7, highest) == 7);      // from ...f8 to ...fe
  CHECK(aligned_room(highest - 6, highest) == 3);      // from ...fc to ...fe
  CHECK(aligned_room(highest - 8, highest - 3) == 4);  // from ...f8 to ...fb
  CHECK(aligned_room(half + 1, highest) == half / 2 - 1);
  CHECK(aligned_room(half, highest) == half - 1);
  CHECK(aligned_room(5, half + 5) == half / 2);
  CHECK(aligned_room(half / 2 + 3, half + half / 2 + 3) == half / 2 + 3);
  CHECK(aligned_room(0, half) == half);
}

TEST_CASE("sizes above 2^63 are not aligned") {
  constexpr std::uint64_t half = std::uint64_t{1} << 63;
  CHECK(iova_align_shift(half) == 63);
  CHECK(iova_align_shift(half + 1) == 0);
  CHECK(aligned_room(5, half + 6) == half + 1);
  CHECK(aligned_room(1, highest) == highest - 1);
}

TEST_CASE("alignment is the size rounded up to a power of two") {
  CHECK(iova_align_shift(0) == 0);
  CHECK(iova_align_shift(1) == 0);
  CHECK(iova_align_shift(2) == 1);
  CHECK(iova_align_shift(3) == 2);
  CHECK(iova_align_shift(4) == 2);
  CHECK(iova_align_shift(33) == 6);
}

TEST_CASE("rough sizes keep the order of sizes") {
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t size = 0; size < 10'000; ++size) sizes.push_back(size);
  for (unsigned bit = 14; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t size : {power - 1, power, power + 1, power + power / 2}) sizes.push_back(size);
  }
  sizes.push_back(highest);
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    REQUIRE(rough_size(sizes[i - 1]) <= rough_size(sizes[i]));
  }
}

TEST_CASE("a size of up to 11 significant bits is told from every other") {
  for (std::uint64_t bits = 1; bits < 2048; ++bits) {
    for (unsigned shift = 0; shift + 11 <= 64; ++shift) {
      const std::uint64_t size = bits << shift;
      REQUIRE(rough_size(size - 1) < rough_size(size));
    }
  }
  CHECK(rough_size(2049) == rough_size(2048));  // 12 bits
  CHECK(rough_size(2049) < rough_size(2050));
}
