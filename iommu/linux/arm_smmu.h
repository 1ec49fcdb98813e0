// SPDX-License-Identifier: Apache-2.0
//
// The driver for SMMUv2 and MMU-500 as Linux 6.1 has it (drivers/iommu/arm/arm-smmu/): probing, stream
// mapping, context banks, TLB maintenance, and the fault handlers' words. Stage 1 with AArch64 tables.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_H

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iommu/layout/smmuv2.h"
#include "iommu/linux/device_tree_nodes.h"
#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/iommu_ops.h"
#include "iommu/linux/kernel_version.h"
#include "iommu/linux/log.h"
#include "iommu/linux/runtime_pm.h"
#include "iommu/linux/spin_lock.h"

namespace sidewinder::kernel {

/// What the device tree says of the SMMU.
struct ArmSmmuPlatform {
  std::string name;  ///< dev_name()
  PhysAddr base = 0;
  std::uint64_t size = 0;
  std::vector<unsigned> global_irqs;
  std::vector<unsigned> context_irqs;   ///< by context bank
  SmmuModel model = SmmuModel::Mmu500;  ///< not Smmuv3
  SmmuImplementation implementation = SmmuImplementation::Arm;
  std::optional<PowerDomain> power_domain{};  ///< only then it suspends at run time
  bool dma_coherent = false;
  bool disable_bypass = true;  ///< arm-smmu.disable_bypass: streams without an entry fault
  KernelVersion version{};     ///< from 6.12 on context faults are logged with their registers decoded
};

/// One a call site, over all SMMUs of a kernel.
struct ArmSmmuRateLimits {
  RateLimit context_fault{"arm_smmu_context_fault"};
  RateLimit global_fault{"arm_smmu_global_fault"};
  RateLimit tlb_sync{"__arm_smmu_tlb_sync"};
};

/// What a context bank is set up with (struct arm_smmu_cb).
struct ContextBankSetup {
  std::uint64_t ttbr0 = 0;
  std::uint64_t ttbr1 = 0;
  std::uint64_t mair = 0;
  std::uint32_t tcr = 0;
  std::uint32_t tcr2 = 0;
};

class ArmSmmu : public IommuOps {
 public:
  ArmSmmu(HostBus& bus, const KernelLog& log, ArmSmmuRateLimits& limits, ArmSmmuPlatform platform);
  ArmSmmu(const ArmSmmu&) = delete;
  ArmSmmu& operator=(const ArmSmmu&) = delete;

  /// arm_smmu_device_probe(): reads the ID registers, resets the SMMU, requests the global interrupts.
  /// ENODEV: nothing this driver can use, or fewer context interrupts than banks. In a power domain, it has
  /// power from now on (not after an error), and suspends where nothing refers to power().
  [[nodiscard]] Status probe();

  /// arm_smmu_master_alloc_smes(): stream mapping entries for the StreamIDs, which fault (with disable_bypass
  /// off: bypass) until they are attached; all or none. EINVAL: partly covered by an entry there is, or wider
  /// than the SMRs. ENOSPC: none free.
  [[nodiscard]] Status alloc_smes(std::span<const StreamSpecifier> streams);
  void free_smes(std::span<const StreamSpecifier> streams);
  /// Errors as alloc_smes().
  [[nodiscard]] Status probe_device(Device& device) override;
  void release_device(Device& device) override;
  /// Of those that translate ENOSPC: no context bank. ENOMEM: no page.
  [[nodiscard]] Result<std::unique_ptr<IommuDomainOps>> alloc_domain(PageAllocator& pages,
                                                                     DomainType type) override;
  /// arm_smmu_domain_add_master(): what becomes of their transactions from now on. `bank` matters with
  /// Translation.
  void attach_smes(std::span<const StreamSpecifier> streams, layout::smmuv2::S2crType type,
                   unsigned bank = 0);
  /// The stream mapping entries of allocated streams, in their order (smendx).
  [[nodiscard]] std::vector<std::size_t> entries_of(const Device& device) const override;
  [[nodiscard]] bool entry_in_use(std::size_t entry) const override { return entries_[entry].users != 0; }

  /// A context bank that was free; ENOSPC: none.
  [[nodiscard]] Result<unsigned> alloc_context_bank();
  /// Programs and enables the bank and requests its interrupt.
  void enable_context_bank(unsigned bank, const ContextBankSetup& setup);
  /// Disables the bank, forgets what the TLB holds under `asid`, and frees it.
  void free_context_bank(unsigned bank, std::uint16_t asid);
  /// Gives back a bank that was never enabled.
  void release_context_bank(unsigned bank) { context_map_.reset(bank); }

