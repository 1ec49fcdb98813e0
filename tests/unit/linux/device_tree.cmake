# SPDX-License-Identifier: Apache-2.0
sidewinder_test(linux_device_tree_test SOURCES device_tree_test.cpp LIBS sidewinder_linux ${FDT_LIBRARY})
