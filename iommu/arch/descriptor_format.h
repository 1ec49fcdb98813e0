// SPDX-License-Identifier: Apache-2.0
//
// How the descriptors of one walk are read: what a word at a level is, and the address in it (DDI 0487 D8.3,
// AArch64.DecodeDescriptorType, AArch64.NextTableBase, AArch64.LeafBase).

#ifndef SIDEWINDER_IOMMU_ARCH_DESCRIPTOR_FORMAT_H
#define SIDEWINDER_IOMMU_ARCH_DESCRIPTOR_FORMAT_H

#include <algorithm>
#include <cstdint>

#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

enum class DescriptorKind : std::uint8_t { Invalid, Table, Leaf };

class DescriptorFormat {
 public:
  using Descriptor = layout::vmsa64::Descriptor;
  using Granule = layout::vmsa64::Granule;

  /// `lpa` and `lpa2` as a regime's: each concerns its granules.
  DescriptorFormat(Granule granule, bool lpa, bool lpa2)
      : granule_(granule), large_(granule == Granule::Size64K ? lpa : lpa2) {}

  [[nodiscard]] unsigned shift(int level) const { return layout::vmsa64::level_shift(granule_, level); }
  [[nodiscard]] unsigned stride() const { return layout::vmsa64::bits_per_level(granule_); }
  [[nodiscard]] Granule granule() const { return granule_; }
  [[nodiscard]] unsigned page_shift() const { return layout::vmsa64::page_shift(granule_); }

  /// SH[1:0] of a leaf holds address bits, and shareability is the table's.
  [[nodiscard]] bool shareability_elsewhere() const { return large_ && granule_ != Granule::Size64K; }

  [[nodiscard]] DescriptorKind kind(Descriptor descriptor, int level) const {
    if (!descriptor.is_set<Descriptor::Valid>()) return DescriptorKind::Invalid;
    if (descriptor.is_set<Descriptor::Type>())
      return level == 3 ? DescriptorKind::Leaf : DescriptorKind::Table;
    return layout::vmsa64::block_allowed(granule_, level, large_) ? DescriptorKind::Leaf
                                                                  : DescriptorKind::Invalid;
  }

  /// The address of a table, or of the first byte that a leaf at `level` maps.
  [[nodiscard]] std::uint64_t table(Descriptor descriptor) const { return address(descriptor, page_shift()); }
  [[nodiscard]] std::uint64_t output(Descriptor descriptor, int level) const {
    return address(descriptor, shift(level));
  }

  /// Where a leaf at `level` sends `input`.
  [[nodiscard]] std::uint64_t output(Descriptor leaf, int level, std::uint64_t input) const {
    return output(leaf, level) | (input & layout::low_bits(shift(level)));
  }

  /// log2 of the bytes that a leaf maps, of a block no more than 2^`output_bits`: what lies beyond is an
  /// Address Size fault of its own (DDI 0487 D8.7.1.2, IHI 0070 §5.4 IPS). A contiguous run counts whole when
  /// `whole_runs`, when it lies in the input range of 2^`input_bits` bytes and in the output's, and when
  /// input and output lie alike in it; a Contiguous bit that is set otherwise is ignored, which D8.7.1
  /// permits.
  [[nodiscard]] unsigned size_shift(Descriptor leaf, int level, std::uint64_t input, unsigned input_bits,
                                    unsigned output_bits, bool whole_runs) const {
    const unsigned single = std::min(shift(level), output_bits);
    if (!whole_runs || !leaf.is_set<Descriptor::Contiguous>()) return single;
    const unsigned run = shift(level) + layout::vmsa64::contiguous_bits(granule_, level);
    const std::uint64_t inside = layout::low_bits(run) & ~layout::low_bits(shift(level));
    const bool fits = run <= input_bits && run <= output_bits;
    return fits && ((input ^ output(leaf, level)) & inside) == 0 ? run : single;
  }

 private:
  [[nodiscard]] std::uint64_t address(Descriptor descriptor, unsigned aligned) const {
    constexpr unsigned base_bits = 48, lpa2_bits = 50;
    const unsigned plain = shareability_elsewhere() ? lpa2_bits : base_bits;
    std::uint64_t address = descriptor.raw & layout::low_bits(plain) & ~layout::low_bits(aligned);
    if (shareability_elsewhere())
      address |= descriptor.get<Descriptor::AddressTop>() << lpa2_bits;
    else if (large_)
      address |= descriptor.get<Descriptor::AddressHigh>() << base_bits;
    return address;
  }

  Granule granule_;
  bool large_;
};

/// Where the first table begins: aligned to its size, and to 64 bytes where output addresses have 52 bits
/// (IHI 0070 §5.4, CD.TTB0). `index_bits` are what the table resolves, concatenated tables included.
[[nodiscard]] constexpr std::uint64_t root_table(std::uint64_t base, unsigned index_bits,
                                                 unsigned output_bits) {
  constexpr unsigned large_output = 52, large_alignment = 6;
  const unsigned alignment = std::max(index_bits + 3, output_bits >= large_output ? large_alignment : 0);
  return base & ~layout::low_bits(alignment);
}

}  // namespace sidewinder::arch

#endif
