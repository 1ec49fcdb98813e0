// SPDX-License-Identifier: Apache-2.0
//
// The stream table of an SMMUv3 (struct arm_smmu_strtab_cfg), linear or of two levels, and its entries in
// the order in which Linux 6.1 writes them.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_STRTAB_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_STRTAB_H

#include <cstdint>
#include <vector>

#include "iommu/layout/smmuv3_ste.h"
#include "iommu/linux/arm_smmu_v3_cmdq.h"
#include "iommu/linux/arm_smmu_v3_io.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {

class ArmSmmuV3StreamTable {
 public:
  static constexpr unsigned split = 8;  // STRTAB_SPLIT

  /// `disable_bypass`: streams without a domain abort.
  ArmSmmuV3StreamTable(const ArmSmmuV3Io& io, PageAllocator& pages, ArmSmmuV3CommandQueue& commands,
                       bool disable_bypass)
      : io_(&io), pages_(&pages), commands_(&commands), disable_bypass_(disable_bypass) {}

  /// arm_smmu_init_strtab(): for StreamIDs of `sid_bits`, all of them unattached. ENOMEM: no memory.
  [[nodiscard]] Status init(unsigned sid_bits, bool two_level);

  /// What STRTAB_BASE and STRTAB_BASE_CFG are set to.
  [[nodiscard]] std::uint64_t base_register() const;
  [[nodiscard]] std::uint32_t config_register() const { return config_; }

  /// arm_smmu_init_sid_strtab(): there is an STE from now on. ERANGE: not of this table. ENOMEM: no memory.
  [[nodiscard]] Status reach(std::uint32_t sid);

  // arm_smmu_write_strtab_ent(), of a StreamID that was reached. All wait for the SMMU.

  void write_unattached(std::uint32_t sid);  ///< abort, or with disable_bypass off bypass
  void write_abort(std::uint32_t sid);
  void write_bypass(std::uint32_t sid);
  /// `ste` translates: its words 0 and 1 with stage 1; 0, 2 and 3 with stage 2, and EATS of word 1 in both.
  /// `prefetch`: with CMD_PREFETCH_CONFIG at the end.
  void write_translating(std::uint32_t sid, const layout::smmuv3::Ste& ste, bool prefetch);

 private:
  [[nodiscard]] Status init_linear(unsigned sid_bits);
  [[nodiscard]] Status init_two_level(unsigned sid_bits);
  void fill_unattached(PhysAddr stes, std::uint64_t count) const;
  void write_not_translating(std::uint32_t sid, std::uint64_t config);
  [[nodiscard]] PhysAddr ste_of(std::uint32_t sid) const;
  [[nodiscard]] std::uint64_t unattached_config() const;

  const ArmSmmuV3Io* io_;
  PageAllocator* pages_;
  ArmSmmuV3CommandQueue* commands_;
  bool disable_bypass_;
  bool two_level_ = false;
  PhysAddr base_ = 0;
  std::uint32_t config_ = 0;
  std::uint64_t limit_ = 0;       ///< StreamIDs below
  std::vector<PhysAddr> level2_;  ///< by entry of level 1; 0: not there yet
};

}  // namespace sidewinder::kernel

#endif
