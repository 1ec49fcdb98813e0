// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/io_pgtable.h"

#include <algorithm>
#include <bit>

#include "iommu/layout/smmuv2.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::vmsa64;

constexpr unsigned last_level = 3;
constexpr std::uint64_t descriptor_bytes = 8;
constexpr std::uint64_t entries_per_table = std::uint64_t{1} << bits_per_level(IoPgtable::granule);
constexpr std::uint64_t address_mask = 0x0000'ffff'ffff'f000;

// Indices into the MAIR that Linux sets up, and what it puts there.
constexpr std::uint64_t index_cache = 1;
constexpr std::uint64_t index_device = 2;
constexpr std::uint64_t mair = 0xf404'ff44;  // Normal NC, Normal WB RWA, Device-nGnRE, inner NC outer WB RWA

constexpr std::uint32_t largest_ips = 5;  // 48 bits
constexpr std::uint32_t outer_shareable = 2;
constexpr std::uint32_t inner_shareable = 3;
constexpr std::uint32_t walk_non_cacheable = 0;
constexpr std::uint32_t walk_write_back_allocate = 1;

bool is_page_size(std::uint64_t size) {
  return std::has_single_bit(size) && (size & IoPgtable::page_sizes) != 0;
}

std::uint64_t bytes_at(unsigned level) {
  return std::uint64_t{1} << level_shift(IoPgtable::granule, level);
}

bool is_table(Descriptor descriptor, unsigned level) {
  return descriptor.is_set<Descriptor::Valid>() && descriptor.is_set<Descriptor::Type>() &&
         level != last_level;
}

bool is_leaf(Descriptor descriptor, unsigned level) {
  return descriptor.is_set<Descriptor::Valid>() &&
         descriptor.is_set<Descriptor::Type>() == (level == last_level);
}

PhysAddr address_of(Descriptor descriptor) {
  return descriptor.raw & address_mask;
}

Descriptor leaf(Descriptor attributes, unsigned level, PhysAddr base) {
  attributes.set<Descriptor::Valid>(1).set<Descriptor::Type>(level == last_level ? 1 : 0);
  attributes.raw |= base;
  return attributes;
}

Descriptor table_at(PhysAddr base) {
  Descriptor descriptor = Descriptor::of(base);
  return descriptor.set<Descriptor::Valid>(1).set<Descriptor::Type>(1);
}

Descriptor attributes_for(IommuProt prot) {
  Descriptor attributes;
  attributes.set<Descriptor::nG>(1).set<Descriptor::AF>(1);
  attributes.set<Descriptor::AP2>(prot.read && !prot.write ? 1 : 0)
      .set<Descriptor::AP1>(prot.privileged ? 0 : 1);
  if (prot.mmio)
    attributes.set<Descriptor::AttrIndx>(index_device);
  else if (prot.cache)
    attributes.set<Descriptor::AttrIndx>(index_cache);
  attributes.set<Descriptor::SH>(prot.cache ? inner_shareable : outer_shareable);
  if (prot.noexec) attributes.set<Descriptor::PXN>(1).set<Descriptor::UXN>(1);
  return attributes;
}

}  // namespace

std::optional<IoPgtable> IoPgtable::create(HostBus& bus, PageAllocator& pages, TlbFlush& flush,
                                           const IoPgtableConfig& config) {
  const std::optional<PhysAddr> root = pages.allocate_zeroed(0);
  if (!root) return std::nullopt;
  return IoPgtable(bus, pages, flush, config, *root);
}

IoPgtable::IoPgtable(HostBus& bus, PageAllocator& pages, TlbFlush& flush, const IoPgtableConfig& config,
                     PhysAddr root)
    : bus_(&bus), pages_(&pages), flush_(&flush), config_(config), root_(root) {
  const unsigned stride = bits_per_level(granule);
  const unsigned levels = (config.ias - layout::vmsa64::page_shift(granule) + stride - 1) / stride;
  start_level_ = last_level + 1 - levels;
}

IoPgtable::IoPgtable(IoPgtable&& other) noexcept
    : bus_(other.bus_),
      pages_(other.pages_),
      flush_(other.flush_),
      config_(other.config_),
      start_level_(other.start_level_),
      root_(other.root_) {
  other.root_ = 0;
}

