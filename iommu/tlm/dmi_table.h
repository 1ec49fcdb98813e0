// SPDX-License-Identifier: Apache-2.0
//
// The direct memory pointers that an SMMU's clients hold, so that they can be withdrawn.

#ifndef SIDEWINDER_IOMMU_TLM_DMI_TABLE_H
#define SIDEWINDER_IOMMU_TLM_DMI_TABLE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/arch/tlb_invalidation.h"
#include "iommu/arch/tlb_tag.h"

namespace sidewinder::tlm_shell {

/// Part of one page, block or run, as a TLB would keep it; or part of what is not translated.
struct DmiGrant {
  unsigned tbu = 0;
  std::uint64_t first = 0;  ///< IOVA, as the client says it
  std::uint64_t last = 0;
  std::uint64_t output = 0;  ///< of `first`
  std::uint32_t stream_id = 0;
  bool secure = false;                ///< the stream
  std::optional<arch::TlbTag> tag{};  ///< none: not translated
  unsigned span_shift = 12;           ///< invalidations by address name it by this many bytes

  [[nodiscard]] std::uint64_t output_last() const { return output + (last - first); }
  /// Whether a TLB that kept it would have to forget it. Of which granule and level it is does not count.
  [[nodiscard]] bool named_by(const arch::TlbInvalidation& what) const;
};

class DmiTable {
 public:
  static constexpr std::size_t capacity = 256;

  /// The grant that has to be withdrawn for it, if any: the oldest of as many as there may be. One of the
  /// same addresses stands for both.
  [[nodiscard]] std::optional<DmiGrant> add(const DmiGrant& grant);

  /// Takes out those for which `matches(grant)`, and calls `withdraw(grant)` for each.
  template <typename Matches, typename Withdraw>
  void take_if(Matches matches, Withdraw withdraw) {
    std::size_t kept = 0;
    for (const DmiGrant& grant : grants_) {
      if (matches(grant))
        withdraw(grant);
      else
        grants_[kept++] = grant;
    }
    grants_.resize(kept);
  }

  [[nodiscard]] std::size_t size() const { return grants_.size(); }

 private:
  std::vector<DmiGrant> grants_;  ///< the oldest first
};

}  // namespace sidewinder::tlm_shell

#endif
