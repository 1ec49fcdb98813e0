// SPDX-License-Identifier: Apache-2.0
//
// A machine without SystemC for tests of host software: memory, one SMMUv3 in it, its interrupts, timers and
// a clock that only the software's own waiting moves. Everything that happens on the bus is kept in order.

#ifndef SIDEWINDER_TESTS_SUPPORT_SMMUV3_MACHINE_H
#define SIDEWINDER_TESTS_SUPPORT_SMMUV3_MACHINE_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "iommu/arch/memory_port.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/irq_actions.h"
#include "iommu/smmuv3/smmu.h"
#include "models/sparse_store.h"

namespace sidewinder::test {

class Smmuv3Machine final : public kernel::HostBus, public arch::MemoryPort, private smmuv3::SmmuListener {
 public:
  static constexpr kernel::PhysAddr smmu_base = 0x0905'0000;
  static constexpr kernel::PhysAddr memory_base = 0x8000'0000;
  static constexpr std::uint64_t memory_size = 0x1000'0000;
  static constexpr kernel::PhysAddr doorbell = 0x0808'0040;  ///< messages: the data is the interrupt
  static constexpr unsigned event_irq = 106, pri_irq = 107, error_irq = 109;

  explicit Smmuv3Machine(const smmuv3::Config& config)
      : store_(memory_size), smmu_(config, 1, *this, *this) {}

  [[nodiscard]] bool read(kernel::PhysAddr address, std::span<std::byte> data,
                          kernel::Security security) override;
  [[nodiscard]] bool write(kernel::PhysAddr address, std::span<const std::byte> data,
                           kernel::Security security) override;
  void set_power(const kernel::PowerDomain& domain, bool on) override;
  [[nodiscard]] std::uint64_t now_ns() const override { return now_; }
  void delay_ns(std::uint64_t duration) override;
  [[nodiscard]] bool request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing,
                                 Callback handler) override;
  void free_irq(unsigned irq, kernel::IrqOwner owner) override { handlers_[irq].remove(owner); }
  void schedule(std::uint64_t delay, Callback work) override { work_.emplace(now_ + delay, std::move(work)); }
  [[nodiscard]] bool wait(kernel::Completion& completion, std::uint64_t timeout) override;
  void complete(kernel::Completion& completion) override { ++completion.done; }

  // The SMMU's way to memory.
  arch::PortResponse read64(const arch::PortAccess& access) override;
  arch::PortResponse write_words(const arch::PortAccess& access,
                                 std::span<const std::uint32_t> words) override;

  [[nodiscard]] smmuv3::Smmu& smmu() { return smmu_; }
  [[nodiscard]] std::uint64_t word(kernel::PhysAddr address) const;
  void set_word(kernel::PhysAddr address, std::uint64_t value);
  /// An access of stream `sid`.
  smmuv3::Translation access(std::uint32_t sid, std::uint64_t address, bool is_write = false);
  void interrupt_now(unsigned irq) { pending_.insert(irq); }

  /// The SMMU is in this domain, without power at first.
  void put_into(const kernel::PowerDomain& domain);

  /// In order: "W 4 28 d75" and "R 4 9c 2" of the SMMU's registers (bytes, offset, value), "C 4 1f" of its
  /// commands as they are consumed, "P 1" and "P 0" of its domain's power, and, with `memory_too`, "M address
  /// value" of 64-bit words that software writes. All in hexadecimal.
  std::vector<std::string> trace;
  std::vector<std::string> take_trace() { return std::exchange(trace, {}); }
  bool memory_too = false;
  bool commands_run = true;  ///< false: the SMMU does nothing about its command queue
  /// The SMMU is not the model but a file of registers: each reads as it was last written, the ACKs as what
  /// they acknowledge, and every command is consumed at once without effect.
  bool register_file = false;
  /// 32-bit registers that do not read as the model's, by offset.
  std::map<std::uint64_t, std::uint32_t> forced_reads;
  std::vector<std::pair<std::uint64_t, smmuv3::Resumption>> resumed;

 private:
  void interrupt(smmuv3::SecurityState state, smmuv3::Interrupt source) override;
  void wake_up() override {}
  void resume(std::uint64_t token, smmuv3::Resumption how) override { resumed.emplace_back(token, how); }
  [[nodiscard]] static bool in_memory(kernel::PhysAddr address, std::uint64_t size);
  [[nodiscard]] std::uint64_t read_smmu(std::uint64_t offset, unsigned size) const;
  void write_smmu(std::uint64_t offset, std::uint64_t value, unsigned size);
  void log_command(std::uint64_t base, std::uint64_t index);
  void run_commands();
  void serve_interrupts();

  std::optional<kernel::PowerDomain> domain_;
  models::SparseStore store_;
  std::map<std::uint64_t, std::uint32_t> file_;  ///< with register_file, by offset
  smmuv3::Smmu smmu_;
  std::uint64_t now_ = 0;
  std::map<unsigned, kernel::IrqActions> handlers_;
  std::set<unsigned> pending_;  ///< edges that no handler has seen
  bool in_service_ = false;
  std::multimap<std::uint64_t, Callback> work_;
};

}  // namespace sidewinder::test

#endif
