// SPDX-License-Identifier: Apache-2.0
//
// The numbers of tests/unit/linux/video_sessions_test.cpp from the kernel's own allocator: every allocation
// that leads to them has the same address there.

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "kernel_iova.h"
#include "tests/support/video_sessions.h"

namespace {

using namespace sidewinder::test;

constexpr unsigned shift = 12;
constexpr std::uint64_t MiB = 0x10'0000;

bool good = true;

void expect(const char* what, std::uint64_t value, std::uint64_t expected) {
  if (value == expected) return;
  good = false;
  std::printf("%s: %#" PRIx64 ", expected %#" PRIx64 "\n", what, value, expected);
}

/// Domains do not see each other, so that each can be repeated by itself.
void repeat_in_kernel(const VideoDomain& domain) {
  kernel_create(1UL << shift, 1, 1);
  if (domain.reserved) expect("reserve", kernel_reserve_iova(0, video_floor - 1), 1);
  for (const VideoAllocation& allocation : domain.allocations)
    expect("pfn", kernel_alloc_iova_fast(allocation.pages, video_limit, true), allocation.pfn);
  kernel_release();
}

template <typename Figures>
void run(const char* name, const Figures& figures) {
  for (const VideoFigure& figure : figures) {
    const VideoOutcome outcome = VideoSessions(figure.load).run();
    expect("first session below the floor", outcome.first_low, figure.first_low);
    expect("session that fails", outcome.failed, figure.failed);
    std::size_t allocations = 0;
    for (const VideoDomain& domain : outcome.domains) {
      repeat_in_kernel(domain);
      allocations += domain.allocations.size();
    }
    std::printf("%s, %" PRIu32 "x%" PRIu32 ", %s, %s: below at %u, fails at %u, %zu allocations\n", name,
                figure.load.width, figure.load.height,
                figure.load.domains == StreamDomains::Shared ? "one domain" : "a domain per stream",
                figure.load.reserve ? "reserved" : "unreserved", outcome.first_low, outcome.failed,
                allocations);
  }
}

void run_windows() {
  for (const WindowFigure& window : window_figures) {
    kernel_create(1UL << shift, 1, 1);
    expect("reserve", kernel_reserve_iova(0, (window.lo * MiB >> shift) - 1), 1);
    std::uint64_t fits = 0;
    while (kernel_alloc_iova_fast(window.buffer * MiB >> shift, (window.hi * MiB >> shift) - 1, true) != 0)
      ++fits;
    expect("buffers in a window", fits, window.fits);
    kernel_release();
  }
}

void run_top_of_window() {
  kernel_create(1UL << shift, 1, 1);
  expect("64 MiB in an empty domain", kernel_alloc_iova_fast(64 * MiB >> shift, video_limit, true), 0xdc000);
  kernel_release();
  kernel_create(1UL << shift, 1, 1);
  expect("4 KiB", kernel_alloc_iova_fast(1, video_limit, true), 0xdffff);
  expect("64 MiB below it", kernel_alloc_iova_fast(64 * MiB >> shift, video_limit, true), 0xd8000);
  kernel_release();
}

}  // namespace

int main() {
  run("internal buffers first", internal_first_figures);
  run("the driver's order", driver_order_figures);
  run_windows();
  run_top_of_window();
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
