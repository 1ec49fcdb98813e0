// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv3 (IHI 0070) as a SystemC module: a register target, a client target and a client initiator for
// each TBU, one initiator for the SMMU's own accesses, and interrupts.
//
//     Smmuv3Module smmu("smmu", config, 2);   // an smmuv3::Config, and two TBUs
//     host.socket.bind(smmu.regs);            // offsets from 0 to 0x1ffff
//     device.socket.bind(smmu.client[0]);     // its payloads carry models::AttributesExtension
//     smmu.out[0].bind(bus);                  // what goes on carries OutputExtension too
//     smmu.walk.bind(bus);                    // tables, structures, queues and MSIs
//     smmu.event_queue_irq(wire);             // an interrupt may stay unbound

#ifndef SIDEWINDER_IOMMU_TLM_SMMUV3_MODULE_H
#define SIDEWINDER_IOMMU_TLM_SMMUV3_MODULE_H

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <systemc>
#include <tlm>
#include <vector>

#include "iommu/smmuv3/probe.h"
#include "iommu/smmuv3/smmu.h"
#include "iommu/tlm/burst.h"
#include "iommu/tlm/core_lock.h"
#include "iommu/tlm/dmi_table.h"
#include "iommu/tlm/hit_table.h"
#include "iommu/tlm/in_flight.h"
#include "iommu/tlm/memory_initiator.h"
#include "iommu/tlm/pulse_line.h"
#include "iommu/tlm/smmuv3_statistics.h"
#include "iommu/tlm/smmuv3_timing.h"
#include "iommu/tlm/stall_slots.h"
#include "iommu/tlm/translation_timer.h"
#include "models/attributes.h"

namespace sidewinder::tlm_shell {

/// Told of every translation of a client's transaction, or of a piece of one: each time it is tried.
class Smmuv3Observer {
 public:
  virtual ~Smmuv3Observer() = default;
  virtual void translated(unsigned tbu, const smmuv3::Transaction& transaction,
                          const smmuv3::Translation& translation) = 0;
};

/// Answers: ADDRESS_ERROR for a transaction that the SMMU aborts, GENERIC_ERROR when that is for an external
/// abort on the SMMU's own access, zeros and OK for RAZ/WI; errors from downstream as they are. A burst is
/// split at 4 KiB boundaries, byte enables and streaming width minded, and no piece of it goes on unless all
/// are translated. Time is added to `delay`. The calling thread waits where the transaction stalls, or the
/// TBU is full of stalled ones; and while another thread is in the SMMU, where memory waits in b_transport.
/// A client that shall have several transactions stalled brings each in a thread of its own. Without power
/// every transaction and register access is answered with ADDRESS_ERROR, in no time.
///
/// Debug transport goes where a transaction would go by the tables as they are in memory, up to the first
/// page that it would not reach, and has no side effect; it reads tables through `walk`'s debug transport. Of
/// registers it only reads. DMI is granted to TBUs of `only_default_attributes`: within one page, block or
/// run and its permissions, from tables as they are, where no access flag or dirty state is to be updated;
/// and withdrawn when what it came from is invalidated or withdrawn downstream.
class Smmuv3Module : public sc_core::sc_module, private smmuv3::SmmuListener {
 public:
  using InterruptPort = PulseLine::Port;

  tlm_utils::simple_target_socket<Smmuv3Module> regs;  ///< accesses of 4 and 8 bytes
  sc_core::sc_vector<tlm_utils::simple_target_socket_tagged<Smmuv3Module>> client;  ///< one a TBU
  sc_core::sc_vector<tlm_utils::simple_initiator_socket_tagged<Smmuv3Module>> out;  ///< one a TBU
  tlm_utils::simple_initiator_socket<Smmuv3Module> walk;

  /// Each is a rising edge (§3.18.2), which comes where an MSI is sent too. See PulseLine.
  InterruptPort event_queue_irq, command_sync_irq, global_error_irq, page_request_queue_irq;
  InterruptPort secure_event_queue_irq, secure_command_sync_irq, secure_global_error_irq;
  InterruptPort combined_irq;   ///< any of them
  InterruptPort wake_up_event;  ///< SEV: what ends a PE's WFE (§4.7.3)

  /// `config` must be valid (smmuv3::validate), `tbus` at least 1.
  Smmuv3Module(const sc_core::sc_module_name& name, const smmuv3::Config& config, unsigned tbus,
               const Smmuv3Timing& timing = {});

  /// For each TBU, the attributes of transactions that carry no extension; and of register accesses, of which
  /// only `secure` means anything.
  std::vector<models::AccessAttributes> default_attributes;
  models::AccessAttributes default_register_attributes;
  /// For each TBU: all that comes through it has the default attributes, and so it may have DMI. A request
  /// with others is refused it.
  std::vector<bool> only_default_attributes;
  /// Off: no DMI, and what was granted is withdrawn. For those who want to see every transaction.
  void allow_dmi(bool allow);

  /// Reads a platform's own extension in place of models::AttributesExtension. What it is given, for the TBU
  /// or, with register_access, for `regs`, are the defaults.
  using AttributeReader = std::function<void(unsigned tbu, const tlm::tlm_generic_payload& payload,
                                             models::AccessAttributes& attributes)>;
  static constexpr unsigned register_access = ~0U;
  AttributeReader read_attributes;

