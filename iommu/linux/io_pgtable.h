// SPDX-License-Identifier: Apache-2.0
//
// Stage 1 VMSAv8-64 tables as Linux builds them (drivers/iommu/io-pgtable-arm.c, ARM_64_LPAE_S1): every table
// is in the machine's memory and is read and written only through the HostBus.

#ifndef SIDEWINDER_IOMMU_LINUX_IO_PGTABLE_H
#define SIDEWINDER_IOMMU_LINUX_IO_PGTABLE_H

#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/layout/vmsa64.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/iommu_prot.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {

/// struct iommu_flush_ops: what the tables' user does about the TLB.
class TlbFlush {
 public:
  virtual ~TlbFlush() = default;
  virtual void flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) = 0;  ///< and waits
  virtual void add_page(std::uint64_t iova, std::uint64_t granule) = 0;  ///< may complete later
};

struct IoPgtableConfig {
  unsigned ias = 48;           ///< input address bits, 21-48
  unsigned oas = 48;           ///< output address bits
  bool coherent_walk = false;  ///< the SMMU snoops the CPU's caches
};

class IoPgtable {
 public:
  static constexpr layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;
  static constexpr std::uint64_t page_sizes = 0x4020'1000;  ///< pgsize_bitmap: 4 KiB, 2 MiB, 1 GiB

  /// Allocates the root table; nullopt: no memory.
  [[nodiscard]] static std::optional<IoPgtable> create(HostBus& bus, PageAllocator& pages, TlbFlush& flush,
                                                       const IoPgtableConfig& config);

  IoPgtable(IoPgtable&& other) noexcept;
  IoPgtable& operator=(IoPgtable&&) = delete;
  ~IoPgtable();  ///< frees every table

  struct Registers {
    std::uint64_t ttbr = 0;  ///< table base, no ASID
    std::uint64_t mair = 0;
    std::uint32_t tsz = 0, tg0 = 0, sh0 = 0, orgn0 = 0, irgn0 = 0;
    std::uint32_t ips = 0;  ///< TCR2.PASize
  };
  [[nodiscard]] Registers registers() const;

  /// Maps `count` pages of `size` bytes (one of page_sizes) and adds what was mapped, also on failure, to
  /// `mapped`. EEXIST: something is mapped there. ERANGE: beyond ias or oas. EINVAL: neither readable nor
  /// writable. ENOMEM: no page for a table.
  [[nodiscard]] Status map_pages(std::uint64_t iova, PhysAddr base, std::uint64_t size, std::uint64_t count,
                                 IommuProt prot, std::uint64_t& mapped);

  /// Bytes unmapped; less than asked for where nothing was mapped. Splits a block of which only a part goes.
  /// `queued` (iommu_iotlb_gather_queued()): leaves are not invalidated, as the whole TLB will be.
  std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count, bool queued = false);

  [[nodiscard]] std::optional<PhysAddr> iova_to_phys(std::uint64_t iova) const;

 private:
  using Descriptor = layout::vmsa64::Descriptor;

  IoPgtable(HostBus& bus, PageAllocator& pages, TlbFlush& flush, const IoPgtableConfig& config,
            PhysAddr root);

  [[nodiscard]] Descriptor read(PhysAddr entry) const;
  void write(PhysAddr first, const std::vector<std::uint64_t>& descriptors);
  [[nodiscard]] PhysAddr entry_of(PhysAddr table, unsigned level, std::uint64_t iova) const;
  [[nodiscard]] std::uint64_t entries_left(unsigned level, std::uint64_t iova) const;
  [[nodiscard]] std::uint64_t table_bytes(unsigned level) const;
  [[nodiscard]] Status install_leaves(PhysAddr table, unsigned level, std::uint64_t iova, PhysAddr base,
                                      Descriptor attributes, std::uint64_t count);
  [[nodiscard]] Status map_at(PhysAddr table, unsigned level, std::uint64_t iova, PhysAddr base,
                              std::uint64_t size, std::uint64_t count, Descriptor attributes,
                              std::uint64_t& mapped);
  std::uint64_t unmap_at(PhysAddr table, unsigned level, std::uint64_t iova, std::uint64_t size,
                         std::uint64_t count, bool queued);
  std::uint64_t split_block(PhysAddr entry, unsigned level, Descriptor block, std::uint64_t iova,
                            std::uint64_t size, std::uint64_t count, bool queued);
  void free_table(PhysAddr table, unsigned level);

  HostBus* bus_;
  PageAllocator* pages_;
  TlbFlush* flush_;
  IoPgtableConfig config_;
  unsigned start_level_;
  PhysAddr root_;  ///< 0: moved from
};

}  // namespace sidewinder::kernel

#endif
