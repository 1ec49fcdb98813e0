# SPDX-License-Identifier: Apache-2.0
set(SIDEWINDER_DEVICE_TREE_SOURCES device_tree.cpp)
