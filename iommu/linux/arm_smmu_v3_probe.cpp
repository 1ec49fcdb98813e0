// SPDX-License-Identifier: Apache-2.0
//
// What arm-smmu-v3 says and learns when it probes (arm_smmu_device_hw_probe(), Linux 6.1).

#include <algorithm>

#include "iommu/layout/smmuv3_id.h"
#include "iommu/linux/arm_smmu_v3.h"
#include "iommu/linux/io_pgtable_format.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv3;
using Features = ArmSmmuV3Features;

constexpr std::uint64_t autosuspend_delay_ns = 20'000'000;  // arm-smmu's
constexpr std::uint64_t one_page = 0x1'0000, both_pages = 0x2'0000;
constexpr unsigned queue_bytes_shift = 20;  // Q_MAX_SZ_SHIFT, with CONFIG_CMA_ALIGNMENT 8
constexpr unsigned command_shift = 4, event_record_shift = 5, pri_record_shift = 4;
constexpr unsigned batch_shift = 6;  // ilog2(CMDQ_BATCH_ENTRIES)

constexpr std::uint32_t level_two = 1;                        // IDR0.ST_LEVEL
constexpr std::uint32_t endian_mixed = 0, endian_little = 2;  // IDR0.TTENDIAN
constexpr std::uint32_t stall_both = 0, stall_forced = 2;     // IDR0.STALL_MODEL
constexpr std::uint32_t format_aarch64 = 2, format_both = 3;  // IDR0.TTF
constexpr std::uint32_t vax_52 = 1;                           // IDR5.VAX
constexpr std::uint64_t block_4t = std::uint64_t{1} << 42;    // with 52-bit addresses

constexpr std::uint32_t implementer_arm = 0x43b, product_mmu600 = 0x483, product_mmu700 = 0x487;

}  // namespace

Status ArmSmmuV3::probe() {
  switch_power(true);  // the driver core has attached it to its domain (genpd_dev_pm_attach())
  if (Status status = probe_device(); !status) {
    switch_power(false);
    return status;
  }
  if (platform_.power_domain && platform_.runtime_pm) {
    power_.set_active();
    power_.use_autosuspend(autosuspend_delay_ns);
    power_.enable();
    power_.request_idle();  // the driver core, after any probe
  }
  return {};
}

/// arm_smmu_device_probe(), but for its run-time PM.
Status ArmSmmuV3::probe_device() {
  if (platform_.broken_prefetch) io_.say(LogLevel::Notice, "option hisilicon,broken-prefetch-cmd");
  if (platform_.page0_only) io_.say(LogLevel::Notice, "option cavium,cn9900-broken-page1-regspace");
  if (platform_.size < (platform_.page0_only ? one_page : both_pages)) {
    io_.say(LogLevel::Err, format("MMIO region too small ([mem 0x%08" PRIx64 "-0x%08" PRIx64 "])",
                                  platform_.base, platform_.base + platform_.size - 1));
    return fail(Errno::EINVAL_);
  }
  if (Status status = probe_hardware(); !status) return status;
  if (Status status = init_structures(); !status) return status;
  if (Status status = reset(); !status) {
    static_cast<void>(disable());
    return status;
  }
  return {};
}

Status ArmSmmuV3::probe_hardware() {
  features_.set<Features::Coherency>(platform_.dma_coherent ? 1 : 0);
  if (Status status = probe_idr0(); !status) return status;
  if (Status status = probe_idr1(); !status) return status;
  const auto id3 = IDR3::of(io_.read32(page0::IDR3));
  if (id3.is_set<IDR3::RIL>()) features_.set<Features::RangeInvalidation>(1);
  if (Status status = probe_idr5(); !status) return status;
  ias_ = std::max(ias_, oas_);
  if (features_.is_set<Features::Stage1>() && features_.is_set<Features::Stage2>())
    features_.set<Features::Nesting>(1);
  probe_iidr();
  io_.say(LogLevel::Info, format("ias %u-bit, oas %u-bit (features 0x%08x)", ias_, oas_, features_.raw));
  return {};
}

Status ArmSmmuV3::probe_idr0() {
  const auto id = IDR0::of(io_.read32(page0::IDR0));
  const auto refuse = [&](const char* why) {
    io_.say(LogLevel::Err, why);
    return fail(Errno::ENXIO_);
  };
  if (id.get<IDR0::ST_LEVEL>() == level_two) features_.set<Features::TwoLevelStreamTable>(1);
  if (id.is_set<IDR0::CD2L>()) features_.set<Features::TwoLevelCdTable>(1);
  const std::uint32_t endianness = id.get<IDR0::TTENDIAN>();
  if (endianness != endian_mixed && endianness != endian_little)
    return refuse("unknown/unsupported TT endianness!");
  features_.set<Features::LittleEndianTables>(1).set<Features::BigEndianTables>(
      endianness == endian_mixed ? 1 : 0);
  if (id.is_set<IDR0::PRI>()) features_.set<Features::Pri>(1);
  if (id.is_set<IDR0::ATS>()) features_.set<Features::Ats>(1);
  if (id.is_set<IDR0::SEV>()) features_.set<Features::Sev>(1);
  if (id.is_set<IDR0::MSI>()) {
    features_.set<Features::Msi>(1);
    command_options_.msi_polling = platform_.dma_coherent && !platform_.disable_msipolling;
  }
  if (id.is_set<IDR0::Hyp>()) features_.set<Features::Hyp>(1).set<Features::E2h>(platform_.vhe ? 1 : 0);

  // The firmware's word on coherency is taken over the register's.
  if (id.is_set<IDR0::COHACC>() != platform_.dma_coherent)
    io_.say(LogLevel::Warn, format("IDR0.COHACC overridden by FW configuration (%s)",
                                   platform_.dma_coherent ? "true" : "false"));
  const std::uint32_t stall = id.get<IDR0::STALL_MODEL>();
  if (stall == stall_forced) features_.set<Features::StallForce>(1);
  if (stall == stall_forced || stall == stall_both) features_.set<Features::Stalls>(1);

  if (id.is_set<IDR0::S1P>()) features_.set<Features::Stage1>(1);
  if (id.is_set<IDR0::S2P>()) features_.set<Features::Stage2>(1);
  if (!id.is_set<IDR0::S1P>() && !id.is_set<IDR0::S2P>()) return refuse("no translation support!");

  const std::uint32_t tables = id.get<IDR0::TTF>();
  if (tables == format_both)
    ias_ = 40;
  else if (tables != format_aarch64)
    return refuse("AArch64 table format not supported!");
  asid_bits_ = id.is_set<IDR0::ASID16>() ? 16 : 8;
  vmid_bits_ = id.is_set<IDR0::VMID16>() ? 16 : 8;
  return {};
}

