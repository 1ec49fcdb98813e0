# SPDX-License-Identifier: Apache-2.0
add_library(sidewinder_dts_text STATIC ${PROJECT_SOURCE_DIR}/tests/support/dts_text.cpp)
target_link_libraries(sidewinder_dts_text PUBLIC sidewinder_linux PRIVATE sidewinder_options)

sidewinder_test(linux_device_tree_test SOURCES device_tree_test.cpp LIBS sidewinder_dts_text ${FDT_LIBRARY})
foreach(source of_address of_dma of_iommu of_iommu_map of_power of_reserved)
  sidewinder_test(linux_${source}_test SOURCES ${source}_test.cpp LIBS sidewinder_dts_text)
endforeach()
sidewinder_test(linux_of_device_test SOURCES of_device_test.cpp LIBS sidewinder_dts_text sidewinder_plain_machine)
