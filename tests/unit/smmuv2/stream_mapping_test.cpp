// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv2/stream_mapping.h"

#include <catch2/catch.hpp>

namespace sidewinder::smmuv2 {

using Match = StreamMapping::Match;

TEST_CASE("a search finds none, one with its S2CR, or several") {
  StreamMapping map(4);
  CHECK(map.find(0).match == Match::None);  // groups are invalid at first, whatever their ID
  map.write_smr(1, 0x8000'1940);
  map.write_s2cr(1, 5);
  map.write_smr(3, 0x8003'1940);  // 0x1940-0x1943
  map.write_s2cr(3, 6);
  CHECK(map.find(0x1941).match == Match::One);
  CHECK(map.find(0x1941).s2cr.raw == 6);
  CHECK(map.find(0x1940).match == Match::Several);
  CHECK(map.find(0x1944).match == Match::None);
}

TEST_CASE("every write is seen by the next search, also for a StreamID that was searched before") {
  StreamMapping map(2);
  map.write_smr(0, 0x8000'0007);
  map.write_s2cr(0, 1);
  CHECK(map.find(7).s2cr.raw == 1);
  map.write_s2cr(0, 2);
  CHECK(map.find(7).s2cr.raw == 2);
  map.write_smr(1, 0x8000'0007);
  CHECK(map.find(7).match == Match::Several);
  map.write_smr(0, 7);
  map.write_s2cr(1, 3);
  CHECK(map.find(7).s2cr.raw == 3);
  map.write_smr(1, 0);
  CHECK(map.find(7).match == Match::None);
}

TEST_CASE("StreamIDs that differ by a multiple of 64 are not confused") {
  StreamMapping map(2);
  map.write_smr(0, 0x8000'0007);
  map.write_smr(1, 0x8000'0047);
  map.write_s2cr(1, 1);
  for (unsigned times = 0; times < 2; ++times) {
    CHECK(map.find(7).s2cr.raw == 0);
    CHECK(map.find(0x47).s2cr.raw == 1);
    CHECK(map.find(0x87).match == Match::None);
  }
}

TEST_CASE("registers of groups that are not there are RAZ/WI") {
  StreamMapping map(2);
  map.write_smr(2, 0xffff'ffff);
  map.write_s2cr(2, 0xffff'ffff);
  CHECK(map.read_smr(2) == 0);
  CHECK(map.read_s2cr(2) == 0);
  CHECK(map.find(0).match == Match::None);
  map.write_smr(1, 0xffff'ffff);
  map.write_s2cr(1, 0xffff'ffff);
  CHECK(map.read_smr(1) == 0xffff'7fff);
  CHECK(map.read_s2cr(1) == 0x0f03'00ff);
}

}  // namespace sidewinder::smmuv2
