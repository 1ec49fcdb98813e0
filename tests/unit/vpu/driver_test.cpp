// SPDX-License-Identifier: Apache-2.0
//
// Driver and VPU together: the core's life.

#include "vpu/driver/driver.h"

#include <catch2/catch.hpp>

#include "tests/unit/vpu/driver_bench.h"

namespace sidewinder::vpu {
namespace {

using kernel::Errno;
using test::Bench;
using test::Board;
using test::second;
using test::small_session;

std::vector<VpuAccess> session_accesses(const test::Watcher& watcher, std::size_t block) {
  std::vector<VpuAccess> some;
  std::copy_if(watcher.accesses.begin(), watcher.accesses.end(), std::back_inserter(some),
               [block](const VpuAccess& access) { return access.session == 0 && access.block == block; });
  return some;
}

}  // namespace

TEST_CASE("probe boots the core with its image and queues mapped, and remove gives them back") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    CHECK(driver.probe());
    CHECK_FALSE(driver.core_lost());
    CHECK(bench.allocator.live == 2);
    REQUIRE(bench.watcher.mapped.size() == 3);
    CHECK(bench.watcher.mapped[0].use.type == BufferType::Firmware);
    CHECK(bench.watcher.mapped[0].iova == 0);
    CHECK(bench.watcher.mapped[0].size == 5 << 20);
    CHECK(bench.watcher.mapped[1].use.type == BufferType::HfiQueues);
    CHECK(bench.watcher.mapped[1].use.device == &bench.non_pixel);
    CHECK(bench.watcher.mapped[2].use.type == BufferType::Sfr);
    driver.remove();
    CHECK(bench.allocator.live == 0);
    CHECK(driver.probe());
    CHECK(driver.start_session(small_session(1)));
    driver.remove();
    CHECK(bench.allocator.live == 0);
  });
  CHECK(bench.lines.empty());
  CHECK(bench.watcher.astray == 0);
}

TEST_CASE(
    "the queues are mapped for the node's own device where there is one, the sessions' buffers are not") {
  Board board("board");
  Bench bench(board);
  kernel::Device node = Bench::device("node");
  bench.allocator.arenas.push_back({&node, 0x6000'0000, 0x6fff'ffff});
  bench.arena(bench.non_pixel).last = 0x5fff'ffff;
  bench.platform.node_device = &node;
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    CHECK(driver.probe());
    REQUIRE(bench.watcher.mapped.size() == 3);
    CHECK(bench.watcher.mapped[1].use.device == &node);
    CHECK(bench.watcher.mapped[2].use.device == &node);
    CHECK(bench.watcher.mapped[2].iova >= 0x6000'0000);
    CHECK(driver.start_session(small_session(1)));
    for (const test::Watcher::Mapped& buffer : bench.watcher.mapped)
      CHECK((buffer.use.device == &node) ==
            (buffer.use.session == hfi::no_session && buffer.use.type != BufferType::Firmware));
    driver.remove();
    CHECK(bench.allocator.live == 0);
  });
}

TEMPLATE_TEST_CASE_SIG("A platform without a device for a function is refused", "",
                       ((Function function), function), Function::Bitstream, Function::NonPixel,
                       Function::Pixel) {
  Board board("board");
  Bench bench(board);
  bench.platform.devices[static_cast<std::size_t>(function)] = nullptr;
  board.run([&] { CHECK(bench.make_driver().probe().error() == Errno::EINVAL_); });
  CHECK(bench.lines_with("probe failed with error -EINVAL") == 1);
}

TEST_CASE("Where no VPU answers, none is driven") {
  Board board("board");
  Bench bench(board);
  bench.platform.registers += 0x1'0000;
  board.run([&] { CHECK(bench.make_driver().probe().error() == Errno::ENODEV_); });
  CHECK(bench.allocator.live == 0);
}

TEMPLATE_TEST_CASE_SIG("A taken interrupt, or no room for the queues, fails the probe and frees what it had",
                       "", ((bool taken), taken), true, false) {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    if (taken) REQUIRE(board.request_irq(0, &board, kernel::IrqSharing::Shared, [] {}));
    if (!taken) bench.arena(bench.non_pixel).last = 0x4000'0000 + hfi::queue_region_bytes;
    CHECK(bench.make_driver().probe().error() == (taken ? Errno::EBUSY_ : Errno::ENOMEM_));
  });
  CHECK(bench.allocator.live == 0);
  CHECK(bench.watcher.failures.size() == (taken ? 0 : 1));
}

TEST_CASE("A firmware that cannot be mapped fails the probe with the mapping's error") {
  Board board("board");
  Bench bench(board);
  bench.platform.map_firmware = [](kernel::Device&, kernel::DmaAddr, std::uint64_t) {
    return kernel::Result<kernel::DmaBuffer>(kernel::fail(Errno::ENOSPC_));
  };
  board.run([&] { CHECK(bench.make_driver().probe().error() == Errno::ENOSPC_); });
}

TEST_CASE("A platform without a firmware device boots a VPU without a firmware stream") {
  VpuConfig config = test::four_streams();
  config.functions[static_cast<std::size_t>(Function::Firmware)].reset();
  Board board("board");
  Bench bench(board, config);
  bench.platform.devices[static_cast<std::size_t>(Function::Firmware)] = nullptr;
  board.run([&] { CHECK(bench.make_driver().probe()); });
  for (const test::Transfer& transfer : bench.target.seen) CHECK(transfer.stream_id != 0x1947);
}

