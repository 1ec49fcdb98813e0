// SPDX-License-Identifier: Apache-2.0
//
// STEs that are legal, to be spoilt field by field.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_STE_BENCH_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_STE_BENCH_H

#include <cstdint>

#include "iommu/smmuv3/ste.h"
#include "tests/conformance/smmuv3/structure_bits.h"

namespace sidewinder::test {

inline constexpr std::uint64_t stream_disabled = 0b000, all_bypass = 0b100, stage1_only = 0b101,
                               stage2_only = 0b110, nested = 0b111;

/// VMID 1; at stage 2, for either IPA space, VMSAv8-64, 40 bits of IPA, 4 KiB, from level 1, S2PS 48 bits.
inline Words usual_ste(std::uint64_t config) {
  return {0x10'0001 | config << 1, 0, 0x000d'0058'0000'0001, 0x8000'0000,
          0x0000'0058'0000'0000,   0, 0x9000'0000,           0};
}

/// The same with VMSAv8-32 LPAE at stage 2.
inline Words lpae_ste(std::uint64_t config) {
  return with(with(usual_ste(config), ste_bits::s2aa64, 0), ste_bits::s2t0sz, 0b1000);
}

struct SteBench {
  smmuv3::Config config;
  smmuv3::SecurityState state = smmuv3::SecurityState::NonSecure;
  bool nsstalld = false;

  [[nodiscard]] bool illegal(const Words& words) const {
    return smmuv3::illegal(layout::smmuv3::Ste::of(words), config, state, nsstalld);
  }
};

/// Of an SMMU with Secure EL2.
inline SteBench secure_bench() {
  SteBench bench;
  bench.config.secure = bench.config.secure_el2 = true;
  bench.state = smmuv3::SecurityState::Secure;
  return bench;
}

}  // namespace sidewinder::test

#endif
