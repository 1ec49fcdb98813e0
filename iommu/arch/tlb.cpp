// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/tlb.h"

#include <bit>
#include <cassert>

namespace sidewinder::arch {
namespace {

/// Calls `probe(size_shift)` for each size present, smallest first, until one returns true.
template <typename Probe>
void for_each_size(std::uint64_t sizes, Probe probe) {
  for (; sizes != 0; sizes &= sizes - 1)
    if (probe(static_cast<unsigned>(std::countr_zero(sizes)))) return;
}

bool same_context(const TlbTag& entry, bool global, const TlbTag& tag) {
  return entry.vmid == tag.vmid && (global || entry.asid == tag.asid);
}

}  // namespace

Tlb::Tlb(unsigned entries, unsigned ways) : ways_(ways), set_mask_(entries / ways - 1), entries_(entries) {
  assert(std::has_single_bit(entries) && std::has_single_bit(ways) && ways <= entries);
}

Tlb::Entry* Tlb::set_of(std::uint64_t page, unsigned size_shift) {
  // Mixing in the size keeps the first blocks of a buffer out of its first pages' sets. The ASID stays out of
  // the index, so that an invalidation for all ASIDs finds every entry of an address in one set a size.
  const std::uint64_t index = (page ^ page >> 9 ^ size_shift) & set_mask_;
  return &entries_[index * ways_];
}

const Leaf* Tlb::lookup(TlbTag tag, std::uint64_t address) {
  const Leaf* found = nullptr;
  for_each_size(sizes_present_, [&](unsigned shift) {
    const std::uint64_t page = address >> shift;
    Entry* set = set_of(page, shift);
    for (Entry* entry = set; entry != set + ways_; ++entry) {
      if (!entry->valid || entry->page != page || entry->leaf.size_shift != shift) continue;
      if (!same_context(entry->tag, entry->leaf.global, tag)) continue;
      entry->last_use = ++clock_;
      found = &entry->leaf;
      return true;
    }
    return false;
  });
  return found;
}

void Tlb::insert(TlbTag tag, std::uint64_t address, const Leaf& leaf) {
  const std::uint64_t page = address >> leaf.size_shift;
  Entry* set = set_of(page, leaf.size_shift);
  Entry* victim = set;
  for (Entry* entry = set; entry != set + ways_; ++entry) {
    if (!entry->valid) {
      victim = entry;
      break;
    }
    if (entry->last_use < victim->last_use) victim = entry;
  }
  if (victim->valid) drop(*victim);
  *victim = {.page = page, .last_use = ++clock_, .tag = tag, .valid = true, .leaf = leaf};
  ++occupancy_;
  ++count_of_size_[leaf.size_shift];
  sizes_present_ |= std::uint64_t{1} << leaf.size_shift;
}

void Tlb::drop(Entry& entry) {
  entry.valid = false;
  --occupancy_;
  if (--count_of_size_[entry.leaf.size_shift] == 0)
    sizes_present_ &= ~(std::uint64_t{1} << entry.leaf.size_shift);
}

template <typename Matches>
void Tlb::invalidate_if(Matches matches) {
  if (occupancy_ == 0) return;
  for (Entry& entry : entries_)
    if (entry.valid && matches(entry)) drop(entry);
}

template <typename Matches>
void Tlb::invalidate_address_if(std::uint64_t address, Matches matches) {
  for_each_size(sizes_present_, [&](unsigned shift) {
    const std::uint64_t page = address >> shift;
    Entry* set = set_of(page, shift);
    for (Entry* entry = set; entry != set + ways_; ++entry)
      if (entry->valid && entry->page == page && entry->leaf.size_shift == shift && matches(*entry))
        drop(*entry);
    return false;
  });
}

void Tlb::invalidate_all() {
  invalidate_if([](const Entry&) { return true; });
}

void Tlb::invalidate_vmid(std::uint16_t vmid) {
  invalidate_if([&](const Entry& entry) { return entry.tag.vmid == vmid; });
}

void Tlb::invalidate_asid(TlbTag tag) {
  invalidate_if(
      [&](const Entry& entry) { return !entry.leaf.global && same_context(entry.tag, false, tag); });
}

void Tlb::invalidate_address(TlbTag tag, std::uint64_t address) {
  invalidate_address_if(address,
                        [&](const Entry& entry) { return same_context(entry.tag, entry.leaf.global, tag); });
}

void Tlb::invalidate_address_all_asids(std::uint16_t vmid, std::uint64_t address) {
  invalidate_address_if(address, [&](const Entry& entry) { return entry.tag.vmid == vmid; });
}

}  // namespace sidewinder::arch
