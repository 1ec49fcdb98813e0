// SPDX-License-Identifier: Apache-2.0
//
// The translating half of an SMMUv3 with its structures in memory as the specification's numbers: fields are
// put where IHI 0070 §5.2 and §5.4 count their bits, tables are raw descriptors.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_BENCH_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_BENCH_H

#include <array>
#include <cstdint>

#include "iommu/smmuv3/translator.h"
#include "tests/support/tables.h"

namespace sidewinder::test {

using arch::FaultClass;
using arch::FaultKind;
using smmuv3::SecurityState;
using smmuv3::Transaction;
using smmuv3::Translation;
using Action = smmuv3::Translation::Action;
using Source = smmuv3::Translation::Source;

/// An STE or CD.
struct Structure {
  std::array<std::uint64_t, 8> words{};

  /// `value` at the bits from `low` on, of which nothing was set before.
  Structure& put(unsigned low, std::uint64_t value) {
    words[low / 64] |= value << (low % 64);
    return *this;
  }
  /// The same in place of what stood in bits high:low.
  Structure& replace(unsigned high, unsigned low, std::uint64_t value) {
    const std::uint64_t ones = ~std::uint64_t{0} >> (63 - (high - low));
    words[low / 64] &= ~(ones << (low % 64));
    return put(low, value);
  }
};

/// A valid STE of Config `config` (4 bypass, 5 stage 1, 6 stage 2, 7 nested) that uses what comes in:
/// SHCFG 1.
inline Structure ste(std::uint64_t config) {
  return Structure().put(0, 1).put(1, config).put(108, 1);
}

/// Stage 1 alone, with one CD at `cd`.
inline Structure stage1_ste(std::uint64_t cd) {
  Structure made = ste(5);
  made.words[0] |= cd;
  return made;
}

/// Adds a stage 2 of 39 bits of IPA from level 1 with 4 KiB pages, 48-bit output, tables Inner Shareable
/// Write-Back, S2R set.
inline Structure with_stage2(Structure made, std::uint64_t table, std::uint64_t vmid = 7) {
  made.put(128, vmid).put(160, 25).put(166, 1).put(168, 1).put(170, 1).put(172, 3).put(174, 0);
  made.put(176, 5).put(179, 1).put(186, 1);
  made.words[3] |= table;
  return made;
}

inline Structure stage2_ste(std::uint64_t table, std::uint64_t vmid = 7) {
  return with_stage2(ste(6), table, vmid);
}

inline Structure nested_ste(std::uint64_t cd, std::uint64_t table, std::uint64_t vmid = 7) {
  Structure made = with_stage2(ste(7), table, vmid);
  made.words[0] |= cd;
  return made;
}

/// A valid CD for VMSAv8-64: TTB0 of 39 bits with 4 KiB pages, TTB1 off, 48-bit IPAs, ASID 1, faults recorded
/// and aborted (A and R), MAIR 0: 0xff, 1: 0x44, 2: 0x04, 3: 0x00.
inline Structure cd(std::uint64_t ttb0, std::uint64_t asid = 1) {
  Structure made;
  made.put(0, 25).put(6, 0).put(8, 1).put(10, 1).put(12, 3).put(30, 1).put(31, 1).put(32, 5);
  made.put(41, 1).put(45, 1).put(46, 1).put(48, asid).put(192, 0x0004'44ff);
  made.words[1] |= ttb0;
  return made;
}

/// Everything that the simulator has, and 48-bit addresses.
inline smmuv3::Config full() {
  smmuv3::Config config;
  config.secure = true;
  config.secure_el2 = true;
  return config;
}

/// `config` without any cache.
inline smmuv3::Config uncached(smmuv3::Config config = full()) {
  config.caches = {};
  config.caches.micro_tlb.entries = config.caches.tlb.entries = config.caches.configuration.entries = 0;
  for (auto& level : config.caches.stage1_walk) level.entries = 0;
  for (auto& level : config.caches.stage2_walk) level.entries = 0;
  return config;
}

class Bench {
 public:
  static constexpr std::uint64_t stream_table = 0x1000'0000;         ///< linear, of 2^8 STEs
  static constexpr std::uint64_t secure_stream_table = 0x1010'0000;  ///< in Secure memory

  WordMemory memory;
  smmuv3::Translator smmu;

  explicit Bench(const smmuv3::Config& config = full(), unsigned tbus = 1) : smmu(config, tbus, memory) {
    enable(SecurityState::NonSecure, stream_table);
    if (config.secure) enable(SecurityState::Secure, secure_stream_table);
  }

  void set_ste(std::uint32_t stream_id, const Structure& ste) {
    write(memory.words, stream_table + 64 * std::uint64_t{stream_id}, ste);
  }
  void set_secure_ste(std::uint32_t stream_id, const Structure& ste) {
    write(memory.secure_words, secure_stream_table + 64 * std::uint64_t{stream_id}, ste);
  }
  void set_cd(std::uint64_t address, const Structure& cd) { write(memory.words, address, cd); }
  void set_secure_cd(std::uint64_t address, const Structure& cd) { write(memory.secure_words, address, cd); }

  Translation send(const Transaction& transaction) { return smmu.translate(0, transaction); }

  Translation read(std::uint32_t stream_id, std::uint64_t address) {
    return send({.address = address, .stream_id = stream_id});
  }
  Translation write(std::uint32_t stream_id, std::uint64_t address) {
    Transaction transaction{.address = address, .stream_id = stream_id};
    transaction.attributes.write = true;
    return send(transaction);
  }

 private:
  void enable(SecurityState state, std::uint64_t table) {
    smmuv3::Control& control = smmu.control(state);
    control.strtab_base.raw = table;
    control.strtab_base_cfg.raw = 8;
    control.cr1.raw = 0x0d75;
    control.record_bad_stream_ids = true;
    control.enabled = true;
  }

  static void write(std::map<std::uint64_t, std::uint64_t>& space, std::uint64_t address,
                    const Structure& structure) {
    for (unsigned word = 0; word < 8; ++word) space[address + 8 * word] = structure.words[word];
  }
};

}  // namespace sidewinder::test

#endif