Status ArmSmmuV3::probe_idr1() {
  const auto id = IDR1::of(io_.read32(page0::IDR1));
  if (id.is_set<IDR1::TABLES_PRESET>() || id.is_set<IDR1::QUEUES_PRESET>() || id.is_set<IDR1::REL>()) {
    io_.say(LogLevel::Err, "embedded implementation not supported");
    return fail(Errno::ENXIO_);
  }
  command_shift_ = std::min(queue_bytes_shift - command_shift, id.get<IDR1::CMDQS>());
  if (command_shift_ <= batch_shift) {
    // A batch and its CMD_SYNC have to fit.
    io_.say(LogLevel::Err, format("command queue size <= %zu entries not supported", CommandBatch::size));
    return fail(Errno::ENXIO_);
  }
  event_shift_ = std::min(queue_bytes_shift - event_record_shift, id.get<IDR1::EVENTQS>());
  pri_shift_ = std::min(queue_bytes_shift - pri_record_shift, id.get<IDR1::PRIQS>());
  ssid_bits_ = id.get<IDR1::SSIDSIZE>();
  sid_bits_ = id.get<IDR1::SIDSIZE>();
  // Fewer StreamIDs than one second-level table has.
  if (sid_bits_ <= ArmSmmuV3StreamTable::split) features_.set<Features::TwoLevelStreamTable>(0);
  return {};
}

Status ArmSmmuV3::probe_idr5() {
  const auto id = IDR5::of(io_.read32(page0::IDR5));
  if (id.is_set<IDR5::GRAN64K>()) page_sizes_ |= page_sizes_64k;
  if (id.is_set<IDR5::GRAN16K>()) page_sizes_ |= page_sizes_16k;
  if (id.is_set<IDR5::GRAN4K>()) page_sizes_ |= page_sizes_4k;
  if (id.get<IDR5::VAX>() == vax_52) features_.set<Features::Vax>(1);
  const std::uint32_t oas = id.get<IDR5::OAS>();
  if (oas >= address_sizes.size())
    io_.say(LogLevel::Info, "unknown output address size. Truncating to 48-bit");
  oas_ = oas < address_sizes.size() ? address_sizes[oas] : 48;
  if (oas_ == 52) page_sizes_ |= block_4t;
  if (!id.is_set<IDR5::GRAN4K>()) {
    // Linux would go on with larger pages than the CPU's, which this DMA API has not.
    io_.say(LogLevel::Err, "no 4 KiB translation granule");
    return fail(Errno::ENODEV_);
  }
  return {};
}

/// Arm's errata 1076982, 1209401, 2268618 and 2812531.
void ArmSmmuV3::probe_iidr() {
  const auto id = IIDR::of(io_.read32(page0::IIDR));
  if (id.get<IIDR::Implementer>() != implementer_arm) return;
  const std::uint32_t variant = id.get<IIDR::Variant>();
  if (id.get<IIDR::ProductID>() == product_mmu600) {
    if (variant == 0 && id.get<IIDR::Revision>() <= 2) features_.set<Features::Sev>(0);
    if (variant < 2) features_.set<Features::Nesting>(0);
  } else if (id.get<IIDR::ProductID>() == product_mmu700) {
    command_options_.force_sync = true;
    features_.set<Features::Nesting>(0);
  }
}

Status ArmSmmuV3::init_structures() {
  if (Status status = commands_.init(*pages_, command_shift_, command_options_); !status) return status;
  if (Status status = events_.init(io_, *pages_, event_shift_,
                                   {.prod = page1::EVENTQ_PROD,
                                    .cons = page1::EVENTQ_CONS,
                                    .entry_bytes = 1U << event_record_shift,
                                    .name = "evtq"});
      !status)
    return status;
  if (features_.is_set<Features::Pri>()) {
    Status status = page_requests_.init(io_, *pages_, pri_shift_,
                                        {.prod = page1::PRIQ_PROD,
                                         .cons = page1::PRIQ_CONS,
                                         .entry_bytes = 1U << pri_record_shift,
                                         .name = "priq"});
    if (!status) return status;
  }
  return stream_table_.init(sid_bits_, features_.is_set<Features::TwoLevelStreamTable>());
}

}  // namespace sidewinder::kernel
