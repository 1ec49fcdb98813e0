// SPDX-License-Identifier: Apache-2.0
//
// Driver and VPU together: a session's life.

#include <catch2/catch.hpp>

#include "tests/unit/vpu/driver_bench.h"
#include "vpu/driver/driver.h"
#include "vpu/layout/registers.h"

namespace sidewinder::vpu {
namespace {

using kernel::Errno;
using test::Bench;
using test::Board;
using test::second;
using test::small_session;

std::size_t touched(std::uint64_t bytes) {
  return static_cast<std::size_t>((bytes + test::stride - 1) / test::stride);
}

}  // namespace

TEST_CASE("A session decodes its frames and touches its own buffers only, through their functions' streams") {
  Board board("board");
  Bench bench(board);
  const SessionSpec spec = small_session(5);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    const auto id = driver.start_session(spec);
    REQUIRE(id);
    CHECK(driver.wait_session(*id, second));
    CHECK(driver.result(*id).outcome == SessionOutcome::Completed);
    CHECK(driver.result(*id).state == SessionState::Idle);
    CHECK(driver.result(*id).frames_done == 5);
    CHECK(driver.result(*id).bytes >= decoder_bytes(spec.picture, spec.counts, 4));
    CHECK(driver.stop_session(*id));
    CHECK(driver.result(*id).state == SessionState::Stopped);
    CHECK(driver.stop_session(*id).error() == Errno::ENOENT_);
    CHECK(driver.stop_session(77).error() == Errno::ENOENT_);
    CHECK(bench.allocator.live == 2);
    driver.remove();
  });
  const test::Watcher& watcher = bench.watcher;
  CHECK(watcher.astray == 0);
  CHECK(watcher.states == std::vector<SessionState>{SessionState::Starting, SessionState::Running,
                                                    SessionState::Idle, SessionState::Stopping,
                                                    SessionState::Stopped});
  const std::size_t reference = touched(qc08c_size(spec.picture));
  CHECK(watcher.count(BufferType::Input, false) == 5 * touched(bitstream_size(spec.picture)));
  CHECK(watcher.count(BufferType::Bin, true) == 5 * touched(bin_size(spec.picture, 4)));
  CHECK(watcher.count(BufferType::Bin, false) == 5 * touched(bin_size(spec.picture, 4)));
  CHECK(watcher.count(BufferType::Dpb, true) == 5 * reference);
  CHECK(watcher.count(BufferType::Dpb, false) == (0 + 1 + 2 + 2 + 2) * reference);
  CHECK(watcher.count(BufferType::Output, true) == 5 * touched(nv12_size(spec.picture)));
  CHECK(watcher.count(BufferType::Output, false) == 0);

  std::size_t wrong = 0;
  for (const VpuAccess& access : watcher.accesses) {
    const Function function = function_of(access.type);
    const std::uint32_t own = function == Function::NonPixel    ? 0x1940
                              : function == Function::Pixel     ? 0x1943
                              : function == Function::Bitstream ? 0x1944
                                                                : 0x1947;
    if (access.stream_id != own || access.own_stream_id != own || !access.ok || access.bytes > 256) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(bench.vpu.counters().frames == 5);
  CHECK(bench.vpu.counters().failed_frames == 0);
  std::uint64_t counted = 0;
  for (const BlockCounters& block : bench.vpu.counters().blocks) {
    counted += block.reads + block.writes;
    CHECK(block.other_stream == 0);
    CHECK(block.aborted == 0);
    CHECK(block.errors == 0);
  }
  CHECK(counted == watcher.accesses.size());
  CHECK(counted == bench.target.seen.size());
  CHECK(bench.lines.empty());
}

TEST_CASE("Input and output buffers take turns") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    REQUIRE(driver.start_session(small_session(3)));
    CHECK(driver.wait_session(0, second));
  });
  std::vector<std::uint32_t> order;
  for (const VpuAccess& access : bench.watcher.accesses) {
    if (access.type != BufferType::Output) continue;
    if (order.empty() || order.back() != access.index) order.push_back(access.index);
  }
  CHECK(order == std::vector<std::uint32_t>{0, 1, 0});
}

