// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/swiotlb.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t slot_mask = Swiotlb::slot_size - 1;
constexpr std::size_t copy_bytes = 4096;

std::size_t slots_for(std::uint64_t size) {
  return static_cast<std::size_t>((size + slot_mask) >> Swiotlb::slot_shift);
}

std::size_t segment_offset(std::size_t index) {
  return index % Swiotlb::segment_slots;
}

/// swiotlb_align_offset(): what of an address the device wants to see again within a slot.
std::uint64_t kept_in_slot(const Device& device, PhysAddr address) {
  return address & device.dma_parameters.min_align_mask & slot_mask;
}

/// iommu_is_span_boundary(), in slots.
bool crosses_boundary(std::uint64_t first, std::uint64_t count, std::uint64_t boundary_mask) {
  if (boundary_mask == ~std::uint64_t{0}) return false;
  const std::uint64_t slots = slots_for(boundary_mask + 1);
  return (first & (slots - 1)) + count > slots;
}

std::size_t area_count(std::size_t slots, unsigned cpus) {
  const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(cpus, 1));
  return std::min(wanted, slots / Swiotlb::segment_slots);
}

}  // namespace

Swiotlb::Swiotlb(HostBus& bus, PhysRange pool, unsigned cpus, KernelVersion version)
    : bus_(&bus),
      start_((pool.base + page_size - 1) & ~(page_size - 1)),
      whole_granules_(version >= since::bounced_granules) {
  const std::uint64_t skipped = start_ - pool.base;
  const std::uint64_t usable = pool.size > skipped ? pool.size - skipped : 0;
  const std::size_t segments = static_cast<std::size_t>(usable / (slot_size * segment_slots));
  slots_.resize(segments * segment_slots);
  for (std::size_t index = 0; index < slots_.size(); ++index)
    slots_[index].free_run = segment_slots - segment_offset(index);
  areas_.resize(area_count(slots_.size(), cpus));
}

std::size_t Swiotlb::used() const {
  std::size_t sum = 0;
  for (const Area& area : areas_) sum += area.used;
  return sum;
}

std::optional<PhysAddr> Swiotlb::map(const Device& device, PhysAddr original, std::uint64_t size,
                                     std::uint64_t granule, unsigned cpu) {
  if (!active()) return std::nullopt;
  const std::uint64_t align_mask = granule - 1;
  std::uint64_t offset = kept_in_slot(device, original);
  std::uint64_t taken = ((size + align_mask) & ~align_mask) + offset;
  if (whole_granules_) {
    offset = original & device.dma_parameters.min_align_mask & (align_mask | slot_mask);
    taken = (size + offset + align_mask) & ~align_mask;
  }

  const std::size_t first = cpu & (areas_.size() - 1);
  for (std::size_t step = 0; step < areas_.size(); ++step) {
    Area& area = areas_[(first + step) % areas_.size()];
    const std::optional<std::size_t> found = take(device, area, original, taken, align_mask);
    if (!found) continue;
    const auto padding = static_cast<std::size_t>(offset >> slot_shift);
    const std::size_t index = *found + padding;
    slots_[index].padding = padding;
    for (std::size_t slot = 0; slot < slots_for(taken) - padding; ++slot)
      slots_[index + slot].original = original + slot * slot_size;
    const PhysAddr address = start_ + index * slot_size + (offset & slot_mask);
    bounce(device, address, size, Way::ToDevice);  // also to be read only: no one's old data is shown
    return address;
  }
  return std::nullopt;
}

std::optional<std::size_t> Swiotlb::take(const Device& device, Area& area, PhysAddr original,
                                         std::uint64_t size, std::uint64_t align_mask) {
  const std::optional<std::size_t> first = search(device, area, original, size, align_mask);
  if (!first) return std::nullopt;
  const std::size_t count = slots_for(size);
  for (std::size_t slot = 0; slot < count; ++slot) {
    slots_[*first + slot].free_run = 0;
    slots_[*first + slot].size = size - kept_in_slot(device, original) - slot * slot_size;
  }
  std::size_t run = 0;
  for (std::size_t index = *first; segment_offset(index) != 0 && slots_[index - 1].free_run != 0; --index)
    slots_[index - 1].free_run = ++run;

  const std::size_t per_area = slots_.size() / areas_.size();
  const std::size_t in_area = *first % per_area;
  area.next = in_area + count < per_area ? in_area + count : 0;
  area.used += count;
  return first;
}

