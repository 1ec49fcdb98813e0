// SPDX-License-Identifier: Apache-2.0
//
// The MMU-500 as a SystemC module: a register target, a client target and a client initiator for each TBU,
// one initiator for table walks, and interrupt lines.
//
//     Smmuv2Module smmu("smmu", {});
//     host.socket.bind(smmu.regs);
//     device.socket.bind(smmu.client[0]);   // its payloads carry models::AttributesExtension
//     smmu.out[0].bind(memory);
//     smmu.walk.bind(memory);
//     smmu.global_interrupt_line(line);     // an interrupt may stay unbound

#ifndef SIDEWINDER_IOMMU_TLM_SMMUV2_MODULE_H
#define SIDEWINDER_IOMMU_TLM_SMMUV2_MODULE_H

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <cstdint>
#include <systemc>
#include <tlm>

#include "iommu/smmuv2/smmu.h"
#include "iommu/tlm/burst.h"
#include "iommu/tlm/memory_initiator.h"
#include "models/attributes.h"

namespace sidewinder::tlm_shell {

/// Added to a transaction's delay. The defaults are those of gem5's SMMUv3 model at 1 GHz without contention:
/// 3 cycles for a micro-TLB hit, 6 for a main TLB hit, 46 and the memory's time for a walk of four levels.
struct Smmuv2Timing {
  sc_core::sc_time micro_tlb_hit{3, sc_core::SC_NS};
  sc_core::sc_time tlb_hit{6, sc_core::SC_NS};
  sc_core::sc_time walk{46, sc_core::SC_NS};  ///< besides what its reads of memory take
};

/// Told of every client transaction (or piece of one, when it crosses a page) after it was translated.
class TranslationObserver {
 public:
  virtual ~TranslationObserver() = default;
  virtual void translated(unsigned tbu, const arch::Access& access,
                          const smmuv2::Translation& translation) = 0;
};

/// Answers: ADDRESS_ERROR for a transaction that the SMMU aborts, GENERIC_ERROR when that is for an external
/// abort on a table walk, zeros and OK where aborts are not reported; errors from downstream as they are.
/// Without power it answers every transaction and every register access with ADDRESS_ERROR. A
/// burst that crosses a 4 KiB boundary is split, byte enables and streaming width minded, and no piece of it
/// goes on unless all are translated. Debug transport and DMI are not offered.
class Smmuv2Module : public sc_core::sc_module, private smmuv2::InterruptListener {
 public:
  using InterruptPort =
      sc_core::sc_port<sc_core::sc_signal_inout_if<bool>, 1, sc_core::SC_ZERO_OR_MORE_BOUND>;

  tlm_utils::simple_target_socket<Smmuv2Module>
      regs;  ///< the register frame from 0; accesses of 4 and 8 bytes
  sc_core::sc_vector<tlm_utils::simple_target_socket_tagged<Smmuv2Module>> client;  ///< one a TBU
  sc_core::sc_vector<tlm_utils::simple_initiator_socket<Smmuv2Module>> out;         ///< one a TBU
  tlm_utils::simple_initiator_socket<Smmuv2Module> walk;
  InterruptPort global_interrupt_line;                       ///< SMMU_NSgIrpt
  sc_core::sc_vector<InterruptPort> context_interrupt_line;  ///< one a context bank

  /// `config` must be valid (smmuv2::validate).
  Smmuv2Module(const sc_core::sc_module_name& name, const smmuv2::Config& config,
               const Smmuv2Timing& timing = {});

  /// Attributes of transactions that carry no extension.
  models::AccessAttributes default_attributes;

  /// Not during an access.
  void set_power(bool on) { core_.set_power(on); }

  void observe(TranslationObserver* observer) { observer_ = observer; }  ///< nullptr: nobody

  [[nodiscard]] const smmuv2::Smmu& core() const { return core_; }

 private:
  void register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void client_transport(int tbu, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void split_transport(int tbu, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay,
                       arch::Access access);
  [[nodiscard]] smmuv2::Translation translate(int tbu, const arch::Access& access, sc_core::sc_time& delay);

  void global_interrupt(bool level) override;
  void context_interrupt(unsigned bank, bool level) override;

  Smmuv2Timing timing_;
  MemoryInitiator memory_;
  smmuv2::Smmu core_;
  TranslationObserver* observer_ = nullptr;
  BurstPool bursts_;
};

}  // namespace sidewinder::tlm_shell

#endif
