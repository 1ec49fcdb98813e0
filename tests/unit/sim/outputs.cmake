# SPDX-License-Identifier: Apache-2.0
sidewinder_test(sim_text_test SOURCES text_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_report_json_test SOURCES report_json_test.cpp LIBS sidewinder_sim SYSTEMC)
target_compile_definitions(sim_report_json_test PRIVATE SIDEWINDER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
sidewinder_test(sim_report_table_test SOURCES report_table_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_fault_log_test SOURCES fault_log_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_fault_log_diff_test SOURCES fault_log_diff_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_output_directory_test SOURCES output_directory_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_cli_test SOURCES cli_test.cpp diagnostics_test.cpp LIBS sidewinder_sim SYSTEMC)
target_compile_definitions(sim_cli_test PRIVATE SIDEWINDER_CONFIGS="${PROJECT_SOURCE_DIR}/configs")
sidewinder_test(sim_packing_test SOURCES packing_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_process_pool_test SOURCES process_pool_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_comparison_test
  SOURCES compare_test.cpp comparison_json_test.cpp comparison_table_test.cpp comparison_test.cpp
          comparison_verdict_test.cpp
  LIBS sidewinder_sim SYSTEMC)
target_compile_definitions(sim_comparison_test PRIVATE SIDEWINDER_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                                       SIDEWINDER_CONFIGS="${PROJECT_SOURCE_DIR}/configs")