TEST_CASE("Sessions of every codec run beside each other") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    for (const Codec codec : {Codec::H264, Codec::Hevc, Codec::Vp9}) {
      SessionSpec spec = small_session(4);
      spec.picture.codec = codec;
      spec.picture.width = 352;
      spec.picture.height = 288;
      CHECK(driver.start_session(spec));
    }
    for (hfi::SessionId id = 0; id < 3; ++id) {
      CHECK(driver.wait_session(id, second));
      CHECK(driver.result(id).frames_done == 4);
    }
    CHECK(driver.results().size() == 3);
    driver.remove();
  });
  CHECK(bench.watcher.astray == 0);
  CHECK(bench.allocator.live == 0);
}

TEST_CASE("A session of unlimited frames decodes until it is stopped, and ends with the frame in flight") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    const auto id = driver.start_session(small_session(0));
    REQUIRE(id);
    CHECK_FALSE(driver.wait_session(*id, 5'000'000));
    CHECK(driver.result(*id).state == SessionState::Running);
    const std::uint32_t so_far = driver.result(*id).frames_done;
    CHECK(so_far > 1);
    CHECK(driver.stop_session(*id));
    CHECK(driver.result(*id).frames_done == so_far + 1);
    CHECK(driver.result(*id).outcome == SessionOutcome::Completed);
    const std::size_t before = bench.target.seen.size();
    board.delay_ns(second);
    CHECK(bench.target.seen.size() == before);
  });
  CHECK(bench.watcher.astray == 0);
}

TEST_CASE("A failed access ends its session, with where and who, and no other") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    const auto bad = driver.start_session(small_session(0));
    REQUIRE(bad);
    std::uint64_t iova = 0;
    for (const test::Watcher::Mapped& buffer : bench.watcher.mapped) {
      if (buffer.use.type == BufferType::Dpb && buffer.use.index == 2) iova = buffer.iova + test::stride;
    }
    bench.target.refuse = [iova](const test::Transfer& transfer) { return transfer.address == iova; };
    const auto good = driver.start_session(small_session(6));
    REQUIRE(good);
    CHECK(driver.wait_session(*bad, second));
    CHECK(driver.wait_session(*good, second));
    const SessionResult result = driver.result(*bad);
    CHECK(result.outcome == SessionOutcome::DecodeError);
    CHECK(result.state == SessionState::Error);
    CHECK(result.frames_done == 2);
    REQUIRE(result.failed_access);
    CHECK(result.failed_access->frame == 2);
    CHECK(result.failed_access->block == 1);
    CHECK(result.failed_access->iova == iova);
    CHECK(driver.result(*good).outcome == SessionOutcome::Completed);
    CHECK_FALSE(driver.core_lost());
    CHECK(driver.stop_session(*bad));
    CHECK(driver.result(*bad).outcome == SessionOutcome::DecodeError);
    driver.remove();
  });
  CHECK(bench.lines_with("session 0: frame 2: DMA error at 0x") == 1);
  CHECK(bench.lines.size() == 1);
  CHECK(bench.vpu.counters().failed_frames == 1);
  CHECK(bench.vpu.counters().blocks[1].errors == 1);
  CHECK(bench.allocator.live == 0);
}

TEST_CASE("Of several failed accesses of a frame the first in time is reported") {
  Board board("board");
  Bench bench(board);
  bench.target.refuse = [](const test::Transfer& transfer) { return transfer.stream_id == 0x1944; };
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    REQUIRE(driver.start_session(small_session(1)));
    CHECK(driver.wait_session(0, second));
    REQUIRE(driver.result(0).failed_access);
    CHECK(driver.result(0).failed_access->iova == 0x2000'0000);
    CHECK(driver.result(0).failed_access->block == 2);
  });
  CHECK(bench.vpu.counters().blocks[2].errors == touched(bitstream_size({Codec::H264, 96, 96})));
}

