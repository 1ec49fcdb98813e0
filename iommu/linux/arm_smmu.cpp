// SPDX-License-Identifier: Apache-2.0
//
// Register access, stream mapping, context banks and TLB maintenance.

#include "iommu/linux/arm_smmu.h"

#include <algorithm>

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv2;

constexpr std::uint32_t global1_page = 1;
constexpr std::uint32_t any_value =
    0xffff'ffff;  // what Linux writes to registers whose value does not matter

}  // namespace

ArmSmmu::ArmSmmu(HostBus& bus, const KernelLog& log, ArmSmmuRateLimits& limits, ArmSmmuPlatform platform)
    : bus_(&bus),
      log_(&log),
      limits_(&limits),
      platform_(std::move(platform)),
      power_(bus, {.suspend = [this] { switch_power(false); },
                   .resume =
                       [this] {
                         switch_power(true);
                         reset();
                       }}) {}

/// The clocks go with it: they have no effect of their own here.
void ArmSmmu::switch_power(bool on) {
  if (platform_.power_domain) bus_->set_power(*platform_.power_domain, on);
}

std::uint32_t ArmSmmu::gr0_read(std::uint32_t offset) const {
  return read_word<std::uint32_t>(*bus_, platform_.base + offset);
}

void ArmSmmu::gr0_write(std::uint32_t offset, std::uint32_t value) {
  write_word<std::uint32_t>(*bus_, platform_.base + offset, value);
}

std::uint32_t ArmSmmu::gr1_read(std::uint32_t offset) const {
  return gr0_read((global1_page << page_shift_) + offset);
}

void ArmSmmu::gr1_write(std::uint32_t offset, std::uint32_t value) {
  gr0_write((global1_page << page_shift_) + offset, value);
}

PhysAddr ArmSmmu::bank_address(unsigned bank, std::uint32_t offset) const {
  return platform_.base + (std::uint64_t{pages_ + bank} << page_shift_) + offset;
}

std::uint32_t ArmSmmu::cb_read(unsigned bank, std::uint32_t offset) const {
  return read_word<std::uint32_t>(*bus_, bank_address(bank, offset));
}

void ArmSmmu::cb_write(unsigned bank, std::uint32_t offset, std::uint32_t value) {
  write_word<std::uint32_t>(*bus_, bank_address(bank, offset), value);
}

void ArmSmmu::cb_write64(unsigned bank, std::uint32_t offset, std::uint64_t value) {
  write_word<std::uint64_t>(*bus_, bank_address(bank, offset), value);
}

void ArmSmmu::say(LogLevel level, std::string_view text) const {
  log_->dev(level, "arm-smmu", platform_.name, text);
}

/// Of an entry that no domain is attached to.
S2CR ArmSmmu::unattached() const {
  const S2crType type = platform_.disable_bypass ? S2crType::Fault : S2crType::Bypass;
  return S2CR{}.set<S2CR::TYPE>(static_cast<std::uint32_t>(type));
}

void ArmSmmu::write_entry(std::size_t index) {
  const StreamMapEntry& entry = entries_[index];
  write_s2cr(index);
  const SMR smr =
      SMR{}.set<SMR::ID>(entry.id).set<SMR::MASK>(entry.mask).set<SMR::VALID>(entry.valid ? 1 : 0);
  gr0_write(gr0::SMR + static_cast<std::uint32_t>(index * 4), smr.raw);
}

/// An entry that covers all of (id, mask), or else a free one. One that covers a part of it would leave
/// StreamIDs that match both.
Result<std::size_t> ArmSmmu::find_entry(std::uint32_t id, std::uint16_t mask) const {
  std::size_t free = entries_.size();
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const StreamMapEntry& entry = entries_[index];
    if (!entry.valid) {
      free = std::min(free, index);
      continue;
    }
    const unsigned differing = id ^ entry.id;
    if ((mask & entry.mask) == mask && (differing & ~unsigned{entry.mask}) == 0) return index;
    if ((differing & ~(unsigned{entry.mask} | mask)) == 0) return fail(Errno::EINVAL_);
  }
  if (free == entries_.size()) return fail(Errno::ENOSPC_);
  return free;
}

