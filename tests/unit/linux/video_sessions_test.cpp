// SPDX-License-Identifier: Apache-2.0
//
// How many video sessions find addresses, and where those lie: the numbers behind the choice among one
// domain, one reservation for all, and a domain per stream. The kernel's own allocator gives the same ones
// (tests/differential/iova/video_sessions.cpp).

#include "tests/support/video_sessions.h"

#include <catch2/catch.hpp>

using namespace sidewinder::kernel;
using namespace sidewinder::test;

namespace {

template <typename Figures>
void check(const Figures& figures) {
  for (const VideoFigure& figure : figures) {
    INFO(figure.load.width << (figure.load.domains == StreamDomains::Shared ? " shared" : " per stream")
                           << (figure.load.reserve ? " reserved" : ""));
    const VideoOutcome outcome = VideoSessions(figure.load).run();
    CHECK(outcome.first_low == figure.first_low);
    CHECK(outcome.failed == figure.failed);
  }
}

constexpr std::uint64_t MiB = 0x10'0000;

}  // namespace

TEST_CASE(
    "internal buffers first: one domain goes below 600 MB, a reservation never, a domain per stream lasts") {
  check(internal_first_figures);
}

TEST_CASE("in the driver's order, 1080p and 4K end up to a session earlier") {
  check(driver_order_figures);
}

TEST_CASE(
    "the driver's own buffers alone cost a session of 1080p in one domain, its order alone one of 4K too") {
  check(std::array<VideoFigure, 2>{{
      {{1920, 1080, StreamDomains::Shared, false, BufferOrder::InternalFirst, true}, 16, 19},
      {{3840, 2160, StreamDomains::Shared, false, BufferOrder::InternalFirst, true}, 5, 6},
  }});
  check(std::array<VideoFigure, 2>{{
      {{1920, 1080, StreamDomains::Shared, false, BufferOrder::Driver, false}, 16, 19},
      {{3840, 2160, StreamDomains::Shared, false, BufferOrder::Driver, false}, 5, 5},
  }});
}

TEST_CASE("with a stream of its own for the bitstream, twice as many sessions of 720p fit") {
  check(std::array<VideoFigure, 3>{{
      {{1280, 720, StreamDomains::PerStream, true, BufferOrder::InternalFirst, false, true}, 0, 94},
      {{1920, 1080, StreamDomains::PerStream, true, BufferOrder::InternalFirst, false, true}, 0, 24},
      {{3840, 2160, StreamDomains::PerStream, true, BufferOrder::InternalFirst, false, true}, 0, 12},
  }});
}

TEST_CASE("a session has four input, nine output and nine DPB buffers, and one of each internal kind") {
  const VideoOutcome outcome = VideoSessions({1920, 1080}).run();
  constexpr std::size_t buffers = 4 + 9 + 9 + 5;
  REQUIRE(outcome.domains.size() == 1);
  const auto& allocations = outcome.domains[0].allocations;
  CHECK(allocations.size() > 19 * buffers);
  CHECK(allocations.size() <= 20 * buffers);
  std::uint64_t bytes = 0;
  for (std::size_t index = 0; index < buffers; ++index) bytes += allocations[index].pages * 0x1000;
  CHECK(bytes / MiB == 131);
}

TEST_CASE("a window takes half of what it has room for, where sizes are just above a power of two") {
  for (const WindowFigure& window : window_figures) {
    INFO(window.lo << " to " << window.hi << " MiB, by " << window.buffer);
    CHECK((window.hi - window.lo) / window.buffer == window.end_to_end);
    IovaDomain domain({});
    REQUIRE(domain.reserve_iova(0, (window.lo * MiB >> domain.shift()) - 1));
    std::uint64_t fits = 0;
    while (domain.alloc_iova_fast(window.buffer * MiB >> domain.shift(),
                                  (window.hi * MiB >> domain.shift()) - 1, true)) {
      ++fits;
    }
    CHECK(fits == window.fits);
  }
}

TEST_CASE("64 MiB lie 64 MiB lower once a page lives at the top") {
  IovaDomain empty({});
  CHECK(empty.to_iova(empty.alloc_iova_fast(64 * MiB >> 12, video_limit, true).value()) == 0xdc00'0000);
  IovaDomain domain({});
  CHECK(domain.to_iova(domain.alloc_iova_fast(1, video_limit, true).value()) == 0xdfff'f000);
  CHECK(domain.to_iova(domain.alloc_iova_fast(64 * MiB >> 12, video_limit, true).value()) == 0xd800'0000);
}
