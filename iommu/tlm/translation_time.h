// SPDX-License-Identifier: Apache-2.0
//
// From what a translation did to what it took.

#ifndef SIDEWINDER_IOMMU_TLM_TRANSLATION_TIME_H
#define SIDEWINDER_IOMMU_TLM_TRANSLATION_TIME_H

#include <systemc>

#include "iommu/smmuv3/transaction.h"
#include "iommu/tlm/smmuv3_timing.h"

namespace sidewinder::tlm_shell {

/// From the client's port to the output port, both included; `bytes` are those of one piece.
[[nodiscard]] sc_core::sc_time translation_time(const Smmuv3Timing& timing,
                                                const smmuv3::Translation& translation, bool write,
                                                unsigned bytes);

}  // namespace sidewinder::tlm_shell

#endif