TEST_CASE("A core that cannot read its firmware fails the probe with the reason it gives") {
  Board board("board");
  Bench bench(board);
  bench.target.refuse = [](const test::Transfer& transfer) { return transfer.stream_id == 0x1947; };
  board.run([&] { CHECK(bench.make_driver().probe().error() == Errno::EIO_); });
  CHECK(bench.lines_with("qcom-iris video-codec0: core lost: firmware image unreadable") == 1);
  CHECK(bench.lines_with("SFR: firmware image unreadable") == 1);
  CHECK(bench.allocator.live == 0);
}

TEST_CASE("A core that is never heard of times out after a second") {
  Board board("board");
  Bench bench(board, test::four_streams(), 0, false);
  board.run([&] {
    const std::uint64_t start = board.now_ns();
    CHECK(bench.make_driver().probe().error() == Errno::ETIMEDOUT_);
    CHECK(board.now_ns() - start == second);
  });
  CHECK(bench.allocator.live == 0);
}

TEST_CASE("A DMA error on the queues costs every open session, but not those that were complete") {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    const auto complete = driver.start_session(small_session(2));
    REQUIRE(complete);
    CHECK(driver.wait_session(*complete, second));
    const auto one = driver.start_session(small_session(0));
    const auto two = driver.start_session(small_session(0));
    REQUIRE(one);
    REQUIRE(two);
    board.delay_ns(1'000'000);
    const std::uint64_t queue_base = bench.watcher.mapped[1].iova;
    bench.target.refuse = [&, queue_base](const test::Transfer& transfer) {
      return transfer.address == queue_base + hfi::message_ring.write_index;
    };
    CHECK(driver.wait_session(*one, second));
    CHECK(driver.core_lost());
    CHECK(driver.result(*one).outcome == SessionOutcome::CoreLost);
    CHECK(driver.result(*one).state == SessionState::CoreLost);
    CHECK(driver.result(*two).outcome == SessionOutcome::CoreLost);
    CHECK(driver.result(*complete).outcome == SessionOutcome::Completed);
    CHECK(driver.start_session(small_session(1)).error() == Errno::ENODEV_);

    const std::size_t before = bench.target.seen.size();
    board.delay_ns(second);
    CHECK(bench.target.seen.size() == before);
    CHECK(driver.stop_session(*one));
    CHECK(driver.result(*one).outcome == SessionOutcome::CoreLost);
    driver.remove();
  });
  CHECK(bench.allocator.live == 0);
  CHECK(bench.lines_with("core lost: bus error on the HFI queues at 0x40000080") == 1);
  CHECK(bench.lines_with("SFR: bus error on the HFI queues") == 1);
}

TEMPLATE_TEST_CASE_SIG(
    "A frame that takes longer than a second loses the core, one that takes a little less does not", "",
    ((bool slow), slow), true, false) {
  Board board("board");
  Bench bench(board);
  board.run([&] {
    VpuDriver& driver = bench.make_driver();
    REQUIRE(driver.probe());
    const auto session = driver.start_session(small_session(1));
    REQUIRE(session);
    // The non-pixel block makes the most accesses, some 820.
    bench.target.latency = sc_core::sc_time(slow ? 1400 : 1000, sc_core::SC_US);
    CHECK(driver.wait_session(*session, 3 * second));
    CHECK(driver.core_lost() == slow);
    CHECK(driver.result(*session).outcome == (slow ? SessionOutcome::CoreLost : SessionOutcome::Completed));
    board.delay_ns(10'000'000);  // for the accesses under way
    const std::size_t before = bench.target.seen.size();
    board.delay_ns(second);
    CHECK(bench.target.seen.size() == before);
  });
  CHECK(bench.lines_with("core lost: no answer to frame 0 of session 0") == (slow ? 1 : 0));
}

TEST_CASE("Two VPUs of one board work side by side, and do the same") {
  Board board("board");
  constexpr std::uint64_t place = 0x1000'0000;
  Bench first(board);
  Bench second_bench(board, test::four_streams(), place);
  board.run([&] {
    for (Bench* bench : {&first, &second_bench}) {
      VpuDriver& driver = bench->make_driver();
      REQUIRE(driver.probe());
      REQUIRE(driver.start_session(small_session(3)));
    }
    for (Bench* bench : {&first, &second_bench}) {
      CHECK(bench->driver->wait_session(0, second));
      CHECK(bench->driver->result(0).frames_done == 3);
      bench->driver->remove();
    }
  });
  for (std::size_t block = 0; block < 3; ++block) {
    const auto one = session_accesses(first.watcher, block);
    const auto two = session_accesses(second_bench.watcher, block);
    REQUIRE_FALSE(one.empty());
    REQUIRE(one.size() == two.size());
    std::size_t different = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
      const bool same = two[i].iova == one[i].iova + place && two[i].bytes == one[i].bytes &&
                        two[i].type == one[i].type && two[i].write == one[i].write;
      if (!same) ++different;
    }
    CHECK(different == 0);
  }
  CHECK(first.watcher.astray == 0);
  CHECK(second_bench.watcher.astray == 0);
}

}  // namespace sidewinder::vpu
