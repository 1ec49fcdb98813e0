// SPDX-License-Identifier: Apache-2.0
//
// What became of a TBU's recent hits, by the page of 4 KiB and all that a transaction carries: the next one
// like it goes the same way, as long as the SMMU says that nothing has changed (smmuv3::Hit).

#ifndef SIDEWINDER_IOMMU_TLM_HIT_TABLE_H
#define SIDEWINDER_IOMMU_TLM_HIT_TABLE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "iommu/smmuv3/transaction.h"
#include "iommu/tlm/output_attributes.h"
#include "models/attributes.h"

namespace sidewinder::tlm_shell {

class HitTable {
 public:
  struct Entry {
    smmuv3::Hit hit{};
    std::uint64_t page = 0;  ///< where the output page begins
    OutputAttributes attributes{};
  };

  /// Of a transaction like the last one of these attributes in this page, unless another took its place; or
  /// nullptr.
  [[nodiscard]] const Entry* find(const models::AccessAttributes& attributes, std::uint64_t address,
                                  bool write) const {
    const Slot& slot = slots_[place(attributes, address)];
    return slot.where == where(address, write) && equal(slot.attributes, attributes) ? &slot.entry : nullptr;
  }
  void put(const models::AccessAttributes& attributes, std::uint64_t address, bool write,
           const Entry& entry) {
    slots_[place(attributes, address)] = {where(address, write), attributes, entry};
  }

 private:
  static constexpr std::uint64_t nowhere = ~std::uint64_t{0};

  struct Slot {
    std::uint64_t where = nowhere;
    models::AccessAttributes attributes{};
    Entry entry{};
  };

  /// The page, and which of the two accesses.
  [[nodiscard]] static std::uint64_t where(std::uint64_t address, bool write) {
    return address >> 12 << 1 | (write ? 1U : 0U);
  }
  /// As ==, in fewer steps.
  [[nodiscard]] static bool equal(const models::AccessAttributes& one,
                                  const models::AccessAttributes& other) {
    using All = models::AccessAttributes;
    constexpr std::size_t flags = offsetof(All, substream_valid);
    static_assert(offsetof(All, address_type) == flags + 4);
    std::uint32_t its = 0, others = 0;
    std::memcpy(&its, &one.substream_valid, sizeof its);
    std::memcpy(&others, &other.substream_valid, sizeof others);
    return one.stream_id == other.stream_id && one.substream_id == other.substream_id && its == others &&
           one.address_type == other.address_type;
  }
  [[nodiscard]] static std::size_t place(const models::AccessAttributes& attributes, std::uint64_t address) {
    const std::uint32_t stream = attributes.stream_id * 0x9e37'79b1U >> 24;
    return (address >> 12 ^ stream ^ attributes.substream_id) % slots;
  }

  static constexpr std::size_t slots = 64;  ///< more than a micro-TLB has; whatever it is, time alone changes
  std::array<Slot, slots> slots_{};
};

}  // namespace sidewinder::tlm_shell

#endif
