// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_TESTS_SUPPORT_SMMUV3_OUTCOME_H
#define SIDEWINDER_TESTS_SUPPORT_SMMUV3_OUTCOME_H

#include "iommu/smmuv3/transaction.h"

namespace sidewinder::test {

[[nodiscard]] inline bool same_record(const arch::Fault& a, const arch::Fault& b) {
  return a.kind == b.kind && a.stage == b.stage && a.level == b.level && a.cls == b.cls &&
         a.secure_stream == b.secure_stream && a.ssv == b.ssv && a.substream_id == b.substream_id &&
         a.table_write == b.table_write && a.ipa_non_secure == b.ipa_non_secure && a.ipa == b.ipa &&
         a.fetch_address == b.fetch_address && a.access.address == b.access.address &&
         a.access.stream_id == b.access.stream_id && a.access.write == b.access.write &&
         a.access.privileged == b.access.privileged && a.access.instruction == b.access.instruction;
}

/// The same for the client and in the event queue, whatever it took to find out.
[[nodiscard]] inline bool same_outcome(const smmuv3::Translation& a, const smmuv3::Translation& b) {
  if (a.action != b.action || a.recorded != b.recorded || a.fault.has_value() != b.fault.has_value())
    return false;
  if (a.action == smmuv3::Translation::Action::Forward)
    return a.output == b.output && a.attributes == b.attributes;
  return !a.fault || same_record(*a.fault, *b.fault);
}

}  // namespace sidewinder::test

#endif