/// The entry of an allocated stream: overlaps are refused, so that exactly one covers it.
std::optional<std::size_t> ArmSmmu::entry_of(const StreamSpecifier& stream) const {
  const Result<std::size_t> index = find_entry(stream.id, stream.mask);
  if (!index || !entries_[*index].valid) return std::nullopt;
  return *index;
}

/// True: that was its last user, and the SMMU has to be told.
bool ArmSmmu::release_entry(std::size_t index) {
  StreamMapEntry& entry = entries_[index];
  if (--entry.users != 0) return false;
  entry.valid = false;
  entry.s2cr = unattached();
  return true;
}

Status ArmSmmu::alloc_smes(std::span<const StreamSpecifier> streams) {
  for (const StreamSpecifier& stream : streams)
    if ((stream.id & ~stream_id_mask_) != 0 || (stream.mask & ~smr_mask_mask_) != 0)
      return fail(Errno::EINVAL_);

  std::vector<std::size_t> taken;
  for (const StreamSpecifier& stream : streams) {
    const Result<std::size_t> index = find_entry(stream.id, stream.mask);
    if (!index) {
      for (const std::size_t undone : taken) static_cast<void>(release_entry(undone));
      return fail(index.error());
    }
    StreamMapEntry& entry = entries_[*index];
    if (entry.users++ == 0) {  // one that the boot loader left is narrowed to this stream
      entry.valid = true;
      entry.id = static_cast<std::uint16_t>(stream.id);
      entry.mask = stream.mask;
    }
    taken.push_back(*index);
  }
  const RuntimePm::Reference powered(power_);
  for (const std::size_t index : taken) write_entry(index);
  return {};
}

void ArmSmmu::free_smes(std::span<const StreamSpecifier> streams) {
  const RuntimePm::Reference powered(power_);
  for (const StreamSpecifier& stream : streams) {
    const std::optional<std::size_t> index = entry_of(stream);
    if (index && release_entry(*index)) write_entry(*index);
  }
}

void ArmSmmu::attach_smes(std::span<const StreamSpecifier> streams, S2crType type, unsigned bank) {
  const S2CR s2cr = S2CR{}.set<S2CR::TYPE>(static_cast<std::uint32_t>(type)).set<S2CR::CBNDX>(bank);
  for (const StreamSpecifier& stream : streams) {
    const std::optional<std::size_t> index = entry_of(stream);
    if (!index || entries_[*index].s2cr.raw == s2cr.raw) continue;
    entries_[*index].s2cr = s2cr;
    write_s2cr(*index);
  }
}

std::vector<std::size_t> ArmSmmu::entries_of(const Device& device) const {
  std::vector<std::size_t> entries;
  for (const StreamSpecifier& stream : device.streams)
    if (const std::optional<std::size_t> index = entry_of(stream)) entries.push_back(*index);
  return entries;
}

unsigned ArmSmmu::stream_match_groups_used() const {
  return static_cast<unsigned>(std::count_if(entries_.begin(), entries_.end(),
                                             [](const StreamMapEntry& entry) { return entry.valid; }));
}

Result<unsigned> ArmSmmu::alloc_context_bank() {
  for (unsigned bank = first_stage1_bank_; bank < context_banks_; ++bank) {
    if (context_map_.test(bank)) continue;
    context_map_.set(bank);
    return bank;
  }
  return fail(Errno::ENOSPC_);
}

void ArmSmmu::enable_context_bank(unsigned bank, const ContextBankSetup& setup) {
  setups_[bank] = setup;
  write_context_bank(bank);
  if (!bus_->request_irq(platform_.context_irqs[bank], irq_owner(bank), IrqSharing::Shared,
                         [this, bank] { handle_context_fault(bank); }))
    say(LogLevel::Err, "failed to request context IRQ " + std::to_string(bank) + " (" +
                           std::to_string(platform_.context_irqs[bank]) + ")");
}

