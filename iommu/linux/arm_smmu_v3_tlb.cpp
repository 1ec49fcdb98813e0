// SPDX-License-Identifier: Apache-2.0
//
// Domains: mapping, and invalidating what was mapped.

#include <bit>

#include "iommu/linux/arm_smmu_v3_commands.h"
#include "iommu/linux/arm_smmu_v3_domain.h"

namespace sidewinder::kernel {

using namespace layout::smmuv3;

Status ArmSmmuV3Domain::map_pages(DmaAddr iova, PhysAddr base, std::uint64_t size, std::uint64_t count,
                                  IommuProt prot, std::uint64_t& mapped) {
  if (!tables_) return fail(Errno::ENODEV_);
  return tables_->map_pages(iova, base, size, count, prot, mapped);
}

std::uint64_t ArmSmmuV3Domain::unmap_pages(DmaAddr iova, std::uint64_t size, std::uint64_t count,
                                           IotlbGather& gather) {
  return tables_ ? tables_->unmap_pages(iova, size, count, gather) : 0;
}

std::optional<PhysAddr> ArmSmmuV3Domain::iova_to_phys(DmaAddr iova) const {
  return tables_ ? tables_->iova_to_phys(iova) : std::nullopt;
}

/// arm_smmu_tlb_inv_context()
void ArmSmmuV3Domain::flush_iotlb_all() {
  if (!tables_) return;
  const bool e2h = smmu_->features().is_set<ArmSmmuV3Features::E2h>();
  if (stage1())
    smmu_->commands().issue_with_sync(
        smmuv3_command::tlbi_asid(e2h ? Opcode::TLBI_EL2_ASID : Opcode::TLBI_NH_ASID, asid_.value_or(0)));
  else
    smmu_->commands().issue_with_sync(smmuv3_command::tlbi_vmall(vmid_.value_or(0)));
  invalidate_atcs(0, 0);
}

void ArmSmmuV3Domain::iotlb_sync(IotlbGather& gather) {
  if (gather.page_size == 0) return;
  invalidate_range(gather.start, gather.end - gather.start + 1, gather.page_size, true);
}

void ArmSmmuV3Domain::flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
  invalidate_range(iova, size, granule, false);
}

/// iommu_iotlb_gather_add_page(): what goes together is of one size and without a gap.
void ArmSmmuV3Domain::add_page(IotlbGather& gather, std::uint64_t iova, std::uint64_t granule) {
  if ((gather.page_size != 0 && gather.page_size != granule) || gather.is_disjoint(iova, granule)) {
    iotlb_sync(gather);
    gather = {};
  }
  gather.add(iova, granule);
}

/// arm_smmu_tlb_inv_range_domain()
void ArmSmmuV3Domain::invalidate_range(std::uint64_t iova, std::uint64_t size, std::uint64_t granule,
                                       bool leaf) {
  const ArmSmmuV3Features features = smmu_->features();
  Command base;
  if (stage1()) {
    const bool e2h = features.is_set<ArmSmmuV3Features::E2h>();
    base.set<Command::OP>(static_cast<std::uint64_t>(e2h ? Opcode::TLBI_EL2_VA : Opcode::TLBI_NH_VA))
        .set<Command::ASID>(asid_.value_or(0));
  } else {
    base.set<Command::OP>(static_cast<std::uint64_t>(Opcode::TLBI_S2_IPA))
        .set<Command::VMID>(vmid_.value_or(0));
  }
  const auto smallest = static_cast<unsigned>(std::countr_zero(tables_->format().config().page_sizes));
  smmuv3_command::RangeInvalidation commands(
      base, {.iova = iova, .size = size, .granule = granule, .leaf = leaf}, smallest,
      features.is_set<ArmSmmuV3Features::RangeInvalidation>());
  CommandBatch batch;
  while (!commands.done()) smmu_->commands().add(batch, commands.next());
  smmu_->commands().submit(batch);
  invalidate_atcs(iova, size);
}

/// arm_smmu_atc_inv_domain(), without SubstreamID. Not only leaves: a table may have gone.
void ArmSmmuV3Domain::invalidate_atcs(std::uint64_t iova, std::uint64_t size) {
  if (ats_masters_ == 0) return;
  const RuntimePm::Reference powered(smmu_->power());  // an endpoint's cache outlives the SMMU's power
  CommandBatch batch;
  for (const ArmSmmuV3Master* master : masters_) {
    if (!master->ats_enabled) continue;
    for (const std::uint32_t sid : master->streams)
      smmu_->commands().add(batch, smmuv3_command::atc_inv(sid, iova, size));
  }
  smmu_->commands().submit(batch);
}

}  // namespace sidewinder::kernel