/// swiotlb_do_find_slots()'s search, from where the last one ended and around.
std::optional<std::size_t> Swiotlb::search(const Device& device, const Area& area, PhysAddr original,
                                           std::uint64_t size, std::uint64_t align_mask) const {
  const std::size_t per_area = slots_.size() / areas_.size();
  const std::size_t base = static_cast<std::size_t>(&area - areas_.data()) * per_area;
  const std::size_t count = slots_for(size);
  if (count > per_area - area.used) return std::nullopt;

  align_mask |= slot_mask;
  const std::uint64_t address_mask = device.dma_parameters.min_align_mask & ~align_mask;
  std::size_t stride = static_cast<std::size_t>(address_mask >> slot_shift) + 1;
  if (size >= page_size) stride <<= page_shift - slot_shift;
  stride = std::max(stride, static_cast<std::size_t>(align_mask >> slot_shift) + 1);

  const std::uint64_t boundary = device.dma_parameters.boundary();
  const PhysAddr start = start_ & boundary;
  const auto wrap = [per_area](std::size_t index) { return index >= per_area ? 0 : index; };
  const std::size_t first = wrap((area.next + stride - 1) / stride * stride);
  std::size_t index = first;
  do {
    const std::size_t slot = base + index;
    if (((start + slot * slot_size) & address_mask) != (original & address_mask)) {
      index = wrap(index + 1);
      continue;
    }
    if (!crosses_boundary(slots_for(start) + slot, count, boundary) && slots_[slot].free_run >= count)
      return slot;
    index = wrap(index + stride);
  } while (index != first);
  return std::nullopt;
}

void Swiotlb::unmap(const Device& device, PhysAddr bounced, std::uint64_t size, DmaDirection direction,
                    DmaAttrs attrs) {
  if (!attrs.skip_cpu_sync) sync_for_cpu(device, bounced, size, direction);
  release(device, bounced);
}

void Swiotlb::sync_for_device(const Device& device, PhysAddr bounced, std::uint64_t size,
                              DmaDirection direction) {
  if (direction != DmaDirection::FromDevice) bounce(device, bounced, size, Way::ToDevice);
}

void Swiotlb::sync_for_cpu(const Device& device, PhysAddr bounced, std::uint64_t size,
                           DmaDirection direction) {
  if (direction != DmaDirection::ToDevice) bounce(device, bounced, size, Way::FromDevice);
}

void Swiotlb::release(const Device& device, PhysAddr bounced) {
  const std::uint64_t offset = kept_in_slot(device, bounced);
  auto index = static_cast<std::size_t>((bounced - offset - start_) >> slot_shift);
  index -= slots_[index].padding;
  const std::size_t count = slots_for(slots_[index].size + offset);
  const std::size_t after = index + count;

  std::size_t run = 0;
  if (segment_offset(after) != 0 && after / segment_slots == index / segment_slots)
    run = slots_[after].free_run;
  for (std::size_t slot = after; slot-- > index;)
    slots_[slot] = {.free_run = ++run, .original = std::nullopt, .size = 0, .padding = 0};
  for (; segment_offset(index) != 0 && slots_[index - 1].free_run != 0; --index)
    slots_[index - 1].free_run = ++run;
  areas_[(after - 1) / (slots_.size() / areas_.size())].used -= count;
}

/// swiotlb_bounce(): of a part of a buffer, too; never beyond it.
void Swiotlb::bounce(const Device& device, PhysAddr address, std::uint64_t size, Way way) {
  const Slot& slot = slots_[static_cast<std::size_t>((address - start_) >> slot_shift)];
  if (!slot.original) return;
  const std::uint64_t offset = address & slot_mask;
  const std::uint64_t kept = kept_in_slot(device, *slot.original);
  if (offset < kept && !whole_granules_) {
    ++warnings_;
    return;
  }
  const std::uint64_t skipped = offset - kept;  // may wrap, in a later slot of a buffer
  const std::uint64_t left = slot.size - skipped;
  if (offset >= kept && skipped > slot.size) {
    ++warnings_;
    return;
  }
  if (size > left) {
    ++warnings_;
    size = left;
  }
  const PhysAddr original = *slot.original + skipped;
  if (way == Way::ToDevice)
    copy(original, address, size);
  else
    copy(address, original, size);
}

void Swiotlb::copy(PhysAddr from, PhysAddr to, std::uint64_t size) {
  std::array<std::byte, copy_bytes> bytes{};
  while (size != 0) {
    const auto piece = std::span(bytes).first(std::min<std::uint64_t>(size, copy_bytes));
    static_cast<void>(bus_->read(from, piece, Security::NonSecure));
    static_cast<void>(bus_->write(to, piece, Security::NonSecure));
    from += piece.size();
    to += piece.size();
    size -= piece.size();
  }
}

void Swiotlb::clear(PhysAddr begin, std::uint64_t size) {
  static constexpr std::array<std::byte, copy_bytes> zeros{};
  while (size != 0) {
    const auto piece = std::span(zeros).first(std::min<std::uint64_t>(size, copy_bytes));
    static_cast<void>(bus_->write(begin, piece, Security::NonSecure));
    begin += piece.size();
    size -= piece.size();
  }
}

}  // namespace sidewinder::kernel
