// SPDX-License-Identifier: Apache-2.0
//
// The machine's CPU as its software sees it: HostBus over SystemC. Software runs in threads of this module,
// its accesses take no time, and it yields only where HostBus says so.

#ifndef SIDEWINDER_SIM_HOST_H
#define SIDEWINDER_SIM_HOST_H

#include <tlm_utils/simple_initiator_socket.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <utility>
#include <vector>

#include "iommu/linux/host_bus.h"
#include "iommu/linux/irq_actions.h"

namespace sidewinder::sim {

class Host : public sc_core::sc_module, public kernel::HostBus {
 public:
  tlm_utils::simple_initiator_socket<Host> socket;

  Host(const sc_core::sc_module_name& name, const sc_core::sc_time& interrupt_latency);

  using InterruptSource = sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS>;

  enum class Trigger : std::uint8_t {
    Level,       ///< handlers are called while the line is high: while any source is
    RisingEdge,  ///< each edge of a source is kept until handlers are called
  };

  /// A new source of the interrupt, to be bound to what drives it. All sources of one have the same trigger.
  [[nodiscard]] InterruptSource& interrupt_source(unsigned irq, Trigger trigger = Trigger::Level);

  /// What is to be told when the software switches the domain. At first nothing in it has power.
  void power(const kernel::PowerDomain& domain, std::function<void(bool on)> device);

  /// A thread of the software's own, from the start of the simulation. Not after that.
  void spawn(const std::string& name, Callback body);

  [[nodiscard]] bool read(kernel::PhysAddr address, std::span<std::byte> data,
                          kernel::Security security) override;
  [[nodiscard]] bool write(kernel::PhysAddr address, std::span<const std::byte> data,
                           kernel::Security security) override;
  void set_power(const kernel::PowerDomain& domain, bool on) override;
  [[nodiscard]] std::uint64_t now_ns() const override;
  void delay_ns(std::uint64_t duration) override;
  [[nodiscard]] bool request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing,
                                 Callback handler) override;
  void free_irq(unsigned irq, kernel::IrqOwner owner) override;
  void schedule(std::uint64_t delay, Callback work) override;
  [[nodiscard]] bool wait(kernel::Completion& completion, std::uint64_t timeout) override;
  void complete(kernel::Completion& completion) override;

 private:
  struct InterruptLine {
    [[nodiscard]] bool high() const;
    /// The sources are known when the simulation starts.
    void listen();
    [[nodiscard]] bool pending() const { return trigger == Trigger::RisingEdge ? edge : high(); }

    Trigger trigger = Trigger::Level;
    bool edge = false;  ///< one came, and no handler has been called since
    std::deque<InterruptSource> sources;
    sc_core::sc_event requested;
    // What a suspended thread's stack owns is never freed, so these are here.
    std::unique_ptr<sc_core::sc_event_or_list> changed;  ///< some source
    std::unique_ptr<sc_core::sc_event_or_list> changed_or_requested;
    sc_core::sc_event served;
    kernel::IrqActions actions;  ///< empty: nobody asked for it
    bool serving = false;
  };

  bool access(tlm::tlm_command command, kernel::PhysAddr address, unsigned char* data, std::size_t length,
              kernel::Security security);
  void serve(InterruptLine& line);
  void wait_while_pending(const InterruptLine& line) const;
  void run_worker();

  sc_core::sc_time interrupt_latency_;
  std::map<unsigned, std::unique_ptr<InterruptLine>> lines_;
  std::vector<std::pair<kernel::PowerDomain, std::function<void(bool)>>> powered_devices_;
  std::multimap<sc_core::sc_time, Callback> work_;  ///< by time; equal times in the order they came
  sc_core::sc_event work_changed_;
  sc_core::sc_event completed_;
};

}  // namespace sidewinder::sim

#endif
