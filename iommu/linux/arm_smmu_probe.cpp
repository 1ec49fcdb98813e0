// SPDX-License-Identifier: Apache-2.0
//
// What arm-smmu says and learns when it probes (arm_smmu_device_cfg_probe, Linux 6.1).

#include "iommu/linux/arm_smmu.h"
#include "iommu/linux/io_pgtable.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv2;

constexpr unsigned page_shift_64k = 16;

}  // namespace

Status ArmSmmu::probe() {
  switch_power(true);  // the driver core has attached it to its domain (genpd_dev_pm_attach())
  if (Status status = probe_device(); !status) {
    switch_power(false);
    return status;
  }
  if (platform_.power_domain) {
    power_.set_active();
    power_.enable();
    power_.request_idle();  // the driver core, after any probe
  }
  return {};
}

/// arm_smmu_device_probe(), but for its run-time PM.
Status ArmSmmu::probe_device() {
  if (platform_.context_irqs.empty()) {
    say(LogLevel::Err, format("error -ENODEV: found %zu interrupts but expected at least %zu",
                              platform_.global_irqs.size(), platform_.global_irqs.size() + 1));
    return fail(Errno::ENODEV_);
  }
  say(LogLevel::Notice, "probing hardware configuration...");
  say(LogLevel::Notice, "SMMUv2 with:");
  for (Status (ArmSmmu::*step)() : {&ArmSmmu::probe_id0, &ArmSmmu::probe_id1, &ArmSmmu::probe_id2})
    if (Status status = (this->*step)(); !status) return status;

  if (platform_.implementation == SmmuImplementation::Qualcomm) probe_qualcomm();

  if (context_banks_ > platform_.context_irqs.size()) {
    say(LogLevel::Err, format("found only %zu context irq(s) but %u required", platform_.context_irqs.size(),
                              context_banks_));
    return fail(Errno::ENODEV_);
  }
  for (std::size_t index = 0; index < platform_.global_irqs.size(); ++index) {
    if (bus_->request_irq(platform_.global_irqs[index], this, IrqSharing::Shared,
                          [this] { handle_global_fault(); }))
      continue;
    say(LogLevel::Err,
        format("error -EBUSY: failed to request global IRQ %zu (%u)", index, platform_.global_irqs[index]));
    return fail(Errno::EBUSY_);
  }
  preserve_boot_mappings();
  reset();
  test_smr_masks();
  return {};
}

/// arm_smmu_rmr_install_bypass_smr(): the mappings to preserve come from ACPI tables, so that there are none;
/// what is left is that clients bypass the SMMU until it is reset.
void ArmSmmu::preserve_boot_mappings() {
  gr0_write(gr0::sCR0, sCR0::of(gr0_read(gr0::sCR0)).set<sCR0::CLIENTPD>(1).raw);
  say(LogLevel::Notice, "\tpreserved 0 boot mappings");
}

Status ArmSmmu::probe_id0() {
  const auto id = IDR0::of(gr0_read(gr0::IDR0));
  if (!id.is_set<IDR0::S1TS>()) {
    // Linux would go on with stage 2 alone; this driver has no stage 2 domains.
    say(LogLevel::Err, "\tno translation support!");
    return fail(Errno::ENODEV_);
  }
  say(LogLevel::Notice, "\tstage 1 translation");
  if (id.is_set<IDR0::S2TS>()) say(LogLevel::Notice, "\tstage 2 translation");
  if (id.is_set<IDR0::NTS>()) say(LogLevel::Notice, "\tnested translation");
  if (!id.is_set<IDR0::ATOSNS>()) say(LogLevel::Notice, "\taddress translation ops");

  // The firmware's word on coherency is taken over the register's.
  const bool says_coherent = id.is_set<IDR0::CTTW>();
  if (platform_.dma_coherent || says_coherent)
    say(LogLevel::Notice, format("\t%scoherent table walk", platform_.dma_coherent ? "" : "non-"));
  if (platform_.dma_coherent != says_coherent)
    say(LogLevel::Notice, "\t(IDR0.CTTW overridden by FW configuration)");

  stream_id_mask_ = static_cast<std::uint16_t>((1U << id.get<IDR0::NUMSIDB>()) - 1);
  if (!id.is_set<IDR0::SMS>()) {
    // Linux would index by StreamID; no MMU-500 is built without stream matching.
    say(LogLevel::Err, "no stream matching");
    return fail(Errno::ENODEV_);
  }
  const std::uint32_t groups = id.get<IDR0::NUMSMRG>();
  if (groups == 0) {
    say(LogLevel::Err, "stream-matching supported, but no SMRs present!");
    return fail(Errno::ENODEV_);
  }
  say(LogLevel::Notice, format("\tstream matching with %u register groups", groups));
  entries_.assign(groups, {.s2cr = unattached()});
  return {};
}

Status ArmSmmu::probe_id1() {
  const auto id = IDR1::of(gr0_read(gr0::IDR1));
  page_shift_ = id.is_set<IDR1::PAGESIZE>() ? page_shift_64k : page_shift;
  pages_ = 1U << (id.get<IDR1::NUMPAGENDXB>() + 1);
  const std::uint64_t frame = std::uint64_t{2} * pages_ << page_shift_;
  if (frame != platform_.size)
    say(LogLevel::Warn,
        format("SMMU address space size (0x%" PRIx64 ") differs from mapped region size (0x%" PRIx64 ")!",
               frame, platform_.size));
  first_stage1_bank_ = id.get<IDR1::NUMS2CB>();
  context_banks_ = id.get<IDR1::NUMCB>();
  if (first_stage1_bank_ > context_banks_ || context_banks_ > max_context_banks) {
    say(LogLevel::Err, "impossible number of S2 context banks!");
    return fail(Errno::ENODEV_);
  }
  say(LogLevel::Notice, format("\t%u context banks (%u stage-2 only)", context_banks_, first_stage1_bank_));
  return {};
}

