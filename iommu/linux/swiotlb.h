// SPDX-License-Identifier: Apache-2.0
//
// Bounce buffers (kernel/dma/swiotlb.c): memory that an untrusted device sees instead of a granule that holds
// other data as well.

#ifndef SIDEWINDER_IOMMU_LINUX_SWIOTLB_H
#define SIDEWINDER_IOMMU_LINUX_SWIOTLB_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_attrs.h"
#include "iommu/linux/kernel_version.h"
#include "iommu/linux/log.h"

namespace sidewinder::kernel {

class Swiotlb {
 public:
  static constexpr unsigned slot_shift = 11;  // IO_TLB_SHIFT
  static constexpr std::uint64_t slot_size = std::uint64_t{1} << slot_shift;
  static constexpr std::size_t segment_slots = 128;  // IO_TLB_SEGSIZE

  /// Of `pool`, whole segments of 256 KiB from a page's beginning; less than one: not active. The slots are
  /// shared out to as many areas as there are CPUs, rounded up to a power of two, a segment each at least.
  Swiotlb(HostBus& bus, PhysRange pool, unsigned cpus, KernelVersion version);

  [[nodiscard]] bool active() const { return !slots_.empty(); }
  [[nodiscard]] bool contains(PhysAddr address) const {
    return address >= start_ && address - start_ < slots_.size() * slot_size;
  }

  /// swiotlb_tbl_map_single() on `cpu`: where the device is to find the `size` bytes from `original`, which
  /// are copied there: on a multiple of `granule`, but for the bits of min_align_mask, with whole granules
  /// for itself. nullopt: no room.
  [[nodiscard]] std::optional<PhysAddr> map(const Device& device, PhysAddr original, std::uint64_t size,
                                            std::uint64_t granule, unsigned cpu);
  /// swiotlb_tbl_unmap_single(): copies back what the device wrote, and frees the slots.
  void unmap(const Device& device, PhysAddr bounce, std::uint64_t size, DmaDirection direction,
             DmaAttrs attrs);

  void sync_for_device(const Device& device, PhysAddr bounce, std::uint64_t size, DmaDirection direction);
  void sync_for_cpu(const Device& device, PhysAddr bounce, std::uint64_t size, DmaDirection direction);

  /// Zeroes memory, as the padding around a bounced buffer.
  void clear(PhysAddr begin, std::uint64_t size);

  [[nodiscard]] RateLimit& full_limit() { return full_limit_; }  ///< of the word that it is full
  [[nodiscard]] std::size_t slots() const { return slots_.size(); }
  [[nodiscard]] std::size_t used() const;                             ///< slots
  [[nodiscard]] std::uint64_t warnings() const { return warnings_; }  ///< accesses beyond what was mapped

 private:
  struct Slot {
    std::size_t free_run = 0;  ///< free slots from here on in the segment; 0: taken
    std::optional<PhysAddr> original;
    std::uint64_t size = 0;   ///< of the buffer, from this slot on
    std::size_t padding = 0;  ///< whole slots before this one that belong to its buffer
  };
  struct Area {
    std::size_t next = 0;  ///< where the next search begins
    std::size_t used = 0;
  };
  enum class Way : std::uint8_t { ToDevice, FromDevice };

  [[nodiscard]] std::optional<std::size_t> take(const Device& device, Area& area, PhysAddr original,
                                                std::uint64_t size, std::uint64_t align_mask);
  [[nodiscard]] std::optional<std::size_t> search(const Device& device, const Area& area, PhysAddr original,
                                                  std::uint64_t size, std::uint64_t align_mask) const;
  void release(const Device& device, PhysAddr bounce);
  void bounce(const Device& device, PhysAddr address, std::uint64_t size, Way way);
  void copy(PhysAddr from, PhysAddr to, std::uint64_t size);

  HostBus* bus_;
  PhysAddr start_;
  bool whole_granules_;
  std::vector<Slot> slots_;
  std::vector<Area> areas_;
  std::uint64_t warnings_ = 0;
  RateLimit full_limit_{"swiotlb_tbl_map_single"};
};

}  // namespace sidewinder::kernel

#endif
