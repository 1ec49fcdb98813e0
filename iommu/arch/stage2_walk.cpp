// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/stage2_walk.h"

#include <algorithm>

#include "iommu/arch/descriptor_format.h"
#include "iommu/arch/permissions.h"
#include "iommu/arch/table_access.h"
#include "iommu/arch/tlb.h"
#include "iommu/arch/walk_cache.h"

namespace sidewinder::arch {
namespace {

using layout::low_bits;
using layout::vmsa64::Descriptor;

constexpr unsigned descriptor_bytes = 8;

/// What TLBs and walk caches know an IPA by: IPAs of a VMID have no ASID (IHI 0070 §3.17).
TlbTag tag_of(const IpaAccess& ipa, const WalkContext& context) {
  return {
      .vmid = context.tag.vmid, .world = context.tag.world, .stages = Stages::Two, .secure_ipa = ipa.secure};
}

class Walk {
 public:
  Walk(const Stage2& regime, const IpaAccess& ipa, const WalkContext& context)
      : regime_(regime),
        table_(ipa.secure ? regime.secure_ipa : regime.non_secure_ipa),
        ipa_(ipa),
        context_(context),
        format_(table_.granule, regime.lpa, regime.lpa2),
        update_(effective_update(regime.update, regime.format)) {}

  Outcome run() {
    for (unsigned walk = 0; walk < max_walks; ++walk)
      if (once()) return outcome_;
    fail_update(changed_);
    return outcome_;
  }

 private:
  /// False: a descriptor was changed by another agent before it could be updated.
  bool once() {
    const unsigned input_bits = 64U - table_.tsz;
    const unsigned root_shift = format_.shift(table_.start_level);
    // The STE has been checked: a start level that cannot resolve the input maps nothing.
    if ((ipa_.access.address & ~low_bits(input_bits)) != 0 || root_shift >= input_bits)
      return fail(FaultKind::Translation, regime_.format == TableFormat::Lpae ? 1 : 0);

    unsigned index_bits = input_bits - root_shift;
    std::uint64_t table = root_table(table_.base, index_bits, regime_.output_bits);
    int level = table_.start_level;
    if (const CachedTable* known = cached()) {
      table = known->table;
      level = static_cast<int>(known->level);
      index_bits = format_.stride();
    }
    for (;; ++level) {
      const std::uint64_t index = ipa_.access.address >> format_.shift(level) & low_bits(index_bits);
      const DescriptorPlace place = at(table + index * descriptor_bytes, level);
      const FetchedDescriptor fetched = fetch_descriptor(place, context_);
      if (!fetched.ok) return fail(FaultKind::ExternalWalk, level, place.where.address);
      switch (format_.kind(fetched.value, level)) {
        case DescriptorKind::Invalid:
          return fail(FaultKind::Translation, level);
        case DescriptorKind::Leaf:
          return leaf(place, fetched.value, input_bits);
        case DescriptorKind::Table:
          break;
      }
      table = format_.table(fetched.value);
      if (too_big(table)) return fail(FaultKind::AddressSize, level);
      index_bits = format_.stride();
      keep(table, level + 1);
    }
  }

  [[nodiscard]] const CachedTable* cached() const {
    if (context_.stage2_tables == nullptr) return nullptr;
    const CachedTable* known = context_.stage2_tables->lookup(tag_of(ipa_, context_), ipa_.access.address);
    return known != nullptr && known->granule == table_.granule ? known : nullptr;
  }

  void keep(std::uint64_t table, int level) const {
    if (context_.stage2_tables == nullptr) return;
    context_.stage2_tables->insert(
        tag_of(ipa_, context_), ipa_.access.address,
        {.table = table,
         .level = level,
         .input_shift = static_cast<std::uint8_t>(format_.shift(level) + format_.stride()),
         .secure = table_.walk_secure,
         .granule = table_.granule});
  }

  bool leaf(const DescriptorPlace& place, Descriptor descriptor, unsigned input_bits) {
    if (too_big(format_.output(descriptor, place.level, ipa_.access.address)))
      return fail(FaultKind::AddressSize, place.level);
    const bool accessed = descriptor.is_set<Descriptor::AF>();
    if (!accessed && !update_.access_flag && !regime_.access_flag_fault_disabled)
      return fail(FaultKind::AccessFlag, place.level);

    Mapping& mapping = outcome_.mapping;
    mapping = map(descriptor, place.level, input_bits);
    const bool flag_due = !accessed && update_.access_flag;
    if (!stage2_allows(regime_, mapping.second, ipa_)) {
      // Whether AF is set then is UNKNOWN (IHI 0070 §3.13.2): it is not, and so nothing may be cached.
      outcome_.mapped = !flag_due;
      return fail(FaultKind::Permission, place.level);
    }

    Descriptor updated = descriptor;
    if (flag_due) updated.set<Descriptor::AF>(1);
    Stage2Permissions& permissions = mapping.second.permissions;
    if (ipa_.access.write && permissions.dirty_pending) {
      constexpr std::uint64_t writable = 2;
      updated.set<Descriptor::S2AP>(updated.get<Descriptor::S2AP>() | writable);
      permissions.write = true;
      permissions.dirty_pending = false;
    }
    if (updated.raw != descriptor.raw && !context_.inhibit_update) {
      const UpdateResult result = update_descriptor(place, descriptor, updated, context_);
      if (result == UpdateResult::Changed) {
        changed_ = place;
        return false;
      }
      if (result == UpdateResult::Aborted) return fail_update(place);
    }
    outcome_.ok = outcome_.mapped = true;
    return true;
  }

