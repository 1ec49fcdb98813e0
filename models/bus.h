// SPDX-License-Identifier: Apache-2.0
//
// An interconnect: any number of initiators, and targets each at a range of addresses. No contention.

#ifndef SIDEWINDER_MODELS_BUS_H
#define SIDEWINDER_MODELS_BUS_H

#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/multi_passthrough_target_socket.h>
#include <cstdint>
#include <systemc>
#include <tlm>
#include <vector>

namespace sidewinder::models {

/// Targets see addresses from the start of their range, and the payload's own address again afterwards. An
/// access that no one range holds whole answers ADDRESS_ERROR.
class Bus : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<Bus> in;

  explicit Bus(const sc_core::sc_module_name& name);

  /// Maps `target` at [base, base + size), which must not meet another target's range: throws
  /// std::invalid_argument with both ranges.
  template <typename Socket>
  void map(Socket& target, std::uint64_t base, std::uint64_t size) {
    add_range(base, size);
    out_.bind(target);
  }

 private:
  struct Range {
    std::uint64_t base = 0;
    std::uint64_t size = 0;

    [[nodiscard]] bool holds(std::uint64_t address, std::uint64_t length) const {
      return address >= base && address - base < size && length <= size - (address - base);
    }
  };

  void add_range(std::uint64_t base, std::uint64_t size);
  [[nodiscard]] int find(std::uint64_t address, std::uint64_t length) const;
  void transport(int port, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_debug(int port, tlm::tlm_generic_payload& payload);

  tlm_utils::multi_passthrough_initiator_socket<Bus> out_;
  std::vector<Range> ranges_;  ///< of the target with the same number
};

}  // namespace sidewinder::models

#endif
