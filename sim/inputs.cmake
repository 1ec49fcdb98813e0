# SPDX-License-Identifier: Apache-2.0
set(SIDEWINDER_SIM_INPUT_SOURCES board.cpp dts.cpp policy.cpp policy_tree.cpp profile.cpp scenario.cpp
                                 table_reader.cpp toml_document.cpp tree_writer.cpp units.cpp)
