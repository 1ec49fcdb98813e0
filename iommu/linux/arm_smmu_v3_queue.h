// SPDX-License-Identifier: Apache-2.0
//
// A queue between the driver and an SMMUv3 (struct arm_smmu_queue): its memory, and both ends' indices.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_QUEUE_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_QUEUE_H

#include <cstdint>
#include <span>

#include "iommu/layout/smmuv3_queue.h"
#include "iommu/linux/arm_smmu_v3_io.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {

/// PROD and CONS as their registers have them (IHI 0070 §3.5.1): an index, above it the wrap flag, and in bit
/// 31 a flag for overflow.
struct QueueIndices {
  unsigned shift = 0;  ///< log2 of the entries, at most 19
  std::uint32_t prod = 0;
  std::uint32_t cons = 0;

  [[nodiscard]] std::uint32_t entries() const { return std::uint32_t{1} << shift; }
  [[nodiscard]] std::uint32_t index(std::uint32_t at) const { return at & (entries() - 1); }
  [[nodiscard]] std::uint32_t wrap(std::uint32_t at) const { return at & entries(); }
  [[nodiscard]] static std::uint32_t overflow(std::uint32_t at) { return at & std::uint32_t{1} << 31; }
  /// `count` entries further on; the overflow flag stays.
  [[nodiscard]] std::uint32_t advanced(std::uint32_t at, std::uint32_t count) const {
    return overflow(at) | ((at + count) & (2 * entries() - 1));
  }

  [[nodiscard]] bool has_space(std::uint32_t count) const;
  [[nodiscard]] bool full() const { return index(prod) == index(cons) && wrap(prod) != wrap(cons); }
  [[nodiscard]] bool empty() const { return index(prod) == index(cons) && wrap(prod) == wrap(cons); }
  /// CONS has passed the entry at `at`.
  [[nodiscard]] bool consumed(std::uint32_t at) const;
};

class ArmSmmuV3Queue {
 public:
  /// Where its registers are, and what the kernel's log calls it.
  struct Place {
    std::uint32_t prod = 0;
    std::uint32_t cons = 0;
    unsigned entry_bytes = 16;
    const char* name = "";
  };

  /// arm_smmu_init_one_queue(): 2^shift entries of zeros, or as many as there is contiguous memory for.
  /// ENOMEM: not a page's worth.
  [[nodiscard]] Status init(const ArmSmmuV3Io& io, PageAllocator& pages, unsigned shift, const Place& place);

  /// What its BASE register is set to.
  [[nodiscard]] std::uint64_t base_register() const;
  void write_prod() const { io_->write32(place_.prod, indices.prod); }
  void write_cons() const { io_->write32(place_.cons, indices.cons); }
  [[nodiscard]] std::uint32_t read_prod() const { return io_->read32(place_.prod); }
  [[nodiscard]] std::uint32_t read_cons() const { return io_->read32(place_.cons); }

  /// Of the entry that `at` has the index of.
  [[nodiscard]] PhysAddr entry(std::uint32_t at) const {
    return base_ + std::uint64_t{indices.index(at)} * place_.entry_bytes;
  }
  void read_entry(std::uint32_t at, std::span<std::uint64_t> words) const;
  void write_entry(std::uint32_t at, std::span<const std::uint64_t> words) const;

  // Of a queue that the SMMU fills.

  /// queue_remove_raw(): takes the next entry and tells the SMMU. False: as far as is known there is none.
  [[nodiscard]] bool remove(std::span<std::uint64_t> words);
  /// queue_sync_prod_in(): looks how far the SMMU has come. True: it has overflowed meanwhile.
  [[nodiscard]] bool overflowed();
  void acknowledge_overflow();  ///< queue_sync_cons_ovf()

  QueueIndices indices;

 private:
  const ArmSmmuV3Io* io_ = nullptr;
  Place place_;
  PhysAddr base_ = 0;
};

}  // namespace sidewinder::kernel

#endif
