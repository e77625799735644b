# SPDX-License-Identifier: MIT
#
# cmake -DPROGRAM=... -DFOLDER=... -DCOMPILERS=... -P names.cmake: every identifier that a program has after <cmath>, as
# each of the compilers has it, macros and all, is refused as the name of a written network or compiles as one, and may
# be called. In GNU mode, which has the most of them.
cmake_minimum_required(VERSION 3.25)

include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
file(WRITE "${FOLDER}/before.hpp" "#include <cmath>\n")

set(tried 0)
foreach(compiler IN LISTS COMPILERS)
  foreach(library "" -stdlib=libc++)
    set(command "${compiler}" -std=gnu++17 -x c++ ${library})
    # Of two standard libraries that a compiler may have, the one that is not there is left out.
    execute_process(COMMAND ${command} -fsyntax-only "${FOLDER}/before.hpp" RESULT_VARIABLE status OUTPUT_QUIET
                    ERROR_QUIET)
    if(NOT status EQUAL 0 AND library)
      continue()
    endif()
    run(${command} -E -P "${FOLDER}/before.hpp")
    set(text "${output}")
    run(${command} -dM -E "${FOLDER}/before.hpp")
    # Characters that would make a list of CMake's something else.
    string(REGEX REPLACE "[^A-Za-z0-9_]+" ";" words "${text} ${output}")
    list(REMOVE_DUPLICATES words)
    list(FILTER words INCLUDE REGEX "^[A-Za-z]")
    list(SORT words)
    # That they were found: a function, a macro and a type that every C library has.
    foreach(known exp NAN double_t)
      if(NOT known IN_LIST words)
        message(FATAL_ERROR "${command}: expected ${known} after <cmath>, given none")
      endif()
    endforeach()
    # A macro that is another name by now: beside that one it would be the same network twice.
    set(others "")
    string(REGEX MATCHALL "#define [A-Za-z][A-Za-z0-9_]* [A-Za-z_][A-Za-z0-9_]*\n" macros "${output}")
    foreach(macro IN LISTS macros)
      string(REGEX REPLACE "^#define ([A-Za-z0-9_]+) .*$" "\\1" macro "${macro}")
      list(REMOVE_ITEM words "${macro}")
      list(APPEND others "${macro}")
    endforeach()
    # All errors, and each once.
    if(compiler MATCHES "clang")
      set(all -ferror-limit=0)
    else()
      set(all -fmax-errors=0)
    endif()
    foreach(names words others)
      list(JOIN ${names} "\n" lines)
      file(WRITE "${FOLDER}/names.txt" "${lines}\n")
      run("${PROGRAM}" names "${FOLDER}")
      string(STRIP "${output}" counts)
      run(${command} -fsyntax-only ${all} "${FOLDER}/names.cpp")
      message(STATUS "${compiler} ${library}: ${counts}, all of which compile")
    endforeach()
    math(EXPR tried "${tried} + 1")
  endforeach()
endforeach()
if(tried EQUAL 0)
  message(FATAL_ERROR "expected at least one compiler, given none")
endif()
