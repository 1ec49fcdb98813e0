// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv2/context_bank.h"

#include <algorithm>

namespace sidewinder::smmuv2 {
namespace {

using namespace layout::smmuv2;
using layout::mask_of;
using layout::vmsa64::Granule;

// HYPC, FB, BSU and the allocation hints are not implemented; IRPTNDX is 0 where each bank has its own
// interrupt.
constexpr std::uint32_t cbar_implemented = mask_of<CBAR::VMID, CBAR::BPSHCFG, CBAR::MemAttr, CBAR::TYPE>;
// CFCFG is RAZ/WI without the stall model (§3.7.3), UWXN without AArch32 (§16.5.29).
constexpr std::uint32_t sctlr_implemented =
    mask_of<SCTLR::M, SCTLR::TRE, SCTLR::AFE, SCTLR::AFFD, SCTLR::E, SCTLR::CFRE, SCTLR::CFIE, SCTLR::HUPCF,
            SCTLR::WXN, SCTLR::ASIDPNE>;
constexpr std::uint32_t actlr_implemented = mask_of<ACTLR::CMTLB, ACTLR::CPRE>;
constexpr std::uint32_t tcr2_implemented = mask_of<TCR2::PASize, TCR2::AS, TCR2::TBI0, TCR2::TBI1, TCR2::SEP>;
constexpr std::uint32_t fsr_faults =
    mask_of<FSR::TF, FSR::AFF, FSR::PF, FSR::EF, FSR::ASF, FSR::UUT, FSR::MULTI>;
constexpr std::uint32_t fsynr0_implemented =
    mask_of<FSYNR0::PLVL, FSYNR0::WNR, FSYNR0::PNU, FSYNR0::IND, FSYNR0::PTWF, FSYNR0::AFR>;

constexpr std::uint64_t low_word = 0xffff'ffff;

void set_low(std::uint64_t& reg, std::uint32_t value) {
  reg = (reg & ~low_word) | value;
}
void set_high(std::uint64_t& reg, std::uint32_t value) {
  reg = (reg & low_word) | std::uint64_t{value} << 32;
}
std::uint32_t low(std::uint64_t reg) {
  return static_cast<std::uint32_t>(reg);
}
std::uint32_t high(std::uint64_t reg) {
  return static_cast<std::uint32_t>(reg >> 32);
}

/// TG0's encoding. A reserved value selects 4 KiB: the choice is IMPLEMENTATION DEFINED (§16.5.38).
Granule granule0(std::uint32_t tg) {
  return tg == 1 ? Granule::Size64K : tg == 2 ? Granule::Size16K : Granule::Size4K;
}

Granule granule1(std::uint32_t tg) {
  return tg == 3 ? Granule::Size64K : tg == 1 ? Granule::Size16K : Granule::Size4K;
}

std::uint32_t fault_bit(arch::FaultKind kind) {
  switch (kind) {
    case arch::FaultKind::AddressSize:
      return FSR::ASF::mask;
    case arch::FaultKind::AccessFlag:
      return FSR::AFF::mask;
    case arch::FaultKind::Permission:
      return FSR::PF::mask;
    case arch::FaultKind::ExternalWalk:
      return FSR::EF::mask;
    case arch::FaultKind::UnsupportedUpstream:
      return FSR::UUT::mask;
    default:
      return FSR::TF::mask;
  }
}

/// The bit SEP names, or 64 where it asks for no sign extension on this bus.
unsigned sign_bit(std::uint32_t sep, unsigned upstream_bits) {
  constexpr unsigned position[] = {31, 35, 39, 41, 43, 47};
  constexpr unsigned none = 64;
  if (sep > 5) return upstream_bits == 49 ? 48 : none;
  return position[sep] < upstream_bits ? position[sep] : none;
}

}  // namespace

ContextBank::ContextBank(const Config& config)
    : upstream_bits_(config.upstream_bits), output_bits_(config.output_bits) {
  regime_.contiguous_hint = false;
  cba2r_.set<CBA2R::VA64>(1);  // RAO where only AArch64 is implemented (§10.2.2)
  actlr_.set<ACTLR::CMTLB>(1).set<ACTLR::CPRE>(1);
  fsr_.set<FSR::Format>(fsr_format_aarch64);
  update_regime();
}

std::uint32_t ContextBank::read(std::uint32_t offset) const {
  switch (offset) {
    case cb::SCTLR:
      return sctlr_.raw;
    case cb::ACTLR:
      return actlr_.raw;
    case cb::TCR2:
      return tcr2_.raw;
    case cb::TTBR0:
      return low(ttbr_[0].raw);
    case cb::TTBR0 + 4:
      return high(ttbr_[0].raw);
    case cb::TTBR1:
      return low(ttbr_[1].raw);
    case cb::TTBR1 + 4:
      return high(ttbr_[1].raw);
    case cb::TCR:
      return tcr_.raw;
    case cb::CONTEXTIDR:
      return contextidr_;
    case cb::MAIR0:
      return mair_[0];
    case cb::MAIR1:
      return mair_[1];
    case cb::FSR:
      return fsr_.raw;
    case cb::FAR:
      return low(far_);
    case cb::FAR + 4:
      return high(far_);
    case cb::FSYNR0:
      return fsynr0_.raw;
    default:
      return 0;  // RAZ/WI in SMMUv2, and never a configuration access fault (§3.9)
  }
}

void ContextBank::write(std::uint32_t offset, std::uint32_t value, bool cache_locked) {
  switch (offset) {
    case cb::SCTLR:
      sctlr_.raw = value & sctlr_implemented;
      break;
    case cb::ACTLR:
      if (!cache_locked) actlr_.raw = value & actlr_implemented;
      break;
    case cb::TCR2:
      tcr2_.raw = value & tcr2_implemented;
      break;
    case cb::TTBR0:
      set_low(ttbr_[0].raw, value);
      break;
    case cb::TTBR0 + 4:
      set_high(ttbr_[0].raw, value);
      break;
    case cb::TTBR1:
      set_low(ttbr_[1].raw, value);
      break;
    case cb::TTBR1 + 4:
      set_high(ttbr_[1].raw, value);
      break;
    case cb::TCR:
      tcr_.raw = value;
      break;
    case cb::CONTEXTIDR:
      contextidr_ = value;
      break;
    case cb::MAIR0:
      mair_[0] = value;
      break;
    case cb::MAIR1:
      mair_[1] = value;
      break;
    case cb::FSR:
      fsr_.raw &= ~(value & fsr_faults);
      break;  // write 1 to clear
    case cb::FSRRESTORE:
      fsr_.raw = (fsr_.raw & ~fsr_faults) | (value & fsr_faults);
      break;
    case cb::FAR:
      set_low(far_, value);
      break;
    case cb::FAR + 4:
      set_high(far_, value);
      break;
    case cb::FSYNR0:
      fsynr0_.raw = value & fsynr0_implemented;
      break;
    default:
      break;
  }
  update_regime();
}

void ContextBank::write_cbar(std::uint32_t value) {
  cbar_.raw = value & cbar_implemented;
}
void ContextBank::write_cbfrsynra(std::uint32_t value) {
  cbfrsynra_.raw = value & mask_of<CBFRSYNRA::StreamID>;
}

void ContextBank::update_regime() {
  const std::uint64_t address = TTBR::BaseAddress::mask;
  regime_.ttb[0] = {.base = ttbr_[0].raw & address,
                    .tsz = static_cast<std::uint8_t>(tcr_.get<TCR::T0SZ>()),
                    .granule = granule0(tcr_.get<TCR::TG0>()),
                    .walk_disabled = tcr_.is_set<TCR::EPD0>(),
                    .top_byte_ignored = tcr2_.is_set<TCR2::TBI0>()};
  regime_.ttb[1] = {.base = ttbr_[1].raw & address,
                    .tsz = static_cast<std::uint8_t>(tcr_.get<TCR::T1SZ>()),
                    .granule = granule1(tcr_.get<TCR::TG1>()),
                    .walk_disabled = tcr_.is_set<TCR::EPD1>(),
                    .top_byte_ignored = tcr2_.is_set<TCR2::TBI1>()};
  regime_.mair = std::uint64_t{mair_[1]} << 32 | mair_[0];
  // The smaller of the effective IPA size and the PA size (§3.7.2, table 3-3).
  regime_.output_bits =
      static_cast<std::uint8_t>(std::min(output_bits_, address_bits(tcr2_.get<TCR2::PASize>())));
  regime_.big_endian = sctlr_.is_set<SCTLR::E>();
  regime_.access_flag_fault_disabled = sctlr_.is_set<SCTLR::AFFD>();
  regime_.write_execute_never = sctlr_.is_set<SCTLR::WXN>();
}

CbarType ContextBank::type() const {
  return static_cast<CbarType>(cbar_.get<CBAR::TYPE>());
}
bool ContextBank::enabled() const {
  return sctlr_.is_set<SCTLR::M>();
}
bool ContextBank::reports_aborts() const {
  return sctlr_.is_set<SCTLR::CFRE>();
}
bool ContextBank::hit_under_fault() const {
  return sctlr_.is_set<SCTLR::HUPCF>();
}
bool ContextBank::fault_pending() const {
  return (fsr_.raw & fsr_faults) != 0;
}
bool ContextBank::interrupt() const {
  return fault_pending() && sctlr_.is_set<SCTLR::CFIE>();
}

arch::TlbTag ContextBank::tag() const {
  const TTBR& ttbr = ttbr_[tcr_.get<TCR::A1>()];
  const std::uint64_t used = tcr2_.is_set<TCR2::AS>() ? 0xffff : 0xff;
  return {.asid = static_cast<std::uint16_t>(ttbr.get<TTBR::ASID>() & used),
          .vmid = static_cast<std::uint16_t>(cbar_.get<CBAR::VMID>())};
}

bool ContextBank::extend(std::uint64_t& address) const {
  const unsigned sign = sign_bit(tcr2_.get<TCR2::SEP>(), upstream_bits_);
  if (sign >= 64) return true;
  if (sign < 63 && address >> (sign + 1) != 0) return false;
  if ((address >> sign & 1) != 0) address |= ~std::uint64_t{0} << sign;
  return true;
}

ContextBank::Recorded ContextBank::record(const arch::Fault& fault) {
  if (fault_pending()) {
    if (!hit_under_fault()) return Recorded::NotAtAll;
    fsr_.set<FSR::MULTI>(1);
    return Recorded::AsMultiple;
  }
  fsr_.raw |= fault_bit(fault.kind);
  far_ = fault.access.address;
  fsynr0_ = FSYNR0{}
                .set<FSYNR0::PLVL>(fault.level)
                .set<FSYNR0::WNR>(fault.access.write ? 1 : 0)
                .set<FSYNR0::PNU>(fault.access.privileged ? 1 : 0)
                .set<FSYNR0::IND>(fault.access.instruction ? 1 : 0)
                .set<FSYNR0::PTWF>(fault.kind == arch::FaultKind::ExternalWalk ? 1 : 0);
  cbfrsynra_ = CBFRSYNRA{}.set<CBFRSYNRA::StreamID>(fault.access.stream_id);
  return Recorded::Fully;
}

}  // namespace sidewinder::smmuv2
