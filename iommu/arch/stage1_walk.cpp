// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/stage1_walk.h"

#include <algorithm>

#include "iommu/arch/descriptor_format.h"
#include "iommu/arch/memory_attributes.h"
#include "iommu/arch/permissions.h"
#include "iommu/arch/stage2_walk.h"
#include "iommu/arch/table_access.h"
#include "iommu/arch/walk_cache.h"

namespace sidewinder::arch {
namespace {

using layout::low_bits;
using layout::vmsa64::Descriptor;

constexpr unsigned descriptor_bytes = 8;

class Walk {
 public:
  Walk(const Stage1& regime, const Stage2* stage2, const Access& access, const WalkContext& context)
      : regime_(regime),
        stage2_(stage2),
        access_(access),
        context_(context),
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
    // VMSAv8-64 reports both at level 0, VMSAv8-32 at level 1 (IHI 0062 §16.5.11; AArch32.S1WalkLD).
    const int first_level = regime_.format == TableFormat::Lpae ? 1 : 0;
    const Ttb* ttb = select_ttb(regime_, access_.address);
    if (ttb == nullptr || ttb->walk_disabled || stopped_by_e0pd(regime_, access_))
      return fail(FaultKind::Translation, first_level);

    const DescriptorFormat format(ttb->granule, regime_.lpa, regime_.lpa2);
    const unsigned input_bits = regime_.format == TableFormat::Lpae ? 32U - (ttb->tsz & 7U) : 64U - ttb->tsz;
    if (input_bits <= format.page_shift()) return fail(FaultKind::Translation, first_level);
    int level =
        4 - static_cast<int>((input_bits - format.page_shift() + format.stride() - 1) / format.stride());
    if (too_big(ttb->base)) return fail(FaultKind::AddressSize, 0);

    unsigned index_bits = input_bits - format.shift(level);
    std::uint64_t table = root_table(ttb->base, index_bits, regime_.output_bits);
    bool secure = regime_.secure && !ttb->non_secure_table;
    Permissions permissions = all_permissions;
    if (const CachedTable* known = cached(format)) {
      table = known->table;
      level = static_cast<int>(known->level);
      secure = known->secure;
      permissions = known->restrictions;
      index_bits = format.stride();
    }
    for (;; ++level) {
      const std::uint64_t index = access_.address >> format.shift(level) & low_bits(index_bits);
      const std::uint64_t entry = table + index * descriptor_bytes;
      DescriptorPlace place;
      if (!reach(entry, secure, level, *ttb, false, place)) return true;
      const FetchedDescriptor fetched = fetch_descriptor(place, context_);
      if (!fetched.ok) return fail(FaultKind::ExternalWalk, level, place.where.address);
      switch (format.kind(fetched.value, level)) {
        case DescriptorKind::Invalid:
          return fail(FaultKind::Translation, level);
        case DescriptorKind::Leaf:
          return leaf({format, *ttb, place, entry, fetched.value, input_bits, secure, permissions});
        case DescriptorKind::Table:
          break;
      }
      table = format.table(fetched.value);
      if (too_big(table)) return fail(FaultKind::AddressSize, level);
      if (!ttb->hierarchy_disabled) restrict_by_table(permissions, fetched.value);
      secure = secure && !fetched.value.is_set<Descriptor::NSTable>();
      index_bits = format.stride();
      keep(format, {.table = table, .level = level + 1, .secure = secure, .restrictions = permissions});
    }
  }

  [[nodiscard]] const CachedTable* cached(const DescriptorFormat& format) const {
    if (context_.stage1_tables == nullptr) return nullptr;
    const CachedTable* known =
        context_.stage1_tables->lookup(context_.tag, canonical_va(regime_, access_.address));
    return known != nullptr && known->granule == format.granule() ? known : nullptr;
  }

  void keep(const DescriptorFormat& format, CachedTable table) const {
    if (context_.stage1_tables == nullptr) return;
    table.granule = format.granule();
    table.input_shift = static_cast<std::uint8_t>(format.shift(table.level) + format.stride());
    context_.stage1_tables->insert(context_.tag, canonical_va(regime_, access_.address), table);
  }

  struct Found {
    const DescriptorFormat& format;
    const Ttb& ttb;
    const DescriptorPlace& place;
    std::uint64_t entry;  ///< where the descriptor lies: an IPA, with stage 2
    Descriptor descriptor;
    unsigned input_bits;
    bool secure;  ///< fetched from the Secure address space
    Permissions permissions;
  };

