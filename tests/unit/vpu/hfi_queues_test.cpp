// SPDX-License-Identifier: Apache-2.0

#include "vpu/driver/hfi_queues.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <span>
#include <vector>

namespace sidewinder::vpu {
namespace {

using kernel::Errno;
using kernel::read_word;
using kernel::write_word;

/// Memory from `base` on, and nothing else.
class MemoryBus : public kernel::HostBus {
 public:
  static constexpr kernel::PhysAddr base = 0x9000'0000;

  bool read(kernel::PhysAddr address, std::span<std::byte> data, kernel::Security) override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(address - base), data.size(), data.begin());
    return true;
  }
  bool write(kernel::PhysAddr address, std::span<const std::byte> data, kernel::Security) override {
    std::copy(data.begin(), data.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(address - base));
    return true;
  }
  void set_power(const kernel::PowerDomain&, bool) override {}
  [[nodiscard]] std::uint64_t now_ns() const override { return 0; }
  void delay_ns(std::uint64_t) override {}
  bool request_irq(unsigned, kernel::IrqOwner, kernel::IrqSharing, Callback) override { return false; }
  void free_irq(unsigned, kernel::IrqOwner) override {}
  void schedule(std::uint64_t, Callback) override {}
  bool wait(kernel::Completion&, std::uint64_t) override { return false; }
  void complete(kernel::Completion&) override {}

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(hfi::queue_region_bytes);
};

struct Fixture {
  MemoryBus bus;
  kernel::DmaBuffer region{
      0x4000'0000, hfi::queue_region_bytes, {{MemoryBus::base, hfi::queue_region_bytes}}};
  HfiQueues queues{bus, region};

  void set(std::uint64_t offset, std::uint32_t value) {
    write_word<std::uint32_t>(bus, MemoryBus::base + offset, value);
  }
  std::uint32_t get(std::uint64_t offset) { return read_word<std::uint32_t>(bus, MemoryBus::base + offset); }
  void put_message(std::uint32_t index, const hfi::Packet& packet) {
    static_cast<void>(bus.write(MemoryBus::base + hfi::message_ring.packets + index * hfi::packet_bytes,
                                std::as_bytes(std::span(packet)), kernel::Security::NonSecure));
  }
};

}  // namespace

TEST_CASE("A command is in the ring before the index says so") {
  Fixture f;
  REQUIRE(f.queues.send(hfi::SessionEnd{3}));
  REQUIRE(f.queues.send(hfi::SessionEnd{4}));
  CHECK(f.get(hfi::command_ring.write_index) == 2);
  hfi::Packet packet{};
  static_cast<void>(f.bus.read(MemoryBus::base + hfi::command_ring.packets + hfi::packet_bytes,
                               std::as_writable_bytes(std::span(packet)), kernel::Security::NonSecure));
  CHECK(packet == hfi::encode(hfi::Command{hfi::SessionEnd{4}}));
}

TEST_CASE("The last free packet of a ring is not used") {
  Fixture f;
  f.set(hfi::command_ring.read_index, 2);
  f.set(hfi::command_ring.write_index, 0);
  CHECK(f.queues.send(hfi::SysInit{}));
  CHECK(f.queues.send(hfi::SysInit{}).error() == Errno::ENOSPC_);
  f.set(hfi::command_ring.read_index, 3);
  CHECK(f.queues.send(hfi::SysInit{}));
}

TEST_CASE("A write at the end of the ring wraps") {
  Fixture f;
  f.set(hfi::command_ring.read_index, 7);
  f.set(hfi::command_ring.write_index, hfi::ring_packets - 1);
  CHECK(f.queues.send(hfi::SysInit{}));
  CHECK(f.get(hfi::command_ring.write_index) == 0);
}

TEST_CASE("Messages come in order, then none") {
  Fixture f;
  f.put_message(hfi::ring_packets - 1, hfi::encode(hfi::Message{hfi::SessionInitDone{1}}));
  f.put_message(0, hfi::encode(hfi::Message{hfi::SessionEndDone{2}}));
  f.set(hfi::message_ring.read_index, hfi::ring_packets - 1);
  f.set(hfi::message_ring.write_index, 1);
  const auto first = f.queues.receive();
  REQUIRE(first);
  REQUIRE(*first);
  CHECK(std::get<hfi::SessionInitDone>(**first).session == 1);
  const auto second = f.queues.receive();
  REQUIRE(second);
  REQUIRE(*second);
  CHECK(std::get<hfi::SessionEndDone>(**second).session == 2);
  const auto none = f.queues.receive();
  REQUIRE(none);
  CHECK_FALSE(*none);
  CHECK(f.get(hfi::message_ring.read_index) == 1);
}

TEST_CASE("What the firmware wrote is not trusted") {
  Fixture f;
  SECTION("index of messages") {
    f.set(hfi::message_ring.write_index, hfi::ring_packets);
    CHECK(f.queues.receive().error() == Errno::EIO_);
  }
  SECTION("index of commands") {
    f.set(hfi::command_ring.read_index, hfi::ring_packets);
    CHECK(f.queues.send(hfi::SysInit{}).error() == Errno::EIO_);
  }
  SECTION("packet") {
    f.put_message(0, hfi::Packet{0x1234});
    f.set(hfi::message_ring.write_index, 1);
    CHECK(f.queues.receive().error() == Errno::EIO_);
  }
}

}  // namespace sidewinder::vpu
