// SPDX-License-Identifier: Apache-2.0
//
// Where a lazy domain (IOMMU_DOMAIN_DMA_FQ) keeps what was unmapped but may still be in the TLB, until one
// flush of the whole TLB lets all of it be used again (struct iova_fq).

#ifndef SIDEWINDER_IOMMU_LINUX_FLUSH_QUEUE_H
#define SIDEWINDER_IOMMU_LINUX_FLUSH_QUEUE_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "iommu/linux/host_bus.h"
#include "iommu/linux/iova.h"
#include "iommu/linux/spin_lock.h"

namespace sidewinder::kernel {

class FlushQueue : public std::enable_shared_from_this<FlushQueue> {
 public:
  enum class Kind : std::uint8_t {
    PerCpu,  ///< 256 entries a CPU, flushed 10 ms after the first at the latest
    Single,  ///< 32768 entries for all CPUs, 1 s
  };

  /// `flush` invalidates all of the domain's TLB entries and waits.
  [[nodiscard]] static std::shared_ptr<FlushQueue> create(HostBus& bus, IovaDomain& iovas,
                                                          std::function<void()> flush, Kind kind);

  /// Gives [pfn, pfn + pages) back to the address space after a flush that begins from now on. A full queue
  /// (one entry stays free) is flushed at once.
  void queue(Pfn pfn, std::uint64_t pages);

  /// Before the domain goes: the timer does nothing from now on. Yields until it is not running.
  void stop();

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::size_t pending() const;                        ///< entries, over all CPUs
  [[nodiscard]] std::uint64_t flushes() const { return started_; }  ///< begun so far

 private:
  struct Entry {
    Pfn pfn = 0;
    std::uint64_t pages = 0;
    std::uint64_t flushes_before = 0;  ///< begun when it was queued
  };
  struct Ring {
    SpinLock lock;
    std::vector<Entry> entries;
    std::size_t head = 0;
    std::size_t tail = 0;
  };

  FlushQueue(HostBus& bus, IovaDomain& iovas, std::function<void()> flush, Kind kind);

  void flush();
  void release_flushed(Ring& ring);
  void on_timer();

  HostBus* bus_;
  IovaDomain* iovas_;
  std::function<void()> flush_;
  Kind kind_;
  std::vector<Ring> rings_;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  bool timer_on_ = false;
  unsigned timer_cpu_ = 0;  ///< runs where it was armed
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace sidewinder::kernel

#endif
