// SPDX-License-Identifier: Apache-2.0
//
// What one SMMUv2 implementation has. Its identification registers are computed from this, so nothing can be
// advertised that is not there.

#ifndef SIDEWINDER_IOMMU_SMMUV2_CONFIG_H
#define SIDEWINDER_IOMMU_SMMUV2_CONFIG_H

#include <cstdint>
#include <string>

#include "iommu/layout/smmuv2.h"

namespace sidewinder::smmuv2 {

struct Config {
  unsigned stream_match_groups = 128;  ///< 1-128
  unsigned context_banks = 64;         ///< 1-128, all of them stage 1
  unsigned page_index_bits = 6;        ///< IDR1.NUMPAGENDXB, 0-7: the frame is 2^(n + 2) pages of 4 KiB
  unsigned upstream_bits = 36;         ///< input address bus: 32, 36, 40, 42, 44, or 49 (48 and a sign)
  unsigned output_bits = 36;           ///< output address: 32, 36, 40, 42, 44 or 48
  bool coherent_walk = true;           ///< IDR0.CTTW
  unsigned tbus = 1;                   ///< 1-32 (DDI 0517), each with a micro-TLB
  unsigned micro_tlb_entries = 32;     ///< a TBU's; a power of two
  unsigned micro_tlb_ways = 4;         ///< a power of two, at most the entries
  unsigned tlb_entries = 2048;         ///< the main TLB's; a power of two
  unsigned tlb_ways = 4;               ///< a power of two, at most the entries
};

/// What is wrong with a configuration, as a sentence; empty when nothing is.
[[nodiscard]] std::string validate(const Config& config);

/// Bytes of the register frame: the global address space, then as much for the context banks (IHI 0062 §8.1).
[[nodiscard]] std::uint64_t frame_size(const Config& config);

inline constexpr std::uint32_t register_page = 0x1000;  ///< IDR1.PAGESIZE == 0

[[nodiscard]] layout::smmuv2::IDR0 idr0(const Config& config);
[[nodiscard]] layout::smmuv2::IDR1 idr1(const Config& config);
[[nodiscard]] layout::smmuv2::IDR2 idr2(const Config& config);
[[nodiscard]] layout::smmuv2::IDR7 idr7();

}  // namespace sidewinder::smmuv2

#endif
