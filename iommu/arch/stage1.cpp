// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/stage1.h"

#include <algorithm>

namespace sidewinder::arch {
namespace {

using layout::low_bits;
using layout::vmsa64::Descriptor;

constexpr std::uint8_t min_tsz = 16;
constexpr std::uint8_t max_tsz = 39;
constexpr unsigned descriptor_bytes = 8;

/// Which half an address belongs to, or nullptr when it lies in the hole between them. The sign bit chooses:
/// bit 63, or bit 55 where the top byte is ignored.
const Ttb* select_ttb(const Stage1& regime, std::uint64_t address) {
  const bool upper = (address >> 55 & 1) != 0;
  const Ttb& ttb = regime.ttb[upper ? 1 : 0];
  // Outside 16-39 the behaviour is IMPLEMENTATION DEFINED: here no address is in range.
  if (ttb.tsz < min_tsz || ttb.tsz > max_tsz) return nullptr;
  const unsigned top = ttb.top_byte_ignored ? 56 : 64;
  const unsigned input_bits = 64U - ttb.tsz;
  const std::uint64_t checked = low_bits(top) & ~low_bits(input_bits);
  return (address & checked) == (upper ? checked : 0) ? &ttb : nullptr;
}

std::uint64_t byte_swap(std::uint64_t value) {
  return __builtin_bswap64(value);
}

Walk fault(Walk walk, FaultKind kind, unsigned level) {
  walk.ok = false;
  walk.fault = kind;
  walk.level = static_cast<std::uint8_t>(level);
  return walk;
}

/// Hierarchical attributes (DDI 0487 "Hierarchical control of data access permissions"): a table can only
/// take away.
void restrict_by_table(Permissions& permissions, Descriptor table) {
  permissions.read_only |= table.is_set<Descriptor::APTable1>();
  permissions.unprivileged &= !table.is_set<Descriptor::APTable0>();
  permissions.pxn |= table.is_set<Descriptor::PXNTable>();
  permissions.uxn |= table.is_set<Descriptor::UXNTable>();
}

void restrict_by_leaf(Permissions& permissions, Descriptor leaf) {
  permissions.read_only |= leaf.is_set<Descriptor::AP2>();
  permissions.unprivileged &= leaf.is_set<Descriptor::AP1>();
  permissions.pxn |= leaf.is_set<Descriptor::PXN>();
  permissions.uxn |= leaf.is_set<Descriptor::UXN>();
}

}  // namespace

Walk walk_stage1(const Stage1& regime, std::uint64_t address, MemoryPort& memory) {
  using namespace layout::vmsa64;

  Walk walk;
  const Ttb* ttb = select_ttb(regime, address);
  // Both are reported at level 0 (IHI 0062 §16.5.11, "Faults and translation table level association").
  if (ttb == nullptr || ttb->walk_disabled) return fault(walk, FaultKind::Translation, 0);

  const unsigned stride = bits_per_level(ttb->granule);
  const unsigned input_bits = 64U - ttb->tsz;
  unsigned level = 4 - (input_bits - page_shift(ttb->granule) + stride - 1) / stride;

  const std::uint64_t too_big = low_bits(48) & ~low_bits(regime.output_bits);
  const std::uint64_t root = ttb->base & low_bits(48);
  if ((root & too_big) != 0) return fault(walk, FaultKind::AddressSize, 0);

  // The first table resolves what is left over by the full levels below it, and is aligned to its own size.
  const unsigned root_index_bits = input_bits - level_shift(ttb->granule, level);
  std::uint64_t table = root & ~low_bits(root_index_bits + 3);
  unsigned index_bits = root_index_bits;
  Permissions permissions{.unprivileged = true, .read_only = false, .pxn = false, .uxn = false};

  for (;; ++level) {
    const unsigned shift = level_shift(ttb->granule, level);
    const std::uint64_t index = address >> shift & low_bits(index_bits);
    const std::uint64_t entry = table + index * descriptor_bytes;
    const PortResponse response = memory.read64(entry);
    walk.accesses[walk.access_count++] = {entry, response.latency_ps, static_cast<std::uint8_t>(level)};
    if (!response.ok) return fault(walk, FaultKind::ExternalWalk, level);

    const auto descriptor = Descriptor::of(regime.big_endian ? byte_swap(response.data) : response.data);
    if (!descriptor.is_set<Descriptor::Valid>()) return fault(walk, FaultKind::Translation, level);

    const bool table_or_page = descriptor.is_set<Descriptor::Type>();
    if (table_or_page ? false : level == 3 || !block_allowed(ttb->granule, level))
      return fault(walk, FaultKind::Translation, level);

    if (table_or_page && level < 3) {
      table = descriptor.raw & low_bits(48) & ~low_bits(page_shift(ttb->granule));
      if ((table & too_big) != 0) return fault(walk, FaultKind::AddressSize, level);
      restrict_by_table(permissions, descriptor);
      index_bits = stride;
      continue;
    }

    const std::uint64_t output = descriptor.raw & low_bits(48) & ~low_bits(shift);
    if ((output & too_big) != 0) return fault(walk, FaultKind::AddressSize, level);
    if (!descriptor.is_set<Descriptor::AF>() && !regime.access_flag_fault_disabled)
      return fault(walk, FaultKind::AccessFlag, level);

    restrict_by_leaf(permissions, descriptor);
    walk.ok = true;
    walk.level = static_cast<std::uint8_t>(level);
    walk.leaf = {
        .output = output,
        .size_shift = static_cast<std::uint8_t>(shift),
        .level = static_cast<std::uint8_t>(level),
        .permissions = permissions,
        .attributes = static_cast<std::uint8_t>(regime.mair >> (8 * descriptor.get<Descriptor::AttrIndx>())),
        .shareability = static_cast<std::uint8_t>(descriptor.get<Descriptor::SH>()),
        .global = !descriptor.is_set<Descriptor::nG>()};
    return walk;
  }
}

bool permitted(const Permissions& permissions, const Access& access, bool write_execute_never) {
  const bool unprivileged_write = permissions.unprivileged && !permissions.read_only;
  const bool write = access.privileged ? !permissions.read_only : unprivileged_write;
  if (access.write) return write;
  if (!access.instruction) return access.privileged || permissions.unprivileged;

  const bool never = (write && write_execute_never) ||
                     (access.privileged ? permissions.pxn || unprivileged_write : permissions.uxn);
  return !never;
}

}  // namespace sidewinder::arch
