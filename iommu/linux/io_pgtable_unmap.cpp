// SPDX-License-Identifier: Apache-2.0
//
// IoPgtable's other half: clearing entries, splitting blocks, and the invalidations that go with both.

#include <algorithm>

#include "iommu/linux/io_pgtable.h"

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t descriptor_bytes = 8;

}  // namespace

std::uint64_t IoPgtable::unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count,
                                     IotlbGather& gather) {
  const bool page = size != 0 && (size & format_.config().page_sizes) == size;
  if (!page || count == 0 || !format_.translates(iova)) {
    ++warnings_;
    return 0;
  }
  return unmap_at(root_, format_.start_level(), {iova, size, count, &gather});
}

std::uint64_t IoPgtable::unmap_at(PhysAddr table, unsigned level, const Hole& hole) {
  for (; level <= LpaeFormat::last_level; ++level) {
    const PhysAddr entry = entry_of(table, level, hole.iova);
    const Descriptor current = read(entry);
    if (!current.is_set<Descriptor::Valid>()) break;
    if (hole.size == format_.block_bytes(level)) return clear_entries(entry, level, hole);
    if (LpaeFormat::is_leaf(current, level)) return split_block(entry, level + 1, current, hole);
    table = format_.output(current);
  }
  ++warnings_;
  return 0;
}

std::uint64_t IoPgtable::clear_entries(PhysAddr first, unsigned level, const Hole& hole) {
  const std::uint64_t here = std::min(hole.count, format_.entries_left(level, hole.iova));
  std::uint64_t done = 0;
  for (; done < here; ++done) {
    const PhysAddr entry = first + done * descriptor_bytes;
    const Descriptor old = read(entry);
    if (!old.is_set<Descriptor::Valid>()) {
      ++warnings_;
      break;
    }
    clear_entry(entry, level, old, hole.iova + done * hole.size, *hole.gather);
  }
  return done * hole.size;
}

void IoPgtable::clear_entry(PhysAddr entry, unsigned level, Descriptor old, std::uint64_t iova,
                            IotlbGather& gather) {
  write(entry, Descriptor{});
  if (LpaeFormat::is_table(old, level)) {
    // Walks that have read the descriptor may still use the table, so it is freed after they are gone.
    flush_->flush_walk(iova, format_.block_bytes(level), format_.granule_bytes());
    free_table(format_.output(old), level + 1);
  } else if (!gather.queued) {
    flush_->add_page(gather, iova, format_.block_bytes(level));
  }
}

/// Replaces a block by a table at `level` that maps all of it but the hole. The block's entry is overwritten
/// without having been invalid, and what is flushed is the hole alone, as in Linux.
std::uint64_t IoPgtable::split_block(PhysAddr entry, unsigned level, Descriptor block, const Hole& hole) {
  if (level > LpaeFormat::last_level) {
    ++warnings_;
    return 0;
  }
  const std::optional<PhysAddr> table = allocate_table(*pages_, format_.granule_bytes());
  if (!table) return 0;

  const std::uint64_t piece = format_.block_bytes(level);
  const bool here = hole.size == piece;
  const std::uint64_t begin = format_.index(level, hole.iova);
  const std::uint64_t gone = here ? std::min(hole.count, format_.entries_left(level, hole.iova)) : 0;
  const Descriptor attributes = LpaeFormat::attributes_of(block);
  const PhysAddr base = format_.output(block);
  for (std::uint64_t index = 0; index < format_.entries_per_table(); ++index) {
    const bool kept = index < begin || index >= begin + gone;
    fresh_[index] = kept ? format_.leaf(attributes, level, base + index * piece).raw : 0;
  }
  write(*table, fresh_);
  install_table(entry, *table);

  if (!here) return unmap_at(*table, level, hole);
  for (std::uint64_t index = 0; index < gone; ++index)
    flush_->add_page(*hole.gather, hole.iova + index * hole.size, hole.size);
  return gone * hole.size;
}

}  // namespace sidewinder::kernel
