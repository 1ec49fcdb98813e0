// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/vpu.h"

#include <cstring>
#include <stdexcept>
#include <utility>

#include "vpu/layout/registers.h"

namespace sidewinder::vpu {
namespace {

VpuConfig checked(VpuConfig config) {
  if (const auto found = problem(config)) throw std::invalid_argument(*found);
  return config;
}

void set_low(std::uint64_t& value, std::uint32_t low) {
  value = (value & 0xffff'ffff'0000'0000) | low;
}
void set_high(std::uint64_t& value, std::uint32_t high) {
  value = (value & 0xffff'ffff) | std::uint64_t{high} << 32;
}
std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32);
}

}  // namespace

Vpu::Vpu(const sc_core::sc_module_name& name, VpuConfig config, VpuObserver* observer)
    : sc_core::sc_module(name), regs("regs"), dma("dma"), irq("irq"), config_(checked(std::move(config))) {
  counters_.blocks.resize(config_.streams.size());
  control_ = std::make_unique<ControlProcessor>("control", config_, dma, registers_, counters_, observer);
  regs.register_b_transport(this, &Vpu::b_transport);
  SC_HAS_PROCESS(Vpu);
  SC_METHOD(drive_irq);
  sensitive << registers_.irq_changed;
  dont_initialize();
}

void Vpu::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  const std::uint64_t offset = payload.get_address();
  std::uint32_t value = 0;
  if (offset >= reg::size) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  if (payload.get_data_length() != sizeof value || offset % sizeof value != 0 ||
      payload.get_streaming_width() < sizeof value || payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }
  if (payload.is_write()) {
    std::memcpy(&value, payload.get_data_ptr(), sizeof value);
    write(offset, value);
  } else if (payload.is_read()) {
    value = read(offset);
    std::memcpy(payload.get_data_ptr(), &value, sizeof value);
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

std::uint32_t Vpu::read(std::uint64_t offset) const {
  switch (offset) {
    case reg::ID:
      return reg::id_value;
    case reg::CONFIG:
      return config_.pipes | static_cast<std::uint32_t>(config_.streams.size()) << 8;
    case reg::CONTROL:
      return registers_.control;
    case reg::STATUS:
      return registers_.status;
    case reg::IRQ_STATUS:
      return registers_.irq_status;
    case reg::QUEUE_BASE_LO:
      return low(registers_.queue_base);
    case reg::QUEUE_BASE_HI:
      return high(registers_.queue_base);
    case reg::SFR_BASE_LO:
      return low(registers_.sfr_base);
    case reg::SFR_BASE_HI:
      return high(registers_.sfr_base);
    case reg::ERROR_CODE:
      return static_cast<std::uint32_t>(registers_.error);
    case reg::ERROR_IOVA_LO:
      return low(registers_.error_iova);
    case reg::ERROR_IOVA_HI:
      return high(registers_.error_iova);
    default:
      return 0;
  }
}

void Vpu::write(std::uint64_t offset, std::uint32_t value) {
  switch (offset) {
    case reg::CONTROL: {
      const std::uint32_t wanted = value & reg::control_boot;
      if (wanted == registers_.control) return;
      registers_.control = wanted;
      if (wanted != 0) {
        control_->boot();
        return;
      }
      control_->reset();
      registers_.status = 0;
      registers_.irq_status = 0;
      registers_.error = hfi::SysErrorCode::None;
      registers_.error_iova = 0;
      registers_.irq_changed.notify(sc_core::SC_ZERO_TIME);
      return;
    }
    case reg::IRQ_CLEAR:
      registers_.irq_status &= ~value;
      registers_.irq_changed.notify(sc_core::SC_ZERO_TIME);
      return;
    case reg::DOORBELL:
      control_->doorbell();
      return;
    case reg::QUEUE_BASE_LO:
      set_low(registers_.queue_base, value);
      return;
    case reg::QUEUE_BASE_HI:
      set_high(registers_.queue_base, value);
      return;
    case reg::SFR_BASE_LO:
      set_low(registers_.sfr_base, value);
      return;
    case reg::SFR_BASE_HI:
      set_high(registers_.sfr_base, value);
      return;
    default:
      return;
  }
}

void Vpu::drive_irq() {
  if (irq.size() != 0) irq->write(registers_.irq_status != 0);
}

}  // namespace sidewinder::vpu
