// SPDX-License-Identifier: Apache-2.0
//
// What was unmapped and may still be in the TLB (struct iommu_iotlb_gather), of drivers that invalidate by
// the range and not by the page.

#ifndef SIDEWINDER_IOMMU_LINUX_IOTLB_GATHER_H
#define SIDEWINDER_IOMMU_LINUX_IOTLB_GATHER_H

#include <algorithm>
#include <cstdint>

namespace sidewinder::kernel {

struct IotlbGather {
  std::uint64_t start = ~std::uint64_t{0};
  std::uint64_t end = 0;        ///< inclusive
  std::uint64_t page_size = 0;  ///< bytes of each page in it; 0: nothing is in it
  bool queued = false;          ///< a flush queue invalidates everything later

  /// iommu_iotlb_gather_is_disjoint(): the page neither overlaps nor adjoins what is in it.
  [[nodiscard]] bool is_disjoint(std::uint64_t iova, std::uint64_t size) const {
    return end != 0 && (iova + size < start || iova > end + 1);
  }
  /// iommu_iotlb_gather_add_page(), but for the synchronisation that comes before it where the page is
  /// disjoint or of another size.
  void add(std::uint64_t iova, std::uint64_t size) {
    page_size = size;
    start = std::min(start, iova);
    end = std::max(end, iova + size - 1);
  }
};

}  // namespace sidewinder::kernel

#endif