  bool leaf(const Found& found) {
    const int level = found.place.level;
    const Descriptor descriptor = found.descriptor;
    if (too_big(found.format.output(descriptor, level, access_.address)))
      return fail(FaultKind::AddressSize, level);
    const bool accessed = descriptor.is_set<Descriptor::AF>();
    if (!accessed && !update_.access_flag && !regime_.access_flag_fault_disabled)
      return fail(FaultKind::AccessFlag, level);

    outcome_.mapping = map(found);
    Permissions& permissions = outcome_.mapping.first.permissions;
    const bool flag_due = !accessed && update_.access_flag;
    if (!stage1_permits(regime_, permissions, access_) ||
        stopped_by_sif(regime_, outcome_.mapping.output_secure, access_)) {
      // Whether AF is set then is UNKNOWN (IHI 0070 §3.13.2): it is not, and so nothing may be cached.
      outcome_.mapped = stage2_ == nullptr && !flag_due;
      return fail(FaultKind::Permission, level);
    }

    Descriptor updated = descriptor;
    if (flag_due) updated.set<Descriptor::AF>(1);
    if (access_.write && permissions.dirty_pending) {
      updated.set<Descriptor::AP2>(0);
      permissions.read_only = permissions.dirty_pending = false;
    }
    if (updated.raw != descriptor.raw && !context_.inhibit_update) {
      // The update is an access of its own to the descriptor, a write (IHI 0070 §3.13.5).
      DescriptorPlace place;
      if (!reach(found.entry, found.secure, level, found.ttb, true, place)) return true;
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

  [[nodiscard]] Mapping map(const Found& found) const {
    const Descriptor descriptor = found.descriptor;
    const int level = found.place.level;
    const DescriptorFormat& format = found.format;
    // Each descriptor of a run has flags of its own to keep.
    const bool whole_runs = regime_.contiguous_hint && !update_.access_flag;
    const unsigned size = format.size_shift(descriptor, level, access_.address, found.input_bits,
                                            regime_.output_bits, whole_runs);
    Permissions permissions = found.permissions;
    restrict_by_leaf(permissions, regime_, descriptor);
    return {.output = format.output(descriptor, level, access_.address) & ~low_bits(size) &
                      low_bits(stage2_ == nullptr ? regime_.truncate_bits : std::uint8_t{64}),
            .size_shift = static_cast<std::uint8_t>(size),
            .stage1 = true,
            .output_secure = found.secure && !descriptor.is_set<Descriptor::NS>(),
            .first = {.permissions = permissions,
                      .level = static_cast<std::uint8_t>(level),
                      .granule = found.ttb.granule,
                      .attributes = static_cast<std::uint8_t>(regime_.mair >>
                                                              (8 * descriptor.get<Descriptor::AttrIndx>())),
                      .shareability = format.shareability_elsewhere()
                                          ? found.ttb.shareability
                                          : static_cast<std::uint8_t>(descriptor.get<Descriptor::SH>()),
                      .global = global(found)}};
  }

  /// A Secure stream's entry that was read from Non-secure memory counts as nG (IHI 0070 §3.10.2.2, §3.17.1).
  [[nodiscard]] bool global(const Found& found) const {
    return regime_.two_halves && !found.descriptor.is_set<Descriptor::nG>() &&
           (found.secure || !regime_.secure);
  }

  /// Where a descriptor is in physical memory; false when stage 2 has it otherwise.
  bool reach(std::uint64_t entry, bool secure, int level, const Ttb& ttb, bool write,
             DescriptorPlace& place) {
    place = {.where = {.address = entry & low_bits(regime_.truncate_bits),
                       .secure = secure,
                       .attributes = ttb.table_attributes},
             .big_endian = regime_.big_endian,
             .purpose = AccessPurpose::Stage1Table,
             .level = level};
    if (stage2_ == nullptr) return true;
    // Whatever the transaction is, the access is to data.
    const IpaAccess ipa{.access = {.address = entry, .write = write, .privileged = true},
                        .secure = secure,
                        .cls = FaultClass::Table};
    const Outcome outcome = translate_table_ipa(*stage2_, ipa, context_);
    if (!outcome.ok) {
      outcome_ = {.fault = outcome.fault};
      return false;
    }
    const Mapping& mapping = outcome.mapping;
    place.where = {.address = mapping.output | (entry & low_bits(mapping.size_shift)),
                   .secure = mapping.output_secure,
                   .attributes = walk_through_stage2(ttb.table_attributes, mapping.second.attributes,
                                                     mapping.second.shareability, stage2_->forced_write_back,
                                                     stage2_->walk_device_as_normal)};
    return true;
  }

  [[nodiscard]] bool too_big(std::uint64_t address) const {
    return (address & ~low_bits(regime_.output_bits)) != 0;
  }

  bool fail(FaultKind kind, int level, std::uint64_t fetch_address = 0) {
    outcome_.ok = false;
    outcome_.fault = {.kind = kind,
                      .stage = 1,
                      .level = static_cast<std::uint8_t>(std::max(level, 0)),
                      .cls = kind == FaultKind::ExternalWalk ? FaultClass::Table : FaultClass::Input,
                      .fetch_address = fetch_address};
    return true;
  }

  bool fail_update(const DescriptorPlace& place) {
    fail(FaultKind::ExternalWalk, place.level, place.where.address);
    outcome_.fault.table_write = true;
    return true;
  }

  const Stage1& regime_;
  const Stage2* stage2_;
  const Access& access_;
  const WalkContext& context_;
  HardwareUpdate update_;
  Outcome outcome_{};
  DescriptorPlace changed_{};
};

}  // namespace

Outcome translate_va(const Stage1& regime, const Stage2* stage2, const Access& access,
                     const WalkContext& context) {
  return Walk(regime, stage2, access, context).run();
}

}  // namespace sidewinder::arch
