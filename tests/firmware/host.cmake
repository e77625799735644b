# SPDX-License-Identifier: MIT
#
# cmake -DPROGRAM=... -DFOLDER=... -DCOMPILER=... -DOTHERS=... -DEXTRA=... -P host.cmake: has PROGRAM write networks as
# headers, compiles them as firmware with COMPILER (flags EXTRA), and only for warnings with the compilers OTHERS, and
# runs what compares their outputs with the library's.
cmake_minimum_required(VERSION 3.25)

include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../warnings.cmake")

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
run("${PROGRAM}" nets "${FOLDER}")

set(flags "-I${CMAKE_CURRENT_LIST_DIR}" -fno-exceptions -fno-rtti -Werror ${warnings})
file(GLOB sources "${FOLDER}/*.cpp")
run("${COMPILER}" -std=c++17 -O1 ${flags} ${EXTRA} ${sources} -o "${FOLDER}/host")
foreach(other IN LISTS OTHERS)
  foreach(standard 17 20)
    run("${other}" -std=c++${standard} -fsyntax-only ${flags} ${sources})
    message(STATUS "no warnings of ${other} in C++${standard}")
  endforeach()
endforeach()
run("${FOLDER}/host" "${FOLDER}/numbers.bin")
string(STRIP "${output}" output)
message(STATUS "${output}")
