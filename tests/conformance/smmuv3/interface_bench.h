// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv3 as its programmer sees it: register offsets, commands and event records as the specification's
// numbers.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_INTERFACE_BENCH_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_INTERFACE_BENCH_H

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "iommu/smmuv3/smmu.h"
#include "tests/conformance/smmuv3/bench.h"

namespace sidewinder::test {

using smmuv3::Interrupt;
using smmuv3::Resumption;

struct SmmuLog final : smmuv3::SmmuListener {
  std::vector<std::pair<SecurityState, Interrupt>> interrupts;
  std::vector<std::pair<std::uint64_t, Resumption>> resumed;
  unsigned wake_ups = 0;

  void interrupt(SecurityState state, Interrupt source) override { interrupts.emplace_back(state, source); }
  void wake_up() override { ++wake_ups; }
  void resume(std::uint64_t token, Resumption how) override { resumed.emplace_back(token, how); }
};

/// Command and event queues of 2^4 entries, all enabled, interrupts too, for both Security states.
class InterfaceBench {
 public:
  static constexpr std::uint64_t stream_table = Bench::stream_table;
  static constexpr std::uint64_t commands = 0x1800'0000;
  static constexpr std::uint64_t events = 0x1900'0000;
  static constexpr std::uint32_t secure = 0x8000;  ///< distance of the Secure registers

  WordMemory memory;
  SmmuLog log;
  smmuv3::Smmu smmu;

  explicit InterfaceBench(const smmuv3::Config& config = full()) : smmu(config, 1, memory, log) {
    set_up(0);
    if (config.secure) set_up(secure);
  }

  /// The interface of the Security state whose registers are at `regs`.
  void set_up(std::uint64_t regs) {
    w64(regs + 0x80, stream_table);
    w32(regs + 0x88, 8);
    w64(regs + 0x90, commands | 4);
    w64(regs + 0xa0, events | 4);
    w32(regs + 0x28, 0x0d75);
    w32(regs + 0x2c, 0x2);
    w32(regs + 0x50, 0x5);
    w32(regs + 0x20, 0xd);
  }

  std::uint32_t r32(std::uint64_t offset, bool from_secure = true) const {
    return static_cast<std::uint32_t>(smmu.read(offset, 4, from_secure));
  }
  void w32(std::uint64_t offset, std::uint32_t value, bool from_secure = true) {
    smmu.write(offset, value, 4, from_secure);
  }
  std::uint64_t r64(std::uint64_t offset, bool from_secure = true) const {
    return smmu.read(offset, 8, from_secure);
  }
  void w64(std::uint64_t offset, std::uint64_t value, bool from_secure = true) {
    smmu.write(offset, value, 8, from_secure);
  }

  /// Puts a command at PROD, moves PROD on and lets the SMMU process all it can.
  void command(std::uint64_t low, std::uint64_t high = 0, SecurityState state = SecurityState::NonSecure) {
    const bool is_secure = state == SecurityState::Secure;
    const std::uint64_t regs = is_secure ? secure : 0;
    auto& words = is_secure ? memory.secure_words : memory.words;
    const std::uint32_t prod = r32(regs + 0x98);
    words[commands + 16 * (prod & 0xf)] = low;
    words[commands + 16 * (prod & 0xf) + 8] = high;
    w32(regs + 0x98, (prod + 1) & 0x1f);
    run(state);
  }
  void run(SecurityState state = SecurityState::NonSecure) {
    while (smmu.process_command(state)) {
    }
  }

  [[nodiscard]] std::uint32_t eventq_prod() const { return r32(0x100a8); }
  [[nodiscard]] std::array<std::uint64_t, 4> event(unsigned index, bool is_secure = false) const {
    const auto& words = is_secure ? memory.secure_words : memory.words;
    std::array<std::uint64_t, 4> record{};
    for (unsigned word = 0; word < 4; ++word)
      if (const auto found = words.find(events + 32 * index + 8 * word); found != words.end())
        record[word] = found->second;
    return record;
  }

  void set_ste(std::uint32_t stream_id, const Structure& structure) {
    put(memory.words, stream_table + 64 * std::uint64_t{stream_id}, structure);
  }
  void set_secure_ste(std::uint32_t stream_id, const Structure& structure) {
    put(memory.secure_words, stream_table + 64 * std::uint64_t{stream_id}, structure);
  }
  void set_cd(std::uint64_t address, const Structure& structure) { put(memory.words, address, structure); }

  Translation send(const Transaction& transaction, std::uint64_t token = 0) {
    return smmu.translate(0, transaction, token);
  }
  Translation read(std::uint32_t stream_id, std::uint64_t address, std::uint64_t token = 0) {
    return send({.address = address, .stream_id = stream_id}, token);
  }

 private:
  static void put(std::map<std::uint64_t, std::uint64_t>& space, std::uint64_t address,
                  const Structure& structure) {
    for (unsigned word = 0; word < 8; ++word) space[address + 8 * word] = structure.words[word];
  }
};

}  // namespace sidewinder::test

#endif
