// SPDX-License-Identifier: Apache-2.0
//
// Power of Smmuv3Module.

#include "iommu/tlm/smmuv3_module.h"

namespace sidewinder::tlm_shell {

void Smmuv3Module::set_power(bool on) {
  const CoreLock::Hold hold(lock_);
  core_.set_power(on);
  if (on) return;
  for (PulseLine* line : {&event_queue_line_, &command_sync_line_, &global_error_line_,
                          &page_request_queue_line_, &secure_event_queue_line_, &secure_command_sync_line_,
                          &secure_global_error_line_, &combined_line_, &wake_up_line_})
    line->drop();
}

}  // namespace sidewinder::tlm_shell
