// SPDX-License-Identifier: Apache-2.0
//
// Which table an address is translated by (IHI 0070 §3.4.1; DDI 0487 D8.2.4, AArch64.GetVARange,
// AArch32.GetVARange).

#include "iommu/arch/stage1_walk.h"
#include "iommu/layout/bits.h"

namespace sidewinder::arch {
namespace {

using layout::low_bits;

constexpr unsigned sign_bit = 55;
constexpr unsigned lpae_bits = 32;

bool upper_half(const Stage1& regime, std::uint64_t address) {
  return regime.two_halves && (address >> sign_bit & 1) != 0;
}

/// VMSAv8-64: bits from the top, 63 or 55, to the half's size are all alike, and like bit 55; with one table
/// they are all 0.
const Ttb* select_vmsa64(const Stage1& regime, std::uint64_t address) {
  const bool upper = upper_half(regime, address);
  const Ttb& ttb = regime.ttb[upper ? 1 : 0];
  if (ttb.tsz < regime.min_tsz || ttb.tsz > regime.max_tsz) return nullptr;
  const unsigned top = ttb.top_byte_ignored ? sign_bit + 1 : 64;
  const std::uint64_t checked = low_bits(top) & ~low_bits(64U - ttb.tsz);
  return (address & checked) == (upper ? checked : 0) ? &ttb : nullptr;
}

/// VMSAv8-32 (DDI 0487 G5.5.4): T0SZ leading zeros choose TTBR0, T1SZ leading ones TTBR1; a size of 0 leaves
/// to a half what the other does not claim.
const Ttb* select_lpae(const Stage1& regime, std::uint64_t address) {
  if (address >> lpae_bits != 0) return nullptr;
  const auto leading = [](unsigned count) { return low_bits(lpae_bits) & ~low_bits(lpae_bits - count); };
  const unsigned lower_size = regime.ttb[0].tsz & 7U, upper_size = regime.ttb[1].tsz & 7U;
  if (!regime.two_halves || (lower_size == 0 && upper_size == 0))
    return (address & leading(lower_size)) == 0 ? &regime.ttb[0] : nullptr;
  const bool in_lower = (address & leading(lower_size)) == 0;
  const bool in_upper = (address & leading(upper_size)) == leading(upper_size);
  if (lower_size == 0) return &regime.ttb[in_upper ? 1 : 0];
  if (in_lower) return &regime.ttb[0];
  return in_upper ? &regime.ttb[1] : nullptr;
}

}  // namespace

const Ttb* select_ttb(const Stage1& regime, std::uint64_t address) {
  return regime.format == TableFormat::Lpae ? select_lpae(regime, address) : select_vmsa64(regime, address);
}

std::uint64_t canonical_va(const Stage1& stage1, std::uint64_t address) {
  const bool upper = upper_half(stage1, address);
  if (stage1.format == TableFormat::Lpae || !stage1.ttb[upper ? 1 : 0].top_byte_ignored) return address;
  const std::uint64_t ignored = ~low_bits(sign_bit + 1);
  return upper ? address | ignored : address & ~ignored;
}

bool stopped_by_e0pd(const Stage1& regime, const Access& access) {
  return regime.format == TableFormat::Vmsa64 && regime.unprivileged && !access.privileged &&
         regime.ttb[upper_half(regime, access.address) ? 1 : 0].unprivileged_disabled;
}

}  // namespace sidewinder::arch
