// SPDX-License-Identifier: Apache-2.0
//
// A memory as a TLM-2.0 target: sparse, with one latency for every access.

#ifndef SIDEWINDER_MODELS_MEMORY_H
#define SIDEWINDER_MODELS_MEMORY_H

#include <tlm_utils/simple_target_socket.h>
#include <cstdint>
#include <systemc>
#include <tlm>

#include "models/sparse_store.h"

namespace sidewinder::models {

/// Addresses start at 0. An access that does not lie inside answers ADDRESS_ERROR.
class Memory : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Memory> in;

  Memory(const sc_core::sc_module_name& name, std::uint64_t size, const sc_core::sc_time& latency);

  [[nodiscard]] const SparseStore& store() const { return store_; }

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_debug(tlm::tlm_generic_payload& payload);
  bool access(tlm::tlm_generic_payload& payload);

  SparseStore store_;
  sc_core::sc_time latency_;
};

}  // namespace sidewinder::models

#endif