/// arm_smmu_write_context_bank(): what it is set up with; a bank that is not in use is disabled.
void ArmSmmu::write_context_bank(unsigned bank) {
  if (!setups_[bank]) {
    cb_write(bank, cb::SCTLR, 0);
    return;
  }
  const ContextBankSetup& setup = *setups_[bank];
  constexpr std::uint32_t weakest_shareability = 3;  // non-shareable: the tables' attributes override it
  constexpr std::uint32_t write_back = 0xf;
  const std::uint32_t slot = bank * 4;
  gr1_write(gr1::CBA2R + slot, CBA2R{}.set<CBA2R::VA64>(1).raw);
  gr1_write(gr1::CBAR + slot, CBAR{}
                                  .set<CBAR::TYPE>(static_cast<std::uint32_t>(CbarType::Stage1Stage2Bypass))
                                  .set<CBAR::BPSHCFG>(weakest_shareability)
                                  .set<CBAR::MemAttr>(write_back)
                                  .raw);
  // TCR2 and TCR first: they decide what ASID bits the TTBRs have.
  cb_write(bank, cb::TCR2, setup.tcr2);
  cb_write(bank, cb::TCR, setup.tcr);
  cb_write64(bank, cb::TTBR0, setup.ttbr0);
  cb_write64(bank, cb::TTBR1, setup.ttbr1);
  cb_write(bank, cb::MAIR0, static_cast<std::uint32_t>(setup.mair));
  cb_write(bank, cb::MAIR1, static_cast<std::uint32_t>(setup.mair >> 32));
  cb_write(bank, cb::SCTLR,
           SCTLR{}
               .set<SCTLR::CFIE>(1)
               .set<SCTLR::CFRE>(1)
               .set<SCTLR::AFE>(1)
               .set<SCTLR::TRE>(1)
               .set<SCTLR::ASIDPNE>(1)
               .set<SCTLR::M>(1)
               .raw);
}

void ArmSmmu::free_context_bank(unsigned bank, std::uint16_t asid) {
  setups_[bank].reset();
  write_context_bank(bank);
  bus_->free_irq(platform_.context_irqs[bank], irq_owner(bank));
  tlb_invalidate_asid(bank, asid);  // free_io_pgtable_ops(): the bank's next user has the same ASID
  context_map_.reset(bank);
}

void ArmSmmu::tlb_invalidate_asid(unsigned bank, std::uint16_t asid) {
  cb_write(bank, cb::TLBIASID, asid);
  tlb_sync_context(bank);
}

void ArmSmmu::tlb_invalidate_range(unsigned bank, std::uint16_t asid, std::uint64_t iova, std::uint64_t size,
                                   std::uint64_t granule, bool leaf_only) {
  const std::uint32_t operation = leaf_only ? cb::TLBIVAL : cb::TLBIVA;
  for (std::uint64_t done = 0; done < size; done += granule)
    cb_write64(bank, operation,
               TLBIVA{}.set<TLBIVA::Address>((iova + done) >> 12).set<TLBIVA::ASID>(asid).raw);
}

void ArmSmmu::tlb_invalidate_walk(unsigned bank, std::uint16_t asid, std::uint64_t iova, std::uint64_t size,
                                  std::uint64_t granule) {
  if (platform_.implementation == SmmuImplementation::Qualcomm) {
    tlb_invalidate_asid(bank, asid);
    return;
  }
  tlb_invalidate_range(bank, asid, iova, size, granule, false);
  tlb_sync_context(bank);
}

void ArmSmmu::tlb_sync_context(unsigned bank) {
  const SpinLock::Guard guard(bank_locks_[bank], *bus_);
  tlb_sync(bank_address(bank, cb::TLBSYNC), bank_address(bank, cb::TLBSTATUS));
}