TEMPLATE_TEST_CASE_SIG("A buffer outside its block's window is reached as another stream, or not at all", "",
                       ((bool owned), owned), true, false) {
  VpuConfig config = test::four_streams();
  config.streams[1].window.first = 0x9000'0000;  // the pixel device's buffers lie below
  if (owned) config.owners = {{{0x8000'0000, 0x8fff'ffff}, 0}};
  Board board("board");
  Bench bench(board, config);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    REQUIRE(driver.start_session(small_session(1)));
    CHECK(driver.wait_session(0, second));
    CHECK(driver.result(0).outcome == (owned ? SessionOutcome::Completed : SessionOutcome::DecodeError));
  });
  const BlockCounters& pixel = bench.vpu.counters().blocks[1];
  CHECK(pixel.writes > 0);
  CHECK(pixel.other_stream == (owned ? pixel.writes : 0));
  CHECK(pixel.aborted == (owned ? 0 : pixel.writes));
  for (const test::Transfer& transfer : bench.target.seen) {
    if (transfer.address >= 0x8000'0000) CHECK(transfer.stream_id == 0x1940);
    CHECK(transfer.stream_id != 0x1943);
  }
  for (const VpuAccess& access : bench.watcher.accesses) {
    if (access.block == 1)
      CHECK(access.stream_id == (owned ? std::optional<std::uint32_t>(0x1940) : std::nullopt));
  }
}

TEST_CASE("Without room for a buffer a session fails to start, names it, and leaves nothing behind") {
  Board board("board");
  Bench bench(board);
  const SessionSpec spec = small_session(1);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    const std::uint64_t room = 2 * nv12_size(spec.picture) + qc08c_size(spec.picture);
    bench.arena(bench.pixel).last = 0x8000'0000 + room - 1;
    CHECK(driver.start_session(spec).error() == Errno::ENOMEM_);
    const SessionResult result = driver.result(0);
    CHECK(result.outcome == SessionOutcome::FailedToStart);
    CHECK(result.state == SessionState::FailedToStart);
    REQUIRE(result.failed_allocation);
    CHECK(result.failed_allocation->use.type == BufferType::Dpb);
    CHECK(result.failed_allocation->use.index == 1);
    CHECK(result.failed_allocation->use.function == Function::Pixel);
    CHECK(result.failed_allocation->use.device == &bench.pixel);
    CHECK(result.failed_allocation->size == qc08c_size(spec.picture));
    CHECK(result.failed_allocation->error == Errno::ENOMEM_);
    CHECK(bench.allocator.live == 2);

    bench.arena(bench.pixel).last = 0xbfff'ffff;
    const auto next = driver.start_session(spec);
    REQUIRE(next);
    CHECK(*next == 1);
    CHECK(driver.wait_session(*next, second));
    CHECK(driver.result(*next).outcome == SessionOutcome::Completed);
  });
  CHECK(bench.watcher.failures.size() == 1);
  CHECK(bench.lines_with("no room for DPB 1 (28672 bytes, pixel): -ENOMEM") == 1);
}

TEST_CASE("What the hardware cannot decode is refused before anything is allocated") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    SessionSpec spec = small_session(1);
    spec.picture.width = 8193;
    CHECK(driver.start_session(spec).error() == Errno::EINVAL_);
    spec = small_session(1);
    spec.counts.dpb = 33;
    CHECK(driver.start_session(spec).error() == Errno::EINVAL_);
    CHECK(bench.allocator.live == 2);
    CHECK(driver.result(1).outcome == SessionOutcome::FailedToStart);
    CHECK_FALSE(driver.result(1).failed_allocation);
  });
}

TEST_CASE("No more sessions are open than the hardware has") {
  Board board("board");
  Bench bench(board);
  bench.platform.max_sessions = 2;
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    CHECK(driver.start_session(small_session(1)));
    CHECK(driver.start_session(small_session(1)));
    CHECK(driver.start_session(small_session(1)).error() == Errno::EBUSY_);
    CHECK(driver.stop_session(0));
    CHECK(driver.start_session(small_session(1)));
  });
}

TEST_CASE("A session that the firmware refuses fails to start") {
  Board board("board");
  Bench bench(board);
  bench.platform.max_sessions = 17;
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    for (int i = 0; i < 16; ++i) CHECK(driver.start_session(small_session(1)));
    CHECK(driver.start_session(small_session(1)).error() == Errno::EIO_);
    CHECK(driver.result(16).reason == "no such session");
    CHECK(driver.result(16).outcome == SessionOutcome::FailedToStart);
    CHECK(driver.stop_session(3));
    CHECK(driver.start_session(small_session(1)));
    driver.remove();
  });
  CHECK(bench.allocator.live == 0);
}

