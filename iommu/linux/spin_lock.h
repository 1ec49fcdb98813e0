// SPDX-License-Identifier: Apache-2.0
//
// A spinlock for state that must not be seen half-changed across a yield (see host_bus.h).

#ifndef SIDEWINDER_IOMMU_LINUX_SPIN_LOCK_H
#define SIDEWINDER_IOMMU_LINUX_SPIN_LOCK_H

#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel {

class SpinLock {
 public:
  class Guard {
   public:
    Guard(SpinLock& lock, HostBus& bus) : lock_(&lock) {
      constexpr std::uint64_t poll_ns = 100;
      while (lock.held_) bus.delay_ns(poll_ns);
      lock.held_ = true;
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { lock_->held_ = false; }

   private:
    SpinLock* lock_;
  };

 private:
  bool held_ = false;
};

}  // namespace sidewinder::kernel

#endif
