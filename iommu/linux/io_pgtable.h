// SPDX-License-Identifier: Apache-2.0
//
// VMSAv8-64 tables of both stages as Linux builds them (drivers/iommu/io-pgtable-arm.c, ARM_64_LPAE_S1 and
// ARM_64_LPAE_S2): every table is in the machine's memory and is read and written only through the HostBus.

#ifndef SIDEWINDER_IOMMU_LINUX_IO_PGTABLE_H
#define SIDEWINDER_IOMMU_LINUX_IO_PGTABLE_H

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "iommu/linux/errno.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/io_pgtable_format.h"
#include "iommu/linux/iotlb_gather.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {

/// struct iommu_flush_ops: what the tables' user does about the TLB.
class TlbFlush {
 public:
  virtual ~TlbFlush() = default;
  virtual void flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) = 0;  ///< and waits
  /// May complete later, or leave it to `gather`.
  virtual void add_page(IotlbGather& gather, std::uint64_t iova, std::uint64_t granule) = 0;
};

class IoPgtable {
 public:
  using Registers = IoPgtableRegisters;

  static constexpr std::uint64_t page_sizes = page_sizes_4k;  ///< those of the default configuration

  /// Allocates the root table; nullopt: no memory, or a configuration that LpaeFormat::of refuses.
  [[nodiscard]] static std::optional<IoPgtable> create(HostBus& bus, PageAllocator& pages, TlbFlush& flush,
                                                       const IoPgtableConfig& config);

  IoPgtable(IoPgtable&& other) noexcept;
  IoPgtable& operator=(IoPgtable&&) = delete;
  ~IoPgtable();  ///< frees every table

  [[nodiscard]] const LpaeFormat& format() const { return format_; }
  [[nodiscard]] Registers registers() const { return format_.registers(root_); }

  /// Maps `count` pages of `size` bytes (one of format().config().page_sizes), of one table at most, and adds
  /// what was mapped to `mapped`. EEXIST: something is mapped there. ERANGE: `iova` beyond ias or `base`
  /// beyond oas. EINVAL: neither readable nor writable, or not a page size at any level. ENOMEM: no page for
  /// a table. A table that a block replaces is freed, and what it still maps goes with it.
  [[nodiscard]] Status map_pages(std::uint64_t iova, PhysAddr base, std::uint64_t size, std::uint64_t count,
                                 IommuProt prot, std::uint64_t& mapped);

  /// Bytes unmapped, of one table at most; less than asked for where nothing was mapped. Splits a block of
  /// which only a part goes; 0 when there is no page for that. With gather.queued unmapped leaves are not
  /// flushed.
  std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count, IotlbGather& gather);
  /// The same for a user whose TlbFlush gathers nothing.
  std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count) {
    IotlbGather nothing;
    return unmap_pages(iova, size, count, nothing);
  }

  /// Nothing is mapped beyond ias; Linux looks up the low bits of such an address.
  [[nodiscard]] std::optional<PhysAddr> iova_to_phys(std::uint64_t iova) const;

  [[nodiscard]] std::uint64_t warnings() const { return warnings_; }  ///< WARN_ON()s that Linux logs

 private:
  using Descriptor = LpaeFormat::Descriptor;

  /// Pages to unmap.
  struct Hole {
    std::uint64_t iova = 0;
    std::uint64_t size = 0;
    std::uint64_t count = 0;
    IotlbGather* gather = nullptr;
  };

  IoPgtable(HostBus& bus, PageAllocator& pages, TlbFlush& flush, const LpaeFormat& format, PhysAddr root);

  [[nodiscard]] PhysAddr entry_of(PhysAddr table, unsigned level, std::uint64_t iova) const;
  [[nodiscard]] Descriptor read(PhysAddr entry) const;
  void read(PhysAddr first, std::span<std::uint64_t> descriptors) const;
  void write(PhysAddr entry, Descriptor descriptor);
  void write(PhysAddr first, std::span<const std::uint64_t> descriptors);

  [[nodiscard]] static std::optional<PhysAddr> allocate_table(PageAllocator& pages, std::uint64_t bytes);
  void install_table(PhysAddr entry, PhysAddr table);
  void free_table(PhysAddr table, unsigned level);

  [[nodiscard]] Result<PhysAddr> next_table(PhysAddr table, unsigned level, std::uint64_t iova);
  [[nodiscard]] Status make_room(PhysAddr first, unsigned level, std::uint64_t iova, std::uint64_t count);

  std::uint64_t unmap_at(PhysAddr table, unsigned level, const Hole& hole);
  std::uint64_t clear_entries(PhysAddr first, unsigned level, const Hole& hole);
  void clear_entry(PhysAddr entry, unsigned level, Descriptor old, std::uint64_t iova, IotlbGather& gather);
  std::uint64_t split_block(PhysAddr entry, unsigned level, Descriptor block, const Hole& hole);

  HostBus* bus_;
  PageAllocator* pages_;
  TlbFlush* flush_;
  LpaeFormat format_;
  PhysAddr root_;  ///< 0: moved from
  std::uint64_t warnings_ = 0;
  std::vector<std::uint64_t> fresh_;  ///< descriptors on their way to a table, at most one of its size
};

}  // namespace sidewinder::kernel

#endif
