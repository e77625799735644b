# SPDX-License-Identifier: MIT
#
# cmake -DPROGRAM=... [-DEXPECTED=...] [-DOUTPUT=...] -P same_output.cmake: runs the program (a list with its arguments);
# fails unless it prints the text of the file, if one is named. What it prints goes to OUTPUT, if that is named.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE given RESULT_VARIABLE status)
string(STRIP "${given}" given)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM}: exit status ${status}")
endif()
if(DEFINED OUTPUT)
  file(WRITE "${OUTPUT}" "${given}")
endif()
if(NOT DEFINED EXPECTED)
  return()
endif()
file(READ "${EXPECTED}" expected)
string(STRIP "${expected}" expected)
if(NOT given STREQUAL expected)
  message(FATAL_ERROR "${PROGRAM}: expected\n${expected}\ngiven\n${given}")
endif()
message(STATUS "printed as expected:\n${given}")
