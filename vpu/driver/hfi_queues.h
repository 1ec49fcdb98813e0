// SPDX-License-Identifier: Apache-2.0
//
// The host's side of the command and message rings.

#ifndef SIDEWINDER_VPU_DRIVER_HFI_QUEUES_H
#define SIDEWINDER_VPU_DRIVER_HFI_QUEUES_H

#include <cstdint>
#include <optional>

#include "iommu/linux/dma.h"
#include "vpu/layout/hfi.h"

namespace sidewinder::vpu {

/// Neither function yields, so a command written by one thread is never mixed with another's.
class HfiQueues {
 public:
  HfiQueues(kernel::HostBus& bus, const kernel::DmaBuffer& region) : bus_(&bus), region_(&region) {}

  /// Puts a command into the ring; the doorbell is the caller's. ENOSPC: full. EIO: the firmware's index is
  /// out of range, or memory answered with a bus error.
  [[nodiscard]] kernel::Status send(const hfi::Command& command);

  /// Takes the oldest message; nothing when there is none. EIO as above, or a packet that is no message.
  [[nodiscard]] kernel::Result<std::optional<hfi::Message>> receive();

 private:
  [[nodiscard]] kernel::PhysAddr at(std::uint64_t offset) const { return kernel::phys_of(*region_, offset); }

  kernel::HostBus* bus_;
  const kernel::DmaBuffer* region_;
};

}  // namespace sidewinder::vpu

#endif
