# SPDX-License-Identifier: Apache-2.0
set(SIDEWINDER_DEVICE_TREE_SOURCES
    device_tree.cpp of_address.cpp of_dma.cpp of_iommu.cpp of_iommu_map.cpp of_irq.cpp of_node.cpp of_power.cpp
    of_reserved.cpp)