void ArmSmmu::tlb_sync(PhysAddr sync, PhysAddr status) {
  constexpr std::uint64_t timeout_us = 1'000'000;
  constexpr unsigned spins = 10;
  write_word<std::uint32_t>(*bus_, sync, any_value);
  for (std::uint64_t delay_us = 1; delay_us < timeout_us; delay_us *= 2) {
    for (unsigned spin = 0; spin < spins; ++spin)
      if (!TLBSTATUS::of(read_word<std::uint32_t>(*bus_, status)).is_set<TLBSTATUS::SACTIVE>()) return;
    bus_->delay_ns(delay_us * 1000);
  }
  if (limits_->tlb_sync.allow(bus_->now_ns(), *log_))
    say(LogLevel::Err, "TLB sync timed out -- SMMU may be deadlocked");
}

/// arm_smmu_device_reset(): all that a resume restores. What only probing writes is lost with the power: a
/// Qualcomm SMMU's bypass bank has no CBAR then.
void ArmSmmu::reset() {
  gr0_write(gr0::sGFSR, gr0_read(gr0::sGFSR));
  for (std::size_t index = 0; index < entries_.size(); ++index) write_entry(index);
  for (unsigned bank = 0; bank < context_banks_; ++bank) {
    write_context_bank(bank);
    cb_write(bank, cb::FSR,
             layout::mask_of<FSR::MULTI, FSR::SS, FSR::UUT, FSR::ASF, FSR::TLBLKF, FSR::TLBMCF, FSR::EF,
                             FSR::PF, FSR::AFF, FSR::TF>);
  }
  gr0_write(gr0::TLBIALLH, any_value);
  gr0_write(gr0::TLBIALLNSNH, any_value);

  auto cr0 = sCR0::of(gr0_read(gr0::sCR0));
  cr0.set<sCR0::GFRE>(1).set<sCR0::GFIE>(1).set<sCR0::GCFGFRE>(1).set<sCR0::GCFGFIE>(1);
  cr0.set<sCR0::VMIDPNE>(1).set<sCR0::PTM>(1).set<sCR0::CLIENTPD>(0);
  cr0.set<sCR0::USFCFG>(platform_.disable_bypass ? 1 : 0);
  cr0.set<sCR0::FB>(0).set<sCR0::BSU>(0);
  if (platform_.model == SmmuModel::Mmu500) reset_mmu500();

  {
    const SpinLock::Guard guard(global_sync_lock_, *bus_);
    tlb_sync(platform_.base + gr0::sTLBGSYNC, platform_.base + gr0::sTLBGSTATUS);
  }
  gr0_write(gr0::sCR0, cr0.raw);
}

void ArmSmmu::reset_mmu500() {
  auto acr = sACR::of(gr0_read(gr0::sACR));
  if (IDR7::of(gr0_read(gr0::IDR7)).get<IDR7::MAJOR>() >= 2) acr.set<sACR::CACHE_LOCK>(0);
  acr.set<sACR::SMTNMB_TLBEN>(1).set<sACR::S2CRB_TLBEN>(1);
  gr0_write(gr0::sACR, acr.raw);
  for (unsigned bank = 0; bank < context_banks_; ++bank)
    cb_write(bank, cb::ACTLR, ACTLR::of(cb_read(bank, cb::ACTLR)).set<ACTLR::CPRE>(0).raw);
}

/// Which ID and mask bits the SMRs really have, tried on one that is not in use.
void ArmSmmu::test_smr_masks() {
  const auto unused = std::find_if(entries_.begin(), entries_.end(),
                                   [](const StreamMapEntry& entry) { return !entry.valid; });
  if (unused == entries_.end()) return;
  const std::uint32_t smr = gr0::SMR + static_cast<std::uint32_t>((unused - entries_.begin()) * 4);
  gr0_write(smr, SMR{}.set<SMR::ID>(stream_id_mask_).raw);
  stream_id_mask_ = static_cast<std::uint16_t>(SMR::of(gr0_read(smr)).get<SMR::ID>());
  gr0_write(smr, SMR{}.set<SMR::MASK>(stream_id_mask_).raw);
  smr_mask_mask_ = static_cast<std::uint16_t>(SMR::of(gr0_read(smr)).get<SMR::MASK>());
}

}  // namespace sidewinder::kernel
