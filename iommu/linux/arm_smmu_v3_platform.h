// SPDX-License-Identifier: Apache-2.0
//
// What the SMMUv3 driver is told of its SMMU, what it learns, and what all SMMUv3s of a kernel have in
// common.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_PLATFORM_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_PLATFORM_H

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "iommu/layout/bits.h"
#include "iommu/linux/arm_smmu_v3_cmdq.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/kernel_version.h"
#include "iommu/linux/log.h"

namespace sidewinder::kernel {

/// A message that the platform's interrupt controller takes for one of the SMMU's interrupts.
struct ArmSmmuV3Msi {
  /// enum arm_smmu_msi_index
  enum Source : std::uint8_t { Events, Errors, PageRequests };
  static constexpr std::size_t sources = 3;

  PhysAddr address = 0;
  std::uint32_t data = 0;
  unsigned irq = 0;
};

/// What device tree and command line say of the SMMU.
struct ArmSmmuV3Platform {
  std::string name;  ///< dev_name()
  PhysAddr base = 0;
  std::uint64_t size = 0;
  std::optional<unsigned> combined_irq{};  ///< then the others are not looked at
  /// By ArmSmmuV3Msi::Source.
  std::array<std::optional<unsigned>, ArmSmmuV3Msi::sources> irqs{};
  /// By ArmSmmuV3Msi::Source; none: the platform has no controller for messages of the SMMU.
  std::optional<std::array<ArmSmmuV3Msi, ArmSmmuV3Msi::sources>> msis{};
  std::optional<PowerDomain> power_domain{};
  bool runtime_pm = false;  ///< the driver has the proposed run-time PM, and uses it in a power domain
  bool dma_coherent = false;
  bool broken_prefetch = false;     ///< hisilicon,broken-prefetch-cmd
  bool page0_only = false;          ///< cavium,cn9900-broken-page1-regspace
  bool vhe = false;                 ///< the kernel runs at EL2, and so do its streams where the SMMU can
  bool disable_bypass = true;       ///< arm-smmu-v3.disable_bypass: streams without a domain abort
  bool disable_msipolling = false;  ///< arm-smmu-v3.disable_msipolling
  KernelVersion version{};          ///< from 6.14 on events are logged decoded
};

/// ARM_SMMU_FEAT_*, as the kernel's log shows them.
struct ArmSmmuV3Features : layout::Bits<ArmSmmuV3Features, std::uint32_t> {
  using TwoLevelStreamTable = Field<0>;
  using TwoLevelCdTable = Field<1>;
  using LittleEndianTables = Field<2>;
  using BigEndianTables = Field<3>;
  using Pri = Field<4>;
  using Ats = Field<5>;
  using Sev = Field<6>;
  using Msi = Field<7>;
  using Coherency = Field<8>;
  using Stage1 = Field<9>;
  using Stage2 = Field<10>;
  using Stalls = Field<11>;
  using Hyp = Field<12>;
  using StallForce = Field<13>;
  using Vax = Field<14>;
  using RangeInvalidation = Field<15>;
  using E2h = Field<18>;
  using Nesting = Field<19>;
};

/// Of a kernel, not of an SMMU.
struct ArmSmmuV3Shared {
  ArmSmmuV3CommandRateLimits commands;
  RateLimit events{"arm_smmu_evtq_thread"};
  std::set<std::uint16_t> asids;  ///< in use (arm_smmu_asid_xa)
};

}  // namespace sidewinder::kernel

#endif
