// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/io_pgtable.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace sidewinder::kernel {
namespace {

constexpr std::uint64_t descriptor_bytes = 8;

/// Descriptors read at once.
using Chunk = std::array<std::uint64_t, 64>;

std::uint64_t pages_for(std::uint64_t bytes) {
  return (bytes + page_size - 1) / page_size;
}

}  // namespace

std::optional<IoPgtable> IoPgtable::create(HostBus& bus, PageAllocator& pages, TlbFlush& flush,
                                           const IoPgtableConfig& config) {
  const std::optional<LpaeFormat> format = LpaeFormat::of(config);
  if (!format) return std::nullopt;
  const std::optional<PhysAddr> root = allocate_table(pages, format->table_bytes(format->start_level()));
  if (!root) return std::nullopt;
  return IoPgtable(bus, pages, flush, *format, *root);
}

IoPgtable::IoPgtable(HostBus& bus, PageAllocator& pages, TlbFlush& flush, const LpaeFormat& format,
                     PhysAddr root)
    : bus_(&bus),
      pages_(&pages),
      flush_(&flush),
      format_(format),
      root_(root),
      fresh_(format.entries_per_table()) {}

IoPgtable::IoPgtable(IoPgtable&& other) noexcept
    : bus_(other.bus_),
      pages_(other.pages_),
      flush_(other.flush_),
      format_(other.format_),
      root_(std::exchange(other.root_, 0)),
      warnings_(other.warnings_),
      fresh_(std::move(other.fresh_)) {}

IoPgtable::~IoPgtable() {
  if (root_ != 0) free_table(root_, format_.start_level());
}

PhysAddr IoPgtable::entry_of(PhysAddr table, unsigned level, std::uint64_t iova) const {
  return table + format_.index(level, iova) * descriptor_bytes;
}

IoPgtable::Descriptor IoPgtable::read(PhysAddr entry) const {
  return Descriptor::of(read_word<std::uint64_t>(*bus_, entry));
}

void IoPgtable::read(PhysAddr first, std::span<std::uint64_t> descriptors) const {
  if (!bus_->read(first, std::as_writable_bytes(descriptors), Security::NonSecure))
    std::fill(descriptors.begin(), descriptors.end(), ~std::uint64_t{0});  // as read_word
}

void IoPgtable::write(PhysAddr entry, Descriptor descriptor) {
  write_word<std::uint64_t>(*bus_, entry, descriptor.raw);
}

void IoPgtable::write(PhysAddr first, std::span<const std::uint64_t> descriptors) {
  static_cast<void>(bus_->write(first, std::as_bytes(descriptors), Security::NonSecure));
}

std::optional<PhysAddr> IoPgtable::allocate_table(PageAllocator& pages, std::uint64_t bytes) {
  return pages.allocate_zeroed(static_cast<unsigned>(std::bit_width(pages_for(bytes)) - 1));  // get_order()
}

/// A walk that does not snoop sees a table only once its descriptor was cleaned from the CPU's cache; Linux
/// writes the software bit after that, and walks itself never look at it.
void IoPgtable::install_table(PhysAddr entry, PhysAddr table) {
  const Descriptor descriptor = format_.table(table);
  write(entry, descriptor);
  if (!format_.config().coherent_walk) write(entry, LpaeFormat::synchronised(descriptor));
}

void IoPgtable::free_table(PhysAddr table, unsigned level) {
  const std::uint64_t bytes = format_.table_bytes(level);
  if (level != LpaeFormat::last_level) {
    Chunk chunk{};
    const std::uint64_t entries = bytes / descriptor_bytes;
    for (std::uint64_t index = 0; index < entries; index += chunk.size()) {
      const auto seen = std::span(chunk).first(std::min<std::uint64_t>(entries - index, chunk.size()));
      read(table + index * descriptor_bytes, seen);
      for (const std::uint64_t raw : seen) {
        const Descriptor descriptor = Descriptor::of(raw);
        if (LpaeFormat::is_table(descriptor, level)) free_table(format_.output(descriptor), level + 1);
      }
    }
  }
  pages_->free(table, pages_for(bytes));
}

