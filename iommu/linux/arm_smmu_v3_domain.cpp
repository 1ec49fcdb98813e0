// SPDX-License-Identifier: Apache-2.0
//
// Domains: what they are made of, and attaching devices.

#include "iommu/linux/arm_smmu_v3_domain.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "iommu/linux/arm_smmu_v3_commands.h"
#include "iommu/linux/dma_device.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv3;

constexpr unsigned va_bits = 48;  // VA_BITS, as distributions configure it
constexpr std::uint64_t s1dss_substream0 = 2;
constexpr std::uint64_t table_write_back = 1;  // S1CIR, S1COR: write-back, read-allocate
constexpr std::uint64_t inner_shareable = 3;

/// Bridged PCI devices may have a StreamID twice; its STE is written once.
template <typename Write>
void for_each_stream(const ArmSmmuV3Master& master, Write write) {
  for (auto sid = master.streams.begin(); sid != master.streams.end(); ++sid)
    if (std::find(master.streams.begin(), sid, *sid) == sid) write(*sid);
}

Cd cd_for(const IoPgtable::Registers& registers, std::uint16_t asid, bool stall) {
  return Cd{}
      .set<Cd::T0SZ>(registers.tsz)
      .set<Cd::TG0>(registers.tg)
      .set<Cd::IR0>(registers.irgn)
      .set<Cd::OR0>(registers.orgn)
      .set<Cd::SH0>(registers.sh)
      .set<Cd::EPD1>(1)
      .set<Cd::V>(1)
      .set<Cd::IPS>(registers.ips)
      .set<Cd::AA64>(1)
      .set<Cd::S>(stall ? 1 : 0)
      .set<Cd::R>(1)
      .set<Cd::A>(1)
      .set<Cd::ASET>(1)
      .set<Cd::ASID>(asid)
      .set_address<Cd::TTB0>(registers.ttbr)
      .set<Cd::MAIR0>(registers.mair)
      .set<Cd::MAIR1>(registers.mair >> 32);
}

/// arm_smmu_ats_supported()
bool ats_supported(const ArmSmmuV3& smmu, const Device& device) {
  return smmu.features().is_set<ArmSmmuV3Features::Ats>() && device.pci && device.pci->ats;
}

}  // namespace

ArmSmmuV3Domain::ArmSmmuV3Domain(ArmSmmuV3& smmu, PageAllocator& pages, DomainType type)
    : smmu_(&smmu), pages_(&pages), type_(type) {}

ArmSmmuV3Domain::~ArmSmmuV3Domain() {
  for (ArmSmmuV3Master* master : masters_) master->domain = nullptr;
  masters_.clear();
  ats_masters_ = 0;
  if (tables_) flush_iotlb_all();  // free_io_pgtable_ops()
  tables_.reset();
  cds_.reset();
  if (asid_) smmu_->free_asid(*asid_);
  if (vmid_) smmu_->free_vmid(*vmid_);
}

/// Stage 2 only where there is no stage 1, or one is to come on top of it.
bool ArmSmmuV3Domain::stage1() const {
  const ArmSmmuV3Features features = smmu_->features();
  if (!features.is_set<ArmSmmuV3Features::Stage2>()) return true;
  return features.is_set<ArmSmmuV3Features::Stage1>() && !nested_;
}

unsigned ArmSmmuV3Domain::input_bits() const {
  return stage1() ? va_bits : smmu_->ipa_bits();
}

Status ArmSmmuV3Domain::enable_nesting() {
  if (tables_) return fail(Errno::EBUSY_);
  nested_ = true;
  return {};
}

Status ArmSmmuV3Domain::finalise(const ArmSmmuV3Master& master) {
  std::optional<IoPgtable> tables =
      IoPgtable::create(smmu_->bus(), *pages_, *this,
                        {.ias = input_bits(),
                         .oas = stage1() ? smmu_->ipa_bits() : smmu_->output_bits(),
                         .coherent_walk = smmu_->platform().dma_coherent,
                         .format = stage1() ? IoPgtableFormat::Arm64LpaeS1 : IoPgtableFormat::Arm64LpaeS2,
                         .page_sizes = smmu_->page_sizes()});
  if (!tables) return fail(Errno::ENOMEM_);
  tables_.emplace(std::move(*tables));
  Status status = stage1() ? finalise_stage1(master) : finalise_stage2();
  if (!status) {
    flush_iotlb_all();
    tables_.reset();
  }
  return status;
}

Status ArmSmmuV3Domain::finalise_stage1(const ArmSmmuV3Master& master) {
  const Result<std::uint16_t> asid = smmu_->alloc_asid();
  if (!asid) return fail(asid.error());
  stall_enabled_ = master.stall_enabled;
  const bool two_level = smmu_->features().is_set<ArmSmmuV3Features::TwoLevelCdTable>();
  std::optional<ArmSmmuV3CdTable> cds =
      ArmSmmuV3CdTable::create(smmu_->io(), *pages_, master.ssid_bits, two_level);
  // The master is on no list yet, so that what is synchronised is a queue without a command.
  if (!cds || !cds->install(cd_for(tables_->registers(), *asid, stall_enabled_),
                            [this](bool leaf) { sync_cd(leaf); })) {
    smmu_->free_asid(*asid);
    return fail(Errno::ENOMEM_);
  }
  cds_.emplace(std::move(*cds));
  asid_ = *asid;
  return {};
}

