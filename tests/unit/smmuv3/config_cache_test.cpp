// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/config_cache.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

namespace sidewinder::smmuv3 {
namespace {

constexpr auto non_secure = SecurityState::NonSecure;
constexpr auto secure = SecurityState::Secure;

struct Kept {
  ConfigKey key;
  bool has_cd;
};

// Streams 0x10 and 0x11 and their neighbours, with and without SubstreamIDs; 0x12 has no stage 1.
const std::vector<Kept>& kept() {
  static const std::vector<Kept> all{
      {{.stream_id = 0x10}, true},                                                      // 0
      {{.stream_id = 0x10, .substream_id = 0, .ssv = true}, true},                      // 1
      {{.stream_id = 0x10, .substream_id = 1, .ssv = true}, true},                      // 2
      {{.stream_id = 0x10, .substream_id = 0xf'ffff, .ssv = true}, true},               // 3
      {{.stream_id = 0x11}, true},                                                      // 4
      {{.stream_id = 0x11, .substream_id = 1, .ssv = true}, true},                      // 5
      {{.stream_id = 0x12}, false},                                                     // 6
      {{.stream_id = 0x10, .security = secure}, true},                                  // 7
      {{.stream_id = 0x10, .substream_id = 1, .security = secure, .ssv = true}, true},  // 8
      {{.stream_id = 0}, true},                                                         // 9
      {{.stream_id = 0xffff'ffff}, true},                                               // 10
      {{.stream_id = 0x20}, true},                                                      // 11
      {{.stream_id = 0x0f}, true}};                                                     // 12
  return all;
}

using Numbers = std::set<std::size_t>;

Numbers gone(const ConfigInvalidation& what) {
  ConfigCache<std::size_t> cache({64, 64});
  for (std::size_t i = 0; i < kept().size(); ++i) cache.insert(kept()[i].key, i, kept()[i].has_cd);
  cache.invalidate(what);
  Numbers removed;
  for (std::size_t i = 0; i < kept().size(); ++i) {
    const std::size_t* found = cache.lookup(kept()[i].key);
    if (found == nullptr) {
      removed.insert(i);
    } else {
      CHECK(*found == i);
    }
  }
  CHECK(cache.occupancy() == kept().size() - removed.size());
  CHECK(cache.statistics().invalidated == removed.size());
  return removed;
}

}  // namespace

TEST_CASE("configuration is found by security state, StreamID, SubstreamID and whether there is one") {
  CHECK(gone({.security = non_secure, .first = 0x13, .last = 0x13}).empty());  // all are found
  ConfigCache<int> cache({64, 4});
  cache.insert({.stream_id = 5, .substream_id = 1, .ssv = true}, 1, true);
  CHECK(cache.lookup({.stream_id = 5, .substream_id = 1, .ssv = true}) != nullptr);
  CHECK(cache.lookup({.stream_id = 5, .substream_id = 2, .ssv = true}) == nullptr);
  CHECK(cache.lookup({.stream_id = 5}) == nullptr);
  CHECK(cache.lookup({.stream_id = 0x105, .substream_id = 1, .ssv = true}) == nullptr);
  CHECK(cache.lookup({.stream_id = 5, .substream_id = 1, .security = secure, .ssv = true}) == nullptr);
  CHECK(cache.lookup({.stream_id = 5, .substream_id = 1}) == nullptr);
}

TEST_CASE("IHI 0070 §4.3.1: CFGI_STE removes the stream's STE and all CDs found through it") {
  CHECK(gone(cfgi_ste(non_secure, 0x10)) == Numbers{0, 1, 2, 3});
  CHECK(gone(cfgi_ste(non_secure, 0x12)) == Numbers{6});
  CHECK(gone(cfgi_ste(secure, 0x10)) == Numbers{7, 8});
  CHECK(gone(cfgi_ste(non_secure, 0x110)).empty());
  CHECK(gone(cfgi_ste(non_secure, 0)) == Numbers{9});
}

TEST_CASE("IHI 0070 §4.3.2: CFGI_STE_RANGE removes an aligned range of streams") {
  CHECK(gone(cfgi_ste_range(non_secure, 0x10, 0)) == Numbers{0, 1, 2, 3, 4, 5});
  CHECK(gone(cfgi_ste_range(non_secure, 0x11, 0)) == Numbers{0, 1, 2, 3, 4, 5});
  CHECK(gone(cfgi_ste_range(non_secure, 0x13, 1)) == Numbers{0, 1, 2, 3, 4, 5, 6});
  CHECK(gone(cfgi_ste_range(non_secure, 0x0f, 3)) == Numbers{9, 12});
  CHECK(gone(cfgi_ste_range(non_secure, 0x1f, 4)) == Numbers{0, 1, 2, 3, 4, 5, 6, 9, 12});
  CHECK(gone(cfgi_ste_range(secure, 0x1f, 4)) == Numbers{7, 8});
  CHECK(gone(cfgi_ste_range(non_secure, 0x8000'0000, 30)) == Numbers{10});
}

TEST_CASE("IHI 0070 §4.3.3: CFGI_CD removes one CD, by its index in the table") {
  CHECK(gone(cfgi_cd(non_secure, 0x10, 1)) == Numbers{2});
  CHECK(gone(cfgi_cd(non_secure, 0x10, 0xf'ffff)) == Numbers{3});
  CHECK(gone(cfgi_cd(non_secure, 0x10, 0)) == Numbers{0, 1});  // also as that of what has no SubstreamID
  CHECK(gone(cfgi_cd(non_secure, 0x11, 0)) == Numbers{4});
  CHECK(gone(cfgi_cd(non_secure, 0x11, 2)).empty());
  CHECK(gone(cfgi_cd(secure, 0x10, 1)) == Numbers{8});
  CHECK(gone(cfgi_cd(non_secure, 0x12, 0)).empty());  // no CD was read
}

TEST_CASE("IHI 0070 §4.3.4: CFGI_CD_ALL removes all CDs of a stream") {
  CHECK(gone(cfgi_cd_all(non_secure, 0x10)) == Numbers{0, 1, 2, 3});
  CHECK(gone(cfgi_cd_all(secure, 0x10)) == Numbers{7, 8});
  CHECK(gone(cfgi_cd_all(non_secure, 0x12)).empty());
}

TEST_CASE("IHI 0070 §4.3.6: CFGI_ALL removes everything of its security state") {
  const Numbers all{0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12};
  CHECK(gone(cfgi_all(non_secure)) == all);
  CHECK(gone(cfgi_ste_range(non_secure, 0x1234, 31)) == all);
  CHECK(gone(cfgi_all(secure)) == Numbers{7, 8});
}

TEST_CASE("configuration that is read again replaces what was kept, and the counters say so") {
  ConfigCache<int> cache({4, 4});
  const ConfigKey key{.stream_id = 5};
  CHECK(cache.lookup(key) == nullptr);
  cache.insert(key, 1, true);
  cache.insert(key, 2, false);
  REQUIRE(cache.lookup(key) != nullptr);
  CHECK(*cache.lookup(key) == 2);
  CHECK(cache.occupancy() == 1);
  cache.invalidate(cfgi_cd_all(non_secure, 5));
  CHECK(cache.occupancy() == 1);  // what is kept now has no CD
  for (std::uint32_t stream = 6; stream < 10; ++stream) cache.insert({.stream_id = stream}, 3, true);
  CHECK(cache.lookup(key) == nullptr);
  cache.invalidate(cfgi_all(non_secure));
  CHECK(cache.statistics().lookups == 4);
  CHECK(cache.statistics().hits == 2);
  CHECK(cache.statistics().insertions == 6);
  CHECK(cache.statistics().evictions == 2);
  CHECK(cache.statistics().invalidated == 4);
}

TEST_CASE("the substreams of one stream do not fight for one set") {
  ConfigCache<std::uint32_t> cache({64, 4});
  for (std::uint32_t id = 0; id < 64; ++id)
    cache.insert({.stream_id = 0x100, .substream_id = id, .ssv = true}, id, true);
  CHECK(cache.occupancy() == 64);
}

TEST_CASE("streams that each use the substream of their own number do not fight for one set") {
  ConfigCache<std::uint32_t> cache({64, 4});
  for (std::uint32_t id = 0; id < 32; ++id)
    cache.insert({.stream_id = id, .substream_id = id, .ssv = true}, id, true);
  CHECK(cache.occupancy() == 32);
}

TEST_CASE("without entries there is no configuration cache") {
  ConfigCache<int> none({0, 0});
  none.insert({}, 1, true);
  CHECK(none.lookup({}) == nullptr);
  none.invalidate(cfgi_all(non_secure));
  none.invalidate(cfgi_ste(non_secure, 0));
  CHECK(none.occupancy() == 0);
}

TEST_CASE("any sequence of insertions and invalidations does what a plain list would do") {
  std::mt19937_64 random(11);
  const auto below = [&](std::uint64_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  ConfigCache<int> cache({1024, 1024});
  struct Entry {
    ConfigKey key;
    bool has_cd;
    int payload;
  };
  std::vector<Entry> model;
  const auto remove = [&](auto matches) {
    std::vector<Entry> left;
    for (const Entry& each : model)
      if (!matches(each)) left.push_back(each);
    model = left;
  };
  for (int step = 0; step < 20'000; ++step) {
    const ConfigKey key{.stream_id = below(24) * (below(8) == 0 ? 0x1000'0000U : 1U),
                        .substream_id = below(4),
                        .security = below(4) == 0 ? secure : non_secure,
                        .ssv = below(2) == 0};
    const std::uint32_t stream = key.stream_id;
    switch (below(12)) {
      case 0: {
        cache.invalidate(cfgi_ste(key.security, stream));
        remove([&](const Entry& each) {
          return each.key.security == key.security && each.key.stream_id == stream;
        });
        break;
      }
      case 1: {
        const unsigned range = below(32);
        cache.invalidate(cfgi_ste_range(key.security, stream, range));
        remove([&](const Entry& each) {
          return each.key.security == key.security &&
                 (std::uint64_t{each.key.stream_id} >> (range + 1)) == (std::uint64_t{stream} >> (range + 1));
        });
        break;
      }
      case 2: {
        cache.invalidate(cfgi_cd(key.security, stream, key.substream_id));
        remove([&](const Entry& each) {
          return each.key.security == key.security && each.key.stream_id == stream && each.has_cd &&
                 each.key.substream_id == key.substream_id;
        });
        break;
      }
      case 3: {
        cache.invalidate(cfgi_cd_all(key.security, stream));
        remove([&](const Entry& each) {
          return each.key.security == key.security && each.key.stream_id == stream && each.has_cd;
        });
        break;
      }
      default: {
        const bool has_cd = below(3) != 0;
        cache.insert(key, step, has_cd);
        remove([&](const Entry& each) { return each.key == key; });
        model.push_back({key, has_cd, step});
      }
    }
    REQUIRE(cache.occupancy() == model.size());
    const ConfigKey* asked = model.empty() ? nullptr : &model[below(model.size())].key;
    for (const Entry& each : model) {
      if (asked == nullptr || !(each.key == *asked)) continue;
      REQUIRE(cache.lookup(each.key) != nullptr);
      REQUIRE(*cache.lookup(each.key) == each.payload);
    }
  }
}

}  // namespace sidewinder::smmuv3
