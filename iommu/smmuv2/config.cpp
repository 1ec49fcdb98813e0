// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv2/config.h"

#include <bit>
#include <optional>

namespace sidewinder::smmuv2 {
namespace {

using namespace layout::smmuv2;

constexpr unsigned max_groups = 128;
constexpr unsigned max_banks = 128;
constexpr unsigned max_tbus = 32;

/// IDR2.UBS counts the sign bit: a 49-bit bus has the code that means 48 bits elsewhere.
std::optional<std::uint32_t> upstream_encoding(unsigned bits) {
  if (bits == 48) return std::nullopt;
  return address_encoding(bits == 49 ? 48 : bits);
}

bool cache_shape(unsigned entries, unsigned ways) {
  return std::has_single_bit(entries) && std::has_single_bit(ways) && ways <= entries;
}

}  // namespace

std::string validate(const Config& config) {
  if (config.stream_match_groups < 1 || config.stream_match_groups > max_groups)
    return "an SMMUv2 has 1 to 128 stream match register groups";
  if (config.context_banks < 1 || config.context_banks > max_banks)
    return "an SMMUv2 has 1 to 128 context banks";
  if (config.page_index_bits > 7) return "IDR1.NUMPAGENDXB is 0 to 7";
  if (config.context_banks > 1U << (config.page_index_bits + 1))
    return "the register frame has fewer pages than there are context banks";
  if (!upstream_encoding(config.upstream_bits))
    return "the upstream bus is 32, 36, 40, 42, 44 or 49 bits wide";
  if (!address_encoding(config.output_bits)) return "output addresses are 32, 36, 40, 42, 44 or 48 bits";
  if (config.tbus < 1 || config.tbus > max_tbus) return "an MMU-500 has 1 to 32 TBUs";
  if (!cache_shape(config.micro_tlb_entries, config.micro_tlb_ways))
    return "the micro-TLB's entries and ways must be powers of two, and the ways at most the entries";
  if (!cache_shape(config.tlb_entries, config.tlb_ways))
    return "the TLB's entries and ways must be powers of two, and the ways at most the entries";
  return {};
}

std::uint64_t frame_size(const Config& config) {
  return std::uint64_t{2} * register_page << (config.page_index_bits + 1);
}

IDR0 idr0(const Config& config) {
  constexpr std::uint32_t no_aarch32 = 2;
  constexpr std::uint32_t one_interrupt_per_bank = 1;
  return IDR0{}
      .set<IDR0::S1TS>(1)
      .set<IDR0::SMS>(1)
      .set<IDR0::ATOSNS>(1)
      .set<IDR0::PTFS>(no_aarch32)
      .set<IDR0::NUMIRPT>(one_interrupt_per_bank)
      .set<IDR0::CTTW>(config.coherent_walk ? 1 : 0)
      .set<IDR0::NUMSIDB>(15)
      .set<IDR0::NUMSMRG>(config.stream_match_groups);
}

IDR1 idr1(const Config& config) {
  return IDR1{}
      .set<IDR1::NUMPAGENDXB>(config.page_index_bits)
      .set<IDR1::SMCD>(1)
      .set<IDR1::NUMCB>(config.context_banks);
}

IDR2 idr2(const Config& config) {
  return IDR2{}
      .set<IDR2::IAS>(
          address_encoding(config.output_bits).value_or(0))  // equal to OAS without stage 2 (§1.6.1)
      .set<IDR2::OAS>(address_encoding(config.output_bits).value_or(0))
      .set<IDR2::UBS>(upstream_encoding(config.upstream_bits).value_or(0))
      .set<IDR2::PTFSv8_4kB>(1)
      .set<IDR2::PTFSv8_16kB>(1)
      .set<IDR2::PTFSv8_64kB>(1);
}

IDR7 idr7() {
  return IDR7{}.set<IDR7::MAJOR>(2).set<IDR7::MINOR>(4);
}  // MMU-500 r2p4

}  // namespace sidewinder::smmuv2
