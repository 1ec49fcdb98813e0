// SPDX-License-Identifier: Apache-2.0
//
// The SMMUv3 that Linux 6.1's traffic was recorded on (tests/data/README.md).

#ifndef SIDEWINDER_TESTS_SUPPORT_RECORDED_SMMUV3_H
#define SIDEWINDER_TESTS_SUPPORT_RECORDED_SMMUV3_H

#include "iommu/smmuv3/config.h"

namespace sidewinder::test {

/// Its IDR0, 1, 3, 5 and AIDR are held against the recording in
/// tests/conformance/smmuv3/linux_traffic_test.cpp.
inline smmuv3::Config recorded_smmuv3() {
  smmuv3::Config config;
  config.minor = 1;
  config.substream_id_bits = 0;
  config.two_level_cd_table = false;
  config.stage2 = config.hypervisor = config.secure = config.aarch32 = false;
  config.output_bits = 44;
  config.vmid16 = false;
  config.endianness = smmuv3::TableEndianness::Little;
  config.httu = smmuv3::Httu::None;
  config.small_tables = config.xnx = config.e0pd = config.forced_write_back = false;
  config.walk_device_as_normal = config.override_types = config.override_permissions = false;
  config.stall_model = smmuv3::StallModel::NoStall;
  config.stall_max = 0;
  config.always_abort = true;
  config.msi = false;
  config.command_queue_bits = config.event_queue_bits = 19;
  config.pri_queue_bits = 0;
  return config;
}

}  // namespace sidewinder::test

#endif