IoPgtable::~IoPgtable() {
  if (root_ != 0) free_table(root_, start_level_);
}

IoPgtable::Registers IoPgtable::registers() const {
  Registers registers;
  registers.ttbr = root_;
  registers.mair = mair;
  registers.tsz = 64 - config_.ias;
  registers.sh0 = config_.coherent_walk ? inner_shareable : outer_shareable;
  registers.irgn0 = config_.coherent_walk ? walk_write_back_allocate : walk_non_cacheable;
  registers.orgn0 = registers.irgn0;
  registers.ips = layout::smmuv2::address_encoding(config_.oas).value_or(largest_ips);
  return registers;
}

IoPgtable::Descriptor IoPgtable::read(PhysAddr entry) const {
  return Descriptor::of(read_word<std::uint64_t>(*bus_, entry));
}

void IoPgtable::write(PhysAddr first, const std::vector<std::uint64_t>& descriptors) {
  static_cast<void>(bus_->write(first, std::as_bytes(std::span(descriptors)), Security::NonSecure));
}

std::uint64_t IoPgtable::table_bytes(unsigned level) const {
  if (level != start_level_) return page_size;
  return descriptor_bytes << (config_.ias - level_shift(granule, level));
}

PhysAddr IoPgtable::entry_of(PhysAddr table, unsigned level, std::uint64_t iova) const {
  const std::uint64_t index =
      iova >> level_shift(granule, level) & (table_bytes(level) / descriptor_bytes - 1);
  return table + index * descriptor_bytes;
}

std::uint64_t IoPgtable::entries_left(unsigned level, std::uint64_t iova) const {
  return entries_per_table - (iova >> level_shift(granule, level)) % entries_per_table;
}

Status IoPgtable::map_pages(std::uint64_t iova, PhysAddr base, std::uint64_t size, std::uint64_t count,
                            IommuProt prot, std::uint64_t& mapped) {
  if (!is_page_size(size)) return fail(Errno::EINVAL_);
  if (iova >> config_.ias != 0 || base >> config_.oas != 0) return fail(Errno::ERANGE_);
  if (!prot.read && !prot.write) return fail(Errno::EINVAL_);
  return map_at(root_, start_level_, iova, base, size, count, attributes_for(prot), mapped);
}

Status IoPgtable::map_at(PhysAddr table, unsigned level, std::uint64_t iova, PhysAddr base,
                         std::uint64_t size, std::uint64_t count, Descriptor attributes,
                         std::uint64_t& mapped) {
  if (size == bytes_at(level)) {
    const std::uint64_t here = std::min(count, entries_left(level, iova));
    Status status = install_leaves(table, level, iova, base, attributes, here);
    if (status) mapped += here * size;
    return status;
  }

  const PhysAddr entry = entry_of(table, level, iova);
  const Descriptor current = read(entry);
  if (is_leaf(current, level)) return fail(Errno::EEXIST_);
  PhysAddr next = address_of(current);
  if (!is_table(current, level)) {
    const std::optional<PhysAddr> fresh = pages_->allocate_zeroed(0);
    if (!fresh) return fail(Errno::ENOMEM_);
    next = *fresh;
    write(entry, {table_at(next).raw});
  }
  return map_at(next, level + 1, iova, base, size, count, attributes, mapped);
}

Status IoPgtable::install_leaves(PhysAddr table, unsigned level, std::uint64_t iova, PhysAddr base,
                                 Descriptor attributes, std::uint64_t count) {
  const std::uint64_t size = bytes_at(level);
  std::vector<std::uint64_t> descriptors(count);
  for (std::uint64_t index = 0; index < count; ++index) {
    const std::uint64_t address = iova + index * size;
    const Descriptor current = read(entry_of(table, level, address));
    if (is_leaf(current, level)) return fail(Errno::EEXIST_);
    // A table that is empty by now makes room for the block; unmapping it frees it.
    if (is_table(current, level) && unmap_at(table, level, address, size, 1, false) != size)
      return fail(Errno::EINVAL_);
    descriptors[index] = leaf(attributes, level, base + index * size).raw;
  }
  write(entry_of(table, level, iova), descriptors);
  return {};
}