Status ArmSmmuV3Domain::finalise_stage2() {
  const Result<std::uint16_t> vmid = smmu_->alloc_vmid();
  if (!vmid) return fail(vmid.error());
  vmid_ = *vmid;
  return {};
}

/// arm_smmu_sync_cd()
void ArmSmmuV3Domain::sync_cd(bool leaf) {
  CommandBatch batch;
  for (const ArmSmmuV3Master* master : masters_)
    for (const std::uint32_t sid : master->streams)
      smmu_->commands().add(batch, smmuv3_command::cfgi_cd(sid, 0, leaf));
  smmu_->commands().submit(batch);
}

Status ArmSmmuV3Domain::check_compatible(const ArmSmmuV3Master& master) const {
  if (!cds_) return {};
  const auto refuse = [&](const std::string& text) {
    smmu_->io().log->dev(LogLevel::Err, master.device->driver, master.device->name, text);
    return fail(Errno::EINVAL_);
  };
  if (master.ssid_bits != cds_->ssid_bits())
    return refuse(format("cannot attach to incompatible domain (%u SSID bits != %u)", cds_->ssid_bits(),
                         master.ssid_bits));
  if (master.stall_enabled != stall_enabled_)
    return refuse(format("cannot attach to stall-%s domain", stall_enabled_ ? "enabled" : "disabled"));
  return {};
}

Status ArmSmmuV3Domain::attach(Device& device) {
  ArmSmmuV3Master& master = *smmu_->master_of(device);
  detach(*smmu_, master);
  if (is_paging_domain(type_)) {
    Status status = tables_ ? check_compatible(master) : finalise(master);
    if (!status) return status;
    master.ats_enabled = ats_supported(*smmu_, device);
  }
  master.domain = this;
  install_stes(master);
  masters_.push_front(&master);
  enable_ats(master);
  return {};
}

void ArmSmmuV3Domain::detach(ArmSmmuV3& smmu, ArmSmmuV3Master& master) {
  if (master.domain == nullptr) return;
  master.domain->disable_ats(master);
  master.domain->masters_.remove(&master);
  master.domain = nullptr;
  master.ats_enabled = false;
  for_each_stream(master, [&](std::uint32_t sid) { smmu.streams().write_unattached(sid); });
}

Ste ArmSmmuV3Domain::ste_for(const ArmSmmuV3Master& master) const {
  const ArmSmmuV3Features features = smmu_->features();
  Ste ste;
  ste.set<Ste::V>(1);
  if (cds_) {
    const bool e2h = features.is_set<ArmSmmuV3Features::E2h>();
    const bool stalls = features.is_set<ArmSmmuV3Features::Stalls>();
    ste.set<Ste::Config>(ste_config_enabled | ste_config_stage1)
        .set<Ste::S1DSS>(s1dss_substream0)
        .set<Ste::S1CIR>(table_write_back)
        .set<Ste::S1COR>(table_write_back)
        .set<Ste::S1CSH>(inner_shareable)
        .set<Ste::STRW>(static_cast<std::uint64_t>(e2h ? Strw::El2 : Strw::El1))
        .set<Ste::S1STALLD>(stalls && !master.stall_enabled ? 1 : 0);
    cds_->describe(ste);
  } else {
    const IoPgtable::Registers registers = tables_->registers();
    ste.set<Ste::Config>(ste_config_enabled | ste_config_stage2)
        .set<Ste::S2VMID>(*vmid_)
        .set<Ste::S2T0SZ>(registers.tsz)
        .set<Ste::S2SL0>(registers.sl)
        .set<Ste::S2IR0>(registers.irgn)
        .set<Ste::S2OR0>(registers.orgn)
        .set<Ste::S2SH0>(registers.sh)
        .set<Ste::S2TG>(registers.tg)
        .set<Ste::S2PS>(registers.ips)
        .set<Ste::S2AA64>(1)
        .set<Ste::S2PTW>(1)
        .set<Ste::S2R>(1)
        .set_address<Ste::S2TTB>(registers.ttbr);
  }
  if (master.ats_enabled) ste.set<Ste::EATS>(static_cast<std::uint64_t>(Eats::Full));
  return ste;
}

/// arm_smmu_install_ste_for_dev()
void ArmSmmuV3Domain::install_stes(const ArmSmmuV3Master& master) {
  for_each_stream(master, [&](std::uint32_t sid) {
    if (tables_)
      smmu_->streams().write_translating(sid, ste_for(master), !smmu_->platform().broken_prefetch);
    else if (type_ == DomainType::Identity)
      smmu_->streams().write_bypass(sid);
    else
      smmu_->streams().write_abort(sid);
  });
}

/// arm_smmu_enable_ats()
void ArmSmmuV3Domain::enable_ats(ArmSmmuV3Master& master) {
  if (!master.ats_enabled) return;
  ++ats_masters_;
  invalidate_atcs(0, 0);
  master.device->pci->ats_enabled = true;
}

/// arm_smmu_disable_ats()
void ArmSmmuV3Domain::disable_ats(ArmSmmuV3Master& master) {
  if (!master.ats_enabled) return;
  const RuntimePm::Reference powered(smmu_->power());  // an endpoint's cache outlives the SMMU's power
  master.device->pci->ats_enabled = false;
  CommandBatch batch;
  for (const std::uint32_t sid : master.streams)
    smmu_->commands().add(batch, smmuv3_command::atc_inv(sid, 0, 0));
  smmu_->commands().submit(batch);
  --ats_masters_;
}

}  // namespace sidewinder::kernel
