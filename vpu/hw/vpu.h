// SPDX-License-Identifier: Apache-2.0
//
// The VPU as a part on the bus: registers one way, DMA the other, an interrupt line. It knows nothing of
// drivers.

#ifndef SIDEWINDER_VPU_HW_VPU_H
#define SIDEWINDER_VPU_HW_VPU_H

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <cstdint>
#include <memory>
#include <systemc>
#include <tlm>

#include "vpu/hw/config.h"
#include "vpu/hw/control_processor.h"
#include "vpu/hw/observer.h"

namespace sidewinder::vpu {

class Vpu : public sc_core::sc_module {
 public:
  /// vpu/layout/registers.h: aligned accesses of four bytes, any other is answered TLM_BURST_ERROR, one
  /// outside the block TLM_ADDRESS_ERROR. Takes no time of its own and never waits.
  tlm_utils::simple_target_socket<Vpu> regs;
  /// Every access carries models::AttributesExtension with its StreamID.
  tlm_utils::simple_initiator_socket<Vpu> dma;
  /// High while IRQ_STATUS is not zero; a delta cycle behind it.
  sc_core::sc_port<sc_core::sc_signal_inout_if<bool>, 1, sc_core::SC_ZERO_OR_MORE_BOUND> irq;

  /// Throws std::invalid_argument with problem()'s words when there is a problem() with the configuration.
  Vpu(const sc_core::sc_module_name& name, VpuConfig config, VpuObserver* observer = nullptr);

  [[nodiscard]] const VpuConfig& config() const { return config_; }
  [[nodiscard]] const VpuCounters& counters() const { return counters_; }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  [[nodiscard]] std::uint32_t read(std::uint64_t offset) const;
  void write(std::uint64_t offset, std::uint32_t value);
  void drive_irq();

  VpuConfig config_;
  VpuCounters counters_;
  CoreRegisters registers_;
  std::unique_ptr<ControlProcessor> control_;
};

}  // namespace sidewinder::vpu

#endif
