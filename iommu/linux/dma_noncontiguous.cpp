// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_noncontiguous.h"

#include <algorithm>

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t longest_entry = 0xffff'f000;  // whole pages in 32 bits

}  // namespace

Result<std::vector<ScatterEntry>> dma_alloc_noncontiguous(DmaApi& api, Device& device, std::uint64_t size,
                                                          DmaDirection, DmaAttrs attrs) {
  if (attrs.privileged || attrs.skip_cpu_sync || attrs.force_contiguous || attrs.no_warn)
    return fail(Errno::EINVAL_);
  const Result<DmaBuffer> buffer = api.alloc(device, size, attrs);
  if (!buffer) return fail(buffer.error());

  std::vector<ScatterEntry> table;
  for (const PhysRange& range : buffer->pages)
    for (std::uint64_t done = 0; done < range.size; done += table.back().length)
      table.push_back({.phys = range.base + done,
                       .length = static_cast<std::uint32_t>(std::min(range.size - done, longest_entry))});
  table.front().dma_address = buffer->iova;
  table.front().dma_length = static_cast<std::uint32_t>(buffer->size);
  return table;
}

void dma_free_noncontiguous(DmaApi& api, Device& device, const std::vector<ScatterEntry>& table) {
  DmaBuffer buffer{.iova = table.front().dma_address, .size = 0, .pages = {}};
  for (const ScatterEntry& entry : table) {
    buffer.pages.push_back({entry.phys, entry.length});
    buffer.size += entry.length;
  }
  api.free(device, buffer);
}

}  // namespace sidewinder::kernel
