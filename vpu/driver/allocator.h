// SPDX-License-Identifier: Apache-2.0
//
// Where the driver's DMA memory comes from. A platform gives it the DMA API; a test may give it anything.

#ifndef SIDEWINDER_VPU_DRIVER_ALLOCATOR_H
#define SIDEWINDER_VPU_DRIVER_ALLOCATOR_H

#include <cstdint>

#include "iommu/linux/dma.h"

namespace sidewinder::vpu {

class BufferAllocator {
 public:
  virtual ~BufferAllocator() = default;

  /// As kernel::DmaApi's functions of the same names: zeroed pages, ENOMEM when there is no room. May yield.
  [[nodiscard]] virtual kernel::Result<kernel::DmaBuffer> alloc(kernel::Device& device,
                                                                std::uint64_t size) = 0;
  virtual void free(kernel::Device& device, const kernel::DmaBuffer& buffer) = 0;
};

class DmaAllocator : public BufferAllocator {
 public:
  explicit DmaAllocator(kernel::DmaApi& api) : api_(&api) {}

  [[nodiscard]] kernel::Result<kernel::DmaBuffer> alloc(kernel::Device& device, std::uint64_t size) override {
    return api_->alloc(device, size);
  }
  void free(kernel::Device& device, const kernel::DmaBuffer& buffer) override { api_->free(device, buffer); }

 private:
  kernel::DmaApi* api_;
};

}  // namespace sidewinder::vpu

#endif