  // The ATS port (IHI 0070 §3.9), as calls: a Root Complex is nothing that TLM-2.0 has a protocol for. Of
  // payloads, those with AddressType::Translated are Translated transactions.
  void connect(smmuv3::RootComplex& root_complex) { core_.connect(root_complex); }
  /// Adds to `delay` what the SMMU's own accesses take. Of the completion, `accesses` is empty.
  [[nodiscard]] smmuv3::AtsCompletion translate_for_ats(const smmuv3::AtsRequest& request,
                                                        sc_core::sc_time& delay);
  void page_request(const smmuv3::PageRequest& request);
  void end_atc_invalidation(smmuv3::SecurityState queue, bool timed_out);

  /// See Smmu. Interrupts on their way do not come; what was translated goes on. Waits as an access does.
  void set_power(bool on);

  void observe(Smmuv3Observer* observer) { observer_ = observer; }  ///< nullptr: nobody

  [[nodiscard]] const smmuv3::Smmu& core() const { return core_; }
  [[nodiscard]] Smmuv3Statistics statistics() const;

 private:
  /// What becomes of a transaction, all its pieces taken together.
  enum class Verdict : std::uint8_t { Forward, Abort, ExternalAbort, RazWi, Stall };

  void end_of_elaboration() override;
  void register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void client_transport(int port, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void translate_and_send(unsigned tbu, models::AccessAttributes attributes,
                          tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void split_transport(unsigned tbu, const models::AccessAttributes& attributes,
                       tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  static void terminate(Verdict verdict, tlm::tlm_generic_payload& payload);
  void forward(unsigned tbu, std::uint64_t output, const OutputAttributes& attributes,
               tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  [[nodiscard]] const models::AccessAttributes& find_attributes(unsigned tbu,
                                                                const tlm::tlm_generic_payload& payload,
                                                                const models::AccessAttributes& defaults,
                                                                models::AccessAttributes& read) const;
  [[nodiscard]] models::AccessAttributes attributes_of(unsigned tbu, const tlm::tlm_generic_payload& payload,
                                                       const models::AccessAttributes& defaults) const;
  /// One try; where it stalls, it waits for `token`.
  [[nodiscard]] smmuv3::Translation translate(unsigned tbu, const smmuv3::Transaction& transaction,
                                              unsigned bytes, sc_core::sc_time& delay, std::uint64_t& token);
  [[nodiscard]] static Verdict verdict_of(const smmuv3::Translation& translation);
  [[nodiscard]] Verdict after_stall(unsigned tbu, std::uint64_t token, sc_core::sc_time& delay);

  /// What a transaction would come to, and whether a descriptor would be updated.
  struct Prospect {
    smmuv3::Translation translation;
    bool updates = false;

    [[nodiscard]] bool forwarded() const {
      return translation.action == smmuv3::Translation::Action::Forward;
    }
  };
  [[nodiscard]] Prospect probe(const smmuv3::Transaction& transaction);
  unsigned register_debug(tlm::tlm_generic_payload& payload);
  unsigned client_debug(int port, tlm::tlm_generic_payload& payload);
  bool client_dmi(int port, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
  [[nodiscard]] bool may_have_dmi(unsigned tbu, const models::AccessAttributes& attributes) const;
  void downstream_withdraws(int tbu, sc_dt::uint64 first, sc_dt::uint64 last);
  template <typename Matches>
  void withdraw_if(Matches matches);

  void process_commands();
  void ring_doorbell(const sc_core::sc_time& after);
  [[nodiscard]] std::optional<smmuv3::SecurityState> next_queue();

  void interrupt(smmuv3::SecurityState state, smmuv3::Interrupt source) override;
  void wake_up() override;
  void resume(std::uint64_t token, smmuv3::Resumption how) override;
  void invalidated(const arch::TlbInvalidation& what) override;
  void invalidated(const smmuv3::ConfigInvalidation& what) override;
  void invalidated_all() override;

  Smmuv3Timing timing_;
  MemoryInitiator memory_;
  smmuv3::Smmu core_;
  DebugMemory debug_memory_;
  smmuv3::Probe probe_;
  DmiTable dmi_;
  bool dmi_allowed_ = true;
  CoreLock lock_;
  TranslationTimer timer_;
  std::vector<HitTable> hits_;                     ///< by TBU
  std::vector<tlm::tlm_fw_transport_if<>*> next_;  ///< what `out` is bound to
  StallSlots slots_;
  BurstPool bursts_;
  InFlight in_flight_;
  // One writer a wire: see PulseLine.
  PulseLine event_queue_line_, command_sync_line_, global_error_line_, page_request_queue_line_;
  PulseLine secure_event_queue_line_, secure_command_sync_line_, secure_global_error_line_;
  PulseLine combined_line_, wake_up_line_;
  sc_core::sc_event doorbell_;
  smmuv3::SecurityState last_queue_ = smmuv3::SecurityState::Secure;
  sc_core::sc_time interrupts_after_;  ///< how far ahead of simulated time the access in the core is
  Smmuv3Observer* observer_ = nullptr;
};

}  // namespace sidewinder::tlm_shell

#endif
