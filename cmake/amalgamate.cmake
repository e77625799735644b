# SPDX-License-Identifier: MIT
#
#     cmake -DOUTPUT=shallow.hpp [-DFORWARD=folder] -P cmake/amalgamate.cmake
#
# Writes every header that needs Eigen alone into one file, in the order of headers.cmake, which is an order in which
# each finds above it what it needs. Includes that stand in no #if are gathered beneath compiler.hpp, each once; those in
# an #if stay where they are. The same headers give the same bytes.
#
# FORWARD gets a folder of headers of the usual names, each of which includes OUTPUT alone: a program that is written for
# the folder is compiled against the one file by putting that folder first.
cmake_minimum_required(VERSION 3.25)
if(NOT OUTPUT)
  message(FATAL_ERROR "amalgamate: OUTPUT: expected the name of a file, given none")
endif()
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH root)
cmake_path(ABSOLUTE_PATH OUTPUT BASE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}" NORMALIZE)
include("${root}/cmake/headers.cmake")
include("${root}/cmake/version.cmake")
set(headers ${SHALLOW_CORE_HEADERS} ${SHALLOW_IO_HEADERS})

file(READ "${root}/LICENSE" license)
string(STRIP "${license}" license)
string(REPLACE "\n" "\n// " license "// ${license}")
string(REPLACE "// \n" "//\n" license "${license}")

# Appends a header to `body`, and its includes to `includes`. The parts of the engine go in wherever they are included.
function(append_header header)
  file(READ "${root}/include/shallow/${header}" text)
  set(depth 0)
  set(raw_end "") # of the raw string that the line is in: what looks like an include there is text
  while(NOT text STREQUAL "")
    string(FIND "${text}" "\n" end)
    if(end EQUAL -1)
      message(FATAL_ERROR "amalgamate: ${header}: expected a newline at the end, given none")
    endif()
    string(SUBSTRING "${text}" 0 ${end} line)
    math(EXPR end "${end} + 1")
    string(SUBSTRING "${text}" ${end} -1 text)

    if(NOT raw_end STREQUAL "")
      string(FIND "${line}" "${raw_end}" found)
      if(NOT found EQUAL -1)
        set(raw_end "")
      endif()
      string(APPEND body "${line}\n")
      continue()
    endif()
    if("${line}" MATCHES "^#pragma once$|^// SPDX-License-Identifier:")
      continue()
    elseif("${line}" MATCHES "^[ \t]*#[ \t]*if")
      math(EXPR depth "${depth} + 1")
    elseif("${line}" MATCHES "^[ \t]*#[ \t]*endif")
      math(EXPR depth "${depth} - 1")
    elseif("${line}" MATCHES "^[ \t]*#[ \t]*include[ \t]*([<\"][^>\"]+[>\"])")
      set(name "${CMAKE_MATCH_1}")
      if("${name}" MATCHES "^\"shallow/(.*)\"$")
        if(CMAKE_MATCH_1 IN_LIST SHALLOW_ENGINE_PARTS)
          append_header("${CMAKE_MATCH_1}")
        elseif(depth GREATER 0 OR NOT CMAKE_MATCH_1 IN_LIST headers)
          message(FATAL_ERROR "amalgamate: ${header}: includes ${name}, which does not go into one file")
        endif()
        continue()
      elseif(depth EQUAL 0)
        list(APPEND includes "${name}")
        continue()
      endif()
    elseif("${line}" STREQUAL "" AND "${body}" MATCHES "\n\n$") # stood between includes
      continue()
    elseif("${line}" MATCHES "R\"([^(\"]*)[(](.*)$")
      set(raw_end ")${CMAKE_MATCH_1}\"")
      string(FIND "${CMAKE_MATCH_2}" "${raw_end}" found)
      if(NOT found EQUAL -1)
        set(raw_end "")
      endif()
    endif()
    string(APPEND body "${line}\n")
  endwhile()
  set(body "${body}" PARENT_SCOPE)
  set(includes "${includes}" PARENT_SCOPE)
endfunction()

set(includes "")
set(body "")
foreach(header IN LISTS headers)
  string(APPEND body "\n// ==== shallow/${header} ====\n")
  append_header("${header}")
  if(header STREQUAL "compiler.hpp")
    set(first "${body}")
    set(body "")
  endif()
endforeach()

list(REMOVE_DUPLICATES includes)
list(SORT includes CASE SENSITIVE) # capitals first: Eigen, then the standard library
list(TRANSFORM includes PREPEND "#include ")
list(JOIN includes "\n" includes)

file(WRITE "${OUTPUT}" "// SPDX-License-Identifier: MIT
//
// shallow ${SHALLOW_VERSION} in one file: small dense neural networks over Eigen matrices, header-only C++20.
// Generated from its headers by cmake/amalgamate.cmake: change those, not this.
//
${license}
#pragma once

#ifdef SHALLOW_VERSION_MAJOR
#error \"shallow: the one file and the folder of headers, or two of one file, meet in one program text\"
#endif
${first}
${includes}
${body}")

if(FORWARD)
  foreach(header IN LISTS headers SHALLOW_UMBRELLA_HEADER)
    file(CONFIGURE OUTPUT "${FORWARD}/shallow/${header}" CONTENT "#include \"${OUTPUT}\"\n" @ONLY)
  endforeach()
endif()
