// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/context_table.h"

#include "iommu/smmuv3/attributes.h"
#include "iommu/smmuv3/ste.h"
#include "iommu/smmuv3/structure_fetch.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;

constexpr unsigned cd_shift = 6;
constexpr unsigned l1cd_shift = 3;

/// Where the CDs of a stream are: with 0 substream bits S1ContextPtr points to one CD, and S1Fmt is IGNORED.
struct TableShape {
  unsigned substream_bits = 0;
  unsigned leaf_bits = 0;  ///< of a two-level table: those that index a leaf table; 0: linear
};

TableShape shape_of(const Ste& ste, const Config& config) {
  TableShape shape;
  if (config.substream_id_bits == 0) return shape;
  shape.substream_bits = static_cast<unsigned>(ste.get<Ste::S1CDMax>());
  if (shape.substream_bits == 0) return shape;
  const auto format = static_cast<S1Fmt>(ste.get<Ste::S1Fmt>());
  if (format == S1Fmt::TwoLevel4K) shape.leaf_bits = 6;
  if (format == S1Fmt::TwoLevel64K) shape.leaf_bits = 10;
  return shape;
}

CdLookup failed(const arch::Fault& fault) {
  CdLookup lookup;
  lookup.fault = fault;
  return lookup;
}

CdLookup failed(arch::FaultKind kind, std::uint64_t fetch_address = 0) {
  arch::Fault fault;
  fault.kind = kind;
  fault.fetch_address = fetch_address;
  return failed(fault);
}

ContextFetchTranslator::Result reach(const arch::PortAccess& fetch, ContextFetchTranslator* stage2) {
  if (stage2 != nullptr) return stage2->translate(fetch);
  return {true, fetch, {}};
}

}  // namespace

SubstreamChoice choose_cd(const Ste& ste, const Config& config, std::optional<std::uint32_t> substream_id) {
  using Action = SubstreamChoice::Action;
  constexpr SubstreamChoice bad_substream{Action::Terminate, 0, arch::FaultKind::BadSubstreamId};
  constexpr SubstreamChoice disabled{Action::Terminate, 0, arch::FaultKind::StreamDisabled};

  if (!stage1_translates(ste)) return substream_id ? bad_substream : SubstreamChoice{};
  const unsigned bits = shape_of(ste, config).substream_bits;
  if (bits == 0) return substream_id ? bad_substream : SubstreamChoice{Action::UseCd};
  const auto without = static_cast<S1Dss>(ste.get<Ste::S1DSS>());
  if (substream_id) {
    if ((*substream_id >> bits) != 0) return bad_substream;
    if (*substream_id == 0 && without == S1Dss::Substream0) return disabled;
    return {Action::UseCd, *substream_id};
  }
  if (without == S1Dss::BypassStage1) return {};
  return without == S1Dss::Substream0 ? SubstreamChoice{Action::UseCd} : disabled;
}

arch::MemoryAttributes context_table_attributes(const Ste& ste) {
  return context_attributes(static_cast<std::uint8_t>(ste.get<Ste::S1CIR>()),
                            static_cast<std::uint8_t>(ste.get<Ste::S1COR>()),
                            static_cast<std::uint8_t>(ste.get<Ste::S1CSH>()));
}

CdLookup find_cd(const Ste& ste, const Config& config, SecurityState state, std::uint32_t cd_index,
                 ContextFetchTranslator* stage2, arch::MemoryPort& memory, arch::AccessLog& log) {
  const StructurePort port{memory, log, arch::AccessPurpose::ContextTable};
  const auto [substream_bits, leaf_bits] = shape_of(ste, config);
  arch::PortAccess fetch{ste.address<Ste::S1ContextPtr>(), state == SecurityState::Secure,
                         context_table_attributes(ste)};
  std::uint64_t index = cd_index;
  std::int8_t level = 1;

  if (leaf_bits != 0) {
    // What alignment makes RES0 is treated as zero, of S1ContextPtr (§5.2) and of L2Ptr.
    const unsigned l1_bits = substream_bits > leaf_bits ? substream_bits - leaf_bits : 0;
    fetch.address =
        (fetch.address & ~layout::low_bits(l1_bits + l1cd_shift)) + (index >> leaf_bits << l1cd_shift);
    const auto place = reach(fetch, stage2);
    if (!place.ok) return failed(place.fault);
    const auto word = read_word(port, place.access, level);
    if (!word) return failed(arch::FaultKind::CdFetch, place.access.address);

    const auto descriptor = L1cd::of(*word);
    const std::uint64_t leaf = descriptor.get<L1cd::L2Ptr>() << L1cd::L2Ptr::shift;
    const unsigned bits = stage2 != nullptr ? intermediate_bits(config) : config.output_bits;
    if (!descriptor.is_set<L1cd::V>() || (leaf & ~layout::low_bits(bits)) != 0)
      return failed(arch::FaultKind::BadSubstreamId);
    fetch.address = leaf & ~layout::low_bits(leaf_bits + cd_shift);
    index &= layout::low_bits(leaf_bits);
    level = 2;
  } else {
    fetch.address &= ~layout::low_bits(substream_bits + cd_shift);
  }

  fetch.address += index << cd_shift;
  const auto place = reach(fetch, stage2);
  if (!place.ok) return failed(place.fault);
  const auto words = read_structure(port, place.access, level);
  if (!words) return failed(arch::FaultKind::CdFetch, place.access.address);
  return {true, Cd::of(*words), {}};
}

}  // namespace sidewinder::smmuv3