  void tlb_invalidate_asid(unsigned bank, std::uint16_t asid);  ///< and waits
  /// By address, `granule` apart, in [iova, iova + size): leaf entries only, or all. Does not wait.
  void tlb_invalidate_range(unsigned bank, std::uint16_t asid, std::uint64_t iova, std::uint64_t size,
                            std::uint64_t granule, bool leaf_only);
  /// arm_smmu_tlb_inv_walk_s1(): what a table that goes away translated, and waits. Qualcomm's: the whole
  /// ASID.
  void tlb_invalidate_walk(unsigned bank, std::uint16_t asid, std::uint64_t iova, std::uint64_t size,
                           std::uint64_t granule);
  void tlb_sync_context(unsigned bank);

  [[nodiscard]] unsigned va_bits() const { return va_bits_; }
  [[nodiscard]] unsigned ipa_bits() const { return ipa_bits_; }
  [[nodiscard]] bool coherent_walk() const { return platform_.dma_coherent; }
  /// Enabled only in a power domain. Who accesses registers through this class, but for the functions for
  /// stream mapping entries of a device, must hold a reference.
  [[nodiscard]] RuntimePm& power() { return power_; }
  [[nodiscard]] const RuntimePm& power() const { return power_; }
  [[nodiscard]] const std::string& name() const { return platform_.name; }
  [[nodiscard]] HostBus& bus() const override { return *bus_; }

  [[nodiscard]] unsigned context_banks() const { return context_banks_; }
  [[nodiscard]] unsigned context_banks_used() const { return static_cast<unsigned>(context_map_.count()); }
  [[nodiscard]] unsigned stream_match_groups() const { return static_cast<unsigned>(entries_.size()); }
  [[nodiscard]] unsigned stream_match_groups_used() const;

 private:
  static constexpr unsigned max_context_banks = 128;

  struct StreamMapEntry {
    layout::smmuv2::S2CR s2cr;
    std::uint16_t id = 0;
    std::uint16_t mask = 0;
    bool valid = false;
    unsigned users = 0;  ///< 0 in a valid entry: the boot loader left it, and it is nobody's yet
  };

  [[nodiscard]] std::uint32_t gr0_read(std::uint32_t offset) const;
  void gr0_write(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] std::uint32_t gr1_read(std::uint32_t offset) const;
  void gr1_write(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] PhysAddr bank_address(unsigned bank, std::uint32_t offset) const;
  [[nodiscard]] std::uint32_t cb_read(unsigned bank, std::uint32_t offset) const;
  void cb_write(unsigned bank, std::uint32_t offset, std::uint32_t value);
  void cb_write64(unsigned bank, std::uint32_t offset, std::uint64_t value);

  [[nodiscard]] Status probe_device();
  [[nodiscard]] Status probe_id0();
  [[nodiscard]] Status probe_id1();
  [[nodiscard]] Status probe_id2();
  void preserve_boot_mappings();
  void reset();
  void reset_mmu500();
  void probe_qualcomm();
  void reserve_bypass_bank();
  void take_over_boot_entries();
  void test_smr_masks();
  [[nodiscard]] layout::smmuv2::S2CR unattached() const;
  void switch_power(bool on);
  void write_entry(std::size_t index);
  void write_s2cr(std::size_t index);
  void write_context_bank(unsigned bank);
  [[nodiscard]] Result<std::size_t> find_entry(std::uint32_t id, std::uint16_t mask) const;
  [[nodiscard]] std::optional<std::size_t> entry_of(const StreamSpecifier& stream) const;
  [[nodiscard]] bool release_entry(std::size_t index);
  void tlb_sync(PhysAddr sync, PhysAddr status);
  /// Something of the bank alone.
  [[nodiscard]] IrqOwner irq_owner(unsigned bank) const { return &bank_locks_[bank]; }
  void handle_context_fault(unsigned bank);
  void log_decoded_fault(layout::smmuv2::FSR fsr, layout::smmuv2::FSYNR0 fsynr0,
                         std::uint32_t cbfrsynra) const;
  void handle_global_fault();
  void say(LogLevel level, std::string_view text) const;

  HostBus* bus_;
  const KernelLog* log_;
  ArmSmmuRateLimits* limits_;
  ArmSmmuPlatform platform_;

  unsigned page_shift_ = 12;
  unsigned pages_ = 0;  ///< of the global address space: where the context banks begin
  unsigned context_banks_ = 0;
  unsigned first_stage1_bank_ = 0;
  unsigned va_bits_ = 0;
  unsigned ipa_bits_ = 0;
  std::uint16_t stream_id_mask_ = 0;
  std::uint16_t smr_mask_mask_ = 0;
  std::vector<StreamMapEntry> entries_;
  std::bitset<max_context_banks> context_map_;
  std::array<std::optional<ContextBankSetup>, max_context_banks> setups_{};  ///< of enabled banks (smmu->cbs)
  std::optional<unsigned>
      bypass_bank_;  ///< stands for S2CR's bypass, where the firmware does not let that be
  std::array<SpinLock, max_context_banks> bank_locks_;
  SpinLock global_sync_lock_;
  RuntimePm power_;
};

}  // namespace sidewinder::kernel

#endif
