# SPDX-License-Identifier: Apache-2.0
# Installs BUILD below WORK, builds SOURCE there with COMPILER and FLAGS, and compares what it prints.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK}/prefix ${WORK}/build)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component sidewinder)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -D CMAKE_PREFIX_PATH=${WORK}/prefix -D CMAKE_CXX_COMPILER=${COMPILER}
    "-DCMAKE_CXX_FLAGS=${FLAGS} -Wall -Wextra -Werror")
run(${CMAKE_COMMAND} --build ${WORK}/build)

execute_process(COMMAND ${WORK}/build/example RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_QUIET)
set(expected "write to 0x1010: done
write to 0x2010: aborted
event 0x10 of stream 5 at 0x2010
event 0x10 of stream 5 at 0x3010
write to 0x3010: done
in memory: 0x1111 0x3333
")
if(NOT result EQUAL 0 OR NOT output STREQUAL expected)
  message(FATAL_ERROR "exit status ${result}, and:\n${output}")
endif()
