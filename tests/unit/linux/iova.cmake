# SPDX-License-Identifier: Apache-2.0
sidewinder_test(iova_room_test SOURCES iova_room_test.cpp LIBS sidewinder_linux)
sidewinder_test(iova_search_test SOURCES iova_search_test.cpp LIBS sidewinder_linux)
sidewinder_test(iova_tree_test SOURCES iova_tree_test.cpp LIBS sidewinder_linux)
sidewinder_test(iova_rcache_test SOURCES iova_rcache_test.cpp LIBS sidewinder_linux)
sidewinder_test(iova_test SOURCES iova_test.cpp LIBS sidewinder_linux)
sidewinder_test(iova_query_test SOURCES iova_query_test.cpp LIBS sidewinder_linux)
sidewinder_test(iova_misuse_test SOURCES iova_misuse_test.cpp LIBS sidewinder_linux)
sidewinder_test(iova_video_sessions_test SOURCES video_sessions_test.cpp LIBS sidewinder_linux sidewinder_vpu_layout)
