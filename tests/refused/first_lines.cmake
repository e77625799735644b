# SPDX-License-Identifier: MIT
#
# A mistake draws an error whose first ten lines hold the words that are to help; without the mistake the same program
# compiles, and nothing is said of it.
#
#     cmake -DCOMPILER=g++ -DSOURCE=messages.cpp -DINCLUDES="-I...;-I..." -DMISTAKE=10 "-DWORDS=..." -P first_lines.cmake

set(ENV{LC_ALL} C)
execute_process(
  COMMAND "${COMPILER}" -std=c++20 -fsyntax-only -DMISTAKE=${MISTAKE} ${INCLUDES} "${SOURCE}"
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output)
if(MISTAKE EQUAL 0)
  if(NOT result EQUAL 0 OR NOT output STREQUAL "")
    message(FATAL_ERROR "without a mistake: expected to compile, given\n${output}")
  endif()
  return()
endif()
if(result EQUAL 0)
  message(FATAL_ERROR "mistake ${MISTAKE}: expected an error, given none")
endif()
# Line by line; a list would break at every semicolon.
set(first "")
set(rest "${output}")
foreach(line RANGE 1 10)
  string(FIND "${rest}" "\n" end)
  if(end EQUAL -1)
    string(APPEND first "${rest}")
    break()
  endif()
  math(EXPR next "${end} + 1")
  string(SUBSTRING "${rest}" 0 ${next} this)
  string(SUBSTRING "${rest}" ${next} -1 rest)
  string(APPEND first "${this}")
endforeach()
string(FIND "${first}" "${WORDS}" found)
if(found EQUAL -1)
  message(FATAL_ERROR "mistake ${MISTAKE}: expected '${WORDS}' in the first ten lines, given\n${first}")
endif()
