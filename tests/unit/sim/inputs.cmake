# SPDX-License-Identifier: Apache-2.0
sidewinder_test(sim_inputs_test
  SOURCES board_test.cpp dts_test.cpp policy_tree_test.cpp profile_test.cpp scenario_test.cpp table_reader_test.cpp
          toml_document_test.cpp units_test.cpp
  LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_host_test SOURCES host_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_smmuv3_power_test SOURCES smmuv3_power_test.cpp ../../support/tlm_ends.cpp LIBS sidewinder_sim SYSTEMC)
target_compile_definitions(sim_inputs_test PRIVATE SIDEWINDER_CONFIGS="${PROJECT_SOURCE_DIR}/configs")
