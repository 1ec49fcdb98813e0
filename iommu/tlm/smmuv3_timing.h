// SPDX-License-Identifier: Apache-2.0
//
// What an SMMUv3 takes, as parameters. The defaults are gem5's SMMUv3 at 1 GHz, of which an uncontended
// access of one beat takes 3 cycles with a micro-TLB hit, 6 with a main TLB hit, 32 and the memory with a
// walk from level 3 on, and 46 and four times the memory with one of four levels; the configuration being
// cached.

#ifndef SIDEWINDER_IOMMU_TLM_SMMUV3_TIMING_H
#define SIDEWINDER_IOMMU_TLM_SMMUV3_TIMING_H

#include <systemc>

namespace sidewinder::tlm_shell {

struct Smmuv3Timing {
  using Time = sc_core::sc_time;

  // A TBU's, in the order of a transaction's way.
  Time client_port{1, sc_core::SC_NS};  ///< each beat; a read has one, a write as many as its bytes need
  Time micro_tlb{1, sc_core::SC_NS};    ///< each lookup
  Time main_tlb{3, sc_core::SC_NS};     ///< each lookup, after a micro-TLB miss
  Time link_there{8, sc_core::SC_NS};   ///< from the TBU to where the tables are walked
  Time link_back{8, sc_core::SC_NS};
  Time out_port{1, sc_core::SC_NS};  ///< each beat, as client_port
  unsigned port_bytes = 16;          ///< a beat's; at least 1

  // Where the tables are walked.
  Time configuration_cache{3, sc_core::SC_NS};  ///< each lookup, after a main TLB miss
  Time walk_start{1, sc_core::SC_NS};           ///< each walk
  Time walk_cache{4, sc_core::SC_NS};           ///< each level looked up, the deepest first
  Time memory_access{2, sc_core::SC_NS};  ///< besides the memory's own time, each descriptor or structure

  // Commands.
  Time command{1, sc_core::SC_NS};       ///< each, before it takes effect
  Time invalidation{1, sc_core::SC_NS};  ///< each CFGI and TLBI, before the next command

  Time interrupt_pulse{1, sc_core::SC_NS};  ///< how long an interrupt's wire is high

  /// Stalled transactions that a TBU holds; it takes nothing more while so many are. At least 1.
  unsigned stall_slots = 16;

  /// Transactions wait for each other, for what follows here. They must then come in the order of their
  /// times: initiators synchronise before each (a quantum of 0).
  bool contention = false;
  Time issue{1, sc_core::SC_NS};  ///< how far apart a link, or the port to memory, takes two
  // How many at once; 0 is any number.
  unsigned micro_tlb_lookups = 1;
  unsigned main_tlb_lookups = 3;
  unsigned configuration_lookups = 3;
  unsigned walk_cache_lookups = 4;
  unsigned tbu_slots = 16;           ///< transactions in a TBU, from port to port
  unsigned write_buffer_beats = 16;  ///< of writes in a TBU
  unsigned translation_slots = 64;   ///< TLB misses under way, of all TBUs
  unsigned walk_slots = 16;          ///< walks
};

/// gem5's SMMUv3 as it is by default, contention included; its caches are those of smmuv3::CacheShapes.
[[nodiscard]] Smmuv3Timing gem5_timing();

/// Everything at once: for software that wants the function alone. Interrupts are pulses all the same.
[[nodiscard]] Smmuv3Timing untimed();

}  // namespace sidewinder::tlm_shell

#endif
