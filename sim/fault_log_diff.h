// SPDX-License-Identifier: Apache-2.0
//
// The difference between an expected fault log and a run's, line by line and field by field.

#ifndef SIDEWINDER_SIM_FAULT_LOG_DIFF_H
#define SIDEWINDER_SIM_FAULT_LOG_DIFF_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/fault_log.h"

namespace sidewinder::sim {

struct FieldDifference {
  KernelField expected;
  std::optional<KernelField> got;  ///< none: the line lacks it
};

/// One of: a line that differs (both), a missing line (expected only), an extra one (got only).
struct LineDifference {
  std::optional<KernelLine> expected;
  std::optional<KernelLine> got;
  std::vector<FieldDifference> fields;  ///< when both are there
};

/// Lines are paired so that the fewest fields differ; only lines of one kind are paired. The expected line
/// says what is compared: a field it leaves out (a time in `dmesg -t`, cbfrsynra in old kernels) is not.
[[nodiscard]] std::vector<LineDifference> compare_fault_logs(const std::vector<KernelLine>& expected,
                                                             const std::vector<KernelLine>& got);

/// For people: a count, then at most twenty differences. Empty when there is none.
[[nodiscard]] std::string describe(const std::vector<LineDifference>& differences,
                                   std::string_view expected_name);

}  // namespace sidewinder::sim

#endif
