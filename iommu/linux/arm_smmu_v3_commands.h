// SPDX-License-Identifier: Apache-2.0
//
// The commands that Linux 6.1 gives an SMMUv3 (arm_smmu_cmdq_build_cmd()), and which of them invalidate a
// range (__arm_smmu_tlb_inv_range(), arm_smmu_atc_inv_to_cmd()).

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_COMMANDS_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_COMMANDS_H

#include <cstdint>

#include "iommu/layout/smmuv3_pri.h"
#include "iommu/layout/smmuv3_queue.h"
#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel::smmuv3_command {

using layout::smmuv3::Command;
using layout::smmuv3::Opcode;

/// One without operands: CFGI_ALL is CFGI_STE_RANGE here, over all StreamIDs.
[[nodiscard]] Command all(Opcode opcode);
[[nodiscard]] Command prefetch_config(std::uint32_t sid);
[[nodiscard]] Command cfgi_ste(std::uint32_t sid);  ///< of the STE alone, not of an L1STD
/// `leaf`: of the CD alone.
[[nodiscard]] Command cfgi_cd(std::uint32_t sid, std::uint32_t ssid, bool leaf);
[[nodiscard]] Command tlbi_asid(Opcode opcode, std::uint16_t asid);  ///< TLBI_NH_ASID, TLBI_EL2_ASID
[[nodiscard]] Command tlbi_vmall(std::uint16_t vmid);                ///< TLBI_S12_VMALL
/// Makes the stalled transaction abort.
[[nodiscard]] Command resume_abort(std::uint32_t sid, std::uint16_t stag);
/// Denies the page request group of a PRI queue record.
[[nodiscard]] Command pri_resp_deny(const layout::smmuv3::PageRequestRecord& record);
[[nodiscard]] Command sync();                       ///< signals by an event (SEV)
[[nodiscard]] Command sync_msi(PhysAddr doorbell);  ///< writes 32 bits of zeros to `doorbell`
/// Without SubstreamID, whatever is within the smallest 2^n pages around [iova, iova + size); with size 0
/// everything.
[[nodiscard]] Command atc_inv(std::uint32_t sid, std::uint64_t iova, std::uint64_t size);

/// Commands by address that cover a range, one after another.
class RangeInvalidation {
 public:
  struct Range {
    std::uint64_t iova = 0;
    std::uint64_t size = 0;     ///< bytes
    std::uint64_t granule = 0;  ///< of each leaf; of tables that go, the last level's
    bool leaf = false;          ///< only leaves go
  };

  /// `base`: opcode, and ASID or VMID. `page_shift`: log2 of the smallest page of the tables. Without
  /// `range_commands` (IDR3.RIL) there is one command for each granule.
  RangeInvalidation(const Command& base, const Range& range, unsigned page_shift, bool range_commands);

  [[nodiscard]] bool done() const { return iova_ >= end_; }
  [[nodiscard]] Command next();

 private:
  Command command_;
  std::uint64_t iova_;
  std::uint64_t end_;
  std::uint64_t granule_;
  std::uint64_t pages_left_;
  unsigned page_shift_;
  bool range_commands_;
};

}  // namespace sidewinder::kernel::smmuv3_command

#endif
