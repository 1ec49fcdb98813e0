// SPDX-License-Identifier: Apache-2.0
//
// arm-smmu behind the IOMMU core: its devices, and domains on context banks (struct arm_smmu_domain).

#include <memory>
#include <utility>

#include "iommu/layout/smmuv2.h"
#include "iommu/linux/arm_smmu.h"
#include "iommu/linux/io_pgtable.h"

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

void attach_streams(ArmSmmu& smmu, Device& device, S2crType type, unsigned bank = 0) {
  const RuntimePm::Reference powered(smmu.power());
  smmu.attach_smes(device.streams, type, bank);
  smmu.power().use_autosuspend(autosuspend_delay_ns);
}

/// Identity and blocked: nothing is translated, so that nothing is mapped.
class PassingDomain final : public IommuDomainOps {
 public:
  PassingDomain(ArmSmmu& smmu, S2crType type) : smmu_(&smmu), type_(type) {}

  Status attach(Device& device) override {
    attach_streams(*smmu_, device, type_);
    return {};
  }
  Status map_pages(DmaAddr, PhysAddr, std::uint64_t, std::uint64_t, IommuProt, std::uint64_t&) override {
    return fail(Errno::ENODEV_);
  }
  std::uint64_t unmap_pages(DmaAddr, std::uint64_t, std::uint64_t, IotlbGather&) override { return 0; }
  void flush_iotlb_all() override {}
  void iotlb_sync(IotlbGather&) override {}
  [[nodiscard]] std::optional<PhysAddr> iova_to_phys(DmaAddr) const override { return std::nullopt; }
  [[nodiscard]] unsigned input_bits() const override { return smmu_->va_bits(); }

 private:
  ArmSmmu* smmu_;
  S2crType type_;
};

class BankDomain final : public IommuDomainOps, private TlbFlush {
 public:
  BankDomain(ArmSmmu& smmu, unsigned bank) : smmu_(&smmu), bank_(bank) {}
  BankDomain(const BankDomain&) = delete;
  BankDomain& operator=(const BankDomain&) = delete;

  ~BankDomain() override {
    if (!tables_) {
      smmu_->release_context_bank(bank_);
      return;
    }
    const RuntimePm::Reference powered(smmu_->power());
    smmu_->free_context_bank(bank_, asid());
  }

  /// ENOMEM: no page; the bank was not touched then.
  [[nodiscard]] Status enable(PageAllocator& pages) {
    std::optional<IoPgtable> tables = IoPgtable::create(
        smmu_->bus(), pages, *this,
        {.ias = smmu_->va_bits(), .oas = smmu_->ipa_bits(), .coherent_walk = smmu_->coherent_walk()});
    if (!tables) return fail(Errno::ENOMEM_);
    tables_.emplace(std::move(*tables));
    const RuntimePm::Reference powered(smmu_->power());
    smmu_->enable_context_bank(bank_, setup_for(tables_->registers(), asid()));
    return {};
  }

  Status attach(Device& device) override {
    attach_streams(*smmu_, device, S2crType::Translation, bank_);
    return {};
  }
  Status map_pages(DmaAddr iova, PhysAddr base, std::uint64_t size, std::uint64_t count, IommuProt prot,
                   std::uint64_t& mapped) override {
    const RuntimePm::Reference powered(smmu_->power());
    return tables_->map_pages(iova, base, size, count, prot, mapped);
  }
  std::uint64_t unmap_pages(DmaAddr iova, std::uint64_t size, std::uint64_t count,
                            IotlbGather& gather) override {
    const RuntimePm::Reference powered(smmu_->power());
    return tables_->unmap_pages(iova, size, count, gather);
  }
  void flush_iotlb_all() override {
    const RuntimePm::Reference powered(smmu_->power());
    smmu_->tlb_invalidate_asid(bank_, asid());
  }
  void iotlb_sync(IotlbGather&) override {
    const RuntimePm::Reference powered(smmu_->power());
    smmu_->tlb_sync_context(bank_);
  }
  [[nodiscard]] std::optional<PhysAddr> iova_to_phys(DmaAddr iova) const override {
    return tables_->iova_to_phys(iova);
  }
  [[nodiscard]] unsigned input_bits() const override { return smmu_->va_bits(); }
  [[nodiscard]] std::optional<unsigned> context_bank() const override { return bank_; }

 private:
  [[nodiscard]] std::uint16_t asid() const { return static_cast<std::uint16_t>(bank_); }

  void flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override {
    smmu_->tlb_invalidate_walk(bank_, asid(), iova, size, granule);
  }
  /// arm_smmu_tlb_add_page_s1(): at once; only waiting is left for later.
  void add_page(IotlbGather&, std::uint64_t iova, std::uint64_t granule) override {
    smmu_->tlb_invalidate_range(bank_, asid(), iova, granule, granule, true);
  }

  ArmSmmu* smmu_;
  unsigned bank_;
  std::optional<IoPgtable> tables_;
};

}  // namespace

Status ArmSmmu::probe_device(Device& device) {
  if (Status status = alloc_smes(device.streams); !status) return status;
  device.in_stream_map = true;
  device.iommu_power = &power_;
  return {};
}

void ArmSmmu::release_device(Device& device) {
  free_smes(device.streams);
  device.in_stream_map = false;
}

Result<std::unique_ptr<IommuDomainOps>> ArmSmmu::alloc_domain(PageAllocator& pages, DomainType type) {
  if (!is_paging_domain(type))
    return std::make_unique<PassingDomain>(*this,
                                           type == DomainType::Identity ? S2crType::Bypass : S2crType::Fault);
  const Result<unsigned> bank = alloc_context_bank();
  if (!bank) return fail(bank.error());
  auto domain = std::make_unique<BankDomain>(*this, *bank);
  if (Status status = domain->enable(pages); !status) return fail(status.error());
  return domain;
}

}  // namespace sidewinder::kernel
