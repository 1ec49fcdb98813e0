// SPDX-License-Identifier: Apache-2.0
//
// A machine without SystemC for tests of host software: memory, one SMMUv2 that walks it, interrupt lines,
// timers and a clock that only the software's own waiting moves.

#ifndef SIDEWINDER_TESTS_SUPPORT_PLAIN_MACHINE_H
#define SIDEWINDER_TESTS_SUPPORT_PLAIN_MACHINE_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "iommu/arch/memory_port.h"
#include "iommu/linux/dma.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/irq_actions.h"
#include "iommu/smmuv2/smmu.h"
#include "models/sparse_store.h"

namespace sidewinder::test {

struct PlainMachineConfig {
  smmuv2::Config smmu;
  kernel::PhysAddr smmu_base = 0x1500'0000;
  kernel::PhysRange memory{0x8000'0000, 0x1000'0000};
  unsigned global_irq = 65;
  unsigned first_context_irq = 100;                 ///< context bank n has interrupt first_context_irq + n
  std::optional<kernel::PowerDomain> smmu_power{};  ///< without power at first; none: always on
  unsigned context_irqs = ~0U;                      ///< how many there are: more banks share them, in turn
};

class PlainMachine final : public kernel::HostBus,
                           public arch::MemoryPort,
                           private smmuv2::InterruptListener {
 public:
  explicit PlainMachine(const PlainMachineConfig& config);

  [[nodiscard]] bool read(kernel::PhysAddr address, std::span<std::byte> data,
                          kernel::Security security) override;
  [[nodiscard]] bool write(kernel::PhysAddr address, std::span<const std::byte> data,
                           kernel::Security security) override;
  void set_power(const kernel::PowerDomain& domain, bool on) override;
  [[nodiscard]] std::uint64_t now_ns() const override { return now_; }
  void delay_ns(std::uint64_t duration) override;
  [[nodiscard]] bool request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing,
                                 Callback handler) override;
  void free_irq(unsigned irq, kernel::IrqOwner owner) override;
  void schedule(std::uint64_t delay, Callback work) override;
  [[nodiscard]] bool wait(kernel::Completion& completion, std::uint64_t timeout) override;
  void complete(kernel::Completion& completion) override { ++completion.done; }

  /// The table walker's way to memory.
  arch::PortResponse read64(const arch::PortAccess& access) override;

  [[nodiscard]] smmuv2::Smmu& smmu() { return smmu_; }
  [[nodiscard]] const PlainMachineConfig& config() const { return config_; }
  [[nodiscard]] std::uint64_t accesses() const { return accesses_; }  ///< through the bus, of both directions
  [[nodiscard]] bool line(unsigned irq) const;                        ///< high while any of its sources is
  [[nodiscard]] std::uint64_t word(kernel::PhysAddr address) const;   ///< of memory, uncounted

  /// Told of every descriptor's address before the walker reads it.
  std::function<void(std::uint64_t)> on_walk_read;
  /// 32-bit registers that do not read as the model's: a part that the model cannot be.
  std::map<kernel::PhysAddr, std::uint32_t> forced_reads;

 private:
  void global_interrupt(bool level) override;
  void context_interrupt(unsigned bank, bool level) override;
  void set_source(unsigned irq, unsigned source, bool level);
  [[nodiscard]] bool in_memory(kernel::PhysAddr address, std::uint64_t size) const;
  [[nodiscard]] bool in_smmu(kernel::PhysAddr address, std::uint64_t size) const;
  void serve_interrupts();
  void run_until(std::uint64_t time);

  PlainMachineConfig config_;
  models::SparseStore store_;
  smmuv2::Smmu smmu_;
  std::uint64_t now_ = 0;
  std::uint64_t accesses_ = 0;
  std::map<unsigned, kernel::IrqActions> handlers_;
  std::set<std::pair<unsigned, unsigned>> high_;  ///< interrupt and source
  std::set<unsigned> in_service_;
  std::multimap<std::uint64_t, Callback> work_;
};

}  // namespace sidewinder::test

#endif
