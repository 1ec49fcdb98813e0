# SPDX-License-Identifier: Apache-2.0
# PlainMachine needs the sparse memory without the rest of models/, which is SystemC.
add_library(sidewinder_plain_machine STATIC ${PROJECT_SOURCE_DIR}/tests/support/plain_machine.cpp
                                            ${PROJECT_SOURCE_DIR}/models/sparse_store.cpp)
target_link_libraries(sidewinder_plain_machine PUBLIC sidewinder_linux sidewinder_smmuv2 PRIVATE sidewinder_options)

sidewinder_test(linux_log_test SOURCES log_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_page_allocator_test SOURCES page_allocator_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_io_pgtable_test SOURCES io_pgtable_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_io_pgtable_random_test SOURCES io_pgtable_random_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_arm_smmu_probe_test SOURCES arm_smmu_probe_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_arm_smmu_test SOURCES arm_smmu_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_dma_domain_test SOURCES dma_domain_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_dma_test SOURCES dma_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_kernel_version_test SOURCES kernel_version_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_dma_init_test SOURCES dma_init_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_dma_iova_test SOURCES dma_iova_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_dma_mask_test SOURCES dma_mask_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_dma_streaming_test SOURCES dma_streaming_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_flush_queue_test SOURCES flush_queue_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_dma_sg_test SOURCES dma_sg_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_swiotlb_test SOURCES swiotlb_test.cpp LIBS sidewinder_plain_machine)
sidewinder_test(linux_recording_bus_test SOURCES recording_bus_test.cpp LIBS sidewinder_plain_machine)
