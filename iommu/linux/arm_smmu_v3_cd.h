// SPDX-License-Identifier: Apache-2.0
//
// A stage-1 domain's table of context descriptors (struct arm_smmu_s1_cfg). The domain's own descriptor is
// that of SubstreamID 0; others would be of shared virtual addressing, which is not here.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_CD_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_CD_H

#include <cstdint>
#include <functional>
#include <optional>

#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/linux/arm_smmu_v3_io.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {

class ArmSmmuV3CdTable {
 public:
  static constexpr unsigned split = 10;             // CTXDESC_SPLIT
  static constexpr unsigned most_linear_bits = 10;  // CTXDESC_LINEAR_CDMAX: 64 KiB

  /// Tells the SMMU, and waits: `leaf` as arm_smmu_sync_cd() has it.
  using Sync = std::function<void(bool leaf)>;

  /// arm_smmu_alloc_cd_tables(): of 2^ssid_bits descriptors, of two levels where the SMMU has them and one
  /// would not do. nullopt: no memory, which it says.
  [[nodiscard]] static std::optional<ArmSmmuV3CdTable> create(const ArmSmmuV3Io& io, PageAllocator& pages,
                                                              unsigned ssid_bits, bool two_level);

  ArmSmmuV3CdTable(ArmSmmuV3CdTable&& other) noexcept;
  ArmSmmuV3CdTable& operator=(ArmSmmuV3CdTable&&) = delete;
  ~ArmSmmuV3CdTable();

  /// arm_smmu_write_ctx_desc(), once: its word 0, with V, after the SMMU has seen the others. ENOMEM: no
  /// memory for a second level, which it says.
  [[nodiscard]] Status install(const layout::smmuv3::Cd& cd, const Sync& sync);

  /// S1ContextPtr, S1Fmt and S1CDMax.
  void describe(layout::smmuv3::Ste& ste) const;
  [[nodiscard]] unsigned ssid_bits() const { return ssid_bits_; }

 private:
  ArmSmmuV3CdTable(const ArmSmmuV3Io& io, PageAllocator& pages, unsigned ssid_bits, bool two_level,
                   PhysAddr base)
      : io_(&io), pages_(&pages), ssid_bits_(ssid_bits), two_level_(two_level), base_(base) {}

  const ArmSmmuV3Io* io_;
  PageAllocator* pages_;
  unsigned ssid_bits_;
  bool two_level_;
  PhysAddr base_;        ///< 0: moved from
  PhysAddr level2_ = 0;  ///< of the first SubstreamIDs, once a descriptor is there
};

}  // namespace sidewinder::kernel

#endif
