// SPDX-License-Identifier: Apache-2.0
//
// A VPU, its driver, and everything either says about the other: what was mapped, and what was accessed.

#ifndef SIDEWINDER_TESTS_UNIT_VPU_DRIVER_BENCH_H
#define SIDEWINDER_TESTS_UNIT_VPU_DRIVER_BENCH_H

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/unit/vpu/fake_board.h"
#include "vpu/driver/driver.h"

namespace sidewinder::vpu::test {

/// Hands out one address after the other from a range for each device; IOVA and physical address are the
/// same.
class IdentityAllocator : public BufferAllocator {
 public:
  struct Arena {
    const kernel::Device* device = nullptr;
    std::uint64_t next = 0;
    std::uint64_t last = 0;
  };
  std::vector<Arena> arenas;
  std::uint64_t claimed = 0;  ///< not 0: the size of every buffer, as it is said to be
  std::uint64_t live = 0;     ///< buffers not freed

  kernel::Result<kernel::DmaBuffer> alloc(kernel::Device& device, std::uint64_t size) override {
    for (Arena& arena : arenas) {
      if (arena.device != &device) continue;
      const std::uint64_t mapped = (size + 4095) / 4096 * 4096;
      if (arena.next + mapped - 1 > arena.last) return kernel::fail(kernel::Errno::ENOMEM_);
      const std::uint64_t iova = arena.next;
      arena.next += mapped;
      ++live;
      return kernel::DmaBuffer{iova, claimed == 0 ? mapped : claimed, {{iova, mapped}}};
    }
    return kernel::fail(kernel::Errno::EINVAL_);
  }
  void free(kernel::Device&, const kernel::DmaBuffer&) override { --live; }
};

/// Checks each access of the VPU against what is mapped at that time.
class Watcher : public VpuObserver, public DriverObserver {
 public:
  struct Mapped {
    BufferUse use;
    std::uint64_t iova = 0;
    std::uint64_t size = 0;
  };
  std::vector<Mapped> mapped;
  std::vector<VpuAccess> accesses;
  std::vector<FailedAllocation> failures;
  std::vector<SessionState> states;
  std::size_t astray = 0;  ///< accesses outside the buffer they were meant for
  std::size_t unmapped = 0;

  void access(const VpuAccess& access) override {
    accesses.push_back(access);
    const bool inside = std::any_of(mapped.begin(), mapped.end(), [&](const Mapped& buffer) {
      return buffer.use.session == access.session && buffer.use.type == access.type &&
             buffer.use.index == access.index && access.iova >= buffer.iova &&
             access.iova + access.bytes <= buffer.iova + buffer.size;
    });
    if (!inside) ++astray;
  }
  void buffer_mapped(const BufferUse& use, const kernel::DmaBuffer& buffer) override {
    mapped.push_back({use, buffer.iova, buffer.size});
  }
  void buffer_unmapped(const BufferUse& use, const kernel::DmaBuffer& buffer) override {
    ++unmapped;
    const auto found = std::find_if(mapped.begin(), mapped.end(), [&](const Mapped& one) {
      return one.iova == buffer.iova && one.use.session == use.session && one.use.type == use.type;
    });
    REQUIRE(found != mapped.end());
    mapped.erase(found);
  }
  void allocation_failed(const FailedAllocation& failure) override { failures.push_back(failure); }
  void session_state(const SessionResult& result) override { states.push_back(result.state); }

  [[nodiscard]] std::size_t count(BufferType type, bool write) const {
    return static_cast<std::size_t>(
        std::count_if(accesses.begin(), accesses.end(),
                      [&](const VpuAccess& access) { return access.type == type && access.write == write; }));
  }
};

/// One VPU on a board, with its devices and driver. `place` is where the bench's memory begins in each
/// window, so that two benches on a board do not share any.
class Bench {
 public:
  Watcher watcher;
  kernel::Device non_pixel = device("non-pixel");
  kernel::Device pixel = device("pixel");
  kernel::Device bitstream = device("bitstream");
  kernel::Device firmware = device("firmware");
  IdentityAllocator allocator;
  std::vector<std::string> lines;
  kernel::KernelLog log;
  Board& board;
  Vpu& vpu;
  DmaTarget& target;
  VpuPlatform platform;
  std::unique_ptr<VpuDriver> driver;

  static kernel::Device device(const std::string& name) {
    kernel::Device made;
    made.name = name;
    return made;
  }

  explicit Bench(Board& on, const VpuConfig& config = four_streams(), std::uint64_t place = 0,
                 bool wire_irq = true)
      : log(on, [this](kernel::LogLevel, std::string_view line) { lines.emplace_back(line); }),
        board(on),
        vpu(on.add(config, &watcher, wire_irq)),
        target(*on.targets.back()) {
    allocator.arenas = {{&non_pixel, 0x4000'0000 + place, 0x7fff'ffff},
                        {&pixel, 0x8000'0000 + place, 0xbfff'ffff},
                        {&bitstream, 0x2000'0000 + place, 0x3fff'ffff}};
    const std::uint64_t number = on.vpus.size() - 1;
    platform.device = "video-codec" + std::to_string(number);
    platform.registers = Board::registers + number * 0x1'0000;
    platform.irq = static_cast<unsigned>(number);
    platform.devices = {&bitstream, &non_pixel, &pixel, &firmware};
    platform.map_firmware = [](kernel::Device&, kernel::DmaAddr iova, std::uint64_t size) {
      return kernel::DmaBuffer{iova, size, {{iova, size}}};
    };
  }

  VpuDriver& make_driver() {
    driver = std::make_unique<VpuDriver>(board, allocator, log, platform, &watcher);
    return *driver;
  }

  IdentityAllocator::Arena& arena(const kernel::Device& device) {
    return *std::find_if(allocator.arenas.begin(), allocator.arenas.end(),
                         [&](const IdentityAllocator::Arena& one) { return one.device == &device; });
  }

  [[nodiscard]] std::size_t lines_with(const std::string& text) const {
    return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    }));
  }
};

inline SessionSpec small_session(std::uint32_t frames) {
  SessionSpec spec;
  spec.picture = {Codec::H264, 96, 96};
  spec.frames = frames;
  spec.counts = {2, 2, 3};
  return spec;
}

inline constexpr std::uint64_t second = 1'000'000'000;

}  // namespace sidewinder::vpu::test

#endif
