// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/interface.h"

#include "iommu/layout/bits.h"
#include "iommu/smmuv3/attributes.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;
using layout::mask_of;

constexpr unsigned command_shift = 4;
constexpr unsigned event_shift = 5;
constexpr unsigned page_shift = 4;
constexpr std::uint32_t eventq_prod_offset = 0x00a8, eventq_cons_offset = 0x00ac;
constexpr std::uint32_t priq_prod_offset = 0x00c8, priq_cons_offset = 0x00cc;

template <typename Register>
std::uint32_t low(Register reg) {
  return static_cast<std::uint32_t>(reg.raw);
}
template <typename Register>
std::uint32_t high(Register reg) {
  return static_cast<std::uint32_t>(reg.raw >> 32);
}
template <typename Register>
void set_low(Register& reg, std::uint32_t value, std::uint64_t implemented) {
  reg.raw = (reg.raw & ~std::uint64_t{0xffff'ffff}) | (value & implemented);
}
template <typename Register>
void set_high(Register& reg, std::uint32_t value, std::uint64_t implemented) {
  reg.raw = (reg.raw & 0xffff'ffff) | ((std::uint64_t{value} << 32) & implemented);
}

/// Bits of an address field above the OAS are RES0, and not stored.
template <typename Field>
std::uint64_t address_bits(const Config& config) {
  return Field::mask & layout::low_bits(config.output_bits);
}

}  // namespace

Interface::Interface(const Config& config, SecurityState state) : config_(&config), state_(state) {
  gbpa.set<S_GBPA::SHCFG>(1);  // IMPLEMENTATION DEFINED: transactions pass with the attributes they bring
}

Control Interface::control() const {
  const bool secure = state_ == SecurityState::Secure;
  return {.enabled = translates(),
          .e2h = (cr2 & CR2::E2H::mask) != 0,
          .record_bad_stream_ids = (cr2 & CR2::RECINVSID::mask) != 0,
          .record_ats_errors = (cr2 & CR2::REC_CFG_ATS::mask) != 0,
          .ats_check = (cr0 & CR0::ATSCHK::mask) != 0,
          .secure_instruction_fetch = secure && (cr0 & S_CR0::SIF::mask) != 0,
          .non_secure_stall_disabled = secure && (cr0 & S_CR0::NSSTALLD::mask) != 0,
          .cr1 = cr1,
          .gbpa = gbpa,
          .strtab_base = strtab_base,
          .strtab_base_cfg = strtab_base_cfg};
}

Queue Interface::command_queue() const {
  return Queue::of(cmdq_base, config_->command_queue_bits, command_shift);
}

Queue Interface::event_queue() const {
  return Queue::of(eventq_base, config_->event_queue_bits, event_shift);
}

Queue Interface::page_queue() const {
  return Queue::of(priq_base, config_->pri_queue_bits, page_shift);
}

/// There is one PRI queue, the Non-secure interface's.
bool Interface::has_pages() const {
  return config_->pri && state_ == SecurityState::NonSecure;
}

arch::MemoryAttributes Interface::queue_attributes(bool read_allocate, bool write_allocate) const {
  return structure_attributes(static_cast<std::uint8_t>(cr1.get<CR1::QUEUE_IC>()),
                              static_cast<std::uint8_t>(cr1.get<CR1::QUEUE_OC>()),
                              static_cast<std::uint8_t>(cr1.get<CR1::QUEUE_SH>()), read_allocate,
                              write_allocate);
}

std::uint32_t Interface::read(std::uint32_t offset) const {
  switch (offset) {
    case page0::CR0:
    case page0::CR0ACK:
      return cr0;
    case page0::CR1:
      return cr1.raw;
    case page0::CR2:
      return cr2;
    case page0::GBPA:
      return gbpa.raw;
    case page0::IRQ_CTRL:
    case page0::IRQ_CTRLACK:
      return irq_ctrl.raw;
    case page0::GERROR:
      return gerror.raw;
    case page0::GERRORN:
      return gerrorn.raw;
    case page0::GERROR_IRQ_CFG0:
      return low(gerror_msi.cfg0);
    case page0::GERROR_IRQ_CFG0 + 4:
      return high(gerror_msi.cfg0);
    case page0::GERROR_IRQ_CFG1:
      return gerror_msi.data;
    case page0::GERROR_IRQ_CFG2:
      return gerror_msi.cfg2.raw;
    case page0::STRTAB_BASE:
      return low(strtab_base);
    case page0::STRTAB_BASE + 4:
      return high(strtab_base);
    case page0::STRTAB_BASE_CFG:
      return strtab_base_cfg.raw;
    case page0::CMDQ_BASE:
      return low(cmdq_base);
    case page0::CMDQ_BASE + 4:
      return high(cmdq_base);
    case page0::CMDQ_PROD:
      return cmdq_prod;
    case page0::CMDQ_CONS:  // bits above the wrap flag are RAZ, whatever LOG2SIZE was before (§6.3.28)
      return (cmdq_cons.raw & CMDQ_CONS::ERR::mask) | command_queue().pointer(cmdq_cons.raw);
    case page0::EVENTQ_BASE:
      return low(eventq_base);
    case page0::EVENTQ_BASE + 4:
      return high(eventq_base);
    case eventq_prod_offset:
      return (eventq_prod.raw & EVENTQ_PROD::OVFLG::mask) | event_queue().pointer(eventq_prod.raw);
    case eventq_cons_offset:
      return eventq_cons.raw;
    case page0::EVENTQ_IRQ_CFG0:
      return low(event_msi.cfg0);
    case page0::EVENTQ_IRQ_CFG0 + 4:
      return high(event_msi.cfg0);
    case page0::EVENTQ_IRQ_CFG1:
      return event_msi.data;
    case page0::EVENTQ_IRQ_CFG2:
      return event_msi.cfg2.raw;
    case page0::PRIQ_BASE:
      return low(priq_base);
    case page0::PRIQ_BASE + 4:
      return high(priq_base);
    case priq_prod_offset:
      return (priq_prod.raw & EVENTQ_PROD::OVFLG::mask) | page_queue().pointer(priq_prod.raw);
    case priq_cons_offset:
      return priq_cons.raw;
    case page0::PRIQ_IRQ_CFG0:
      return low(page_msi.cfg0);
    case page0::PRIQ_IRQ_CFG0 + 4:
      return high(page_msi.cfg0);
    case page0::PRIQ_IRQ_CFG1:
      return page_msi.data;
    case page0::PRIQ_IRQ_CFG2:
      return page_msi.cfg2.raw;
    default:
      return 0;
  }
}

/// Each half of CR1 is guarded by those who use it (§6.3.11).
void Interface::write_cr1(std::uint32_t value) {
  constexpr std::uint32_t table = mask_of<CR1::TABLE_SH, CR1::TABLE_OC, CR1::TABLE_IC>;
  constexpr std::uint32_t queue = mask_of<CR1::QUEUE_SH, CR1::QUEUE_OC, CR1::QUEUE_IC>;
  std::uint32_t writable = 0;
  if (!translates()) writable |= table;
  if (!commands_on() && !events_on() && !pages_on()) writable |= queue;
  cr1.raw = (cr1.raw & ~writable) | (value & writable);
}

/// A source's MSI registers are there with MSIs, and change while the source is disabled (§6.3.16).
bool Interface::msi_writable(std::uint32_t offset) const {
  if (!config_->msi) return false;
  if (offset < page0::EVENTQ_IRQ_CFG0) return !irq_ctrl.is_set<IRQ_CTRL::GERROR_IRQEN>();
  return offset < page0::PRIQ_IRQ_CFG0 ? !irq_ctrl.is_set<IRQ_CTRL::EVENTQ_IRQEN>()
                                       : !irq_ctrl.is_set<IRQ_CTRL::PRIQ_IRQEN>();
}

/// §6.3.33 to §6.3.36, and page 1's.
void Interface::write_pages(std::uint32_t offset, std::uint32_t value) {
  if (!has_pages()) return;
  switch (offset) {
    case page0::PRIQ_BASE:
      if (!pages_on())
        set_low(priq_base, value, address_bits<QUEUE_BASE::ADDR>(*config_) | QUEUE_BASE::LOG2SIZE::mask);
      break;
    case page0::PRIQ_BASE + 4:
      if (!pages_on())
        set_high(priq_base, value, address_bits<QUEUE_BASE::ADDR>(*config_) | QUEUE_BASE::WA::mask);
      break;
    case priq_prod_offset:
      if (!pages_on()) priq_prod.raw = value & mask_of<EVENTQ_PROD::WR, EVENTQ_PROD::OVFLG>;
      break;
    case priq_cons_offset:
      priq_cons.raw = value & mask_of<EVENTQ_CONS::RD, EVENTQ_CONS::OVACKFLG>;
      break;
    case page0::PRIQ_IRQ_CFG0:
      if (msi_writable(offset)) set_low(page_msi.cfg0, value, address_bits<IRQ_CFG0::ADDR>(*config_));
      break;
    case page0::PRIQ_IRQ_CFG0 + 4:
      if (msi_writable(offset)) set_high(page_msi.cfg0, value, address_bits<IRQ_CFG0::ADDR>(*config_));
      break;
    case page0::PRIQ_IRQ_CFG1:
      if (msi_writable(offset)) page_msi.data = value;
      break;
    case page0::PRIQ_IRQ_CFG2:
      if (msi_writable(offset))
        page_msi.cfg2.raw = value & mask_of<IRQ_CFG2::MemAttr, IRQ_CFG2::SH, IRQ_CFG2::LO>;
      break;
    default:
      break;
  }
}

void Interface::write(std::uint32_t offset, std::uint32_t value) {
  const bool secure = state_ == SecurityState::Secure;
  switch (offset) {
    case page0::CR0: {
      std::uint32_t fields = mask_of<CR0::SMMUEN, CR0::EVENTQEN, CR0::CMDQEN>;
      if (has_pages()) fields |= CR0::PRIQEN::mask;
      if (!secure && config_->ats) fields |= CR0::ATSCHK::mask;
      if (secure) fields |= S_CR0::SIF::mask;
      if (secure && config_->stall_model == StallModel::Both) fields |= S_CR0::NSSTALLD::mask;
      cr0 = value & fields;
      break;
    }
    case page0::CR1:
      write_cr1(value);
      break;
    case page0::CR2: {
      std::uint32_t fields = CR2::RECINVSID::mask;
      if (secure ? config_->secure_el2 : config_->hypervisor) fields |= CR2::E2H::mask;
      if (!secure && config_->ats_error_records) fields |= CR2::REC_CFG_ATS::mask;
      if (!translates()) cr2 = value & fields;
      break;
    }
    case page0::GBPA: {
      std::uint32_t fields = mask_of<S_GBPA::MemAttr, S_GBPA::MTCFG, S_GBPA::ALLOCCFG, S_GBPA::SHCFG,
                                     S_GBPA::PRIVCFG, S_GBPA::INSTCFG, S_GBPA::ABORT>;
      if (secure) fields |= S_GBPA::NSCFG::mask;
      // Without Update the write is IGNORED; with it, the update is complete by the next read (§6.3.14.1).
      if ((value & S_GBPA::Update::mask) != 0) gbpa.raw = value & fields;
      break;
    }
    case page0::IRQ_CTRL:
      irq_ctrl.raw = value & mask_of<IRQ_CTRL::GERROR_IRQEN, IRQ_CTRL::EVENTQ_IRQEN>;
      if (has_pages()) irq_ctrl.raw |= value & IRQ_CTRL::PRIQ_IRQEN::mask;
      break;
    case page0::GERRORN: {
      std::uint32_t fields = mask_of<GERROR::CMDQ_ERR, GERROR::EVENTQ_ABT_ERR, GERROR::SFM_ERR>;
      if (config_->msi)
        fields |= mask_of<GERROR::MSI_CMDQ_ABT_ERR, GERROR::MSI_EVENTQ_ABT_ERR, GERROR::MSI_GERROR_ABT_ERR>;
      if (has_pages()) fields |= GERROR::PRIQ_ABT_ERR::mask;
      if (has_pages() && config_->msi) fields |= GERROR::MSI_PRIQ_ABT_ERR::mask;
      gerrorn.raw = value & fields;
      break;
    }
    case page0::GERROR_IRQ_CFG0:
      if (msi_writable(offset)) set_low(gerror_msi.cfg0, value, address_bits<IRQ_CFG0::ADDR>(*config_));
      break;
    case page0::GERROR_IRQ_CFG0 + 4:
      if (msi_writable(offset)) set_high(gerror_msi.cfg0, value, address_bits<IRQ_CFG0::ADDR>(*config_));
      break;
    case page0::GERROR_IRQ_CFG1:
      if (msi_writable(offset)) gerror_msi.data = value;
      break;
    case page0::GERROR_IRQ_CFG2:
      if (msi_writable(offset)) gerror_msi.cfg2.raw = value & mask_of<IRQ_CFG2::MemAttr, IRQ_CFG2::SH>;
      break;
    case page0::STRTAB_BASE:
      if (!translates()) set_low(strtab_base, value, address_bits<STRTAB_BASE::ADDR>(*config_));
      break;
    case page0::STRTAB_BASE + 4:
      if (!translates())
        set_high(strtab_base, value, address_bits<STRTAB_BASE::ADDR>(*config_) | STRTAB_BASE::RA::mask);
      break;
    case page0::STRTAB_BASE_CFG: {
      std::uint32_t fields = STRTAB_BASE_CFG::LOG2SIZE::mask;
      if (config_->two_level_stream_table) fields |= mask_of<STRTAB_BASE_CFG::SPLIT, STRTAB_BASE_CFG::FMT>;
      if (!translates()) strtab_base_cfg.raw = value & fields;
      break;
    }
    case page0::CMDQ_BASE:
      if (!commands_on())
        set_low(cmdq_base, value, address_bits<QUEUE_BASE::ADDR>(*config_) | QUEUE_BASE::LOG2SIZE::mask);
      break;
    case page0::CMDQ_BASE + 4:
      if (!commands_on())
        set_high(cmdq_base, value, address_bits<QUEUE_BASE::ADDR>(*config_) | QUEUE_BASE::RA::mask);
      break;
    case page0::CMDQ_PROD:
      cmdq_prod = value & CMDQ_CONS::RD::mask;
      break;
    case page0::CMDQ_CONS:
      if (!commands_on()) cmdq_cons.set<CMDQ_CONS::RD>(command_queue().pointer(value));
      break;
    case page0::EVENTQ_BASE:
      if (!events_on())
        set_low(eventq_base, value, address_bits<QUEUE_BASE::ADDR>(*config_) | QUEUE_BASE::LOG2SIZE::mask);
      break;
    case page0::EVENTQ_BASE + 4:
      if (!events_on())
        set_high(eventq_base, value, address_bits<QUEUE_BASE::ADDR>(*config_) | QUEUE_BASE::WA::mask);
      break;
    case eventq_prod_offset:
      if (!events_on()) eventq_prod.raw = value & mask_of<EVENTQ_PROD::WR, EVENTQ_PROD::OVFLG>;
      break;
    case eventq_cons_offset:
      eventq_cons.raw = value & mask_of<EVENTQ_CONS::RD, EVENTQ_CONS::OVACKFLG>;
      break;
    case page0::EVENTQ_IRQ_CFG0:
      if (msi_writable(offset)) set_low(event_msi.cfg0, value, address_bits<IRQ_CFG0::ADDR>(*config_));
      break;
    case page0::EVENTQ_IRQ_CFG0 + 4:
      if (msi_writable(offset)) set_high(event_msi.cfg0, value, address_bits<IRQ_CFG0::ADDR>(*config_));
      break;
    case page0::EVENTQ_IRQ_CFG1:
      if (msi_writable(offset)) event_msi.data = value;
      break;
    case page0::EVENTQ_IRQ_CFG2:
      if (msi_writable(offset)) event_msi.cfg2.raw = value & mask_of<IRQ_CFG2::MemAttr, IRQ_CFG2::SH>;
      break;
    default:
      write_pages(offset, value);
      break;
  }
}

}  // namespace sidewinder::smmuv3
