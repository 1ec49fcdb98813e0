// SPDX-License-Identifier: Apache-2.0
//
// A domain of an SMMUv3 (struct arm_smmu_domain): what its masters' stream table entries say, its tables, and
// what it invalidates.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_DOMAIN_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_DOMAIN_H

#include <cstdint>
#include <list>
#include <optional>

#include "iommu/layout/smmuv3_ste.h"
#include "iommu/linux/arm_smmu_v3.h"
#include "iommu/linux/arm_smmu_v3_cd.h"
#include "iommu/linux/io_pgtable.h"
#include "iommu/linux/iommu_ops.h"

namespace sidewinder::kernel {

class ArmSmmuV3Domain final : public IommuDomainOps, private TlbFlush {
 public:
  ArmSmmuV3Domain(ArmSmmuV3& smmu, PageAllocator& pages, DomainType type);
  ArmSmmuV3Domain(const ArmSmmuV3Domain&) = delete;
  ArmSmmuV3Domain& operator=(const ArmSmmuV3Domain&) = delete;
  /// arm_smmu_domain_free(). The core attaches its masters elsewhere first.
  ~ArmSmmuV3Domain() override;

  /// arm_smmu_attach_dev(). The first device of a domain that translates decides on its SubstreamIDs and
  /// stalls. EINVAL: the device's are others. EBUSY: no ASID. ENOSPC: no VMID. ENOMEM. After an error the
  /// device's streams are unattached.
  [[nodiscard]] Status attach(Device& device) override;
  [[nodiscard]] Status enable_nesting() override;
  /// arm_smmu_detach_dev()
  static void detach(ArmSmmuV3& smmu, ArmSmmuV3Master& master);

  [[nodiscard]] Status map_pages(DmaAddr iova, PhysAddr base, std::uint64_t size, std::uint64_t count,
                                 IommuProt prot, std::uint64_t& mapped) override;
  [[nodiscard]] std::uint64_t unmap_pages(DmaAddr iova, std::uint64_t size, std::uint64_t count,
                                          IotlbGather& gather) override;
  void flush_iotlb_all() override;
  void iotlb_sync(IotlbGather& gather) override;
  [[nodiscard]] std::optional<PhysAddr> iova_to_phys(DmaAddr iova) const override;
  [[nodiscard]] unsigned input_bits() const override;

  [[nodiscard]] std::optional<std::uint16_t> asid() const { return asid_; }  ///< stage 1, once attached
  [[nodiscard]] std::optional<std::uint16_t> vmid() const { return vmid_; }  ///< stage 2, once attached

 private:
  [[nodiscard]] bool stage1() const;
  [[nodiscard]] Status finalise(const ArmSmmuV3Master& master);
  [[nodiscard]] Status finalise_stage1(const ArmSmmuV3Master& master);
  [[nodiscard]] Status finalise_stage2();
  [[nodiscard]] Status check_compatible(const ArmSmmuV3Master& master) const;
  [[nodiscard]] layout::smmuv3::Ste ste_for(const ArmSmmuV3Master& master) const;
  void install_stes(const ArmSmmuV3Master& master);
  void enable_ats(ArmSmmuV3Master& master);
  void disable_ats(ArmSmmuV3Master& master);
  void sync_cd(bool leaf);

  void flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override;
  void add_page(IotlbGather& gather, std::uint64_t iova, std::uint64_t granule) override;
  void invalidate_range(std::uint64_t iova, std::uint64_t size, std::uint64_t granule, bool leaf);
  void invalidate_atcs(std::uint64_t iova, std::uint64_t size);

  ArmSmmuV3* smmu_;
  PageAllocator* pages_;
  DomainType type_;
  bool nested_ = false;
  bool stall_enabled_ = false;
  unsigned ats_masters_ = 0;
  std::list<ArmSmmuV3Master*> masters_;  ///< the last that was attached first
  std::optional<IoPgtable> tables_;      ///< once a device was attached
  std::optional<ArmSmmuV3CdTable> cds_;
  std::optional<std::uint16_t> asid_;
  std::optional<std::uint16_t> vmid_;
};

}  // namespace sidewinder::kernel

#endif
