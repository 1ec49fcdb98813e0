// SPDX-License-Identifier: Apache-2.0
//
// The driver for SMMUv3 as Linux 6.1 has it (drivers/iommu/arm/arm-smmu-v3/): probing, reset, stream table,
// interrupts, and the masters behind it. Its domains are in arm_smmu_v3_domain.h.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_H

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "iommu/layout/smmuv3_event.h"
#include "iommu/layout/smmuv3_pri.h"
#include "iommu/linux/arm_smmu_v3_cmdq.h"
#include "iommu/linux/arm_smmu_v3_io.h"
#include "iommu/linux/arm_smmu_v3_platform.h"
#include "iommu/linux/arm_smmu_v3_queue.h"
#include "iommu/linux/arm_smmu_v3_strtab.h"
#include "iommu/linux/dma.h"
#include "iommu/linux/iommu_ops.h"
#include "iommu/linux/runtime_pm.h"

namespace sidewinder::kernel {

class ArmSmmuV3Domain;

/// A device behind it (struct arm_smmu_master).
struct ArmSmmuV3Master {
  Device* device = nullptr;
  std::vector<std::uint32_t> streams;
  ArmSmmuV3Domain* domain = nullptr;  ///< null: its streams are unattached
  unsigned ssid_bits = 0;
  bool stall_enabled = false;
  bool ats_enabled = false;  ///< in its STEs
};

class ArmSmmuV3 : public IommuOps {
 public:
  /// Queues and tables come from `pages`.
  ArmSmmuV3(HostBus& bus, PageAllocator& pages, const KernelLog& log, ArmSmmuV3Shared& shared,
            ArmSmmuV3Platform platform);
  ArmSmmuV3(const ArmSmmuV3&) = delete;
  ArmSmmuV3& operator=(const ArmSmmuV3&) = delete;

  /// arm_smmu_device_probe(). EINVAL: too few registers. ENXIO: nothing this driver can use. ENODEV: no 4 KiB
  /// granule, which Linux would do without. ENOMEM. ETIMEDOUT: a register is not acknowledged. In a power
  /// domain it has power from now on, not after an error. With run-time PM it suspends where nothing refers
  /// to power(); no release has that.
  [[nodiscard]] Status probe();

  /// arm_smmu_probe_device(). ERANGE: a StreamID that the stream table does not have. EINVAL: one that is
  /// another device's. ENOMEM.
  [[nodiscard]] Status probe_device(Device& device) override;
  void release_device(Device& device) override;
  [[nodiscard]] Result<std::unique_ptr<IommuDomainOps>> alloc_domain(PageAllocator& pages,
                                                                     DomainType type) override;
  [[nodiscard]] HostBus& bus() const override { return *io_.bus; }

  /// Enabled only with run-time PM in a power domain. Commands need no reference: while it is suspended they
  /// are not issued, since a resume invalidates everything.
  [[nodiscard]] RuntimePm& power() { return power_; }
  [[nodiscard]] const RuntimePm& power() const { return power_; }

  // For its domains.

  [[nodiscard]] ArmSmmuV3Master* master_of(const Device& device) const;
  [[nodiscard]] const ArmSmmuV3Platform& platform() const { return platform_; }
  [[nodiscard]] const ArmSmmuV3Io& io() const { return io_; }
  [[nodiscard]] ArmSmmuV3CommandQueue& commands() { return commands_; }
  [[nodiscard]] ArmSmmuV3StreamTable& streams() { return stream_table_; }
  [[nodiscard]] ArmSmmuV3Features features() const { return features_; }
  [[nodiscard]] unsigned ipa_bits() const { return ias_; }
  [[nodiscard]] unsigned output_bits() const { return oas_; }
  [[nodiscard]] std::uint64_t page_sizes() const { return page_sizes_; }
  /// The lowest free. EBUSY, ENOSPC: none.
  [[nodiscard]] Result<std::uint16_t> alloc_asid();
  void free_asid(std::uint16_t asid) { shared_->asids.erase(asid); }
  [[nodiscard]] Result<std::uint16_t> alloc_vmid();
  void free_vmid(std::uint16_t vmid) { vmids_.erase(vmid); }

 private:
  [[nodiscard]] Status probe_device();
  [[nodiscard]] Status probe_hardware();
  [[nodiscard]] Status probe_idr0();
  [[nodiscard]] Status probe_idr1();
  [[nodiscard]] Status probe_idr5();
  void probe_iidr();
  [[nodiscard]] Status init_structures();

  [[nodiscard]] Status reset();
  [[nodiscard]] Status enable(std::uint32_t& enables, std::uint32_t more, const char* what);
  [[nodiscard]] Status disable();
  [[nodiscard]] Status write_acknowledged(std::uint32_t offset, std::uint32_t ack, std::uint32_t value);
  void abort_by_gbpa();
  [[nodiscard]] bool gbpa_updated(std::uint32_t& value) const;
  [[nodiscard]] Status set_up_irqs();
  void clear_msis();
  void write_msi(ArmSmmuV3Msi::Source source);
  void restore_msis();
  void set_up_msis();
  void request_combined_irq(unsigned irq);
  void request_unique_irqs();
  void request_irq(ArmSmmuV3Msi::Source source, const char* name, const char* without,
                   HostBus::Callback handler);

  void switch_power(bool on);
  void suspend();
  void resume();

  void handle_events();
  [[nodiscard]] Status handle_event(const layout::smmuv3::Event& event);
  void log_event(const layout::smmuv3::Event& event) const;
  void log_decoded(const layout::smmuv3::Event& event) const;
  void handle_page_requests();
  void handle_page_request(const layout::smmuv3::PageRequestRecord& record);
  void on_global_error();
  void handle_global_errors();

  [[nodiscard]] const ArmSmmuV3Master* master_of_stream(std::uint32_t sid) const;

  ArmSmmuV3Io io_;
  PageAllocator* pages_;
  ArmSmmuV3Shared* shared_;
  ArmSmmuV3Platform platform_;

  ArmSmmuV3Features features_;
  ArmSmmuV3CommandQueue::Options command_options_;
  unsigned command_shift_ = 0, event_shift_ = 0, pri_shift_ = 0;
  unsigned ias_ = 0, oas_ = 0;
  unsigned asid_bits_ = 8, vmid_bits_ = 8, ssid_bits_ = 0, sid_bits_ = 0;
  std::uint64_t page_sizes_ = 0;

  ArmSmmuV3CommandQueue commands_;
  ArmSmmuV3Queue events_;
  ArmSmmuV3Queue page_requests_;
  ArmSmmuV3StreamTable stream_table_;
  bool msis_ = false;            ///< its interrupts are messages
  bool irqs_requested_ = false;  ///< and stay so when it is reset again
  RuntimePm power_;

  std::set<std::uint16_t> vmids_{0};  ///< in use; 0 is that of streams that bypass
  std::map<const Device*, std::unique_ptr<ArmSmmuV3Master>> masters_;  ///< only looked up
  std::map<std::uint32_t, const ArmSmmuV3Master*> streams_;            ///< by StreamID
};

}  // namespace sidewinder::kernel

#endif
