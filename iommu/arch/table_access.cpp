// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/table_access.h"

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Descriptor;

std::uint64_t as_stored(std::uint64_t word, bool big_endian) {
  return big_endian ? __builtin_bswap64(word) : word;
}

void log(const DescriptorPlace& place, const PortResponse& response, bool write, const WalkContext& context) {
  if (context.log == nullptr) return;
  context.log->add({.address = place.where.address,
                    .latency_ps = response.latency_ps,
                    .level = static_cast<std::int8_t>(place.level),
                    .purpose = place.purpose,
                    .write = write});
}

}  // namespace

FetchedDescriptor fetch_descriptor(const DescriptorPlace& place, const WalkContext& context) {
  const PortResponse response = context.memory->read64(place.where);
  log(place, response, false, context);
  return {.ok = response.ok, .value = Descriptor::of(as_stored(response.data, place.big_endian))};
}

UpdateResult update_descriptor(const DescriptorPlace& place, Descriptor from, Descriptor to,
                               const WalkContext& context) {
  const std::uint64_t expected = as_stored(from.raw, place.big_endian);
  const PortResponse response =
      context.memory->compare_exchange64(place.where, expected, as_stored(to.raw, place.big_endian));
  log(place, response, true, context);
  if (!response.ok) return UpdateResult::Aborted;
  return response.data == expected ? UpdateResult::Done : UpdateResult::Changed;
}

}  // namespace sidewinder::arch
