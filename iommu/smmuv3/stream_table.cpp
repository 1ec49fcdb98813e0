// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/stream_table.h"

#include <algorithm>

#include "iommu/smmuv3/attributes.h"
#include "iommu/smmuv3/structure_fetch.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;

constexpr unsigned ste_shift = 6;
constexpr unsigned l1std_shift = 3;
constexpr std::uint32_t two_level_format = 1;

unsigned effective_split(const STRTAB_BASE_CFG& format) {
  const std::uint32_t split = format.get<STRTAB_BASE_CFG::SPLIT>();
  return split == 8 || split == 10 ? split : 6;
}

/// §6.3.73 has SMMU_IDR1.SIDSIZE for the Secure table too; §6.3.53 gives it a size of its own.
unsigned effective_size(const StreamTable& table, const Config& config) {
  const unsigned implemented =
      table.state == SecurityState::Secure ? config.secure_stream_id_bits : config.stream_id_bits;
  return std::min(table.format.get<STRTAB_BASE_CFG::LOG2SIZE>(), implemented);
}

/// STRTAB_BASE.ADDR, aligned to a table of 2^`table_shift` bytes, at least 64. LOG2SIZE counts as it was
/// written, however many StreamIDs there are.
std::uint64_t aligned_base(const StreamTable& table, unsigned table_shift) {
  const std::uint64_t address = table.base.get<STRTAB_BASE::ADDR>() << STRTAB_BASE::ADDR::shift;
  return address & ~layout::low_bits(table_shift);
}

SteLookup bad_stream_id() {
  SteLookup lookup;
  lookup.fault.kind = arch::FaultKind::BadStreamId;
  return lookup;
}

SteLookup fetch_failed(std::uint64_t address) {
  SteLookup lookup;
  lookup.fault.kind = arch::FaultKind::SteFetch;
  lookup.fault.fetch_address = address;
  return lookup;
}

bool out_of_range(std::uint64_t address, const Config& config) {
  return (address & ~layout::low_bits(config.output_bits)) != 0;
}

}  // namespace

arch::MemoryAttributes stream_table_attributes(const StreamTable& table) {
  return structure_attributes(static_cast<std::uint8_t>(table.cr1.get<CR1::TABLE_IC>()),
                              static_cast<std::uint8_t>(table.cr1.get<CR1::TABLE_OC>()),
                              static_cast<std::uint8_t>(table.cr1.get<CR1::TABLE_SH>()),
                              table.base.is_set<STRTAB_BASE::RA>(), false);
}

SteLookup find_ste(const StreamTable& table, const Config& config, std::uint32_t stream_id,
                   arch::MemoryPort& memory, arch::AccessLog& log) {
  if ((std::uint64_t{stream_id} >> effective_size(table, config)) != 0) return bad_stream_id();

  const StructurePort port{memory, log, arch::AccessPurpose::StreamTable};
  arch::PortAccess access{0, table.state == SecurityState::Secure, stream_table_attributes(table)};
  const unsigned log2size = table.format.get<STRTAB_BASE_CFG::LOG2SIZE>();
  std::int8_t level = 1;

  if (config.two_level_stream_table && table.format.get<STRTAB_BASE_CFG::FMT>() == two_level_format) {
    const unsigned split = effective_split(table.format);
    const unsigned table_shift = log2size > split ? log2size - split + l1std_shift : 0;
    access.address = aligned_base(table, table_shift) + (std::uint64_t{stream_id >> split} << l1std_shift);
    if (out_of_range(access.address, config)) return fetch_failed(access.address);
    const auto word = read_word(port, access, level);
    if (!word) return fetch_failed(access.address);

    const auto descriptor = L1std::of(*word);
    const auto span = static_cast<unsigned>(descriptor.get<L1std::Span>());
    if (span == 0 || span > split + 1) return bad_stream_id();  // the reserved values are beyond every SPLIT
    const std::uint64_t index = stream_id & layout::low_bits(split);
    if ((index >> (span - 1)) != 0) return bad_stream_id();
    const std::uint64_t array = descriptor.get<L1std::L2Ptr>() << L1std::L2Ptr::shift;
    access.address = (array & ~layout::low_bits(ste_shift + span - 1)) + (index << ste_shift);
    level = 2;
  } else {
    access.address = aligned_base(table, log2size + ste_shift) + (std::uint64_t{stream_id} << ste_shift);
  }

  if (out_of_range(access.address, config)) return fetch_failed(access.address);
  const auto words = read_structure(port, access, level);
  if (!words) return fetch_failed(access.address);
  return {true, Ste::of(*words), {}};
}

}  // namespace sidewinder::smmuv3
