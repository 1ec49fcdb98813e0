// SPDX-License-Identifier: Apache-2.0
//
// SMMUv2's register map as software sees it.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV2_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV2_H

#include "iommu/layout/smmuv2_context.h"
#include "iommu/layout/smmuv2_global.h"

#endif
