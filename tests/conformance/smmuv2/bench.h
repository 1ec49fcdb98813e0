// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv2 as its programmer sees it: register offsets and values as the specification's numbers.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV2_BENCH_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV2_BENCH_H

#include <cstdint>
#include <iomanip>
#include <map>
#include <ostream>

#include "iommu/smmuv2/smmu.h"
#include "tests/support/tables.h"

namespace sidewinder::test {

using Action = smmuv2::Translation::Action;
using Source = smmuv2::Translation::Source;

struct Lines final : smmuv2::InterruptListener {
  bool global = false;
  std::map<unsigned, bool> context;
  unsigned changes = 0;

  void global_interrupt(bool level) override {
    global = level;
    ++changes;
  }
  void context_interrupt(unsigned bank, bool level) override {
    context[bank] = level;
    ++changes;
  }
};

/// What CBn_FSR, CBn_FAR, CBn_FSYNR0, CBFRSYNRAn read.
struct ContextSyndrome {
  std::uint32_t fsr = 0x400;  ///< Format: AArch64
  std::uint64_t far = 0;
  std::uint32_t fsynr0 = 0;
  std::uint32_t cbfrsynra = 0;

  friend bool operator==(const ContextSyndrome&, const ContextSyndrome&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ContextSyndrome& s) {
    return out << std::hex << "FSR " << s.fsr << " FAR " << s.far << " FSYNR0 " << s.fsynr0 << " CBFRSYNRA "
               << s.cbfrsynra;
  }
};

/// What sGFSR, sGFAR, sGFSYNR0, sGFSYNR1 read.
struct GlobalSyndrome {
  std::uint32_t gfsr = 0;
  std::uint64_t gfar = 0;
  std::uint32_t gfsynr0 = 0;
  std::uint32_t gfsynr1 = 0;

  friend bool operator==(const GlobalSyndrome&, const GlobalSyndrome&) = default;
  friend std::ostream& operator<<(std::ostream& out, const GlobalSyndrome& s) {
    return out << std::hex << "GFSR " << s.gfsr << " GFAR " << s.gfar << " GFSYNR0 " << s.gfsynr0
               << " GFSYNR1 " << s.gfsynr1;
  }
};

/// A 49-bit bus, 48-bit output, and the rest as by default: context banks begin at 0x80000.
inline smmuv2::Config wide() {
  smmuv2::Config config;
  config.upstream_bits = 49;
  config.output_bits = 48;
  return config;
}

class Bench {
 public:
  WordMemory memory;
  Lines lines;
  smmuv2::Smmu smmu;

  explicit Bench(const smmuv2::Config& config = wide()) : smmu(config, memory, lines) {}

  std::uint32_t r32(std::uint64_t offset) { return static_cast<std::uint32_t>(smmu.read(offset, 4)); }
  void w32(std::uint64_t offset, std::uint32_t value) { smmu.write(offset, value, 4); }
  std::uint64_t r64(std::uint64_t offset) { return smmu.read(offset, 8); }
  void w64(std::uint64_t offset, std::uint64_t value) { smmu.write(offset, value, 8); }

  /// The offset of a register in a context bank.
  static std::uint64_t cb(unsigned bank, std::uint64_t offset) { return 0x80000 + bank * 0x1000U + offset; }

  /// Clients on, unmatched streams and all global faults reported and raised.
  void enable() { w32(0x000, 0x406); }

  /// StreamID `sid` to `bank` by register group `bank`; stage 1 with stage 2 bypass, this VMID.
  void attach(std::uint32_t sid, unsigned bank, std::uint32_t vmid = 0) {
    w32(0x800 + 4 * bank, 0x8000'0000 | sid);
    w32(0xc00 + 4 * bank, bank);
    w32(0x1000 + 4 * bank, 0x0001'0000 | vmid);
  }

  /// SCTLR: M, CFRE, CFIE. MAIR: byte n is 0x10 + n.
  void regime(unsigned bank, std::uint32_t tcr, std::uint32_t tcr2, std::uint64_t ttbr0,
              std::uint64_t ttbr1 = 0, std::uint32_t sctlr = 0x61) {
    w32(cb(bank, 0x30), tcr);
    w32(cb(bank, 0x10), tcr2);
    w64(cb(bank, 0x20), ttbr0);
    w64(cb(bank, 0x28), ttbr1);
    w32(cb(bank, 0x38), 0x1312'1110);
    w32(cb(bank, 0x3c), 0x1716'1514);
    w32(cb(bank, 0x00), sctlr);
  }

  /// StreamID 0x42, bank 3, 39 bits below TTBR0 with 4 KiB pages, root at 0x10000, TTBR1 off, 48 bits out.
  /// The first 512 pages have their level 3 table at 0x12000.
  void usual(std::uint32_t sctlr = 0x61) {
    enable();
    attach(0x42, 3);
    memory.words[0x10000] = 0x11003;
    memory.words[0x11000] = 0x12003;
    regime(3, 0x0080'0019, 0x0003'8015, 0x10000, 0, sctlr);
  }

  smmuv2::Translation access(std::uint64_t address, bool write = false, bool privileged = false,
                             bool instruction = false, std::uint32_t sid = 0x42, unsigned tbu = 0) {
    return smmu.translate(tbu, {.address = address,
                                .stream_id = sid,
                                .write = write,
                                .privileged = privileged,
                                .instruction = instruction});
  }

  ContextSyndrome context(unsigned bank = 3) {
    return {r32(cb(bank, 0x58)), r64(cb(bank, 0x60)), r32(cb(bank, 0x68)), r32(0x1400 + 4 * bank)};
  }
  GlobalSyndrome global() { return {r32(0x48), r64(0x40), r32(0x50), r32(0x54)}; }

  void clear(unsigned bank = 3) { w32(cb(bank, 0x58), 0xffff'ffff); }
  void invalidate_all() { w32(0x68, 0); }
};

}  // namespace sidewinder::test

#endif
