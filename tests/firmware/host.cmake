# SPDX-License-Identifier: MIT
#
# cmake -DPROGRAM=... -DFOLDER=... -DCOMPILER=... -DOTHERS=... -DEXTRA=... -P host.cmake: has PROGRAM write networks as
# headers, compiles them as firmware with COMPILER (flags EXTRA), and only for warnings with the compilers OTHERS, and
# runs what compares their outputs with the library's.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${status}\n${output}")
  endif()
  string(STRIP "${output}" output)
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
run("${PROGRAM}" nets "${FOLDER}")

set(flags "-I${CMAKE_CURRENT_LIST_DIR}" -fno-exceptions -fno-rtti -Werror -Wall -Wextra -Wpedantic -Wconversion -Wshadow
          -Wdouble-promotion -Wold-style-cast)
file(GLOB sources "${FOLDER}/*.cpp")
run("${COMPILER}" -std=c++17 -O1 ${flags} ${EXTRA} ${sources} -o "${FOLDER}/host")
foreach(other IN LISTS OTHERS)
  foreach(standard 17 20)
    run("${other}" -std=c++${standard} -fsyntax-only ${flags} ${sources})
    message(STATUS "no warnings of ${other} in C++${standard}")
  endforeach()
endforeach()
run("${FOLDER}/host" "${FOLDER}/numbers.bin")
message(STATUS "${output}")
