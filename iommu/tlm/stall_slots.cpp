// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/stall_slots.h"

#include <algorithm>

namespace sidewinder::tlm_shell {
namespace {

constexpr unsigned use_shift = 32;

}  // namespace

class StallSlots::Stay {
 public:
  Stay(StallSlots& all, Tbu& tbu, std::uint32_t index)
      : all_(all), tbu_(tbu), slot_(all.slots_[index]), index_(index) {
    tbu_.free.pop_back();
    if (tbu_.free.empty()) ++all_.full_;
    slot_.waiting = true;
  }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;
  ~Stay() {
    ++slot_.use;
    slot_.waiting = false;
    if (tbu_.free.empty()) --all_.full_;
    tbu_.free.push_back(index_);
    tbu_.freed.notify(sc_core::SC_ZERO_TIME);
  }

 private:
  StallSlots& all_;
  Tbu& tbu_;
  Slot& slot_;
  std::uint32_t index_;
};

StallSlots::StallSlots(unsigned tbus, unsigned slots_per_tbu)
    : slots_(std::size_t{tbus} * slots_per_tbu), tbus_(tbus), per_tbu_(slots_per_tbu) {
  for (unsigned tbu = 0; tbu < tbus; ++tbu)
    for (unsigned slot = slots_per_tbu; slot-- != 0;) tbus_[tbu].free.push_back(tbu * slots_per_tbu + slot);
}

std::uint64_t StallSlots::next(unsigned tbu) const {
  const std::uint32_t index = tbus_[tbu].free.back();
  return std::uint64_t{slots_[index].use} << use_shift | index;
}

smmuv3::Resumption StallSlots::wait_in(unsigned tbu, std::uint64_t token) {
  const auto index = static_cast<std::uint32_t>(token);
  Slot& slot = slots_[index];
  const Stay stay(*this, tbus_[tbu], index);
  tbus_[tbu].most = std::max(tbus_[tbu].most, stalled(tbu));
  while (slot.waiting) sc_core::wait(slot.answered);
  return slot.how;
}

void StallSlots::resume(std::uint64_t token, smmuv3::Resumption how) {
  const auto index = static_cast<std::uint32_t>(token);
  if (index >= slots_.size()) return;
  Slot& slot = slots_[index];
  if (!slot.waiting || slot.use != token >> use_shift) return;
  slot.how = how;
  slot.waiting = false;
  slot.answered.notify(sc_core::SC_ZERO_TIME);
}

unsigned StallSlots::stalled(unsigned tbu) const {
  return per_tbu_ - static_cast<unsigned>(tbus_[tbu].free.size());
}

}  // namespace sidewinder::tlm_shell
