// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_domain.h"

#include <algorithm>
#include <bit>

#include "iommu/layout/smmuv2.h"
#include "iommu/linux/flush_queue.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv2;

constexpr std::uint64_t autosuspend_delay_ns = 20'000'000;
constexpr std::uint32_t sep_upstream = 7;  // sign-extend from the upstream bus's own sign bit, if it has one

ContextBankSetup setup_for(const IoPgtable::Registers& registers, std::uint16_t asid) {
  const TTBR asid_only = TTBR{}.set<TTBR::ASID>(asid);
  return {
      .ttbr0 = asid_only.raw | registers.ttbr,
      .ttbr1 = asid_only.raw,
      .mair = registers.mair,
      .tcr = TCR{}
                 .set<TCR::T0SZ>(registers.tsz)
                 .set<TCR::TG0>(registers.tg)
                 .set<TCR::SH0>(registers.sh)
                 .set<TCR::ORGN0>(registers.orgn)
                 .set<TCR::IRGN0>(registers.irgn)
                 .set<TCR::EPD1>(1)
                 .raw,
      .tcr2 = TCR2{}.set<TCR2::PASize>(registers.ips).set<TCR2::SEP>(sep_upstream).set<TCR2::AS>(1).raw,
  };
}

struct PageRun {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
};

/// iommu_pgsize(): the largest page for the start of a range, and how many of them before a larger one fits.
PageRun page_run(std::uint64_t iova, std::uint64_t base, std::uint64_t length) {
  const auto at_most = [](unsigned bit) { return ~std::uint64_t{0} >> (63 - bit); };
  const std::uint64_t merged = iova | base;
  std::uint64_t sizes = IoPgtable::page_sizes & at_most(static_cast<unsigned>(std::bit_width(length) - 1));
  if (merged != 0) sizes &= at_most(static_cast<unsigned>(std::countr_zero(merged)));
  const std::uint64_t size = std::bit_floor(sizes);

  const std::uint64_t larger = IoPgtable::page_sizes & ~(size | (size - 1));
  if (larger != 0) {
    const std::uint64_t next = larger & -larger;
    const bool alike = ((iova ^ base) & (next - 1)) == 0;
    const std::uint64_t to_boundary = next - (merged & (next - 1));
    if (alike && to_boundary + next <= length) length = to_boundary;
  }
  return {size, length / size};
}

}  // namespace

DmaDomain::DmaDomain(ArmSmmu& smmu, DomainType type, unsigned bank) : smmu_(&smmu), type_(type), bank_(bank) {
  if (is_dma_domain(type)) cookie_.type = DmaCookie::Type::Iova;
}

Result<std::unique_ptr<DmaDomain>> DmaDomain::create(ArmSmmu& smmu, PageAllocator& pages, DomainType type) {
  if (!is_paging_domain(type)) return std::unique_ptr<DmaDomain>(new DmaDomain(smmu, type, 0));
  const Result<unsigned> bank = smmu.alloc_context_bank();
  if (!bank) return fail(bank.error());
  std::unique_ptr<DmaDomain> domain(new DmaDomain(smmu, type, *bank));
  std::optional<IoPgtable> tables = IoPgtable::create(
      smmu.bus(), pages, *domain,
      {.ias = smmu.va_bits(), .oas = smmu.ipa_bits(), .coherent_walk = smmu.coherent_walk()});
  if (!tables) return fail(Errno::ENOMEM_);  // the bank was not touched yet
  domain->tables_.emplace(std::move(*tables));
  const RuntimePm::Reference powered(smmu.power());
  smmu.enable_context_bank(*bank, setup_for(domain->tables_->registers(), domain->asid()));
  return domain;
}

DmaDomain::~DmaDomain() {
  if (cookie_.flush_queue) cookie_.flush_queue->stop();
  if (!is_paging_domain(type_)) return;
  if (!tables_) {
    smmu_->release_context_bank(bank_);
    return;
  }
  const RuntimePm::Reference powered(smmu_->power());
  smmu_->free_context_bank(bank_, asid());
}

Status DmaDomain::attach(Device& device) {
  if (!device.in_stream_map) {
    if (Status status = smmu_->alloc_smes(device.streams); !status) return status;
    device.in_stream_map = true;
    device.iommu_power = &smmu_->power();
  }
  const RuntimePm::Reference powered(smmu_->power());
  if (is_paging_domain(type_))
    smmu_->attach_smes(device.streams, S2crType::Translation, bank_);
  else
    smmu_->attach_smes(device.streams, type_ == DomainType::Identity ? S2crType::Bypass : S2crType::Fault);
  smmu_->power().use_autosuspend(autosuspend_delay_ns);
  device.domain = this;
  device.iommu_dma = is_dma_domain(type_);
  return {};
}

Status DmaDomain::map(DmaAddr iova, PhysAddr base, std::uint64_t size, IommuProt prot) {
  if (((iova | base | size) & (page_size - 1)) != 0) return fail(Errno::EINVAL_);
  for (std::uint64_t done = 0; done < size;) {
    const PageRun run = page_run(iova + done, base + done, size - done);
    std::uint64_t mapped = 0;
    const RuntimePm::Reference powered(smmu_->power());
    Status status = tables_->map_pages(iova + done, base + done, run.size, run.count, prot, mapped);
    done += mapped;
    if (!status) {
      if (done != 0) unmap(iova, done);
      return status;
    }
  }
  return {};
}

std::uint64_t DmaDomain::unmap(DmaAddr iova, std::uint64_t size) {
  if (((iova | size) & (page_size - 1)) != 0) return 0;
  const std::uint64_t done = unmap_fast(iova, size, false);
  iotlb_sync();
  return done;
}

std::uint64_t DmaDomain::unmap_fast(DmaAddr iova, std::uint64_t size, bool queued) {
  if (((iova | size) & (page_size - 1)) != 0) return 0;
  std::uint64_t done = 0;
  while (done < size) {
    const PageRun run = page_run(iova + done, iova + done, size - done);
    const RuntimePm::Reference powered(smmu_->power());
    const std::uint64_t unmapped = tables_->unmap_pages(iova + done, run.size, run.count, queued);
    if (unmapped == 0) break;
    done += unmapped;
  }
  return done;
}

void DmaDomain::iotlb_sync() {
  const RuntimePm::Reference powered(smmu_->power());
  smmu_->tlb_sync_context(bank_);
}

void DmaDomain::flush_iotlb_all() {
  const RuntimePm::Reference powered(smmu_->power());
  smmu_->tlb_invalidate_asid(bank_, asid());
}

void DmaDomain::flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
  smmu_->tlb_invalidate_walk(bank_, asid(), iova, size, granule);
}

void DmaDomain::add_page(std::uint64_t iova, std::uint64_t granule) {
  smmu_->tlb_invalidate_range(bank_, asid(), iova, granule, granule, true);
}

}  // namespace sidewinder::kernel
