# SPDX-License-Identifier: MIT
#
# cmake -P tests/include_order.cmake: fails unless
#   - cmake/headers.cmake lists every header and nothing else,
#   - a header includes only headers above it in that list,
#   - a header of the core includes nothing from outside but Eigen and the standard library,
#   - what needs Eigen alone compiles without exceptions and run-time types: error.hpp raises, nobody else throws,
#   - the umbrella brings the whole core and holds nothing but includes.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../cmake/headers.cmake")
cmake_path(SET include_dir NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../include/shallow")

set(complaints "")
macro(complain)
  string(APPEND complaints "\n  " ${ARGN})
endmacro()

file(GLOB_RECURSE found RELATIVE "${include_dir}" "${include_dir}/*")
foreach(header IN LISTS found)
  if(NOT header IN_LIST SHALLOW_HEADERS_IN_ORDER AND NOT header IN_LIST SHALLOW_ENGINE_PARTS)
    complain("${header}: not in cmake/headers.cmake")
  endif()
endforeach()

set(above "")
foreach(header IN LISTS SHALLOW_HEADERS_IN_ORDER)
  if(NOT header IN_LIST found)
    complain("${header}: in cmake/headers.cmake, but no such file")
    list(APPEND above "${header}")
    continue()
  endif()
  file(STRINGS "${include_dir}/${header}" includes REGEX "^[ \t]*#[ \t]*include")
  set(brought_by_${header} "${header}")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]*)[>\"].*$" "\\2" name "${line}")
    if("${header} ${name}" STREQUAL "engine/targets.hpp shallow/engine/engine.inl")
      continue() # once for each target
    elseif(name MATCHES "^shallow/(.*)$")
      if(NOT CMAKE_MATCH_1 IN_LIST above)
        complain("${header}: includes ${name}, which does not stand above it")
      endif()
      list(APPEND brought_by_${header} ${brought_by_${CMAKE_MATCH_1}})
    elseif(line MATCHES "\"")
      complain("${header}: includes \"${name}\"; own headers are spelled \"shallow/...\"")
    elseif(header IN_LIST SHALLOW_CORE_HEADERS AND NOT name MATCHES "^(Eigen/[A-Z][A-Za-z]*|[a-z_]+)$"
           AND NOT "${header} ${name}" MATCHES "^compiler.hpp (immintrin|arm_neon).h$") # of the compiler itself
      complain("${header}: includes <${name}>; the core needs Eigen and the standard library only")
    endif()
  endforeach()
  # The compiler sees a throw in a template only when somebody uses it.
  if(header IN_LIST SHALLOW_CORE_HEADERS OR header IN_LIST SHALLOW_IO_HEADERS)
    file(READ "${include_dir}/${header}" text)
    string(REGEX REPLACE "//[^\n]*" "" text "${text}")
    string(REGEX REPLACE "\"[a-z0-9_ ]*\"" "" text "${text}") # words as such
    if(NOT header STREQUAL "error.hpp" AND text MATCHES "[^a-z_](throw|try|catch|typeid|dynamic_cast)[^a-z_]")
      complain("${header}: ${CMAKE_MATCH_1}; errors are raised by detail::raise")
    endif()
  endif()
  list(APPEND above "${header}")
endforeach()

# What is included between the pragmas of a target must bring nothing from outside, which would be compiled for it.
set(included "")
foreach(part IN LISTS SHALLOW_ENGINE_PARTS)
  if(NOT part IN_LIST found)
    complain("${part}: in cmake/headers.cmake, but no such file")
    continue()
  endif()
  file(STRINGS "${include_dir}/${part}" includes REGEX "^[ \t]*#[ \t]*include")
  list(TRANSFORM includes REPLACE "^[ \t]*#[ \t]*include \"shallow/([^\"]*)\"$" "\\1")
  list(APPEND included ${includes})
endforeach()
list(APPEND included engine/engine.inl)
if(NOT included STREQUAL SHALLOW_ENGINE_PARTS)
  complain("engine/*.inl: expected to include each other in the order of cmake/headers.cmake and nothing else, given: "
           "${included}")
endif()

if(SHALLOW_UMBRELLA_HEADER IN_LIST found)
  file(READ "${include_dir}/${SHALLOW_UMBRELLA_HEADER}" umbrella)
  foreach(header IN LISTS SHALLOW_CORE_HEADERS)
    if(NOT header IN_LIST brought_by_${SHALLOW_UMBRELLA_HEADER})
      complain("${SHALLOW_UMBRELLA_HEADER}: does not bring shallow/${header}")
    endif()
  endforeach()
  string(REGEX REPLACE "\n(//[^\n]*|#pragma once|#include \"[^\n\"]*\")" "\n" rest "\n${umbrella}")
  string(STRIP "${rest}" rest)
  if(NOT rest STREQUAL "")
    complain("${SHALLOW_UMBRELLA_HEADER}: holds more than includes: ${rest}")
  endif()
endif()

if(NOT complaints STREQUAL "")
  message(FATAL_ERROR "include order:${complaints}")
endif()
list(LENGTH SHALLOW_HEADERS_IN_ORDER count)
message(STATUS "include order: ${count} headers, each includes only headers above it")