Status IoPgtable::map_pages(std::uint64_t iova, PhysAddr base, std::uint64_t size, std::uint64_t count,
                            IommuProt prot, std::uint64_t& mapped) {
  const auto warn = [this](Errno error) {
    ++warnings_;
    return fail(error);
  };
  const IoPgtableConfig& config = format_.config();
  if (size == 0 || (size & config.page_sizes) != size) return warn(Errno::EINVAL_);
  if (!format_.translates(iova) || base >> config.oas != 0) return warn(Errno::ERANGE_);
  if (!prot.read && !prot.write) return fail(Errno::EINVAL_);

  PhysAddr table = root_;
  unsigned level = format_.start_level();
  for (; size != format_.block_bytes(level); ++level) {
    if (level == LpaeFormat::last_level) return warn(Errno::EINVAL_);  // a block of a level above the root's
    const Result<PhysAddr> next = next_table(table, level, iova);
    if (!next) return fail(next.error());
    table = *next;
  }

  const std::uint64_t here = std::min(count, format_.entries_left(level, iova));
  const PhysAddr first = entry_of(table, level, iova);
  if (Status status = make_room(first, level, iova, here); !status) return status;
  const Descriptor attributes = format_.attributes(prot);
  for (std::uint64_t index = 0; index < here; ++index)
    fresh_[index] = format_.leaf(attributes, level, base + index * size).raw;
  write(first, std::span(fresh_).first(here));
  mapped += here * size;
  return {};
}

Result<PhysAddr> IoPgtable::next_table(PhysAddr table, unsigned level, std::uint64_t iova) {
  const PhysAddr entry = entry_of(table, level, iova);
  const Descriptor current = read(entry);
  if (LpaeFormat::is_leaf(current, level)) {
    ++warnings_;
    return fail(Errno::EEXIST_);
  }
  if (LpaeFormat::is_table(current, level)) return format_.output(current);
  const std::optional<PhysAddr> fresh = allocate_table(*pages_, format_.granule_bytes());
  if (!fresh) return fail(Errno::ENOMEM_);
  install_table(entry, *fresh);
  return *fresh;
}

/// arm_lpae_init_pte()'s look at what is there: a leaf is an error, a table goes.
Status IoPgtable::make_room(PhysAddr first, unsigned level, std::uint64_t iova, std::uint64_t count) {
  IotlbGather nothing;  // a table's walks are flushed at once
  Chunk chunk{};
  for (std::uint64_t index = 0; index < count;) {
    const auto seen = std::span(chunk).first(std::min<std::uint64_t>(count - index, chunk.size()));
    read(first + index * descriptor_bytes, seen);
    for (const std::uint64_t raw : seen) {
      const Descriptor current = Descriptor::of(raw);
      if (LpaeFormat::is_leaf(current, level)) {
        ++warnings_;
        return fail(Errno::EEXIST_);
      }
      const std::uint64_t here = index++;
      if (!LpaeFormat::is_table(current, level)) continue;
      clear_entry(first + here * descriptor_bytes, level, current, iova + here * format_.block_bytes(level),
                  nothing);
      break;  // others may have run during the invalidation: read again
    }
  }
  return {};
}

std::optional<PhysAddr> IoPgtable::iova_to_phys(std::uint64_t iova) const {
  if (!format_.translates(iova)) return std::nullopt;
  PhysAddr table = root_;
  for (unsigned level = format_.start_level(); level <= LpaeFormat::last_level; ++level) {
    const Descriptor descriptor = read(entry_of(table, level, iova));
    if (LpaeFormat::is_leaf(descriptor, level))
      return format_.output(descriptor) | (iova & (format_.block_bytes(level) - 1));
    if (!LpaeFormat::is_table(descriptor, level)) return std::nullopt;
    table = format_.output(descriptor);
  }
  return std::nullopt;
}

}  // namespace sidewinder::kernel
