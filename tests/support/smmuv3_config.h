// SPDX-License-Identifier: Apache-2.0
//
// Configurations that tests start from.

#ifndef SIDEWINDER_TESTS_SUPPORT_SMMUV3_CONFIG_H
#define SIDEWINDER_TESTS_SUPPORT_SMMUV3_CONFIG_H

#include "iommu/smmuv3/config.h"

namespace sidewinder::test {

/// SMMUv3.minor with both stages, and only what its version requires.
inline smmuv3::Config plain_config(unsigned minor) {
  smmuv3::Config config;
  config.minor = minor;
  config.hypervisor = config.forced_write_back = config.range_invalidation = minor >= 2;
  config.bbml = minor >= 2 ? 1 : 0;
  config.xnx = config.hierarchy_disable = minor >= 1;
  config.e0pd = config.walk_device_as_normal = minor >= 3;
  config.small_tables = false;
  return config;
}

}  // namespace sidewinder::test

#endif
