// SPDX-License-Identifier: Apache-2.0
//
// HostBus: everything the host's software may do to the outside world, and nothing else. It is the wall
// between software and hardware: a driver that has only a HostBus cannot call a model, and a model cannot
// call a driver.

#ifndef SIDEWINDER_IOMMU_LINUX_HOST_BUS_H
#define SIDEWINDER_IOMMU_LINUX_HOST_BUS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

namespace sidewinder::kernel {

using PhysAddr = std::uint64_t;

enum class Security : std::uint8_t { NonSecure, Secure };

/// Woken by HostBus::complete, waited for with HostBus::wait; counts, as Linux's struct completion does.
struct Completion {
  std::uint32_t done = 0;
};

/// Which of a line's handlers is meant: an address that is its driver's own (dev_id).
using IrqOwner = const void*;

/// Whether a handler suffers others on its line (IRQF_SHARED).
enum class IrqSharing : std::uint8_t { Exclusive, Shared };

/// A power domain of the platform, as its consumers' power-domains names it.
struct PowerDomain {
  std::uint32_t provider = 0;            ///< phandle
  std::vector<std::uint32_t> specifier;  ///< as many cells as the provider's #power-domain-cells

  friend bool operator==(const PowerDomain&, const PowerDomain&) = default;
};

/// An access completes before the call returns and never yields, so software sees its own writes in order and
/// a write that rings a doorbell has been acted on when it returns. Only the functions marked "yields" let
/// other software or simulated time run: an interrupt handler, timer or deferred work may run at every yield,
/// so state that is shared with one needs a lock of its own across a yield, and needs none without. Callbacks
/// may yield themselves. Times are nanoseconds of simulated time.
class HostBus {
 public:
  using Callback = std::function<void()>;

  virtual ~HostBus() = default;

  /// False: the access was answered with a bus error (an external abort); `data` is then unchanged.
  [[nodiscard]] virtual bool read(PhysAddr address, std::span<std::byte> data, Security security) = 0;
  [[nodiscard]] virtual bool write(PhysAddr address, std::span<const std::byte> data, Security security) = 0;

  /// What the domain's provider does when it is told to: what is in the domain has power, or has none, when
  /// this returns. The provider's own registers are no part of the platform.
  virtual void set_power(const PowerDomain& domain, bool on) = 0;

  [[nodiscard]] virtual std::uint64_t now_ns() const = 0;
  virtual void delay_ns(std::uint64_t duration) = 0;  ///< yields

  /// Calls `handler` in a thread of this interrupt's own while the (level-sensitive) line `irq` is high,
  /// after the platform's interrupt latency each time. Handlers that share a line are all called, in the
  /// order they came, whichever of the line's sources is high. False (-EBUSY in Linux): another handler is
  /// there, and one of the two does not share.
  [[nodiscard]] virtual bool request_irq(unsigned irq, IrqOwner owner, IrqSharing sharing,
                                         Callback handler) = 0;
  /// The owner's handler goes. Yields until none of the line's runs.
  virtual void free_irq(unsigned irq, IrqOwner owner) = 0;

  /// Runs `work` in the worker thread, `delay` from now, in the order of their times; equal times keep their
  /// order.
  virtual void schedule(std::uint64_t delay, Callback work) = 0;

  /// Yields until `completion` is complete, and takes one completion; false when `timeout` passed first.
  [[nodiscard]] virtual bool wait(Completion& completion, std::uint64_t timeout) = 0;
  virtual void complete(Completion& completion) = 0;
};

/// Little-endian scalar accesses, as readl/writel and readq/writeq do them. A read answered with a bus error
/// gives all ones, as a PCI or AXI master's data bus commonly reads then.
template <typename Word>
[[nodiscard]] Word read_word(HostBus& bus, PhysAddr address, Security security = Security::NonSecure) {
  std::array<std::byte, sizeof(Word)> bytes{};
  if (!bus.read(address, bytes, security)) return static_cast<Word>(~Word{0});
  Word value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

template <typename Word>
void write_word(HostBus& bus, PhysAddr address, Word value, Security security = Security::NonSecure) {
  std::array<std::byte, sizeof(Word)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  static_cast<void>(bus.write(address, bytes, security));
}

}  // namespace sidewinder::kernel

#endif
