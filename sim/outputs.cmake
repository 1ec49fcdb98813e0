# SPDX-License-Identifier: Apache-2.0
# What the user sees: reports, logs, the command line. Paths are relative to this folder.
configure_file(${CMAKE_CURRENT_LIST_DIR}/version.cpp.in ${CMAKE_CURRENT_BINARY_DIR}/version.cpp @ONLY)
set(SIDEWINDER_SIM_OUTPUT_SOURCES
    cli.cpp
    cli_help.cpp
    cli_options.cpp
    compare.cpp
    comparison.cpp
    comparison_table.cpp
    comparison_verdict.cpp
    diagnostics.cpp
    fault_log.cpp
    fault_log_diff.cpp
    output_directory.cpp
    process_pool.cpp
    report_json.cpp
    report_table.cpp
    text.cpp
    ${CMAKE_CURRENT_BINARY_DIR}/version.cpp)
set(SIDEWINDER_SIM_OUTPUT_LIBS Boost::program_options spdlog::spdlog nlohmann_json::nlohmann_json)
