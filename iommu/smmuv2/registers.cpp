// SPDX-License-Identifier: Apache-2.0
//
// The register frame of Smmu: IHI 0062 chapters 8, 9, 10 and 16.

#include "iommu/smmuv2/smmu.h"

namespace sidewinder::smmuv2 {
namespace {

using namespace layout::smmuv2;
using layout::mask_of;

constexpr std::uint32_t table_entries = 128;
constexpr std::uint32_t table_bytes = table_entries * 4;

// What is not here is RAZ/WI: EXIDENABLE (IDR0.EXIDS is 0), GCFGFRE and GCFGFIE (no configuration access
// faults), STALLD and GSE (no stall model), FB, BSU and the memory attributes (bypassed transactions keep
// their own), VMID16EN (IDR2.VMID16S is 0).
constexpr std::uint32_t cr0_writable =
    mask_of<sCR0::CLIENTPD, sCR0::GFRE, sCR0::GFIE, sCR0::USFCFG, sCR0::VMIDPNE>;
// Read-as-one: PTM without broadcast TLB maintenance (§9.6.3), and SMCFCFG, since conflicts always fault
// here.
constexpr std::uint32_t cr0_fixed = mask_of<sCR0::PTM, sCR0::SMCFCFG>;
constexpr std::uint32_t acr_implemented = mask_of<sACR::SMTNMB_TLBEN, sACR::S2CRB_TLBEN, sACR::CACHE_LOCK>;
constexpr std::uint32_t gfsr_implemented =
    mask_of<sGFSR::ICF, sGFSR::USF, sGFSR::SMCF, sGFSR::UCBF, sGFSR::MULTI>;
constexpr std::uint32_t gfsynr0_implemented =
    mask_of<sGFSYNR0::Nested, sGFSYNR0::WNR, sGFSYNR0::PNU, sGFSYNR0::IND>;

constexpr std::uint64_t low_word = 0xffff'ffff;

bool in_table(std::uint32_t offset, std::uint32_t base) {
  return offset >= base && offset < base + table_bytes;
}

/// VA[55:12], sign-extended from bit 55 (§16.5.32).
std::uint64_t invalidated_address(std::uint64_t value) {
  const std::uint64_t address = TLBIVA::of(value).get<TLBIVA::Address>() << 12;
  constexpr std::uint64_t sign = std::uint64_t{1} << 55;
  return (address ^ sign) - sign;
}

}  // namespace

Smmu::Smmu(const Config& config, arch::MemoryPort& memory, InterruptListener& interrupts)
    : config_(config),
      memory_(&memory),
      interrupts_(&interrupts),
      streams_(config.stream_match_groups),
      tlb_({config.tlb_entries, config.tlb_ways}),
      micro_tlbs_(config.tbus, arch::Tlb({config.micro_tlb_entries, config.micro_tlb_ways})),
      bank_lines_(config.context_banks, false) {
  statistics_.banks.resize(config.context_banks);
  reset();
}

/// UNKNOWN reset values are 0 here.
void Smmu::reset() {
  cr0_.raw = cr0_fixed;
  cr0_.set<sCR0::CLIENTPD>(1);  // §9.6.3
  acr_ = sACR{}.set<sACR::CACHE_LOCK>(1);
  gfsr_ = {};
  gfsynr0_ = {};
  gfsynr1_ = {};
  gfar_ = 0;
  streams_ = StreamMapping(config_.stream_match_groups);
  banks_.assign(config_.context_banks, ContextBank(config_));
  tlb_.invalidate_all();
  for (arch::Tlb& micro : micro_tlbs_) micro.invalidate_all();
}

void Smmu::set_power(bool on) {
  if (powered_ && !on) {
    reset();
    update_interrupts();
  }
  powered_ = on;
}

Smmu::Frame Smmu::locate(std::uint64_t offset) const {
  const std::uint64_t half = frame_size(config_) / 2;
  const auto in_page = static_cast<std::uint32_t>(offset % register_page);
  if (offset >= half) {
    const std::uint64_t bank = (offset - half) / register_page;
    if (bank >= banks_.size()) return {};
    return {Frame::Space::Bank, in_page, static_cast<unsigned>(bank)};
  }
  switch (offset / register_page) {
    case 0:
      return {Frame::Space::Global0, in_page, 0};
    case 1:
      return {Frame::Space::Global1, in_page, 0};
    default:
      return {};
  }
}

std::uint64_t Smmu::read(std::uint64_t offset, unsigned size) {
  if (!powered_) {
    ++statistics_.register_accesses_without_power;
    return 0;
  }
  if ((size != 4 && size != 8) || offset % size != 0 || offset >= frame_size(config_)) return 0;
  Frame frame = locate(offset);
  if (size == 4) return read32(frame);
  const std::uint64_t low = read32(frame);
  frame.offset += 4;
  return low | std::uint64_t{read32(frame)} << 32;
}

void Smmu::write(std::uint64_t offset, std::uint64_t value, unsigned size) {
  if (!powered_) {
    ++statistics_.register_accesses_without_power;
    return;
  }
  if ((size != 4 && size != 8) || offset % size != 0 || offset >= frame_size(config_)) return;
  Frame frame = locate(offset);
  const auto write_word = [&](std::uint64_t word) {
    if (!invalidate(frame, word)) write32(frame, static_cast<std::uint32_t>(word));
  };
  if (size == 8 && is_64_bit_operation(frame)) {
    invalidate(frame, value);
  } else {
    write_word(value & low_word);
    frame.offset += 4;
    if (size == 8) write_word(value >> 32);
  }
  update_interrupts();
}

std::uint32_t Smmu::read32(const Frame& frame) const {
  switch (frame.space) {
    case Frame::Space::Global0:
      return read_global0(frame.offset);
    case Frame::Space::Global1:
      return read_global1(frame.offset);
    case Frame::Space::Bank:
      return banks_[frame.bank].read(frame.offset);
    case Frame::Space::None:
      break;
  }
  return 0;
}

void Smmu::write32(const Frame& frame, std::uint32_t value) {
  switch (frame.space) {
    case Frame::Space::Global0:
      return write_global0(frame.offset, value);
    case Frame::Space::Global1:
      return write_global1(frame.offset, value);
    case Frame::Space::Bank:
      return banks_[frame.bank].write(frame.offset, value, acr_.is_set<sACR::CACHE_LOCK>());
    case Frame::Space::None:
      break;
  }
}

std::uint32_t Smmu::read_global0(std::uint32_t offset) const {
  if (in_table(offset, gr0::SMR)) return streams_.read_smr((offset - gr0::SMR) / 4);
  if (in_table(offset, gr0::S2CR)) return streams_.read_s2cr((offset - gr0::S2CR) / 4);
  switch (offset) {
    case gr0::sCR0:
      return cr0_.raw;
    case gr0::sACR:
      return acr_.raw;
    case gr0::IDR0:
      return idr0(config_).raw;
    case gr0::IDR1:
      return idr1(config_).raw;
    case gr0::IDR2:
      return idr2(config_).raw;
    case gr0::IDR7:
      return idr7().raw;
    case gr0::sGFAR:
      return static_cast<std::uint32_t>(gfar_);
    case gr0::sGFAR + 4:
      return static_cast<std::uint32_t>(gfar_ >> 32);
    case gr0::sGFSR:
      return gfsr_.raw;
    case gr0::sGFSYNR0:
      return gfsynr0_.raw;
    case gr0::sGFSYNR1:
      return gfsynr1_.raw;
    default:
      return 0;  // sTLBGSTATUS among them: an invalidation is complete when its write returns
  }
}

void Smmu::write_global0(std::uint32_t offset, std::uint32_t value) {
  if (in_table(offset, gr0::SMR)) return streams_.write_smr((offset - gr0::SMR) / 4, value);
  if (in_table(offset, gr0::S2CR)) return streams_.write_s2cr((offset - gr0::S2CR) / 4, value);
  switch (offset) {
    case gr0::sCR0:
      cr0_.raw = (value & cr0_writable) | cr0_fixed;
      break;
    case gr0::sACR:
      acr_.raw = value & acr_implemented;
      break;
    case gr0::sGFAR:
      gfar_ = (gfar_ & ~low_word) | value;
      break;
    case gr0::sGFAR + 4:  // as wide as the upstream bus (§9.6.14), which has 32 bits or more
      gfar_ = (gfar_ & low_word) |
              (std::uint64_t{value} << 32 & ((std::uint64_t{1} << config_.upstream_bits) - 1));
      break;
    case gr0::sGFSR:
      gfsr_.raw &= ~value;
      break;  // write 1 to clear
    case gr0::sGFSRRESTORE:
      gfsr_.raw = value & gfsr_implemented;
      break;
    case gr0::sGFSYNR0:
      gfsynr0_.raw = value & gfsynr0_implemented;
      break;
    case gr0::sGFSYNR1:
      gfsynr1_.raw = value & mask_of<sGFSYNR1::StreamID>;
      break;
    default:
      break;
  }
}

std::uint32_t Smmu::read_global1(std::uint32_t offset) const {
  const std::uint32_t index = offset % (2 * table_bytes) / 4;
  if (index >= banks_.size()) return 0;
  const ContextBank& bank = banks_[index];
  if (in_table(offset, gr1::CBAR)) return bank.cbar();
  if (in_table(offset, gr1::CBFRSYNRA)) return bank.cbfrsynra();
  if (in_table(offset, gr1::CBA2R)) return bank.cba2r();
  return 0;
}

void Smmu::write_global1(std::uint32_t offset, std::uint32_t value) {
  const std::uint32_t index = offset % (2 * table_bytes) / 4;
  if (index >= banks_.size()) return;
  if (in_table(offset, gr1::CBAR)) banks_[index].write_cbar(value);
  if (in_table(offset, gr1::CBFRSYNRA)) banks_[index].write_cbfrsynra(value);
  // CBA2R: VA64 is read-as-one, and the other fields need features that are not here.
}

/// One operation by both words; any other 64-bit write is two of 32 bits.
bool Smmu::is_64_bit_operation(const Frame& frame) {
  return frame.space == Frame::Space::Bank && (frame.offset == cb::TLBIVA || frame.offset == cb::TLBIVAA ||
                                               frame.offset == cb::TLBIVAL || frame.offset == cb::TLBIVAAL);
}

void Smmu::invalidate_tlbs(const arch::TlbInvalidation& what) {
  tlb_.invalidate(what);
  for (arch::Tlb& micro : micro_tlbs_) micro.invalidate(what);
}

/// TLB maintenance (§5.4): true when the register is one of its operations. There are no intermediate
/// entries, so that the last-level operations do what the others do.
bool Smmu::invalidate(const Frame& frame, std::uint64_t value) {
  using Asids = arch::TlbInvalidation::Asids;
  arch::TlbInvalidation what{.worlds = arch::TlbInvalidation::bit(arch::World::El1), .stage1 = true};
  if (frame.space == Frame::Space::Global0) {
    switch (frame.offset) {
      case gr0::TLBIVMID:
      case gr0::TLBIVMIDS1:
        what.one_vmid = true;
        what.vmid = static_cast<std::uint16_t>(value & 0xff);
        break;
      case gr0::TLBIALLNSNH:
        break;
      case gr0::TLBIALLH:
        what.worlds = arch::TlbInvalidation::bit(arch::World::El2);  // no context is of it
        break;
      case gr0::sTLBGSYNC:
        ++statistics_.synchronisations;
        return true;
      default:
        return false;
    }
    invalidate_tlbs(what);
    ++statistics_.invalidations;
    return true;
  }
  if (frame.space != Frame::Space::Bank) return false;

  what.one_vmid = true;
  what.vmid = banks_[frame.bank].tag().vmid;
  switch (frame.offset) {
    case cb::TLBIALL:
      break;
    case cb::TLBIASID:
      what.asids = Asids::OneNotGlobal;
      what.asid = static_cast<std::uint16_t>(value & 0xffff);
      break;
    case cb::TLBIVA:
    case cb::TLBIVAL:
      what.asids = Asids::OneOrGlobal;
      what.asid = static_cast<std::uint16_t>(TLBIVA::of(value).get<TLBIVA::ASID>());
      [[fallthrough]];
    case cb::TLBIVAA:
    case cb::TLBIVAAL:
      what.by_address = true;
      what.first = what.last = invalidated_address(value);
      break;
    case cb::TLBSYNC:
      ++statistics_.synchronisations;
      return true;
    default:
      return false;  // an operation's upper word alone among them: no register is there
  }
  invalidate_tlbs(what);
  ++statistics_.invalidations;
  return true;
}

void Smmu::update_interrupts() {
  const bool global = gfsr_.raw != 0 && cr0_.is_set<sCR0::GFIE>();  // §3.6.3
  if (global != global_line_) {
    global_line_ = global;
    interrupts_->global_interrupt(global);
  }
  for (unsigned index = 0; index < banks_.size(); ++index) {
    const bool level = banks_[index].interrupt();
    if (level == bank_lines_[index]) continue;
    bank_lines_[index] = level;
    interrupts_->context_interrupt(index, level);
  }
}

}  // namespace sidewinder::smmuv2
