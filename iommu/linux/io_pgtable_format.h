// SPDX-License-Identifier: Apache-2.0
//
// What Linux's drivers/iommu/io-pgtable-arm.c decides from a configuration before there is a table: granule
// and page sizes, levels and root table, register fields, and how descriptors are written.

#ifndef SIDEWINDER_IOMMU_LINUX_IO_PGTABLE_FORMAT_H
#define SIDEWINDER_IOMMU_LINUX_IO_PGTABLE_FORMAT_H

#include <cstdint>
#include <optional>

#include "iommu/layout/vmsa64.h"
#include "iommu/linux/host_bus.h"
#include "iommu/linux/iommu_prot.h"

namespace sidewinder::kernel {

/// enum io_pgtable_fmt.
enum class IoPgtableFormat : std::uint8_t { Arm64LpaeS1, Arm64LpaeS2 };

/// IO_PGTABLE_QUIRK_*, all of stage 1.
struct IoPgtableQuirks {
  bool arm_ns = false;          ///< NS and NSTable are set
  bool arm_ttbr1 = false;       ///< the tables are of the upper half of the address space
  bool arm_outer_wbwa = false;  ///< walks that do not snoop are outer write-back write-allocate
};

inline constexpr std::uint64_t page_sizes_4k = 0x4020'1000;  ///< 4 KiB, 2 MiB, 1 GiB
inline constexpr std::uint64_t page_sizes_16k = 0x0200'4000;
inline constexpr std::uint64_t page_sizes_64k = 0x2001'0000;
inline constexpr std::uint64_t page_sizes_64k_52 = page_sizes_64k | std::uint64_t{1} << 42;  ///< oas > 48

/// struct io_pgtable_cfg.
struct IoPgtableConfig {
  unsigned ias = 48;           ///< input address bits; at most 48, 52 with 64 KiB pages
  unsigned oas = 48;           ///< output address bits: 32, 36, 40, 42, 44, 48, and 52 with 64 KiB pages
  bool coherent_walk = false;  ///< the SMMU snoops the CPU's caches
  IoPgtableFormat format = IoPgtableFormat::Arm64LpaeS1;
  std::uint64_t page_sizes = page_sizes_4k;  ///< pgsize_bitmap: what the SMMU can do
  IoPgtableQuirks quirks = {};
};

/// struct io_pgtable_cfg's arm_lpae_s1_cfg or arm_lpae_s2_cfg: field encodings of TCR and TCR2, or of VTCR.
struct IoPgtableRegisters {
  std::uint64_t ttbr = 0;  ///< TTBR0, TTBR1 or VTTBR: the root table, no ASID or VMID
  std::uint64_t mair = 0;  ///< stage 1
  std::uint32_t tsz = 0;
  std::uint32_t tg = 0;  ///< TG1's encoding for TTBR1, otherwise TG0's
  std::uint32_t sh = 0, orgn = 0, irgn = 0;
  std::uint32_t ips = 0;  ///< TCR2.PASize, VTCR.PS
  std::uint32_t sl = 0;   ///< VTCR.SL0, stage 2
};

class LpaeFormat {
 public:
  using Descriptor = layout::vmsa64::Descriptor;

  static constexpr unsigned last_level = 3;
  static constexpr unsigned max_concatenated = 16;  ///< root tables of stage 2 side by side

  /// nullopt where Linux refuses: no page size that is a granule, an oas without an encoding, quirks at
  /// stage 2 or outer_wbwa with a coherent walk; and where ias leaves nothing to translate.
  [[nodiscard]] static std::optional<LpaeFormat> of(const IoPgtableConfig& config);

  /// With page_sizes, ias and oas as the granule limits them.
  [[nodiscard]] const IoPgtableConfig& config() const { return config_; }
  [[nodiscard]] IoPgtableRegisters registers(PhysAddr root) const;

  [[nodiscard]] unsigned start_level() const { return start_level_; }
  [[nodiscard]] std::uint64_t granule_bytes() const {
    return std::uint64_t{1} << layout::vmsa64::page_shift(granule_);
  }
  [[nodiscard]] std::uint64_t entries_per_table() const {
    return std::uint64_t{1} << bits_per_level(granule_);
  }
  /// Of a block or page at `level`, and of what a table at `level + 1` maps.
  [[nodiscard]] std::uint64_t block_bytes(unsigned level) const {
    return std::uint64_t{1} << level_shift(granule_, static_cast<int>(level));
  }
  /// Of a table at `level`; the root is smaller, or is up to 16 tables.
  [[nodiscard]] std::uint64_t table_bytes(unsigned level) const;

  /// ias allows the address.
  [[nodiscard]] bool translates(std::uint64_t iova) const;
  /// Of the address's descriptor in its table, at the root counted over all concatenated tables.
  [[nodiscard]] std::uint64_t index(unsigned level, std::uint64_t iova) const;
  /// Descriptors from the address's to the end of its table, or of its one of the concatenated tables.
  [[nodiscard]] std::uint64_t entries_left(unsigned level, std::uint64_t iova) const;

  /// A leaf's attributes without type and address.
  [[nodiscard]] Descriptor attributes(IommuProt prot) const;
  /// Those of a block that pass to its parts when it is split.
  [[nodiscard]] static Descriptor attributes_of(Descriptor leaf);
  [[nodiscard]] Descriptor leaf(Descriptor attributes, unsigned level, PhysAddr base) const;
  [[nodiscard]] Descriptor table(PhysAddr base) const;
  /// Marks a table descriptor that non-coherent walks can see (ARM_LPAE_PTE_SW_SYNC).
  [[nodiscard]] static Descriptor synchronised(Descriptor table);

  [[nodiscard]] static bool is_leaf(Descriptor descriptor, unsigned level);
  [[nodiscard]] static bool is_table(Descriptor descriptor, unsigned level);
  [[nodiscard]] PhysAddr output(Descriptor descriptor) const;  ///< of a leaf, or the table pointed to

 private:
  LpaeFormat(const IoPgtableConfig& config, layout::vmsa64::Granule granule);

  [[nodiscard]] bool stage2() const { return config_.format == IoPgtableFormat::Arm64LpaeS2; }

  IoPgtableConfig config_;
  layout::vmsa64::Granule granule_;
  unsigned start_level_;
  unsigned root_bits_;  ///< of the input address that the root resolves
};

}  // namespace sidewinder::kernel

#endif
