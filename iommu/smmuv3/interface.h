// SPDX-License-Identifier: Apache-2.0
//
// The registers of one programming interface, Secure or Non-secure (IHI 0070 §6.2, §6.3): what they hold, and
// which writes they take. What a write sets off is the Smmu's. Updates complete at once: ACK registers always
// equal what they acknowledge.

#ifndef SIDEWINDER_IOMMU_SMMUV3_INTERFACE_H
#define SIDEWINDER_IOMMU_SMMUV3_INTERFACE_H

#include <cstdint>

#include "iommu/arch/memory_attributes.h"
#include "iommu/layout/smmuv3_control.h"
#include "iommu/layout/smmuv3_queue.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/control.h"
#include "iommu/smmuv3/queue.h"

namespace sidewinder::smmuv3 {

/// SMMU_x_IRQ_CFG0, 1 and 2.
struct MsiRegisters {
  layout::smmuv3::IRQ_CFG0 cfg0;
  std::uint32_t data = 0;
  layout::smmuv3::IRQ_CFG2 cfg2;
};

/// Registers that reset to an UNKNOWN value reset to 0.
class Interface {
 public:
  Interface(const Config& config, SecurityState state);

  /// 32 bits at a multiple of 4: `offset` in page 0, without the distance of the Secure registers;
  /// those of EVENTQ at 0xa8 and 0xac and of PRIQ at 0xc8 and 0xcc are page 1's. What is not here is RES0. ID
  /// registers are not here.
  [[nodiscard]] std::uint32_t read(std::uint32_t offset) const;
  void write(std::uint32_t offset, std::uint32_t value);

  [[nodiscard]] bool translates() const { return cr0 & 1; }        ///< SMMUEN
  [[nodiscard]] bool commands_on() const { return cr0 >> 3 & 1; }  ///< CMDQEN
  [[nodiscard]] bool events_on() const { return cr0 >> 2 & 1; }    ///< EVENTQEN
  [[nodiscard]] bool pages_on() const { return cr0 >> 1 & 1; }     ///< PRIQEN as written (§6.3.9.5)
  [[nodiscard]] Control control() const;
  [[nodiscard]] Queue command_queue() const;
  [[nodiscard]] Queue event_queue() const;
  [[nodiscard]] Queue page_queue() const;  ///< the PRI queue
  [[nodiscard]] arch::MemoryAttributes queue_attributes(bool read_allocate, bool write_allocate) const;

  /// An error is active until software acknowledges it; one that is active already is not logged again
  /// (§7.5). True: it became active.
  template <typename F>
  bool raise() {
    if (active<F>()) return false;
    gerror.raw ^= F::mask;
    return true;
  }
  template <typename F>
  [[nodiscard]] bool active() const {
    return ((gerror.raw ^ gerrorn.raw) & F::mask) != 0;
  }

  std::uint32_t cr0 = 0;
  layout::smmuv3::CR1 cr1;
  std::uint32_t cr2 = 0;
  layout::smmuv3::S_GBPA gbpa;
  layout::smmuv3::IRQ_CTRL irq_ctrl;
  layout::smmuv3::GERROR gerror;
  layout::smmuv3::GERROR gerrorn;
  MsiRegisters gerror_msi;
  MsiRegisters event_msi;
  MsiRegisters page_msi;
  layout::smmuv3::STRTAB_BASE strtab_base;
  layout::smmuv3::STRTAB_BASE_CFG strtab_base_cfg;
  layout::smmuv3::QUEUE_BASE cmdq_base;
  std::uint32_t cmdq_prod = 0;
  layout::smmuv3::CMDQ_CONS cmdq_cons;
  layout::smmuv3::QUEUE_BASE eventq_base;
  layout::smmuv3::EVENTQ_PROD eventq_prod;
  layout::smmuv3::EVENTQ_CONS eventq_cons;
  layout::smmuv3::QUEUE_BASE priq_base;
  layout::smmuv3::EVENTQ_PROD priq_prod;
  layout::smmuv3::EVENTQ_CONS priq_cons;

 private:
  [[nodiscard]] bool has_pages() const;
  void write_cr1(std::uint32_t value);
  void write_pages(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] bool msi_writable(std::uint32_t offset) const;

  const Config* config_;
  SecurityState state_;
};

}  // namespace sidewinder::smmuv3

#endif
