# SPDX-License-Identifier: MIT
#
# cmake -DPROGRAM=... -DEXPECTED=... -P same_output.cmake: runs the program; fails unless it prints the text of the file.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${PROGRAM}" OUTPUT_VARIABLE given RESULT_VARIABLE status)
file(READ "${EXPECTED}" expected)
string(STRIP "${given}" given)
string(STRIP "${expected}" expected)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM}: exit status ${status}")
endif()
if(NOT given STREQUAL expected)
  message(FATAL_ERROR "${PROGRAM}: expected\n${expected}\ngiven\n${given}")
endif()
message(STATUS "printed as expected:\n${given}")