  [[nodiscard]] Mapping map(Descriptor descriptor, int level, unsigned input_bits) const {
    const std::uint64_t ipa = ipa_.access.address;
    // Each descriptor of a run has flags of its own to keep.
    const bool whole_runs = regime_.contiguous_hint && !update_.access_flag;
    const unsigned size =
        format_.size_shift(descriptor, level, ipa, input_bits, regime_.output_bits, whole_runs);
    return {
        .output = format_.output(descriptor, level, ipa) & ~low_bits(size) & low_bits(regime_.truncate_bits),
        .ipa = ipa & ~low_bits(size),
        .size_shift = static_cast<std::uint8_t>(size),
        .stage2 = true,
        .output_secure = table_.output_secure,
        .ipa_secure = ipa_.secure,
        .second = {.permissions = stage2_permissions(regime_, descriptor),
                   .level = static_cast<std::uint8_t>(level),
                   .granule = table_.granule,
                   .attributes = static_cast<std::uint8_t>(descriptor.get<Descriptor::MemAttr>()),
                   .forced_write_back = regime_.forced_write_back,
                   .shareability = format_.shareability_elsewhere()
                                       ? regime_.shareability
                                       : static_cast<std::uint8_t>(descriptor.get<Descriptor::SH>())}};
  }

  [[nodiscard]] DescriptorPlace at(std::uint64_t address, int level) const {
    return {.where = {.address = address & low_bits(regime_.truncate_bits),
                      .secure = table_.walk_secure,
                      .attributes = regime_.table_attributes},
            .big_endian = regime_.big_endian,
            .purpose = AccessPurpose::Stage2Table,
            .level = level};
  }

  [[nodiscard]] bool too_big(std::uint64_t address) const {
    return (address & ~low_bits(regime_.output_bits)) != 0;
  }

  bool fail(FaultKind kind, int level, std::uint64_t fetch_address = 0) {
    outcome_.ok = false;
    outcome_.fault = {.kind = kind,
                      .stage = 2,
                      .level = static_cast<std::uint8_t>(std::max(level, 0)),
                      .cls = ipa_.cls,
                      .table_write = ipa_.cls == FaultClass::Table && ipa_.access.write,
                      .ipa_non_secure = !ipa_.secure,
                      .ipa = ipa_.access.address,
                      .fetch_address = fetch_address};
    return true;
  }

  bool fail_update(const DescriptorPlace& place) {
    fail(FaultKind::ExternalWalk, place.level, place.where.address);
    outcome_.fault.table_write = true;
    return true;
  }

  const Stage2& regime_;
  const Stage2Table& table_;
  const IpaAccess& ipa_;
  const WalkContext& context_;
  DescriptorFormat format_;
  HardwareUpdate update_;
  Outcome outcome_{};
  DescriptorPlace changed_{};
};

}  // namespace

Outcome translate_ipa(const Stage2& regime, const IpaAccess& ipa, const WalkContext& context) {
  return Walk(regime, ipa, context).run();
}

Outcome translate_table_ipa(const Stage2& regime, const IpaAccess& ipa, const WalkContext& context) {
  if (context.tlb == nullptr) return translate_ipa(regime, ipa, context);
  const TlbTag tag = tag_of(ipa, context);
  if (const Mapping* known = context.tlb->lookup(tag, ipa.access.address)) {
    const bool mark = ipa.access.write && known->second.permissions.dirty_pending;
    if (stage2_allows(regime, known->second, ipa)) {
      if (!mark) return {.ok = true, .mapped = true, .mapping = *known};
    } else {
      return {.mapped = true,
              .mapping = *known,
              .fault = {.kind = FaultKind::Permission,
                        .stage = 2,
                        .level = known->second.level,
                        .cls = ipa.cls,
                        .table_write = ipa.cls == FaultClass::Table && ipa.access.write,
                        .ipa_non_secure = !ipa.secure,
                        .ipa = ipa.access.address}};
    }
  }
  const Outcome outcome = translate_ipa(regime, ipa, context);
  if (outcome.mapped) context.tlb->insert(tag, ipa.access.address, outcome.mapping);
  return outcome;
}

bool stage2_allows(const Stage2& regime, const Stage2Leaf& leaf, const IpaAccess& ipa) {
  if (ipa.cls != FaultClass::Input && regime.protected_walk && maps_device(regime, leaf)) return false;
  return stage2_permits(leaf.permissions, ipa.access);
}

bool maps_device(const Stage2& regime, const Stage2Leaf& leaf) {
  return is_device(
      through_stage2(normal_non_cacheable, leaf.attributes, leaf.shareability, regime.forced_write_back));
}

}  // namespace sidewinder::arch
