# SPDX-License-Identifier: Apache-2.0
set(SIDEWINDER_IOVA_SOURCES iova.cpp iova_query.cpp iova_rcache.cpp iova_search.cpp iova_tree.cpp)