std::uint64_t IoPgtable::unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count,
                                     bool queued) {
  if (!is_page_size(size) || count == 0 || iova >> config_.ias != 0) return 0;
  return unmap_at(root_, start_level_, iova, size, count, queued);
}

std::uint64_t IoPgtable::unmap_at(PhysAddr table, unsigned level, std::uint64_t iova, std::uint64_t size,
                                  std::uint64_t count, bool queued) {
  const PhysAddr first = entry_of(table, level, iova);
  const Descriptor current = read(first);
  if (!current.is_set<Descriptor::Valid>()) return 0;

  if (size == bytes_at(level)) {
    const std::uint64_t here = std::min(count, entries_left(level, iova));
    std::uint64_t done = 0;
    for (; done < here; ++done) {
      const PhysAddr entry = first + done * descriptor_bytes;
      const Descriptor old = read(entry);
      if (!old.is_set<Descriptor::Valid>()) break;
      write_word<std::uint64_t>(*bus_, entry, 0);
      const std::uint64_t address = iova + done * size;
      if (is_table(old, level)) {
        flush_->flush_walk(address, size, page_size);
        free_table(address_of(old), level + 1);
      } else if (!queued) {
        flush_->add_page(address, size);
      }
    }
    return done * size;
  }
  if (is_leaf(current, level)) return split_block(first, level + 1, current, iova, size, count, queued);
  return unmap_at(address_of(current), level + 1, iova, size, count, queued);
}

/// Replaces a block by a table at `level` that maps all of it but [iova, iova + size * count).
std::uint64_t IoPgtable::split_block(PhysAddr entry, unsigned level, Descriptor block, std::uint64_t iova,
                                     std::uint64_t size, std::uint64_t count, bool queued) {
  const std::optional<PhysAddr> table = pages_->allocate_zeroed(0);
  if (!table) return 0;

  const std::uint64_t piece = bytes_at(level);
  const bool here = size == piece;
  const std::uint64_t hole_begin = (iova >> level_shift(granule, level)) % entries_per_table;
  const std::uint64_t hole = here ? std::min(count, entries_per_table - hole_begin) : 0;
  Descriptor attributes = Descriptor::of(block.raw & ~address_mask);
  attributes.set<Descriptor::Valid>(0).set<Descriptor::Type>(0).set<Descriptor::Contiguous>(0);

  std::vector<std::uint64_t> descriptors(entries_per_table);
  for (std::uint64_t index = 0; index < entries_per_table; ++index)
    if (!here || index < hole_begin || index >= hole_begin + hole)
      descriptors[index] = leaf(attributes, level, address_of(block) + index * piece).raw;
  write(*table, descriptors);
  write(entry, {table_at(*table).raw});

  if (!here) return unmap_at(*table, level, iova, size, count, queued);
  for (std::uint64_t index = 0; index < hole; ++index) flush_->add_page(iova + index * size, size);
  return hole * size;
}

void IoPgtable::free_table(PhysAddr table, unsigned level) {
  if (level != last_level) {
    const std::uint64_t entries = table_bytes(level) / descriptor_bytes;
    for (std::uint64_t index = 0; index < entries; ++index) {
      const Descriptor descriptor = read(table + index * descriptor_bytes);
      if (is_table(descriptor, level)) free_table(address_of(descriptor), level + 1);
    }
  }
  pages_->free(table, 1);
}

std::optional<PhysAddr> IoPgtable::iova_to_phys(std::uint64_t iova) const {
  if (iova >> config_.ias != 0) return std::nullopt;
  PhysAddr table = root_;
  for (unsigned level = start_level_; level <= last_level; ++level) {
    const Descriptor descriptor = read(entry_of(table, level, iova));
    if (is_leaf(descriptor, level)) return address_of(descriptor) | (iova & (bytes_at(level) - 1));
    if (!is_table(descriptor, level)) return std::nullopt;
    table = address_of(descriptor);
  }
  return std::nullopt;
}

}  // namespace sidewinder::kernel
