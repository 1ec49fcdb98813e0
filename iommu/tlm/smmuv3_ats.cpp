// SPDX-License-Identifier: Apache-2.0
//
// The ATS port of Smmuv3Module.

#include "iommu/tlm/smmuv3_module.h"

namespace sidewinder::tlm_shell {

smmuv3::AtsCompletion Smmuv3Module::translate_for_ats(const smmuv3::AtsRequest& request,
                                                      sc_core::sc_time& delay) {
  const CoreLock::Hold hold(lock_);
  interrupts_after_ = delay;
  const std::uint64_t spent_ps = memory_.spent_ps();
  smmuv3::AtsCompletion completion = core_.translate_for_ats(request);
  delay += sc_core::sc_time(static_cast<double>(memory_.spent_ps() - spent_ps), sc_core::SC_PS);
  completion.accesses = {};
  return completion;
}

void Smmuv3Module::page_request(const smmuv3::PageRequest& request) {
  const CoreLock::Hold hold(lock_);
  interrupts_after_ = sc_core::SC_ZERO_TIME;
  core_.page_request(request);
}

/// A CMD_SYNC may have waited for it.
void Smmuv3Module::end_atc_invalidation(smmuv3::SecurityState queue, bool timed_out) {
  const CoreLock::Hold hold(lock_);
  core_.end_atc_invalidation(queue, timed_out);
  ring_doorbell(sc_core::SC_ZERO_TIME);
}

}  // namespace sidewinder::tlm_shell
