// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/table_fields.h"

#include <algorithm>

namespace sidewinder::smmuv3 {
namespace {

using layout::vmsa64::Granule;
using namespace layout::smmuv3;

constexpr unsigned small_granule_bits = 48;  ///< of addresses with granules of 4 and 16 KiB and no LPA2

bool is_small(std::optional<Granule> granule) {
  return granule == Granule::Size4K || granule == Granule::Size16K;
}

unsigned max_txsz(std::optional<Granule> granule, const Config& config) {
  if (!config.small_tables) return 39;
  return is_small(granule) ? 48 : 47;
}

/// AArch64.S2StartLevel, or none by AArch64.S2InvalidSL, whose PAMax is the OAS.
std::optional<int> encoded_start_level(Granule granule, std::uint64_t sl, bool lpa2, const Config& config) {
  const std::uint64_t sl0 = sl & 3;
  if (granule == Granule::Size4K) {
    if (lpa2 && sl == 4) return -1;
    if (lpa2 && sl > 4) return std::nullopt;
    if (sl0 == 2 && config.output_bits < 44) return std::nullopt;
    if (sl0 == 3) return config.small_tables ? std::optional<int>(3) : std::nullopt;
    return 2 - static_cast<int>(sl0);
  }
  if (granule == Granule::Size16K) {
    if (sl0 == 2 && config.output_bits < 42) return std::nullopt;
    if (sl0 == 3 && !lpa2) return std::nullopt;
    return 3 - static_cast<int>(sl0);
  }
  // Level 0, and level 1 with an OAS below 44, resolve more bits than there ever are.
  return 3 - static_cast<int>(sl0);
}

/// AArch64.S2InconsistentSL and AArch32.S2InconsistentSL: the first level resolves from one bit to what 16
/// concatenated tables do.
bool consistent(int level, unsigned input_bits, Granule granule) {
  const auto stride = static_cast<int>(layout::vmsa64::bits_per_level(granule));
  const int min = (3 - level) * stride + static_cast<int>(layout::vmsa64::page_shift(granule)) + 1;
  const int max = min + stride - 1 + 4;
  const auto bits = static_cast<int>(input_bits);
  return bits >= min && bits <= max;
}

}  // namespace

std::optional<Granule> granule_of_tg0(std::uint64_t tg) {
  switch (tg) {
    case 0:
      return Granule::Size4K;
    case 1:
      return Granule::Size64K;
    case 2:
      return Granule::Size16K;
    default:
      return std::nullopt;
  }
}

std::optional<Granule> granule_of_tg1(std::uint64_t tg) {
  switch (tg) {
    case 1:
      return Granule::Size16K;
    case 2:
      return Granule::Size4K;
    case 3:
      return Granule::Size64K;
    default:
      return std::nullopt;
  }
}

bool supported(std::optional<Granule> granule, const Config& config) {
  return (granule == Granule::Size4K && config.granule_4k) ||
         (granule == Granule::Size16K && config.granule_16k) ||
         (granule == Granule::Size64K && config.granule_64k);
}

unsigned effective_address_bits(std::uint64_t ps, const Config& config) {
  const std::uint64_t widest = address_sizes.size() - 1;  // in SMMUv3.0 too: its OAS has at most 48 bits
  return std::min(address_sizes[std::min(ps, widest)], config.output_bits);
}

unsigned output_bits(const Cd& cd, const Config& config) {
  return cd.is_set<Cd::AA64>() ? effective_address_bits(cd.get<Cd::IPS>(), config) : lpae_output_bits;
}

unsigned output_bits(const Ste& ste, const Config& config) {
  return ste.is_set<Ste::S2AA64>() ? effective_address_bits(ste.get<Ste::S2PS>(), config) : lpae_output_bits;
}

bool lpa2(const Cd& cd, const Config& config) {
  return config.ds && cd.is_set<Cd::AA64>() && cd.is_set<Cd::DS>();
}

bool lpa2(const Ste& ste, const Config& config) {
  return config.ds && ste.is_set<Ste::S2AA64>() && ste.is_set<Ste::S2DS>();
}

std::uint64_t table_address(std::uint64_t ttb, const Config& config) {
  return config.minor == 0 ? ttb & layout::low_bits(48) : ttb;
}

Stage2Fields stage2_fields(const Ste& ste, const Config& config) {
  return {ste.get<Ste::S2T0SZ>(), ste.get<Ste::S2SL0_2>() << Ste::S2SL0::width | ste.get<Ste::S2SL0>(),
          ste.get<Ste::S2TG>(), table_address(ste.address<Ste::S2TTB>(), config)};
}

Stage2Fields secure_stage2_fields(const Ste& ste, const Config& config) {
  return {ste.get<Ste::S_S2T0SZ>(),
          ste.get<Ste::S_S2SL0_2>() << Ste::S_S2SL0::width | ste.get<Ste::S_S2SL0>(), ste.get<Ste::S_S2TG>(),
          table_address(ste.address<Ste::S_S2TTB>(), config)};
}

unsigned lpae_stage2_input_bits(std::uint64_t t0sz) {
  const auto low = static_cast<unsigned>(t0sz & 0xf);
  return low < 8 ? 32 - low : 48 - low;
}

std::optional<int> stage2_start_level(const Stage2Fields& fields, bool lpa2, const Config& config) {
  const auto granule = granule_of_tg0(fields.tg);
  if (!granule) return std::nullopt;
  const auto level = encoded_start_level(*granule, fields.sl, lpa2, config);
  if (!level || !consistent(*level, 64 - static_cast<unsigned>(fields.t0sz), *granule)) return std::nullopt;
  return level;
}

std::optional<int> lpae_stage2_start_level(const Stage2Fields& fields) {
  const std::uint64_t sl0 = fields.sl & 3;
  if (sl0 > 1) return std::nullopt;
  const int level = 2 - static_cast<int>(sl0);
  if (!consistent(level, lpae_stage2_input_bits(fields.t0sz), Granule::Size4K)) return std::nullopt;
  return level;
}

TxszRange stage1_txsz(std::optional<Granule> granule, bool lpa2, const Config& config) {
  const bool wide = config.vax && (granule == Granule::Size64K || lpa2);
  return {wide ? 12U : 16U, max_txsz(granule, config)};
}

TxszRange stage2_txsz(std::optional<Granule> granule, bool lpa2, const Config& config) {
  const unsigned least = granule == Granule::Size64K || lpa2 ? 12 : 16;
  return {std::max(least, 64 - intermediate_bits(config)), max_txsz(granule, config)};
}

bool table_out_of_range(std::uint64_t ttb, unsigned output_bits, std::optional<Granule> granule, bool lpa2) {
  const unsigned bits = is_small(granule) && !lpa2 ? std::min(output_bits, small_granule_bits) : output_bits;
  return (ttb & ~layout::low_bits(bits)) != 0;
}

}  // namespace sidewinder::smmuv3
