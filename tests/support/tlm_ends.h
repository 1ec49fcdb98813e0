// SPDX-License-Identifier: Apache-2.0
//
// The two ends of a TLM connection under test.

#ifndef SIDEWINDER_TESTS_SUPPORT_TLM_ENDS_H
#define SIDEWINDER_TESTS_SUPPORT_TLM_ENDS_H

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <systemc>
#include <tlm>
#include <utility>
#include <vector>

#include "iommu/tlm/output_attributes.h"

namespace sidewinder::test {

using Bytes = std::vector<unsigned char>;

struct Initiator : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Initiator> socket{"socket"};

  std::vector<std::pair<std::uint64_t, std::uint64_t>> withdrawn;  ///< DMI, first and last address

  explicit Initiator(const sc_core::sc_module_name& name) : sc_module(name) {
    socket.register_invalidate_direct_mem_ptr(this, &Initiator::withdraw);
  }

  /// Its delay, for a payload the caller made.
  sc_core::sc_time send(tlm::tlm_generic_payload& payload) {
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    socket->b_transport(payload, delay);
    return delay;
  }

 private:
  void withdraw(sc_dt::uint64 first, sc_dt::uint64 last) { withdrawn.emplace_back(first, last); }
};

/// A payload over `data`, which it does not own.
inline void prepare(tlm::tlm_generic_payload& payload, tlm::tlm_command command, std::uint64_t address,
                    std::vector<unsigned char>& data) {
  payload.set_command(command);
  payload.set_address(address);
  payload.set_data_ptr(data.data());
  payload.set_data_length(static_cast<unsigned>(data.size()));
  payload.set_streaming_width(static_cast<unsigned>(data.size()));
  payload.set_byte_enable_ptr(nullptr);
}

/// Memory that remembers who asked.
struct Target : sc_core::sc_module {
  struct Seen {
    std::uint64_t address = 0;
    unsigned length = 0;
    bool write = false;

    friend bool operator==(const Seen&, const Seen&) = default;
  };

  tlm_utils::simple_target_socket<Target> socket{"socket"};
  std::map<std::uint64_t, unsigned char> bytes;
  std::vector<Seen> seen;
  std::set<std::uint64_t> failing;  ///< addresses whose accesses answer COMMAND_ERROR
  sc_core::sc_time latency = sc_core::SC_ZERO_TIME;
  unsigned last_streaming_width = 0;
  bool last_had_extension = false;
  bool all_incomplete = true;  ///< each access came with INCOMPLETE_RESPONSE, as IEEE 1666 asks for
  Bytes last_enables;          ///< of each byte of data; empty: none were given
  std::vector<std::optional<tlm_shell::OutputAttributes>> outputs;  ///< of each access
  unsigned debug_accesses = 0;
  /// Waits in b_transport, where the access begins, that long.
  sc_core::sc_time waits = sc_core::SC_ZERO_TIME;

  /// What is granted as DMI: as many bytes from here on, which are not those of `bytes`.
  std::uint64_t direct_base = 0;
  Bytes direct;
  bool direct_writable = true;

  explicit Target(const sc_core::sc_module_name& name) : sc_module(name) {
    socket.register_get_direct_mem_ptr(this, &Target::direct_memory);
    socket.register_b_transport(this, &Target::transport);
    socket.register_transport_dbg(this, &Target::debug);
  }

  void put64(std::uint64_t address, std::uint64_t word) {
    for (unsigned i = 0; i < 8; ++i) bytes[address + i] = static_cast<unsigned char>(word >> (8 * i));
  }

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload);
  bool direct_memory(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
};

}  // namespace sidewinder::test

#endif