Status ArmSmmu::probe_id2() {
  const auto id = IDR2::of(gr0_read(gr0::IDR2));
  ipa_bits_ = address_bits(id.get<IDR2::IAS>());
  va_bits_ = address_bits(id.get<IDR2::UBS>());
  if (!id.is_set<IDR2::PTFSv8_4kB>()) {
    say(LogLevel::Err, "no 4 KiB translation granule");
    return fail(Errno::ENODEV_);
  }
  std::uint64_t sizes = IoPgtable::page_sizes;
  if (id.is_set<IDR2::PTFSv8_16kB>()) sizes |= 0x0200'4000;
  if (id.is_set<IDR2::PTFSv8_64kB>()) sizes |= 0x2001'0000;
  say(LogLevel::Notice, format("\tSupported page sizes: 0x%08" PRIx64, sizes));
  say(LogLevel::Notice, format("\tStage-1: %u-bit VA -> %u-bit IPA", va_bits_, ipa_bits_));
  return {};
}

void ArmSmmu::handle_context_fault(unsigned bank) {
  const auto fsr = FSR::of(cb_read(bank, cb::FSR));
  if ((fsr.raw & ~FSR::Format::mask) == 0) return;
  const std::uint32_t fsynr0 = cb_read(bank, cb::FSYNR0);
  const auto iova = read_word<std::uint64_t>(*bus_, bank_address(bank, cb::FAR));
  const std::uint32_t cbfrsynra = gr1_read(gr1::CBFRSYNRA + bank * 4);
  if (limits_->context_fault.allow(bus_->now_ns(), *log_)) {
    say(LogLevel::Err,
        format("Unhandled context fault: fsr=0x%x, iova=0x%08" PRIx64 ", fsynr=0x%x, cbfrsynra=0x%x, cb=%u",
               fsr.raw, iova, fsynr0, cbfrsynra, bank));
    if (platform_.version >= since::decoded_context_faults)
      log_decoded_fault(fsr, FSYNR0::of(fsynr0), cbfrsynra);
  }
  cb_write(bank, cb::FSR, fsr.raw);
}

/// arm_smmu_print_context_fault_info(): each word for a bit that is set, in the kernel's order.
void ArmSmmu::log_decoded_fault(FSR fsr, FSYNR0 fsynr0, std::uint32_t cbfrsynra) const {
  const auto word = [](bool set, const char* text) { return set ? text : ""; };
  say(LogLevel::Err, format("FSR    = %08x [%s%sFormat=%u%s%s%s%s%s%s%s%s], SID=0x%x", fsr.raw,
                            word(fsr.is_set<FSR::MULTI>(), "MULTI "), word(fsr.is_set<FSR::SS>(), "SS "),
                            fsr.get<FSR::Format>(), word(fsr.is_set<FSR::UUT>(), " UUT"),
                            word(fsr.is_set<FSR::ASF>(), " ASF"), word(fsr.is_set<FSR::TLBLKF>(), " TLBLKF"),
                            word(fsr.is_set<FSR::TLBMCF>(), " TLBMCF"), word(fsr.is_set<FSR::EF>(), " EF"),
                            word(fsr.is_set<FSR::PF>(), " PF"), word(fsr.is_set<FSR::AFF>(), " AFF"),
                            word(fsr.is_set<FSR::TF>(), " TF"), cbfrsynra));
  say(LogLevel::Err,
      format("FSYNR0 = %08x [S1CBNDX=%u%s%s%s%s%s%s PLVL=%u]", fsynr0.raw, fsynr0.get<FSYNR0::S1CBNDX>(),
             word(fsynr0.is_set<FSYNR0::AFR>(), " AFR"), word(fsynr0.is_set<FSYNR0::PTWF>(), " PTWF"),
             word(fsynr0.is_set<FSYNR0::NSATTR>(), " NSATTR"), word(fsynr0.is_set<FSYNR0::IND>(), " IND"),
             word(fsynr0.is_set<FSYNR0::PNU>(), " PNU"), word(fsynr0.is_set<FSYNR0::WNR>(), " WNR"),
             fsynr0.get<FSYNR0::PLVL>()));
}

void ArmSmmu::handle_global_fault() {
  const auto gfsr = sGFSR::of(gr0_read(gr0::sGFSR));
  const std::uint32_t gfsynr0 = gr0_read(gr0::sGFSYNR0);
  const std::uint32_t gfsynr1 = gr0_read(gr0::sGFSYNR1);
  const std::uint32_t gfsynr2 = gr0_read(gr0::sGFSYNR2);
  if (gfsr.raw == 0) return;
  if (limits_->global_fault.allow(bus_->now_ns(), *log_)) {
    if (gfsr.is_set<sGFSR::USF>())
      say(LogLevel::Err,
          format("Blocked unknown Stream ID 0x%x; boot with \"arm-smmu.disable_bypass=0\" to allow, but "
                 "this may have security implications",
                 gfsynr1 & 0xffff));
    else
      say(LogLevel::Err, "Unexpected global fault, this could be serious");
    say(LogLevel::Err, format("\tGFSR 0x%08x, GFSYNR0 0x%08x, GFSYNR1 0x%08x, GFSYNR2 0x%08x", gfsr.raw,
                              gfsynr0, gfsynr1, gfsynr2));
  }
  gr0_write(gr0::sGFSR, gfsr.raw);
}

}  // namespace sidewinder::kernel
