// SPDX-License-Identifier: Apache-2.0
//
// A HostBus that passes everything on to another and remembers each access, in order.

#ifndef SIDEWINDER_TESTS_SUPPORT_RECORDING_BUS_H
#define SIDEWINDER_TESTS_SUPPORT_RECORDING_BUS_H

#include <cstdint>
#include <cstring>
#include <vector>

#include "iommu/linux/host_bus.h"

namespace sidewinder::test {

struct BusAccess {
  enum class Direction : std::uint8_t { Read, Write };

  Direction direction = Direction::Read;
  kernel::PhysAddr address = 0;
  kernel::Security security = kernel::Security::NonSecure;
  bool ok = true;
  std::vector<std::byte> data;  ///< read or written

  [[nodiscard]] bool is_write() const { return direction == Direction::Write; }
  [[nodiscard]] std::uint64_t value() const {  ///< the first 8 bytes, little-endian
    std::uint64_t first = 0;
    std::memcpy(&first, data.data(), data.size() < sizeof first ? data.size() : sizeof first);
    return first;
  }
};

struct PowerSwitch {
  std::size_t accesses_before = 0;
  bool on = false;

  friend bool operator==(const PowerSwitch&, const PowerSwitch&) = default;
};

class RecordingBus final : public kernel::HostBus {
 public:
  explicit RecordingBus(kernel::HostBus& below, bool recording_now = true)
      : recording(recording_now), below_(&below) {}

  [[nodiscard]] bool read(kernel::PhysAddr address, std::span<std::byte> data,
                          kernel::Security security) override {
    const bool ok = below_->read(address, data, security);
    if (recording)
      accesses.push_back({BusAccess::Direction::Read, address, security, ok, {data.begin(), data.end()}});
    return ok;
  }
  [[nodiscard]] bool write(kernel::PhysAddr address, std::span<const std::byte> data,
                           kernel::Security security) override {
    const bool ok = below_->write(address, data, security);
    if (recording)
      accesses.push_back({BusAccess::Direction::Write, address, security, ok, {data.begin(), data.end()}});
    return ok;
  }
  void set_power(const kernel::PowerDomain& domain, bool on) override {
    below_->set_power(domain, on);
    if (recording) power_switches.push_back({accesses.size(), on});
  }
  [[nodiscard]] std::uint64_t now_ns() const override { return below_->now_ns(); }
  void delay_ns(std::uint64_t duration) override { below_->delay_ns(duration); }
  [[nodiscard]] bool request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing,
                                 Callback handler) override {
    return below_->request_irq(irq, owner, sharing, std::move(handler));
  }
  void free_irq(unsigned irq, kernel::IrqOwner owner) override { below_->free_irq(irq, owner); }
  void schedule(std::uint64_t delay, Callback work) override { below_->schedule(delay, std::move(work)); }
  [[nodiscard]] bool wait(kernel::Completion& completion, std::uint64_t timeout) override {
    return below_->wait(completion, timeout);
  }
  void complete(kernel::Completion& completion) override { below_->complete(completion); }

  bool recording;
  std::vector<BusAccess> accesses;
  std::vector<PowerSwitch> power_switches;

 private:
  kernel::HostBus* below_;
};

}  // namespace sidewinder::test

#endif
