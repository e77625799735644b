# SPDX-License-Identifier: MIT
#
# cmake -P tests/packaging/versions.cmake: fails unless whoever names the version names the one of version.hpp.
cmake_minimum_required(VERSION 3.25)
cmake_path(SET root NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../..")
include("${root}/cmake/version.cmake")

set(number "([0-9]+[.][0-9]+[.][0-9]+)")
# expect_version(file pattern): the first match of the pattern holds the version.
function(expect_version file pattern)
  file(READ "${root}/${file}" text)
  if(NOT "\n${text}" MATCHES "\n${pattern}${number}")
    message(FATAL_ERROR "${file}: expected to name version ${SHALLOW_VERSION}, given none")
  elseif(NOT CMAKE_MATCH_1 STREQUAL SHALLOW_VERSION)
    message(FATAL_ERROR "${file}: expected version ${SHALLOW_VERSION}, as in version.hpp, given ${CMAKE_MATCH_1}")
  endif()
endfunction()

expect_version(CHANGELOG.md "## ")
expect_version(CITATION.cff "version: ")
expect_version(packaging/vcpkg/vcpkg.json " *\"version\": \"")
expect_version(packaging/debian/changelog "shallow [(]")
message(STATUS "version ${SHALLOW_VERSION} everywhere")
