# SPDX-License-Identifier: Apache-2.0
sidewinder_test(sim_text_test SOURCES text_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_report_json_test SOURCES report_json_test.cpp LIBS sidewinder_sim SYSTEMC)
target_compile_definitions(sim_report_json_test PRIVATE SIDEWINDER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
sidewinder_test(sim_report_table_test SOURCES report_table_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_fault_log_test SOURCES fault_log_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_fault_log_diff_test SOURCES fault_log_diff_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_output_directory_test SOURCES output_directory_test.cpp LIBS sidewinder_sim SYSTEMC)
sidewinder_test(sim_cli_test SOURCES cli_test.cpp diagnostics_test.cpp LIBS sidewinder_sim SYSTEMC)
