# SPDX-License-Identifier: MIT
#
# cmake -DPAGE=... -DOTHER=... -DDIRECTORY=... -P same_programs.cmake: fails unless the programs on both pages, and what
# they print, are the same to the byte.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/readme.cmake")

file(REMOVE_RECURSE "${DIRECTORY}")
document_programs("${PAGE}" "${DIRECTORY}/page" cpp "int main" .cpp count OUTPUT)
document_programs("${OTHER}" "${DIRECTORY}/other" cpp "int main" .cpp other_count OUTPUT)
if(count EQUAL 0 OR NOT count EQUAL other_count)
  message(FATAL_ERROR "${OTHER}: expected the ${count} programs of ${PAGE}, given ${other_count}")
endif()
foreach(number RANGE 1 ${count})
  foreach(ending .cpp .txt)
    file(READ "${DIRECTORY}/page/cpp_${number}${ending}" expected)
    file(READ "${DIRECTORY}/other/cpp_${number}${ending}" given)
    if(NOT given STREQUAL expected)
      message(FATAL_ERROR "${OTHER}: program ${number}: expected, as on ${PAGE},\n${expected}\ngiven\n${given}")
    endif()
  endforeach()
endforeach()
message(STATUS "${count} programs, the same on both pages")
