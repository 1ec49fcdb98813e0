// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/tlb.h"

#include <algorithm>

#include "iommu/layout/bits.h"

namespace sidewinder::arch {
namespace {

/// The leaf that invalidations of the entry name: stage 1's, but of an IPA stage 2's.
struct NamedLeaf {
  layout::vmsa64::Granule granule;
  std::uint8_t level;
};

NamedLeaf named_leaf(Stages stages, const Mapping& mapping) {
  if (stages == Stages::Two) return {mapping.second.granule, mapping.second.level};
  return {mapping.first.granule, mapping.first.level};
}

Mapping page_of(Mapping mapping, std::uint64_t address, unsigned page_shift) {
  const std::uint64_t offset = address & layout::low_bits(mapping.size_shift) & ~layout::low_bits(page_shift);
  mapping.output += offset;
  mapping.ipa += mapping.stage2 ? offset : 0;
  mapping.size_shift = static_cast<std::uint8_t>(page_shift);
  return mapping;
}

}  // namespace

unsigned span_shift(const Mapping& mapping) {
  const NamedLeaf leaf = named_leaf(mapping.stage1 ? Stages::One : Stages::Two, mapping);
  return std::max<unsigned>(mapping.size_shift, layout::vmsa64::level_shift(leaf.granule, leaf.level));
}

Tlb::Tlb(CacheShape shape, bool base_page_only) : cache_(shape), base_page_only_(base_page_only) {}

template <typename Insert>
void Tlb::add(const TlbTag& tag, std::uint64_t address, const Mapping& mapping, Insert insert) {
  const NamedLeaf leaf = named_leaf(tag.stages, mapping);
  AddressEntry entry{.tag = tag,
                     .address = address,
                     .size_shift = mapping.size_shift,
                     .span_shift = span_shift(mapping),
                     .global = tag.stages != Stages::Two && mapping.first.global};
  if (!base_page_only_) {
    insert(entry, mapping);
    return;
  }
  entry.size_shift = std::min<unsigned>(mapping.size_shift, layout::vmsa64::page_shift(leaf.granule));
  entry.span_shift = entry.size_shift;
  insert(entry, page_of(mapping, address, entry.size_shift));
}

void Tlb::insert(const TlbTag& tag, std::uint64_t address, const Mapping& mapping) {
  add(tag, address, mapping,
      [&](const AddressEntry& entry, const Mapping& kept) { cache_.insert(entry, kept); });
}

void Tlb::insert_missed(const TlbTag& tag, std::uint64_t address, const Mapping& mapping) {
  add(tag, address, mapping,
      [&](const AddressEntry& entry, const Mapping& kept) { cache_.insert_missed(entry, kept); });
}

void Tlb::invalidate(const TlbInvalidation& what) {
  cache_.erase(what.by_address ? what.first : 0, what.by_address ? what.last : ~std::uint64_t{0},
               [&](const AddressKey& key, const Mapping& mapping) {
                 const NamedLeaf leaf = named_leaf(key.tag().stages, mapping);
                 return what.names(key.tag(), key.global()) && what.names_leaf(leaf.granule, leaf.level);
               });
}

void Tlb::invalidate_all() {
  cache_.erase(0, ~std::uint64_t{0}, [](const AddressKey&, const Mapping&) { return true; });
}

}  // namespace sidewinder::arch
