// SPDX-License-Identifier: Apache-2.0
//
// The machine's CPU as its software sees it: HostBus over SystemC. Software runs in threads of this module,
// its accesses take no time, and it yields only where HostBus says so.

#ifndef SIDEWINDER_SIM_HOST_H
#define SIDEWINDER_SIM_HOST_H

#include <tlm_utils/simple_initiator_socket.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "iommu/linux/host_bus.h"

namespace sidewinder::sim {

class Host : public sc_core::sc_module, public kernel::HostBus {
 public:
  tlm_utils::simple_initiator_socket<Host> socket;

  Host(const sc_core::sc_module_name& name, const sc_core::sc_time& interrupt_latency);

  /// The line of an interrupt, to be bound to whatever drives it; the same one each time.
  [[nodiscard]] sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS>& interrupt_line(unsigned irq);

  /// A thread of the software's own, from the start of the simulation. Not after that.
  void spawn(const std::string& name, Callback body);

  [[nodiscard]] bool read(kernel::PhysAddr address, std::span<std::byte> data,
                          kernel::Security security) override;
  [[nodiscard]] bool write(kernel::PhysAddr address, std::span<const std::byte> data,
                           kernel::Security security) override;
  [[nodiscard]] std::uint64_t now_ns() const override;
  void delay_ns(std::uint64_t duration) override;
  [[nodiscard]] bool request_irq(unsigned irq, Callback handler) override;
  void free_irq(unsigned irq) override;
  void schedule(std::uint64_t delay, Callback work) override;
  [[nodiscard]] bool wait(kernel::Completion& completion, std::uint64_t timeout) override;
  void complete(kernel::Completion& completion) override;

 private:
  struct InterruptLine {
    explicit InterruptLine(const std::string& name) : signal(name.c_str()) {}

    sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS> signal;
    sc_core::sc_event requested;
    sc_core::sc_event served;
    Callback handler;  ///< empty: nobody asked for it
    bool serving = false;
  };

  bool access(tlm::tlm_command command, kernel::PhysAddr address, unsigned char* data, std::size_t length,
              kernel::Security security);
  void serve(InterruptLine& line);
  void run_worker();

  sc_core::sc_time interrupt_latency_;
  std::map<unsigned, std::unique_ptr<InterruptLine>> lines_;
  std::multimap<sc_core::sc_time, Callback> work_;  ///< by time; equal times in the order they came
  sc_core::sc_event work_changed_;
  sc_core::sc_event completed_;
};

}  // namespace sidewinder::sim

#endif