TEST_CASE("A buffer that the firmware refuses ends its session, whose place in the firmware is free again") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    for (hfi::SessionId id = 0; id <= hfi::max_sessions; ++id) {
      bench.allocator.claimed = 4096;
      REQUIRE(driver.start_session(small_session(1)));
      CHECK(driver.wait_session(id, second));
      CHECK(driver.result(id).outcome == SessionOutcome::DecodeError);
      CHECK(driver.result(id).reason == "bad buffer");
      CHECK(driver.stop_session(id));
    }
    bench.allocator.claimed = 0;
    CHECK(driver.start_session(small_session(1)));
  });
}

TEST_CASE("A core lost while a session starts leaves that session's buffers free") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    bench.target.refuse = [](const test::Transfer&) { return true; };
    CHECK(driver.start_session(small_session(1)).error() == Errno::EIO_);
    CHECK(driver.result(0).outcome == SessionOutcome::CoreLost);
    CHECK(driver.result(0).state == SessionState::FailedToStart);
    CHECK(bench.allocator.live == 2);
  });
}

TEST_CASE("The device is active until 1.5 s after the last command or interrupt, and its IOMMU with it") {
  constexpr std::uint64_t ms = 1'000'000;
  Board board("board");
  Bench bench(board);
  kernel::RuntimePm iommu(board, {.suspend = [] {}, .resume = [] {}});
  iommu.enable();
  bench.platform.suppliers = {&iommu};
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    CHECK_FALSE(iommu.active());
    REQUIRE(driver.probe());
    for (int round = 0; round < 2; ++round) {
      const auto id = driver.start_session(small_session(5));
      REQUIRE(id);
      CHECK(driver.wait_session(*id, second));
      CHECK(driver.result(*id).outcome == SessionOutcome::Completed);
      board.delay_ns(1500 * ms - 1000);  // after the interrupt
      CHECK(driver.power().active());
      CHECK(iommu.active());
      board.delay_ns(2000);
      CHECK_FALSE(driver.power().active());
      CHECK_FALSE(iommu.active());
    }
    CHECK(driver.power().resumes() == 2);
    CHECK(driver.stop_session(0));  // a command
    CHECK(iommu.active());
    driver.remove();
    board.delay_ns(1);
    CHECK_FALSE(driver.power().enabled());
    CHECK_FALSE(iommu.active());
  });
}

TEST_CASE("A command that is never answered keeps the device active for 1.5 s") {
  constexpr std::uint64_t ms = 1'000'000;
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    const auto id = driver.start_session(small_session(1));
    REQUIRE(id);
    CHECK(driver.wait_session(*id, second));
    board.delay_ns(1000 * ms);
    kernel::write_word<std::uint32_t>(board, Board::registers + reg::CONTROL, 0);  // nobody is there any more
    CHECK(driver.stop_session(*id));
    CHECK(driver.core_lost());  // after a second
    board.delay_ns(500 * ms - 1000);
    CHECK(driver.power().active());
    board.delay_ns(2000);
    CHECK_FALSE(driver.power().active());
  });
}

TEST_CASE("The device is active before the core is booted, and while it is") {
  Board board("board");
  Bench bench(board);
  kernel::RuntimePm iommu(board, {.suspend = [] {}, .resume = [] {}});
  iommu.enable();
  bench.platform.suppliers = {&iommu};
  bool active = false;
  bench.platform.map_firmware = [&](kernel::Device&, kernel::DmaAddr iova, std::uint64_t size) {
    active = iommu.active();
    return kernel::DmaBuffer{iova, size, {{iova, size}}};
  };
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    driver.remove();
  });
  CHECK(active);
}

TEST_CASE("A device that is probed again is managed again") {
  Board board("board");
  Bench bench(board);
  kernel::RuntimePm iommu(board, {.suspend = [] {}, .resume = [] {}});
  iommu.enable();
  bench.platform.suppliers = {&iommu};
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    driver.remove();
    board.delay_ns(1);
    CHECK_FALSE(iommu.active());
    REQUIRE(driver.probe());
    CHECK(iommu.active());
    driver.remove();
  });
}

}  // namespace sidewinder::vpu
