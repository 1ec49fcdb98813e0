// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/dmi_table.h"

#include "iommu/layout/bits.h"

namespace sidewinder::tlm_shell {
namespace {

/// As TLBs know a VA whose top byte is ignored. Others are so already, and IPAs end far below bit 55.
std::uint64_t canonical(std::uint64_t address) {
  constexpr unsigned top_byte = 56;
  const bool negative = (address >> (top_byte - 1) & 1) != 0;
  return negative ? address | ~layout::low_bits(top_byte) : address & layout::low_bits(top_byte);
}

}  // namespace

bool DmiGrant::named_by(const arch::TlbInvalidation& what) const {
  if (!tag || !(what.names(*tag, false) || what.names(*tag, true))) return false;
  const std::uint64_t span = layout::low_bits(span_shift), address = canonical(first);
  return what.touches(address & ~span, address | span);
}

std::optional<DmiGrant> DmiTable::add(const DmiGrant& grant) {
  for (DmiGrant& known : grants_) {
    if (known.tbu != grant.tbu || known.first != grant.first || known.last != grant.last) continue;
    known = grant;
    return std::nullopt;
  }
  std::optional<DmiGrant> displaced;
  if (grants_.size() == capacity) {
    displaced = grants_.front();
    grants_.erase(grants_.begin());
  }
  grants_.push_back(grant);
  return displaced;
}

}  // namespace sidewinder::tlm_shell
