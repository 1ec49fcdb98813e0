// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/io_pgtable_format.h"

#include <algorithm>
#include <array>
#include <bit>

namespace sidewinder::kernel {
namespace {

using namespace layout::vmsa64;

constexpr std::uint64_t cpu_page = 4096;
constexpr std::uint64_t descriptor_bytes = 8;

// Indices into the MAIR that Linux sets up, and what it puts there: Normal non-cacheable, Normal write-back,
// Device-nGnRE, inner non-cacheable outer write-back. The kernel makes it of ints, and 0xf4 << 24 is a
// negative one, so that the four attributes above read 0xff.
constexpr std::uint64_t index_cache = 1;
constexpr std::uint64_t index_device = 2;
constexpr std::uint64_t mair_s1 = 0xffff'ffff'f404'ff44;

// DDI 0487, stage 2 MemAttr[3:0].
constexpr std::uint64_t s2_device_ngnre = 0x1;
constexpr std::uint64_t s2_non_cacheable = 0x5;
constexpr std::uint64_t s2_write_back = 0xf;
constexpr std::uint64_t s2_read = 1;
constexpr std::uint64_t s2_write = 2;

constexpr std::uint32_t outer_shareable = 2;
constexpr std::uint32_t inner_shareable = 3;
constexpr std::uint32_t walk_non_cacheable = 0;
constexpr std::uint32_t walk_write_back_allocate = 1;

constexpr std::array<unsigned, 7> physical_sizes = {32, 36, 40, 42, 44, 48, 52};  // by TCR.IPS

std::optional<std::uint32_t> ips_of(unsigned bits) {
  const auto* const found = std::find(physical_sizes.begin(), physical_sizes.end(), bits);
  if (found == physical_sizes.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - physical_sizes.begin());
}

/// arm_lpae_restrict_pgsizes(): the CPU's page size if the SMMU has it, else the smallest of the SMMU's (of
/// those below the CPU's Linux takes the largest, but none is a granule).
std::uint64_t granule_from(std::uint64_t sizes) {
  return (sizes & cpu_page) != 0 ? cpu_page : sizes & -sizes;
}

std::uint64_t sizes_with(Granule granule, unsigned oas) {
  switch (granule) {
    case Granule::Size4K:
      return page_sizes_4k;
    case Granule::Size16K:
      return page_sizes_16k;
    case Granule::Size64K:
      return oas > 48 ? page_sizes_64k_52 : page_sizes_64k;
  }
  return 0;
}

std::uint32_t tg_of(Granule granule, bool ttbr1) {
  switch (granule) {
    case Granule::Size4K:
      return ttbr1 ? 2 : 0;
    case Granule::Size16K:
      return ttbr1 ? 1 : 2;
    case Granule::Size64K:
      return ttbr1 ? 3 : 1;
  }
  return 0;
}

}  // namespace

std::optional<LpaeFormat> LpaeFormat::of(const IoPgtableConfig& config) {
  const IoPgtableQuirks& quirks = config.quirks;
  const bool any_quirk = quirks.arm_ns || quirks.arm_ttbr1 || quirks.arm_outer_wbwa;
  if (config.format == IoPgtableFormat::Arm64LpaeS2 && any_quirk) return std::nullopt;
  if (config.coherent_walk && quirks.arm_outer_wbwa) return std::nullopt;

  IoPgtableConfig restricted = config;
  const auto granule = static_cast<Granule>(std::countr_zero(granule_from(config.page_sizes)));
  restricted.page_sizes &= sizes_with(granule, config.oas);
  if (restricted.page_sizes == 0) return std::nullopt;
  const unsigned most = granule == Granule::Size64K ? 52 : 48;
  restricted.ias = std::min(config.ias, most);
  restricted.oas = std::min(config.oas, most);
  if (restricted.ias <= layout::vmsa64::page_shift(granule) || !ips_of(restricted.oas)) return std::nullopt;
  return LpaeFormat(restricted, granule);
}

LpaeFormat::LpaeFormat(const IoPgtableConfig& config, Granule granule) : config_(config), granule_(granule) {
  const unsigned stride = bits_per_level(granule);
  const unsigned resolved = config.ias - layout::vmsa64::page_shift(granule);
  const unsigned levels = (resolved + stride - 1) / stride;
  start_level_ = last_level + 1 - levels;
  root_bits_ = resolved - stride * (levels - 1);
  // Linux concatenates to be rid of level 0, and nowhere else.
  if (stage2() && start_level_ == 0 && std::uint64_t{1} << root_bits_ <= max_concatenated) {
    start_level_ = 1;
    root_bits_ += stride;
  }
}

IoPgtableRegisters LpaeFormat::registers(PhysAddr root) const {
  IoPgtableRegisters registers;
  registers.ttbr = root;
  registers.tsz = 64 - config_.ias;
  registers.tg = tg_of(granule_, config_.quirks.arm_ttbr1);
  registers.sh = config_.coherent_walk ? inner_shareable : outer_shareable;
  registers.irgn = config_.coherent_walk ? walk_write_back_allocate : walk_non_cacheable;
  registers.orgn = config_.quirks.arm_outer_wbwa ? walk_write_back_allocate : registers.irgn;
  registers.ips = ips_of(config_.oas).value_or(0);
  if (stage2())  // DDI 0487, VTCR_EL2.SL0: 2 - level with 4 KiB pages, 3 - level otherwise
    registers.sl = ((granule_ == Granule::Size4K ? 2 : 3) - start_level_) & 3;
  else
    registers.mair = mair_s1;
  return registers;
}

std::uint64_t LpaeFormat::table_bytes(unsigned level) const {
  return level == start_level_ ? descriptor_bytes << root_bits_ : granule_bytes();
}

bool LpaeFormat::translates(std::uint64_t iova) const {
  return (config_.quirks.arm_ttbr1 ? ~iova : iova) >> config_.ias == 0;
}

std::uint64_t LpaeFormat::index(unsigned level, std::uint64_t iova) const {
  return iova >> level_shift(granule_, static_cast<int>(level)) & (table_bytes(level) / descriptor_bytes - 1);
}

std::uint64_t LpaeFormat::entries_left(unsigned level, std::uint64_t iova) const {
  const std::uint64_t here = index(level, iova);
  const std::uint64_t entries = std::min(entries_per_table(), table_bytes(level) / descriptor_bytes);
  return entries - here % entries;
}

LpaeFormat::Descriptor LpaeFormat::attributes(IommuProt prot) const {
  Descriptor attributes;
  if (stage2()) {
    attributes.set<Descriptor::S2AP>((prot.read ? s2_read : 0) | (prot.write ? s2_write : 0))
        .set<Descriptor::MemAttr>(prot.mmio    ? s2_device_ngnre
                                  : prot.cache ? s2_write_back
                                               : s2_non_cacheable)
        .set<Descriptor::XN>(prot.noexec ? Descriptor::XN::max : 0);
  } else {
    attributes.set<Descriptor::nG>(1)
        .set<Descriptor::AP1>(prot.privileged ? 0 : 1)
        .set<Descriptor::AP2>(prot.read && !prot.write ? 1 : 0)
        .set<Descriptor::AttrIndx>(prot.mmio    ? index_device
                                   : prot.cache ? index_cache
                                                : 0)
        .set<Descriptor::PXN>(prot.noexec ? 1 : 0)
        .set<Descriptor::UXN>(prot.noexec ? 1 : 0)
        .set<Descriptor::NS>(config_.quirks.arm_ns ? 1 : 0);
  }
  return attributes.set<Descriptor::SH>(prot.cache ? inner_shareable : outer_shareable)
      .set<Descriptor::AF>(1);
}

LpaeFormat::Descriptor LpaeFormat::attributes_of(Descriptor leaf) {
  // ARM_LPAE_PTE_ATTR_MASK: bits 11:2, and of the upper ones neither Contiguous nor the software bits.
  constexpr std::uint64_t lower = 0xffc;
  return Descriptor::of(leaf.raw & (lower | Descriptor::XN::mask));
}

LpaeFormat::Descriptor LpaeFormat::leaf(Descriptor attributes, unsigned level, PhysAddr base) const {
  attributes.raw |= (base | base >> 36) & Descriptor::Address::mask;
  return attributes.set<Descriptor::Valid>(1).set<Descriptor::Type>(level == last_level ? 1 : 0);
}

LpaeFormat::Descriptor LpaeFormat::table(PhysAddr base) const {
  Descriptor descriptor = Descriptor::of((base | base >> 36) & Descriptor::Address::mask);
  return descriptor.set<Descriptor::Valid>(1).set<Descriptor::Type>(1).set<Descriptor::NSTable>(
      config_.quirks.arm_ns ? 1 : 0);
}

LpaeFormat::Descriptor LpaeFormat::synchronised(Descriptor table) {
  return table.set<Descriptor::Software>(1);  // bit 55
}

bool LpaeFormat::is_leaf(Descriptor descriptor, unsigned level) {
  return descriptor.is_set<Descriptor::Valid>() &&
         descriptor.is_set<Descriptor::Type>() == (level == last_level);
}

bool LpaeFormat::is_table(Descriptor descriptor, unsigned level) {
  return descriptor.is_set<Descriptor::Valid>() && descriptor.is_set<Descriptor::Type>() &&
         level != last_level;
}

PhysAddr LpaeFormat::output(Descriptor descriptor) const {
  const std::uint64_t low = descriptor.raw & Descriptor::Address::mask;
  if (granule_ != Granule::Size64K) return low;
  return (low & ~Descriptor::AddressHigh::mask) | descriptor.get<Descriptor::AddressHigh>() << 48;
}

}  // namespace sidewinder::kernel
