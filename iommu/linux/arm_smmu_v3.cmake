# SPDX-License-Identifier: Apache-2.0
set(SIDEWINDER_ARM_SMMU_V3_SOURCES
    arm_smmu_v3.cpp arm_smmu_v3_cd.cpp arm_smmu_v3_cmdq.cpp arm_smmu_v3_commands.cpp arm_smmu_v3_domain.cpp
    arm_smmu_v3_events.cpp arm_smmu_v3_power.cpp arm_smmu_v3_probe.cpp arm_smmu_v3_queue.cpp arm_smmu_v3_reset.cpp
    arm_smmu_v3_strtab.cpp arm_smmu_v3_tlb.cpp)
