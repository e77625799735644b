# SPDX-License-Identifier: MIT
#
# add_cases(program): every test case of a doctest program becomes a CTest entry, found out when the program is built.
# doctest's own module does not survive a name such as "uniform in [0, 1)": CMake takes the bracket for a list's.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(cases_script "${CMAKE_CURRENT_LIST_FILE}")

  function(add_cases program)
    set(cases "${CMAKE_CURRENT_BINARY_DIR}/${program}_cases.cmake")
    add_custom_command(
      TARGET ${program}
      POST_BUILD
      COMMAND "${CMAKE_COMMAND}" -DPROGRAM=$<TARGET_FILE:${program}> "-DCASES=${cases}" -P "${cases_script}"
      BYPRODUCTS "${cases}"
      VERBATIM)
    set(wrapper "${CMAKE_CURRENT_BINARY_DIR}/${program}_cases_if_built.cmake")
    file(WRITE "${wrapper}" "if(EXISTS [[${cases}]])\n  include([[${cases}]])\nelse()\n"
                            "  add_test(${program}_is_not_built ${program}_is_not_built)\nendif()\n")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${wrapper}")
  endfunction()
  return()
endif()

cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${PROGRAM}" --list-test-cases --no-intro --no-colors OUTPUT_VARIABLE names RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} --list-test-cases: exit status ${status}")
endif()
# "?" matches any character in doctest's filters; it stands for those that CMake or doctest would take for their own.
string(REGEX REPLACE "[][;,\"\\*?]" "?" filters "${names}")
string(REGEX REPLACE "[;\"\\]" " " names "${names}")
string(REPLACE "[" "(" names "${names}")
string(REPLACE "]" ")" names "${names}")
string(REPLACE "\n" ";" filters "${filters}")
string(REPLACE "\n" ";" names "${names}")

set(script "")
foreach(name filter IN ZIP_LISTS names filters)
  if(name STREQUAL "" OR name MATCHES "^(===|\\(doctest\\) )")
    continue()
  endif()
  string(APPEND script "add_test([==[${name}]==] [==[${PROGRAM}]==] [==[--test-case=${filter}]==] --no-intro)\n"
         # A filter that finds nothing would pass.
         "set_tests_properties([==[${name}]==] PROPERTIES FAIL_REGULAR_EXPRESSION [==[test cases: +0 ]==])\n")
endforeach()
file(WRITE "${CASES}" "${script}")
