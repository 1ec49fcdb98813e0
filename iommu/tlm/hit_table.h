// SPDX-License-Identifier: Apache-2.0
//
// What became of a TBU's recent hits, by the page of 4 KiB and all that a transaction carries: the next one
// like it goes the same way, as long as the SMMU says that nothing has changed (smmuv3::Hit).

#ifndef SIDEWINDER_IOMMU_TLM_HIT_TABLE_H
#define SIDEWINDER_IOMMU_TLM_HIT_TABLE_H

#include <array>
#include <cstddef>
#include <cstdint>

#include "iommu/smmuv3/transaction.h"
#include "iommu/tlm/output_attributes.h"
#include "models/attributes.h"

namespace sidewinder::tlm_shell {

class HitTable {
 public:
  struct Key {
    Key(const models::AccessAttributes& attributes, std::uint64_t address, bool write)
        : who(attributes.stream_id | std::uint64_t{attributes.substream_id} << 32),
          what((address & ~std::uint64_t{0xfff}) | (attributes.substream_valid ? 1U : 0U) |
               (attributes.secure ? 2U : 0U) | (attributes.privileged ? 4U : 0U) |
               (attributes.instruction ? 8U : 0U) | (write ? 16U : 0U) |
               static_cast<unsigned>(attributes.address_type) << 5) {}

    friend bool operator==(const Key&, const Key&) = default;

    std::uint64_t who;
    std::uint64_t what;
  };

  struct Entry {
    smmuv3::Hit hit{};
    std::uint64_t page = 0;  ///< where the output page begins
    OutputAttributes attributes{};
  };

  /// Of a transaction like the last one with this key, unless another took its place; or nullptr.
  [[nodiscard]] const Entry* find(const Key& key) const {
    const Slot& slot = slots_[place(key)];
    return slot.key == key && slot.entry.hit.epoch != 0 ? &slot.entry : nullptr;
  }
  void put(const Key& key, const Entry& entry) { slots_[place(key)] = {key, entry}; }

 private:
  struct Slot {
    Key key{{}, 0, false};
    Entry entry{};
  };

  [[nodiscard]] static std::size_t place(const Key& key) {
    return (key.what >> 12 ^ key.what >> 4 ^ (key.who * 0x9e37'79b9'7f4a'7c15) >> 56) % slots;
  }

  static constexpr std::size_t slots = 64;  ///< more than a micro-TLB has; whatever it is, time alone changes
  std::array<Slot, slots> slots_{};
};

}  // namespace sidewinder::tlm_shell

#endif
